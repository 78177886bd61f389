/// A plan in words, and what would change it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/core/contract.h"
#include "thalamus/core/estimate.h"
#include "thalamus/core/plan.h"
#include "thalamus/core/target.h"

namespace thalamus::route {

/// One or two sentences: what was chosen, why, against what, and which limits were binding.
[[nodiscard]] std::string explain(const core::Plan& plan, const core::Estimates& estimates,
                                  const core::Contract& contract, std::span<const core::Target> targets);

/// One change after which another target would be first, all else equal.
struct Flip {
  std::string what;    ///< "worth.answer_usd", "worth.second_usd", "price of NAME", "max_cost_usd", "min_quality", ...
  double value = 0;    ///< the value at which it flips
  std::string target;  ///< who would be first then
  std::string sentence;
};
/// The nearest flip of each kind; empty where there is no alternative.
[[nodiscard]] std::vector<Flip> flips(const core::Plan& plan, const core::Estimates& estimates,
                                      const core::Contract& contract, std::span<const core::Target> targets);

/// "cost, latency" for a set of exclusions.
[[nodiscard]] std::string words(core::Exclusion set);
[[nodiscard]] std::string_view word(core::Reason reason) noexcept;

}  // namespace thalamus::route
