#include "thalamus/wire/body_notes.h"

#include <algorithm>

#include "thalamus/base/text.h"

namespace thalamus::wire {
namespace {

constexpr std::size_t kUnreadMax = 32;
constexpr std::size_t kUnreadBytesMax = 128;
constexpr std::string_view kRequest = "request.";
constexpr std::string_view kMessages = "messages";

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
  if (path.size() > kUnreadBytesMax) path.resize(kUnreadBytesMax);
  if (unread_.size() < kUnreadMax && std::find(unread_.begin(), unread_.end(), path) == unread_.end())
    unread_.push_back(std::move(path));
}

void BodyNotes::unread(const Place& at) { unread(path_of(at)); }

void BodyNotes::field(std::string_view field, const Place& at) {
  if (places_ != nullptr) places_->field(field, wire::path_of(at));
}

std::string path_of(const Place& at) {
  std::string path = at.text();
  constexpr std::string_view kBody = "body.";
  return path.starts_with(kBody) ? path.substr(kBody.size()) : path;
}

}  // namespace thalamus::wire
