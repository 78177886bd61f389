/// Typed values of a JSON text, with errors that name the place, the value and what was expected.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"
#include "thalamus/wire/json_cursor.h"

namespace thalamus::wire {

/// Where a value is: a chain of links on the stack, written out only when an error needs it. Each link outlives the
/// links that name it as their parent, and the names are literals or outlive the link.
class Place {
 public:
  explicit Place(std::string_view root) noexcept : name_(root) {}
  Place(const Place& parent, std::string_view member) noexcept : parent_(&parent), name_(member) {}
  Place(const Place& parent, std::size_t index) noexcept : parent_(&parent), index_(index) {}

  /// "body.messages[2].role".
  [[nodiscard]] std::string text() const;
  /// The name of the first link: what a malformed text is called.
  [[nodiscard]] std::string root() const;

 private:
  static constexpr std::size_t kNoIndex = std::numeric_limits<std::size_t>::max();
  const Place* parent_ = nullptr;
  std::string_view name_;
  std::size_t index_ = kNoIndex;
};

/// The cursor's own problem, at the root of `place`.
[[nodiscard]] std::unexpected<Error> malformed(const JsonCursor& cursor, const Place& place);
/// "expected a string, got 12" for the value at the cursor; the cursor's own problem where that is no value.
[[nodiscard]] std::unexpected<Error> mistyped(JsonCursor& cursor, const Place& place, std::string_view expected);
/// "expected one of a, b; got "c", did you mean 'b'?".
[[nodiscard]] std::unexpected<Error> not_among(const Place& place, std::string_view value,
                                               std::span<const std::string_view> names);
/// The same for a member that may be missing: "missing; expected one of a, b".
[[nodiscard]] std::unexpected<Error> missing_or_not_among(const Place& place, const std::optional<std::string>& value,
                                                          std::span<const std::string_view> names);
/// ", did you mean 'x'?" or ""; nothing for a name too long to be a slip (comparing it would cost the caller's time).
[[nodiscard]] std::string hint(std::string_view name, std::span<const std::string> candidates);
/// A text for a message: in quotes, cut to 40 bytes between two characters.
[[nodiscard]] std::string quoted(std::string_view text);

/// True where the member is null, which counts as absent; the null is passed.
[[nodiscard]] bool pass_null(JsonCursor& cursor) noexcept;

[[nodiscard]] Status enter_object(JsonCursor& cursor, const Place& place);
[[nodiscard]] Status enter_array(JsonCursor& cursor, const Place& place);
/// What a loop over `next_member` or `next_element` ended with.
[[nodiscard]] Status left(const JsonCursor& cursor, const Place& place);
[[nodiscard]] Status skip_value(JsonCursor& cursor, const Place& place);

[[nodiscard]] Status read_text(JsonCursor& cursor, const Place& place, std::string& out);
[[nodiscard]] Status read_text_view(JsonCursor& cursor, const Place& place, std::string_view& out);
[[nodiscard]] Status read_flag(JsonCursor& cursor, const Place& place, bool& out);

/// Bounds of a number and their words: {0, 2, "a number from 0 to 2"}.
struct NumberRange {
  double low;
  double high;
  std::string_view expected;
  bool low_excluded = false;

  /// False for a NaN too.
  [[nodiscard]] bool holds(double value) const noexcept {
    return value <= high && (low_excluded ? value > low : value >= low);
  }
};
[[nodiscard]] Status read_real(JsonCursor& cursor, const Place& place, const NumberRange& range, double& out);
/// A whole number in [low, high], spelt with digits only.
[[nodiscard]] Status read_count(JsonCursor& cursor, const Place& place, std::uint32_t low, std::uint32_t& out,
                                std::uint32_t high = std::numeric_limits<std::uint32_t>::max());

}  // namespace thalamus::wire
