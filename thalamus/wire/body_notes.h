/// What the decoders of all protocols note on their way through a client's body, beside the request that they make of
/// it: what they pass, and, where somebody asks, how the body spells the request's fields. Internal to this folder.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "thalamus/core/request.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {

/// Where a message of the request lies in the body, as paths: "messages[2]", "input[4]", "system".
struct MessagePlaces {
  std::string message;
  std::string failed;                  ///< what marks a tool's result as failed; empty: nothing
  std::vector<std::string> arguments;  ///< of each call
};

/// How a body spells the fields of the request that it decodes to.
class BodyPlaces {
 public:
  /// `field` of core::Request is spelt `path`. The later of two counts.
  void field(std::string_view field, std::string path);
  std::vector<MessagePlaces>& messages() noexcept { return messages_; }

  /// "request.messages[2].failed" -> "messages[1].content[0].is_error". A field without a note has its own name.
  [[nodiscard]] std::string path_of(std::string_view request_path) const;
  /// Every loss that names a field of the request gets the body's words.
  void name(Losses& losses) const;

 private:
  [[nodiscard]] std::string message_path(std::string_view rest) const;

  std::vector<MessagePlaces> messages_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// The path that stands for members beyond what is noted one by one.
inline constexpr std::string_view kMoreUnread = "...";

/// One decoder's notes.
class BodyNotes {
 public:
  /// `places`, where not null, gets how the body spells the fields; it costs time and is asked for after a loss only.
  BodyNotes(core::Request& request, BodyPlaces* places) noexcept : unread_(request.unread), places_(places) {}

  /// No field of the request holds what lies here. Each path once; of very many a last one, kMoreUnread, stands for
  /// the rest. Paths within arrays never take the place of others.
  void unread(std::string path);
  void unread(const Place& at);
  /// Passes the value of the member `key` of `place`, which no field holds, and notes it where it asks for something:
  /// null, what is empty, and a value that says what happens anyway do not.
  [[nodiscard]] Status skip_unread(JsonCursor& cursor, const Place& place, std::string_view key);
  /// How much is noted by now, and back to it: what lies in a thing that is lost as a whole is not told by itself.
  [[nodiscard]] std::size_t mark() const noexcept { return unread_.size(); }
  void forget(std::size_t mark);
  /// What was noted since `mark` gives way to the thing at `at` that holds it.
  void unread_whole(std::size_t mark, const Place& at);
  void field(std::string_view field, const Place& at);
  /// Null where nobody asks.
  [[nodiscard]] BodyPlaces* places() noexcept { return places_; }

 private:
  std::vector<std::string>& unread_;
  std::size_t in_arrays_ = 0;  ///< of the paths, those within arrays
  bool more_ = false;          ///< kMoreUnread is among them
  BodyPlaces* places_;
};

/// The path of a place in a client's body: without the "body." at its front.
[[nodiscard]] std::string path_of(const Place& at);

}  // namespace thalamus::wire
