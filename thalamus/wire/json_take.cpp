#include "thalamus/wire/json_take.h"

#include <algorithm>

#include "thalamus/base/text.h"

namespace thalamus::wire {

bool take_text(JsonCursor& cursor, std::string& out) {
  return cursor.peek() == JsonKind::kString ? cursor.read_string(out) : cursor.skip();
}

bool take_view(JsonCursor& cursor, std::string_view& out) {
  return cursor.peek() == JsonKind::kString ? cursor.read_view(out) : cursor.skip();
}

bool take_real(JsonCursor& cursor, double& out) {
  if (cursor.peek() != JsonKind::kNumber) return cursor.skip();
  std::string_view spelling;
  if (!cursor.read_number(spelling)) return false;
  out = base::parse_number<double>(spelling).value_or(out);
  return true;
}

bool take_count(JsonCursor& cursor, std::uint32_t& out) {
  double value = out;
  if (!take_real(cursor, value)) return false;
  out = static_cast<std::uint32_t>(std::clamp(value, 0.0, 4294967295.0));
  return true;
}

bool take_flag(JsonCursor& cursor, bool& out) {
  return cursor.peek() == JsonKind::kBool ? cursor.read_bool(out) : cursor.skip();
}

bool take_unix_time(JsonCursor& cursor, std::int64_t& out) {
  double seconds = 0;
  if (!take_real(cursor, seconds)) return false;
  out = static_cast<std::int64_t>(std::clamp(seconds, 0.0, 9e15));
  return true;
}

bool take_json(JsonCursor& cursor, std::string& out) {
  if (cursor.peek() == JsonKind::kString) return cursor.read_string(out);
  std::string_view raw;
  if (!cursor.skip(raw)) return false;
  out = std::string(raw);
  return true;
}

bool take_presence(JsonCursor& cursor, bool& present) {
  std::string_view raw;
  const JsonKind kind = cursor.peek();
  if (!cursor.skip(raw)) return false;
  if (kind == JsonKind::kString) {
    present = present || raw.size() > 2;
  } else if (kind == JsonKind::kArray || kind == JsonKind::kObject) {
    present = present || !base::trim(raw.substr(1, raw.size() - 2)).empty();
  }
  return true;
}

}  // namespace thalamus::wire
