// core::Request -> a chat completions request, with what it cannot say.
#include <fmt/format.h>

#include <array>

#include "thalamus/base/json_writer.h"
#include "thalamus/wire/losses.h"
#include "thalamus/wire/openai_chat_format.h"
#include "thalamus/wire/openai_chat_message.h"
#include "thalamus/wire/tool_choice.h"

namespace thalamus::wire {
namespace {

using base::JsonWriter;
using core::PartDetail;
using core::PartKind;

constexpr std::uint32_t kAnswerTokensMin = 1;
constexpr std::size_t kStopMax = 4;

std::string_view role_name(core::Role role) noexcept {
  static constexpr std::array<std::string_view, 4> kNames{"system", "user", "assistant", "tool"};
  return kNames[static_cast<std::size_t>(role)];
}

bool is_url(std::string_view text) noexcept { return text.find("://") != std::string_view::npos; }

/// Writes one request and notes what is left out.
class RequestWriter {
 public:
  RequestWriter(const core::Request& request, LossList losses) : request_(request), losses_(losses), ids_(request) {}

  std::string write(std::string_view model) {
    writer_.begin_object().field("model", model);
    messages();
    tools();
    tool_choice();
    response_format();
    sampling();
    if (request_.stream) {
      // The usage of a stream is always wanted: it is what the turn costs.
      writer_.field("stream", true).key("stream_options").raw(R"({"include_usage":true})");
    }
    writer_.end_object();
    return writer_.take();
  }

 private:
  void messages() {
    writer_.key("messages").begin_array();
    for (std::size_t i = 0; i < request_.messages.size(); ++i) {
      where_ = fmt::format("request.messages[{}]", i);
      message(request_.messages[i]);
    }
    writer_.end_array();
  }

  void message(const core::Message& message) {
    const bool assistant = message.role == core::Role::kAssistant;
    std::vector<const core::Part*> parts;
    for (const core::Part& part : message.parts)
      if (can_say(part, message.role)) parts.push_back(&part);
    // An empty turn would be one to go on with. An empty one of the user still says whose turn it was.
    if (assistant && parts.empty() && !message.parts.empty() && message.tool_calls.empty()) return;
    writer_.begin_object().field("role", role_name(message.role));
    content(message, parts);
    if (!message.tool_calls.empty()) {
      std::vector<core::ToolCall> calls = message.tool_calls;
      for (core::ToolCall& call : calls) call.id = ids_.call(call.id);
      write_tool_calls(writer_, calls);
    }
    if (message.role == core::Role::kTool) writer_.field("tool_call_id", ids_.result(message.tool_call_id));
    if (message.tool_failed)
      losses_.add(where_ + ".failed", "chat completions cannot mark the result of a tool as failed");
    writer_.end_object();
  }

  /// Whether the part can be said in a message's content; a loss is noted where it cannot.
  bool can_say(const core::Part& part, core::Role role) {
    const PartDetail* detail = part.detail.get();
    if (role == core::Role::kTool && part.kind != PartKind::kText) {
      losses_.add(part, where_, "chat completions take nothing but text as the result of a tool");
      return false;
    }
    switch (part.kind) {
      case PartKind::kText:
      case PartKind::kRefusal: return true;
      case PartKind::kImage:
        if (is_url(part.text) || (detail != nullptr && !detail->data.empty())) return true;
        break;
      case PartKind::kFile:
        if (part.text.starts_with("file-") ||
            (detail != nullptr && (!detail->data.empty() || !detail->file_id.empty())))
          return true;
        break;
      case PartKind::kAudio:
        if (detail != nullptr && !detail->data.empty()) return true;
        break;
      case PartKind::kReasoning: losses_.add(part, where_, "chat completions do not take reasoning back"); return false;
      case PartKind::kOther: break;
    }
    losses_.add(part, where_, "chat completions have no such content part");
    return false;
  }

  void content(const core::Message& message, const std::vector<const core::Part*>& parts) {
    writer_.key("content");
    if (parts.empty() && !message.tool_calls.empty()) {
      writer_.null();
    } else if (parts.empty()) {
      writer_.value("");
    } else if (parts.size() == 1 && parts[0]->kind == PartKind::kText) {
      writer_.value(parts[0]->text);
    } else {
      writer_.begin_array();
      for (const core::Part* part : parts) write_part(*part);
      writer_.end_array();
    }
  }

  void write_part(const core::Part& part) {
    writer_.begin_object();
    switch (part.kind) {
      case PartKind::kImage: image(part); break;
      case PartKind::kFile: file(part); break;
      case PartKind::kAudio: audio(part); break;
      case PartKind::kRefusal: writer_.field("type", "refusal").field("refusal", part.text); break;
      default: writer_.field("type", "text").field("text", part.text);
    }
    writer_.end_object();
  }

  void image(const core::Part& part) {
    writer_.field("type", "image_url").key("image_url").begin_object().key("url");
    if (part.detail != nullptr && !part.detail->data.empty()) {
      writer_.raw(data_url(*part.detail, "image/png"));
    } else {
      writer_.value(part.detail != nullptr && !part.detail->url.empty() ? part.detail->url : part.text);
    }
    if (part.detail != nullptr && !part.detail->fidelity.empty()) writer_.field("detail", part.detail->fidelity);
    writer_.end_object();
  }

  void file(const core::Part& part) {
    writer_.field("type", "file").key("file").begin_object();
    if (part.detail == nullptr) {
      writer_.field("file_id", part.text);
    } else {
      if (!part.detail->file_id.empty()) writer_.field("file_id", part.detail->file_id);
      if (!part.detail->file_name.empty()) writer_.field("filename", part.detail->file_name);
      if (!part.detail->data.empty()) writer_.key("file_data").raw(data_url(*part.detail, "application/pdf"));
    }
    writer_.end_object();
  }

  void audio(const core::Part& part) {
    std::string_view format = part.detail->media_type;
    if (format.starts_with("audio/")) format.remove_prefix(6);
    writer_.field("type", "input_audio").key("input_audio").begin_object();
    writer_.key("data").raw(quoted_raw(part.detail->data)).field("format", format).end_object();
  }

  void tools() {
    bool any = false;
    for (std::size_t i = 0; i < request_.tools.size(); ++i) {
      const core::ToolDefinition& tool = request_.tools[i];
      if (!tool.hosted.empty()) {
        losses_.add_tool(i, tool);
        continue;
      }
      if (!any) writer_.key("tools").begin_array();
      any = true;
      writer_.begin_object().field("type", "function").key("function").begin_object().field("name", tool.name);
      if (!tool.description.empty()) writer_.field("description", tool.description);
      if (!tool.parameters.empty()) writer_.key("parameters").raw(tool.parameters);
      if (tool.strict) writer_.field("strict", true);
      writer_.end_object().end_object();
    }
    if (any) writer_.end_array();
    has_tools_ = any;
  }

  void tool_choice() {
    if (!has_tools_) return;
    write_tool_choice(writer_, request_, ToolChoiceStyle::kChat);
    if (request_.parallel_tool_calls) writer_.field("parallel_tool_calls", *request_.parallel_tool_calls);
  }

  void response_format() {
    if (request_.response_format == core::ResponseFormat::kText) return;
    writer_.key("response_format").begin_object();
    if (request_.response_format == core::ResponseFormat::kJsonObject) {
      writer_.field("type", "json_object");
    } else {
      writer_.field("type", "json_schema").key("json_schema").begin_object();
      writer_.field("name", request_.response_name.empty() ? "answer" : request_.response_name);
      if (!request_.response_schema.empty()) writer_.key("schema").raw(request_.response_schema);
      if (request_.response_strict) writer_.field("strict", true);
      writer_.end_object();
    }
    writer_.end_object();
  }

  void sampling() {
    const std::string effort = effort_of(request_, losses_);
    // Reasoning models refuse the older name, many compatible servers know no other.
    if (request_.max_output_tokens)
      writer_.field(effort.empty() ? "max_tokens" : "max_completion_tokens",
                    losses_.raised_limit(*request_.max_output_tokens, kAnswerTokensMin));
    if (!effort.empty()) writer_.field("reasoning_effort", effort);
    if (request_.temperature) writer_.field("temperature", *request_.temperature);
    if (request_.top_p) writer_.field("top_p", *request_.top_p);
    if (request_.seed) writer_.field("seed", *request_.seed);
    if (request_.logprobs) writer_.field("logprobs", true).field("top_logprobs", *request_.logprobs);
    if (!request_.user.empty()) writer_.field("user", request_.user);
    if (request_.stop.empty()) return;
    writer_.key("stop").begin_array();
    for (std::size_t i = 0; i < request_.stop.size(); ++i) {
      if (i < kStopMax) {
        writer_.value(request_.stop[i]);
      } else {
        losses_.add(fmt::format("request.stop[{}]", i), "chat completions take no more than four stop sequences");
      }
    }
    writer_.end_array();
  }

  const core::Request& request_;
  LossList losses_;
  CallIds ids_;
  JsonWriter writer_;
  bool has_tools_ = false;
  std::string where_;  // the message that is being written
};

}  // namespace

void write_tool_calls(JsonWriter& writer, const std::vector<core::ToolCall>& calls) {
  writer.key("tool_calls").begin_array();
  for (const core::ToolCall& call : calls) {
    writer.begin_object().field("id", call.id).field("type", "function").key("function").begin_object();
    writer.field("name", call.name).field("arguments", call.arguments).end_object().end_object();
  }
  writer.end_array();
}

std::string OpenAiChat::encode_request(const core::Request& request, std::string_view model, Losses* losses) const {
  return RequestWriter(request, LossList(losses)).write(model);
}

}  // namespace thalamus::wire
