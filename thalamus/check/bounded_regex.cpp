#include "thalamus/check/bounded_regex.h"

#include <algorithm>
#include <charconv>
#include <regex>
#include <utility>

#include "thalamus/check/reading.h"

namespace thalamus::check {
namespace {

constexpr std::size_t kRepeatMax = 200;
constexpr std::size_t kSizeMax = 4000;  ///< pattern length times the product of its counted repeats
constexpr std::size_t kNestingMax = 32;

/// The bounds that keep the compiler's and the matcher's recursion and state count small.
Status check_bounds(std::string_view pattern) {
  if (pattern.size() > kPatternLengthMax)
    return fail(ErrorKind::kTooLarge, "pattern: {} bytes, at most {} are allowed", pattern.size(), kPatternLengthMax);
  std::size_t nesting = 0;
  std::size_t size = std::max<std::size_t>(pattern.size(), 1);
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      if (++i < pattern.size() && !in_class && pattern[i] >= '1' && pattern[i] <= '9')
        return fail(ErrorKind::kInvalidInput, "pattern: the back-reference \\{} is not supported", pattern[i]);
      continue;
    }
    if (c == '[' && !in_class) {
      in_class = true;
    } else if (c == ']') {
      in_class = false;
    }
    if (in_class) continue;
    if (c == '(' && ++nesting > kNestingMax)
      return fail(ErrorKind::kTooLarge, "pattern: groups are nested deeper than {}", kNestingMax);
    if (c == ')' && nesting > 0) --nesting;
    if (c != '{') continue;
    std::size_t repeat = 1;
    for (std::size_t at = i + 1; at < pattern.size() && pattern[at] != '}';) {
      std::size_t count = 0;
      const auto [end, error] = std::from_chars(pattern.data() + at, pattern.data() + pattern.size(), count);
      if (error == std::errc{}) repeat = std::max(repeat, count);
      if (error == std::errc::result_out_of_range) repeat = kRepeatMax + 1;
      at = std::max(at + 1, static_cast<std::size_t>(end - pattern.data()));
    }
    if (repeat > kRepeatMax) return fail(ErrorKind::kTooLarge, "pattern: a repeat count is above {}", kRepeatMax);
    size *= repeat;
    if (size > kSizeMax) return fail(ErrorKind::kTooLarge, "pattern: its counted repeats make it too large");
  }
  return {};
}

/// Breadth-first matching in libstdc++; any other library keeps the bounds on pattern and input only.
constexpr std::regex::flag_type kSyntax = std::regex_constants::ECMAScript
#ifdef __GLIBCXX__
                                          | std::regex_constants::__polynomial
#endif
    ;

}  // namespace

struct BoundedRegex::Compiled {
  std::regex regex;
};

BoundedRegex::BoundedRegex(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
BoundedRegex::BoundedRegex(BoundedRegex&&) noexcept = default;
BoundedRegex& BoundedRegex::operator=(BoundedRegex&&) noexcept = default;
BoundedRegex::~BoundedRegex() = default;

Result<BoundedRegex> BoundedRegex::compile(std::string_view pattern) {
  CHECK_OK(check_bounds(pattern));
  try {
    // Checked alone first, so that an unbalanced ')' cannot close the group around it.
    const std::regex alone(pattern.begin(), pattern.end(), kSyntax | std::regex_constants::nosubs);
    const std::string anywhere = "(?:[^]*?)(?:" + std::string(pattern) + ")";
    auto compiled = std::make_unique<Compiled>();
    compiled->regex.assign(anywhere, kSyntax | std::regex_constants::nosubs);
    return BoundedRegex(std::move(compiled));
  } catch (const std::regex_error& error) {
    return fail(ErrorKind::kInvalidInput, "pattern: {} is not a regular expression: {}", excerpt(pattern),
                error.what());
  }
}

bool BoundedRegex::found_in(std::string_view text) const {
  if (text.size() > kRegexInputMax) text.remove_prefix(text.size() - kRegexInputMax);
  try {
    // One pass from the first byte: the leading [^]*? moves on instead of a restart at each byte.
    return std::regex_search(text.data(), text.data() + text.size(), compiled_->regex,
                             std::regex_constants::match_continuous);
  } catch (const std::regex_error&) {
    return false;
  }
}

}  // namespace thalamus::check
