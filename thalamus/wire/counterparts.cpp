#include "thalamus/wire/counterparts.h"

#include <algorithm>
#include <span>

#include "thalamus/wire/json_splice.h"
#include "thalamus/wire/json_take.h"

namespace thalamus::wire {
namespace {

constexpr std::string_view kNoCounterpart = "no counterpart in the target's protocol";

/// Members that mean the same in both of OpenAI's protocols.
struct Pair {
  std::string_view chat;
  std::string_view responses;
};
constexpr std::array kPairs = std::to_array<Pair>({
    {"metadata", "metadata"},
    {"moderation", "moderation"},
    {"prompt_cache_key", "prompt_cache_key"},
    {"prompt_cache_options", "prompt_cache_options"},
    {"prompt_cache_retention", "prompt_cache_retention"},
    {"response_format.json_schema.description", "text.format.description"},
    {"safety_identifier", "safety_identifier"},
    {"service_tier", "service_tier"},
    {"verbosity", "text.verbosity"},
});

/// Values that ask for nothing, since they are what happens anyway.
struct Default {
  std::string_view path;
  std::string_view value;
};
constexpr std::array kDefaults = std::to_array<Default>({
    {"frequency_penalty", "0"},
    {"frequency_penalty", "0.0"},
    {"n", "1"},
    {"presence_penalty", "0"},
    {"presence_penalty", "0.0"},
    {"service_tier", "\"auto\""},
    {"store", "false"},
    {"stream_options.include_obfuscation", "false"},
    {"text.verbosity", "\"medium\""},
    {"verbosity", "\"medium\""},
});

constexpr unsigned bit(Protocol protocol) noexcept { return 1U << static_cast<unsigned>(protocol); }
constexpr unsigned kAny = 7;

/// Why a member is lost that has a relative on the other side. In the paths indices are left out.
struct Reason {
  std::string_view path;
  unsigned to;
  std::string_view words;
};
constexpr std::array kReasons = std::to_array<Reason>({
    {"include[]", kAny, "of what the provider's own tools did, nothing is translated"},
    {"metadata", bit(Protocol::kMessages), "metadata of messages holds nothing but a user_id"},
    {"n", kAny, "one answer is given"},
    {"output_config.effort", kAny,
     "\"high\" is asked for, the hardest that every model of the target's protocol knows"},
    {"prompt", kAny, "prompt templates are stored with the provider of responses"},
    {"reasoning.summary", kAny, "thoughts come as the target's provider gives them"},
    {"reasoning.generate_summary", kAny, "thoughts come as the target's provider gives them"},
    {"safety_identifier", bit(Protocol::kMessages), "the one user_id of messages is the member `user`"},
    {"service_tier", kAny, "the target's provider sells no such tier"},
    {"store", kAny, "a chat completion is stored for evaluations, a response for later requests: nothing is stored"},
    {"stream_options.include_obfuscation", kAny, "streams that are translated are not padded"},
    {"tool_choice", kAny, "this form of tool_choice is not translated"},
    {"function_call", kAny, "this form of function_call is not translated"},
    {"tools[].custom", kAny, "it is given as a function without parameters"},
    {"tools[]", kAny, "a tool with free text as its input is given as a function without parameters"},
    {"input[].input", kAny, "the free text of the call stands as the argument \"input\" of a function"},
    {"...", kAny, "further members are not read one by one"},
    {"truncation", kAny, "nothing is cut from the conversation"},
    {"web_search_options", bit(Protocol::kResponses), "searches of responses are asked for as a tool"},
    {"web_search_options", bit(Protocol::kMessages), "searches of messages are asked for as a tool"},
});
constexpr std::string_view kThoughtReason =
    "chat's reasoning text has no proof that a provider of the target's protocol takes back";
/// The names that servers of chat completions have for the text of a thought.
constexpr std::array<std::string_view, 3> kThoughts{"messages[].reasoning", "messages[].reasoning_content",
                                                    "messages[].reasoning_details"};
constexpr std::string_view kCacheReason = "marks for the provider's prompt cache are not translated";

/// "messages[12].content[0].x" -> "messages[].content[].x".
std::string without_indices(std::string_view path) {
  std::string out;
  for (const char c : path)
    if (out.empty() || out.back() != '[' || c == ']') out.push_back(c);
  return out;
}

/// {"task":...} is ours.
std::string without_task(std::string_view metadata) {
  JsonCursor cursor(metadata);
  MemberRemoval removal;
  const bool read = each_member(cursor, [&](std::string_view key) {
    removal.member(cursor);
    const std::size_t key_offset = cursor.key_offset();
    const auto comma = cursor.comma_offset();
    const bool task = key == "task";
    if (!cursor.skip()) return false;
    if (task) removal.mark(key_offset, comma, cursor.offset());
    return true;
  });
  if (!read || !removal.marked()) return std::string(metadata);
  SpliceEdit edit = removal.edit();
  return splice(metadata, {&edit, 1});
}

std::string_view counterpart(std::string_view path, Protocol from, Protocol to) noexcept {
  if (from == Protocol::kMessages || to == Protocol::kMessages) return {};
  const bool chat = from == Protocol::kChat;
  const auto* const row = std::find_if(kPairs.begin(), kPairs.end(),
                                       [&](const Pair& pair) { return (chat ? pair.chat : pair.responses) == path; });
  if (row == kPairs.end()) return {};
  return chat ? row->responses : row->chat;
}

/// Between OpenAI's tiers and Anthropic's: both may say that no capacity bought beforehand shall be used.
std::string_view tier(std::string_view value, Protocol to) noexcept {
  if (to == Protocol::kMessages) return value == "\"default\"" ? "\"standard_only\"" : "";
  return value == "\"standard_only\"" ? "\"default\"" : "";
}

std::string_view reason_for(std::string_view path, Protocol to) {
  const std::string shape = without_indices(path);
  if (shape.ends_with("cache_control") || shape.ends_with("prompt_cache_breakpoint")) return kCacheReason;
  if (std::find(kThoughts.begin(), kThoughts.end(), shape) != kThoughts.end()) return kThoughtReason;
  const auto* const row = std::find_if(kReasons.begin(), kReasons.end(), [&](const Reason& reason) {
    return reason.path == shape && (reason.to & bit(to)) != 0;
  });
  return row == kReasons.end() ? kNoCounterpart : row->words;
}

bool asks_nothing(std::string_view path, std::string_view value) {
  if (path == "modalities") {
    std::string dense(value);
    std::erase_if(dense, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
    return dense == R"(["text"])";
  }
  if (value == "{}" || value == "[]") return true;
  return std::any_of(kDefaults.begin(), kDefaults.end(),
                     [&](const Default& row) { return row.path == path && row.value == value; });
}

}  // namespace

std::optional<Protocol> protocol_of(std::string_view format_name) noexcept {
  if (format_name == "openai") return Protocol::kChat;
  if (format_name == "responses") return Protocol::kResponses;
  if (format_name == "anthropic") return Protocol::kMessages;
  return std::nullopt;
}

Fate fate_of(std::string_view path, std::string_view value, Protocol from, Protocol to, const core::Request& request) {
  if (path.ends_with(".description") && request.response_format != core::ResponseFormat::kJsonSchema) return {};
  if (const std::string_view name = counterpart(path, from, to); !name.empty())
    return {std::string(name), path == "metadata" ? without_task(value) : std::string(value)};
  if (asks_nothing(path, value)) return {};
  // Thoughts in messages are a text that nobody has to ask for.
  if (path == "reasoning.summary" && value == "\"auto\"" && to == Protocol::kMessages) return {};
  if (path == "service_tier") {
    const std::string_view other = tier(value, to);
    if (!other.empty()) return {std::string(path), std::string(other)};
  }
  if (path == "safety_identifier" && to == Protocol::kMessages && request.user.empty())
    return {"metadata.user_id", std::string(value)};
  return {.reason = reason_for(path, to)};
}

}  // namespace thalamus::wire
