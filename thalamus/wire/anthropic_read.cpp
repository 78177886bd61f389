// What an upstream's answers and stream events mean. Upstreams differ in details: what is mistyped but not needed is
// passed over, only what is no message at all is refused.
#include <map>

#include "thalamus/base/text.h"
#include "thalamus/wire/anthropic_format.h"
#include "thalamus/wire/json_take.h"
#include "thalamus/wire/openai_chat_error.h"

namespace thalamus::wire {
namespace {

core::Finish finish_of(std::string_view reason) noexcept {
  if (reason == "end_turn" || reason == "stop_sequence") return core::Finish::kStop;
  if (reason == "tool_use") return core::Finish::kToolCalls;
  if (reason == "refusal") return core::Finish::kContentFilter;
  // A paused turn is not whole: the client is to send it back.
  if (reason == "max_tokens" || reason == "model_context_window_exceeded" || reason == "pause_turn")
    return core::Finish::kLength;
  return core::Finish::kUnknown;
}

/// Empty for a tier that OpenAI does not have.
std::string_view tier_in_openai_words(std::string_view name) noexcept {
  if (name == "standard") return "default";
  return name == "priority" ? "priority" : "";
}

/// Counts as they came last; the events of a stream may each tell some of them, always in total.
struct UsageCounts {
  core::DisjointUsage parts;
  std::uint32_t thinking = 0;
  bool known = false;
  std::string_view service_tier = {};

  [[nodiscard]] core::Usage usage() const noexcept {
    core::Usage out = core::inclusive(parts);
    out.reasoning = thinking;
    out.known = known;
    return out;
  }
};

bool take_usage(JsonCursor& cursor, UsageCounts& counts) {
  return each_member(cursor, [&](std::string_view key) {
    if (key == "service_tier") {
      std::string_view name;
      if (!take_view(cursor, name)) return false;
      counts.service_tier = tier_in_openai_words(name);
      return true;
    }
    if (key == "output_tokens_details")
      return each_member(cursor, [&](std::string_view detail) {
        return detail == "thinking_tokens" ? take_count(cursor, counts.thinking) : cursor.skip();
      });
    const bool counted = cursor.peek() == JsonKind::kNumber;
    if (key == "cache_read_input_tokens") return take_count(cursor, counts.parts.cache_read);
    if (key == "cache_creation_input_tokens") return take_count(cursor, counts.parts.cache_write);
    if (key != "input_tokens" && key != "output_tokens") return cursor.skip();
    counts.known = counts.known || counted;
    return take_count(cursor, key == "input_tokens" ? counts.parts.input : counts.parts.output);
  });
}

/// One content block, or the begin of one.
struct BlockFields {
  std::string type, text, thinking, signature, data, id, name, input;
};

bool take_block(JsonCursor& cursor, BlockFields& out) {
  return each_member(cursor, [&](std::string_view key) {
    if (key == "type") return take_text(cursor, out.type);
    if (key == "text") return take_text(cursor, out.text);
    if (key == "thinking") return take_text(cursor, out.thinking);
    if (key == "signature") return take_text(cursor, out.signature);
    if (key == "data") return take_text(cursor, out.data);
    if (key == "id") return take_text(cursor, out.id);
    if (key == "name") return take_text(cursor, out.name);
    if (key != "input" || cursor.peek() != JsonKind::kObject) return cursor.skip();
    return take_json(cursor, out.input);
  });
}

/// The provider's words for a refusal.
bool take_stop_details(JsonCursor& cursor, std::string& explanation) {
  return each_member(cursor, [&](std::string_view key) {
    return key == "explanation" ? take_text(cursor, explanation) : cursor.skip();
  });
}

bool is_empty_object(std::string_view json) {
  return json.size() < 2 || base::trim(json.substr(1, json.size() - 2)).empty();
}

/// A tool call of the stream, found by the index of its block.
struct OpenCall {
  std::uint32_t index = 0;
  std::string input;  // as the block began
  bool has_pieces = false;
};

/// What lasts from event to event.
struct StreamState {
  UsageCounts usage;
  std::map<std::uint32_t, OpenCall> calls;
  std::uint32_t calls_begun = 0;
};

class EventReader {
 public:
  EventReader(const SseEvent& event, StreamState& state, std::vector<core::Delta>* deltas)
      : cursor_(event.data), type_(event.event), state_(state), deltas_(deltas) {}

  Result<FrameFacts> read() {
    if (cursor_.peek() != JsonKind::kObject ||
        !each_member(cursor_, [this](std::string_view key) { return top(key); }) || !cursor_.finish())
      return fail(ErrorKind::kUpstream, "a stream event is not a JSON object: {}",
                  cursor_.failed() ? cursor_.error().message : "it begins with another value");
    if (type_ == "error" && !facts_.failed) {
      facts_.failed = true;
      facts_.failure = "no reason given";
    }
    if (facts_.failed) return std::move(facts_);
    if (type_.empty()) return fail(ErrorKind::kUpstream, "a stream event has no type");
    act();
    return std::move(facts_);
  }

 private:
  bool top(std::string_view key) {
    if (key == "type") return take_text(cursor_, type_);
    if (key == "index") return take_count(cursor_, index_);
    if (key == "content_block") return take_block(cursor_, block_);
    if (key == "delta") return each_member(cursor_, [this](std::string_view name) { return delta(name); });
    if (key == "usage") return usage();
    if (key == "message")
      return each_member(cursor_, [this](std::string_view name) {
        if (name == "model" && deltas_ != nullptr) return take_text(cursor_, facts_.model);
        return name == "usage" ? usage() : cursor_.skip();
      });
    if (key != "error" || cursor_.peek() == JsonKind::kNull) return cursor_.skip();
    facts_.failed = true;
    return read_error_member(cursor_, facts_.failure);
  }

  bool delta(std::string_view key) {
    if (key == "type") return take_text(cursor_, block_.type);
    if (key == "text") return take_text(cursor_, block_.text);
    if (key == "thinking") return take_text(cursor_, block_.thinking);
    if (key == "signature") return take_text(cursor_, block_.signature);
    if (key == "partial_json") return take_text(cursor_, block_.input);
    if (key == "stop_reason") return take_text(cursor_, stop_reason_);
    if (key == "stop_details") return take_stop_details(cursor_, explanation_);
    return cursor_.skip();
  }

  bool usage() {
    const bool is_object = cursor_.peek() == JsonKind::kObject;
    if (!take_usage(cursor_, state_.usage)) return false;
    facts_.carries_usage = is_object && state_.usage.known;
    facts_.service_tier = state_.usage.service_tier;
    return true;
  }

  // Events of unknown types say nothing: new ones may come.
  void act() {
    if (type_ == "content_block_start") return begin_block();
    if (type_ == "content_block_delta") return add_delta();
    if (type_ == "content_block_stop") return end_block();
    if (type_ == "message_delta") {
      facts_.finished = !stop_reason_.empty();
      if (facts_.finished) facts_.finish = finish_of(stop_reason_);
      if (!explanation_.empty()) give(core::DeltaKind::kRefusal, std::move(explanation_));
    }
    facts_.done = type_ == "message_stop";
    if (facts_.carries_usage) facts_.usage = state_.usage.usage();
  }

  core::Delta* give(core::DeltaKind kind, std::string text) {
    facts_.content = true;
    if (kind == core::DeltaKind::kText) facts_.text += text;
    if (deltas_ == nullptr) return nullptr;
    core::Delta& added = deltas_->emplace_back();
    added.kind = kind;
    added.text = std::move(text);
    return &added;
  }

  void give_arguments(std::uint32_t index, std::string text) {
    if (core::Delta* added = give(core::DeltaKind::kArguments, std::move(text)); added != nullptr) added->index = index;
  }

  void begin_block() {
    if (block_.type == "text") {
      if (!block_.text.empty()) give(core::DeltaKind::kText, std::move(block_.text));
    } else if (block_.type == "thinking") {
      if (!block_.thinking.empty()) give(core::DeltaKind::kReasoning, std::move(block_.thinking));
      if (!block_.signature.empty()) give(core::DeltaKind::kReasoningSignature, std::move(block_.signature));
    } else if (block_.type == "redacted_thinking") {
      give(core::DeltaKind::kReasoningEncrypted, std::move(block_.data));
    } else if (block_.type == "tool_use") {
      const std::uint32_t ours = state_.calls_begun++;
      state_.calls[index_] = {ours, std::move(block_.input), false};
      core::Delta* const added = give(core::DeltaKind::kToolCall, {});
      if (added == nullptr) return;
      added->index = ours;
      added->id = std::move(block_.id);
      added->name = std::move(block_.name);
    } else {
      // What a tool of the provider's own does is content, though only its own clients can read it.
      facts_.content = !block_.type.empty();
    }
  }

  void add_delta() {
    if (block_.type == "text_delta") {
      if (!block_.text.empty()) give(core::DeltaKind::kText, std::move(block_.text));
    } else if (block_.type == "thinking_delta") {
      if (!block_.thinking.empty()) give(core::DeltaKind::kReasoning, std::move(block_.thinking));
    } else if (block_.type == "signature_delta") {
      if (!block_.signature.empty()) give(core::DeltaKind::kReasoningSignature, std::move(block_.signature));
    } else if (block_.type == "input_json_delta") {
      const auto call = state_.calls.find(index_);
      if (call == state_.calls.end() || block_.input.empty()) return;
      call->second.has_pieces = true;
      give_arguments(call->second.index, std::move(block_.input));
    }
  }

  // Arguments that did not come in pieces came with the begin of the block; none at all are an empty object.
  void end_block() {
    const auto call = state_.calls.find(index_);
    if (call == state_.calls.end()) return;
    if (!call->second.has_pieces) {
      const bool none = is_empty_object(call->second.input);
      give_arguments(call->second.index, none ? std::string("{}") : std::move(call->second.input));
    }
    state_.calls.erase(call);
  }

  JsonCursor cursor_;
  std::string type_;
  StreamState& state_;
  std::vector<core::Delta>* deltas_;
  FrameFacts facts_;
  BlockFields block_;
  std::uint32_t index_ = 0;
  std::string stop_reason_;
  std::string explanation_;
};

class AnthropicStreamReader final : public StreamReader {
 public:
  Result<FrameFacts> read(const SseEvent& event, std::vector<core::Delta>* deltas) override {
    // Some compatible servers end their streams as OpenAI does.
    if (base::trim(event.data) == "[DONE]") {
      FrameFacts facts;
      facts.done = true;
      return facts;
    }
    return EventReader(event, state_, deltas).read();
  }

 private:
  StreamState state_;
};

class AnswerReader {
 public:
  explicit AnswerReader(std::string_view body) : cursor_(body) { facts_.answer.finish = core::Finish::kUnknown; }

  Result<AnswerFacts> read() {
    if (cursor_.peek() != JsonKind::kObject ||
        !each_member(cursor_, [this](std::string_view key) { return top(key); }) || !cursor_.finish())
      return fail(ErrorKind::kUpstream, "the answer is not a JSON object: {}",
                  cursor_.failed() ? cursor_.error().message : "it begins with another value");
    if (!failure_.empty()) return fail(ErrorKind::kUpstream, "the answer is an error: {}", failure_);
    if (!has_content_) return fail(ErrorKind::kUpstream, "the answer is no message: it has no content");
    core::Answer& answer = facts_.answer;
    answer.usage = usage_.usage();
    answer.service_tier = usage_.service_tier;
    // A refusal may say nothing and is an answer all the same.
    facts_.empty = answer.text.empty() && answer.tool_calls.empty() && answer.reasoning.empty() && !has_other_blocks_ &&
                   answer.finish != core::Finish::kContentFilter;
    return std::move(facts_);
  }

 private:
  bool top(std::string_view key) {
    core::Answer& answer = facts_.answer;
    if (key == "id") return take_text(cursor_, answer.id);
    if (key == "model") return take_text(cursor_, answer.model);
    if (key == "usage") return take_usage(cursor_, usage_);
    if (key == "stop_sequence") return take_text(cursor_, answer.stop_sequence);
    if (key == "stop_details") return take_stop_details(cursor_, answer.refusal);
    if (key == "error" && cursor_.peek() != JsonKind::kNull) return read_error_member(cursor_, failure_);
    if (key == "stop_reason") {
      std::string_view reason;
      if (!take_view(cursor_, reason)) return false;
      answer.finish = finish_of(reason);
      return true;
    }
    if (key != "content") return cursor_.skip();
    has_content_ = has_content_ || cursor_.peek() == JsonKind::kArray;
    return each_element(cursor_, [this](std::size_t) { return block(); });
  }

  bool block() {
    BlockFields fields;
    if (!take_block(cursor_, fields)) return false;
    core::Answer& answer = facts_.answer;
    if (fields.type == "text") {
      answer.text += fields.text;
    } else if (fields.type == "thinking" || fields.type == "redacted_thinking") {
      core::PartDetail detail;
      detail.signature = std::move(fields.signature);
      detail.encrypted = std::move(fields.data);
      answer.reasoning.push_back({core::PartKind::kReasoning, std::move(fields.thinking),
                                  std::make_shared<const core::PartDetail>(std::move(detail))});
    } else if (fields.type == "tool_use") {
      if (is_empty_object(fields.input)) fields.input = "{}";
      answer.tool_calls.push_back({std::move(fields.id), std::move(fields.name), std::move(fields.input)});
    } else {
      has_other_blocks_ = has_other_blocks_ || !fields.type.empty();
    }
    return true;
  }

  JsonCursor cursor_;
  AnswerFacts facts_;
  UsageCounts usage_;
  std::string failure_;
  bool has_content_ = false;
  bool has_other_blocks_ = false;
};

}  // namespace

Result<AnswerFacts> Anthropic::read_answer(std::string_view body) const { return AnswerReader(body).read(); }

std::unique_ptr<StreamReader> Anthropic::read_stream() const { return std::make_unique<AnthropicStreamReader>(); }

}  // namespace thalamus::wire
