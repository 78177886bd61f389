// Boosted trees as a value estimator (a model class of our own; Friedman 2001 with the second-order steps of arXiv
// 1603.02754): per model quality(x) = sigmoid(bias + sum over trees of leaf(x)), logistic loss on qualities in [0,1],
// each model's number of trees chosen by its own held-out rows. Fitting is O(models * trees * rows * columns drawn),
// on at most kRowsMax rows and kCellsMax cells; an estimate is O(models * trees * depth) comparisons.
#include "thalamus/math/boosted_trees.h"

#include <algorithm>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/route/pool.h"
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;    // more are sampled
constexpr std::size_t kCellsMax = 400'000;  // rows x models that are fitted; more models read fewer rows each

struct BoostedTreesRouterOptions {
  std::int64_t trees = 300;
  std::int64_t depth = 4;
  double shrinkage = 0.08;
  std::int64_t bins = 64;
  double columns = 0.3;
  double rows = 0.7;
  double penalty = 5;
  double leaf_weight = 5;
  std::int64_t patience = 20;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    using Share = base::Range<double>;
    visit("trees", trees, Whole{1, static_cast<std::int64_t>(math::kTreesMax)}, "trees of each model at most");
    visit("depth", depth, Whole{1, static_cast<std::int64_t>(math::kTreeDepthMax)}, "splits on the way to a leaf");
    visit("shrinkage", shrinkage, Share{0.001, 1}, "share of each tree's step that is taken");
    visit("bins", bins, Whole{2, static_cast<std::int64_t>(math::kBinsMax)}, "bins of each column");
    visit("columns", columns, Share{0.01, 1}, "share of the columns drawn for each tree");
    visit("rows", rows, Share{0.1, 1}, "share of the rows drawn for each tree");
    visit("penalty", penalty, Share{0, 1e6}, "of squared leaf values");
    visit("leaf_weight", leaf_weight, Share{0, 1e6}, "least sum of p (1 - p) over the rows of a leaf");
    visit("patience", patience, Whole{1, 1000}, "trees without a better held-out loss before a model stops");
  }
};

/// One model's ensemble with what its deviation needs.
struct Member {
  math::BoostedTrees trees;
  float mean = 0;    ///< of the recorded cells
  float counts = 0;  ///< recorded cells
};

class BoostedTreesRouter final : public PoolRouter {
 public:
  BoostedTreesRouter(std::size_t size, std::uint64_t seed, std::vector<Member> members)
      : size_(size), seed_(seed), members_(std::move(members)) {}

  void estimate(const FeatureView& request, Scratch&, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    for (std::size_t m = 0; m < quality.size(); ++m) {
      const Member& member = members_[m];
      const bool known = member.counts > 0;
      const double p = known ? member.trees.predict(request.dense) : static_cast<double>(member.mean);
      const double spread = (p * (1 - p) + 0.01) * member.trees.variance_share();
      quality[m] = static_cast<float>(p);
      sd[m] = known ? static_cast<float>(std::sqrt(spread)) : static_cast<float>(probability_sd(p, 0));
    }
  }

  void save(base::ByteWriter& out) const override {
    out.put(seed_);
    for (const Member& member : members_) {
      out.put(member.mean);
      out.put(member.counts);
      member.trees.save(out);
    }
  }

  [[nodiscard]] Result<std::unique_ptr<Router>> with_model(const TrainingSet& data,
                                                           const base::OptionMap& options) const override;
  [[nodiscard]] Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(members_.size(), model));
    auto members = members_;
    members.erase(members.begin() + static_cast<std::ptrdiff_t>(model));
    return std::make_unique<BoostedTreesRouter>(size_, seed_, std::move(members));
  }

 private:
  std::size_t size_;
  std::uint64_t seed_;  ///< of the streams that are named by the models, so that a newcomer is fitted as from the start
  std::vector<Member> members_;
};

Result<std::vector<Member>> fit_members(const TrainingSet& data, const base::OptionMap& values, const base::Rng& rng) {
  TRY(const auto options, base::parse_options<BoostedTreesRouterOptions>(values));
  const math::BoostedTreesOptions boosting{.loss = math::TreeLoss::kLogistic,
                                           .trees_max = static_cast<std::size_t>(options.trees),
                                           .depth = static_cast<std::size_t>(options.depth),
                                           .shrinkage = options.shrinkage,
                                           .penalty = options.penalty,
                                           .leaf_weight_min = options.leaf_weight,
                                           .column_share = options.columns,
                                           .row_share = options.rows,
                                           .patience = static_cast<std::size_t>(options.patience)};
  const std::size_t rows_max = std::min(kRowsMax, std::max<std::size_t>(1, kCellsMax / data.models.size()));
  base::Rng row_stream = rng.fork("rows");
  const TrainingSet set = take_rows(data, math::sample_rows(data.rows, rows_max, row_stream));
  const auto binned = math::BinnedColumns::make(set.dense, set.dense_size, static_cast<std::size_t>(options.bins));
  const ModelMeans means = model_means(data);
  std::vector<Member> members;
  std::vector<float> column(set.rows);
  for (std::size_t m = 0; m < data.models.size(); ++m) {
    for (std::size_t row = 0; row < set.rows; ++row) column[row] = set.quality_of(row, m);
    // The stream is named by the model, so that the order of the models changes nothing.
    members.push_back({math::BoostedTrees::fit(binned, column, boosting, rng.fork(data.models[m])),
                       static_cast<float>(means.mean[m]), static_cast<float>(means.count[m])});
  }
  return members;
}

Result<std::unique_ptr<Router>> fit_boosted_trees(const TrainingSet& data, const base::OptionMap& values,
                                                  base::Rng& rng) {
  const std::uint64_t seed = rng.next();
  TRY(auto members, fit_members(data, values, base::Rng(seed)));
  return std::make_unique<BoostedTreesRouter>(data.dense_size, seed, std::move(members));
}

Result<std::unique_ptr<Router>> BoostedTreesRouter::with_model(const TrainingSet& data,
                                                               const base::OptionMap& options) const {
  CHECK_OK(check_new_model(data, size_));
  auto members = members_;
  TRY(auto added, fit_members(data, options, base::Rng(seed_)));
  members.push_back(std::move(added.front()));
  return std::make_unique<BoostedTreesRouter>(size_, seed_, std::move(members));
}

Result<std::unique_ptr<Router>> load_boosted_trees(base::ByteReader& in, const Shape& shape) {
  TRY(const auto seed, in.get<std::uint64_t>());
  std::vector<Member> members;
  for (std::size_t m = 0; m < shape.models; ++m) {
    Member member;
    TRY(member.mean, in.get<float>());
    TRY(member.counts, in.get<float>());
    TRY(member.trees, math::BoostedTrees::load(in, shape.dense_size, "boosted_trees"));
    if (!(member.mean >= 0) || !(member.mean <= 1) || !(member.counts >= 0))
      return fail(ErrorKind::kCorrupt, "boosted_trees: mean or count of model {} is out of bounds", m);
    members.push_back(std::move(member));
  }
  return std::make_unique<BoostedTreesRouter>(shape.dense_size, seed, std::move(members));
}

}  // namespace

MethodRecord boosted_trees_method() {
  return {.name = "boosted_trees",
          .help = "gradient-boosted trees of each model's quality on the features",
          .source = "",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<BoostedTreesRouterOptions>,
          .fit = &fit_boosted_trees,
          .load = &load_boosted_trees,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
