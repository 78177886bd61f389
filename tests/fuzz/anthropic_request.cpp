// A messages client's body: what decodes can be forwarded, counted and translated; what is forwarded says the same but
// for the edits.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "request_checks.h"
#include "thalamus/wire/anthropic.h"
#include "thalamus/wire/format.h"

namespace {

using thalamus::fuzz::require;

// What we write we read, and writing that again gives the same bytes. The first writing leaves out what the protocol
// refuses, so the second is the first that has to be stable.
void check_writing(const thalamus::wire::Format& format, const thalamus::core::Request& request) {
  const thalamus::wire::DecodeLimits limits{.depth_max = 512};
  thalamus::wire::Losses losses;
  const std::string body = format.encode_request(request, "m", &losses);
  for (const thalamus::wire::Loss& loss : losses) require(!loss.path.empty() && !loss.reason.empty());
  const auto first = format.decode(body, limits);
  if (!first) return;
  const std::string written = format.encode_request(*first, "m");
  const auto second = format.decode(written, limits);
  require(second && format.encode_request(*second, "m") == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thalamus;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const wire::Format& format = *wire::find_format("anthropic");
  const wire::ForwardEdits edits{.model = "upstream-model"};
  const auto request = format.decode(body, {});
  const auto forwarded = format.forward(body, edits);
  if (forwarded) {
    fuzz::compare_trees(format, body, *forwarded);
    const auto again = format.forward(*forwarded, edits);
    require(again && *again == *forwarded);
  }
  if (!request) {
    require(!request.error().message.empty() && request.error().where.starts_with("body"));
    const auto error = nlohmann::json::parse(format.encode_error(request.error()), nullptr, false);
    require(!error.is_discarded());
    return 0;
  }
  require(forwarded.has_value());
  const auto upstream = format.decode(*forwarded, {});
  require(upstream && upstream->model == edits.model && upstream->messages.size() == request->messages.size());
  require(upstream->last_user_text() == request->last_user_text());
  const auto counted = wire::decode_count_tokens(body, {});
  require(counted && counted->messages.size() == request->messages.size());
  check_writing(format, *request);
  fuzz::check_translation(format, body, *request);
  fuzz::check_foreign_thoughts(format, body);
  fuzz::check_echo(format, body);
  // Whatever the client said, the other protocol's reader understands what becomes of it.
  const wire::Format& other = *wire::find_format("openai");
  const auto chat = other.decode(other.encode_request(*request, "m"), {.depth_max = 512});
  require(chat || chat.error().kind == ErrorKind::kInvalidInput);
  return 0;
}
