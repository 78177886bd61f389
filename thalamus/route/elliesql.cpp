// EllieSQL (arXiv 2503.22402), CPU form: models are tiers of growing cost; the chance that a tier solves the request
// comes from one logistic head per tier ("is k enough?", cascade) or from one cumulative logit on the cheapest tier
// that solved it (cumulative). P is made monotone in the tier (isotonic), then argmax_k P_k - lambda T_k, or the first
// tier with P_k >= threshold. T_k is the mean recorded cost relative to the dearest tier. Requests that no tier solves
// are a class of their own, so that they go to a cheap tier rather than to the dearest. O(tiers * dimensions).
// Simplified: frozen features in place of a fine-tuned language model; no linked schema, no preference tuning.
#include <algorithm>
#include <array>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/logistic.h"
#include "thalamus/route/pool.h"
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"
#include "thalamus/route/tiers.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;
constexpr std::size_t kCellsMax = 200'000;  // rows x models; more models read fewer rows
constexpr std::uint32_t kFolds = 5;         // one of them chooses lambda
constexpr std::size_t kTiersMax = 4096;     // half of what the scratch holds
constexpr std::array kPrices{0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5, 1.0};

struct ElliesqlOptions {
  std::string form = "cascade";
  std::string decision = "utility";
  double price = -1;
  double threshold = 0.5;
  double penalty = 1e-3;
  std::string tiers;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("form", form, base::Choices{{"cascade", "cumulative"}}, "one head per tier, or one ordinal head");
    visit("decision", decision, base::Choices{{"utility", "threshold"}}, "most utility, or the first likely enough");
    visit("price", price, base::Range<double>{-1, 1000},
          "of the dearest tier, in answers; below 0: the highest of the best held-out quality");
    visit("threshold", threshold, base::Range<double>{0, 1}, "chance of success from which a tier is enough");
    visit("penalty", penalty, base::Range<double>{1e-9, 100}, "of squared weights");
    visit("tiers", tiers, base::Choices{}, "models from cheap to dear, A;B;C; empty: by mean recorded cost");
  }
};

/// Chances of each tier; one of the two forms is there.
struct TierModel {
  std::vector<math::Logistic> heads;
  math::OrdinalLogistic ordinal;

  void chances(std::span<const float> x, std::span<double> p, std::span<double> workspace) const noexcept {
    if (heads.empty()) {
      ordinal.cumulative(x, p);
      return;
    }
    for (std::size_t k = 0; k < p.size(); ++k) p[k] = heads[k].probability(x);
    make_monotone(p, workspace);
  }
};

Result<TierModel> fit_heads(const TrainingSet& set, const Tiers& tiers, const math::LogisticOptions& options) {
  TierModel model;
  const ModelMeans means = model_means(set);
  std::vector<double> targets(set.rows * 2);
  for (const std::size_t m : tiers.order) {
    for (std::size_t row = 0; row < set.rows; ++row) {
      const bool known = set.recorded(row, m);
      const double solved = known ? static_cast<double>(set.quality_of(row, m)) : means.mean[m];
      const double weight = known || means.count[m] == 0 ? 1 : 0;  // a model without outcomes is constant
      targets[row * 2] = weight * (1 - solved);
      targets[row * 2 + 1] = weight * solved;
    }
    TRY(auto head, math::Logistic::fit(set.dense, set.dense_size, targets, 2, options));
    model.heads.push_back(std::move(head));
  }
  return model;
}

/// The cheapest tier that solved the row; as many as there are tiers where none did; -1 where a gap hides it.
std::int32_t label_of(const TrainingSet& set, const Tiers& tiers, std::size_t row) {
  for (std::size_t k = 0; k < tiers.order.size(); ++k) {
    if (!set.recorded(row, tiers.order[k])) return -1;
    if (set.quality_of(row, tiers.order[k]) >= 0.5F) return static_cast<std::int32_t>(k);
  }
  return static_cast<std::int32_t>(tiers.order.size());
}

Result<TierModel> fit_tiers(const TrainingSet& set, const Tiers& tiers, const ElliesqlOptions& options) {
  const math::LogisticOptions logistic{.penalty = options.penalty, .iterations_max = 100, .tolerance = 1e-4};
  if (options.form == "cascade") return fit_heads(set, tiers, logistic);
  std::vector<std::int32_t> labels;
  for (std::size_t row = 0; row < set.rows; ++row) labels.push_back(label_of(set, tiers, row));
  TierModel model;
  TRY(model.ordinal, math::OrdinalLogistic::fit(set.dense, set.dense_size, labels, tiers.order.size() + 1, logistic));
  return model;
}

/// The highest price with the best mean quality on rows that the fit has not read.
Result<double> choose_price(const TrainingSet& data, const Tiers& tiers, const ElliesqlOptions& options) {
  const HeldBack parts = hold_back(data, kFolds);
  if (parts.held.rows == 0) return 0.0;
  TRY(const auto model, fit_tiers(parts.fitted, tiers, options));
  std::vector<double> p(tiers.order.size());
  std::vector<double> workspace(p.size());
  std::array<double, kPrices.size()> total{};
  const ModelMeans means = model_means(data);
  for (std::size_t row = 0; row < parts.held.rows; ++row) {
    model.chances(parts.held.dense_row(row), p, workspace);
    for (std::size_t i = 0; i < kPrices.size(); ++i) {
      const std::size_t m = tiers.order[tier_by_utility(p, tiers.cost, kPrices[i])];
      total[i] += parts.held.recorded(row, m) ? static_cast<double>(parts.held.quality_of(row, m)) : means.mean[m];
    }
  }
  std::size_t best = 0;
  for (std::size_t i = 1; i < kPrices.size(); ++i)
    if (total[i] >= total[best] - 1e-9) best = i;
  return kPrices[best];
}

class Elliesql final : public Router {
 public:
  struct Rule {
    double price = 0;
    double threshold = 0.5;
    bool by_threshold = false;
  };
  Elliesql(TierModel model, Tiers tiers, Rule rule, std::vector<float> sd)
      : model_(std::move(model)), tiers_(std::move(tiers)), rule_(rule), sd_(std::move(sd)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::size_t tiers = tiers_.order.size();
    const auto p = std::span(scratch.sums).first(tiers);
    model_.chances(request.dense, p, std::span(scratch.sums).subspan(tiers, tiers));
    const std::size_t chosen = rule_.by_threshold ? tier_by_threshold(p, rule_.threshold) : 0;
    for (std::size_t k = 0; k < tiers; ++k) {
      double preference = p[k] - rule_.price * tiers_.cost[k];
      // By threshold: the chosen tier, then the dearer ones in order, then the cheaper ones.
      if (rule_.by_threshold) preference = k >= chosen ? 1 - tiers_.cost[k] / 2 : -tiers_.cost[k];
      if (rule_.by_threshold && k == chosen) preference = 2;
      quality[tiers_.order[k]] = static_cast<float>(preference);
    }
    std::copy_n(sd_.begin(), sd.size(), sd.begin());
  }
  [[nodiscard]] Output output() const noexcept override { return Output::kPreference; }

  void save(base::ByteWriter& out) const override {
    for (const std::size_t m : tiers_.order) out.put(static_cast<std::uint32_t>(m));
    out.put_array(tiers_.cost);
    out.put(rule_.price);
    out.put(rule_.threshold);
    out.put(rule_.by_threshold);
    out.put_array(sd_);
    out.put(model_.heads.empty());
    if (model_.heads.empty()) model_.ordinal.save(out);
    for (const math::Logistic& head : model_.heads) head.save(out);
  }

 private:
  TierModel model_;
  Tiers tiers_;
  Rule rule_;
  std::vector<float> sd_;
};

Result<std::unique_ptr<Router>> fit_elliesql(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<ElliesqlOptions>(values));
  if (data.models.size() > kTiersMax)
    return fail(ErrorKind::kInvalidInput, "elliesql: {} models, at most {}", data.models.size(), kTiersMax);
  TRY(auto tiers, make_tiers(data, options.tiers));
  const std::size_t rows_max = std::min(kRowsMax, std::max<std::size_t>(1, kCellsMax / data.models.size()));
  const TrainingSet set = take_rows(data, math::sample_rows(data.rows, rows_max, rng));
  Elliesql::Rule rule{options.price, options.threshold, options.decision == "threshold"};
  if (options.price < 0 && !rule.by_threshold) {
    TRY(rule.price, choose_price(set, tiers, options));
  }
  rule.price = std::max(rule.price, 0.0);
  TRY(auto model, fit_tiers(set, tiers, options));
  const ModelMeans means = model_means(data);
  std::vector<float> sd;
  for (std::size_t m = 0; m < data.models.size(); ++m)
    sd.push_back(static_cast<float>(probability_sd(means.mean[m], means.count[m])));
  return std::make_unique<Elliesql>(std::move(model), std::move(tiers), rule, std::move(sd));
}

Result<std::unique_ptr<Router>> load_elliesql(base::ByteReader& in, const Shape& shape) {
  Tiers tiers;
  std::vector<bool> seen(shape.models, false);
  for (std::size_t k = 0; k < shape.models; ++k) {
    TRY(const auto model, in.get<std::uint32_t>());
    if (model >= shape.models || seen[model])
      return fail(ErrorKind::kCorrupt, "elliesql: tier {} is model {}", k, model);
    seen[model] = true;
    tiers.order.push_back(model);
  }
  TRY(tiers.cost, in.get_array<double>());
  Elliesql::Rule rule;
  TRY(rule.price, in.get<double>());
  TRY(rule.threshold, in.get<double>());
  TRY(const auto by_threshold, in.get<std::uint8_t>());
  rule.by_threshold = by_threshold != 0;
  TRY(auto sd, load_finite(in, shape.models, "elliesql"));
  TRY(const auto ordinal, in.get<std::uint8_t>());
  const bool costs_sound = tiers.cost.size() == shape.models && std::is_sorted(tiers.cost.begin(), tiers.cost.end()) &&
                           std::all_of(tiers.cost.begin(), tiers.cost.end(), [](double c) { return c > 0 && c <= 1; });
  if (!costs_sound || shape.models > kTiersMax || !(rule.price >= 0) || !(rule.price <= 1000) ||
      !(rule.threshold >= 0) || !(rule.threshold <= 1) || by_threshold > 1 || ordinal > 1 ||
      std::any_of(sd.begin(), sd.end(), [](float value) { return value < 0; }))
    return fail(ErrorKind::kCorrupt, "elliesql: a cost, the rule or a deviation is out of bounds");
  TierModel model;
  if (ordinal != 0) {
    TRY(model.ordinal, math::OrdinalLogistic::load(in, shape.dense_size, shape.models + 1, "elliesql"));
  }
  for (std::size_t k = 0; k < shape.models && ordinal == 0; ++k) {
    TRY(auto head, math::Logistic::load(in, shape.dense_size, 2, "elliesql"));
    model.heads.push_back(std::move(head));
  }
  return std::make_unique<Elliesql>(std::move(model), std::move(tiers), rule, std::move(sd));
}

}  // namespace

MethodRecord elliesql_method() {
  return {.name = "elliesql",
          .help = "the tier of growing cost that is likely enough to solve the request",
          .source = "arXiv:2503.22402",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<ElliesqlOptions>,
          .fit = &fit_elliesql,
          .load = &load_elliesql};
}

}  // namespace thalamus::route
