// core::Answer -> chat.completion and chat.completion.chunk; core::Request -> a chat completions request.
#include <array>

#include "thalamus/base/json_writer.h"
#include "thalamus/wire/openai_chat_format.h"

namespace thalamus::wire {
namespace {

using base::JsonWriter;
using core::PartKind;

/// OpenAI's closed set has no word for a broken answer; "length" says that it is not whole.
std::string_view finish_name(const core::Answer& answer) noexcept {
  switch (answer.finish) {
    case core::Finish::kLength:
    case core::Finish::kError:
    case core::Finish::kCancelled: return "length";
    case core::Finish::kContentFilter: return "content_filter";
    case core::Finish::kToolCalls: return "tool_calls";
    case core::Finish::kStop:
    case core::Finish::kUnknown: break;
  }
  return answer.tool_calls.empty() ? "stop" : "tool_calls";
}

void write_token(JsonWriter& writer, std::string_view token, double logprob) {
  writer.field("token", token).field("logprob", logprob).key("bytes").begin_array();
  for (const char byte : token) writer.value(static_cast<int>(static_cast<unsigned char>(byte)));
  writer.end_array();
}

void write_logprob(JsonWriter& writer, const core::TokenLogprob& logprob) {
  writer.begin_object();
  write_token(writer, logprob.token, logprob.logprob);
  writer.key("top_logprobs").begin_array();
  for (const auto& [token, value] : logprob.top) {
    writer.begin_object();
    write_token(writer, token, value);
    writer.end_object();
  }
  writer.end_array().end_object();
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

enum class CallIndex : std::uint8_t { kNone, kWritten };

void write_tool_calls(JsonWriter& writer, const std::vector<core::ToolCall>& calls, CallIndex index) {
  writer.key("tool_calls").begin_array();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    writer.begin_object();
    if (index == CallIndex::kWritten) writer.field("index", static_cast<std::uint64_t>(i));
    writer.field("id", calls[i].id).field("type", "function").key("function").begin_object();
    writer.field("name", calls[i].name).field("arguments", calls[i].arguments).end_object().end_object();
  }
  writer.end_array();
}

void write_usage(JsonWriter& writer, const core::Usage& usage) {
  writer.key("usage").begin_object();
  writer.field("prompt_tokens", usage.input).field("completion_tokens", usage.output);
  writer.field("total_tokens", std::uint64_t{usage.input} + usage.output);
  writer.key("prompt_tokens_details").begin_object().field("cached_tokens", usage.cached_input).end_object();
  writer.key("completion_tokens_details").begin_object().field("reasoning_tokens", usage.reasoning).end_object();
  writer.end_object();
}

void begin_body(JsonWriter& writer, const core::Answer& head, std::string_view object) {
  writer.begin_object().field("id", head.id).field("object", object).field("created", head.created_unix_s);
  writer.field("model", head.model).key("choices").begin_array();
}

std::string frame(JsonWriter& writer) { return "data: " + writer.text() + "\n\n"; }

/// A chunk with one choice; `write_delta` writes the members of its delta.
template <class WriteDelta>
std::string chunk(const core::Answer& head, WriteDelta write_delta, const core::TokenLogprob* logprob,
                  std::string_view finish) {
  JsonWriter writer;
  begin_body(writer, head, "chat.completion.chunk");
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
  writer.end_object().end_array().end_object();
  return frame(writer);
}

// Requests.

std::string_view role_name(core::Role role) noexcept {
  static constexpr std::array<std::string_view, 4> kNames{"system", "user", "assistant", "tool"};
  return kNames[static_cast<std::size_t>(role)];
}

bool is_url(std::string_view text) noexcept { return text.find("://") != std::string_view::npos; }

/// What core::Part does not keep (the data of images, recordings and files) cannot be sent again.
bool is_encodable(const core::Part& part) noexcept {
  switch (part.kind) {
    case PartKind::kText:
    case PartKind::kRefusal: return true;
    case PartKind::kImage: return is_url(part.text);
    case PartKind::kFile: return part.text.starts_with("file-");
    case PartKind::kAudio:
    case PartKind::kOther: break;
  }
  return false;
}

void write_part(JsonWriter& writer, const core::Part& part) {
  writer.begin_object();
  if (part.kind == PartKind::kText) {
    writer.field("type", "text").field("text", part.text);
  } else if (part.kind == PartKind::kRefusal) {
    writer.field("type", "refusal").field("refusal", part.text);
  } else if (part.kind == PartKind::kImage) {
    writer.field("type", "image_url").key("image_url").begin_object().field("url", part.text).end_object();
  } else {
    writer.field("type", "file").key("file").begin_object().field("file_id", part.text).end_object();
  }
  writer.end_object();
}

void write_content(JsonWriter& writer, const core::Message& message) {
  writer.key("content");
  if (message.parts.empty() && !message.tool_calls.empty()) {
    writer.null();
  } else if (message.parts.empty()) {
    writer.value("");
  } else if (message.parts.size() == 1 && message.parts[0].kind == PartKind::kText) {
    writer.value(message.parts[0].text);
  } else {
    writer.begin_array();
    for (const core::Part& part : message.parts)
      if (is_encodable(part)) write_part(writer, part);
    writer.end_array();
  }
}

void write_messages(JsonWriter& writer, const std::vector<core::Message>& messages) {
  writer.key("messages").begin_array();
  for (const core::Message& message : messages) {
    writer.begin_object().field("role", role_name(message.role));
    write_content(writer, message);
    if (!message.tool_calls.empty()) write_tool_calls(writer, message.tool_calls, CallIndex::kNone);
    if (!message.tool_call_id.empty()) writer.field("tool_call_id", message.tool_call_id);
    writer.end_object();
  }
  writer.end_array();
}

void write_tools(JsonWriter& writer, const std::vector<core::ToolDefinition>& tools) {
  if (tools.empty()) return;
  writer.key("tools").begin_array();
  for (const core::ToolDefinition& tool : tools) {
    writer.begin_object().field("type", "function").key("function").begin_object().field("name", tool.name);
    if (!tool.description.empty()) writer.field("description", tool.description);
    if (!tool.parameters.empty()) writer.key("parameters").raw(tool.parameters);
    writer.end_object().end_object();
  }
  writer.end_array();
}

void write_response_format(JsonWriter& writer, const core::Request& request) {
  if (request.response_format == core::ResponseFormat::kText) return;
  writer.key("response_format").begin_object();
  if (request.response_format == core::ResponseFormat::kJsonObject) {
    writer.field("type", "json_object");
  } else {
    writer.field("type", "json_schema").key("json_schema").begin_object().field("name", "answer");
    if (!request.response_schema.empty()) writer.key("schema").raw(request.response_schema);
    writer.end_object();
  }
  writer.end_object();
}

void write_sampling(JsonWriter& writer, const core::Request& request) {
  if (request.max_output_tokens) writer.field("max_tokens", *request.max_output_tokens);
  if (request.temperature) writer.field("temperature", *request.temperature);
  if (request.top_p) writer.field("top_p", *request.top_p);
  if (request.seed) writer.field("seed", *request.seed);
  if (request.logprobs) writer.field("logprobs", true).field("top_logprobs", *request.logprobs);
  if (request.stop.empty()) return;
  writer.key("stop").begin_array();
  for (const std::string& stop : request.stop) writer.value(stop);
  writer.end_array();
}

}  // namespace

std::string OpenAiChat::encode_answer(const core::Answer& answer) const {
  JsonWriter writer;
  begin_body(writer, answer, "chat.completion");
  writer.begin_object().field("index", 0).key("message").begin_object().field("role", "assistant").key("content");
  if (answer.text.empty() && !answer.tool_calls.empty()) {
    writer.null();
  } else {
    writer.value(answer.text);
  }
  writer.key("refusal").null();
  if (!answer.tool_calls.empty()) write_tool_calls(writer, answer.tool_calls, CallIndex::kNone);
  writer.end_object();
  write_logprobs(writer, answer.logprobs.data(), answer.logprobs.size());
  writer.field("finish_reason", finish_name(answer)).end_object().end_array();
  if (answer.usage.known) write_usage(writer, answer.usage);
  writer.end_object();
  return writer.take();
}

std::string OpenAiChat::encode_stream_start(const core::Answer& head) const {
  return chunk(head,
               [](JsonWriter& writer) { writer.field("role", "assistant").field("content", "").key("refusal").null(); },
               nullptr, {});
}

std::string OpenAiChat::encode_stream_text(const core::Answer& head, std::string_view delta,
                                           const core::TokenLogprob* logprob) const {
  if (delta.empty() && logprob == nullptr) return {};
  return chunk(head, [delta](JsonWriter& writer) { writer.field("content", delta); }, logprob, {});
}

std::string OpenAiChat::encode_stream_end(const core::Answer& answer, bool with_usage) const {
  std::string out;
  if (!answer.tool_calls.empty())
    out += chunk(answer, [&](JsonWriter& writer) { write_tool_calls(writer, answer.tool_calls, CallIndex::kWritten); },
                 nullptr, {});
  out += chunk(answer, [](JsonWriter&) {}, nullptr, finish_name(answer));
  if (with_usage) {
    JsonWriter writer;
    begin_body(writer, answer, "chat.completion.chunk");
    writer.end_array();
    write_usage(writer, answer.usage);
    writer.end_object();
    out += frame(writer);
  }
  return out += "data: [DONE]\n\n";
}

std::string OpenAiChat::encode_request(const core::Request& request, std::string_view model) const {
  JsonWriter writer;
  writer.begin_object().field("model", model);
  write_messages(writer, request.messages);
  write_tools(writer, request.tools);
  write_response_format(writer, request);
  write_sampling(writer, request);
  if (request.stream) {
    writer.field("stream", true);
    if (request.include_usage) writer.key("stream_options").raw(R"({"include_usage":true})");
  }
  writer.end_object();
  return writer.take();
}

}  // namespace thalamus::wire
