// Per-task lookup: quality = sum over tasks of p(task | request) * shrunk mean of the task. The caller's own hint,
// where it names a task of the table, sets p to 1; otherwise p comes from a multinomial naive Bayes model on hashed
// word tokens, log p(task | x) = log prior + temperature * sum over distinct tokens of log(p(token | task) / p(token)),
// with the temperature chosen on held-out rows because naive Bayes counts dependent words as independent evidence.
// O(tokens * tasks + tasks * models).
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "thalamus/base/hash.h"
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"
#include "thalamus/route/token_space.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kTableCellsMax = 1U << 21;
constexpr std::array kTemperatures{0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0};

struct TaskLookupOptions {
  std::int64_t buckets = 4096;
  double smoothing = 1;
  double shrinkage = 5;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("buckets", buckets, base::Range<std::int64_t>{64, 1 << 16}, "hashed word tokens");
    visit("smoothing", smoothing, base::Range<double>{0.001, 1000}, "pseudo-count of the background in each task");
    visit("shrinkage", shrinkage, base::Range<double>{0, 1e6}, "rows that the global mean counts for in each task");
  }
};

/// log(p(token | task) / p(token)), bucket-major, and log priors.
struct TaskModel {
  std::size_t tasks = 0;
  std::size_t buckets = 0;
  std::vector<float> evidence;
  std::vector<float> prior;
  float temperature = 1;

  /// Adds the evidence of distinct buckets into `sums` (tasks long), then turns it into probabilities.
  void posterior(std::span<const std::uint32_t> distinct, std::span<double> sums) const noexcept {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (const std::uint32_t bucket : distinct) {
      const float* row = evidence.data() + static_cast<std::size_t>(bucket) * tasks;
      for (std::size_t t = 0; t < tasks; ++t) sums[t] += static_cast<double>(row[t]);
    }
    double top = -INFINITY;
    for (std::size_t t = 0; t < tasks; ++t) {
      sums[t] = static_cast<double>(prior[t]) + static_cast<double>(temperature) * sums[t];
      top = std::max(top, sums[t]);
    }
    double total = 0;
    for (std::size_t t = 0; t < tasks; ++t) total += sums[t] = std::exp(sums[t] - top);
    for (std::size_t t = 0; t < tasks; ++t) sums[t] /= total;
  }
};

class TaskLookup final : public Router {
 public:
  TaskLookup(TaskModel model, std::vector<std::uint64_t> names, ShrunkTable table)
      : model_(std::move(model)), names_(std::move(names)), table_(std::move(table)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::span<double> p(scratch.sums.data(), model_.tasks);
    if (!hinted(request, p)) {
      scratch.indices.clear();
      if (request.description != nullptr)
        distinct_buckets(request.description->tokens, model_.buckets, scratch.marks, scratch.indices);
      model_.posterior(scratch.indices, p);
    }
    for (std::size_t m = 0; m < quality.size(); ++m) {
      double mean = 0;
      double square = 0;
      double within = 0;
      for (std::size_t t = 0; t < model_.tasks; ++t) {
        const auto value = static_cast<double>(table_.mean[t * table_.models + m]);
        const auto deviation = static_cast<double>(table_.sd[t * table_.models + m]);
        mean += p[t] * value;
        square += p[t] * value * value;
        within += p[t] * deviation * deviation;
      }
      quality[m] = static_cast<float>(mean);
      sd[m] = static_cast<float>(std::sqrt(std::max(0.0, square - mean * mean) + within));
    }
  }

  void prepare(Scratch& scratch) const override {
    scratch.indices.reserve(feature::kTokensMax);
    if (scratch.marks.size() < mark_words(model_.buckets)) scratch.marks.resize(mark_words(model_.buckets));
  }

  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(model_.tasks));
    out.put(static_cast<std::uint32_t>(model_.buckets));
    out.put(model_.temperature);
    out.put_array(model_.evidence);
    out.put_array(model_.prior);
    out.put_array(names_);
    table_.save(out);
  }

 private:
  [[nodiscard]] bool hinted(const FeatureView& request, std::span<double> p) const noexcept {
    if (request.description == nullptr || request.description->task_hint.empty()) return false;
    const std::uint64_t name = base::hash64(request.description->task_hint);
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) return false;
    std::fill(p.begin(), p.end(), 0.0);
    p[static_cast<std::size_t>(found - names_.begin())] = 1;
    return true;
  }

  TaskModel model_;
  std::vector<std::uint64_t> names_;  ///< hash64 of each task's name
  ShrunkTable table_;
};

std::vector<std::uint32_t> distinct_buckets(const TrainingSet& data, std::size_t row, std::size_t buckets) {
  std::vector<std::uint32_t> result;
  std::vector<std::uint64_t> marks(mark_words(buckets));
  route::distinct_buckets(data.token_row(row), buckets, marks, result);
  return result;
}

/// Rows with `row % 5 == left_out` are not read; 5 leaves none out.
TaskModel fit_bayes(const TrainingSet& data, const Tasks& tasks, std::size_t buckets, double smoothing,
                    std::size_t left_out) {
  TaskModel model;
  model.tasks = tasks.names.size();
  model.buckets = buckets;
  std::vector<double> count(buckets * model.tasks, 0.0);
  std::vector<double> in_task(model.tasks, 0.0);
  std::vector<double> rows(model.tasks, 0.0);
  std::vector<double> background(buckets, 1.0);
  double all = static_cast<double>(buckets);
  for (std::size_t row = 0; row < data.rows; ++row) {
    if (row % 5 == left_out) continue;
    const std::size_t task = tasks.of_row[row];
    rows[task] += 1;
    for (const std::uint32_t bucket : distinct_buckets(data, row, buckets)) {
      count[bucket * model.tasks + task] += 1;
      in_task[task] += 1;
      background[bucket] += 1;
      all += 1;
    }
  }
  model.evidence.resize(count.size());
  for (std::size_t b = 0; b < buckets; ++b) {
    const double p = background[b] / all;
    for (std::size_t t = 0; t < model.tasks; ++t) {
      // The pseudo-count is spread over the buckets as the background is.
      const double mass = smoothing * 100;
      const double conditional = (count[b * model.tasks + t] + mass * p) / (in_task[t] + mass);
      model.evidence[b * model.tasks + t] = static_cast<float>(std::log(conditional / p));
    }
  }
  const double total = std::accumulate(rows.begin(), rows.end(), 0.0) + static_cast<double>(model.tasks);
  for (const double n : rows) model.prior.push_back(static_cast<float>(std::log((n + 1) / total)));
  return model;
}

float choose_temperature(const TrainingSet& data, const Tasks& tasks, std::size_t buckets, double smoothing) {
  if (tasks.names.size() < 2 || data.rows < 10) return 0.1F;
  TaskModel model = fit_bayes(data, tasks, buckets, smoothing, 0);
  std::vector<double> sums(model.tasks);
  double best_loss = INFINITY;
  float best = 1;
  for (const double temperature : kTemperatures) {
    model.temperature = static_cast<float>(temperature);
    double loss = 0;
    for (std::size_t row = 0; row < data.rows; row += 5) {
      model.posterior(distinct_buckets(data, row, buckets), sums);
      loss -= std::log(std::max(sums[tasks.of_row[row]], 1e-12));
    }
    if (loss < best_loss) {
      best_loss = loss;
      best = model.temperature;
    }
  }
  return best;
}

Result<std::unique_ptr<Router>> fit_task_lookup(const TrainingSet& data, const base::OptionMap& values, base::Rng&) {
  TRY(const auto options, base::parse_options<TaskLookupOptions>(values));
  const Tasks tasks = fold_tasks(data);
  const std::size_t buckets = std::min(static_cast<std::size_t>(options.buckets),
                                       std::bit_floor(std::max<std::size_t>(64, kTableCellsMax / tasks.names.size())));
  TaskModel model = fit_bayes(data, tasks, buckets, options.smoothing, 5);
  model.temperature = choose_temperature(data, tasks, buckets, options.smoothing);
  std::vector<std::uint64_t> names;
  names.reserve(tasks.names.size());
  for (const std::string& name : tasks.names) names.push_back(base::hash64(name));
  auto table = ShrunkTable::fit(data, tasks.names.size(), options.shrinkage,
                                [&](std::size_t row) { return std::size_t{tasks.of_row[row]}; });
  return std::make_unique<TaskLookup>(std::move(model), std::move(names), std::move(table));
}

Result<std::unique_ptr<Router>> load_task_lookup(base::ByteReader& in, const Shape& shape) {
  TaskModel model;
  TRY(const auto tasks, in.get<std::uint32_t>());
  TRY(const auto buckets, in.get<std::uint32_t>());
  TRY(model.temperature, in.get<float>());
  if (tasks < 1 || tasks > kTasksMax || buckets < 1 || buckets > (1U << 16) || !(model.temperature > 0) ||
      !std::isfinite(model.temperature))
    return fail(ErrorKind::kCorrupt, "task_lookup: {} tasks and {} buckets are out of bounds", tasks, buckets);
  model.tasks = tasks;
  model.buckets = buckets;
  TRY(model.evidence, load_finite(in, model.tasks * model.buckets, "task_lookup"));
  TRY(model.prior, load_finite(in, model.tasks, "task_lookup"));
  TRY(auto names, in.get_array<std::uint64_t>());
  if (names.size() != model.tasks) return fail(ErrorKind::kCorrupt, "task_lookup: {} names", names.size());
  TRY(auto table, load_table(in, model.tasks, shape.models, "task_lookup"));
  return std::make_unique<TaskLookup>(std::move(model), std::move(names), std::move(table));
}

}  // namespace

MethodRecord task_lookup_method() {
  return {.name = "task_lookup",
          .help = "each task's mean quality, the task given as a hint or recognised from the words (baseline)",
          .source = "",
          .latency_class_us = 10,
          .needs = {.dense = false, .either = false, .tokens = true},
          .options = &base::list_options<TaskLookupOptions>,
          .fit = &fit_task_lookup,
          .load = &load_task_lookup};
}

}  // namespace thalamus::route
