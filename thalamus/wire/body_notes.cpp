#include "thalamus/wire/body_notes.h"

#include <algorithm>
#include <array>

#include "thalamus/base/text.h"

namespace thalamus::wire {
namespace {

constexpr std::size_t kUnreadMax = 1024;  // within arrays, and as many elsewhere
constexpr std::size_t kUnreadBytesMax = 1024;
constexpr std::string_view kRequest = "request.";
constexpr std::string_view kMessages = "messages";

/// Members whose value says what happens anyway; without white space.
struct Idle {
  std::string_view key;
  std::string_view value;
};
constexpr std::array kIdle = std::to_array<Idle>({
    {"allowed_callers", R"(["direct"])"},
    {"caller", R"({"type":"direct"})"},
    {"citations", R"({"enabled":false})"},
    {"defer_loading", "false"},
    {"eager_input_streaming", "false"},
});

/// What a value asks for can be seen from its first bytes: an idle one is short.
bool asks_nothing(std::string_view key, std::string_view value) {
  constexpr std::size_t kIdleBytesMax = 64;
  if (value.size() > kIdleBytesMax) return false;
  std::string dense(value);
  std::erase_if(dense, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
  if (dense == "null" || dense == "[]" || dense == "{}" || dense == "\"\"") return true;
  return std::any_of(kIdle.begin(), kIdle.end(), [&](const Idle& row) { return row.key == key && row.value == dense; });
}

/// The number between the brackets at the front of `path`, which are taken off; nothing where there are none.
std::optional<std::size_t> take_index(std::string_view& path) {
  const auto end = path.find(']');
  if (!path.starts_with('[') || end == std::string_view::npos) return std::nullopt;
  const auto index = base::parse_number<std::size_t>(path.substr(1, end - 1));
  path.remove_prefix(end + 1);
  return index;
}

}  // namespace

void BodyPlaces::field(std::string_view field, std::string path) { fields_.emplace_back(field, std::move(path)); }

std::string BodyPlaces::path_of(std::string_view request_path) const {
  if (request_path.starts_with(kRequest)) request_path.remove_prefix(kRequest.size());
  if (request_path.starts_with(kMessages)) return message_path(request_path.substr(kMessages.size()));
  // An element of a field is spelt by its own note, or below that of the whole.
  std::string_view name = request_path;
  for (;;) {
    const auto note =
        std::find_if(fields_.rbegin(), fields_.rend(), [&](const auto& row) { return row.first == name; });
    if (note != fields_.rend()) return note->second + std::string(request_path.substr(name.size()));
    const auto end = name.find_last_of(".[");
    if (end == std::string_view::npos) return std::string(request_path);
    name = name.substr(0, end);
  }
}

std::string BodyPlaces::message_path(std::string_view rest) const {
  const auto index = take_index(rest);
  if (!index || *index >= messages_.size()) return std::string(kMessages);
  const MessagePlaces& places = messages_[*index];
  if (rest == ".failed" && !places.failed.empty()) return places.failed;
  constexpr std::string_view kArguments = ".arguments";
  if (!rest.starts_with(kArguments)) return places.message;
  rest.remove_prefix(kArguments.size());
  const auto call = take_index(rest);
  return call && *call < places.arguments.size() ? places.arguments[*call] : places.message;
}

void BodyPlaces::name(Losses& losses) const {
  for (Loss& loss : losses)
    if (loss.path.starts_with(kRequest)) loss.path = path_of(loss.path);
}

void BodyNotes::unread(std::string path) {
  if (path.empty()) path = "\"\"";  // a member whose name is empty
  if (path.size() > kUnreadBytesMax) path.resize(kUnreadBytesMax);
  const bool in_array = path.find('[') != std::string::npos;
  const std::size_t count = in_array ? in_arrays_ : unread_.size() - in_arrays_;
  if (count >= kUnreadMax) {
    if (!more_) unread_.emplace_back(kMoreUnread);
    more_ = true;
    return;
  }
  if (std::find(unread_.begin(), unread_.end(), path) != unread_.end()) return;
  in_arrays_ += in_array ? 1 : 0;
  unread_.push_back(std::move(path));
}

Status BodyNotes::skip_unread(JsonCursor& cursor, const Place& place, std::string_view key) {
  const std::string name(key);  // the cursor's own text, which it may use again
  std::string_view value;
  if (!cursor.skip(value)) return malformed(cursor, place);
  if (!asks_nothing(name, value)) unread(Place(place, name));
  return {};
}

void BodyNotes::forget(std::size_t mark) {
  while (unread_.size() > mark) {
    if (unread_.back() == kMoreUnread) more_ = false;
    if (unread_.back().find('[') != std::string::npos) --in_arrays_;
    unread_.pop_back();
  }
}

void BodyNotes::unread(const Place& at) { unread(path_of(at)); }

void BodyNotes::unread_whole(std::size_t mark, const Place& at) {
  forget(mark);
  unread(at);
}

void BodyNotes::field(std::string_view field, const Place& at) {
  if (places_ != nullptr) places_->field(field, wire::path_of(at));
}

std::string path_of(const Place& at) {
  std::string path = at.text();
  constexpr std::string_view kBody = "body.";
  return path.starts_with(kBody) ? path.substr(kBody.size()) : path;
}

}  // namespace thalamus::wire
