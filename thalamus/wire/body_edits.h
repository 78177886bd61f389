/// What forwarding does to a client's body in every protocol: the upstream's model in, our own field `thalamus` out,
/// all other bytes as they were.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/wire/json_splice.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {

/// Fails where `seen` is set already: two readers of one body could each take another of two equal keys.
[[nodiscard]] Status once(bool& seen, const Place& place);

/// The members that one object may have once.
class MembersOnce {
 public:
  /// Fails where `key` is one of `names` (at most 32, always the same) and has been seen.
  [[nodiscard]] Status check(const Place& at, std::string_view key, std::span<const std::string_view> names);

 private:
  unsigned seen_ = 0;
};

/// Collects the common edits while somebody passes the members of a body.
class BodyEdits {
 public:
  explicit BodyEdits(JsonCursor& cursor) noexcept : cursor_(cursor) {}

  /// Right after each `next_member` of the body. True where the member is one of ours; its value is then passed.
  [[nodiscard]] Result<bool> take(std::string_view key);
  /// Once the body is passed: appends the edits. kInvalidInput where it names no model.
  [[nodiscard]] Status finish(std::string_view model, std::vector<SpliceEdit>& edits);

 private:
  JsonCursor& cursor_;
  Place root_{"body"};
  SpliceEdit model_;
  MemberRemoval removal_;
  bool has_model_ = false;
  bool has_contract_ = false;
};

/// A body with no more than the common edits.
[[nodiscard]] Result<std::string> forward_body(std::string_view body, std::string_view model);

}  // namespace thalamus::wire
