/// What two-model routers share: which two models, where the threshold lies, and how a score becomes estimates. A score
/// says how much the strong model is needed; the strong one is called where it reaches the threshold alpha.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/fields.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/route/router.h"
#include "thalamus/route/training_set.h"

namespace thalamus::route {

/// Options of every two-model router.
struct PairOptions {
  std::string strong;
  std::string weak;
  double strong_share = -1;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("strong", strong, base::Choices{}, "name of the strong model; empty: the best mean quality");
    visit("weak", weak, base::Choices{}, "name of the weak model; empty: the cheapest on the hull of means");
    visit("strong_share", strong_share, base::Range<double>{-1, 1},
          "share of the training rows that goes to the strong model; below 0: the share of the best quality");
  }
};

struct Pair {
  std::size_t strong = 0;
  std::size_t weak = 0;
};

/// Empty names choose: strong is the best mean quality, weak the cheapest model by mean recorded cost on the hull of
/// (cost, quality) means, or without costs (or where the best is also the cheapest) the second-best mean. kInvalidInput
/// for fewer than two models, kNotFound for an unknown name.
[[nodiscard]] Result<Pair> choose_pair(const TrainingSet& data, std::string_view strong, std::string_view weak);
/// The index of a named model; kNotFound names the nearest.
[[nodiscard]] Result<std::size_t> model_index(const TrainingSet& data, std::string_view name);

/// What two choices would have given in some rows.
struct PairOutcomes {
  std::vector<double> score;
  std::vector<double> strong;
  std::vector<double> weak;
};

/// The threshold on `score` (strong where score >= threshold) that gives the best mean outcome, the fewest strong calls
/// on ties; or, for a share within [0,1], the quantile that gives it.
[[nodiscard]] double choose_threshold(const PairOutcomes& outcomes, double strong_share);
/// The highest threshold whose mean outcome is at most `drop` below that of always calling the strong one.
[[nodiscard]] double threshold_within(const PairOutcomes& outcomes, double drop);

/// (1 / n^2) sum over i, j of |v_i - v_j|, by sorted prefix sums in O(n log n).
[[nodiscard]] double mean_pairwise_difference(std::vector<double> values);

/// Turns a score into estimates: the strong model's preference lies score - alpha above the weak one's, all others lie
/// below both in the order of their means.
class PairPolicy {
 public:
  PairPolicy() = default;
  PairPolicy(const TrainingSet& data, Pair pair, double alpha);
  void fill(double score, std::span<float> preference, std::span<float> sd) const noexcept;
  [[nodiscard]] double alpha() const noexcept { return alpha_; }
  [[nodiscard]] Pair pair() const noexcept { return pair_; }
  void save(base::ByteWriter& out) const;
  [[nodiscard]] static Result<PairPolicy> load(base::ByteReader& in, std::size_t models, std::string_view what);

 private:
  Pair pair_;
  double alpha_ = 0;
  std::vector<float> rest_;  ///< preference of each model where it is not of the pair
  std::vector<float> sd_;
};

/// A threshold among more than two models: the strong one's score is lowered by alpha before all are compared. Where
/// the weak model was named, the others stay below both.
class RankPolicy {
 public:
  RankPolicy() = default;
  /// `scores` is rows x models for rows of `data`; fits alpha on the recorded ones.
  [[nodiscard]] static Result<RankPolicy> fit(const TrainingSet& data, std::span<const std::uint32_t> rows,
                                              std::span<const double> scores, const PairOptions& options);
  /// Lowers the strong model and those that are out.
  void apply(std::span<float> scores) const noexcept;
  [[nodiscard]] RankPolicy without(std::size_t model) const;
  /// One more model, lowered as much as the model it is most like.
  [[nodiscard]] RankPolicy with_model(std::size_t like) const;
  void save(base::ByteWriter& out) const;
  [[nodiscard]] static Result<RankPolicy> load(base::ByteReader& in, std::size_t models, std::string_view what);

 private:
  std::vector<float> lower_;  ///< of each model
};

/// Scores beyond are cut off before a RankPolicy, so that it can keep models apart.
inline constexpr float kRankScoreMax = 100;

/// Fills the class weights of one row from the outcomes of the strong and the weak model. Class 0: strong is needed.
using PairTarget = std::function<void(double strong, double weak, std::span<double> target)>;

struct PairHeadPlan {
  Pair pair;
  std::size_t classes = 2;
  bool balanced = false;  ///< each class gets the same total weight
  double penalty = 1e-4;  ///< 0 chooses it on held-out rows
  double strong_share = -1;
  double quality_drop = -1;  ///< below 0: the best quality
};
/// A router with the score P(class 0 | x) of a logistic head on the dense features; alpha rests on held-out scores.
/// kInvalidInput where no row has both models recorded.
[[nodiscard]] Result<std::unique_ptr<Router>> fit_pair_head(const TrainingSet& data, const PairHeadPlan& plan,
                                                            const PairTarget& target, base::Rng& rng);
/// `what` names the method in messages.
[[nodiscard]] Result<std::unique_ptr<Router>> load_pair_head(base::ByteReader& in, const Shape& shape,
                                                             std::string_view what);

}  // namespace thalamus::route
