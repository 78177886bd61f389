/// OpenAI's chat completions (platform.openai.com/docs/api-reference/chat), as server and as client. Internal to this
/// folder: others reach it by `find_format("openai")`.
#pragma once

#include "thalamus/wire/format.h"

namespace thalamus::wire {

/// One source for each side: openai_chat_{decode,forward,encode,error,read}.cpp.
class OpenAiChat final : public Format {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "openai"; }

  [[nodiscard]] Result<core::Request> decode(std::string_view body, const DecodeLimits& limits) const override;
  [[nodiscard]] std::string encode_answer(const core::Answer& answer) const override;
  [[nodiscard]] std::string encode_stream_start(const core::Answer& head) const override;
  [[nodiscard]] std::string encode_stream_text(const core::Answer& head, std::string_view delta,
                                               const core::TokenLogprob* logprob) const override;
  [[nodiscard]] std::string encode_stream_end(const core::Answer& answer, bool with_usage) const override;
  [[nodiscard]] std::string encode_error(const base::Error& error) const override;
  [[nodiscard]] std::string encode_stream_error(const base::Error& error) const override;

  [[nodiscard]] Result<std::string> forward(std::string_view body, const ForwardEdits& edits) const override;
  [[nodiscard]] std::string encode_request(const core::Request& request, std::string_view model) const override;
  [[nodiscard]] Result<AnswerFacts> read_answer(std::string_view body) const override;
  [[nodiscard]] Result<FrameFacts> read_frame(std::string_view data) const override;
  [[nodiscard]] std::string read_error(std::string_view body) const override;
};

}  // namespace thalamus::wire
