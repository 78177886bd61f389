#include "thalamus/wire/usage.h"

#include "thalamus/wire/json_cursor.h"

namespace thalamus::wire {

std::string strip_usage(std::string_view data) {
  JsonCursor cursor(data);
  if (!cursor.enter_object()) return std::string(data);
  std::string out(data.substr(0, cursor.offset()));
  std::size_t passed = cursor.offset();  // end of the last member, kept or not
  bool first = true;                     // no member is kept yet
  std::string_view key;
  while (cursor.next_member(key)) {
    const bool kept = key != "usage";
    // Each kept member brings the comma before it, but for the first.
    const std::size_t begin = first && passed != out.size() ? cursor.key_offset() : passed;
    if (!cursor.skip()) return std::string(data);
    passed = cursor.offset();
    if (!kept) continue;
    out.append(data.substr(begin, passed - begin));
    first = false;
  }
  if (!cursor.finish()) return std::string(data);
  return out.append(data.substr(passed));
}

}  // namespace thalamus::wire
