/// A tolerant walk over JSON text that somebody else has validated or will refuse: it reads names, strings and raw
/// values, never fails on bad text (it stops), and never recurses.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace thalamus::feature {

/// Position of the first byte that is not JSON white space.
[[nodiscard]] std::size_t json_skip_space(std::string_view text, std::size_t position) noexcept;
/// Position after the value that starts at `position`; text.size() where the text ends first.
[[nodiscard]] std::size_t json_value_end(std::string_view text, std::size_t position) noexcept;
/// Appends the decoded content of a JSON string given with its quotes; anything else appends nothing.
void json_append_string(std::string_view quoted, std::string& out);

/// Calls `visit(raw_value)` for each element until it returns false. Not an array: no calls.
template <class Visit>
void json_for_each_element(std::string_view array, Visit&& visit) {
  std::size_t position = json_skip_space(array, 0);
  if (position >= array.size() || array[position] != '[') return;
  ++position;
  while (true) {
    position = json_skip_space(array, position);
    if (position >= array.size() || array[position] == ']') return;
    const std::size_t end = json_value_end(array, position);
    if (end <= position || !visit(array.substr(position, end - position))) return;
    position = json_skip_space(array, end);
    if (position >= array.size() || array[position] != ',') return;
    ++position;
  }
}

/// Calls `visit(raw_key_without_quotes, raw_value)` for each member until it returns false. Not an object: no calls.
template <class Visit>
void json_for_each_member(std::string_view object, Visit&& visit) {
  std::size_t position = json_skip_space(object, 0);
  if (position >= object.size() || object[position] != '{') return;
  ++position;
  while (true) {
    position = json_skip_space(object, position);
    if (position >= object.size() || object[position] != '"') return;
    const std::size_t key_end = json_value_end(object, position);
    if (key_end < position + 2) return;
    const std::string_view key = object.substr(position + 1, key_end - position - 2);
    position = json_skip_space(object, key_end);
    if (position >= object.size() || object[position] != ':') return;
    position = json_skip_space(object, position + 1);
    const std::size_t end = json_value_end(object, position);
    if (end <= position || !visit(key, object.substr(position, end - position))) return;
    position = json_skip_space(object, end);
    if (position >= object.size() || object[position] != ',') return;
    ++position;
  }
}

}  // namespace thalamus::feature
