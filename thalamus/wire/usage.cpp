#include "thalamus/wire/usage.h"

#include <span>

#include "thalamus/wire/json_splice.h"

namespace thalamus::wire {
namespace {

constexpr int kDuplicatesMax = 4;

/// Takes the last one out; false where there is none or the text is no JSON object.
bool strip_one(std::string& text) {
  JsonCursor cursor(text);
  MemberRemoval removal;
  std::string_view key;
  if (!cursor.enter_object()) return false;
  while (cursor.next_member(key)) {
    removal.member(cursor);
    const bool unwanted = key == "usage";
    const std::size_t key_offset = cursor.key_offset();
    const auto comma = cursor.comma_offset();
    if (!cursor.skip()) return false;
    if (unwanted) removal.mark(key_offset, comma, cursor.offset());
  }
  if (!cursor.finish() || !removal.marked()) return false;
  SpliceEdit edit = removal.edit();
  text = splice(text, {&edit, 1});
  return true;
}

}  // namespace

std::string strip_usage(std::string_view data) {
  std::string text(data);
  for (int i = 0; i < kDuplicatesMax && strip_one(text); ++i) continue;
  return text;
}

}  // namespace thalamus::wire
