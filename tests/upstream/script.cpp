#include "script.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <map>
#include <utility>

namespace thalamus::upstream {
namespace {

constexpr int kPieces = 3;
constexpr int kDripPieces = 30;

int number_after(std::string_view name, std::string_view prefix, int fallback) {
  if (!name.starts_with(prefix)) return fallback;
  int value = fallback;
  std::from_chars(name.data() + prefix.size(), name.data() + name.size(), value);
  return value;
}

core::Delta piece(core::DeltaKind kind, std::string text, std::uint32_t index = 0) {
  core::Delta delta;
  delta.kind = kind;
  delta.index = index;
  delta.text = std::move(text);
  return delta;
}

Script plain(const core::Request& request, int pieces) {
  Script script;
  core::Answer& answer = script.answer;
  answer.id = "scripted";
  answer.created_unix_s = 1'700'000'000;
  answer.model = request.model;
  answer.text = "The scripted answer.";
  answer.usage = {.input = 11, .cached_input = 3, .output = 5, .reasoning = 0, .known = true};
  for (int i = 0; i < pieces; ++i) script.deltas.push_back(piece(core::DeltaKind::kText, fmt::format("piece {} ", i)));
  return script;
}

/// The answer's text in one piece.
void say(Script& script, std::string text) {
  script.answer.text = text;
  script.deltas = {piece(core::DeltaKind::kText, std::move(text))};
}

/// Two calls at once, their arguments interleaved; an answer once the results are there.
void call_tools(const core::Request& request, Script& script) {
  const core::Message* result = nullptr;
  for (const core::Message& message : request.messages)
    if (message.role == core::Role::kTool) result = &message;
  if (result != nullptr) {
    say(script, "The tool said: " + (result->parts.empty() ? std::string() : result->parts.front().text));
    return;
  }
  const std::string first = request.tools.empty() ? "first" : request.tools.front().name;
  const std::string second = request.tools.size() < 2 ? first : request.tools[1].name;
  script.answer.text.clear();
  script.answer.finish = core::Finish::kToolCalls;
  script.answer.tool_calls = {{"call_1", first, R"({"city":"Utrecht"})"}, {"call_2", second, R"({"city":"Bonn"})"}};
  script.deltas.clear();
  for (std::uint32_t i = 0; i < 2; ++i) {
    core::Delta begun = piece(core::DeltaKind::kToolCall, {}, i);
    begun.id = script.answer.tool_calls[i].id;
    begun.name = script.answer.tool_calls[i].name;
    script.deltas.push_back(std::move(begun));
  }
  const auto arguments = [&](std::uint32_t call, const char* text) {
    script.deltas.push_back(piece(core::DeltaKind::kArguments, text, call));
  };
  arguments(0, "{\"city\":");
  arguments(1, "{\"ci");
  arguments(0, "\"Utrecht\"}");
  arguments(1, "ty\":\"Bonn\"}");
}

void think(Script& script) {
  auto detail = std::make_shared<core::PartDetail>();
  detail->signature = "c2lnbmVk";
  script.answer.reasoning.push_back({core::PartKind::kReasoning, "Let me think.", std::move(detail)});
  script.answer.usage.reasoning = 4;
  script.deltas.insert(script.deltas.begin(),
                       {piece(core::DeltaKind::kReasoning, "Let me "), piece(core::DeltaKind::kReasoning, "think."),
                        piece(core::DeltaKind::kReasoningSignature, "c2lnbmVk")});
}

/// How often the same text was asked for with the same command.
int times_asked(const core::Request& request) {
  static std::map<std::pair<std::string, std::string>, int> asked;
  return ++asked[{request.model, request.last_user_text()}];
}

bool set_content(std::string_view command, const core::Request& request, Script& script) {
  if (command == "tools") {
    call_tools(request, script);
  } else if (command == "reason") {
    think(script);
  } else if (command == "refuse") {
    script.answer.text.clear();
    script.answer.refusal = "I cannot do that.";
    script.answer.finish = core::Finish::kContentFilter;
    script.deltas = {piece(core::DeltaKind::kRefusal, "I cannot "), piece(core::DeltaKind::kRefusal, "do that.")};
  } else if (command == "json") {
    say(script, R"({"name":"Ada","age":36})");
  } else if (command == "length") {
    script.answer.finish = core::Finish::kLength;
  } else if (command == "cached") {
    script.answer.usage = {
        .input = 100, .cached_input = 60, .output = 9, .reasoning = 2, .known = true, .cache_write = 30};
  } else {
    return false;
  }
  return true;
}

bool set_fault(std::string_view command, Script& script) {
  static constexpr std::array<std::pair<std::string_view, Break>, 11> kFaults{{{"empty", Break::kEmpty},
                                                                               {"error-in-200", Break::kErrorFirst},
                                                                               {"garbage", Break::kGarbage},
                                                                               {"cut-before", Break::kCutBefore},
                                                                               {"cut-after", Break::kCutAfter},
                                                                               {"late-error", Break::kLateError},
                                                                               {"stall", Break::kStall},
                                                                               {"silent", Break::kSilent},
                                                                               {"stall-after", Break::kStallAfter},
                                                                               {"usage-null", Break::kNullUsage},
                                                                               {"ok", Break::kNone}}};
  for (const auto& [name, fault] : kFaults) {
    if (command != name) continue;
    script.fault = fault;
    return true;
  }
  return false;
}

}  // namespace

void prove_as_responses(Script& script) {
  constexpr const char* kName = "rs_scripted";
  for (core::Part& thought : script.answer.reasoning) {
    auto detail = std::make_shared<core::PartDetail>();
    detail->id = kName;
    detail->encrypted = thought.detail->signature;
    thought.detail = std::move(detail);
  }
  for (core::Delta& delta : script.deltas) {
    if (delta.kind == core::DeltaKind::kReasoningSignature) delta.kind = core::DeltaKind::kReasoningEncrypted;
    if (delta.kind == core::DeltaKind::kReasoning || delta.kind == core::DeltaKind::kReasoningEncrypted)
      delta.id = kName;
  }
}

Script script_of(const core::Request& request, std::string_view body, std::string_view credential) {
  const std::string_view command = request.model;
  Script script = plain(request, number_after(command, "ok-", kPieces));
  if (set_fault(command, script) || set_content(command, request, script)) return script;
  script.status = number_after(command, "status-", 200);
  if (script.status == 429 || script.status == 503) script.retry_after_s = command.ends_with("-later") ? 1 : -1;
  if (const int failing = number_after(command, "flaky-", 0); failing > 0 && times_asked(request) <= failing)
    script.status = 503;
  script.wait = std::chrono::milliseconds(number_after(command, "slow-", 0));
  if (const int pause = number_after(command, "drip-", 0); pause > 0) {
    script = plain(request, kDripPieces);
    script.between = std::chrono::milliseconds(pause);
  }
  if (command == "second-key" && credential.find("second") == std::string_view::npos) script.status = 429;
  if (command == "live-key" && credential.find("second") == std::string_view::npos) script.status = 401;
  if (command == "overflow") {
    script.status = 400;
    script.message = "This model's maximum context length is 100 tokens";
    script.code = "context_length_exceeded";
  }
  if (command == "echo" || command == "echo-headers") say(script, std::string(body));
  return script;
}

}  // namespace thalamus::upstream
