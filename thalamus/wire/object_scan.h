/// The end of a JSON object that arrives in pieces. Internal to this folder.
#pragma once

#include <cstddef>
#include <string_view>

namespace thalamus::wire {

/// Follows the arguments of a call to the end of their object.
class ObjectScan {
 public:
  /// How many of the bytes belong to the object, white space before it included.
  std::size_t feed(std::string_view bytes) noexcept {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (complete()) return i;
      step(bytes[i]);
    }
    return bytes.size();
  }
  [[nodiscard]] bool begun() const noexcept { return begun_; }
  /// It begins with something else than a brace.
  [[nodiscard]] bool is_text() const noexcept { return is_text_; }
  [[nodiscard]] bool complete() const noexcept { return begun_ && !is_text_ && depth_ == 0; }

 private:
  void step(char c) noexcept {
    if (is_text_) return;
    if (!begun_) {
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') return;
      begun_ = true;
      is_text_ = c != '{';
      depth_ = 1;
    } else if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      --depth_;
    }
  }

  std::size_t depth_ = 0;
  bool begun_ = false;
  bool is_text_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace thalamus::wire
