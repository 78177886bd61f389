// A chat completions request -> core::Request: the top-level members. Messages and tools have their own source.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "thalamus/base/text.h"
#include "thalamus/wire/body_check.h"
#include "thalamus/wire/body_members.h"
#include "thalamus/wire/body_notes.h"
#include "thalamus/wire/contract.h"
#include "thalamus/wire/json_value.h"
#include "thalamus/wire/openai_chat_format.h"
#include "thalamus/wire/openai_chat_message.h"
#include "thalamus/wire/tool_choice.h"

namespace thalamus::wire {
namespace {

constexpr NumberRange kTemperature{0, 2, "a number from 0 to 2"};
constexpr NumberRange kTopP{0, 1, "a number from 0 to 1"};
constexpr std::uint32_t kLogprobsMax = 20;
constexpr std::array<std::string_view, 3> kResponseFormats{"text", "json_object", "json_schema"};

class RequestDecoder {
 public:
  RequestDecoder(std::string_view body, const DecodeLimits& limits, BodyPlaces* places) noexcept
      : limits_(limits), cursor_(body, limits.depth_max), notes_(request_, places) {}

  Result<core::Request> decode() {
    CHECK_OK(read());
    return complete();
  }

 private:
  // Only members that the gateway or a local target acts on; all others pass unread.
  static constexpr std::array<BodyMember<RequestDecoder>, 22> members() noexcept {
    return {{{"model", &RequestDecoder::model},
             {"messages", &RequestDecoder::messages},
             {"stream", &RequestDecoder::stream},
             {"stream_options", &RequestDecoder::stream_options},
             {"temperature", &RequestDecoder::temperature},
             {"max_tokens", &RequestDecoder::max_tokens},
             {"max_completion_tokens", &RequestDecoder::max_completion_tokens},
             {"tools", &RequestDecoder::tools},
             {"functions", &RequestDecoder::tools},
             {"response_format", &RequestDecoder::response_format},
             {"thalamus", &RequestDecoder::contract},
             {"metadata", &RequestDecoder::metadata},
             {"top_p", &RequestDecoder::top_p},
             {"stop", &RequestDecoder::stop},
             {"seed", &RequestDecoder::seed},
             {"logprobs", &RequestDecoder::logprobs},
             {"top_logprobs", &RequestDecoder::top_logprobs},
             {"tool_choice", &RequestDecoder::tool_choice},
             {"function_call", &RequestDecoder::function_call},
             {"parallel_tool_calls", &RequestDecoder::parallel_tool_calls},
             {"reasoning_effort", &RequestDecoder::reasoning_effort},
             {"user", &RequestDecoder::user}}};
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
    CHECK_OK(check_limits());
    request_.max_output_tokens = max_completion_tokens_ ? max_completion_tokens_ : max_tokens_;
    if (logprobs_) request_.logprobs = top_logprobs_;
    const ToolChoiceWords words{"body.tool_choice", chosen_at_, "required"};
    constexpr ToolChoiceWords kOldWords{"body.function_call", "body.function_call.name", ""};
    CHECK_OK(check_tool_choice(request_, chosen_at_.empty() ? kOldWords : words));
    return std::move(request_);
  }

  /// Members that are each right and cannot both be followed.
  Status check_limits() const {
    if (max_tokens_ && max_completion_tokens_ && *max_tokens_ != *max_completion_tokens_)
      return fail_at("body.max_completion_tokens", ErrorKind::kInvalidInput,
                     "got {}, but `max_tokens` says {}; give one of them", *max_completion_tokens_, *max_tokens_);
    if (top_logprobs_ > 0 && !logprobs_)
      return fail_at("body.top_logprobs", ErrorKind::kInvalidInput,
                     "got {} without `logprobs`; set logprobs to true, or leave top_logprobs out", top_logprobs_);
    return {};
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
    while (cursor_.next_element()) {
      if (request_.messages.size() == limits_.messages_max)
        return fail_at(place.text(), ErrorKind::kTooLarge, "more than {} messages; shorten the conversation",
                       limits_.messages_max);
      const Place at(place, request_.messages.size());
      CHECK_OK(read_message(cursor_, at, notes_, request_.messages.emplace_back()));
    }
    CHECK_OK(left(cursor_, place));
    if (request_.messages.empty())
      return fail_at(place.text(), ErrorKind::kInvalidInput,
                     "expected a non-empty array of messages, got []; give at least one with role and content");
    return {};
  }

  Status stream(const Place& place) { return read_flag(cursor_, place, request_.stream); }

  Status stream_options(const Place& place) {
    CHECK_OK(enter_object(cursor_, place));
    const Place usage(place, "include_usage");
    bool seen = false;
    std::string_view key;
    while (cursor_.next_member(key)) {
      if (key != "include_usage") {
        if (cursor_.peek() != JsonKind::kNull) notes_.unread(Place(place, key));
        CHECK_OK(skip_value(cursor_, place));
        continue;
      }
      CHECK_OK(once(seen, usage));
      if (!pass_null(cursor_)) CHECK_OK(read_flag(cursor_, usage, request_.include_usage));
    }
    return left(cursor_, place);
  }

  Status temperature(const Place& place) {
    return read_real(cursor_, place, kTemperature, request_.temperature.emplace());
  }
  Status top_p(const Place& place) { return read_real(cursor_, place, kTopP, request_.top_p.emplace()); }
  Status max_tokens(const Place& place) { return read_count(cursor_, place, 1, max_tokens_.emplace()); }
  Status max_completion_tokens(const Place& place) {
    notes_.field("max_tokens", place);
    return read_count(cursor_, place, 1, max_completion_tokens_.emplace());
  }

  Status tools(const Place& place) {
    if (cursor_.peek() != JsonKind::kArray) return mistyped(cursor_, place, "an array of tools");
    CHECK_OK(enter_array(cursor_, place));
    for (std::size_t i = 0; cursor_.next_element(); ++i) {
      const Place at(place, i);
      if (notes_.places() != nullptr) notes_.field(fmt::format("tools[{}]", request_.tools.size()), at);
      CHECK_OK(read_tool(cursor_, at, notes_, request_.tools.emplace_back()));
    }
    return left(cursor_, place);
  }

  Status response_format(const Place& place) {
    CHECK_OK(enter_object(cursor_, place));
    std::optional<std::string> type;
    bool typed = false, described = false, schema_given = false, null = false;
    std::string_view key;
    while (cursor_.next_member(key)) {
      if (key == "type") {
        CHECK_OK(once(typed, Place(place, "type")));
        CHECK_OK(read_text(cursor_, Place(place, "type"), type.emplace()));
      } else if (key == "json_schema") {
        CHECK_OK(once(described, Place(place, "json_schema")));
        null = pass_null(cursor_);
        if (!null) CHECK_OK(json_schema(Place(place, "json_schema")));
      } else if (key == "schema") {
        // Several local servers take the schema here.
        CHECK_OK(once(schema_given, Place(place, "schema")));
        CHECK_OK(schema(place));
      } else {
        CHECK_OK(notes_.skip_unread(cursor_, place, key));
      }
    }
    CHECK_OK(left(cursor_, place));
    const auto* const row = std::find(kResponseFormats.begin(), kResponseFormats.end(), type.value_or(""));
    if (row == kResponseFormats.end()) return missing_or_not_among(Place(place, "type"), type, kResponseFormats);
    request_.response_format = static_cast<core::ResponseFormat>(row - kResponseFormats.begin());
    const bool wanted = request_.response_format == core::ResponseFormat::kJsonSchema;
    if (!wanted || (described && !null) || !request_.response_schema.empty()) return {};
    return fail_at(Place(place, "json_schema").text(), ErrorKind::kInvalidInput,
                   R"(missing; expected {{"name":...,"schema":...}}, or the type json_object)");
  }

  Status json_schema(const Place& place) {
    CHECK_OK(enter_object(cursor_, place));
    bool seen = false;
    std::string_view key;
    while (cursor_.next_member(key)) {
      if (key == "schema") {
        CHECK_OK(once(seen, Place(place, "schema")));
        CHECK_OK(schema(place));
      } else if (key == "name" && cursor_.peek() == JsonKind::kString) {
        CHECK_OK(read_text(cursor_, place, request_.response_name));
      } else if (key == "strict" && cursor_.peek() == JsonKind::kBool) {
        CHECK_OK(read_flag(cursor_, place, request_.response_strict));
      } else {
        CHECK_OK(notes_.skip_unread(cursor_, place, key));
      }
    }
    return left(cursor_, place);
  }

  Status schema(const Place& place) {
    if (pass_null(cursor_)) return {};
    const Place at(place, "schema");
    if (cursor_.peek() != JsonKind::kObject) return mistyped(cursor_, at, "an object");
    std::string_view raw;
    if (!cursor_.skip(raw)) return malformed(cursor_, at);
    request_.response_schema = std::string(raw);
    return {};
  }

  Status contract(const Place& place) { return read_contract(cursor_, place, request_.contract); }

  Status metadata(const Place& place) {
    bool more = false;
    CHECK_OK(read_metadata(cursor_, place, request_.task_hint, more));
    if (more) notes_.unread(place);
    return {};
  }

  Status stop(const Place& place) {
    if (cursor_.peek() == JsonKind::kString) {
      notes_.field("stop[0]", place);
      return read_text(cursor_, place, request_.stop.emplace_back());
    }
    if (cursor_.peek() != JsonKind::kArray) return mistyped(cursor_, place, "a string or an array of strings");
    CHECK_OK(enter_array(cursor_, place));
    while (cursor_.next_element()) {
      const Place at(place, request_.stop.size());
      CHECK_OK(read_text(cursor_, at, request_.stop.emplace_back()));
    }
    return left(cursor_, place);
  }

  // "auto", "none", "required" or {"type":"function","function":{"name":...}}; other forms are the upstream's to judge.
  Status tool_choice(const Place& place) {
    TRY(chosen_at_, read_tool_choice(cursor_, place, notes_, ToolChoiceStyle::kChat, request_));
    return {};
  }

  // The same in the words of old clients: "auto", "none" or {"name":...}. The newer member counts.
  Status function_call(const Place& place) {
    if (!chosen_at_.empty()) return skip_value(cursor_, place);
    const std::size_t mark = notes_.mark();
    if (cursor_.peek() == JsonKind::kString) {
      CHECK_OK(read_choice_word(cursor_, place, request_));
      if (request_.tool_choice == core::ToolChoice::kRequired) request_.tool_choice.reset();  // nobody knew it
    } else {
      if (cursor_.peek() != JsonKind::kObject) return mistyped(cursor_, place, "a string or an object");
      CHECK_OK(chosen_function(place));
      if (!request_.tool_choice_name.empty()) request_.tool_choice = core::ToolChoice::kNamed;
    }
    if (!request_.tool_choice) notes_.unread_whole(mark, place);
    return {};
  }

  Status chosen_function(const Place& place) {
    CHECK_OK(enter_object(cursor_, place));
    bool seen = false;
    std::string_view key;
    while (cursor_.next_member(key)) {
      if (key != "name") {
        CHECK_OK(notes_.skip_unread(cursor_, place, key));
        continue;
      }
      CHECK_OK(once(seen, Place(place, "name")));
      CHECK_OK(read_text(cursor_, Place(place, "name"), request_.tool_choice_name));
    }
    return left(cursor_, place);
  }

  Status parallel_tool_calls(const Place& place) {
    return read_flag(cursor_, place, request_.parallel_tool_calls.emplace());
  }
  Status reasoning_effort(const Place& place) { return read_text(cursor_, place, request_.reasoning_effort); }
  Status user(const Place& place) { return read_text(cursor_, place, request_.user); }

  Status seed(const Place& place) {
    if (cursor_.peek() != JsonKind::kNumber) return mistyped(cursor_, place, "a whole number");
    std::string_view spelling;
    if (!cursor_.read_number(spelling)) return malformed(cursor_, place);
    if (spelling.find_first_of(".eE") != std::string_view::npos)
      return fail_at(place.text(), ErrorKind::kInvalidInput, "expected a whole number, got {}", spelling.substr(0, 40));
    // One that does not fit is the upstream's to judge.
    request_.seed = base::parse_number<std::int64_t>(spelling);
    return {};
  }

  Status logprobs(const Place& place) { return read_flag(cursor_, place, logprobs_); }

  Status top_logprobs(const Place& place) { return read_count(cursor_, place, 0, top_logprobs_, kLogprobsMax); }

  const DecodeLimits& limits_;
  JsonCursor cursor_;
  Place root_{"body"};
  core::Request request_;
  std::optional<std::uint32_t> max_tokens_;
  std::optional<std::uint32_t> max_completion_tokens_;
  std::uint32_t top_logprobs_ = 0;
  bool logprobs_ = false;
  std::string_view chosen_at_;  // the place of a name in `tool_choice`; empty: there is no such member
  BodyNotes notes_;
};

}  // namespace

Result<core::Request> OpenAiChat::decode(std::string_view body, const DecodeLimits& limits) const {
  CHECK_OK(check_body(body, limits));
  return RequestDecoder(body, limits, nullptr).decode();
}

void OpenAiChat::name_losses(std::string_view body, Losses& losses) const {
  BodyPlaces places;
  if (RequestDecoder(body, kNoLimits, &places).decode()) places.name(losses);
}

}  // namespace thalamus::wire
