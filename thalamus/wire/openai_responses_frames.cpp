// What the events of an upstream's streamed response mean.
#include <algorithm>

#include "thalamus/base/text.h"
#include "thalamus/wire/json_take.h"
#include "thalamus/wire/openai_chat_error.h"
#include "thalamus/wire/openai_responses_format.h"
#include "thalamus/wire/openai_responses_items.h"
#include "thalamus/wire/openai_responses_read.h"

namespace thalamus::wire {
namespace {

using core::DeltaKind;

/// The members of an event, whatever its type.
struct Event {
  std::string type;
  std::string delta;
  std::string whole;  ///< `text`, `refusal`, `arguments` or `input` of an event that ends a piece
  std::string item_id;
  std::string message;
  std::string failure;    ///< below `error`
  std::string_view item;  ///< as it stands
  std::string_view response;
  std::uint32_t output_index = 0;
  std::uint32_t piece_index = 0;  ///< of a part of the content or the summary
  std::vector<core::TokenLogprob> logprobs;
};

bool take_event(JsonCursor& cursor, Event& event) {
  return each_member(cursor, [&](std::string_view key) {
    if (key == "type") return take_text(cursor, event.type);
    if (key == "delta") return take_text(cursor, event.delta);
    if (key == "text" || key == "refusal" || key == "arguments" || key == "input")
      return take_json(cursor, event.whole);
    if (key == "item_id") return take_text(cursor, event.item_id);
    if (key == "message") return take_text(cursor, event.message);
    if (key == "logprobs") return take_logprobs(cursor, event.logprobs);
    if (key == "output_index") return take_count(cursor, event.output_index);
    if (key == "content_index" || key == "summary_index") return take_count(cursor, event.piece_index);
    if (key == "error" && cursor.peek() != JsonKind::kNull) return read_error_member(cursor, event.failure);
    if (key == "item") return cursor.skip(event.item);
    return key == "response" ? cursor.skip(event.response) : cursor.skip();
  });
}

// Pieces come as deltas; what ends a piece repeats it whole. Servers that send only the ends are understood too.
class EventReader final : public StreamReader {
 public:
  Result<FrameFacts> read(const SseEvent& frame, std::vector<core::Delta>* deltas) override {
    facts_ = {};
    if (base::trim(frame.data) == "[DONE]") {
      facts_.done = true;
      return facts_;
    }
    JsonCursor cursor(frame.data);
    Event event;
    if (cursor.peek() != JsonKind::kObject || !take_event(cursor, event) || !cursor.finish())
      return fail(ErrorKind::kUpstream, "a stream frame is not a JSON object: {}",
                  cursor.failed() ? cursor.error().message : "it begins with another value");
    if (event.type.empty()) event.type = frame.event;
    if (event.type.empty() && event.failure.empty())
      return fail(ErrorKind::kUpstream, "a stream frame is no event of a response: it has no type");
    translates_ = deltas != nullptr;
    std::vector<core::Delta> unwanted;
    deltas_ = deltas != nullptr ? deltas : &unwanted;
    read_event(event);
    deltas_ = nullptr;
    return std::move(facts_);
  }

 private:
  /// What has been said of one piece of an item.
  struct Piece {
    std::uint32_t output_index;
    DeltaKind kind;
    std::uint32_t index;

    friend bool operator==(const Piece&, const Piece&) = default;
  };

  void read_event(const Event& event) {
    const std::string_view type = event.type;
    if (type == "error" || !event.failure.empty()) return failed(event.failure.empty() ? event.message : event.failure);
    if (type == "response.output_item.added" || type == "response.output_item.done") return item(event);
    if (type == "response.created" && translates_) return created(event);
    if (type == "response.completed" || type == "response.incomplete" || type == "response.failed")
      return finished(event);
    if (type == "response.function_call_arguments.delta" || type == "response.custom_tool_call_input.delta")
      return arguments(event.output_index, event.delta, true);
    if (type == "response.function_call_arguments.done" || type == "response.custom_tool_call_input.done")
      return arguments(event.output_index, event.whole, false);
    struct Row {
      std::string_view name;
      DeltaKind kind;
    };
    static constexpr Row kRows[] = {{"response.output_text", DeltaKind::kText},
                                    {"response.refusal", DeltaKind::kRefusal},
                                    {"response.reasoning_summary_text", DeltaKind::kReasoning},
                                    {"response.reasoning_text", DeltaKind::kReasoning}};
    for (const Row& row : kRows) {
      if (!type.starts_with(row.name)) continue;
      const std::string_view rest = type.substr(row.name.size());
      if (rest == ".delta") return piece(event, row.kind, event.delta, true);
      if (rest == ".done") return piece(event, row.kind, event.whole, false);
    }
    // Partial images, searches and whatever else a provider's own tools give.
    if (type.ends_with(".delta") || type.ends_with(".partial_image")) facts_.content = true;
  }

  void failed(std::string_view message) {
    facts_.failed = true;
    facts_.failure = presentable(message);
    if (facts_.failure.empty()) facts_.failure = "no reason given";
  }

  core::Delta& add(DeltaKind kind, std::string text) {
    facts_.content = true;
    said_ = true;
    if (kind == DeltaKind::kText) facts_.text += text;
    core::Delta& added = deltas_->emplace_back();
    added.kind = kind;
    added.text = std::move(text);
    return added;
  }

  /// A delta has room for one token's log-probability: those of further tokens follow without a text.
  void add_text(std::string text, const std::vector<core::TokenLogprob>& logprobs) {
    core::Delta* last = &add(DeltaKind::kText, std::move(text));
    for (std::size_t i = 0; i < logprobs.size(); ++i) {
      if (i > 0) last = &deltas_->emplace_back();
      last->logprob = logprobs[i];
    }
  }

  /// True the first time; the rest of a piece follows, its end does not.
  bool is_new(const Piece& piece) {
    if (std::find(begun_.begin(), begun_.end(), piece) != begun_.end()) return false;
    begun_.push_back(piece);
    return true;
  }

  void piece(const Event& event, DeltaKind kind, const std::string& text, bool is_delta) {
    if (text.empty()) return;
    // Summary and content of a thought are counted apart, but no server gives both.
    const bool first = is_new({event.output_index, kind, event.piece_index});
    if (!first && !is_delta) return;
    const bool paragraph = first && kind == DeltaKind::kReasoning &&
                           std::any_of(begun_.begin(), begun_.end() - 1, [&](const Piece& other) {
                             return other.output_index == event.output_index && other.kind == kind;
                           });
    if (kind == DeltaKind::kText) return add_text(text, event.logprobs);
    core::Delta& added = add(kind, paragraph ? "\n\n" + text : text);
    if (kind == DeltaKind::kReasoning) added.id = event.item_id;
  }

  void arguments(std::uint32_t output_index, const std::string& text, bool is_delta) {
    const auto call = std::find(calls_.begin(), calls_.end(), output_index);
    // An item that never began is told whole at its end.
    if (call == calls_.end() || text.empty()) return;
    if (!is_new({output_index, DeltaKind::kArguments, 0}) && !is_delta) return;
    add(DeltaKind::kArguments, text).index = static_cast<std::uint32_t>(call - calls_.begin());
  }

  void item(const Event& event) {
    JsonCursor cursor(event.item);
    ReadItem item;
    if (event.item.empty() || !take_item(cursor, item)) return;
    const bool done = event.type == "response.output_item.done";
    const std::uint32_t at = event.output_index;
    if (item.is_call()) {
      if (std::find(calls_.begin(), calls_.end(), at) == calls_.end()) begin_call(at, item.call);
      return arguments(at, item.call.arguments, false);
    }
    if (!done) return;
    if (item.type == "reasoning") return thought(at, std::move(item));
    if (item.type != "message") facts_.content = true;
    if (!is_said(at, DeltaKind::kText) && !item.text.empty()) {
      begun_.push_back({at, DeltaKind::kText, 0});
      add_text(std::move(item.text), item.logprobs);
    }
    whole(at, DeltaKind::kRefusal, std::move(item.refusal));
  }

  void begin_call(std::uint32_t output_index, const core::ToolCall& call) {
    core::Delta& begun = add(DeltaKind::kToolCall, {});
    begun.index = static_cast<std::uint32_t>(calls_.size());
    begun.id = call.id;
    begun.name = call.name;
    calls_.push_back(output_index);
  }

  bool is_said(std::uint32_t output_index, DeltaKind kind) const {
    return std::any_of(begun_.begin(), begun_.end(),
                       [&](const Piece& piece) { return piece.output_index == output_index && piece.kind == kind; });
  }

  /// What an item has of a kind, where none of it came in pieces. Null where there is nothing to add.
  core::Delta* whole(std::uint32_t output_index, DeltaKind kind, std::string text) {
    if (is_said(output_index, kind) || text.empty()) return nullptr;
    begun_.push_back({output_index, kind, 0});
    return &add(kind, std::move(text));
  }

  void thought(std::uint32_t output_index, ReadItem item) {
    if (core::Delta* text = whole(output_index, DeltaKind::kReasoning, std::move(item.text))) text->id = item.id;
    core::PartDetail detail;
    detail.id = std::move(item.id);
    unseal(item.encrypted, detail);
    const bool is_signature = !detail.signature.empty();
    if (!is_signature && detail.encrypted.empty()) return;
    if (!is_new({output_index, DeltaKind::kReasoningEncrypted, 0})) return;
    core::Delta& proof = is_signature ? add(DeltaKind::kReasoningSignature, std::move(detail.signature))
                                      : add(DeltaKind::kReasoningEncrypted, std::move(detail.encrypted));
    proof.id = std::move(detail.id);
  }

  void created(const Event& event) {
    JsonCursor cursor(event.response);
    ReadResponse response;
    if (!event.response.empty() && take_response(cursor, WithOutput::kNo, response))
      facts_.model = std::move(response.answer.model);
  }

  void finished(const Event& event) {
    JsonCursor cursor(event.response);
    ReadResponse response;
    // Some servers give the answer only here.
    const WithOutput with_output = said_ ? WithOutput::kNo : WithOutput::kYes;
    if (!event.response.empty()) (void)take_response(cursor, with_output, response);
    if (event.type == "response.failed" || !response.failure.empty()) return failed(response.failure);
    core::Answer& answer = response.answer;
    facts_.model = std::move(answer.model);
    facts_.service_tier = std::move(answer.service_tier);
    if (!said_) say(answer);
    facts_.carries_usage = answer.usage.known;
    facts_.usage = answer.usage;
    facts_.finished = true;
    facts_.done = true;
    facts_.finish = answer.finish;
    if (facts_.finish == core::Finish::kStop && !calls_.empty()) facts_.finish = core::Finish::kToolCalls;
    // The event's name says it where the object does not.
    if (event.type == "response.incomplete" && facts_.finish != core::Finish::kContentFilter)
      facts_.finish = core::Finish::kLength;
  }

  void say(core::Answer& answer) {
    for (core::Part& part : answer.reasoning) {
      const core::PartDetail& detail = *part.detail;
      if (!part.text.empty()) add(DeltaKind::kReasoning, std::move(part.text)).id = detail.id;
      if (!detail.signature.empty()) add(DeltaKind::kReasoningSignature, detail.signature);
      if (!detail.encrypted.empty()) add(DeltaKind::kReasoningEncrypted, detail.encrypted).id = detail.id;
    }
    if (!answer.text.empty()) add_text(std::move(answer.text), answer.logprobs);
    if (!answer.refusal.empty()) add(DeltaKind::kRefusal, std::move(answer.refusal));
    for (const core::ToolCall& call : answer.tool_calls) {
      const auto at = static_cast<std::uint32_t>(calls_.size());
      begin_call(at, call);
      arguments(at, call.arguments, false);
    }
  }

  FrameFacts facts_;
  std::vector<core::Delta>* deltas_ = nullptr;
  std::vector<std::uint32_t> calls_;  // the output index of each call
  std::vector<Piece> begun_;
  bool said_ = false;
  bool translates_ = false;
};

}  // namespace

std::unique_ptr<StreamReader> OpenAiResponses::read_stream() const { return std::make_unique<EventReader>(); }

}  // namespace thalamus::wire
