#include "thalamus/host/prompt.h"

#include <common/chat.h>
#include <common/json-schema-to-grammar.h>
#include <common/json.h>
#include <common/log.h>
#include <llama.h>

#include <exception>

namespace thalamus::host {
namespace {

constexpr std::size_t kReasonBytesMax = 300;

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

common_chat_templates_inputs to_inputs(const core::Request& request, const Demands& demands) {
  common_chat_templates_inputs inputs;
  for (const core::Message& message : request.messages) inputs.messages.push_back(to_message(message));
  if (demands.tool_choice == ToolChoice::kNone) return inputs;
  for (const core::ToolDefinition& tool : request.tools) {
    if (!demands.tool.empty() && tool.name != demands.tool) continue;
    inputs.tools.push_back({tool.name, tool.description, tool.parameters.empty() ? "{}" : tool.parameters});
  }
  if (demands.tool_choice == ToolChoice::kRequired) inputs.tool_choice = COMMON_CHAT_TOOL_CHOICE_REQUIRED;
  return inputs;
}

std::string first_lines(const std::exception& error) {
  return std::string(std::string_view(error.what()).substr(0, kReasonBytesMax));
}

constexpr const char* kAnyJsonObject = R"({"type":"object"})";

/// Empty for free text.
Result<std::string> grammar_of(const core::Request& request) {
  if (request.response_format == core::ResponseFormat::kText) return std::string();
  const bool has_schema =
      request.response_format == core::ResponseFormat::kJsonSchema && !request.response_schema.empty();
  try {
    return json_schema_to_grammar(common_json::parse(has_schema ? request.response_schema : kAnyJsonObject));
  } catch (const std::exception& error) {
    return fail_at("body.response_format.json_schema.schema", ErrorKind::kInvalidInput,
                   "cannot become a grammar: {}; simplify the schema", first_lines(error));
  }
}

class TemplateReader final : public AnswerReader {
 public:
  explicit TemplateReader(const common_chat_params& params) : parser_(params) {
    if (!params.parser.empty()) parser_.parser.load(params.parser);
  }

  std::optional<Reading> read(const std::string& text, Ending ending) const override {
    try {
      const common_chat_msg message = common_chat_parse(text, ending == Ending::kOpen, parser_);
      Reading out;
      out.text = message.content;
      for (const auto& call : message.tool_calls) out.calls.push_back({call.id, call.name, call.arguments});
      return out;
    } catch (const std::exception&) {
      return std::nullopt;
    }
  }

 private:
  common_chat_parser_params parser_;
};

}  // namespace

struct PromptMaker::Impl {
  common_chat_templates_ptr templates;
};

PromptMaker::PromptMaker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PromptMaker::~PromptMaker() = default;

Result<std::unique_ptr<PromptMaker>> PromptMaker::make(const llama_model* model) {
  // The library logs what does not parse, and that is what a user wrote.
  common_log_set_verbosity_thold(LOG_LEVEL_OUTPUT);
  try {
    auto impl = std::make_unique<Impl>();
    impl->templates = common_chat_templates_init(model, "");
    return std::unique_ptr<PromptMaker>(new PromptMaker(std::move(impl)));
  } catch (const std::exception& error) {
    return fail(ErrorKind::kUnsupported,
                "the chat template in the file cannot be used: {}; use another file of this model", first_lines(error));
  }
}

Result<Prompt> PromptMaker::make_prompt(const core::Request& request, const Demands& demands) const {
  Prompt prompt;
  TRY(prompt.grammar, grammar_of(request));
  try {
    const common_chat_templates_inputs inputs = to_inputs(request, demands);
    const common_chat_params params = common_chat_templates_apply(impl_->templates.get(), inputs);
    prompt.text = params.prompt;
    prompt.stops = params.additional_stops;
    if (inputs.tools.empty()) return prompt;
    prompt.reader = std::make_unique<TemplateReader>(params);
    if (demands.tool_choice != ToolChoice::kRequired) return prompt;
    if (params.grammar.empty() || params.grammar_lazy)
      return fail_at("body.tool_choice", ErrorKind::kUnsupported,
                     "this model's template has no form for calls that could be forced; ask with \"auto\"");
    prompt.grammar = params.grammar;
    return prompt;
  } catch (const std::exception& error) {
    return fail_at("body.messages", ErrorKind::kInvalidInput, "the model's chat template refuses them: {}",
                   first_lines(error));
  }
}

}  // namespace thalamus::host
