#include "thalamus/wire/body_check.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <vector>

#include "thalamus/base/text.h"
#include "thalamus/wire/body_edits.h"

namespace thalamus::wire {
namespace {

/// Members that bring tools of their own.
constexpr std::array<std::string_view, 2> kToolBringers{"mcp_servers", "prompt"};

bool provider_knows_more(const core::Request& request) {
  return std::any_of(request.tools.begin(), request.tools.end(),
                     [](const auto& tool) { return !tool.hosted.empty(); }) ||
         std::find_first_of(request.unread.begin(), request.unread.end(), kToolBringers.begin(), kToolBringers.end()) !=
             request.unread.end();
}

}  // namespace

Status check_body(std::string_view body, const DecodeLimits& limits) {
  if (body.size() > limits.body_bytes_max)
    return fail_at("body", ErrorKind::kTooLarge, "{} bytes, the limit is {}; shorten the request", body.size(),
                   limits.body_bytes_max);
  if (body.starts_with("\xef\xbb\xbf"))
    return fail_at("body", ErrorKind::kInvalidInput,
                   "begins with a byte order mark, expected a JSON object; send UTF-8 without the mark");
  if (base::trim(body).empty())
    return fail_at("body", ErrorKind::kInvalidInput, "expected a JSON object, got an empty body");
  return {};
}

Status check_tool_choice(const core::Request& request, const ToolChoiceWords& words) {
  const bool named = request.tool_choice == core::ToolChoice::kNamed;
  const bool required = request.tool_choice == core::ToolChoice::kRequired;
  if ((!named && !required && request.allowed_tools.empty()) || provider_knows_more(request)) return {};
  // Both may have as many elements as a body has room for.
  std::unordered_set<std::string_view> known;
  for (const core::ToolDefinition& tool : request.tools) known.insert(tool.name);
  const auto check = [&](const std::string& name, std::string_view place) -> Status {
    if (known.contains(name)) return {};
    std::vector<std::string> names;
    names.reserve(request.tools.size());
    for (const core::ToolDefinition& tool : request.tools) names.push_back(tool.name);
    return fail_at(std::string(place), ErrorKind::kInvalidInput, "no tool of `tools` is called {}{}", quoted(name),
                   hint(name, names));
  };
  if (named) return check(request.tool_choice_name, words.name);
  for (const std::string& name : request.allowed_tools) CHECK_OK(check(name, words.choice));
  if (!required || !known.empty()) return {};
  return fail_at(std::string(words.choice), ErrorKind::kInvalidInput,
                 "\"{}\" demands a call, but there are no `tools`; give some, or leave tool_choice out",
                 words.required);
}

Status read_metadata(JsonCursor& cursor, const Place& place, std::string& task_hint, bool& more) {
  CHECK_OK(enter_object(cursor, place));
  bool seen = false;
  std::string_view key;
  while (cursor.next_member(key)) {
    if (key != "task") {
      more = true;
      CHECK_OK(skip_value(cursor, place));
      continue;
    }
    CHECK_OK(once(seen, Place(place, "task")));
    if (!pass_null(cursor)) CHECK_OK(read_text(cursor, Place(place, "task"), task_hint));
  }
  return left(cursor, place);
}

}  // namespace thalamus::wire
