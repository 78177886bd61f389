// core::Request -> a responses request, with what it cannot say. It never asks for the answer to be stored.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "thalamus/base/json_writer.h"
#include "thalamus/wire/json_take.h"
#include "thalamus/wire/losses.h"
#include "thalamus/wire/openai_responses_format.h"
#include "thalamus/wire/openai_responses_items.h"
#include "thalamus/wire/tool_choice.h"

namespace thalamus::wire {
namespace {

using base::JsonWriter;
using core::Part;
using core::PartDetail;
using core::PartKind;
using core::Role;

constexpr std::uint32_t kAnswerTokensMin = 16;

/// The tools that this protocol's provider runs; others come from another protocol.
constexpr std::array<std::string_view, 16> kHostedTools{"web_search",
                                                        "web_search_preview",
                                                        "web_search_2025_08_26",
                                                        "web_search_preview_2025_03_11",
                                                        "file_search",
                                                        "code_interpreter",
                                                        "image_generation",
                                                        "mcp",
                                                        "computer",
                                                        "computer_use_preview",
                                                        "local_shell",
                                                        "shell",
                                                        "apply_patch",
                                                        "custom",
                                                        "namespace",
                                                        "tool_search"};

std::string_view role_name(Role role) noexcept {
  static constexpr std::array<std::string_view, 4> kNames{"system", "user", "assistant", "user"};
  return kNames[static_cast<std::size_t>(role)];
}

bool is_url(std::string_view text) noexcept { return text.find("://") != std::string_view::npos; }

/// Writes one request and notes what is left out.
class ResponsesRequestWriter {
 public:
  ResponsesRequestWriter(const core::Request& request, LossList losses)
      : request_(request), losses_(losses), ids_(request) {}

  std::string write(std::string_view model) {
    writer_.begin_object().field("model", model);
    std::size_t first = 0;
    const std::vector<core::Message>& messages = request_.messages;
    // Other system messages keep their places, as items; an input without any is refused.
    if (messages.size() > 1 && is_instructions(messages[0]))
      writer_.field("instructions", messages[first++].parts[0].text);
    writer_.key("input").begin_array();
    for (; first < messages.size(); ++first) {
      where_ = fmt::format("request.messages[{}]", first);
      message(messages[first]);
    }
    writer_.end_array();
    tools();
    tool_choice();
    text_format();
    sampling();
    // An answer that nobody stores can be continued only with the thoughts in it.
    const std::string effort = effort_of(request_, losses_);
    if (!effort.empty()) writer_.key("reasoning").begin_object().field("effort", effort).end_object();
    include(thoughts_ || (!effort.empty() && effort != "none"));
    writer_.field("store", false);
    if (request_.stream) writer_.field("stream", true);
    writer_.end_object();
    return writer_.take();
  }

 private:
  void include(bool thoughts) {
    if (!thoughts && !request_.logprobs) return;
    writer_.key("include").begin_array();
    if (thoughts) writer_.value("reasoning.encrypted_content");
    if (request_.logprobs) writer_.value("message.output_text.logprobs");
    writer_.end_array();
  }

  static bool is_instructions(const core::Message& message) noexcept {
    return message.role == Role::kSystem && message.parts.size() == 1 && message.parts[0].kind == PartKind::kText &&
           !message.parts[0].text.empty();
  }

  void message(const core::Message& message) {
    if (message.role == Role::kTool) return result(message);
    std::vector<const Part*> said;
    bool spoke = false;
    const auto flush = [&] {
      if (said.empty()) return;
      spoke = true;
      content_item(message.role, said);
      said.clear();
    };
    for (const Part& part : message.parts) {
      if (part.kind == PartKind::kReasoning) {
        flush();
        thought(part);
      } else if (can_say(part, message.role)) {
        said.push_back(&part);
      }
    }
    flush();
    if (!spoke && message.tool_calls.empty() && (message.parts.empty() || message.role != Role::kAssistant))
      content_item(message.role, said);
    for (const core::ToolCall& call : message.tool_calls) {
      writer_.begin_object()
          .field("type", "function_call")
          .field("call_id", ids_.call(call.id))
          .field("name", call.name);
      writer_.field("arguments", call.arguments).end_object();
    }
  }

  void content_item(Role role, const std::vector<const Part*>& parts) {
    writer_.begin_object().field("type", "message").field("role", role_name(role)).key("content");
    content(role, parts);
    writer_.end_object();
  }

  void result(const core::Message& message) {
    std::vector<const Part*> parts;
    for (const Part& part : message.parts)
      if (can_say(part, Role::kTool)) parts.push_back(&part);
    writer_.begin_object().field("type", "function_call_output").field("call_id", ids_.result(message.tool_call_id));
    writer_.key("output");
    content(Role::kTool, parts);
    writer_.end_object();
    if (message.tool_failed) losses_.add(where_ + ".failed", "responses cannot mark the result of a tool as failed");
  }

  void thought(const Part& part) {
    const PartDetail* detail = part.detail.get();
    if (detail == nullptr || detail->encrypted.empty() || detail->id.empty()) {
      const bool foreign = detail != nullptr && !(detail->encrypted.empty() && detail->signature.empty());
      losses_.add(
          part, where_,
          foreign ? "another provider's proof of its reasoning" : "responses take reasoning back only encrypted");
      return;
    }
    thoughts_ = true;
    writer_.begin_object().field("type", "reasoning");
    if (detail->id != kNamelessThought) writer_.field("id", detail->id);
    writer_.key("summary").begin_array();
    if (!part.text.empty()) writer_.begin_object().field("type", "summary_text").field("text", part.text).end_object();
    writer_.end_array().field("encrypted_content", detail->encrypted).end_object();
  }

  /// Whether the part can be said in content of this role; a loss is noted where it cannot.
  bool can_say(const Part& part, Role role) {
    const PartDetail* detail = part.detail.get();
    const bool has_data = detail != nullptr && !detail->data.empty();
    const bool has_id = detail != nullptr && !detail->file_id.empty();
    const bool input = role == Role::kUser || role == Role::kTool;
    switch (part.kind) {
      case PartKind::kText:
      case PartKind::kRefusal: return true;
      case PartKind::kImage:
        if (input && (has_data || has_id || is_url(part.text))) return true;
        break;
      case PartKind::kFile:
        if (input && (has_data || has_id || is_url(part.text) || part.text.starts_with("file-"))) return true;
        break;
      case PartKind::kAudio:
        if (role == Role::kUser && has_data) return true;
        break;
      case PartKind::kReasoning:
      case PartKind::kOther: break;
    }
    losses_.add(part, where_, "responses have no such content here");
    return false;
  }

  void content(Role role, const std::vector<const Part*>& parts) {
    if (parts.empty()) {
      writer_.value("");
    } else if (parts.size() == 1 && parts[0]->kind == PartKind::kText) {
      writer_.value(parts[0]->text);
    } else {
      writer_.begin_array();
      for (const Part* part : parts) write_part(role, *part);
      writer_.end_array();
    }
  }

  void write_part(Role role, const Part& part) {
    writer_.begin_object();
    switch (part.kind) {
      case PartKind::kImage: image(part); break;
      case PartKind::kFile: file(part); break;
      case PartKind::kAudio: recording(part); break;
      case PartKind::kRefusal:
        // Only an assistant refuses; in other mouths it is a text like any other.
        if (role == Role::kAssistant) {
          writer_.field("type", "refusal").field("refusal", part.text);
          break;
        }
        [[fallthrough]];
      default: writer_.field("type", role == Role::kAssistant ? "output_text" : "input_text").field("text", part.text);
    }
    writer_.end_object();
  }

  void image(const Part& part) {
    writer_.field("type", "input_image");
    const PartDetail* detail = part.detail.get();
    if (detail != nullptr && !detail->data.empty()) {
      writer_.key("image_url").raw(data_url(*detail, "image/png"));
    } else if (detail != nullptr && !detail->file_id.empty()) {
      writer_.field("file_id", detail->file_id);
    } else {
      writer_.field("image_url", detail != nullptr && !detail->url.empty() ? detail->url : part.text);
    }
    writer_.field("detail", detail != nullptr && !detail->fidelity.empty() ? detail->fidelity : "auto");
  }

  void file(const Part& part) {
    writer_.field("type", "input_file");
    const PartDetail* detail = part.detail.get();
    const bool has_data = detail != nullptr && !detail->data.empty();
    const bool has_id = detail != nullptr && !detail->file_id.empty();
    if (detail != nullptr && !detail->file_name.empty()) writer_.field("filename", detail->file_name);
    if (has_id) {
      writer_.field("file_id", detail->file_id);
    } else if (has_data) {
      writer_.key("file_data").raw(data_url(*detail, "application/pdf"));
    } else if (detail != nullptr && !detail->url.empty()) {
      writer_.field("file_url", detail->url);
    } else {
      writer_.field(is_url(part.text) ? "file_url" : "file_id", part.text);
    }
  }

  void recording(const Part& part) {
    std::string_view format = part.detail->media_type;
    if (format.starts_with("audio/")) format.remove_prefix(6);
    writer_.field("type", "input_audio").key("input_audio").begin_object();
    writer_.key("data").raw(quoted_raw(part.detail->data)).field("format", format).end_object();
  }

  void tools() {
    for (std::size_t i = 0; i < request_.tools.size(); ++i) {
      const core::ToolDefinition& tool = request_.tools[i];
      if (!tool.hosted.empty() && !is_hosted_here(tool)) {
        losses_.add_tool(i, tool);
        continue;
      }
      if (!has_tools_) writer_.key("tools").begin_array();
      has_tools_ = true;
      if (!tool.hosted.empty()) {
        writer_.raw(tool.hosted);
        continue;
      }
      writer_.begin_object().field("type", "function").field("name", tool.name);
      if (!tool.description.empty()) writer_.field("description", tool.description);
      // Both are wanted here, and `strict` is taken for true where it is missing.
      writer_.key("parameters").raw(tool.parameters.empty() ? R"({"type":"object","properties":{}})" : tool.parameters);
      writer_.field("strict", tool.strict).end_object();
    }
    if (has_tools_) writer_.end_array();
  }

  /// By the type in its own text: chat completions and messages have provider's tools of other shapes.
  static bool is_hosted_here(const core::ToolDefinition& tool) {
    JsonCursor cursor(tool.hosted);
    std::string type;
    bool wrapped = false;
    const bool read = each_member(cursor, [&](std::string_view key) {
      wrapped = wrapped || key == "custom" || key == "function";
      return key == "type" ? take_text(cursor, type) : cursor.skip();
    });
    return read && !wrapped && std::find(kHostedTools.begin(), kHostedTools.end(), type) != kHostedTools.end();
  }

  void tool_choice() {
    if (!has_tools_) return;
    write_tool_choice(writer_, request_, ToolChoiceStyle::kResponses);
    if (request_.parallel_tool_calls) writer_.field("parallel_tool_calls", *request_.parallel_tool_calls);
  }

  void text_format() {
    if (request_.response_format == core::ResponseFormat::kText) return;
    writer_.key("text").begin_object().key("format").begin_object();
    if (request_.response_format == core::ResponseFormat::kJsonObject) {
      writer_.field("type", "json_object");
    } else {
      writer_.field("type", "json_schema");
      writer_.field("name", request_.response_name.empty() ? "answer" : request_.response_name);
      writer_.key("schema").raw(request_.response_schema.empty() ? "{}" : request_.response_schema);
      writer_.field("strict", request_.response_strict);
    }
    writer_.end_object().end_object();
  }

  void sampling() {
    if (request_.max_output_tokens)
      writer_.field("max_output_tokens", losses_.raised_limit(*request_.max_output_tokens, kAnswerTokensMin));
    if (request_.temperature) writer_.field("temperature", *request_.temperature);
    if (request_.top_p) writer_.field("top_p", *request_.top_p);
    if (!request_.user.empty()) writer_.field("user", request_.user);
    if (request_.logprobs && *request_.logprobs > 0) writer_.field("top_logprobs", *request_.logprobs);
    if (!request_.stop.empty()) losses_.add("request.stop", "responses have no stop sequences");
    if (request_.seed) losses_.add("request.seed", "responses have no seed");
  }

  const core::Request& request_;
  LossList losses_;
  CallIds ids_;
  JsonWriter writer_;
  bool has_tools_ = false;
  bool thoughts_ = false;
  std::string where_;  // the message that is being written
};

}  // namespace

std::string OpenAiResponses::encode_request(const core::Request& request, std::string_view model,
                                            Losses* losses) const {
  return ResponsesRequestWriter(request, LossList(losses)).write(model);
}

}  // namespace thalamus::wire
