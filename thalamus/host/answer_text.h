/// The bytes of generated tokens -> the text that the client sees, piece by piece: whole characters, nothing past a
/// stop string, tool calls apart.
#pragma once

#include <string>
#include <string_view>

#include "thalamus/host/engine.h"
#include "thalamus/host/generation.h"
#include "thalamus/host/prompt.h"

namespace thalamus::host {

/// `job` and `prompt` outlive it.
class AnswerText {
 public:
  AnswerText(const Job& job, const Prompt& prompt);
  void add(std::string_view bytes, const core::TokenLogprob* logprob);
  /// A stop string was found: no more bytes are wanted.
  [[nodiscard]] bool stopped() const noexcept { return stop_.stopped(); }
  /// Shows what was held back and writes text, tool calls and their finish reason into `answer`. The pieces shown, put
  /// together, are the text.
  void finish(core::Answer& answer);

 private:
  void show(std::string text, const core::TokenLogprob* logprob);

  const Job& job_;
  const AnswerReader* reader_;
  Utf8Holder whole_;
  StopHolder stop_;
  std::string raw_;         ///< what the model wrote, up to a stop string
  std::string shown_text_;  ///< what was handed out, where a reader decides what is text
};

}  // namespace thalamus::host
