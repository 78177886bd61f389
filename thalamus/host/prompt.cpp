#include "thalamus/host/prompt.h"

#include <common/chat.h>
#include <common/json-schema-to-grammar.h>
#include <common/json.h>
#include <common/log.h>
#include <llama.h>

#include <exception>

#include "thalamus/base/json_writer.h"
#include "thalamus/wire/json_cursor.h"

namespace thalamus::host {
namespace {

constexpr std::size_t kReasonBytesMax = 300;
constexpr std::string_view kAnyJsonObject = R"({"type":"object"})";

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

std::vector<core::ToolDefinition> allowed_tools(const core::Request& request, const Demands& demands) {
  std::vector<core::ToolDefinition> tools;
  if (demands.tool_choice == ToolChoice::kNone) return tools;
  for (const core::ToolDefinition& tool : request.tools) {
    if (demands.tool.empty() || tool.name == demands.tool) tools.push_back(tool);
  }
  return tools;
}

std::string first_lines(const std::exception& error) {
  return std::string(std::string_view(error.what()).substr(0, kReasonBytesMax));
}

Result<std::string> grammar_of_schema(const std::string& schema, std::string_view where) {
  try {
    return json_schema_to_grammar(common_json::parse(schema));
  } catch (const std::exception& error) {
    return fail_at(std::string(where), ErrorKind::kInvalidInput, "cannot become a grammar: {}; simplify the schema",
                   first_lines(error));
  }
}

/// {"name": one of them, "arguments": by its schema}.
std::string call_schema(const std::vector<core::ToolDefinition>& tools) {
  base::JsonWriter out;
  out.begin_object().key("anyOf").begin_array();
  for (const core::ToolDefinition& tool : tools) {
    const bool any = tool.parameters.empty() || tool.parameters == "{}";
    out.begin_object().field("type", "object").key("properties").begin_object();
    out.key("name").begin_object().field("const", tool.name).end_object();
    out.key("arguments").raw(any ? kAnyJsonObject : std::string_view(tool.parameters)).end_object();
    out.key("required").raw(R"(["name","arguments"])").key("additionalProperties").raw("false").end_object();
  }
  out.end_array().end_object();
  return out.take();
}

/// Empty for free text.
Result<std::string> grammar_of(const core::Request& request) {
  if (request.response_format == core::ResponseFormat::kText) return std::string();
  const bool any = request.response_format == core::ResponseFormat::kJsonObject || request.response_schema.empty();
  return grammar_of_schema(any ? std::string(kAnyJsonObject) : request.response_schema,
                           "body.response_format.json_schema.schema");
}

/// Reads what the grammar of `call_schema` let through.
class ForcedCallReader final : public AnswerReader {
 public:
  std::optional<Reading> read(const std::string& text, Ending ending) const override {
    Reading out;
    if (ending == Ending::kOpen) return out;
    wire::JsonCursor cursor(text);
    core::ToolCall call;
    std::string_view key;
    std::string_view arguments;
    if (!cursor.enter_object()) return std::nullopt;
    while (cursor.next_member(key)) {
      const bool read = key == "name" ? cursor.read_string(call.name) : cursor.skip(arguments);
      if (!read) return std::nullopt;
    }
    if (!cursor.finish()) return std::nullopt;
    call.arguments = std::string(arguments);
    out.calls.push_back(std::move(call));
    return out;
  }
};

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
  const auto tools = allowed_tools(request, demands);
  const bool forced = demands.tool_choice == ToolChoice::kRequired;
  if (forced) {
    TRY(prompt.grammar, grammar_of_schema(call_schema(tools), "body.tools"));
  } else {
    TRY(prompt.grammar, grammar_of(request));
  }
  try {
    common_chat_templates_inputs inputs;
    for (const core::Message& message : request.messages) inputs.messages.push_back(to_message(message));
    for (const core::ToolDefinition& tool : tools)
      inputs.tools.push_back({tool.name, tool.description, tool.parameters.empty() ? "{}" : tool.parameters});
    const common_chat_params params = common_chat_templates_apply(impl_->templates.get(), inputs);
    prompt.text = params.prompt;
    prompt.stops = params.additional_stops;
    if (forced) {
      prompt.reader = std::make_unique<ForcedCallReader>();
    } else if (!tools.empty()) {
      prompt.reader = std::make_unique<TemplateReader>(params);
    }
    return prompt;
  } catch (const std::exception& error) {
    return fail_at("body.messages", ErrorKind::kInvalidInput, "the model's chat template refuses them: {}",
                   first_lines(error));
  }
}

}  // namespace thalamus::host
