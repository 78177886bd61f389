/// What translations share: the list of what is lost, data that goes on as it is spelt, and how hard a model shall
/// think in the words of either protocol.
#pragma once

#include <cstdint>
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

/// The effort asked for: in words, or as the budget of thinking tokens translates; empty for none.
[[nodiscard]] std::string effort_of(const core::Request& request);
/// The budget asked for: in tokens, or as the word translates; 0 for none.
[[nodiscard]] std::uint32_t thinking_tokens_of(const core::Request& request);

}  // namespace thalamus::wire
