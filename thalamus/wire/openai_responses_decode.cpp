// A responses request -> core::Request: the top-level members. Input items have their own source.
#include <algorithm>
#include <array>
#include <optional>

#include "thalamus/wire/body_check.h"
#include "thalamus/wire/body_edits.h"
#include "thalamus/wire/body_members.h"
#include "thalamus/wire/body_notes.h"
#include "thalamus/wire/contract.h"
#include "thalamus/wire/openai_responses_format.h"
#include "thalamus/wire/openai_responses_items.h"
#include "thalamus/wire/tool_choice.h"

namespace thalamus::wire {
namespace {

constexpr NumberRange kTemperature{0, 2, "a number from 0 to 2"};
constexpr NumberRange kTopP{0, 1, "a number from 0 to 1"};
constexpr std::uint32_t kLogprobsMax = 20;
constexpr std::array<std::string_view, 3> kTextFormats{"text", "json_object", "json_schema"};

class ResponsesDecoder {
 public:
  ResponsesDecoder(std::string_view body, const DecodeLimits& limits, BodyPlaces* places) noexcept
      : limits_(limits), cursor_(body, limits.depth_max), notes_(request_, places) {
    notes_.field("reasoning_effort", Place(Place(root_, "reasoning"), "effort"));
    notes_.field("response_format", Place(Place(root_, "text"), "format"));
  }

  Result<core::Request> decode() {
    CHECK_OK(read());
    return complete();
  }

 private:
  // Only members that the gateway or a local target acts on; all others pass unread.
  static constexpr std::array<BodyMember<ResponsesDecoder>, 24> members() noexcept {
    return {{{"model", &ResponsesDecoder::model},
             {"input", &ResponsesDecoder::input},
             {"instructions", &ResponsesDecoder::instructions},
             {"stream", &ResponsesDecoder::stream},
             {"stream_options", &ResponsesDecoder::stream_options},
             {"store", &ResponsesDecoder::store},
             {"previous_response_id", &ResponsesDecoder::previous},
             {"conversation", &ResponsesDecoder::conversation},
             {"background", &ResponsesDecoder::background},
             {"include", &ResponsesDecoder::include},
             {"temperature", &ResponsesDecoder::temperature},
             {"top_p", &ResponsesDecoder::top_p},
             {"max_output_tokens", &ResponsesDecoder::max_output_tokens},
             {"tools", &ResponsesDecoder::tools},
             {"tool_choice", &ResponsesDecoder::tool_choice},
             {"parallel_tool_calls", &ResponsesDecoder::parallel_tool_calls},
             {"reasoning", &ResponsesDecoder::reasoning},
             {"text", &ResponsesDecoder::text},
             {"metadata", &ResponsesDecoder::metadata},
             {"user", &ResponsesDecoder::user},
             {"safety_identifier", &ResponsesDecoder::safety_identifier},
             {"top_logprobs", &ResponsesDecoder::top_logprobs},
             {"truncation", &ResponsesDecoder::truncation},
             {"thalamus", &ResponsesDecoder::contract}}};
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
      return fail_at("body.input", ErrorKind::kInvalidInput, "missing; give a string or a non-empty array of items");
    CHECK_OK(check_tool_choice(request_, {"body.tool_choice", "body.tool_choice.name", "required"}));
    if (!instructions_.empty()) {
      core::Message first;
      first.role = core::Role::kSystem;
      first.parts.push_back({core::PartKind::kText, std::move(instructions_)});
      request_.messages.insert(request_.messages.begin(), std::move(first));
      if (BodyPlaces* const places = notes_.places())
        places->messages().insert(places->messages().begin(), {"instructions", {}, {}});
    }
    if (logprobs_) request_.logprobs = top_logprobs_;
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

  Status input(const Place& place) { return read_input(cursor_, place, limits_, notes_, request_.messages); }
  Status instructions(const Place& place) { return read_text(cursor_, place, instructions_); }
  Status stream(const Place& place) { return read_flag(cursor_, place, request_.stream); }

  Status stream_options(const Place& place) {
    CHECK_OK(enter_object(cursor_, place));
    std::string_view key;
    while (cursor_.next_member(key)) {
      if (cursor_.peek() != JsonKind::kNull) notes_.unread(Place(place, key));
      CHECK_OK(skip_value(cursor_, place));
    }
    return left(cursor_, place);
  }

  // Nothing is ever stored, which a client that asked for it notices only where it names the answer later.
  Status store(const Place& place) {
    bool store = false;
    CHECK_OK(read_flag(cursor_, place, store));
    if (store) notes_.unread(place);
    return {};
  }

  Status previous(const Place& place) {
    std::string_view id;
    CHECK_OK(read_text_view(cursor_, place, id));
    if (id.empty())
      return fail_at(place.text(), ErrorKind::kInvalidInput,
                     "expected the id of a response, got an empty one; leave the member out to begin a conversation");
    return fail_at(place.text(), ErrorKind::kUnsupported,
                   "got {}, but no answers are stored here; send the whole conversation as input", quoted(id));
  }

  Status conversation(const Place& place) {
    const bool named = cursor_.peek() == JsonKind::kString || cursor_.peek() == JsonKind::kObject;
    if (!named) return mistyped(cursor_, place, "a string or an object");
    CHECK_OK(skip_value(cursor_, place));
    return fail_at(place.text(), ErrorKind::kUnsupported,
                   "no conversations are stored here; send the whole conversation as input");
  }

  Status background(const Place& place) {
    bool background = false;
    CHECK_OK(read_flag(cursor_, place, background));
    if (!background) return {};
    return fail_at(place.text(), ErrorKind::kUnsupported,
                   "no answers are stored here that could be fetched later; leave it out, or set stream");
  }

  // Encrypted thoughts are asked for wherever they can be had.
  Status include(const Place& place) {
    CHECK_OK(enter_array(cursor_, place));
    for (std::size_t i = 0; cursor_.next_element(); ++i) {
      const Place at(place, i);
      std::string_view name;
      CHECK_OK(read_text_view(cursor_, at, name));
      if (name == "message.output_text.logprobs") {
        logprobs_ = true;
        notes_.field("logprobs", at);
      } else if (name != "reasoning.encrypted_content") {
        notes_.unread(at);
      }
    }
    return left(cursor_, place);
  }

  Status temperature(const Place& place) {
    return read_real(cursor_, place, kTemperature, request_.temperature.emplace());
  }
  Status top_p(const Place& place) { return read_real(cursor_, place, kTopP, request_.top_p.emplace()); }
  Status max_output_tokens(const Place& place) {
    return read_count(cursor_, place, 1, request_.max_output_tokens.emplace());
  }

  Status tools(const Place& place) {
    if (cursor_.peek() != JsonKind::kArray) return mistyped(cursor_, place, "an array of tools");
    CHECK_OK(enter_array(cursor_, place));
    for (std::size_t i = 0; cursor_.next_element(); ++i) CHECK_OK(tool(Place(place, i), request_.tools.emplace_back()));
    return left(cursor_, place);
  }

  Status tool(const Place& place, core::ToolDefinition& out) {
    JsonCursor whole = cursor_;
    const std::size_t mark = notes_.mark();
    CHECK_OK(enter_object(cursor_, place));
    std::string type;
    bool typed = false, named = false, described = false, parameters = false, strict = false;
    Status function;  // of a tool of the provider's own these members may be anything
    std::string_view key;
    while (cursor_.next_member(key)) {
      if (key == "type") {
        CHECK_OK(once(typed, Place(place, "type")));
        CHECK_OK(read_text(cursor_, Place(place, "type"), type));
      } else if (pass_null(cursor_)) {
        continue;
      } else if (key == "name") {
        CHECK_OK(once(named, Place(place, "name")));
        CHECK_OK(take(JsonKind::kString, Place(place, "name"), "a string", out.name, function));
      } else if (key == "description") {
        CHECK_OK(once(described, Place(place, "description")));
        CHECK_OK(take(JsonKind::kString, Place(place, "description"), "a string", out.description, function));
      } else if (key == "parameters") {
        CHECK_OK(once(parameters, Place(place, "parameters")));
        CHECK_OK(take(JsonKind::kObject, Place(place, "parameters"), "an object", out.parameters, function));
      } else if (key == "strict" && cursor_.peek() == JsonKind::kBool) {
        CHECK_OK(once(strict, Place(place, "strict")));
        CHECK_OK(read_flag(cursor_, Place(place, "strict"), out.strict));
      } else {
        CHECK_OK(notes_.skip_unread(cursor_, place, key));
      }
    }
    CHECK_OK(left(cursor_, place));
    if (type.empty())
      return fail_at(Place(place, "type").text(), ErrorKind::kInvalidInput,
                     "missing; expected function or a tool that the provider runs");
    if (type == "custom" && function && !out.name.empty()) {
      // The client runs it, on free text; without parameters it is a function of the other protocols.
      out.parameters.clear();
      notes_.unread_whole(mark, place);
      return {};
    }
    if (type != "function") {
      notes_.forget(mark);
      out = {};
      out.name = type;
      std::string_view bytes;
      if (whole.skip(bytes)) out.hosted = std::string(bytes);
      return {};
    }
    CHECK_OK(function);
    if (!out.name.empty()) return {};
    return fail_at(Place(place, "name").text(), ErrorKind::kInvalidInput,
                   R"(missing; expected {{"type":"function","name":...,"parameters":...}})");
  }

  /// A string, or an object as it is spelt. A value of another kind is passed and kept as `problem`, if it is the
  /// first.
  Status take(JsonKind kind, const Place& place, std::string_view expected, std::string& out, Status& problem) {
    if (cursor_.peek() == kind) return kind == JsonKind::kString ? read_text(cursor_, place, out) : raw(place, out);
    JsonCursor value = cursor_;
    CHECK_OK(skip_value(cursor_, place));
    if (problem) problem = mistyped(value, place, expected);
    return {};
  }

  Status raw(const Place& place, std::string& out) {
    std::string_view bytes;
    if (!cursor_.skip(bytes)) return malformed(cursor_, place);
    out = std::string(bytes);
    return {};
  }

  // "auto", "none", "required" or {"type":"function","name":...}; other forms are the provider's to judge.
  Status tool_choice(const Place& place) {
    CHECK_OK(read_tool_choice(cursor_, place, notes_, ToolChoiceStyle::kResponses, request_));
    return {};
  }

  Status parallel_tool_calls(const Place& place) {
    return read_flag(cursor_, place, request_.parallel_tool_calls.emplace());
  }

  Status reasoning(const Place& place) {
    CHECK_OK(enter_object(cursor_, place));
    bool seen = false;
    std::string_view key;
    while (cursor_.next_member(key)) {
      const bool effort = key == "effort";
      if (effort) CHECK_OK(once(seen, Place(place, "effort")));
      if (pass_null(cursor_)) continue;
      if (effort) {
        CHECK_OK(read_text(cursor_, Place(place, "effort"), request_.reasoning_effort));
        continue;
      }
      notes_.unread(Place(place, key));
      CHECK_OK(skip_value(cursor_, place));
    }
    return left(cursor_, place);
  }

  Status text(const Place& place) {
    CHECK_OK(enter_object(cursor_, place));
    bool seen = false;
    std::string_view key;
    while (cursor_.next_member(key)) {
      const bool is_format = key == "format";
      if (is_format) CHECK_OK(once(seen, Place(place, "format")));
      if (pass_null(cursor_)) continue;
      if (is_format) {
        CHECK_OK(format(Place(place, "format")));
        continue;
      }
      notes_.unread(Place(place, key));
      CHECK_OK(skip_value(cursor_, place));
    }
    return left(cursor_, place);
  }

  Status format(const Place& place) {
    CHECK_OK(enter_object(cursor_, place));
    std::optional<std::string> type;
    bool typed = false, named = false, schema = false, strict = false;
    std::string_view key;
    while (cursor_.next_member(key)) {
      if (key == "type") {
        CHECK_OK(once(typed, Place(place, "type")));
        CHECK_OK(read_text(cursor_, Place(place, "type"), type.emplace()));
      } else if (key == "schema") {
        CHECK_OK(once(schema, Place(place, "schema")));
        if (pass_null(cursor_)) continue;
        if (cursor_.peek() != JsonKind::kObject) return mistyped(cursor_, Place(place, "schema"), "an object");
        CHECK_OK(raw(place, request_.response_schema));
      } else if (key == "name" && cursor_.peek() == JsonKind::kString) {
        CHECK_OK(once(named, Place(place, "name")));
        CHECK_OK(read_text(cursor_, Place(place, "name"), request_.response_name));
      } else if (key == "strict" && cursor_.peek() == JsonKind::kBool) {
        CHECK_OK(once(strict, Place(place, "strict")));
        CHECK_OK(read_flag(cursor_, Place(place, "strict"), request_.response_strict));
      } else {
        CHECK_OK(notes_.skip_unread(cursor_, place, key));
      }
    }
    CHECK_OK(left(cursor_, place));
    const auto* const row = std::find(kTextFormats.begin(), kTextFormats.end(), type.value_or(""));
    if (row == kTextFormats.end()) return missing_or_not_among(Place(place, "type"), type, kTextFormats);
    request_.response_format = static_cast<core::ResponseFormat>(row - kTextFormats.begin());
    if (request_.response_format != core::ResponseFormat::kJsonSchema || !request_.response_schema.empty()) return {};
    return fail_at(Place(place, "schema").text(), ErrorKind::kInvalidInput,
                   "missing; expected a JSON schema object, or the type json_object");
  }

  Status metadata(const Place& place) {
    bool more = false;
    CHECK_OK(read_metadata(cursor_, place, request_.task_hint, more));
    if (more) notes_.unread(place);
    return {};
  }

  // To cut nothing is what every other protocol does.
  Status truncation(const Place& place) {
    std::string_view word;
    CHECK_OK(read_text_view(cursor_, place, word));
    if (word != "disabled") notes_.unread(place);
    return {};
  }

  Status user(const Place& place) { return read_text(cursor_, place, request_.user); }
  Status safety_identifier(const Place& place) {
    std::string_view name;
    CHECK_OK(read_text_view(cursor_, place, name));
    notes_.unread(place);
    return {};
  }
  // Without the entry of `include` it asks for nothing.
  Status top_logprobs(const Place& place) { return read_count(cursor_, place, 0, top_logprobs_, kLogprobsMax); }
  Status contract(const Place& place) { return read_contract(cursor_, place, request_.contract); }

  const DecodeLimits& limits_;
  JsonCursor cursor_;
  Place root_{"body"};
  core::Request request_;
  std::string instructions_;
  std::uint32_t top_logprobs_ = 0;
  bool logprobs_ = false;
  BodyNotes notes_;
};

}  // namespace

Result<core::Request> OpenAiResponses::decode(std::string_view body, const DecodeLimits& limits) const {
  CHECK_OK(check_body(body, limits));
  return ResponsesDecoder(body, limits, nullptr).decode();
}

void OpenAiResponses::name_losses(std::string_view body, Losses& losses) const {
  BodyPlaces places;
  if (ResponsesDecoder(body, kNoLimits, &places).decode()) places.name(losses);
}

}  // namespace thalamus::wire
