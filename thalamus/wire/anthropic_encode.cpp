// core::Answer -> a message; core::Delta -> the named events of a stream.
#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "thalamus/base/json_writer.h"
#include "thalamus/wire/anthropic_format.h"
#include "thalamus/wire/anthropic_message.h"
#include "thalamus/wire/object_scan.h"
#include "thalamus/wire/sse.h"

namespace thalamus::wire {
namespace {

using base::JsonWriter;

std::string with_prefix(const std::string& id) {
  constexpr std::string_view kPrefix = "msg_";
  return id.starts_with(kPrefix) ? id : std::string(kPrefix) + id;
}

/// What an answer without a counterpart ended with is told from its parts. A broken answer is one that is not whole.
std::string_view stop_reason(core::Finish finish, bool called, bool refused, bool has_stop_sequence) noexcept {
  if (refused || finish == core::Finish::kContentFilter) return "refusal";
  if (finish == core::Finish::kLength || finish == core::Finish::kError || finish == core::Finish::kCancelled)
    return "max_tokens";
  if (called) return "tool_use";
  return has_stop_sequence ? "stop_sequence" : "end_turn";
}

void write_stop(JsonWriter& writer, std::string_view reason, const std::string& stop_sequence) {
  writer.field("stop_reason", reason).key("stop_sequence");
  if (reason == "stop_sequence") {
    writer.value(stop_sequence);
  } else {
    writer.null();
  }
}

void write_usage(JsonWriter& writer, const core::Usage& usage, std::string_view openai_tier = {}) {
  const core::DisjointUsage parts = core::disjoint(usage);
  writer.key("usage").begin_object().field("input_tokens", parts.input);
  writer.field("cache_creation_input_tokens", parts.cache_write).field("cache_read_input_tokens", parts.cache_read);
  writer.field("output_tokens", parts.output);
  if (usage.reasoning > 0)
    writer.key("output_tokens_details").begin_object().field("thinking_tokens", usage.reasoning).end_object();
  if (openai_tier == "default") writer.field("service_tier", "standard");
  if (openai_tier == "priority") writer.field("service_tier", openai_tier);
  writer.end_object();
}

/// Clients match results to calls by identifier, so that every call needs one.
std::string call_id(const std::string& id, std::string_view message_id, std::uint64_t index) {
  return id.empty() ? fmt::format("toolu_{}_{}", message_id.substr(message_id.find('_') + 1), index) : id;
}

void write_thought(JsonWriter& writer, const core::Part& part) {
  static const core::PartDetail kNone;
  const core::PartDetail& detail = part.detail != nullptr ? *part.detail : kNone;
  writer.begin_object();
  if (!detail.encrypted.empty() && detail.id.empty() && part.text.empty()) {
    writer.field("type", "redacted_thinking").field("data", detail.encrypted);
  } else {
    writer.field("type", "thinking").field("thinking", part.text);
    writer.field("signature",
                 detail.encrypted.empty() ? detail.signature : foreign_signature(detail.id, detail.encrypted));
  }
  writer.end_object();
}

void write_text(JsonWriter& writer, const std::string& text) {
  if (!text.empty()) writer.begin_object().field("type", "text").field("text", text).end_object();
}

enum class BlockKind : std::uint8_t { kText, kThinking, kRedacted, kTool };

struct Block {
  BlockKind kind = BlockKind::kText;
  std::uint32_t call = 0;
  std::string id = {};
  std::string name = {};
  std::string pending = {};    // not written yet; of a redacted thought all of it
  std::string arguments = {};  // of a call, as they came
  std::string signature = {};  // ends a thought
  ObjectScan scan = {};
};

/// The events of one stream, whose arguments clients parse as they come: whatever a model says is JSON here. Blocks
/// must not overlap, so only the first of the queue is open; what belongs to the later ones waits until it is closed.
/// Text and thoughts close when another block begins, a call when its arguments are a whole object or the stream ends.
class EventWriter final : public StreamWriter {
 public:
  explicit EventWriter(StreamHead head) : head_(std::move(head)) { head_.id = with_prefix(head_.id); }

  void start(std::string& out) override {
    JsonWriter writer = event("message_start");
    writer.key("message").begin_object().field("id", head_.id).field("type", "message").field("role", "assistant");
    writer.field("model", head_.model).key("content").begin_array().end_array();
    writer.key("stop_reason").null().key("stop_sequence").null();
    write_usage(writer, {.input = head_.input_tokens});
    writer.end_object();
    append(writer, "message_start", out);
  }

  void write(const core::Delta& delta, std::string& out) override {
    switch (delta.kind) {
      case core::DeltaKind::kText: add_piece(BlockKind::kText, delta.text); break;
      case core::DeltaKind::kRefusal:
        refused_ = true;
        add_piece(BlockKind::kText, delta.text);
        break;
      case core::DeltaKind::kReasoning: add_piece(BlockKind::kThinking, delta.text); break;
      case core::DeltaKind::kReasoningSignature: sign(delta.text); break;
      case core::DeltaKind::kReasoningEncrypted:
        if (delta.id.empty()) {
          add_block(BlockKind::kRedacted).pending = delta.text;
        } else {
          sign(foreign_signature(delta.id, delta.text));
        }
        break;
      case core::DeltaKind::kToolCall: begin_call(delta); break;
      case core::DeltaKind::kArguments: add_arguments(delta); break;
    }
    pump(out, false);
  }

  void end(const StreamEnd& tail, std::string& out) override {
    pump(out, true);
    JsonWriter writer = event("message_delta");
    writer.key("delta").begin_object();
    write_stop(writer, stop_reason(tail.finish, calls_ > 0, refused_, false), {});
    writer.end_object();
    if (tail.usage.known) {
      write_usage(writer, tail.usage);
    } else {
      writer.key("usage").begin_object().field("output_tokens", 0).end_object();
    }
    append(writer, "message_delta", out);
    append(event("message_stop"), "message_stop", out);
  }

  void fail(const base::Error& error, std::string& out) override {
    out += find_format("anthropic")->encode_stream_error(error);
  }

 private:
  static JsonWriter event(std::string_view type) {
    JsonWriter writer;
    writer.begin_object().field("type", type);
    return writer;
  }

  static void append(JsonWriter writer, std::string_view name, std::string& out) {
    writer.end_object();
    append_sse_event(out, name, writer.text());
  }

  Block& add_block(BlockKind kind) {
    Block& block = queue_.emplace_back();
    block.kind = kind;
    return block;
  }

  void add_piece(BlockKind kind, const std::string& text) {
    if (text.empty()) return;
    const bool goes_on = !queue_.empty() && queue_.back().kind == kind && queue_.back().signature.empty();
    (goes_on ? queue_.back() : add_block(kind)).pending += text;
  }

  void sign(std::string signature) {
    if (signature.empty()) return;
    const bool goes_on =
        !queue_.empty() && queue_.back().kind == BlockKind::kThinking && queue_.back().signature.empty();
    (goes_on ? queue_.back() : add_block(BlockKind::kThinking)).signature = std::move(signature);
  }

  void begin_call(const core::Delta& delta) {
    Block& block = add_block(BlockKind::kTool);
    block.call = delta.index;
    block.id = call_id(delta.id, head_.id, calls_);
    block.name = delta.name;
    ++calls_;
  }

  // What comes for a call that is closed is behind the end of its object.
  void add_arguments(const core::Delta& delta) {
    const auto found = std::find_if(queue_.rbegin(), queue_.rend(), [&](const Block& block) {
      return block.kind == BlockKind::kTool && block.call == delta.index;
    });
    if (found == queue_.rend() || found->scan.complete()) return;
    found->arguments += delta.text;
    found->pending += delta.text.substr(0, found->scan.feed(delta.text));
  }

  static bool is_closable(const Block& block, bool is_last, bool at_end) noexcept {
    if (at_end || block.kind == BlockKind::kRedacted || !block.signature.empty()) return true;
    return block.kind == BlockKind::kTool ? block.scan.complete() : !is_last;
  }

  void pump(std::string& out, bool at_end) {
    while (!queue_.empty()) {
      Block& front = queue_.front();
      if (!open_) begin_block(front, out);
      open_ = true;
      const bool closes = is_closable(front, queue_.size() == 1, at_end);
      write_pending(front, closes, out);
      if (!closes) return;
      JsonWriter writer = event("content_block_stop");
      writer.field("index", index_++);
      append(writer, "content_block_stop", out);
      open_ = false;
      queue_.pop_front();
    }
  }

  void begin_block(Block& block, std::string& out) const {
    JsonWriter writer = event("content_block_start");
    writer.field("index", index_).key("content_block").begin_object();
    switch (block.kind) {
      case BlockKind::kText: writer.field("type", "text").field("text", ""); break;
      case BlockKind::kThinking: writer.field("type", "thinking").field("thinking", "").field("signature", ""); break;
      case BlockKind::kRedacted:
        writer.field("type", "redacted_thinking").field("data", block.pending);
        block.pending.clear();
        break;
      case BlockKind::kTool:
        writer.field("type", "tool_use").field("id", block.id).field("name", block.name);
        writer.key("input").begin_object().end_object();
        break;
    }
    writer.end_object();
    append(writer, "content_block_start", out);
  }

  void write_pending(Block& block, bool closes, std::string& out) const {
    if (block.kind == BlockKind::kTool) {
      // Text that is no object can be wrapped into one only when it is whole.
      if (!block.scan.begun() || (block.scan.is_text() && !closes)) return;
      bool wrapped = false;
      if (block.scan.is_text()) block.pending = tool_input(block.pending, wrapped);
      // What has left cannot be taken back: it becomes an object with all that was said in it.
      if (block.scan.broken() && closes) block.pending += block.scan.ending(kWrappedInput, block.arguments);
      write_delta("input_json_delta", "partial_json", block.pending, out);
    } else {
      const bool text = block.kind == BlockKind::kText;
      write_delta(text ? "text_delta" : "thinking_delta", text ? "text" : "thinking", block.pending, out);
    }
    block.pending.clear();
    if (closes) write_delta("signature_delta", "signature", block.signature, out);
  }

  void write_delta(std::string_view type, std::string_view member, std::string_view text, std::string& out) const {
    if (text.empty()) return;
    JsonWriter writer = event("content_block_delta");
    writer.field("index", index_).key("delta").begin_object().field("type", type).field(member, text).end_object();
    append(writer, "content_block_delta", out);
  }

  StreamHead head_;
  std::deque<Block> queue_;
  bool open_ = false;  // the first of the queue has begun
  std::uint64_t index_ = 0;
  std::uint64_t calls_ = 0;
  bool refused_ = false;
};

}  // namespace

std::string Anthropic::encode_answer(const core::Answer& answer, std::string_view /*request*/) const {
  JsonWriter writer;
  const std::string id = with_prefix(answer.id);
  writer.begin_object().field("id", id).field("type", "message").field("role", "assistant");
  writer.field("model", answer.model).key("content").begin_array();
  for (const core::Part& part : answer.reasoning) write_thought(writer, part);
  write_text(writer, answer.text);
  write_text(writer, answer.refusal);
  for (std::size_t i = 0; i < answer.tool_calls.size(); ++i) {
    const core::ToolCall& call = answer.tool_calls[i];
    bool wrapped = false;
    writer.begin_object().field("type", "tool_use").field("id", call_id(call.id, id, i)).field("name", call.name);
    writer.key("input").raw(tool_input(call.arguments, wrapped)).end_object();
  }
  writer.end_array();
  write_stop(
      writer,
      stop_reason(answer.finish, !answer.tool_calls.empty(), !answer.refusal.empty(), !answer.stop_sequence.empty()),
      answer.stop_sequence);
  write_usage(writer, answer.usage, answer.service_tier);
  writer.end_object();
  return writer.take();
}

std::unique_ptr<StreamWriter> Anthropic::write_stream(StreamHead head) const {
  return std::make_unique<EventWriter>(std::move(head));
}

}  // namespace thalamus::wire
