/// The candidates of `auto` and the choice among them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "thalamus/core/contract.h"
#include "thalamus/learn/cross_validate.h"
#include "thalamus/math/calibration.h"

namespace thalamus::learn {

/// What auto chooses from and blends, simplest first.
[[nodiscard]] std::vector<Candidate> auto_candidates(const Dataset& data);

/// The tier of each candidate.
[[nodiscard]] std::vector<int> tiers_of(const std::vector<Candidate>& candidates);

/// What one candidate collects on held-out rows.
struct Score {
  std::vector<double> quality;  ///< per position, decided by quality alone
  std::vector<double> utility;  ///< per position under the reference worth, divided by answer_usd
  std::vector<double> score;    ///< per position, what is compared
};

/// The worth that the selection uses where none is given: an answer is worth five times the mean cost of the best
/// single model, and the mean seconds of the slowest model cost a tenth of an answer. Nothing where neither is
/// recorded.
[[nodiscard]] std::optional<core::Worth> derive_worth(const Dataset& data);

/// Rows of fold kNotUsed are left out.
[[nodiscard]] Score score_candidate(const Dataset& data, std::span<const std::uint32_t> fold_of,
                                    const CrossValidation& cross, const HeldOut& held,
                                    const math::Calibration& calibration, const std::optional<core::Worth>& worth);

/// Held-out pairs of recorded cells, thinned to a bound, with the fold of each.
struct Pairs {
  std::vector<double> score;
  std::vector<double> outcome;
  std::vector<std::uint32_t> fold;
};
[[nodiscard]] Pairs held_out_pairs(const Dataset& data, const HeldOut& held, std::span<const std::uint32_t> fold_of);

}  // namespace thalamus::learn
