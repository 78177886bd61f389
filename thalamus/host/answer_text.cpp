#include "thalamus/host/answer_text.h"

#include <fmt/format.h>

namespace thalamus::host {
namespace {

std::vector<std::string> all_stops(const Job& job, const Prompt& prompt) {
  std::vector<std::string> stops = job.request.stop;
  stops.insert(stops.end(), prompt.stops.begin(), prompt.stops.end());
  return stops;
}

}  // namespace

AnswerText::AnswerText(const Job& job, const Prompt& prompt)
    : job_(job), reader_(prompt.reader.get()), stop_(all_stops(job, prompt)) {}

void AnswerText::add(std::string_view bytes, const core::TokenLogprob* logprob) {
  std::string text = stop_.feed(whole_.feed(bytes));
  raw_ += text;
  if (!job_.on_piece) return;
  if (reader_ == nullptr) return show(std::move(text), logprob);
  std::string fresh;
  if (!text.empty()) {
    const auto reading = reader_->read(raw_, AnswerReader::Ending::kOpen);
    if (reading && reading->text.starts_with(shown_text_)) fresh = reading->text.substr(shown_text_.size());
  }
  show(std::move(fresh), logprob);
}

void AnswerText::finish(core::Answer& answer) {
  std::string rest = stop_.feed(whole_.finish());
  rest += stop_.finish();
  raw_ += rest;
  if (stop_.stopped()) answer.finish = core::Finish::kStop;
  if (reader_ == nullptr) {
    show(std::move(rest), nullptr);
    answer.text = std::move(raw_);
    return;
  }
  auto reading = reader_->read(raw_, AnswerReader::Ending::kFinal);
  // What does not parse as a call stays text: the model did not make one.
  if (!reading || reading->calls.empty()) reading.emplace().text = raw_;
  answer.text = std::move(reading->text);
  answer.tool_calls = std::move(reading->calls);
  if (!answer.tool_calls.empty()) answer.finish = core::Finish::kToolCalls;
  for (std::size_t i = 0; i < answer.tool_calls.size(); ++i) {
    if (answer.tool_calls[i].id.empty()) answer.tool_calls[i].id = fmt::format("call_{}_{}", job_.id, i);
  }
  if (answer.text.starts_with(shown_text_)) show(answer.text.substr(shown_text_.size()), nullptr);
}

void AnswerText::show(std::string text, const core::TokenLogprob* logprob) {
  if (!job_.on_piece || (text.empty() && logprob == nullptr)) return;
  if (reader_ != nullptr) shown_text_ += text;
  job_.on_piece({std::move(text), logprob});
}

}  // namespace thalamus::host
