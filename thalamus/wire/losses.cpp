#include "thalamus/wire/losses.h"

#include <fmt/format.h>

#include <algorithm>

#include "thalamus/base/json_writer.h"

namespace thalamus::wire {
namespace {

// Where one protocol says a word and the other a number: the budgets that the words stand for.
constexpr std::uint32_t kLowTokens = 1024;
constexpr std::uint32_t kMediumTokens = 4096;
constexpr std::uint32_t kHighTokens = 16384;

/// What a word stands for; a word that is not known is a hard one.
std::uint32_t tokens_of(std::string_view effort) noexcept {
  if (effort.empty() || effort == "none" || effort == "minimal") return 0;
  if (effort == "low") return kLowTokens;
  return effort == "medium" ? kMediumTokens : kHighTokens;
}

std::string_view word_of(std::uint32_t tokens) noexcept {
  if (tokens == 0) return {};
  if (tokens <= kLowTokens) return "low";
  return tokens <= kMediumTokens * 2 ? "medium" : "high";
}

}  // namespace

void LossList::add(std::string path, std::string_view reason) {
  if (losses_ != nullptr) losses_->push_back({std::move(path), std::string(reason)});
}

void LossList::add(const core::Part& part, std::string_view fallback, std::string_view reason) {
  const bool placed = part.detail != nullptr && !part.detail->place.empty();
  add(placed ? part.detail->place : std::string(fallback), reason);
}

void LossList::add_tool(std::size_t index, const core::ToolDefinition& tool) {
  if (losses_ != nullptr)
    add(fmt::format("request.tools[{}]", index), fmt::format("'{}' is run by its own provider only", tool.name));
}

std::uint32_t LossList::raised_limit(std::uint32_t limit, std::uint32_t least) {
  if (limit >= least) return limit;
  // Who gives a limit below the least of another protocol spells it so, but for `max_completion_tokens`.
  add("request.max_tokens", fmt::format("given as {}, the least that the target's protocol takes", least));
  return least;
}

std::string quoted_raw(std::string_view data) { return fmt::format("\"{}\"", data); }

std::string data_url(const core::PartDetail& detail, std::string_view fallback_type) {
  const std::string_view type = detail.media_type.empty() ? fallback_type : std::string_view(detail.media_type);
  std::string out;
  base::append_json_string(out, fmt::format("data:{};base64,", type));  // the type is the client's word, any text
  out.pop_back();
  return out.append(detail.data).append("\"");
}

bool split_data_url(std::string_view raw, std::string& media_type, std::string_view& data) {
  constexpr std::size_t kTypeMax = 128;
  if (!raw.starts_with("data:")) return false;
  const auto comma = raw.substr(0, kTypeMax).find(',');
  if (comma == std::string_view::npos) return false;
  std::string_view type = raw.substr(5, comma - 5);
  if (!type.ends_with(";base64")) return false;
  type.remove_suffix(7);
  type = type.substr(0, type.find(';'));
  media_type.clear();
  for (const char c : type) {
    if (c == '"') return false;
    if (c != '\\') media_type.push_back(c);
  }
  data = raw.substr(comma + 1);
  return true;
}

std::string detail_place(const core::Part& image, std::string_view fallback) {
  if (image.detail == nullptr || image.detail->place.empty()) return std::string(fallback);
  const std::string& place = image.detail->place;
  return place + (place.starts_with("input") ? ".detail" : ".image_url.detail");
}

bool CallIds::is_taken(std::string_view id) const {
  return std::any_of(request_.messages.begin(), request_.messages.end(), [id](const core::Message& message) {
    return std::any_of(message.tool_calls.begin(), message.tool_calls.end(),
                       [id](const core::ToolCall& call) { return call.id == id; });
  });
}

std::string CallIds::call(const std::string& id) {
  if (!id.empty()) return id;
  std::string made;
  do {
    made = fmt::format("call_{}", ++numbered_);
  } while (is_taken(made));
  return unanswered_.emplace_back(std::move(made));
}

std::string CallIds::result(const std::string& id) {
  if (!id.empty() || unanswered_.empty()) return id;
  std::string made = std::move(unanswered_.front());
  unanswered_.pop_front();
  return made;
}

std::string effort_of(const core::Request& request, LossList& losses) {
  const std::uint32_t tokens = request.reasoning_tokens.value_or(0);
  std::string word = request.reasoning_effort.empty() ? std::string(word_of(tokens)) : request.reasoning_effort;
  if (tokens > 0 && tokens != tokens_of(word))
    losses.add("request.reasoning_effort.budget_tokens", fmt::format("given as the effort \"{}\"", word));
  return word;
}

ThinkingBudget thinking_budget_of(const core::Request& request) {
  if (request.reasoning_tokens) return {*request.reasoning_tokens};
  const std::string& effort = request.reasoning_effort;
  const std::uint32_t tokens = tokens_of(effort);
  if (effort.empty() || effort == "none" || effort == "low" || effort == "medium" || effort == "high") return {tokens};
  if (tokens == 0) return {0, "given as no thinking: messages know none that is so short"};
  return {tokens, fmt::format("given as the effort \"high\", {} tokens of thinking", tokens)};
}

}  // namespace thalamus::wire
