// What an upstream's answers and stream frames mean. Upstreams differ in details: what is mistyped but not needed is
// passed over, only what is no chat completion at all is refused.
#include <algorithm>

#include "thalamus/base/text.h"
#include "thalamus/wire/json_cursor.h"
#include "thalamus/wire/openai_chat_error.h"
#include "thalamus/wire/openai_chat_format.h"

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

// Each of these passes one value and takes it if it is of the right kind. False: the JSON is malformed.

bool take_text(JsonCursor& cursor, std::string& out) {
  return cursor.peek() == JsonKind::kString ? cursor.read_string(out) : cursor.skip();
}

bool take_view(JsonCursor& cursor, std::string_view& out) {
  return cursor.peek() == JsonKind::kString ? cursor.read_view(out) : cursor.skip();
}

bool take_real(JsonCursor& cursor, double& out) {
  if (cursor.peek() != JsonKind::kNumber) return cursor.skip();
  std::string_view spelling;
  if (!cursor.read_number(spelling)) return false;
  out = base::parse_number<double>(spelling).value_or(out);
  return true;
}

/// Counts that are spelt as reals or pass 32 bits are clamped.
bool take_count(JsonCursor& cursor, std::uint32_t& out) {
  double value = out;
  if (!take_real(cursor, value)) return false;
  out = static_cast<std::uint32_t>(std::clamp(value, 0.0, 4294967295.0));
  return true;
}

/// Passes a value that is content if it is there at all: a string, array or object with something in it.
bool take_presence(JsonCursor& cursor, bool& present) {
  std::string_view raw;
  const JsonKind kind = cursor.peek();
  if (!cursor.skip(raw)) return false;
  if (kind == JsonKind::kString) {
    present = present || raw.size() > 2;
  } else if (kind == JsonKind::kArray || kind == JsonKind::kObject) {
    present = present || !base::trim(raw.substr(1, raw.size() - 2)).empty();
  }
  return true;
}

/// Runs `member(key)` over an object; passes any other value.
template <class Member>
bool each_member(JsonCursor& cursor, Member member) {
  if (cursor.peek() != JsonKind::kObject) return cursor.skip();
  if (!cursor.enter_object()) return false;
  std::string_view key;
  while (cursor.next_member(key))
    if (!member(key)) return false;
  return !cursor.failed();
}

/// Runs `element(index)` over an array; passes any other value.
template <class Element>
bool each_element(JsonCursor& cursor, Element element) {
  if (cursor.peek() != JsonKind::kArray) return cursor.skip();
  if (!cursor.enter_array()) return false;
  for (std::size_t i = 0; cursor.next_element(); ++i)
    if (!element(i)) return false;
  return !cursor.failed();
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
        return detail == "cached_tokens" ? take_count(cursor, usage.cached_input) : cursor.skip();
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
  explicit FrameReader(std::string_view data) : cursor_(data) {}

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
      return each_element(cursor_, [this](std::size_t) {
        has_choice_ = true;
        std::uint32_t index = 0;
        std::string text;
        if (!each_member(cursor_, [&](std::string_view name) { return choice(name, index, text); })) return false;
        facts_.content = facts_.content || !text.empty();
        if (index == 0) facts_.text += text;
        return true;
      });
    }
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

  bool choice(std::string_view key, std::uint32_t& index, std::string& text) {
    if (key == "index") return take_count(cursor_, index);
    if (key == "delta") return each_member(cursor_, [&](std::string_view name) { return delta(name, text); });
    if (key != "finish_reason" || cursor_.peek() != JsonKind::kString) return cursor_.skip();
    std::string_view name;
    if (!cursor_.read_view(name)) return false;
    if (name.empty()) return true;
    facts_.finished = true;
    facts_.finish = finish_of(name);
    return true;
  }

  // The role alone is no content, and neither is an empty string.
  bool delta(std::string_view key, std::string& text) {
    if (key == "content") return take_content(cursor_, text);
    const bool content = key == "tool_calls" || key == "function_call" || key == "refusal" || key == "audio";
    return content || is_reasoning(key) ? take_presence(cursor_, facts_.content) : cursor_.skip();
  }

  JsonCursor cursor_;
  FrameFacts facts_;
  std::string message_;
  bool has_choices_ = false;
  bool has_choice_ = false;
  bool is_chunk_ = false;
  bool is_error_object_ = false;
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
    if (answer.text.empty()) answer.text = std::move(refusal_);
    facts_.empty = answer.text.empty() && answer.tool_calls.empty() && !has_other_content_;
    return std::move(facts_);
  }

 private:
  bool top(std::string_view key) {
    core::Answer& answer = facts_.answer;
    if (key == "id") return take_text(cursor_, answer.id);
    if (key == "model") return take_text(cursor_, answer.model);
    if (key == "created") return created();
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

  bool created() {
    double seconds = 0;
    if (!take_real(cursor_, seconds)) return false;
    facts_.answer.created_unix_s = static_cast<std::int64_t>(std::clamp(seconds, 0.0, 9e15));
    return true;
  }

  bool choice(std::string_view key) {
    if (key == "message") return each_member(cursor_, [this](std::string_view name) { return message(name); });
    if (key == "logprobs")
      return each_member(cursor_, [this](std::string_view name) {
        if (name != "content") return cursor_.skip();
        return each_element(cursor_, [this](std::size_t) { return logprob(facts_.answer.logprobs.emplace_back()); });
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
    if (key == "refusal") return take_text(cursor_, refusal_);
    if (key == "tool_calls")
      return each_element(cursor_, [&](std::size_t) { return tool_call(answer.tool_calls.emplace_back()); });
    if (key == "function_call") {
      if (cursor_.peek() != JsonKind::kObject) return cursor_.skip();
      return function(answer.tool_calls.emplace_back());
    }
    return is_reasoning(key) || key == "audio" ? take_presence(cursor_, has_other_content_) : cursor_.skip();
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
      if (key != "arguments" && key != "input") return cursor_.skip();
      if (cursor_.peek() != JsonKind::kObject) return take_text(cursor_, call.arguments);
      // Some servers give the object itself instead of its text.
      std::string_view raw;
      if (!cursor_.skip(raw)) return false;
      call.arguments = std::string(raw);
      return true;
    });
  }

  bool logprob(core::TokenLogprob& out) {
    return each_member(cursor_, [&](std::string_view key) {
      if (key == "token") return take_text(cursor_, out.token);
      if (key == "logprob") return take_real(cursor_, out.logprob);
      if (key != "top_logprobs") return cursor_.skip();
      return each_element(cursor_, [&](std::size_t) {
        auto& [token, value] = out.top.emplace_back();
        return each_member(cursor_, [&](std::string_view name) {
          if (name == "token") return take_text(cursor_, token);
          return name == "logprob" ? take_real(cursor_, value) : cursor_.skip();
        });
      });
    });
  }

  JsonCursor cursor_;
  AnswerFacts facts_;
  std::string refusal_;
  std::string failure_;
  bool has_choices_ = false;
  bool has_other_content_ = false;
};

}  // namespace

Result<AnswerFacts> OpenAiChat::read_answer(std::string_view body) const { return AnswerReader(body).read(); }

Result<FrameFacts> OpenAiChat::read_frame(std::string_view data) const {
  if (base::trim(data) == "[DONE]") {
    FrameFacts facts;
    facts.done = true;
    return facts;
  }
  return FrameReader(data).read();
}

}  // namespace thalamus::wire
