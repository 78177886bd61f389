/// YAML text as a small tree of our own with marks, so that one source alone knows yaml-cpp and its exceptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::gateway {

enum class YamlKind : std::uint8_t { kNothing, kScalar, kList, kMap };

struct YamlMark {
  int line = 1;
  int column = 1;
};

struct YamlField;

struct YamlNode {
  YamlKind kind = YamlKind::kNothing;
  YamlMark mark;
  std::string text;  ///< of a scalar, `${...}` not yet expanded
  bool quoted = false;
  std::vector<YamlNode> items;
  std::vector<YamlField> fields;
};

struct YamlField {
  std::string name;
  YamlMark mark;
  YamlNode value;
};

inline constexpr std::size_t kConfigBytesMax = 1U << 20;
inline constexpr std::size_t kYamlDepthMax = 24;
inline constexpr std::size_t kYamlNodesMax = 100'000;  ///< aliases count each time they are used

/// One document. `${...}` may stand unquoted anywhere, also between the braces of a flow mapping. Errors carry
/// `name:line:column`: syntax, a key given twice, depth, an alias that contains itself or multiplies.
[[nodiscard]] Result<YamlNode> parse_yaml(std::string_view text, const std::string& name);

}  // namespace thalamus::gateway
