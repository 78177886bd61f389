#include "thalamus/wire/losses.h"

#include <fmt/format.h>

namespace thalamus::wire {
namespace {

// Where one protocol says a word and the other a number: the budgets that the words stand for.
constexpr std::uint32_t kLowTokens = 1024;
constexpr std::uint32_t kMediumTokens = 4096;
constexpr std::uint32_t kHighTokens = 16384;

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

std::string quoted_raw(std::string_view data) { return fmt::format("\"{}\"", data); }

std::string data_url(const core::PartDetail& detail, std::string_view fallback_type) {
  const std::string_view type = detail.media_type.empty() ? fallback_type : std::string_view(detail.media_type);
  return fmt::format("\"data:{};base64,{}\"", type, detail.data);
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

std::string effort_of(const core::Request& request) {
  if (!request.reasoning_effort.empty()) return request.reasoning_effort;
  if (!request.reasoning_tokens || *request.reasoning_tokens == 0) return {};
  if (*request.reasoning_tokens <= kLowTokens) return "low";
  return *request.reasoning_tokens <= kMediumTokens * 2 ? "medium" : "high";
}

std::uint32_t thinking_tokens_of(const core::Request& request) {
  if (request.reasoning_tokens) return *request.reasoning_tokens;
  const std::string& effort = request.reasoning_effort;
  if (effort.empty() || effort == "none" || effort == "minimal") return 0;
  if (effort == "low") return kLowTokens;
  return effort == "medium" ? kMediumTokens : kHighTokens;
}

}  // namespace thalamus::wire
