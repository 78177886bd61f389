/// Anything that can answer, and what is known of it right now.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "thalamus/base/units.h"

namespace thalamus::core {

inline constexpr std::size_t kTargetsMax = 256;  ///< of one route; columns of Estimates are this long at most

enum class TargetKind : std::uint8_t { kModel, kTool };

/// USD per million tokens.
struct Prices {
  double input = 0;
  double cached_input = 0;
  double cache_write = 0;
  double output = 0;
};

struct Abilities {
  bool tools = true;
  bool images = false;
  bool json_schema = true;
  bool reasoning_effort = false;
  bool embeddings = false;  ///< gives vectors instead of answers
};

struct Target {
  std::string name;
  TargetKind kind = TargetKind::kModel;
  Prices prices;
  std::uint32_t context_tokens = 0;  ///< 0: unknown, never filtered
  Abilities abilities;
  std::vector<std::string> tags;
};

/// What dispatch knows of a target at the moment of the decision.
struct TargetState {
  bool healthy = true;
  double queue_seconds = 0;  ///< expected waiting time; adds to the learned seconds
  NanoDollars budget{INT64_MAX};
};

}  // namespace thalamus::core
