/// Feeds answers, expectations and schemas to every checker. Input: first byte chooses the checker, then the expected
/// text, a zero byte, and the answer. No input may crash, stall, or give a quality outside [0,1].
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "thalamus/check/checker.h"
#include "thalamus/check/normalise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thalamus::check;
  if (size < 2) return 0;
  const auto& record = checkers()[data[0] % checkers().size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto middle = text.find('\0');
  const std::string_view expected = text.substr(0, middle);
  const std::string_view answer = middle == std::string_view::npos ? std::string_view() : text.substr(middle + 1);
  Expectation expectation;
  expectation.checker = record.name;
  expectation.value = expected;
  expectation.ordered = size % 2 == 0;
  if (record.name == "json_schema") {
    expectation.schema = expected;
    expectation.value.clear();
  }
  if (record.name == "choice") expectation.value = "B";
  const auto graded = grade(answer, expectation);
  if (graded && !(graded->quality >= 0 && graded->quality <= 1)) std::abort();
  if (normalise(answer).size() > 3 * answer.size() + 16) std::abort();
  return 0;
}
