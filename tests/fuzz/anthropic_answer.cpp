// A messages upstream's bytes: an error body, a buffered answer, a stream cut anywhere whose pieces are written again.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/text.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/object_scan.h"

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
  require(again->answer.text == answer.text + answer.refusal);
  require(again->answer.tool_calls.size() == answer.tool_calls.size());
  require(again->answer.reasoning.size() == answer.reasoning.size());
  require(again->answer.usage.input == answer.usage.input && again->answer.usage.output == answer.usage.output);
}

// Clients parse arguments as they come: what there is of them is the begin of an object.
void check_arguments(const std::string& arguments) {
  wire::ObjectScan scan;
  require(scan.feed(arguments) == arguments.size() && !scan.broken() && !scan.is_text());
}

// Blocks begin and end in turn, whatever the deltas were.
void check_events(const std::string& stream) {
  wire::SseReader reader;
  require(reader.feed(stream).has_value());
  wire::SseEvent event;
  std::uint64_t index = 0;
  bool open = false;
  bool stopped = false;
  std::string arguments;
  while (reader.next(event)) {
    const auto data = nlohmann::json::parse(event.data, nullptr, false);
    require(data.is_object() && data["type"] == event.event && !stopped);
    if (event.event.starts_with("content_block")) require(data["index"] == index);
    if (event.event == "content_block_start") require(!open);
    if (event.event == "content_block_delta" || event.event == "content_block_stop") require(open);
    open = event.event == "content_block_start" || event.event == "content_block_delta";
    if (event.event == "content_block_delta" && data["delta"].contains("partial_json"))
      arguments += data["delta"]["partial_json"].get<std::string>();
    if (event.event == "content_block_stop") {
      check_arguments(arguments);
      arguments.clear();
      ++index;
    }
    stopped = event.event == "message_stop";
  }
  require(stopped && reader.rest().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const wire::Format& format = *wire::find_format("anthropic");
  const std::string said = format.read_error(body);
  require(!said.empty() && said.size() <= 500 && base::is_valid_utf8(said));
  check_answer(format, body);

  const auto stream = format.read_stream();
  const auto writer = format.write_stream({});
  std::string out;
  writer->start(out);
  core::Usage usage;
  std::vector<core::Delta> deltas;
  wire::SseReader reader;
  if (!reader.feed(body)) return 0;
  wire::SseEvent event;
  while (reader.next(event)) {
    const std::size_t before = deltas.size();
    const auto facts = stream->read(event, &deltas);
    if (!facts) {
      require(facts.error().kind == ErrorKind::kUpstream);
      continue;
    }
    require(facts->text.empty() || facts->content);
    require(!facts->usage_only && !facts->names_usage);
    require(!facts->failed || (!facts->failure.empty() && facts->failure.size() <= 500));
    require(deltas.size() == before || facts->content);
    if (facts->carries_usage) usage = facts->usage;
    for (std::size_t i = before; i < deltas.size(); ++i) writer->write(deltas[i], out);
  }
  writer->end({.finish = core::Finish::kStop, .usage = usage}, out);
  check_events(out);
  return 0;
}
