// Errors: the same body as chat completions, and the frames of a stream.
#include "thalamus/wire/openai_responses_error.h"

#include <limits>

#include "thalamus/base/json_writer.h"
#include "thalamus/wire/openai_responses_format.h"
#include "thalamus/wire/sse.h"

namespace thalamus::wire {
namespace {

constexpr std::string_view kMessages = "body.messages";

/// The conversation is called `input` here.
Error in_our_words(Error error) {
  if (error.where == kMessages) error.where = "body.input";
  return error;
}

}  // namespace

OpenAiError responses_error(const Error& error) { return openai_error(in_our_words(error)); }

void append_error_event(std::string& out, const OpenAiError& error, std::uint64_t sequence_number) {
  base::JsonWriter writer;
  writer.begin_object().field("type", "error").field("sequence_number", sequence_number);
  writer.field("code", error.code).field("message", error.message).key("param");
  if (error.param.empty()) {
    writer.null();
  } else {
    writer.value(error.param);
  }
  writer.key("error").begin_object();
  write_openai_error(writer, error);
  writer.end_object().end_object();
  append_sse_event(out, "error", writer.text());
}

std::string OpenAiResponses::encode_error(const base::Error& error, std::string_view request_id) const {
  return find_format("openai")->encode_error(in_our_words(error), request_id);
}

std::string OpenAiResponses::encode_stream_error(const base::Error& error) const {
  // How far the forwarded frames have counted is not known; this is past them all.
  constexpr auto kLast = static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
  std::string out;
  append_error_event(out, responses_error(error), kLast);
  return out;
}

std::string OpenAiResponses::read_error(std::string_view body) const { return read_error_body(body); }

}  // namespace thalamus::wire
