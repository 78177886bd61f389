// Avengers (arXiv 2505.19797) and Avengers-Pro (arXiv 2508.12631): requests are clustered by direction; each cluster
// scores the models, and the `top` clusters nearest to a request vote with weights softmax(-beta * (1 - cosine)).
// form=rank: score = 1 / (1 + models that are strictly better in the cluster). form=pro: score =
// alpha * (s - min s) / (max s - min s) + (1 - alpha) * (1 - c / max c), with s the mean quality and c the mean
// recorded cost of the cluster; the first part is 0 where all models are alike, and without recorded cost it is all
// there is. A direct policy: what it fills are preferences. O(clusters * dimensions + top * models). Simplified:
// routing alone; the authors also sample several answers of the chosen model and vote.
#include <algorithm>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/route/clusters.h"
#include "thalamus/route/pool.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 100'000;  // more are sampled

enum class Form : std::uint8_t { kRank, kPro };

struct AvengersOptions {
  std::string form = "rank";
  double alpha = 1;
  std::int64_t clusters = 16;
  std::int64_t top = 3;
  double beta = 9;
  double shrinkage = 0;
  std::int64_t restarts = 10;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("form", form, base::Choices{{"rank", "pro"}}, "ranks within a cluster, or quality against cost");
    visit("alpha", alpha, base::Range<double>{0, 1}, "weight of quality in the form pro; 0 is the cheapest");
    visit("clusters", clusters, Whole{1, static_cast<std::int64_t>(kClustersMax)}, "clusters");
    visit("top", top, Whole{1, 64}, "nearest clusters that vote");
    visit("beta", beta, base::Range<double>{0, 1000}, "sharpness of their weights");
    visit("shrinkage", shrinkage, base::Range<double>{0, 1e6}, "rows that a model's mean counts for in each cluster");
    visit("restarts", restarts, Whole{1, 100}, "starts of the clustering; the best is kept");
  }
};

struct Policy {
  Form form = Form::kRank;
  double alpha = 1;
  std::uint32_t top = 3;
  double beta = 9;
};

/// clusters x models, as recorded.
struct Records {
  std::size_t models = 0;
  std::vector<float> quality;
  std::vector<float> cost;  ///< USD; empty where nothing is recorded, NaN for a model without any
};

void score_by_rank(std::span<const float> quality, std::span<float> scores) {
  for (std::size_t m = 0; m < quality.size(); ++m) {
    const auto better = std::count_if(quality.begin(), quality.end(), [&](float q) { return q > quality[m]; });
    scores[m] = 1.0F / static_cast<float>(1 + better);
  }
}

/// `cost` is empty where none is recorded. A model without a recorded cost counts as the dearest.
void score_by_worth(std::span<const float> quality, std::span<const float> cost, double alpha,
                    std::span<float> scores) {
  const auto [low, high] = std::minmax_element(quality.begin(), quality.end());
  const auto least = static_cast<double>(*low);
  const double range = static_cast<double>(*high) - least;
  double dearest = 0;
  for (const float c : cost)
    if (c > 0) dearest = std::max(dearest, static_cast<double>(c));
  for (std::size_t m = 0; m < quality.size(); ++m) {
    const double good = range > 0 ? (static_cast<double>(quality[m]) - least) / range : 0.0;
    if (cost.empty()) {
      scores[m] = static_cast<float>(good);
      continue;
    }
    const double share = std::isnan(cost[m]) ? 1.0 : dearest > 0 ? static_cast<double>(cost[m]) / dearest : 0.0;
    scores[m] = static_cast<float>(alpha * good + (1 - alpha) * (1 - share));
  }
}

Records fit_records(const TrainingSet& data, const Clusters& clusters, double shrinkage) {
  const std::size_t models = data.models.size();
  std::vector<std::uint32_t> cluster(data.rows);
  for (std::size_t row = 0; row < data.rows; ++row) cluster[row] = clusters.nearest(data.dense_row(row));
  Records records;
  records.models = models;
  records.quality = ShrunkTable::fit(data, clusters.count(), shrinkage, [&](std::size_t row) {
                      return std::size_t{cluster[row]};
                    }).mean;
  std::vector<double> sum(clusters.count() * models, 0.0);
  std::vector<double> count(sum.size(), 0.0);
  std::vector<double> all(models, 0.0);
  std::vector<double> all_count(models, 0.0);
  for (std::size_t i = 0; i < std::min(data.cost_usd.size(), data.rows * models); ++i) {
    if (!std::isfinite(data.cost_usd[i])) continue;
    const std::size_t cell = cluster[i / models] * models + i % models;
    sum[cell] += static_cast<double>(data.cost_usd[i]);
    count[cell] += 1;
    all[i % models] += static_cast<double>(data.cost_usd[i]);
    all_count[i % models] += 1;
  }
  if (std::all_of(all_count.begin(), all_count.end(), [](double n) { return n == 0; })) return records;
  records.cost.resize(sum.size());
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const double mean = all_count[i % models] > 0 ? all[i % models] / all_count[i % models] : NAN;
    records.cost[i] = static_cast<float>(count[i] > 0 ? sum[i] / count[i] : mean);
  }
  return records;
}

class Avengers final : public PoolRouter {
 public:
  Avengers(Policy policy, Clusters clusters, Records records)
      : policy_(policy), clusters_(std::move(clusters)), records_(std::move(records)) {
    scores_.resize(records_.quality.size());
    const std::size_t models = records_.models;
    for (std::size_t at = 0; at < scores_.size(); at += models) {
      const auto quality = std::span<const float>(records_.quality).subspan(at, models);
      const auto scores = std::span(scores_).subspan(at, models);
      if (policy_.form == Form::kRank) {
        score_by_rank(quality, scores);
      } else {
        const std::span<const float> cost(records_.cost);
        score_by_worth(quality, cost.empty() ? cost : cost.subspan(at, models), policy_.alpha, scores);
      }
    }
  }

  [[nodiscard]] Output output() const noexcept override { return Output::kPreference; }

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    std::fill(quality.begin(), quality.end(), 0.0F);
    std::fill(sd.begin(), sd.end(), 0.0F);
    const std::size_t top = clusters_.soft_nearest(request.dense, policy_.top, policy_.beta, scratch);
    for (std::size_t i = 0; i < top; ++i) {
      const std::size_t at = scratch.indices[i] * records_.models;
      math::add_scaled(quality, static_cast<float>(scratch.sums[i]),
                       std::span<const float>(scores_).subspan(at, records_.models));
    }
  }

  void prepare(Scratch& scratch) const override { scratch.indices.reserve(clusters_.count()); }

  void save(base::ByteWriter& out) const override {
    out.put(policy_.form);
    out.put(policy_.alpha);
    out.put(policy_.top);
    out.put(policy_.beta);
    clusters_.save(out);
    out.put_array(records_.quality);
    out.put_array(records_.cost);
  }

  /// Ranks and ranges are taken anew over the larger pool, so the others' preferences move with the newcomer.
  Result<std::unique_ptr<Router>> with_model(const TrainingSet& data, const base::OptionMap& values) const override {
    TRY(const auto options, base::parse_options<AvengersOptions>(values));
    CHECK_OK(check_new_model(data, clusters_.size()));
    Records column = fit_records(data, clusters_, options.shrinkage);
    if (column.cost.empty()) column.cost.assign(clusters_.count(), NAN);
    Records records{records_.models + 1, with_column(records_.quality, records_.models, column.quality), {}};
    if (!records_.cost.empty()) records.cost = with_column(records_.cost, records_.models, column.cost);
    return std::make_unique<Avengers>(policy_, clusters_, std::move(records));
  }

  Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(records_.models, model));
    return std::make_unique<Avengers>(
        policy_, clusters_,
        Records{records_.models - 1, without_column(records_.quality, records_.models, model),
                without_column(records_.cost, records_.models, model)});
  }

 private:
  Policy policy_;
  Clusters clusters_;
  Records records_;
  std::vector<float> scores_;  ///< clusters x models
};

Result<std::unique_ptr<Router>> fit_avengers(const TrainingSet& all, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<AvengersOptions>(values));
  const TrainingSet data = take_rows(all, math::sample_rows(all.rows, kRowsMax, rng));
  Clusters clusters = Clusters::fit(
      data.dense, data.dense_size,
      {.clusters = static_cast<std::size_t>(options.clusters), .restarts = static_cast<std::size_t>(options.restarts)},
      rng);
  Records records = fit_records(data, clusters, options.shrinkage);
  const Policy policy{options.form == "pro" ? Form::kPro : Form::kRank, options.alpha,
                      static_cast<std::uint32_t>(options.top), options.beta};
  return std::make_unique<Avengers>(policy, std::move(clusters), std::move(records));
}

Result<std::unique_ptr<Router>> load_avengers(base::ByteReader& in, const Shape& shape) {
  Policy policy;
  TRY(const auto form, in.get<std::uint8_t>());
  TRY(policy.alpha, in.get<double>());
  TRY(policy.top, in.get<std::uint32_t>());
  TRY(policy.beta, in.get<double>());
  if (form > 1 || !(policy.alpha >= 0 && policy.alpha <= 1) || policy.top < 1 || policy.top > 64 ||
      !(policy.beta >= 0 && policy.beta <= 1000))
    return fail(ErrorKind::kCorrupt, "avengers: an option is out of bounds");
  policy.form = static_cast<Form>(form);
  TRY(auto clusters, Clusters::load(in, shape.dense_size, "avengers"));
  Records records;
  records.models = shape.models;
  const std::size_t cells = clusters.count() * shape.models;
  TRY(records.quality, load_finite(in, cells, "avengers"));
  TRY(records.cost, in.get_array<float>());
  const auto sound = [](float cost) { return std::isnan(cost) || (cost >= 0 && std::isfinite(cost)); };
  if ((!records.cost.empty() && records.cost.size() != cells) ||
      !std::all_of(records.cost.begin(), records.cost.end(), sound) ||
      !std::all_of(records.quality.begin(), records.quality.end(), [](float q) { return q >= 0 && q <= 1; }))
    return fail(ErrorKind::kCorrupt, "avengers: the recorded means do not fit");
  return std::make_unique<Avengers>(policy, std::move(clusters), std::move(records));
}

}  // namespace

MethodRecord avengers_method() {
  return {.name = "avengers",
          .help = "the nearest clusters of requests vote by how the models did there",
          .source = "arXiv:2505.19797, arXiv:2508.12631",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<AvengersOptions>,
          .fit = &fit_avengers,
          .load = &load_avengers,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
