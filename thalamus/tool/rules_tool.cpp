#include "thalamus/tool/rules_tool.h"

namespace thalamus::tool {
namespace {

constexpr std::string_view kWhat =
    "(what is|what's|whats|what are|what was|what will be|calculate|compute|evaluate|work out|find|find out|figure out|"
    "determine|solve|simplify|give|give me|get|how much is|how much are|i need|what would be|what do you get for)";

std::string expand(std::string_view source) {
  std::string text(source);
  for (std::size_t at = text.find("WHAT"); at != std::string::npos; at = text.find("WHAT", at + kWhat.size())) {
    text.replace(at, 4, kWhat);
  }
  return text;
}

}  // namespace

std::vector<Rule> compile_rules(std::initializer_list<Wordings> wordings, std::span<const SlotType> types) {
  std::vector<Rule> rules;
  for (const Wordings& group : wordings) {
    for (const std::string_view source : group.sources) {
      rules.push_back({Pattern(expand(source), types), group.handler});
    }
  }
  return rules;
}

}  // namespace thalamus::tool
