/// Any bytes as the last user turn: no crash, claims exactly what is solved, the same answer each time, bounded output.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "thalamus/tool/tool.h"

namespace {

constexpr std::size_t kOutputMax = 128 * 1024;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace tool = thalamus::tool;
  thalamus::core::Request request;
  thalamus::core::Message message;
  message.parts.push_back({thalamus::core::PartKind::kText, std::string(reinterpret_cast<const char*>(data), size)});
  request.messages.push_back(std::move(message));
  const tool::Context context{.unix_s = 1'718'451'000};
  for (const tool::ToolRecord& record : tool::tools()) {
    const tool::Tool& instance = record.instance();
    const auto solution = instance.solve(request, context);
    require((instance.claims(request, context) == tool::Claim::kCertain) == solution.has_value());
    if (!solution.has_value()) continue;
    require(!solution->answer.empty() && solution->text().size() < kOutputMax);
    const auto again = instance.solve(request, context);
    require(again.has_value() && again->answer == solution->answer && again->working == solution->working);
  }
  return 0;
}
