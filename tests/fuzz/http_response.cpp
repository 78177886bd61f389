/// Whatever the bytes: no crash, and the same outcome whole and cut into pieces. The first byte sets cut and method.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "thalamus/net/http1_parser.h"

namespace {

using namespace thalamus::net;

std::string outcome_of(std::string_view input, std::size_t step, ResponseParser::Body expected) {
  constexpr std::size_t kHeadBytes = 2'048;
  constexpr std::size_t kHeaders = 16;
  constexpr std::size_t kBodyBytes = 4'096;
  std::string body;
  std::string head;
  ResponseParser parser;
  parser.begin(ParseLimits{kHeadBytes, kHeaders, kBodyBytes}, expected);
  std::size_t begin = 0;
  std::size_t end = 0;
  while (true) {
    const auto progress = parser.parse(input.substr(begin, end - begin));
    // How much of a body came out before a fault depends on the cut.
    if (!progress) return head + "failed";
    if (progress->consumed > end - begin) std::abort();
    begin += progress->consumed;
    if (progress->event == ParseEvent::kHead) {
      head = std::to_string(parser.status()) + "\n";
      parser.headers().for_each([&](std::string_view name, std::string_view value) {
        head.append(name).append(":").append(value).append("\n");
      });
    } else if (progress->event == ParseEvent::kBody) {
      if (parser.piece().empty()) std::abort();
      body += parser.piece();
      if (body.size() > kBodyBytes) std::abort();
    } else if (progress->event == ParseEvent::kDone) {
      if (!parser.done()) std::abort();
      return head + body + "done" + std::to_string(begin);
    } else if (end == input.size()) {
      return head + body + (parser.finish_at_end() ? "ended" : "cut");
    } else {
      end = std::min(input.size(), end + step);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = 1 + data[0] % 64;
  const auto expected = data[0] >= 128 ? ResponseParser::Body::kNone : ResponseParser::Body::kAsSaid;
  if (outcome_of(input, input.size() + 1, expected) != outcome_of(input, step, expected)) std::abort();
  return 0;
}
