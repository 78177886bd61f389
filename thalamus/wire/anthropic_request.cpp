// core::Request -> a messages request, with what it cannot say. The turns have their own source.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "thalamus/base/json_writer.h"
#include "thalamus/base/text.h"
#include "thalamus/wire/anthropic_format.h"
#include "thalamus/wire/anthropic_message.h"
#include "thalamus/wire/json_take.h"
#include "thalamus/wire/losses.h"

namespace thalamus::wire {
namespace {

using base::JsonWriter;
using core::Role;

constexpr std::uint32_t kAnswerTokens = 4096;  // where the client sets no limit; the budget of thinking is added
constexpr std::uint32_t kThinkingTokensMin = 1024;
constexpr double kThinkingTopPMin = 0.95;

bool is_blank(std::string_view text) noexcept { return base::trim(text).empty(); }

/// A tool of Anthropic's own: its type ends with the date of its version.
bool is_dated_tool(std::string_view json) {
  std::string type;
  JsonCursor cursor(json);
  const bool read = each_member(
      cursor, [&](std::string_view key) { return key == "type" ? take_text(cursor, type) : cursor.skip(); });
  constexpr std::size_t kDate = 8;
  if (!read || type.size() <= kDate || type[type.size() - kDate - 1] != '_') return false;
  return type.find_first_not_of("0123456789", type.size() - kDate) == std::string::npos;
}

class RequestWriter {
 public:
  RequestWriter(const core::Request& request, LossList losses) : request_(request), losses_(losses) {}

  std::string write(std::string_view model) {
    thinking_tokens_ = thinking_budget();
    writer_.begin_object().field("model", model);
    writer_.field("max_tokens", request_.max_output_tokens.value_or(kAnswerTokens + thinking_tokens_));
    write_turns(request_, losses_, writer_);
    tools();
    tool_choice();
    if (thinking_tokens_ > 0)
      writer_.key("thinking").begin_object().field("type", "enabled").field("budget_tokens", thinking_tokens_);
    if (thinking_tokens_ > 0) writer_.end_object();
    response_format();
    sampling();
    if (!request_.user.empty()) writer_.key("metadata").begin_object().field("user_id", request_.user).end_object();
    if (request_.stream) writer_.field("stream", true);
    writer_.end_object();
    return writer_.take();
  }

 private:
  static constexpr std::string_view kEffort = "request.reasoning_effort";

  /// The tokens to think with; 0 where the request does not ask for it or the protocol does not allow it.
  std::uint32_t thinking_budget() {
    const ThinkingBudget asked = thinking_budget_of(request_);
    const auto as_asked = [&](std::uint32_t tokens) {
      if (!asked.loss.empty()) losses_.add(std::string(kEffort), asked.loss);
      return tokens;
    };
    if (asked.tokens == 0) return as_asked(0);
    const std::uint32_t wanted = std::max(asked.tokens, kThinkingTokensMin);
    const auto refuse = [this](std::string_view reason) {
      losses_.add(std::string(kEffort), reason);
      return 0U;
    };
    if (request_.tool_choice && !request_.tools.empty() &&
        (*request_.tool_choice == core::ToolChoice::kRequired || *request_.tool_choice == core::ToolChoice::kNamed))
      return refuse("a model that must call a tool does not think before");
    if (!may_think_on())
      return refuse("thinking goes on only from an assistant's turn that holds its signed reasoning");
    if (!request_.max_output_tokens || wanted < *request_.max_output_tokens) return as_asked(wanted);
    // Thinking counts towards the limit, which is what the client may be billed: the budget gives way.
    if (*request_.max_output_tokens <= kThinkingTokensMin)
      return refuse("the limit of the answer leaves no room for thinking, which takes at least 1024 tokens");
    const std::uint32_t lowered = std::max(kThinkingTokensMin, *request_.max_output_tokens / 2);
    losses_.add(std::string(kEffort), fmt::format("{} tokens of thinking instead of {}, to stay below the limit of "
                                                  "the answer",
                                                  lowered, wanted));
    return lowered;
  }

  // The assistant's last turn must begin with a thought if the model is to think on behind tool results, and it cannot
  // be gone on with at all.
  bool may_think_on() const {
    const auto& messages = request_.messages;
    const auto last = std::find_if(messages.rbegin(), messages.rend(),
                                   [](const core::Message& message) { return message.role == Role::kAssistant; });
    if (last == messages.rend()) return true;
    const bool is_end = std::all_of(messages.rbegin(), last,
                                    [](const core::Message& message) { return message.role == Role::kSystem; });
    if (is_end) return false;
    return last->tool_calls.empty() || std::any_of(last->parts.begin(), last->parts.end(), is_signed_thought);
  }

  void tools() {
    // The protocol has no list of those that may be called: the others are not named.
    const std::unordered_set<std::string_view> allowed(request_.allowed_tools.begin(), request_.allowed_tools.end());
    for (std::size_t i = 0; i < request_.tools.size(); ++i) {
      const core::ToolDefinition& tool = request_.tools[i];
      if (!allowed.empty() && !allowed.contains(tool.name)) continue;
      const bool own = !tool.hosted.empty() && is_dated_tool(tool.hosted);
      if (!tool.hosted.empty() && !own) {
        losses_.add_tool(i, tool);
        continue;
      }
      if (!has_tools_) writer_.key("tools").begin_array();
      has_tools_ = true;
      if (own) {
        writer_.raw(tool.hosted);
        continue;
      }
      writer_.begin_object().field("name", tool.name);
      if (!tool.description.empty()) writer_.field("description", tool.description);
      writer_.key("input_schema");
      writer_.raw(tool.parameters.empty() ? R"({"type":"object","properties":{}})" : tool.parameters);
      if (tool.strict) writer_.field("strict", true);
      writer_.end_object();
    }
    if (has_tools_) writer_.end_array();
  }

  void tool_choice() {
    static constexpr std::array<std::string_view, 4> kTypes{"auto", "none", "any", "tool"};
    const bool one_call = request_.parallel_tool_calls && !*request_.parallel_tool_calls;
    if (!has_tools_ || (!request_.tool_choice && !one_call)) return;
    const core::ToolChoice choice = request_.tool_choice.value_or(core::ToolChoice::kAuto);
    writer_.key("tool_choice").begin_object().field("type", kTypes[static_cast<std::size_t>(choice)]);
    if (choice == core::ToolChoice::kNamed) writer_.field("name", request_.tool_choice_name);
    if (one_call && choice != core::ToolChoice::kNone) writer_.field("disable_parallel_tool_use", true);
    writer_.end_object();
  }

  void response_format() {
    if (request_.response_format == core::ResponseFormat::kText) return;
    if (request_.response_schema.empty() || request_.response_format == core::ResponseFormat::kJsonObject) {
      losses_.add("request.response_format", "JSON without a schema cannot be asked for; the prompt alone says it");
      return;
    }
    writer_.key("output_config").begin_object().key("format").begin_object().field("type", "json_schema");
    writer_.key("schema").raw(request_.response_schema).end_object().end_object();
  }

  void sampling() {
    const bool thinks = thinking_tokens_ > 0;
    if (request_.temperature) {
      const double temperature = std::min(*request_.temperature, 1.0);
      if (thinks && *request_.temperature != 1.0) {
        losses_.add("request.temperature", "a model that thinks takes none but 1");
      } else {
        if (temperature != *request_.temperature)
          losses_.add("request.temperature", "given as 1, the most that messages take");
        if (!thinks) writer_.field("temperature", temperature);
      }
    }
    top_p(thinks);
    stop();
    if (request_.seed) losses_.add("request.seed", "answers cannot be made repeatable");
    if (request_.logprobs) losses_.add("request.logprobs", "log-probabilities are not given");
  }

  // Current models take one of temperature and top_p; 1 is what both mean by default.
  void top_p(bool thinks) {
    if (!request_.top_p || *request_.top_p >= 1) return;
    if (request_.temperature && !thinks) {
      losses_.add("request.top_p", "models take one of temperature and top_p: temperature is kept");
    } else if (thinks && *request_.top_p < kThinkingTopPMin) {
      losses_.add("request.top_p", "a model that thinks takes no less than 0.95");
    } else {
      writer_.field("top_p", *request_.top_p);
    }
  }

  void stop() {
    bool any = false;
    for (std::size_t i = 0; i < request_.stop.size(); ++i) {
      if (is_blank(request_.stop[i])) {
        losses_.add(fmt::format("request.stop[{}]", i), "a stop sequence of nothing but white space is refused");
        continue;
      }
      if (!any) writer_.key("stop_sequences").begin_array();
      any = true;
      writer_.value(request_.stop[i]);
    }
    if (any) writer_.end_array();
  }

  const core::Request& request_;
  LossList losses_;
  JsonWriter writer_;
  std::uint32_t thinking_tokens_ = 0;
  bool has_tools_ = false;
};

}  // namespace

std::string Anthropic::encode_request(const core::Request& request, std::string_view model, Losses* losses) const {
  return RequestWriter(request, LossList(losses)).write(model);
}

}  // namespace thalamus::wire
