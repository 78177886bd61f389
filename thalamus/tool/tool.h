/// Targets that answer exactly, in process. A tool says itself whether it is certain of a request; what a permitted
/// tool is certain of goes to it before anything is estimated.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "thalamus/core/request.h"

namespace thalamus::tool {

enum class Claim : std::uint8_t { kNone, kCertain };

/// What a tool depends on besides the request.
struct Context {
  std::int64_t unix_s = 0;  ///< for "today"; UTC
};

struct Solution {
  std::string answer;   ///< the final answer alone: "391", "Thursday", "12.7 cm"
  std::string working;  ///< one or a few lines that show how
  /// The text sent to the client: working, then the answer.
  [[nodiscard]] std::string text() const;
};

/// Stateless and thread-safe. `solve` answers exactly when `claims` is certain: claims(x) == kCertain iff solve(x) has
/// a value. Bounded: at most about a millisecond on any input of any size.
class Tool {
 public:
  virtual ~Tool() = default;
  [[nodiscard]] virtual Claim claims(const core::Request& request, const Context& context) const = 0;
  [[nodiscard]] virtual std::optional<Solution> solve(const core::Request& request, const Context& context) const = 0;
};

/// One row of tools.def.
struct ToolRecord {
  std::string_view name;
  std::string_view help;
  std::string_view example;  ///< a prompt it claims
  const Tool& (*instance)();
};
[[nodiscard]] std::span<const ToolRecord> tools() noexcept;
[[nodiscard]] const ToolRecord* find_tool(std::string_view name) noexcept;

}  // namespace thalamus::tool
