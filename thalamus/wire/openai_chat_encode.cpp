// core::Answer -> chat.completion; core::Delta -> chat.completion.chunk.
#include <array>

#include "thalamus/base/json_writer.h"
#include "thalamus/wire/call_order.h"
#include "thalamus/wire/openai_chat_format.h"
#include "thalamus/wire/openai_chat_logprobs.h"
#include "thalamus/wire/openai_chat_message.h"

namespace thalamus::wire {
namespace {

using base::JsonWriter;

std::string with_prefix(const std::string& id) {
  constexpr std::string_view kPrefix = "chatcmpl-";
  return id.starts_with(kPrefix) ? id : std::string(kPrefix) + id;
}

/// OpenAI's closed set has no word for a broken answer; "length" says that it is not whole.
std::string_view finish_name(core::Finish finish, bool called) noexcept {
  switch (finish) {
    case core::Finish::kLength:
    case core::Finish::kError:
    case core::Finish::kCancelled: return "length";
    case core::Finish::kContentFilter: return "content_filter";
    case core::Finish::kToolCalls: return "tool_calls";
    case core::Finish::kStop:
    case core::Finish::kUnknown: break;
  }
  return called ? "tool_calls" : "stop";
}

void write_logprobs(JsonWriter& writer, const core::TokenLogprob* first, std::size_t count) {
  writer.key("logprobs");
  if (count == 0) {
    writer.null();
    return;
  }
  writer.begin_object().key("content").begin_array();
  for (std::size_t i = 0; i < count; ++i) write_logprob(writer, first[i]);
  writer.end_array().key("refusal").null().end_object();
}

void write_usage(JsonWriter& writer, const core::Usage& usage) {
  writer.key("usage").begin_object();
  writer.field("prompt_tokens", usage.input).field("completion_tokens", usage.output);
  writer.field("total_tokens", std::uint64_t{usage.input} + usage.output);
  writer.key("prompt_tokens_details").begin_object().field("cached_tokens", usage.cached_input);
  if (usage.cache_write > 0) writer.field("cache_write_tokens", usage.cache_write);
  writer.end_object();
  writer.key("completion_tokens_details").begin_object().field("reasoning_tokens", usage.reasoning).end_object();
  writer.end_object();
}

void begin_answer(JsonWriter& writer, std::string_view id, std::int64_t created, std::string_view model,
                  std::string_view object) {
  writer.begin_object().field("id", id).field("object", object).field("created", created);
  writer.field("model", model).key("choices").begin_array();
}

/// Thoughts as text, under the name that most compatible servers and clients know.
void write_thoughts(JsonWriter& writer, const std::vector<core::Part>& reasoning) {
  std::string text;
  for (const core::Part& part : reasoning) text += part.text;
  if (!text.empty()) writer.field("reasoning_content", text);
}

/// The frames of one stream.
class ChunkWriter final : public StreamWriter {
 public:
  explicit ChunkWriter(StreamHead head) : head_(std::move(head)) { head_.id = with_prefix(head_.id); }

  void start(std::string& out) override {
    chunk(out,
          [](JsonWriter& writer) { writer.field("role", "assistant").field("content", "").key("refusal").null(); });
  }

  void write(const core::Delta& delta, std::string& out) override {
    switch (delta.kind) {
      case core::DeltaKind::kText:
        if (!delta.text.empty() || delta.logprob)
          chunk(
              out, [&](JsonWriter& writer) { writer.field("content", delta.text); },
              delta.logprob ? &*delta.logprob : nullptr);
        return;
      case core::DeltaKind::kReasoning:
        return chunk(out, [&](JsonWriter& writer) { writer.field("reasoning_content", delta.text); });
      case core::DeltaKind::kRefusal:
        return chunk(out, [&](JsonWriter& writer) { writer.field("refusal", delta.text); });
      case core::DeltaKind::kToolCall:
        called_ = true;
        return chunk(out, [&](JsonWriter& writer) {
          writer.key("tool_calls").begin_array().begin_object().field("index", delta.index).field("id", delta.id);
          writer.field("type", "function").key("function").begin_object().field("name", delta.name);
          writer.field("arguments", "").end_object().end_object().end_array();
        });
      case core::DeltaKind::kArguments:
        return chunk(out, [&](JsonWriter& writer) {
          writer.key("tool_calls").begin_array().begin_object().field("index", delta.index);
          writer.key("function").begin_object().field("arguments", delta.text).end_object().end_object().end_array();
        });
      case core::DeltaKind::kReasoningSignature:
      case core::DeltaKind::kReasoningEncrypted: return;  // the protocol has no place for them
    }
  }

  void end(const StreamEnd& tail, std::string& out) override {
    chunk(out, [](JsonWriter&) {}, nullptr, finish_name(tail.finish, called_), tail.service_tier);
    if (head_.with_usage) {
      JsonWriter writer;
      begin_body(writer);
      writer.end_array();
      write_usage(writer, tail.usage);
      writer.end_object();
      append(writer, out);
    }
    out += "data: [DONE]\n\n";
  }

  void fail(const base::Error& error, std::string& out) override {
    out += find_format("openai")->encode_stream_error(error);
  }

 private:
  void begin_body(JsonWriter& writer) const {
    begin_answer(writer, head_.id, head_.created_unix_s, head_.model, "chat.completion.chunk");
  }

  static void append(const JsonWriter& writer, std::string& out) {
    out += "data: ";
    out += writer.text();
    out += "\n\n";
  }

  /// A chunk with one choice; `write_delta` writes the members of its delta.
  template <class WriteDelta>
  void chunk(std::string& out, WriteDelta write_delta, const core::TokenLogprob* logprob = nullptr,
             std::string_view finish = {}, std::string_view service_tier = {}) const {
    JsonWriter writer;
    begin_body(writer);
    writer.begin_object().field("index", 0).key("delta").begin_object();
    write_delta(writer);
    writer.end_object();
    write_logprobs(writer, logprob, logprob != nullptr ? 1 : 0);
    writer.key("finish_reason");
    if (finish.empty()) {
      writer.null();
    } else {
      writer.value(finish);
    }
    writer.end_object().end_array();
    if (!service_tier.empty()) writer.field("service_tier", service_tier);
    writer.end_object();
    append(writer, out);
  }

  StreamHead head_;
  bool called_ = false;
};

}  // namespace

std::string OpenAiChat::encode_answer(const core::Answer& answer, std::string_view /*request*/) const {
  JsonWriter writer;
  begin_answer(writer, with_prefix(answer.id), answer.created_unix_s, answer.model, "chat.completion");
  writer.begin_object().field("index", 0).key("message").begin_object().field("role", "assistant").key("content");
  if (answer.text.empty() && (!answer.tool_calls.empty() || !answer.refusal.empty())) {
    writer.null();
  } else {
    writer.value(answer.text);
  }
  write_thoughts(writer, answer.reasoning);
  writer.key("refusal");
  if (answer.refusal.empty()) {
    writer.null();
  } else {
    writer.value(answer.refusal);
  }
  if (!answer.tool_calls.empty()) write_tool_calls(writer, answer.tool_calls);
  writer.end_object();
  write_logprobs(writer, answer.logprobs.data(), answer.logprobs.size());
  writer.field("finish_reason", finish_name(answer.finish, !answer.tool_calls.empty())).end_object().end_array();
  if (answer.usage.known) write_usage(writer, answer.usage);
  if (!answer.service_tier.empty()) writer.field("service_tier", answer.service_tier);
  writer.end_object();
  return writer.take();
}

std::unique_ptr<StreamWriter> OpenAiChat::write_stream(StreamHead head) const {
  return in_call_order(std::make_unique<ChunkWriter>(std::move(head)));
}

}  // namespace thalamus::wire
