/// What a chat request asks of a local model beside core::Request: members that only the one who generates acts on,
/// and those that no text model can honour, which are refused by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"
#include "thalamus/core/request.h"

namespace thalamus::host {

enum class ToolChoice : std::uint8_t { kAuto, kNone, kRequired };

struct Demands {
  ToolChoice tool_choice = ToolChoice::kAuto;
  std::string tool;  ///< the only one allowed, with kRequired; empty: any
  double presence_penalty = 0;
  double frequency_penalty = 0;
};

/// Reads a body that `wire` has decoded. kUnsupported or kInvalidInput with `where` = "body.n".
[[nodiscard]] Result<Demands> read_demands(std::string_view body);

/// kUnsupported for content that is no text, kInvalidInput for a tool that is not given or stops past the bounds.
[[nodiscard]] Status check_supported(const core::Request& request, const Demands& demands);

}  // namespace thalamus::host
