/// What a store of responses needs to know of their bodies, so that a request may name the response it goes on from.
/// Everything stays as it is spelt: items are cut out of one body and spliced into the next.
#pragma once

#include <string>
#include <string_view>

#include "thalamus/base/result.h"

namespace thalamus::wire {

/// What a request says about the store.
struct StoreWish {
  std::string previous;  ///< `previous_response_id`; empty: none
  bool store = true;     ///< false where the request says so
};

/// What is no request of the protocol says nothing: its decoder tells why.
[[nodiscard]] StoreWish read_store_wish(std::string_view body);

/// The elements of the request's `input`, separated by commas; a text is a user's message.
[[nodiscard]] Result<std::string> input_items(std::string_view body);

/// The request with `items` before those of its own `input`, and without `previous_response_id`.
[[nodiscard]] Result<std::string> with_history(std::string_view body, std::string_view items);

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
