/// The members of a request's body, read by a table: the loop that the decoders of all protocols share. Internal to
/// this folder.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "thalamus/wire/body_edits.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {

/// A member that a decoder reads, and how.
template <class Decoder>
struct BodyMember {
  std::string_view name;
  Status (Decoder::*read)(const Place&);
};

/// Reads the object at the cursor to the end of the text. A member of the table may be given once (two readers of one
/// body could each take another of two equal keys) and counts as absent where it is null; `unknown(key)` passes every
/// other member's value.
template <class Decoder, std::size_t kCount, class Unknown>
[[nodiscard]] Status read_body(JsonCursor& cursor, const Place& root, Decoder& decoder,
                               const std::array<BodyMember<Decoder>, kCount>& members, Unknown&& unknown) {
  if (cursor.peek() != JsonKind::kObject) return mistyped(cursor, root, "a JSON object");
  CHECK_OK(enter_object(cursor, root));
  std::array<bool, kCount> seen{};
  std::string_view key;
  while (cursor.next_member(key)) {
    const auto row = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.name == key; });
    if (row == members.end()) {
      CHECK_OK(unknown(key));
      continue;
    }
    const Place place(root, row->name);
    CHECK_OK(once(seen[static_cast<std::size_t>(row - members.begin())], place));
    if (!pass_null(cursor)) CHECK_OK((decoder.*row->read)(place));
  }
  CHECK_OK(left(cursor, root));
  if (!cursor.finish()) return malformed(cursor, root);
  return {};
}

}  // namespace thalamus::wire
