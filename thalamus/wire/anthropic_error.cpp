// Errors in Anthropic's shape, both ways. Clients decide by the status and by `type`; the message names the place.
#include <array>

#include "thalamus/base/json_writer.h"
#include "thalamus/wire/anthropic_format.h"
#include "thalamus/wire/openai_chat_error.h"
#include "thalamus/wire/sse.h"

namespace thalamus::wire {
namespace {

// In the order of ErrorKind.
constexpr std::array<std::string_view, 16> kTypes{"invalid_request_error",
                                                  "authentication_error",
                                                  "permission_error",
                                                  "not_found_error",
                                                  "request_too_large",
                                                  "invalid_request_error",
                                                  "invalid_request_error",
                                                  "rate_limit_error",
                                                  "invalid_request_error",
                                                  "timeout_error",
                                                  "overloaded_error",
                                                  "api_error",
                                                  "api_error",
                                                  "api_error",
                                                  "api_error",
                                                  "api_error"};

std::string error_json(const Error& error, std::string_view request_id) {
  base::JsonWriter writer;
  writer.begin_object().field("type", "error").key("error").begin_object();
  writer.field("type", kTypes[static_cast<std::size_t>(error.kind)]);
  writer.field("message", is_clients_place(error.where) ? error.text() : error.message).end_object();
  if (!request_id.empty()) writer.field("request_id", request_id);
  writer.end_object();
  return writer.take();
}

}  // namespace

std::string Anthropic::encode_error(const base::Error& error, std::string_view request_id) const {
  return error_json(error, request_id);
}

std::string Anthropic::encode_stream_error(const base::Error& error) const {
  std::string out;
  append_sse_event(out, "error", error_json(error, {}));
  return out;
}

std::string Anthropic::read_error(std::string_view body) const { return read_error_body(body); }

}  // namespace thalamus::wire
