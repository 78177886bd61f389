/// A JSON object that arrives in pieces: where it ends, and where it stops being JSON. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace thalamus::wire {

/// Follows the arguments of a call to the end of their object.
class ObjectScan {
 public:
  /// How many of the bytes belong to the object, white space before it included: up to its end, or up to the first one
  /// that no JSON has there. Of a text that is no object, all.
  std::size_t feed(std::string_view bytes);
  [[nodiscard]] bool begun() const noexcept { return state_ != State::kStart; }
  /// It begins with something else than a brace.
  [[nodiscard]] bool is_text() const noexcept { return state_ == State::kText; }
  [[nodiscard]] bool complete() const noexcept { return state_ == State::kEnd; }
  /// A byte came that no JSON has there; nothing belongs to the object any more.
  [[nodiscard]] bool broken() const noexcept { return broken_; }
  /// What makes a whole object of the bytes that belong to it: the end of what is open, and before the last brace a
  /// member `name` with the string `value`.
  [[nodiscard]] std::string ending(std::string_view name, std::string_view value) const;

 private:
  /// What the next byte goes on with, or what may follow.
  enum class State : std::uint8_t {
    kStart,
    kText,
    kFirstKey,
    kKey,
    kColon,
    kFirstElement,
    kValue,
    kMore,  ///< a comma or the end
    kString,
    kEscape,
    kHex,
    kMinus,
    kZero,
    kWhole,
    kPoint,
    kFraction,
    kExponent,
    kExponentSign,
    kPower,
    kLiteral,
    kEnd,
  };

  [[nodiscard]] bool step(char c);
  [[nodiscard]] bool begin_value(char c);
  [[nodiscard]] bool begin_string(bool is_key) noexcept;
  [[nodiscard]] bool string(char c) noexcept;
  [[nodiscard]] bool number(char c);
  [[nodiscard]] bool more(char c) noexcept;
  [[nodiscard]] bool open(char bracket);
  [[nodiscard]] bool close(char bracket) noexcept;
  [[nodiscard]] bool go(State next) noexcept;

  State state_ = State::kStart;
  bool broken_ = false;
  bool is_key_ = false;         // the string that is open
  std::uint8_t hex_left_ = 0;   // digits of \uXXXX
  std::string_view literal_{};  // the rest of it
  std::string open_;            // brackets
};

}  // namespace thalamus::wire
