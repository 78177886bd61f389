/// What translations share: the list of what is lost, data that goes on as it is spelt, names for calls without one,
/// and how hard a model shall think in the words of either protocol.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "thalamus/core/request.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {

/// Notes losses where somebody asked for them.
class LossList {
 public:
  explicit LossList(Losses* losses) noexcept : losses_(losses) {}
  /// `path` names a field of the request: "request.stop[0]".
  void add(std::string path, std::string_view reason);
  /// At the part's own place; `fallback`, its message's, where it has none.
  void add(const core::Part& part, std::string_view fallback, std::string_view reason);
  /// A tool that another provider runs.
  void add_tool(std::size_t index, const core::ToolDefinition& tool);
  /// A limit of the answer's tokens that the target's protocol takes only from `least` on; what it is given.
  [[nodiscard]] std::uint32_t raised_limit(std::uint32_t limit, std::uint32_t least);

 private:
  Losses* losses_;
};

/// `data` within quotes: it comes from a JSON text and goes into one.
[[nodiscard]] std::string quoted_raw(std::string_view data);
/// The JSON string "data:TYPE;base64,DATA".
[[nodiscard]] std::string data_url(const core::PartDetail& detail, std::string_view fallback_type);
/// "image/png" of "data:image/png;base64,...", and the data behind the comma. False for another URL. Both spellings of
/// the slash are understood, since `raw` lies between the quotes of a JSON text.
[[nodiscard]] bool split_data_url(std::string_view raw, std::string& media_type, std::string_view& data);

/// The path of the level of detail of an image, as its own protocol spells it.
[[nodiscard]] std::string detail_place(const core::Part& image, std::string_view fallback);

/// The identifiers of a request's calls and of their results. Calls of old clients have none: they are numbered, and
/// their results come in the same order. The request outlives it.
class CallIds {
 public:
  explicit CallIds(const core::Request& request) noexcept : request_(request) {}
  [[nodiscard]] std::string call(const std::string& id);
  /// Of a result that answers no call, nothing is made up.
  [[nodiscard]] std::string result(const std::string& id);

 private:
  [[nodiscard]] bool is_taken(std::string_view id) const;

  const core::Request& request_;
  std::deque<std::string> unanswered_;
  std::size_t numbered_ = 0;
};

/// The effort asked for: in words, or as the budget of thinking tokens translates, which is a loss where the word
/// stands for another number; empty for none.
[[nodiscard]] std::string effort_of(const core::Request& request, LossList& losses);

struct ThinkingBudget {
  std::uint32_t tokens = 0;  ///< 0 for none
  std::string loss = {};     ///< the reason, where the word asks for something else
};
/// The budget asked for: in tokens, or as the word translates.
[[nodiscard]] ThinkingBudget thinking_budget_of(const core::Request& request);

}  // namespace thalamus::wire
