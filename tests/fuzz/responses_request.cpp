// A client's body of responses and of embeddings: what decodes can be forwarded and says the same then, and what is
// written from it can be read again.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "request_checks.h"
#include "thalamus/wire/embeddings.h"
#include "thalamus/wire/format.h"

namespace {

using namespace thalamus;
using fuzz::require;

// What we write we read, and writing that again gives the same bytes. The first writing leaves out what cannot be said
// and joins turns, so the second is the first that has to be stable.
void check_writing(const wire::Format& format, const core::Request& request) {
  const wire::DecodeLimits limits{.depth_max = 512};
  // What is decoded borrows from its body.
  const std::string body = format.encode_request(request, "m");
  const auto first = format.decode(body, limits);
  if (!first) return;
  const std::string written = format.encode_request(*first, "m");
  const auto second = format.decode(written, limits);
  require(second.has_value());
  const std::string again = format.encode_request(*second, "m");
  const auto third = format.decode(again, limits);
  require(third && format.encode_request(*third, "m") == again);
}

void check_embeddings(std::string_view body) {
  const auto request = wire::decode_embeddings(body, {});
  const auto forwarded = wire::forward_embeddings(body, "upstream-model");
  if (!request) {
    require(!request.error().message.empty() && request.error().where.starts_with("body"));
    return;
  }
  require(request->texts.empty() || request->tokens.empty());
  require(forwarded.has_value());
  const auto upstream = wire::decode_embeddings(*forwarded, {});
  require(upstream && upstream->model == "upstream-model" && upstream->texts == request->texts &&
          upstream->tokens == request->tokens);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const wire::Format& format = *wire::find_format("responses");
  const wire::ForwardEdits edits{.model = "upstream-model"};
  const auto request = format.decode(body, {});
  const auto forwarded = format.forward(body, edits);
  if (forwarded) {
    fuzz::compare_trees(format, body, *forwarded);
    // The edits are made: making them again changes nothing.
    const auto again = format.forward(*forwarded, edits);
    require(again && *again == *forwarded);
  }
  if (request) {
    require(forwarded.has_value());
    const auto upstream = format.decode(*forwarded, {});
    require(upstream && upstream->model == edits.model && upstream->messages.size() == request->messages.size());
    require(upstream->last_user_text() == request->last_user_text());
    check_writing(format, *request);
    fuzz::check_translation(format, body, *request);
    fuzz::check_foreign_thoughts(format, body);
    fuzz::check_echo(format, body);
  } else {
    require(!request.error().message.empty() && request.error().where.starts_with("body"));
    require(!nlohmann::json::parse(format.encode_error(request.error()), nullptr, false).is_discarded());
  }
  check_embeddings(body);
  return 0;
}
