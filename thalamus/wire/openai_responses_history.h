/// What a store of responses needs to know of their bodies, so that a request may name the response it goes on from.
/// Everything stays as it is spelt: items are cut out of one body and spliced into the next.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"

namespace thalamus::wire {

/// What a request says about the store.
struct StoreWish {
  std::string previous;     ///< `previous_response_id`; empty: none
  bool store = true;        ///< false where the request says so
  bool text_input = false;  ///< `input` is a text instead of items
};

/// What is no request of the protocol says nothing: its decoder tells why.
[[nodiscard]] StoreWish read_store_wish(std::string_view body);

/// The elements of the request's `input`, separated by commas; a text is a user's message.
[[nodiscard]] Result<std::string> input_items(std::string_view body);

/// The request with `items` before those of its own `input`, and without `previous_response_id`. It asks its provider
/// to store nothing, since the conversation is kept here, unless there is a thought in it that nobody but the
/// provider's own store can give back.
[[nodiscard]] Result<std::string> with_history(std::string_view body, std::string_view items);

/// What a response that is stored, or that went on from a stored one, tells its client.
struct Continuation {
  std::string previous;     ///< the id that the client named; empty: it named none
  bool stored = true;       ///< the client may go on from it in turn
  std::size_t history = 0;  ///< items of the stored conversation
  bool text_input = false;  ///< of the request, as in its StoreWish
};
/// The response object with these facts in it; what is none stays as it is.
[[nodiscard]] std::string continued(std::string_view response, const Continuation& facts);
/// The same for the data of a stream's event that holds a response object.
[[nodiscard]] std::string continued_event(std::string_view event_data, const Continuation& facts);
/// A place in the whole conversation, "input[7].content", as the request itself has it.
[[nodiscard]] std::string own_place(std::string_view place, const Continuation& facts);
/// The losses in a header, which are those of the whole conversation, at the places of the request's own input. What
/// was lost of the stored items has the place of their name, `previous_response_id`.
[[nodiscard]] std::string own_places(std::string_view losses, const Continuation& facts);
/// How many there are in `items`, which commas separate.
[[nodiscard]] std::size_t count_items(std::string_view items);

/// What a response adds to its conversation.
struct ResponseOutput {
  std::string id;
  std::string items;   ///< the elements of `output`, separated by commas
  bool whole = false;  ///< its status is "completed" or "incomplete": one can go on from it
};
[[nodiscard]] Result<ResponseOutput> output_items(std::string_view response);

/// The response object in the data of a stream's last event; empty for every other event.
[[nodiscard]] std::string final_response(std::string_view event_data);

}  // namespace thalamus::wire
