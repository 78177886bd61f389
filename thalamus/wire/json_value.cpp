#include "thalamus/wire/json_value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "thalamus/base/text.h"
#include "thalamus/wire/utf8.h"

namespace thalamus::wire {
namespace {

constexpr std::size_t kQuotedBytesMax = 40;
constexpr std::size_t kHintBytesMax = 64;

std::string cut(std::string_view text) {
  if (text.size() <= kQuotedBytesMax) return std::string(text);
  return std::string(cut_utf8(text, kQuotedBytesMax)) + "...";
}

/// The value at the cursor in a few words.
std::string described(JsonKind kind, std::string_view raw) {
  if (kind == JsonKind::kObject) return "an object";
  if (kind == JsonKind::kArray) return "an array";
  if (kind != JsonKind::kString) return cut(raw);
  std::string text;
  append_unescaped(text, raw.substr(1, raw.size() - 2));
  return quoted(text);
}

}  // namespace

std::string Place::text() const {
  if (parent_ == nullptr) return std::string(name_);
  std::string out = parent_->text();
  if (index_ != kNoIndex) return out + fmt::format("[{}]", index_);
  out.push_back('.');
  return out.append(name_);
}

std::string Place::root() const {
  const Place* link = this;
  while (link->parent_ != nullptr) link = link->parent_;
  return std::string(link->name_);
}

std::string hint(std::string_view name, std::span<const std::string> candidates) {
  return name.size() > kHintBytesMax ? std::string() : base::did_you_mean(name, candidates);
}

std::string quoted(std::string_view text) { return '"' + cut(text) + '"'; }

std::unexpected<Error> malformed(const JsonCursor& cursor, const Place& place) {
  Error error = cursor.error();
  error.where = place.root();
  return std::unexpected(std::move(error));
}

std::unexpected<Error> mistyped(JsonCursor& cursor, const Place& place, std::string_view expected) {
  const JsonKind kind = cursor.peek();
  std::string_view raw;
  if (!cursor.skip(raw)) return malformed(cursor, place);
  return fail_at(place.text(), ErrorKind::kInvalidInput, "expected {}, got {}", expected, described(kind, raw));
}

std::unexpected<Error> not_among(const Place& place, std::string_view value, std::span<const std::string_view> names) {
  const std::vector<std::string> candidates(names.begin(), names.end());
  return fail_at(place.text(), ErrorKind::kInvalidInput, "expected {}{}; got {}{}", names.size() > 1 ? "one of " : "",
                 fmt::join(names, ", "), quoted(value), hint(value, candidates));
}

std::unexpected<Error> missing_or_not_among(const Place& place, const std::optional<std::string>& value,
                                            std::span<const std::string_view> names) {
  if (value) return not_among(place, *value, names);
  return fail_at(place.text(), ErrorKind::kInvalidInput, "missing; expected {}{}", names.size() > 1 ? "one of " : "",
                 fmt::join(names, ", "));
}

bool pass_null(JsonCursor& cursor) noexcept { return cursor.peek() == JsonKind::kNull && cursor.read_null(); }

Status enter_object(JsonCursor& cursor, const Place& place) {
  if (cursor.peek() != JsonKind::kObject) return mistyped(cursor, place, "an object");
  if (!cursor.enter_object()) return malformed(cursor, place);
  return {};
}

Status enter_array(JsonCursor& cursor, const Place& place) {
  if (cursor.peek() != JsonKind::kArray) return mistyped(cursor, place, "an array");
  if (!cursor.enter_array()) return malformed(cursor, place);
  return {};
}

Status left(const JsonCursor& cursor, const Place& place) {
  if (cursor.failed()) return malformed(cursor, place);
  return {};
}

Status skip_value(JsonCursor& cursor, const Place& place) {
  if (!cursor.skip()) return malformed(cursor, place);
  return {};
}

Status read_text(JsonCursor& cursor, const Place& place, std::string& out) {
  if (cursor.peek() != JsonKind::kString) return mistyped(cursor, place, "a string");
  if (!cursor.read_string(out)) return malformed(cursor, place);
  return {};
}

Status read_text_view(JsonCursor& cursor, const Place& place, std::string_view& out) {
  if (cursor.peek() != JsonKind::kString) return mistyped(cursor, place, "a string");
  if (!cursor.read_view(out)) return malformed(cursor, place);
  return {};
}

Status read_flag(JsonCursor& cursor, const Place& place, bool& out) {
  if (cursor.peek() != JsonKind::kBool) return mistyped(cursor, place, "true or false");
  if (!cursor.read_bool(out)) return malformed(cursor, place);
  return {};
}

Status read_real(JsonCursor& cursor, const Place& place, const NumberRange& range, double& out) {
  if (cursor.peek() != JsonKind::kNumber) return mistyped(cursor, place, range.expected);
  std::string_view spelling;
  if (!cursor.read_number(spelling)) return malformed(cursor, place);
  const auto value = base::parse_number<double>(spelling);
  if (!value || !range.holds(*value))
    return fail_at(place.text(), ErrorKind::kInvalidInput, "expected {}, got {}", range.expected, cut(spelling));
  out = *value;
  return {};
}

Status read_count(JsonCursor& cursor, const Place& place, std::uint32_t low, std::uint32_t& out, std::uint32_t high) {
  const auto expected = [low, high] { return fmt::format("a whole number from {} to {}", low, high); };
  if (cursor.peek() != JsonKind::kNumber) return mistyped(cursor, place, expected());
  std::string_view spelling;
  if (!cursor.read_number(spelling)) return malformed(cursor, place);
  const auto value = base::parse_number<std::uint32_t>(spelling);
  if (!value || *value < low || *value > high)
    return fail_at(place.text(), ErrorKind::kInvalidInput, "expected {}, got {}", expected(), cut(spelling));
  out = *value;
  return {};
}

}  // namespace thalamus::wire
