/// Lenient reading of what upstreams say: each call passes one value and takes it if it is of the right kind. False
/// only where the JSON is malformed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "thalamus/wire/json_cursor.h"

namespace thalamus::wire {

[[nodiscard]] bool take_text(JsonCursor& cursor, std::string& out);
/// `out` lives until the cursor's next read_view.
[[nodiscard]] bool take_view(JsonCursor& cursor, std::string_view& out);
[[nodiscard]] bool take_flag(JsonCursor& cursor, bool& out);
[[nodiscard]] bool take_real(JsonCursor& cursor, double& out);
/// Counts that are spelt as reals or pass 32 bits are clamped.
[[nodiscard]] bool take_count(JsonCursor& cursor, std::uint32_t& out);
/// Seconds since 1970.
[[nodiscard]] bool take_unix_time(JsonCursor& cursor, std::int64_t& out);
/// The text of any value as it stands; of a string the string itself.
[[nodiscard]] bool take_json(JsonCursor& cursor, std::string& out);
/// Passes a value that is content if it is there at all: a string, array or object with something in it.
[[nodiscard]] bool take_presence(JsonCursor& cursor, bool& present);

/// Runs `member(key)` over an object; passes any other value.
template <class Member>
[[nodiscard]] bool each_member(JsonCursor& cursor, Member member) {
  if (cursor.peek() != JsonKind::kObject) return cursor.skip();
  if (!cursor.enter_object()) return false;
  std::string_view key;
  while (cursor.next_member(key))
    if (!member(key)) return false;
  return !cursor.failed();
}

/// Runs `element(index)` over an array; passes any other value.
template <class Element>
[[nodiscard]] bool each_element(JsonCursor& cursor, Element element) {
  if (cursor.peek() != JsonKind::kArray) return cursor.skip();
  if (!cursor.enter_array()) return false;
  for (std::size_t i = 0; cursor.next_element(); ++i)
    if (!element(i)) return false;
  return !cursor.failed();
}

}  // namespace thalamus::wire
