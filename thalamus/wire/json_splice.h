/// Small edits of a JSON text in its own bytes: everything that is not edited stays as it was, byte for byte.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"
#include "thalamus/wire/json_cursor.h"

namespace thalamus::wire {

/// The bytes [begin, end) become `text`; an insertion where begin == end.
struct SpliceEdit {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string text;
};

/// The text with the edits made. They must not overlap; their order does not matter (the span is sorted).
[[nodiscard]] std::string splice(std::string_view text, std::span<SpliceEdit> edits);

/// The members of a JSON object as they lie between its braces, white space around them left out. kInvalidInput on
/// anything else, and on the members that the gateway itself writes: model, stream, messages, input.
[[nodiscard]] Result<std::string> object_members(std::string_view json);
/// The object with `members` added before its closing brace.
void add_members(std::string& object, std::string_view members);

/// Collects what is needed to take one member out of an object, together with the one comma that then is too many.
/// Call `member` after every `next_member` of that object, `mark` once the value of the unwanted one is passed.
class MemberRemoval {
 public:
  void member(const JsonCursor& cursor) noexcept {
    if (edit_ && !comma_after_) comma_after_ = cursor.comma_offset();
  }
  void mark(std::size_t key_offset, std::optional<std::size_t> comma_before, std::size_t value_end) noexcept {
    edit_ = {key_offset, value_end};
    comma_before_ = comma_before;
    comma_after_.reset();
  }
  [[nodiscard]] bool marked() const noexcept { return edit_.has_value(); }
  /// The edit; only where `marked()`.
  [[nodiscard]] SpliceEdit edit() const;

 private:
  struct Span {
    std::size_t begin;
    std::size_t end;
  };
  std::optional<Span> edit_;
  std::optional<std::size_t> comma_before_;
  std::optional<std::size_t> comma_after_;
};

}  // namespace thalamus::wire
