// The client's bytes as they go to an upstream: the edits of `ForwardEdits`, everything else untouched.
#include "thalamus/wire/body_edits.h"
#include "thalamus/wire/openai_chat_format.h"

namespace thalamus::wire {
namespace {

class Forwarder {
 public:
  Forwarder(std::string_view body, const ForwardEdits& edits) noexcept : body_(body), wanted_(edits), cursor_(body) {}

  Result<std::string> forward() {
    if (cursor_.peek() != JsonKind::kObject) return mistyped(cursor_, root_, "a JSON object");
    CHECK_OK(enter_object(cursor_, root_));
    after_brace_ = cursor_.offset();
    std::string_view key;
    while (cursor_.next_member(key)) CHECK_OK(member(key));
    CHECK_OK(left(cursor_, root_));
    if (!cursor_.finish()) return malformed(cursor_, root_);
    return spliced();
  }

 private:
  struct Seen {
    bool stream = false;
    bool stream_options = false;
    bool include_usage = false;
  };

  Status member(std::string_view key) {
    TRY(const bool common, common_.take(key));
    if (common) return {};
    if (key == "stream") {
      CHECK_OK(once(seen_.stream, Place(root_, "stream")));
      if (cursor_.peek() == JsonKind::kBool) return read_flag(cursor_, root_, stream_);
    }
    if (key == "stream_options") {
      CHECK_OK(once(seen_.stream_options, Place(root_, "stream_options")));
      return stream_options(Place(root_, "stream_options"));
    }
    return skip_value(cursor_, root_);
  }

  // Passes the value at the cursor and notes where it lies.
  Status value(SpliceEdit& edit) {
    std::string_view raw;
    if (!cursor_.skip(raw)) return malformed(cursor_, root_);
    edit.end = cursor_.offset();
    edit.begin = edit.end - raw.size();
    return {};
  }

  // Leaves in `usage_` the edit that makes include_usage true; with an empty text where it is true already.
  Status stream_options(const Place& place) {
    if (cursor_.peek() == JsonKind::kNull) {
      usage_.text = R"({"include_usage":true})";
      return value(usage_);
    }
    CHECK_OK(enter_object(cursor_, place));
    usage_.begin = usage_.end = cursor_.offset();
    bool empty = true;
    bool have = false;
    std::string_view key;
    while (cursor_.next_member(key)) {
      empty = false;
      if (key != "include_usage") {
        CHECK_OK(skip_value(cursor_, place));
        continue;
      }
      CHECK_OK(once(seen_.include_usage, Place(place, "include_usage")));
      have = cursor_.peek() == JsonKind::kBool && body_.substr(cursor_.offset()).starts_with('t');
      usage_.text = have ? "" : "true";
      CHECK_OK(value(usage_));
    }
    if (!seen_.include_usage) usage_.text = empty ? R"("include_usage":true)" : R"("include_usage":true,)";
    return left(cursor_, place);
  }

  Result<std::string> spliced() {
    std::vector<SpliceEdit> edits;
    CHECK_OK(common_.finish(wanted_.model, edits));
    if (wanted_.force_include_usage && stream_) {
      // The model stays, so an inserted member is always followed by another one.
      if (!seen_.stream_options) usage_ = {after_brace_, after_brace_, R"("stream_options":{"include_usage":true},)"};
      if (!usage_.text.empty()) edits.push_back(std::move(usage_));
    }
    return splice(body_, edits);
  }

  std::string_view body_;
  const ForwardEdits& wanted_;
  JsonCursor cursor_;
  Place root_{"body"};
  std::size_t after_brace_ = 0;
  Seen seen_;
  bool stream_ = false;
  SpliceEdit usage_;
  BodyEdits common_{cursor_};
};

}  // namespace

Result<std::string> OpenAiChat::forward(std::string_view body, const ForwardEdits& edits) const {
  return Forwarder(body, edits).forward();
}

}  // namespace thalamus::wire
