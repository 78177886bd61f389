#include "thalamus/wire/body_edits.h"

#include <algorithm>

#include "thalamus/base/json_writer.h"

namespace thalamus::wire {

Status once(bool& seen, const Place& place) {
  if (seen) return fail_at(place.text(), ErrorKind::kInvalidInput, "given twice; give it once");
  seen = true;
  return {};
}

Status MembersOnce::check(const Place& at, std::string_view key, std::span<const std::string_view> names) {
  const auto row = std::find(names.begin(), names.end(), key);
  if (row == names.end()) return {};
  const unsigned bit = 1U << static_cast<unsigned>(row - names.begin());
  if ((seen_ & bit) != 0) return fail_at(Place(at, *row).text(), ErrorKind::kInvalidInput, "given twice; give it once");
  seen_ |= bit;
  return {};
}

Result<bool> BodyEdits::take(std::string_view key) {
  removal_.member(cursor_);
  if (key == "model") {
    CHECK_OK(once(has_model_, Place(root_, "model")));
    std::string_view raw;
    if (!cursor_.skip(raw)) return malformed(cursor_, root_);
    model_.end = cursor_.offset();
    model_.begin = model_.end - raw.size();
    return true;
  }
  if (key != "thalamus") return false;
  CHECK_OK(once(has_contract_, Place(root_, "thalamus")));
  const std::size_t key_offset = cursor_.key_offset();
  const auto comma = cursor_.comma_offset();
  CHECK_OK(skip_value(cursor_, root_));
  removal_.mark(key_offset, comma, cursor_.offset());
  return true;
}

Status BodyEdits::finish(std::string_view model, std::vector<SpliceEdit>& edits) {
  if (!has_model_) return fail_at("body.model", ErrorKind::kInvalidInput, "missing; name a route or a target");
  base::append_json_string(model_.text, model);
  edits.push_back(std::move(model_));
  if (removal_.marked()) edits.push_back(removal_.edit());
  return {};
}

Result<std::string> forward_body(std::string_view body, std::string_view model) {
  JsonCursor cursor(body);
  const Place root("body");
  if (cursor.peek() != JsonKind::kObject) return mistyped(cursor, root, "a JSON object");
  CHECK_OK(enter_object(cursor, root));
  BodyEdits common(cursor);
  std::string_view key;
  while (cursor.next_member(key)) {
    TRY(const bool taken, common.take(key));
    if (!taken) CHECK_OK(skip_value(cursor, root));
  }
  CHECK_OK(left(cursor, root));
  if (!cursor.finish()) return malformed(cursor, root);
  std::vector<SpliceEdit> edits;
  CHECK_OK(common.finish(model, edits));
  return splice(body, edits);
}

}  // namespace thalamus::wire
