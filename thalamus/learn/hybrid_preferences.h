/// Which items of a data set get a human label and which a model's, under a budget, so that what is trained on the mix
/// is best: the data-mix response model of Hybrid Preferences (arXiv 2410.19133).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "thalamus/base/fields.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/learn/batch_method.h"

namespace thalamus::learn {

struct HybridPreferencesOptions {
  std::int64_t simulations = 500;
  std::int64_t items = 7000;
  std::string form = "linear";
  double penalty = 0;
  double share = 0.5;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("simulations", simulations, Whole{5, 100'000},
          "mixes that are evaluated, and searched by the quadratic form");
    visit("items", items, Whole{2, 1'000'000}, "items of a simulated mix at most");
    visit("form", form, base::Choices{{"linear", "quadratic"}}, "of the response in the counts of features");
    visit("penalty", penalty, base::Range<double>{0, 1e9}, "of the ridge regression; 0 chooses it");
    visit("share", share, base::Range<double>{0, 1}, "of the items that humans may label, where no money is given");
  }
};

/// items x features, numbers such as 0 or 1 for a tag.
struct MixFeatures {
  std::size_t features = 0;
  std::vector<float> values;
  [[nodiscard]] std::size_t items() const noexcept { return features == 0 ? 0 : values.size() / features; }
};

/// Columns with two values or fewer stay; others become `bins` columns of 0 and 1, cut at equal mass.
[[nodiscard]] MixFeatures bin_features(const MixFeatures& raw, std::size_t bins = 3);

/// Expensive: trains on the mix and measures it. `items` are those of the data set; `human[i]` is 1 where item i of
/// them gets the human label.
using MixEvaluator = std::function<double(std::span<const std::uint32_t> items, std::span<const std::uint8_t> human)>;

/// Mean features among the items with human labels, per item of the mix, against what was measured.
struct SimulatedMixes {
  std::size_t features = 0;
  std::vector<float> counts;  ///< mixes x features
  std::vector<float> score;
};
/// One row of `counts`: the sum of the features of the human-labelled items, per item of the mix.
[[nodiscard]] std::vector<float> mix_counts(const MixFeatures& features, std::span<const std::uint32_t> items,
                                            std::span<const std::uint8_t> human);
/// Mixes that differ in their human share and in their composition: each prefers some features by chance.
[[nodiscard]] Result<SimulatedMixes> simulate_mixes(const MixFeatures& features, const MixEvaluator& evaluate,
                                                    const HybridPreferencesOptions& options, base::Rng& rng);

/// score(mix) ~ bias + coefficients . counts, or with all products of two counts.
class MixResponse {
 public:
  /// Ridge on four fifths of the mixes; the rest tell `held_out_r2`. kInvalidInput where too few mixes or, for the
  /// quadratic form, too many features are given.
  [[nodiscard]] static Result<MixResponse> fit(const SimulatedMixes& mixes, const HybridPreferencesOptions& options,
                                               base::Rng& rng);
  [[nodiscard]] double predict(std::span<const float> counts) const;
  /// What a human label of one item adds in a mix of `items`, by the linear terms.
  [[nodiscard]] double gain(std::span<const float> features, std::size_t items) const;
  [[nodiscard]] bool quadratic() const noexcept { return quadratic_; }
  /// 1 - squared error / variance on the mixes held out; NaN where their score is constant.
  [[nodiscard]] double held_out_r2() const noexcept { return held_out_r2_; }

 private:
  std::size_t features_ = 0;
  bool quadratic_ = false;
  double bias_ = 0;
  std::vector<double> coefficients_;
  double held_out_r2_ = 0;
};

/// Who labels each item.
struct LabelPlan {
  std::vector<std::uint8_t> human;  ///< 1: human, 0: model
  double predicted = 0;             ///< score of the mix, by the response
  double cost = 0;
  double price =
      0;           ///< of a unit of budget; an item that comes later is worth a human where its gain per cost is above
  double gap = 0;  ///< of the linear form: at most so much better is the best plan
};
/// Labels cost `human_cost[i]` by a human and nothing by the model; the plan stays within `budget`. Linear: most total
/// gain. Quadratic: the best predicted of the linear terms' plan, an all-model plan and simulated plans.
[[nodiscard]] Result<LabelPlan> plan_labels(const MixFeatures& features, const MixResponse& response,
                                            std::span<const double> human_cost, double budget,
                                            const HybridPreferencesOptions& options, base::Rng& rng);

/// The whole method with a count as budget: bins, simulates, fits and plans for `options.share` of the items.
struct HybridPreferencesResult {
  MixResponse response;
  LabelPlan plan;
};
[[nodiscard]] Result<HybridPreferencesResult> run_hybrid_preferences(const MixFeatures& raw,
                                                                     const MixEvaluator& evaluate,
                                                                     const HybridPreferencesOptions& options,
                                                                     base::Rng& rng);

}  // namespace thalamus::learn
