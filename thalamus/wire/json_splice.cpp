#include "thalamus/wire/json_splice.h"

#include <algorithm>

#include "thalamus/base/assert.h"

namespace thalamus::wire {

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
