/// Regular expressions (ECMAScript) that cannot run away: matching is by breadth, without backtracking, and pattern,
/// repeats, nesting and input are bounded. Back-references are refused.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"

namespace thalamus::check {

inline constexpr std::size_t kPatternLengthMax = 1024;
inline constexpr std::size_t kRegexInputMax = 64U << 10U;

class BoundedRegex {
 public:
  /// kInvalidInput with the reason if the pattern is malformed, kTooLarge if it is over a bound.
  [[nodiscard]] static Result<BoundedRegex> compile(std::string_view pattern);

  /// The pattern occurs in `text`, anchors as given; of longer text the last kRegexInputMax bytes count.
  [[nodiscard]] bool found_in(std::string_view text) const;

  BoundedRegex(BoundedRegex&&) noexcept;
  BoundedRegex& operator=(BoundedRegex&&) noexcept;
  ~BoundedRegex();

 private:
  struct Compiled;
  explicit BoundedRegex(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace thalamus::check
