/// The dates tool, part two: clock times, durations, time zones.
#pragma once

#include <span>

#include "thalamus/tool/question.h"

namespace thalamus::tool {

[[nodiscard]] std::span<const Rule> clock_rules();
[[nodiscard]] std::span<const Rule> zone_rules();

}  // namespace thalamus::tool
