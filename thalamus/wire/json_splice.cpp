#include "thalamus/wire/json_splice.h"

#include <algorithm>

#include "thalamus/base/assert.h"

namespace thalamus::wire {

Result<std::string> object_members(std::string_view json) {
  JsonCursor cursor(json);
  if (cursor.peek() != JsonKind::kObject || !cursor.enter_object())
    return fail(ErrorKind::kInvalidInput, "it is not a JSON object");
  const std::size_t begin = cursor.offset();
  std::size_t end = begin;
  std::string_view key;
  while (cursor.next_member(key)) {
    for (const std::string_view own : {"model", "stream", "messages", "input"})
      if (key == own) return fail(ErrorKind::kInvalidInput, "'{}' is written by the gateway", own);
    if (!cursor.skip()) break;
    end = cursor.offset();
  }
  if (cursor.failed() || !cursor.finish()) return std::unexpected(cursor.error());
  return std::string(json.substr(begin, end - begin));
}

void add_members(std::string& object, std::string_view members) {
  if (members.empty()) return;
  const auto close = object.find_last_of('}');
  if (close == std::string::npos) return;
  const auto before = object.find_last_not_of(" \t\r\n", close == 0 ? 0 : close - 1);
  const bool empty = before != std::string::npos && object[before] == '{';
  object.insert(close, (empty ? "" : ",") + std::string(members));
}

std::string splice(std::string_view text, std::span<SpliceEdit> edits) {
  // An insertion goes before a removal that begins at the same byte.
  std::sort(edits.begin(), edits.end(),
            [](const auto& a, const auto& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  std::size_t size = text.size();
  for (const SpliceEdit& edit : edits) size += edit.text.size();
  std::string out;
  out.reserve(size);
  std::size_t at = 0;
  for (const SpliceEdit& edit : edits) {
    THALAMUS_ASSERT(at <= edit.begin && edit.begin <= edit.end && edit.end <= text.size());
    out.append(text.substr(at, edit.begin - at)).append(edit.text);
    at = edit.end;
  }
  out.append(text.substr(at));
  return out;
}

SpliceEdit MemberRemoval::edit() const {
  THALAMUS_ASSERT(edit_.has_value());
  if (comma_after_) return {edit_->begin, *comma_after_ + 1, {}};
  return {comma_before_.value_or(edit_->begin), edit_->end, {}};
}

}  // namespace thalamus::wire
