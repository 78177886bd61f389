#include "thalamus/tool/tool.h"

#include <algorithm>
#include <array>

namespace thalamus::tool {

#define TOOL(name) ToolRecord name##_tool();
#include "thalamus/tool/tools.def"
#undef TOOL

std::string Solution::text() const { return working.empty() ? answer : working + "\n" + answer; }

std::span<const ToolRecord> tools() noexcept {
  static const std::array kTools = {
#define TOOL(name) name##_tool(),
#include "thalamus/tool/tools.def"
#undef TOOL
  };
  return kTools;
}

const ToolRecord* find_tool(std::string_view name) noexcept {
  const auto all = tools();
  const auto found = std::find_if(all.begin(), all.end(), [&](const ToolRecord& tool) { return tool.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace thalamus::tool
