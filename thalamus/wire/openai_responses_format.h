/// OpenAI's responses (platform.openai.com/docs/api-reference/responses), as server and as client, without a store:
/// each request brings its whole conversation. Internal to this folder: others reach it by `find_format("responses")`.
#pragma once

#include "thalamus/wire/format.h"

namespace thalamus::wire {

/// One source for each side: openai_responses_{decode,items,request,encode,stream,read,frames,error}.cpp.
class OpenAiResponses final : public Format {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "responses"; }
  [[nodiscard]] Endpoints endpoints() const noexcept override { return {"/v1/responses", "/responses"}; }
  [[nodiscard]] std::string_view beta_header() const noexcept override { return "openai-beta"; }

  [[nodiscard]] Result<core::Request> decode(std::string_view body, const DecodeLimits& limits) const override;
  [[nodiscard]] std::string encode_answer(const core::Answer& answer, std::string_view request) const override;
  [[nodiscard]] std::unique_ptr<StreamWriter> write_stream(StreamHead head) const override;
  [[nodiscard]] std::string encode_error(const base::Error& error, std::string_view request_id) const override;
  [[nodiscard]] std::string encode_stream_error(const base::Error& error) const override;

  [[nodiscard]] Result<std::string> forward(std::string_view body, const ForwardEdits& edits) const override;
  [[nodiscard]] std::string encode_request(const core::Request& request, std::string_view model,
                                           Losses* losses) const override;
  void name_losses(std::string_view body, Losses& losses) const override;
  [[nodiscard]] Result<AnswerFacts> read_answer(std::string_view body) const override;
  [[nodiscard]] std::unique_ptr<StreamReader> read_stream() const override;
  [[nodiscard]] std::string read_error(std::string_view body) const override;
};

}  // namespace thalamus::wire
