// What an upstream's answers and stream frames mean. Upstreams differ in details: what is mistyped but not needed is
// passed over, only what is no chat completion at all is refused.
#include <algorithm>

#include "thalamus/base/text.h"
#include "thalamus/wire/json_take.h"
#include "thalamus/wire/openai_chat_error.h"
#include "thalamus/wire/openai_chat_format.h"
#include "thalamus/wire/openai_chat_logprobs.h"

namespace thalamus::wire {
namespace {

core::Finish finish_of(std::string_view name) noexcept {
  if (name == "stop") return core::Finish::kStop;
  if (name == "length") return core::Finish::kLength;
  if (name == "tool_calls" || name == "function_call") return core::Finish::kToolCalls;
  if (name == "content_filter") return core::Finish::kContentFilter;
  if (name == "error") return core::Finish::kError;
  return core::Finish::kUnknown;
}

bool take_usage(JsonCursor& cursor, core::Usage& usage) {
  return each_member(cursor, [&](std::string_view key) {
    const bool counted = cursor.peek() == JsonKind::kNumber;
    if (key == "prompt_tokens") {
      usage.known = usage.known || counted;
      return take_count(cursor, usage.input);
    }
    if (key == "completion_tokens") {
      usage.known = usage.known || counted;
      return take_count(cursor, usage.output);
    }
    if (key == "prompt_tokens_details")
      return each_member(cursor, [&](std::string_view detail) {
        if (detail == "cached_tokens") return take_count(cursor, usage.cached_input);
        return detail == "cache_write_tokens" ? take_count(cursor, usage.cache_write) : cursor.skip();
      });
    if (key == "completion_tokens_details")
      return each_member(cursor, [&](std::string_view detail) {
        return detail == "reasoning_tokens" ? take_count(cursor, usage.reasoning) : cursor.skip();
      });
    // Some providers count it beside the details.
    if (key == "prompt_cache_hit_tokens") return take_count(cursor, usage.cached_input);
    return cursor.skip();
  });
}

/// Text that is a string or an array of text parts.
bool take_content(JsonCursor& cursor, std::string& text) {
  if (cursor.peek() != JsonKind::kArray) return take_text(cursor, text);
  return each_element(cursor, [&](std::size_t) {
    return each_member(cursor, [&](std::string_view key) {
      if (key != "text") return cursor.skip();
      std::string piece;
      if (!take_text(cursor, piece)) return false;
      text += piece;
      return true;
    });
  });
}

bool is_reasoning(std::string_view key) noexcept {
  return key == "reasoning_content" || key == "reasoning" || key == "reasoning_details";
}

class FrameReader {
 public:
  /// `calls` maps the upstream's index of a tool call to ours; kept from frame to frame.
  FrameReader(std::string_view data, std::vector<std::uint32_t>& calls, std::vector<core::Delta>* deltas)
      : cursor_(data), calls_(calls), deltas_(deltas) {}

  Result<FrameFacts> read() {
    if (cursor_.peek() != JsonKind::kObject ||
        !each_member(cursor_, [this](std::string_view key) { return top(key); }) || !cursor_.finish())
      return fail(ErrorKind::kUpstream, "a stream frame is not a JSON object: {}",
                  cursor_.failed() ? cursor_.error().message : "it begins with another value");
    if (is_error_object_ && !facts_.failed) {
      facts_.failed = true;
      facts_.failure = presentable(message_.empty() ? "no reason given" : std::string_view(message_));
    }
    if (!facts_.failed && !has_choices_ && !facts_.carries_usage && !is_chunk_)
      return fail(ErrorKind::kUpstream,
                  "a stream frame is no chat.completion.chunk: it has no choices, usage or error");
    facts_.usage_only = facts_.carries_usage && !has_choice_ && !facts_.failed;
    return std::move(facts_);
  }

 private:
  bool top(std::string_view key) {
    if (key == "choices") {
      has_choices_ = has_choices_ || cursor_.peek() == JsonKind::kArray;
      return each_element(cursor_, [this](std::size_t) { return choice(); });
    }
    if (deltas_ != nullptr && key == "model") return take_text(cursor_, facts_.model);
    if (deltas_ != nullptr && key == "service_tier") return take_text(cursor_, facts_.service_tier);
    if (key == "usage") {
      facts_.names_usage = true;
      if (!take_usage(cursor_, facts_.usage)) return false;
      facts_.carries_usage = facts_.usage.known;
      return true;
    }
    if (key == "error") {
      if (cursor_.peek() == JsonKind::kNull) return cursor_.skip();
      facts_.failed = true;
      return read_error_member(cursor_, facts_.failure);
    }
    if (key == "object") {
      std::string_view object;
      if (!take_view(cursor_, object)) return false;
      is_chunk_ = object == "chat.completion.chunk";
      is_error_object_ = object == "error";
      return true;
    }
    return key == "message" ? take_text(cursor_, message_) : cursor_.skip();
  }

  // Only the first choice is an answer; others count as content. `index` may stand anywhere in it.
  bool choice() {
    has_choice_ = true;
    index_ = 0;
    text_.clear();
    logprobs_.clear();
    const std::size_t before = deltas_ != nullptr ? deltas_->size() : 0;
    if (!each_member(cursor_, [this](std::string_view name) { return choice_member(name); })) return false;
    facts_.content = facts_.content || !text_.empty();
    if (index_ == 0) facts_.text += text_;
    if (deltas_ == nullptr) return true;
    if (index_ != 0) {
      deltas_->resize(before);
    } else {
      add_text();
    }
    return true;
  }

  bool choice_member(std::string_view key) {
    if (key == "index") return take_count(cursor_, index_);
    if (key == "delta") return each_member(cursor_, [this](std::string_view name) { return delta(name); });
    if (key == "logprobs" && deltas_ != nullptr)
      return each_member(cursor_, [this](std::string_view name) {
        if (name != "content") return cursor_.skip();
        return each_element(cursor_, [this](std::size_t) { return take_logprob(cursor_, logprobs_.emplace_back()); });
      });
    if (key != "finish_reason" || cursor_.peek() != JsonKind::kString) return cursor_.skip();
    std::string_view name;
    if (!cursor_.read_view(name)) return false;
    if (name.empty()) return true;
    facts_.finished = true;
    facts_.finish = finish_of(name);
    return true;
  }

  // The role alone is no content, and neither is an empty string.
  bool delta(std::string_view key) {
    if (key == "content") return take_content(cursor_, text_);
    if (deltas_ == nullptr) {
      const bool content = key == "tool_calls" || key == "function_call" || key == "refusal" || key == "audio";
      return content || is_reasoning(key) ? take_presence(cursor_, facts_.content) : cursor_.skip();
    }
    if (key == "refusal") return piece(core::DeltaKind::kRefusal);
    if (key == "reasoning_content" || key == "reasoning") return piece(core::DeltaKind::kReasoning);
    if (key == "tool_calls") return each_element(cursor_, [this](std::size_t at) { return tool_call(at); });
    if (key == "function_call") return function_call();
    return key == "audio" || is_reasoning(key) ? take_presence(cursor_, facts_.content) : cursor_.skip();
  }

  bool piece(core::DeltaKind kind) {
    std::string text;
    if (!take_text(cursor_, text)) return false;
    if (text.empty()) return true;
    facts_.content = true;
    core::Delta& added = deltas_->emplace_back();
    added.kind = kind;
    added.text = std::move(text);
    return true;
  }

  void add_text() {
    for (core::TokenLogprob& logprob : logprobs_) {
      core::Delta& added = deltas_->emplace_back();
      added.text = logprob.token;
      added.logprob = std::move(logprob);
    }
    if (!logprobs_.empty() || text_.empty()) return;  // the tokens are the text
    deltas_->emplace_back().text = text_;
  }

  bool tool_call(std::size_t position) {
    auto theirs = static_cast<std::uint32_t>(position);
    core::Delta begun;
    std::string arguments;
    const bool read = each_member(cursor_, [&](std::string_view key) {
      if (key == "index") return take_count(cursor_, theirs);
      if (key == "id") return take_text(cursor_, begun.id);
      return key == "function" || key == "custom" ? function(begun.name, arguments) : cursor_.skip();
    });
    if (!read) return false;
    add_call(theirs, std::move(begun), std::move(arguments));
    return true;
  }

  bool function_call() {
    core::Delta begun;
    std::string arguments;
    if (!function(begun.name, arguments)) return false;
    add_call(0, std::move(begun), std::move(arguments));
    return true;
  }

  bool function(std::string& name, std::string& arguments) {
    return each_member(cursor_, [&](std::string_view key) {
      if (key == "name") return take_text(cursor_, name);
      return key == "arguments" || key == "input" ? take_json(cursor_, arguments) : cursor_.skip();
    });
  }

  void add_call(std::uint32_t theirs, core::Delta begun, std::string arguments) {
    const auto known = std::find(calls_.begin(), calls_.end(), theirs);
    auto index = static_cast<std::uint32_t>(known - calls_.begin());
    // Some servers give each call of a stream the index 0, with an identifier of its own.
    if (known == calls_.end() || (!begun.id.empty() && !begun.name.empty())) {
      index = static_cast<std::uint32_t>(calls_.size());
      if (known != calls_.end()) *known = UINT32_MAX;
      calls_.push_back(theirs);
      begun.kind = core::DeltaKind::kToolCall;
      begun.index = index;
      facts_.content = true;
      deltas_->push_back(std::move(begun));
    }
    if (arguments.empty() || arguments == "null") return;
    facts_.content = true;
    core::Delta& added = deltas_->emplace_back();
    added.kind = core::DeltaKind::kArguments;
    added.index = index;
    added.text = std::move(arguments);
  }

  JsonCursor cursor_;
  std::vector<std::uint32_t>& calls_;
  std::vector<core::Delta>* deltas_;
  FrameFacts facts_;
  std::string message_;
  std::uint32_t index_ = 0;  // of the choice being read
  std::string text_;
  std::vector<core::TokenLogprob> logprobs_;
  bool has_choices_ = false;
  bool has_choice_ = false;
  bool is_chunk_ = false;
  bool is_error_object_ = false;
};

class OpenAiStreamReader final : public StreamReader {
 public:
  Result<FrameFacts> read(const SseEvent& event, std::vector<core::Delta>* deltas) override {
    if (base::trim(event.data) == "[DONE]") {
      FrameFacts facts;
      facts.done = true;
      return facts;
    }
    return FrameReader(event.data, calls_, deltas).read();
  }

 private:
  std::vector<std::uint32_t> calls_;
};

class AnswerReader {
 public:
  explicit AnswerReader(std::string_view body) : cursor_(body) {}

  Result<AnswerFacts> read() {
    if (cursor_.peek() != JsonKind::kObject ||
        !each_member(cursor_, [this](std::string_view key) { return top(key); }) || !cursor_.finish())
      return fail(ErrorKind::kUpstream, "the answer is not a JSON object: {}",
                  cursor_.failed() ? cursor_.error().message : "it begins with another value");
    if (!failure_.empty()) return fail(ErrorKind::kUpstream, "the answer is an error: {}", failure_);
    if (!has_choices_) return fail(ErrorKind::kUpstream, "the answer is no chat.completion: it has no choices");
    core::Answer& answer = facts_.answer;
    facts_.empty = answer.text.empty() && answer.refusal.empty() && answer.tool_calls.empty() &&
                   answer.reasoning.empty() && !has_other_content_;
    return std::move(facts_);
  }

 private:
  bool top(std::string_view key) {
    core::Answer& answer = facts_.answer;
    if (key == "id") return take_text(cursor_, answer.id);
    if (key == "model") return take_text(cursor_, answer.model);
    if (key == "service_tier") return take_text(cursor_, answer.service_tier);
    if (key == "created") return take_unix_time(cursor_, answer.created_unix_s);
    if (key == "usage") return take_usage(cursor_, answer.usage);
    if (key == "error" && cursor_.peek() != JsonKind::kNull) return read_error_member(cursor_, failure_);
    if (key != "choices") return cursor_.skip();
    has_choices_ = cursor_.peek() == JsonKind::kArray;
    return each_element(cursor_, [this](std::size_t index) {
      if (index != 0) return cursor_.skip();
      facts_.answer.finish = core::Finish::kUnknown;
      return each_member(cursor_, [this](std::string_view name) { return choice(name); });
    });
  }

  bool choice(std::string_view key) {
    if (key == "message") return each_member(cursor_, [this](std::string_view name) { return message(name); });
    if (key == "logprobs")
      return each_member(cursor_, [this](std::string_view name) {
        if (name != "content") return cursor_.skip();
        return each_element(
            cursor_, [this](std::size_t) { return take_logprob(cursor_, facts_.answer.logprobs.emplace_back()); });
      });
    if (key != "finish_reason") return cursor_.skip();
    std::string_view name;
    if (!take_view(cursor_, name)) return false;
    facts_.answer.finish = finish_of(name);
    return true;
  }

  bool message(std::string_view key) {
    core::Answer& answer = facts_.answer;
    if (key == "content") return take_content(cursor_, answer.text);
    if (key == "refusal") return take_text(cursor_, answer.refusal);
    if (key == "reasoning_content" || key == "reasoning") return reasoning();
    if (key == "tool_calls")
      return each_element(cursor_, [&](std::size_t) { return tool_call(answer.tool_calls.emplace_back()); });
    if (key == "function_call") {
      if (cursor_.peek() != JsonKind::kObject) return cursor_.skip();
      return function(answer.tool_calls.emplace_back());
    }
    return is_reasoning(key) || key == "audio" ? take_presence(cursor_, has_other_content_) : cursor_.skip();
  }

  bool reasoning() {
    std::string text;
    if (cursor_.peek() != JsonKind::kString) return take_presence(cursor_, has_other_content_);
    if (!cursor_.read_string(text)) return false;
    // Some servers say it under both names.
    if (!text.empty() && facts_.answer.reasoning.empty())
      facts_.answer.reasoning.push_back({core::PartKind::kReasoning, std::move(text)});
    return true;
  }

  bool tool_call(core::ToolCall& call) {
    return each_member(cursor_, [&](std::string_view key) {
      if (key == "id") return take_text(cursor_, call.id);
      return key == "function" || key == "custom" ? function(call) : cursor_.skip();
    });
  }

  bool function(core::ToolCall& call) {
    return each_member(cursor_, [&](std::string_view key) {
      if (key == "name") return take_text(cursor_, call.name);
      // Some servers give the object itself instead of its text.
      return key == "arguments" || key == "input" ? take_json(cursor_, call.arguments) : cursor_.skip();
    });
  }

  JsonCursor cursor_;
  AnswerFacts facts_;
  std::string failure_;
  bool has_choices_ = false;
  bool has_other_content_ = false;
};

}  // namespace

Result<AnswerFacts> OpenAiChat::read_answer(std::string_view body) const { return AnswerReader(body).read(); }

std::unique_ptr<StreamReader> OpenAiChat::read_stream() const { return std::make_unique<OpenAiStreamReader>(); }

}  // namespace thalamus::wire
