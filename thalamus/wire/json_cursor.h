/// A strict pull reader over one JSON text (RFC 8259). It works on the bytes where they lie, so that each value's place
/// in the text is known: decoding, error messages with byte offsets and splicing share one grammar and cannot disagree
/// about what a body says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"

namespace thalamus::wire {

inline constexpr std::size_t kJsonDepthMax = 512;  ///< hard bound of nesting, whatever a caller allows

enum class JsonKind : std::uint8_t { kObject, kArray, kString, kNumber, kBool, kNull, kBad };

/// Reads forward only. After the first problem every call says false and `error()` tells; no call throws or reads
/// outside the text, which must outlive the cursor. Numbers keep their spelling; lone surrogates decode to U+FFFD.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text, std::size_t depth_max = kJsonDepthMax) noexcept
      : begin_(text.data()),
        at_(begin_),
        end_(begin_ + text.size()),
        depth_max_(depth_max < kJsonDepthMax ? depth_max : kJsonDepthMax) {}

  /// What the next value is, by its first byte.
  [[nodiscard]] JsonKind peek() noexcept;

  // Containers: `if (!enter_object()) ...; while (next_member(key)) read or skip the value; if (failed()) ...`.
  [[nodiscard]] bool enter_object() noexcept;
  /// False at the closing brace, which is consumed. `key` is decoded and lives until the next call.
  [[nodiscard]] bool next_member(std::string_view& key);
  [[nodiscard]] bool enter_array() noexcept;
  [[nodiscard]] bool next_element() noexcept;

  // Values. A value of another kind is a problem.
  [[nodiscard]] bool read_string(std::string& out);
  /// The same without a copy where there are no escapes; `out` lives until the next call of this function.
  [[nodiscard]] bool read_view(std::string_view& out);
  /// The number as it is spelt.
  [[nodiscard]] bool read_number(std::string_view& spelling) noexcept;
  [[nodiscard]] bool read_bool(bool& flag) noexcept;
  [[nodiscard]] bool read_null() noexcept { return read_word("null"); }
  /// Checks and passes one whole value.
  [[nodiscard]] bool skip();
  /// The same, and its bytes without the white space around.
  [[nodiscard]] bool skip(std::string_view& raw);
  /// Nothing but white space is left.
  [[nodiscard]] bool finish() noexcept;

  /// Byte offset of the next token (after white space has been passed by `peek`) or of the problem.
  [[nodiscard]] std::size_t offset() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  /// Offset of the opening quote of the key that `next_member` gave last.
  [[nodiscard]] std::size_t key_offset() const noexcept { return key_offset_; }
  /// Offset of the comma before that key; nothing before a first member.
  [[nodiscard]] std::optional<std::size_t> comma_offset() const noexcept { return comma_offset_; }

  [[nodiscard]] bool failed() const noexcept { return problem_ != nullptr; }
  /// kInvalidInput "not valid JSON at byte 17: ...", or kTooLarge for the nesting.
  [[nodiscard]] Error error() const;

 private:
  bool problem(const char* what) noexcept;
  void skip_space() noexcept;
  [[nodiscard]] bool read_word(std::string_view word) noexcept;
  [[nodiscard]] bool enter(char bracket, const char* expected) noexcept;
  /// Passes a string; `content` is what lies between the quotes, `escaped` whether it holds a backslash.
  [[nodiscard]] bool pass_string(std::string_view& content, bool& escaped) noexcept;
  [[nodiscard]] bool pass_escape() noexcept;
  [[nodiscard]] bool pass_unicode_escape() noexcept;
  [[nodiscard]] bool pass_characters() noexcept;
  [[nodiscard]] bool pass_digits() noexcept;
  [[nodiscard]] bool pass_key(std::string_view& content, bool& escaped) noexcept;

  const char* begin_;
  const char* at_;
  const char* end_;
  const char* problem_ = nullptr;
  std::size_t depth_ = 0;
  std::size_t depth_max_;
  std::size_t key_offset_ = 0;
  std::optional<std::size_t> comma_offset_;
  std::string key_;     ///< decoded key, where it has escapes
  std::string value_;   ///< decoded string of read_view, likewise
  bool fresh_ = false;  ///< right after an opening bracket
  bool too_deep_ = false;
};

/// The text a JSON string stands for. `content` lies between the quotes and has passed the cursor.
void append_unescaped(std::string& out, std::string_view content);

}  // namespace thalamus::wire
