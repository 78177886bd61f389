// Composition of Experts (arXiv 2412.01868): what is asked, then who is best at it. A category router (`category.h`)
// says the category of a request, "general" where it is not sure; a table says the expert of each category. A
// category's mean is shrunk, q = (n q^ + kappa mean) / (n + kappa), and only an expert whose lead over the general
// expert is above 0 at its lower confidence bound may come before it: others are held `kBehind` below. Rows are counted
// in the category that a router predicts which was not fitted on them. With `budget_usd` or `experts_max` the table is
// solved
// (`expert_table.h`): maximise sum of share * q under sum of share * cost <= budget; the assigned expert is then
// preferred. O(categories * dimensions), the cheapest learned router to audit. A new model is scored on the categories
// and the table solved again; the category router and the general expert stay.
#include <algorithm>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/route/category.h"
#include "thalamus/route/expert_table.h"
#include "thalamus/route/pool.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;  // more are sampled
constexpr double kBehind = 1e-4;          // quality by which an unproven expert is held behind the general one
constexpr double kVarianceFloor = 0.01;   // a few equal outcomes prove no certainty

struct CompositionOptions {
  std::string categories = "task";
  std::int64_t clusters = 16;
  double uncertain = 0.05;
  double shrinkage = 10;
  double z = 1.645;
  double budget_usd = 0;
  std::int64_t experts_max = 0;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("categories", categories, base::Choices{{"task", "kmeans"}},
          "recognised tasks where there are two or more, or clusters");
    visit("clusters", clusters, base::Range<std::int64_t>{1, static_cast<std::int64_t>(kCategoriesMax)},
          "clusters that are categories");
    visit("uncertain", uncertain, base::Range<double>{0, 0.9}, "share of the least sure requests that are general");
    visit("shrinkage", shrinkage, base::Range<double>{0, 1e6}, "rows that a model's mean counts for in each category");
    visit("z", z, base::Range<double>{0, 10}, "standard errors by which a lead over the general expert must hold");
    visit("budget_usd", budget_usd, base::Range<double>{0, 1e6}, "mean cost of a request at most; 0: no limit");
    visit("experts_max", experts_max, base::Range<std::int64_t>{0, 256}, "different experts at most; 0: no limit");
  }
};

struct Limits {
  double budget_usd = 0;
  std::uint32_t experts_max = 0;
  [[nodiscard]] bool any() const noexcept { return budget_usd > 0 || experts_max > 0; }
};

/// categories x models.
struct Table {
  std::size_t models = 0;
  std::vector<float> value;  ///< shrunk and held behind
  std::vector<float> sd;
  std::vector<float> cost;   ///< mean recorded USD; empty where nothing is recorded, NaN for a model without any
  std::vector<float> share;  ///< of each category in the training rows
  std::vector<float> lead;   ///< of each category: quality of the general expert
  std::vector<float> error;  ///< its squared standard error

  [[nodiscard]] std::size_t categories() const noexcept { return share.size(); }
};

Result<std::vector<std::uint32_t>> solve(const Table& table, const Limits& limits) {
  if (limits.budget_usd > 0 && table.cost.empty())
    return fail(ErrorKind::kInvalidInput, "budget_usd: the table records no cost");
  ExpertTable problem;
  problem.experts = table.models;
  problem.value.assign(table.value.begin(), table.value.end());
  problem.share.assign(table.share.begin(), table.share.end());
  problem.experts_max = limits.experts_max;
  if (limits.budget_usd > 0) {
    problem.budget = limits.budget_usd;
    float dearest = 0;
    for (const float cost : table.cost) dearest = std::max(dearest, std::isnan(cost) ? 0.0F : cost);
    // What is not known to be cheap counts as the dearest.
    for (const float cost : table.cost) problem.cost.push_back(static_cast<double>(std::isnan(cost) ? dearest : cost));
  }
  TRY(auto assignment, solve_expert_table(problem));
  return std::move(assignment.expert);
}

class Composition final : public PoolRouter {
 public:
  /// kInvalidInput where no table keeps the limits.
  [[nodiscard]] static Result<std::unique_ptr<Router>> make(CategoryRouter categories, Table table, Limits limits) {
    std::vector<std::uint32_t> expert;
    if (limits.any()) {
      TRY(expert, solve(table, limits));
    }
    return std::make_unique<Composition>(std::move(categories), std::move(table), limits, std::move(expert));
  }
  Composition(CategoryRouter categories, Table table, Limits limits, std::vector<std::uint32_t> expert)
      : categories_(std::move(categories)), table_(std::move(table)), limits_(limits), expert_(std::move(expert)) {}

  [[nodiscard]] Output output() const noexcept override {
    return limits_.any() ? Output::kPreference : Output::kQuality;
  }

  void estimate(const FeatureView& request, Scratch&, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::size_t category = categories_.category_of(request);
    const std::size_t at = category * table_.models;
    std::copy_n(table_.value.begin() + static_cast<std::ptrdiff_t>(at), quality.size(), quality.begin());
    std::copy_n(table_.sd.begin() + static_cast<std::ptrdiff_t>(at), sd.size(), sd.begin());
    if (!expert_.empty()) quality[expert_[category]] += 1;
  }

  void save(base::ByteWriter& out) const override {
    out.put(limits_.budget_usd);
    out.put(limits_.experts_max);
    categories_.save(out);
    for (const auto* part : {&table_.value, &table_.sd, &table_.cost, &table_.share, &table_.lead, &table_.error})
      out.put_array(*part);
  }

  Result<std::unique_ptr<Router>> with_model(const TrainingSet& data, const base::OptionMap& values) const override;

  Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(table_.models, model));
    Table table = table_;
    table.value = without_column(table.value, table.models, model);
    table.sd = without_column(table.sd, table.models, model);
    table.cost = without_column(table.cost, table.models, model);
    table.models -= 1;
    return make(categories_, std::move(table), limits_);
  }

 private:
  CategoryRouter categories_;
  Table table_;
  Limits limits_;
  std::vector<std::uint32_t> expert_;  ///< of each category; empty without limits
};

/// Sums of one quantity over the recorded rows of each cell; category 0 has every row.
struct Sums {
  std::vector<double> count, sum, square;

  template <class Value>
  static Sums of(const std::vector<std::uint32_t>& category, std::size_t categories, std::size_t width, Value&& value) {
    Sums out;
    out.count.assign(categories * width, 0.0);
    out.sum = out.square = out.count;
    for (std::size_t row = 0; row < category.size(); ++row) {
      for (std::size_t m = 0; m < width; ++m) {
        const double x = value(row, m);
        if (std::isnan(x)) continue;
        out.add(m, x);
        if (category[row] > 0) out.add(category[row] * width + m, x);
      }
    }
    return out;
  }
  [[nodiscard]] double mean(std::size_t cell) const noexcept { return count[cell] > 0 ? sum[cell] / count[cell] : 0.0; }
  /// Squared standard error of the mean.
  [[nodiscard]] double error(std::size_t cell) const noexcept {
    if (count[cell] < 2) return INFINITY;
    const double deviation = std::max(0.0, square[cell] - sum[cell] * mean(cell)) / (count[cell] - 1);
    return (deviation + kVarianceFloor) / count[cell];
  }

 private:
  void add(std::size_t cell, double x) noexcept {
    count[cell] += 1;
    sum[cell] += x;
    square[cell] += x * x;
  }
};

double cost_at(const TrainingSet& data, std::size_t row, std::size_t model) {
  const std::size_t at = row * data.models.size() + model;
  return at < data.cost_usd.size() && std::isfinite(data.cost_usd[at]) ? static_cast<double>(data.cost_usd[at])
                                                                       : static_cast<double>(NAN);
}

double quality_at(const TrainingSet& data, std::size_t row, std::size_t model) {
  return static_cast<double>(data.quality_of(row, model));
}

/// Shrunk means and mean costs of the models of `data`.
Table measure(const TrainingSet& data, const std::vector<std::uint32_t>& category, std::size_t categories,
              double shrinkage) {
  const std::size_t models = data.models.size();
  const ModelMeans means = model_means(data);
  const auto quality =
      Sums::of(category, categories, models, [&](std::size_t row, std::size_t m) { return quality_at(data, row, m); });
  const auto cost =
      Sums::of(category, categories, models, [&](std::size_t row, std::size_t m) { return cost_at(data, row, m); });
  Table table;
  table.models = models;
  for (std::size_t cell = 0; cell < categories * models; ++cell) {
    const std::size_t m = cell % models;
    const bool general = cell < models;
    const double weight = quality.count[cell] + (general ? 0.0 : shrinkage);
    const double prior = means.mean[m];
    const double shrunk = weight > 0 ? (quality.sum[cell] + (general ? 0.0 : shrinkage) * prior) / weight : prior;
    table.value.push_back(static_cast<float>(shrunk));
    table.sd.push_back(static_cast<float>(probability_sd(shrunk, weight)));
    const double usd = cost.count[cell] > 0 ? cost.mean(cell) : cost.count[m] > 0 ? cost.mean(m) : NAN;
    table.cost.push_back(static_cast<float>(usd));
  }
  if (std::all_of(table.cost.begin(), table.cost.end(), [](float usd) { return std::isnan(usd); })) table.cost.clear();
  return table;
}

/// Holds a value behind the general expert's unless its lead is above 0 at the lower confidence bound.
float hold_behind(float value, float general, double squared_error, double z) {
  const double lead = static_cast<double>(value) - static_cast<double>(general);
  if (lead > z * std::sqrt(squared_error)) return value;
  return std::min(value, static_cast<float>(static_cast<double>(general) - kBehind));
}

/// The best mean; the cheaper one on ties.
std::size_t general_expert(const Table& table) {
  std::size_t best = 0;
  const auto cost = [&](std::size_t m) {
    return table.cost.empty() || std::isnan(table.cost[m]) ? INFINITY : table.cost[m];
  };
  for (std::size_t m = 1; m < table.models; ++m)
    if (table.value[m] > table.value[best] || (table.value[m] == table.value[best] && cost(m) < cost(best))) best = m;
  return best;
}

Result<std::unique_ptr<Router>> Composition::with_model(const TrainingSet& data, const base::OptionMap& values) const {
  TRY(const auto options, base::parse_options<CompositionOptions>(values));
  CHECK_OK(check_new_model(data, categories_.dense_size()));
  const std::size_t categories = table_.categories();
  std::vector<std::uint32_t> category(data.rows);
  for (std::size_t row = 0; row < data.rows; ++row)
    category[row] = static_cast<std::uint32_t>(categories_.recognise(data.dense_row(row)));
  Table column = measure(data, category, categories, options.shrinkage);
  const auto sums =
      Sums::of(category, categories, 1, [&](std::size_t row, std::size_t m) { return quality_at(data, row, m); });
  // The general expert's outcomes on these rows are not here: the two errors add up.
  for (std::size_t c = 1; c < categories; ++c)
    column.value[c] =
        hold_behind(column.value[c], table_.lead[c], sums.error(c) + static_cast<double>(table_.error[c]), options.z);
  if (column.cost.empty()) column.cost.assign(categories, NAN);
  Table table = table_;
  table.value = with_column(table.value, table.models, column.value);
  table.sd = with_column(table.sd, table.models, column.sd);
  if (!table.cost.empty()) table.cost = with_column(table.cost, table.models, column.cost);
  table.models += 1;
  return make(categories_, std::move(table), limits_);
}

Result<std::unique_ptr<Router>> fit_composition(const TrainingSet& all, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<CompositionOptions>(values));
  const TrainingSet data = take_rows(all, math::sample_rows(all.rows, kRowsMax, rng));
  TRY(auto fitted, CategoryRouter::fit(data,
                                       {.tasks = options.categories == "task",
                                        .clusters = static_cast<std::size_t>(options.clusters),
                                        .uncertain_share = options.uncertain},
                                       rng));
  const std::size_t categories = fitted.router.count();
  const std::size_t models = data.models.size();
  Table table = measure(data, fitted.category, categories, options.shrinkage);
  const std::size_t general = general_expert(table);
  const auto lead = Sums::of(fitted.category, categories, models, [&](std::size_t row, std::size_t m) {
    return quality_at(data, row, m) - quality_at(data, row, general);
  });
  const auto own = Sums::of(fitted.category, categories, 1,
                            [&](std::size_t row, std::size_t) { return quality_at(data, row, general); });
  table.share.assign(categories, 0.0F);
  for (const std::uint32_t category : fitted.category) table.share[category] += 1;
  for (std::size_t c = 0; c < categories; ++c) {
    table.share[c] /= static_cast<float>(data.rows);
    const float mark = table.value[c * models + general];
    table.lead.push_back(mark);
    table.error.push_back(static_cast<float>(std::min(own.error(c), 1.0)));
    for (std::size_t m = 0; c > 0 && m < models; ++m) {
      const std::size_t cell = c * models + m;
      if (m != general) table.value[cell] = hold_behind(table.value[cell], mark, lead.error(cell), options.z);
    }
  }
  return Composition::make(std::move(fitted.router), std::move(table),
                           {options.budget_usd, static_cast<std::uint32_t>(options.experts_max)});
}

Result<std::unique_ptr<Router>> load_composition(base::ByteReader& in, const Shape& shape) {
  Limits limits;
  TRY(limits.budget_usd, in.get<double>());
  TRY(limits.experts_max, in.get<std::uint32_t>());
  if (!(limits.budget_usd >= 0 && limits.budget_usd <= 1e6) || limits.experts_max > 256)
    return fail(ErrorKind::kCorrupt, "composition_of_experts: a limit is out of bounds");
  TRY(auto categories, CategoryRouter::load(in, shape.dense_size, "composition_of_experts"));
  const std::size_t count = categories.count();
  Table table;
  table.models = shape.models;
  TRY(table.value, load_finite(in, count * shape.models, "composition_of_experts"));
  TRY(table.sd, load_finite(in, count * shape.models, "composition_of_experts"));
  TRY(table.cost, in.get_array<float>());
  TRY(table.share, load_finite(in, count, "composition_of_experts"));
  TRY(table.lead, load_finite(in, count, "composition_of_experts"));
  TRY(table.error, load_finite(in, count, "composition_of_experts"));
  const auto sound = [](float cost) { return std::isnan(cost) || (cost >= 0 && std::isfinite(cost)); };
  if ((!table.cost.empty() && table.cost.size() != count * shape.models) ||
      !std::all_of(table.cost.begin(), table.cost.end(), sound) ||
      !std::all_of(table.share.begin(), table.share.end(), [](float share) { return share >= 0; }) ||
      !std::all_of(table.error.begin(), table.error.end(), [](float error) { return error >= 0; }))
    return fail(ErrorKind::kCorrupt, "composition_of_experts: the table does not fit");
  return Composition::make(std::move(categories), std::move(table), limits);
}

}  // namespace

MethodRecord composition_of_experts_method() {
  return {.name = "composition_of_experts",
          .help = "category of the request, then the expert of the category, under a budget if there is one",
          .source = "arXiv:2412.01868",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<CompositionOptions>,
          .fit = &fit_composition,
          .load = &load_composition,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
