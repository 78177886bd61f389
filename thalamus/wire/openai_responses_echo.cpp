#include "thalamus/wire/openai_responses_echo.h"

#include <algorithm>
#include <span>

#include "thalamus/wire/json_splice.h"
#include "thalamus/wire/json_take.h"

namespace thalamus::wire {
namespace {

struct Member {
  std::string_view name;
  std::string_view otherwise;  ///< where the request does not say it; empty: the member is left out
};
constexpr std::array kEchoed = std::to_array<Member>({
    {"instructions", "null"},
    {"max_output_tokens", "null"},
    {"metadata", "{}"},
    {"parallel_tool_calls", "true"},
    {"prompt_cache_key", ""},
    {"reasoning", R"({"effort":null,"summary":null})"},
    {"safety_identifier", ""},
    {"temperature", "null"},
    {"text", R"({"format":{"type":"text"}})"},
    {"tool_choice", "\"auto\""},
    {"tools", "[]"},
    {"top_logprobs", ""},
    {"top_p", "null"},
    {"truncation", "\"disabled\""},
    {"user", "null"},
});

/// What an object of the request always has in the response.
constexpr std::array kReasoning = std::to_array<Member>({{"effort", "null"}, {"summary", "null"}});
constexpr std::array kText = std::to_array<Member>({{"format", R"({"type":"text"})"}});

/// The object with the members that it lacks; empty for anything else.
std::string completed(std::string_view raw, std::span<const Member> wanted) {
  JsonCursor cursor(raw);
  if (cursor.peek() != JsonKind::kObject) return {};
  std::string out(raw);
  for (const Member& member : wanted) {
    JsonCursor again(raw);
    bool given = false;
    static_cast<void>(each_member(again, [&](std::string_view key) {
      given = given || key == member.name;
      return again.skip();
    }));
    if (given) continue;
    std::string added;
    base::append_json_string(added, member.name);
    add_members(out, added.append(":").append(member.otherwise));
  }
  return out;
}

}  // namespace

ResponseEcho::ResponseEcho(std::string_view request) {
  static_assert(kEchoed.size() == kMembers);
  JsonCursor cursor(request);
  static_cast<void>(!request.empty() && each_member(cursor, [&](std::string_view key) {
    const auto* const row =
        std::find_if(kEchoed.begin(), kEchoed.end(), [&](const Member& member) { return member.name == key; });
    const bool null = cursor.peek() == JsonKind::kNull;
    std::string_view raw;
    if (!cursor.skip(raw)) return false;
    // Nothing is cut from the conversation, whatever was asked for.
    if (row == kEchoed.end() || null || row->name == "truncation") return true;
    std::string_view& given = given_[static_cast<std::size_t>(row - kEchoed.begin())];
    given = raw;
    if (row->name == "reasoning") given = reasoning_ = completed(raw, kReasoning);
    if (row->name == "text") given = text_ = completed(raw, kText);
    return true;
  }));
}

void ResponseEcho::write(base::JsonWriter& writer) const {
  for (std::size_t i = 0; i < kMembers; ++i) {
    const std::string_view value = given_[i].empty() ? kEchoed[i].otherwise : given_[i];
    if (!value.empty()) writer.key(kEchoed[i].name).raw(value);
  }
}

}  // namespace thalamus::wire
