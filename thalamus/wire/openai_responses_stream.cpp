// core::Delta -> the events of a streamed response.
#include <algorithm>
#include <map>
#include <optional>

#include "thalamus/wire/call_order.h"
#include "thalamus/wire/object_scan.h"
#include "thalamus/wire/openai_responses_encode.h"
#include "thalamus/wire/openai_responses_error.h"
#include "thalamus/wire/openai_responses_format.h"
#include "thalamus/wire/openai_responses_items.h"

namespace thalamus::wire {
namespace {

using base::JsonWriter;
using Kind = OutputItem::Kind;

// At most one thought and one message are open, and only as the last item; a call stays open until the end, since
// nothing says when its arguments are whole. Clients keep items by their index and parts by theirs: both count up.
class EventWriter final : public StreamWriter {
 public:
  explicit EventWriter(StreamHead head)
      : echo_(head.request), head_{response_id(head.id), head.created_unix_s, std::move(head.model), echo_} {}

  void start(std::string& out) override {
    const ResponseEnd begun{.status = "in_progress"};
    lifecycle(out, "response.created", begun);
    lifecycle(out, "response.in_progress", begun);
  }

  void write(const core::Delta& delta, std::string& out) override {
    switch (delta.kind) {
      case core::DeltaKind::kText: return said(false, delta, out);
      case core::DeltaKind::kRefusal: return said(true, delta, out);
      case core::DeltaKind::kReasoning: return thought(delta, out);
      case core::DeltaKind::kReasoningSignature:
        if (!delta.text.empty()) seal(delta.id, sealed_signature(delta.text), true, out);
        return;
      case core::DeltaKind::kReasoningEncrypted: {
        // A whole thought of its own, unless it has the name of the one that is open.
        const bool same = thought_ && !delta.id.empty() && items_[*thought_].id == delta.id;
        if (!delta.text.empty()) seal(delta.id, delta.id.empty() ? sealed_foreign(delta.text) : delta.text, same, out);
        return;
      }
      case core::DeltaKind::kToolCall: return call(delta, out);
      case core::DeltaKind::kArguments: return arguments(delta, out);
    }
  }

  void end(const StreamEnd& tail, std::string& out) override {
    if (items_.empty()) open_part(false, out);
    ResponseEnd end = end_of(tail.finish, refused_);
    end.usage = &tail.usage;
    end.service_tier = tail.service_tier;
    if (end.status == "incomplete") mark_cut();
    close_thought(out);
    close_message(out);
    for (std::size_t i = 0; i < items_.size(); ++i)
      if (!items_[i].done) close_call(i, out);
    lifecycle(out, end.status == "incomplete" ? "response.incomplete" : "response.completed", end);
  }

  void fail(const base::Error& error, std::string& out) override {
    const OpenAiError shown = responses_error(error);
    append_error_event(out, shown, sequence_number_++);
    for (OutputItem& item : items_)
      if (!item.done) item.status = "incomplete";
    ResponseEnd end{.status = "failed"};
    end.error = &shown;
    lifecycle(out, "response.failed", end);
  }

 private:
  /// One event; `write_members` writes what it has besides type and number.
  template <class WriteMembers>
  void event(std::string& out, std::string_view type, WriteMembers write_members) {
    JsonWriter writer;
    writer.begin_object().field("type", type).field("sequence_number", sequence_number_++);
    write_members(writer);
    writer.end_object();
    append_sse_event(out, type, writer.text());
  }

  void lifecycle(std::string& out, std::string_view type, const ResponseEnd& end) {
    event(out, type, [&](JsonWriter& writer) {
      writer.key("response");
      write_response(writer, head_, items_, end);
    });
  }

  /// An event about the item `index`, which it names.
  template <class WriteMembers>
  void item_event(std::string& out, std::string_view type, std::size_t index, WriteMembers write_members) {
    event(out, type, [&](JsonWriter& writer) {
      writer.field("item_id", items_[index].id).field("output_index", std::uint64_t{index});
      write_members(writer);
    });
  }

  std::size_t open_item(Kind kind, const std::string& id) {
    std::string name = id;
    // Clients refuse a second item of the same name.
    for (std::size_t number = items_.size(); name.empty() || is_taken(name); ++number)
      name = item_id(head_.id, kind, number);
    OutputItem& item = items_.emplace_back();
    item.kind = kind;
    item.id = std::move(name);
    item.status = "in_progress";
    item.done = false;
    return last_ = items_.size() - 1;
  }

  bool is_taken(const std::string& id) const {
    return std::any_of(items_.begin(), items_.end(), [&](const OutputItem& item) { return item.id == id; });
  }

  void added(std::size_t index, std::string& out) {
    event(out, "response.output_item.added", [&](JsonWriter& writer) {
      writer.field("output_index", std::uint64_t{index}).key("item");
      write_item(writer, items_[index]);
    });
  }

  void done(std::size_t index, std::string& out) {
    OutputItem& item = items_[index];
    item.done = true;
    if (item.status == "in_progress") item.status = "completed";
    event(out, "response.output_item.done", [&](JsonWriter& writer) {
      writer.field("output_index", std::uint64_t{index}).key("item");
      write_item(writer, item);
    });
  }

  // Messages.

  void said(bool refusal, const core::Delta& delta, std::string& out) {
    if (delta.text.empty() && !delta.logprob) return;
    open_part(refusal, out);
    last_ = *message_;
    refused_ = refused_ || refusal;
    OutputPart& part = items_[*message_].parts.back();
    part.text += delta.text;
    std::span<const core::TokenLogprob> logprobs;
    if (delta.logprob) {
      part.logprobs.push_back(*delta.logprob);
      logprobs = std::span(part.logprobs).last(1);
    }
    part_event(out, refusal ? "response.refusal.delta" : "response.output_text.delta", [&](JsonWriter& writer) {
      writer.field("delta", delta.text);
      if (!refusal) write_logprobs(writer, logprobs);
    });
  }

  /// Afterwards the last part of the open message is of this kind.
  void open_part(bool refusal, std::string& out) {
    close_thought(out);
    if (!message_) {
      message_ = open_item(Kind::kMessage, {});
      added(*message_, out);
    }
    std::vector<OutputPart>& parts = items_[*message_].parts;
    if (!parts.empty() && parts.back().refusal == refusal) return;
    if (!parts.empty()) close_part(out);
    parts.push_back({refusal, {}, {}});
    part_event(out, "response.content_part.added", [&](JsonWriter& writer) {
      writer.key("part");
      write_part(writer, parts.back());
    });
  }

  /// An event about the last part of the open message.
  template <class WriteMembers>
  void part_event(std::string& out, std::string_view type, WriteMembers write_members) {
    item_event(out, type, *message_, [&](JsonWriter& writer) {
      writer.field("content_index", std::uint64_t{items_[*message_].parts.size() - 1});
      write_members(writer);
    });
  }

  void close_part(std::string& out) {
    const OutputPart& part = items_[*message_].parts.back();
    part_event(out, part.refusal ? "response.refusal.done" : "response.output_text.done", [&](JsonWriter& writer) {
      writer.field(part.refusal ? "refusal" : "text", part.text);
      if (!part.refusal) write_logprobs(writer, part.logprobs);
    });
    part_event(out, "response.content_part.done", [&](JsonWriter& writer) {
      writer.key("part");
      write_part(writer, part);
    });
  }

  void close_message(std::string& out) {
    if (!message_) return;
    close_part(out);
    done(*message_, out);
    message_.reset();
  }

  // Thoughts: a text is shown as a summary, which is what clients look for.

  void thought(const core::Delta& delta, std::string& out) {
    if (delta.text.empty()) return;
    if (thought_ && !delta.id.empty() && items_[*thought_].id != delta.id) close_thought(out);
    if (!thought_) {
      close_message(out);
      open_thought(delta.id, out);
    }
    std::string& summary = items_[*thought_].summary;
    if (summary.empty())
      summary_event(out, "response.reasoning_summary_part.added", [&](JsonWriter& writer) {
        writer.key("part");
        write_summary_part(writer, {});
      });
    summary += delta.text;
    summary_event(out, "response.reasoning_summary_text.delta",
                  [&](JsonWriter& writer) { writer.field("delta", delta.text); });
  }

  void open_thought(const std::string& id, std::string& out) {
    thought_ = open_item(Kind::kReasoning, id);
    added(*thought_, out);
  }

  template <class WriteMembers>
  void summary_event(std::string& out, std::string_view type, WriteMembers write_members) {
    item_event(out, type, *thought_, [&](JsonWriter& writer) {
      writer.field("summary_index", 0);
      write_members(writer);
    });
  }

  /// Ends the open thought with its proof, or gives one that has nothing else.
  void seal(const std::string& id, std::string proof, bool of_open, std::string& out) {
    if (!of_open) close_thought(out);
    if (!thought_) {
      close_message(out);
      open_thought(id, out);
    }
    items_[*thought_].encrypted = std::move(proof);
    close_thought(out);
  }

  void close_thought(std::string& out) {
    if (!thought_) return;
    const std::string& summary = items_[*thought_].summary;
    if (!summary.empty()) {
      summary_event(out, "response.reasoning_summary_text.done",
                    [&](JsonWriter& writer) { writer.field("text", summary); });
      summary_event(out, "response.reasoning_summary_part.done", [&](JsonWriter& writer) {
        writer.key("part");
        write_summary_part(writer, summary);
      });
    }
    done(*thought_, out);
    thought_.reset();
  }

  // Calls.

  void call(const core::Delta& delta, std::string& out) {
    close_thought(out);
    close_message(out);
    std::string id = call_id(delta.id, head_.id, items_);
    const std::size_t index = open_item(Kind::kCall, {});
    items_[index].call.id = std::move(id);
    items_[index].call.name = delta.name;
    calls_[delta.index] = index;
    added(index, out);
  }

  void arguments(const core::Delta& delta, std::string& out) {
    const auto call = calls_.find(delta.index);
    if (delta.text.empty() || call == calls_.end()) return;
    last_ = call->second;
    items_[last_].call.arguments += delta.text;
    item_event(out, "response.function_call_arguments.delta", last_,
               [&](JsonWriter& writer) { writer.field("delta", delta.text); });
  }

  // What was written last is what was cut, and every call whose arguments are not whole.
  void mark_cut() {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      OutputItem& item = items_[i];
      if (item.done) continue;
      ObjectScan scan;
      if (item.kind == Kind::kCall) scan.feed(item.call.arguments);
      if (item.kind == Kind::kCall ? !scan.complete() : i == last_) item.status = "incomplete";
    }
  }

  void close_call(std::size_t index, std::string& out) {
    item_event(out, "response.function_call_arguments.done", index, [&](JsonWriter& writer) {
      writer.field("name", items_[index].call.name).field("arguments", items_[index].call.arguments);
    });
    done(index, out);
  }

  ResponseEcho echo_;
  ResponseHead head_;
  std::uint64_t sequence_number_ = 0;
  std::vector<OutputItem> items_;
  bool refused_ = false;
  std::size_t last_ = 0;                        // the item written to last
  std::optional<std::size_t> message_;          // the one that is open
  std::optional<std::size_t> thought_;          // likewise
  std::map<std::uint32_t, std::size_t> calls_;  // the item of each call
};

}  // namespace

std::unique_ptr<StreamWriter> OpenAiResponses::write_stream(StreamHead head) const {
  return in_call_order(std::make_unique<EventWriter>(std::move(head)));
}

}  // namespace thalamus::wire
