// An upstream's bytes: a buffered answer, a stream frame, an error body. The first byte is part of all of them.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "thalamus/base/text.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/usage.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

bool is_presentable(const std::string& text) {
  return !text.empty() && text.size() <= 500 && thalamus::base::is_valid_utf8(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thalamus;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const wire::Format& format = *wire::find_format("openai");

  require(is_presentable(format.read_error(body)));

  if (const auto facts = format.read_answer(body)) {
    core::Answer answer = facts->answer;
    const auto again = format.read_answer(format.encode_answer(answer));
    require(again.has_value());
    require(again->answer.text == answer.text && again->answer.tool_calls.size() == answer.tool_calls.size());
    require(again->answer.usage.input == (answer.usage.known ? answer.usage.input : 0));
  } else {
    require(facts.error().kind == ErrorKind::kUpstream);
  }

  std::vector<thalamus::core::Delta> deltas;
  thalamus::wire::SseEvent event;
  event.data = body;
  const auto frame = format.read_stream()->read(event, &deltas);
  if (frame) {
    require(!(frame->usage_only && frame->content));
    require(frame->text.empty() || frame->content);
    require(!frame->carries_usage || frame->names_usage);
    require(!frame->failed || frame->failure.size() <= 500);
  }

  const std::string stripped = wire::strip_usage(body);
  require(wire::strip_usage(stripped) == stripped);
  auto expected = nlohmann::json::parse(body, nullptr, false);
  if (expected.is_object()) {
    expected.erase("usage");
    const auto actual = nlohmann::json::parse(stripped, nullptr, false);
    require(!actual.is_discarded());
    // Nesting past the bound of our own reader leaves the text as it was.
    require(actual == expected || stripped == body);
    if (frame && frame->names_usage) require(!actual.contains("usage"));
  }
  return 0;
}
