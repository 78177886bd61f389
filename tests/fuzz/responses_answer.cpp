// An upstream's bytes: a buffered response, a stream of events, embeddings.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "thalamus/base/text.h"
#include "thalamus/wire/embeddings.h"
#include "thalamus/wire/format.h"

namespace {

using namespace thalamus;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_answer(const wire::Format& format, std::string_view body) {
  const auto facts = format.read_answer(body);
  if (!facts) {
    require(facts.error().kind == ErrorKind::kUpstream);
    return;
  }
  const core::Answer& answer = facts->answer;
  const auto again = format.read_answer(format.encode_answer(answer));
  require(again.has_value());
  require(again->answer.text == answer.text && again->answer.refusal == answer.refusal);
  require(again->answer.tool_calls.size() == answer.tool_calls.size());
  require(again->answer.usage.input == (answer.usage.known ? answer.usage.input : 0));
}

/// The stream as it is read, and as it is written for a client of the same protocol.
void check_stream(const wire::Format& format, std::string_view body) {
  wire::SseReader sse;
  if (!sse.feed(body)) return;
  const auto reader = format.read_stream();
  const auto writer =
      format.write_stream({.id = "1", .created_unix_s = 1, .model = "m", .with_usage = true, .input_tokens = 0});
  std::string out, text, calls;
  writer->start(out);
  wire::SseEvent event;
  while (sse.next(event)) {
    std::vector<core::Delta> deltas;
    const auto frame = reader->read(event, &deltas);
    if (!frame) continue;
    require(!frame->usage_only && !frame->names_usage);
    require(frame->content || deltas.empty());
    require(frame->text.empty() || frame->content);
    require(!frame->failed || (!frame->failure.empty() && frame->failure.size() <= 500));
    text += frame->text;
    for (const core::Delta& delta : deltas) {
      if (delta.kind == core::DeltaKind::kArguments) calls += delta.text;
      writer->write(delta, out);
    }
  }
  writer->end({}, out);
  // What was written for the client is whole, and says the same.
  wire::SseReader back;
  require(back.feed(out).has_value());
  std::string last;
  while (back.next(event)) last = event.data;
  const auto whole = nlohmann::json::parse(last, nullptr, false);
  require(!whole.is_discarded() && whole["type"] == "response.completed");
  std::string written_text;
  std::size_t written_calls = 0;
  for (const auto& item : whole["response"]["output"]) {
    if (item["type"] == "message")
      for (const auto& part : item["content"]) written_text += part.value("text", "");
    if (item["type"] == "function_call") written_calls += item["arguments"].get<std::string>().size();
  }
  // Invalid bytes are replaced as they are written, and grow.
  if (base::is_valid_utf8(text)) require(written_text == text);
  require(written_calls >= calls.size());
}

void check_embeddings(std::string_view body) {
  const auto answer = wire::read_embeddings(body);
  if (!answer) {
    require(answer.error().kind == ErrorKind::kUpstream);
    return;
  }
  for (const auto encoding : {wire::EmbeddingEncoding::kFloat, wire::EmbeddingEncoding::kBase64}) {
    const auto again = wire::read_embeddings(wire::encode_embeddings(*answer, encoding));
    require(again && again->vectors == answer->vectors);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const wire::Format& format = *wire::find_format("responses");
  check_answer(format, body);
  check_stream(format, body);
  check_embeddings(body);
  wire::SseEvent event;
  event.data = body;
  const auto frame = format.read_stream()->read(event, nullptr);
  require(frame || frame.error().kind == ErrorKind::kUpstream);
  return 0;
}
