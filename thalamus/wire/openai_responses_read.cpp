// What an upstream's buffered answers mean. Upstreams differ in details: what is mistyped but not needed is passed
// over, only what is no response at all is refused.
#include "thalamus/wire/openai_responses_read.h"

#include <algorithm>
#include <iterator>

#include "thalamus/wire/json_take.h"
#include "thalamus/wire/openai_chat_error.h"
#include "thalamus/wire/openai_chat_logprobs.h"
#include "thalamus/wire/openai_responses_format.h"
#include "thalamus/wire/openai_responses_items.h"

namespace thalamus::wire {
namespace {

/// Texts of thoughts are paragraphs.
void add_paragraph(std::string& out, std::string_view text) {
  if (text.empty()) return;
  if (!out.empty()) out += "\n\n";
  out += text;
}

/// An array of parts; a string stands for one text.
bool take_parts(JsonCursor& cursor, std::vector<std::string>& texts, ReadItem& item) {
  if (cursor.peek() == JsonKind::kString) return cursor.read_string(texts.emplace_back());
  return each_element(cursor, [&](std::size_t) {
    return each_member(cursor, [&](std::string_view key) {
      if (key == "text") return take_text(cursor, texts.emplace_back());
      if (key == "logprobs") return take_logprobs(cursor, item.logprobs);
      if (key != "refusal") return cursor.skip();
      std::string piece;
      if (!take_text(cursor, piece)) return false;
      item.refusal += piece;
      return true;
    });
  });
}

bool take_usage(JsonCursor& cursor, core::Usage& usage) {
  return each_member(cursor, [&](std::string_view key) {
    const bool counted = cursor.peek() == JsonKind::kNumber;
    if (key == "input_tokens") {
      usage.known = usage.known || counted;
      return take_count(cursor, usage.input);
    }
    if (key == "output_tokens") {
      usage.known = usage.known || counted;
      return take_count(cursor, usage.output);
    }
    if (key == "input_tokens_details")
      return each_member(cursor, [&](std::string_view detail) {
        if (detail == "cached_tokens") return take_count(cursor, usage.cached_input);
        return detail == "cache_write_tokens" ? take_count(cursor, usage.cache_write) : cursor.skip();
      });
    if (key == "output_tokens_details")
      return each_member(cursor, [&](std::string_view detail) {
        return detail == "reasoning_tokens" ? take_count(cursor, usage.reasoning) : cursor.skip();
      });
    return cursor.skip();
  });
}

core::Finish finish_of(std::string_view status, std::string_view reason, bool called) noexcept {
  if (status == "incomplete") return reason == "content_filter" ? core::Finish::kContentFilter : core::Finish::kLength;
  if (status == "completed" || status.empty()) return called ? core::Finish::kToolCalls : core::Finish::kStop;
  if (status == "failed") return core::Finish::kError;
  return status == "cancelled" ? core::Finish::kCancelled : core::Finish::kUnknown;
}

class ResponseReader {
 public:
  ResponseReader(JsonCursor& cursor, WithOutput with_output, ReadResponse& out) noexcept
      : cursor_(cursor), with_output_(with_output), out_(out) {}

  bool read() {
    if (!each_member(cursor_, [this](std::string_view key) { return member(key); })) return false;
    out_.answer.finish = finish_of(status_, reason_, !out_.answer.tool_calls.empty());
    if (status_ == "failed" && out_.failure.empty()) out_.failure = "no reason given";
    return true;
  }

 private:
  bool member(std::string_view key) {
    core::Answer& answer = out_.answer;
    if (key == "id") return take_text(cursor_, answer.id);
    if (key == "model") return take_text(cursor_, answer.model);
    if (key == "service_tier") return take_text(cursor_, answer.service_tier);
    if (key == "created_at") return take_unix_time(cursor_, answer.created_unix_s);
    if (key == "status") return take_text(cursor_, status_);
    if (key == "usage") return take_usage(cursor_, answer.usage);
    if (key == "incomplete_details")
      return each_member(cursor_, [this](std::string_view name) {
        return name == "reason" ? take_text(cursor_, reason_) : cursor_.skip();
      });
    if (key == "error" && cursor_.peek() != JsonKind::kNull) return read_error_member(cursor_, out_.failure);
    if (key == "object") {
      std::string_view object;
      if (!take_view(cursor_, object)) return false;
      out_.is_response = out_.is_response || object == "response";
      return true;
    }
    if (key != "output") return cursor_.skip();
    out_.is_response = out_.is_response || cursor_.peek() == JsonKind::kArray;
    if (with_output_ == WithOutput::kNo) return cursor_.skip();
    return each_element(cursor_, [this](std::size_t) { return item(); });
  }

  bool item() {
    ReadItem item;
    if (!take_item(cursor_, item)) return false;
    core::Answer& answer = out_.answer;
    if (item.type == "message") {
      answer.text += item.text;
      answer.refusal += item.refusal;
      std::move(item.logprobs.begin(), item.logprobs.end(), std::back_inserter(answer.logprobs));
    } else if (item.is_call()) {
      answer.tool_calls.push_back(std::move(item.call));
    } else if (item.type == "reasoning") {
      if (!item.text.empty() || !item.encrypted.empty()) answer.reasoning.push_back(thought_of(std::move(item)));
    } else {
      out_.has_other_content = true;
    }
    return true;
  }

  JsonCursor& cursor_;
  WithOutput with_output_;
  ReadResponse& out_;
  std::string status_;
  std::string reason_;
};

}  // namespace

bool take_logprobs(JsonCursor& cursor, std::vector<core::TokenLogprob>& out) {
  return each_element(cursor, [&](std::size_t) { return take_logprob(cursor, out.emplace_back()); });
}

bool take_item(JsonCursor& cursor, ReadItem& out) {
  std::vector<std::string> summary, content;
  std::string call_id;
  const bool read = each_member(cursor, [&](std::string_view key) {
    if (key == "type") return take_text(cursor, out.type);
    if (key == "id") return take_text(cursor, out.id);
    if (key == "call_id") return take_text(cursor, call_id);
    if (key == "name") return take_text(cursor, out.call.name);
    // Some servers give the object itself instead of its text.
    if (key == "arguments" || key == "input") return take_json(cursor, out.call.arguments);
    if (key == "content") return take_parts(cursor, content, out);
    if (key == "summary") return take_parts(cursor, summary, out);
    return key == "encrypted_content" ? take_text(cursor, out.encrypted) : cursor.skip();
  });
  if (!read) return false;
  out.call.id = call_id.empty() ? out.id : std::move(call_id);
  if (out.call.arguments == "null") out.call.arguments.clear();
  for (const std::string& text : summary) add_paragraph(out.text, text);
  for (const std::string& text : content) {
    if (out.type == "reasoning") {
      add_paragraph(out.text, text);
    } else {
      out.text += text;
    }
  }
  return true;
}

core::Part thought_of(ReadItem item) {
  core::PartDetail detail;
  detail.id = std::move(item.id);
  unseal(item.encrypted, detail);
  return {core::PartKind::kReasoning, std::move(item.text),
          std::make_shared<const core::PartDetail>(std::move(detail))};
}

bool take_response(JsonCursor& cursor, WithOutput with_output, ReadResponse& out) {
  return ResponseReader(cursor, with_output, out).read();
}

Result<AnswerFacts> OpenAiResponses::read_answer(std::string_view body) const {
  JsonCursor cursor(body);
  ReadResponse response;
  if (cursor.peek() != JsonKind::kObject || !take_response(cursor, WithOutput::kYes, response) || !cursor.finish())
    return fail(ErrorKind::kUpstream, "the answer is not a JSON object: {}",
                cursor.failed() ? cursor.error().message : "it begins with another value");
  if (!response.failure.empty()) return fail(ErrorKind::kUpstream, "the answer is an error: {}", response.failure);
  if (!response.is_response) return fail(ErrorKind::kUpstream, "the answer is no response: it has no output");
  AnswerFacts facts;
  facts.answer = std::move(response.answer);
  const core::Answer& answer = facts.answer;
  facts.empty = answer.text.empty() && answer.refusal.empty() && answer.tool_calls.empty() &&
                answer.reasoning.empty() && !response.has_other_content;
  return facts;
}

}  // namespace thalamus::wire
