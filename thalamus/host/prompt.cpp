#include "thalamus/host/prompt.h"

#include <common/chat.h>
#include <common/json-schema-to-grammar.h>
#include <common/json.h>
#include <llama.h>

#include <exception>

namespace thalamus::host {
namespace {

std::string_view role_name(core::Role role) {
  switch (role) {
    case core::Role::kSystem: return "system";
    case core::Role::kUser: return "user";
    case core::Role::kAssistant: return "assistant";
    case core::Role::kTool: return "tool";
  }
  return "user";
}

common_chat_msg to_message(const core::Message& message) {
  common_chat_msg out;
  out.role = role_name(message.role);
  for (const core::Part& part : message.parts) {
    if (!out.content.empty()) out.content += "\n";
    out.content += part.text;
  }
  for (const core::ToolCall& call : message.tool_calls) out.tool_calls.push_back({call.name, call.arguments, call.id});
  out.tool_call_id = message.tool_call_id;
  return out;
}

constexpr const char* kAnyJsonObject = R"({"type":"object"})";

}  // namespace

struct PromptMaker::Impl {
  common_chat_templates_ptr templates;

  [[nodiscard]] common_chat_params apply(const core::Request& request) const {
    common_chat_templates_inputs inputs;
    for (const core::Message& message : request.messages) inputs.messages.push_back(to_message(message));
    for (const core::ToolDefinition& tool : request.tools)
      inputs.tools.push_back({tool.name, tool.description, tool.parameters.empty() ? "{}" : tool.parameters});
    return common_chat_templates_apply(templates.get(), inputs);
  }
};

PromptMaker::PromptMaker(const llama_model* model) : impl_(std::make_unique<Impl>()) {
  impl_->templates = common_chat_templates_init(model, "");
}
PromptMaker::~PromptMaker() = default;

Result<Prompt> PromptMaker::make(const core::Request& request) const {
  try {
    const common_chat_params params = impl_->apply(request);
    Prompt prompt;
    prompt.text = params.prompt;
    prompt.stops = params.additional_stops;
    prompt.may_call_tools = !request.tools.empty();
    if (request.response_format == core::ResponseFormat::kJsonSchema && !request.response_schema.empty()) {
      prompt.grammar = json_schema_to_grammar(common_json::parse(request.response_schema));
    } else if (request.response_format != core::ResponseFormat::kText) {
      prompt.grammar = json_schema_to_grammar(common_json::parse(kAnyJsonObject));
    }
    return prompt;
  } catch (const std::exception& error) {
    return fail_at("body.messages", ErrorKind::kInvalidInput, "the model's chat template or the schema refuses this: {}",
                   error.what());
  }
}

void PromptMaker::read_tool_calls(const core::Request& request, core::Answer& answer) const {
  try {
    const common_chat_params params = impl_->apply(request);
    common_chat_parser_params parser(params);
    if (!params.parser.empty()) parser.parser.load(params.parser);
    const common_chat_msg message = common_chat_parse(answer.text, false, parser);
    if (message.tool_calls.empty()) return;
    answer.text = message.content;
    for (const auto& call : message.tool_calls) {
      const std::string id = call.id.empty() ? "call_" + answer.id + "_" + std::to_string(answer.tool_calls.size()) : call.id;
      answer.tool_calls.push_back({id, call.name, call.arguments});
    }
    answer.finish = core::Finish::kToolCalls;
  } catch (const std::exception&) {
    // What does not parse as a call stays text: the model did not make one.
    return;
  }
}

}  // namespace thalamus::host
