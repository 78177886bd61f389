// A client's body: what decodes can be forwarded, and what is forwarded says the same but for the three edits.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "request_checks.h"
#include "thalamus/wire/contract.h"
#include "thalamus/wire/format.h"

namespace {

using thalamus::fuzz::require;

// What we write we read, and writing that again gives the same bytes. The first writing may leave out attachments
// whose data was not kept, so the second is the first that has to be stable.
void check_writing(const thalamus::wire::Format& format, const thalamus::core::Request& request) {
  const thalamus::wire::DecodeLimits limits{.depth_max = 512};
  // What is decoded borrows from its body.
  const std::string body = format.encode_request(request, "m");
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
  const wire::Format& format = *wire::find_format("openai");
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
    const auto error = nlohmann::json::parse(format.encode_error(request.error()), nullptr, false);
    require(!error.is_discarded());
  }
  const auto contract = wire::decode_contract(body);
  require(contract || contract.error().where.starts_with("thalamus"));
  core::ContractPatch patch;
  const Status applied = wire::apply_contract_header(patch, body.substr(0, size / 2), body.substr(size / 2));
  require(applied || !applied.error().message.empty());
  return 0;
}
