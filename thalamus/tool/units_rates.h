/// Conversions by rates that the question itself gives: "If 1 florin is 3.4 groats, how many groats are 12 florins?".
#pragma once

#include <span>

#include "thalamus/tool/question.h"

namespace thalamus::tool {

[[nodiscard]] std::span<const Rule> rate_rules();

/// "left = value label", exact if short, else rounded and said so; nothing where the style does not fit.
[[nodiscard]] std::optional<Solution> quantity_solution(const Style& style, const Rational& value,
                                                        std::string_view label, std::string_view left,
                                                        bool rounded_factor);

}  // namespace thalamus::tool
