// A messages request -> core::Request: the top-level members. Turns and tools have their own sources.
#include <algorithm>
#include <array>
#include <optional>

#include "thalamus/wire/anthropic.h"
#include "thalamus/wire/anthropic_format.h"
#include "thalamus/wire/anthropic_message.h"
#include "thalamus/wire/body_check.h"
#include "thalamus/wire/body_members.h"
#include "thalamus/wire/contract.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {
namespace {

constexpr NumberRange kTemperature{0, 1, "a number from 0 to 1"};
constexpr NumberRange kTopP{0, 1, "a number from 0 to 1"};
constexpr std::uint32_t kThinkingTokensMin = 1024;
constexpr std::array<std::string_view, 4> kToolChoices{"auto", "none", "any", "tool"};  // in the order of ToolChoice
constexpr std::array<std::string_view, 3> kThinkingTypes{"enabled", "disabled", "adaptive"};
constexpr std::array<std::string_view, 1> kOutputFormats{"json_schema"};

enum class Purpose : std::uint8_t { kAnswer, kCount };

class RequestDecoder {
 public:
  RequestDecoder(std::string_view body, const DecodeLimits& limits, Purpose purpose, BodyPlaces* places) noexcept
      : limits_(limits), purpose_(purpose), cursor_(body, limits.depth_max), notes_(request_, places) {
    notes_.field("stop", Place(root_, "stop_sequences"));
  }

  Result<core::Request> decode() {
    CHECK_OK(read());
    return complete();
  }

 private:
  // Only members that the gateway or a translation acts on; all others pass unread.
  static constexpr std::array<BodyMember<RequestDecoder>, 15> members() noexcept {
    return {{{"model", &RequestDecoder::model},
             {"messages", &RequestDecoder::messages},
             {"max_tokens", &RequestDecoder::max_tokens},
             {"system", &RequestDecoder::system},
             {"stream", &RequestDecoder::stream},
             {"temperature", &RequestDecoder::temperature},
             {"top_p", &RequestDecoder::top_p},
             {"stop_sequences", &RequestDecoder::stop_sequences},
             {"tools", &RequestDecoder::tools},
             {"tool_choice", &RequestDecoder::tool_choice},
             {"thinking", &RequestDecoder::thinking},
             {"output_config", &RequestDecoder::output_config},
             {"output_format", &RequestDecoder::output_format},
             {"metadata", &RequestDecoder::metadata},
             {"thalamus", &RequestDecoder::contract}}};
  }

  Status read() {
    static constexpr auto kMembers = members();
    return read_body(cursor_, root_, *this, kMembers, [this](std::string_view key) -> Status {
      if (cursor_.peek() != JsonKind::kNull) notes_.unread(Place(root_, key));
      return skip_value(cursor_, root_);
    });
  }

  Result<core::Request> complete() {
    if (request_.model.empty())
      return fail_at("body.model", ErrorKind::kInvalidInput,
                     "missing; name a route or a target, as GET /v1/models lists them");
    if (request_.messages.empty())
      return fail_at("body.messages", ErrorKind::kInvalidInput,
                     "missing; give at least one message with role and content");
    if (purpose_ == Purpose::kAnswer && !request_.max_output_tokens)
      return fail_at("body.max_tokens", ErrorKind::kInvalidInput,
                     "missing; say how many tokens the answer may have at most, such as 1024");
    CHECK_OK(check_tool_choice(request_, {"body.tool_choice.type", "body.tool_choice.name", "any"}));
    if (!system_.parts.empty()) {
      request_.messages.insert(request_.messages.begin(), std::move(system_));
      if (BodyPlaces* const places = notes_.places())
        places->messages().insert(places->messages().begin(), {"system", {}, {}});
    }
    // Without a stated effort an adaptive model thinks as hard as it can.
    const bool stated = !request_.reasoning_effort.empty() && !request_.reasoning_tokens;
    if (BodyPlaces* const places = notes_.places())
      places->field("reasoning_effort", places->path_of(stated ? "request.effort" : "request.thinking"));
    if (adaptive_ && request_.reasoning_effort.empty()) request_.reasoning_effort = "high";
    request_.shows_thoughts = adaptive_ || request_.reasoning_tokens.value_or(0) > 0;
    request_.include_usage = true;
    return std::move(request_);
  }

  Status model(const Place& place) {
    CHECK_OK(read_text(cursor_, place, request_.model));
    if (request_.model.empty())
      return fail_at(place.text(), ErrorKind::kInvalidInput,
                     "expected a non-empty string, got \"\"; name a route or a target, as GET /v1/models lists them");
    return {};
  }

  Status messages(const Place& place) {
    if (cursor_.peek() != JsonKind::kArray) return mistyped(cursor_, place, "a non-empty array of messages");
    CHECK_OK(enter_array(cursor_, place));
    std::size_t turns = 0;
    for (; cursor_.next_element(); ++turns) {
      if (turns == limits_.messages_max)
        return fail_at(place.text(), ErrorKind::kTooLarge, "more than {} messages; shorten the conversation",
                       limits_.messages_max);
      CHECK_OK(read_turn(cursor_, Place(place, turns), notes_, request_.messages));
    }
    CHECK_OK(left(cursor_, place));
    if (turns == 0)
      return fail_at(place.text(), ErrorKind::kInvalidInput,
                     "expected a non-empty array of messages, got []; give at least one with role and content");
    return {};
  }

  // 0 fills the prompt cache without an answer.
  Status max_tokens(const Place& place) { return read_count(cursor_, place, 0, request_.max_output_tokens.emplace()); }
  Status system(const Place& place) { return read_system(cursor_, place, notes_, system_); }
  Status stream(const Place& place) { return read_flag(cursor_, place, request_.stream); }
  Status temperature(const Place& place) {
    return read_real(cursor_, place, kTemperature, request_.temperature.emplace());
  }
  Status top_p(const Place& place) { return read_real(cursor_, place, kTopP, request_.top_p.emplace()); }

  Status stop_sequences(const Place& place) {
    if (cursor_.peek() != JsonKind::kArray) return mistyped(cursor_, place, "an array of strings");
    CHECK_OK(enter_array(cursor_, place));
    while (cursor_.next_element()) {
      const Place at(place, request_.stop.size());
      CHECK_OK(read_text(cursor_, at, request_.stop.emplace_back()));
    }
    return left(cursor_, place);
  }

  Status tools(const Place& place) {
    if (cursor_.peek() != JsonKind::kArray) return mistyped(cursor_, place, "an array of tools");
    CHECK_OK(enter_array(cursor_, place));
    for (std::size_t i = 0; cursor_.next_element(); ++i)
      CHECK_OK(read_anthropic_tool(cursor_, Place(place, i), notes_, request_.tools.emplace_back()));
    return left(cursor_, place);
  }

  Status tool_choice(const Place& place) {
    static constexpr std::array<std::string_view, 3> kNames{"type", "name", "disable_parallel_tool_use"};
    CHECK_OK(enter_object(cursor_, place));
    MembersOnce own;
    std::optional<std::string> type;
    std::string_view key;
    while (cursor_.next_member(key)) {
      CHECK_OK(own.check(place, key, kNames));
      if (key == "type") {
        CHECK_OK(read_text(cursor_, Place(place, "type"), type.emplace()));
      } else if (key == "name") {
        CHECK_OK(read_text(cursor_, Place(place, "name"), request_.tool_choice_name));
      } else if (key == "disable_parallel_tool_use") {
        bool disabled = false;
        CHECK_OK(read_flag(cursor_, Place(place, "disable_parallel_tool_use"), disabled));
        request_.parallel_tool_calls = !disabled;
      } else {
        CHECK_OK(pass(place, key));
      }
    }
    CHECK_OK(left(cursor_, place));
    const auto* const row = std::find(kToolChoices.begin(), kToolChoices.end(), type.value_or(""));
    if (row == kToolChoices.end()) return missing_or_not_among(Place(place, "type"), type, kToolChoices);
    request_.tool_choice = static_cast<core::ToolChoice>(row - kToolChoices.begin());
    if (*request_.tool_choice != core::ToolChoice::kNamed) {
      request_.tool_choice_name.clear();
    } else if (request_.tool_choice_name.empty()) {
      return missing(place, "name", "the name of the tool that must be called");
    }
    return {};
  }

  Status thinking(const Place& place) {
    static constexpr std::array<std::string_view, 2> kNames{"type", "budget_tokens"};
    CHECK_OK(enter_object(cursor_, place));
    MembersOnce own;
    std::optional<std::string> type;
    std::optional<std::uint32_t> budget;
    std::string_view key;
    while (cursor_.next_member(key)) {
      CHECK_OK(own.check(place, key, kNames));
      if (key == "type") {
        CHECK_OK(read_text(cursor_, Place(place, "type"), type.emplace()));
      } else if (key == "budget_tokens" && cursor_.peek() != JsonKind::kNull) {
        CHECK_OK(read_count(cursor_, Place(place, "budget_tokens"), kThinkingTokensMin, budget.emplace()));
      } else {
        CHECK_OK(pass(place, key));
      }
    }
    CHECK_OK(left(cursor_, place));
    const auto* const row = std::find(kThinkingTypes.begin(), kThinkingTypes.end(), type.value_or(""));
    if (row == kThinkingTypes.end()) return missing_or_not_among(Place(place, "type"), type, kThinkingTypes);
    adaptive_ = type == "adaptive";
    notes_.field("thinking", place);
    if (type == "disabled") request_.reasoning_tokens = 0;
    if (type != "enabled") return {};
    if (!budget) return missing(place, "budget_tokens", "the most tokens to think with, at least 1024");
    request_.reasoning_tokens = budget;
    return {};
  }

  Status output_config(const Place& place) {
    static constexpr std::array<std::string_view, 2> kNames{"format", "effort"};
    CHECK_OK(enter_object(cursor_, place));
    MembersOnce own;
    std::string_view key;
    while (cursor_.next_member(key)) {
      CHECK_OK(own.check(place, key, kNames));
      if (key == "format") {
        if (!pass_null(cursor_)) CHECK_OK(output_format(Place(place, "format")));
      } else if (key == "effort") {
        if (pass_null(cursor_)) continue;
        std::string& effort = request_.reasoning_effort;
        CHECK_OK(read_text(cursor_, Place(place, "effort"), effort));
        notes_.field("effort", Place(place, "effort"));
        // The words that every protocol knows end at "high".
        if (effort == "xhigh" || effort == "max") {
          effort = "high";
          notes_.unread(Place(place, "effort"));
        }
      } else {
        CHECK_OK(pass(place, key));
      }
    }
    return left(cursor_, place);
  }

  Status output_format(const Place& place) {
    static constexpr std::array<std::string_view, 2> kNames{"type", "schema"};
    CHECK_OK(enter_object(cursor_, place));
    MembersOnce own;
    std::optional<std::string> type;
    std::string_view schema;
    std::string_view key;
    while (cursor_.next_member(key)) {
      CHECK_OK(own.check(place, key, kNames));
      if (key == "type") {
        CHECK_OK(read_text(cursor_, Place(place, "type"), type.emplace()));
      } else if (key == "schema") {
        const Place at(place, "schema");
        if (cursor_.peek() != JsonKind::kObject) return mistyped(cursor_, at, "a JSON schema object");
        if (!cursor_.skip(schema)) return malformed(cursor_, at);
      } else {
        CHECK_OK(pass(place, key));
      }
    }
    CHECK_OK(left(cursor_, place));
    if (type != "json_schema") return missing_or_not_among(Place(place, "type"), type, kOutputFormats);
    if (schema.empty()) return missing(place, "schema", "a JSON schema object");
    notes_.field("response_format", place);
    request_.response_format = core::ResponseFormat::kJsonSchema;
    request_.response_schema = std::string(schema);
    request_.response_strict = true;
    return {};
  }

  Status metadata(const Place& place) {
    static constexpr std::array<std::string_view, 2> kNames{"user_id", "task"};
    CHECK_OK(enter_object(cursor_, place));
    MembersOnce own;
    std::string_view key;
    while (cursor_.next_member(key)) {
      CHECK_OK(own.check(place, key, kNames));
      std::string* const out = key == "user_id" ? &request_.user : key == "task" ? &request_.task_hint : nullptr;
      if (out == nullptr) {
        CHECK_OK(pass(place, key));
      } else if (!pass_null(cursor_)) {
        CHECK_OK(read_text(cursor_, Place(place, key), *out));
      }
    }
    return left(cursor_, place);
  }

  /// A member that no field holds.
  Status pass(const Place& place, std::string_view key) { return notes_.skip_unread(cursor_, place, key); }

  Status contract(const Place& place) { return read_contract(cursor_, place, request_.contract); }

  const DecodeLimits& limits_;
  Purpose purpose_;
  JsonCursor cursor_;
  Place root_{"body"};
  core::Request request_;
  core::Message system_;
  BodyNotes notes_;
  bool adaptive_ = false;
};

Result<core::Request> decode_for(Purpose purpose, std::string_view body, const DecodeLimits& limits,
                                 BodyPlaces* places = nullptr) {
  CHECK_OK(check_body(body, limits));
  return RequestDecoder(body, limits, purpose, places).decode();
}

}  // namespace

Result<core::Request> Anthropic::decode(std::string_view body, const DecodeLimits& limits) const {
  return decode_for(Purpose::kAnswer, body, limits);
}

void Anthropic::name_losses(std::string_view body, Losses& losses) const {
  BodyPlaces places;
  if (decode_for(Purpose::kCount, body, kNoLimits, &places)) places.name(losses);
}

Result<core::Request> decode_count_tokens(std::string_view body, const DecodeLimits& limits) {
  return decode_for(Purpose::kCount, body, limits);
}

}  // namespace thalamus::wire
