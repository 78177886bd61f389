#include "thalamus/wire/embeddings_format.h"

#include "thalamus/wire/embeddings.h"

namespace thalamus::wire {
namespace {

const Format& openai() noexcept {
  static const Format& format = *find_format("openai");
  return format;
}

/// There are no streams of embeddings.
class NoStream final : public StreamReader {
 public:
  Result<FrameFacts> read(const SseEvent& /*event*/, std::vector<core::Delta>* /*deltas*/) override {
    return fail(ErrorKind::kUpstream, "a stream where vectors were asked for");
  }
};

class EmbeddingsFormat final : public Format {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "embeddings"; }
  [[nodiscard]] Endpoints endpoints() const noexcept override { return kEmbeddingsEndpoints; }
  [[nodiscard]] bool embeddings() const noexcept override { return true; }

  [[nodiscard]] Result<core::Request> decode(std::string_view body, const DecodeLimits& limits) const override {
    TRY(EmbeddingsRequest given, decode_embeddings(body, limits));
    core::Request request;
    request.model = std::move(given.model);
    request.contract = std::move(given.contract);
    request.user = std::move(given.user);
    request.unread = std::move(given.unread);
    core::Message& message = request.messages.emplace_back();
    for (std::string& text : given.texts) message.parts.push_back({core::PartKind::kText, std::move(text)});
    return request;
  }
  [[nodiscard]] Result<std::string> forward(std::string_view body, const ForwardEdits& edits) const override {
    return forward_embeddings(body, edits.model);
  }
  [[nodiscard]] Result<AnswerFacts> read_answer(std::string_view body) const override {
    TRY(const EmbeddingsAnswer answer, read_embeddings(body));
    AnswerFacts facts;
    facts.answer.model = answer.model;
    facts.answer.usage = answer.usage;
    facts.empty = answer.vectors.empty();
    return facts;
  }

  // Errors are those of the same provider's chat; the rest is never asked for.
  [[nodiscard]] std::string encode_error(const base::Error& error, std::string_view request_id) const override {
    return openai().encode_error(error, request_id);
  }
  [[nodiscard]] std::string encode_stream_error(const base::Error& error) const override {
    return openai().encode_stream_error(error);
  }
  [[nodiscard]] std::string read_error(std::string_view body) const override { return openai().read_error(body); }
  [[nodiscard]] std::string encode_answer(const core::Answer& answer, std::string_view request) const override {
    return openai().encode_answer(answer, request);
  }
  [[nodiscard]] std::unique_ptr<StreamWriter> write_stream(StreamHead head) const override {
    return openai().write_stream(std::move(head));
  }
  [[nodiscard]] std::string encode_request(const core::Request& request, std::string_view model,
                                           Losses* losses) const override {
    return openai().encode_request(request, model, losses);
  }
  [[nodiscard]] std::unique_ptr<StreamReader> read_stream() const override { return std::make_unique<NoStream>(); }
};

}  // namespace

const Format& embeddings_format() noexcept {
  static const EmbeddingsFormat kFormat;
  return kFormat;
}

}  // namespace thalamus::wire
