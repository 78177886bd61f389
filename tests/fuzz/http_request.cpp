/// Whatever the bytes: no crash, and the same outcome whole and cut into pieces. The first byte sets the cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "thalamus/net/http1_parser.h"

namespace {

using namespace thalamus::net;

/// The requests of one connection, one after the other, as text.
std::string outcome_of(std::string_view input, std::size_t step) {
  constexpr std::size_t kHeadBytes = 2'048;
  constexpr std::size_t kHeaders = 16;
  constexpr std::size_t kBodyBytes = 4'096;
  std::string outcome;
  RequestParser parser(ParseLimits{kHeadBytes, kHeaders, kBodyBytes});
  HttpRequest request;
  parser.begin(request);
  std::size_t begin = 0;
  std::size_t end = 0;
  while (true) {
    const auto progress = parser.parse(input.substr(begin, end - begin));
    // What arrives behind a fault decides which fault is found first, so only the fact counts.
    if (!progress) return outcome + "refused";
    if (progress->consumed > end - begin) std::abort();
    begin += progress->consumed;
    if (progress->event == ParseEvent::kDone) {
      if (request.body.size() > kBodyBytes || request.headers.size() > kHeaders) std::abort();
      outcome += request.method + " " + request.path + "?" + request.query + "\n";
      request.headers.for_each([&](std::string_view name, std::string_view value) {
        if (!is_token(name) || !is_field_value(value)) std::abort();
        outcome.append(name).append(":").append(value).append("\n");
      });
      outcome += request.body + (parser.keep_alive() ? "\nkeep\n" : "\nclose\n");
      if (!parser.keep_alive()) return outcome;
      parser.begin(request);
    } else if (progress->event == ParseEvent::kNeedMore) {
      if (end == input.size()) return outcome + "more";
      end = std::min(input.size(), end + step);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = 1 + data[0] % 64;
  if (outcome_of(input, input.size() + 1) != outcome_of(input, step)) std::abort();
  return 0;
}
