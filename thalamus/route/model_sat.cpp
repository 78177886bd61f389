// Model-SAT (arXiv 2502.17282), its CPU form "profile router": a model is known by its aptitude profile alone, the
// share a_mt of right answers on each of T small probe tasks; p(x) = softmax(sharpness * cosine(x, centroid_t) + c_t)
// says which probe tasks a request is like; quality(x, m) = sigmoid(scale * sum over t of p_t(x) logit(a_mt) + shift).
// Sharpness, c, scale and shift belong to no model, so a model joins by its profile without training.
// O(T * (dimensions + models)).
// Simplified (CPU form): numbers instead of a textual profile read by a language model; the probe tasks are the named
// tasks of the table, or K-means clusters of its requests where it names none. Profiles that the weights are trained
// with come from other rows than those they are trained on: a profile must not hold the questions it is tried on.
#include <algorithm>
#include <cmath>
#include <map>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/math/kmeans.h"
#include "thalamus/route/net_parts.h"
#include "thalamus/route/pool.h"
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kTasksMax = 256;
constexpr std::size_t kRowsMax = 20'000;
constexpr std::size_t kTrainedRowsMax = 3'000;
constexpr std::size_t kIterations = 200;
constexpr double kStep = 0.05;
constexpr double kTermsMax = 4e8;  // rows x models x tasks x iterations: a few seconds

struct ModelSatOptions {
  std::string tasks = "auto";
  std::int64_t clusters = 16;
  double shrinkage = 5;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("tasks", tasks, base::Choices{{"auto", "named", "clusters"}},
          "probe tasks: those the table names, clusters of requests, or clusters where it names fewer than two");
    visit("clusters", clusters, base::Range<std::int64_t>{1, static_cast<std::int64_t>(kTasksMax)}, "clusters");
    visit("shrinkage", shrinkage, base::Range<double>{0, 1e6},
          "questions that a model's mean counts for in each entry of its profile");
  }
};

/// Probe tasks: their centroids at unit length, and their names where the table has them.
struct Probes {
  std::size_t size = 0;
  std::vector<float> centroids;
  std::vector<std::string> names;  ///< empty for clusters

  [[nodiscard]] std::size_t count() const noexcept { return size == 0 ? 0 : centroids.size() / size; }
  [[nodiscard]] std::span<const float> centroid(std::size_t t) const noexcept {
    return {centroids.data() + t * size, size};
  }
  void cosines(std::span<const float> dense, std::span<double> out) const noexcept {
    const float length = std::sqrt(math::dot(dense, dense));
    for (std::size_t t = 0; t < count(); ++t)
      out[t] = length > 0 ? static_cast<double>(math::dot(dense, centroid(t)) / length) : 0.0;
  }
  /// The probe task of a row: by its name where that is known, otherwise the nearest.
  [[nodiscard]] std::size_t task_of(const TrainingSet& data, std::size_t row) const {
    if (!names.empty() && row < data.task.size() && data.task[row] < data.task_names.size()) {
      const auto found = std::find(names.begin(), names.end(), data.task_names[data.task[row]]);
      if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    }
    std::size_t best = 0;
    float highest = -INFINITY;
    for (std::size_t t = 0; t < count(); ++t) {
      const float value = math::dot(data.dense_row(row), centroid(t));
      if (value <= highest) continue;
      highest = value;
      best = t;
    }
    return best;
  }
};

/// What is learned over all models.
struct Weights {
  double sharpness = 10;
  double scale = 1;
  double shift = 0;
  std::vector<double> bias;  ///< per probe task

  /// p(x) from cosines, in place.
  void shares(std::span<double> values) const noexcept {
    double highest = -INFINITY;
    for (std::size_t t = 0; t < values.size(); ++t) {
      values[t] = sharpness * values[t] + bias[t];
      highest = std::max(highest, values[t]);
    }
    double total = 0;
    for (double& value : values) total += value = std::exp(value - highest);
    for (double& value : values) value /= total;
  }
};

class ModelSatRouter final : public PoolRouter {
 public:
  ModelSatRouter(Probes probes, Weights weights, double shrinkage, ShrunkTable profiles)
      : probes_(std::move(probes)),
        weights_(std::move(weights)),
        shrinkage_(shrinkage),
        profiles_(std::move(profiles)) {
    for (const float share : profiles_.mean) logits_.push_back(safe_logit(static_cast<double>(share)));
  }

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::span<double> shares(scratch.sums.data(), probes_.count());
    probes_.cosines(request.dense, shares);
    weights_.shares(shares);
    for (std::size_t m = 0; m < quality.size(); ++m) {
      double logit = 0;
      double deviation = 0;
      for (std::size_t t = 0; t < shares.size(); ++t) {
        logit += shares[t] * logits_[t * quality.size() + m];
        deviation += shares[t] * static_cast<double>(profiles_.sd[t * quality.size() + m]);
      }
      quality[m] = static_cast<float>(math::sigmoid(weights_.scale * logit + weights_.shift));
      sd[m] = static_cast<float>(deviation);
    }
  }
  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(probes_.count()));
    out.put_array(probes_.centroids);
    out.put(static_cast<std::uint32_t>(probes_.names.size()));
    for (const std::string& name : probes_.names) out.put_string(name);
    out.put(weights_.sharpness);
    out.put(weights_.scale);
    out.put(weights_.shift);
    out.put_array(weights_.bias);
    out.put(shrinkage_);
    profiles_.save(out);
  }

  [[nodiscard]] Result<std::unique_ptr<Router>> with_model(const TrainingSet& data,
                                                           const base::OptionMap& values) const override {
    TRY(const auto options, base::parse_options<ModelSatOptions>(values));
    static_cast<void>(options);
    CHECK_OK(check_new_model(data, probes_.size));
    const auto column = ShrunkTable::fit(data, probes_.count(), shrinkage_,
                                         [&](std::size_t row) { return probes_.task_of(data, row); });
    return std::make_unique<ModelSatRouter>(probes_, weights_, shrinkage_, with_column(profiles_, column));
  }
  [[nodiscard]] Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(profiles_.models, model));
    return std::make_unique<ModelSatRouter>(probes_, weights_, shrinkage_, without_column(profiles_, model));
  }

 private:
  Probes probes_;
  Weights weights_;
  double shrinkage_;
  ShrunkTable profiles_;  ///< probe tasks x models
  std::vector<double> logits_;
};

/// Mean direction of the rows of each named task.
Probes named_probes(const TrainingSet& set) {
  std::map<std::uint32_t, std::size_t> counts;
  for (const std::uint32_t task : set.task) ++counts[task];
  std::vector<std::pair<std::size_t, std::uint32_t>> frequent;
  for (const auto& [task, count] : counts) frequent.emplace_back(count, task);
  std::sort(frequent.begin(), frequent.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  frequent.resize(std::min(frequent.size(), kTasksMax));
  Probes probes;
  probes.size = set.dense_size;
  std::vector<float> unit(set.dense_size);
  for (const auto& [count, task] : frequent) {
    std::vector<double> sum(set.dense_size, 0.0);
    for (std::size_t row = 0; row < set.rows; ++row) {
      if (set.task[row] != task) continue;
      std::copy(set.dense_row(row).begin(), set.dense_row(row).end(), unit.begin());
      static_cast<void>(math::normalize(unit));
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(unit[i]);
    }
    for (std::size_t i = 0; i < sum.size(); ++i) unit[i] = static_cast<float>(sum[i] / static_cast<double>(count));
    static_cast<void>(math::normalize(unit));
    probes.centroids.insert(probes.centroids.end(), unit.begin(), unit.end());
    probes.names.push_back(set.task_names[task]);
  }
  return probes;
}

Probes clustered_probes(const TrainingSet& set, std::size_t clusters, const base::Rng& rng) {
  std::vector<float> units = set.dense;
  for (std::size_t row = 0; row < set.rows; ++row)
    static_cast<void>(math::normalize(std::span(units).subspan(row * set.dense_size, set.dense_size)));
  math::Kmeans found = math::kmeans(units, set.dense_size, {.clusters = clusters, .restarts = 2}, rng.fork("probes"));
  Probes probes;
  probes.size = set.dense_size;
  probes.centroids = std::move(found.centroids);
  for (std::size_t t = 0; t < probes.count(); ++t)
    static_cast<void>(math::normalize(std::span(probes.centroids).subspan(t * probes.size, probes.size)));
  return probes;
}

/// Full-batch Adam on the cross-entropy of `rows`, with `profiles` from other rows.
class WeightFit {
 public:
  WeightFit(const TrainingSet& set, const Probes& probes, const ShrunkTable& profiles,
            std::span<const std::uint32_t> rows)
      : set_(set), rows_(rows), tasks_(probes.count()), cosines_(rows.size() * tasks_) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      probes.cosines(set.dense_row(rows[i]), std::span(cosines_).subspan(i * tasks_, tasks_));
    for (const float share : profiles.mean) logits_.push_back(safe_logit(static_cast<double>(share)));
  }

  [[nodiscard]] Weights run() {
    std::vector<float> parameters(tasks_ + 3, 0.0F);  // bias, log sharpness, scale, shift
    parameters[tasks_] = std::log(10.0F);
    parameters[tasks_ + 1] = 1;
    std::vector<float> best = parameters;
    math::Adam adam(parameters.size());
    std::vector<double> gradient(parameters.size());
    std::vector<float> step(parameters.size());
    double lowest = INFINITY;
    for (std::size_t iteration = 0; iteration < kIterations; ++iteration) {
      const double loss = differentiate(weights_of(parameters), gradient);
      if (loss < lowest) {
        lowest = loss;
        best = parameters;
      }
      for (std::size_t i = 0; i < step.size(); ++i) step[i] = static_cast<float>(gradient[i]);
      adam.advance();
      adam.apply(parameters, step, 0, kStep, 0);
      // Sharper than this, one probe task takes all.
      parameters[tasks_] = std::clamp(parameters[tasks_], 0.0F, std::log(200.0F));
      parameters[tasks_ + 1] = std::clamp(parameters[tasks_ + 1], 0.05F, 5.0F);
    }
    return weights_of(best);
  }

 private:
  [[nodiscard]] Weights weights_of(const std::vector<float>& parameters) const {
    Weights weights;
    weights.bias.assign(parameters.begin(), parameters.begin() + static_cast<std::ptrdiff_t>(tasks_));
    weights.sharpness = std::exp(static_cast<double>(parameters[tasks_]));
    weights.scale = static_cast<double>(parameters[tasks_ + 1]);
    weights.shift = static_cast<double>(parameters[tasks_ + 2]);
    return weights;
  }

  double differentiate(const Weights& weights, std::vector<double>& gradient) {
    const std::size_t models = set_.models.size();
    std::fill(gradient.begin(), gradient.end(), 0.0);
    std::vector<double> shares(tasks_);
    std::vector<double> by_share(tasks_);
    double loss = 0;
    double cells = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double* cosine = cosines_.data() + i * tasks_;
      std::copy_n(cosine, tasks_, shares.begin());
      weights.shares(shares);
      std::fill(by_share.begin(), by_share.end(), 0.0);
      for (std::size_t m = 0; m < models; ++m) {
        if (!set_.recorded(rows_[i], m)) continue;
        double mixed = 0;
        for (std::size_t t = 0; t < tasks_; ++t) mixed += shares[t] * logits_[t * models + m];
        float slope = 0;
        loss += math::logistic_loss(weights.scale * mixed + weights.shift,
                                    static_cast<double>(set_.quality_of(rows_[i], m)), slope);
        cells += 1;
        const auto g = static_cast<double>(slope);
        gradient[tasks_ + 1] += g * mixed;
        gradient[tasks_ + 2] += g;
        for (std::size_t t = 0; t < tasks_; ++t) by_share[t] += g * weights.scale * logits_[t * models + m];
      }
      double mean = 0;
      for (std::size_t t = 0; t < tasks_; ++t) mean += shares[t] * by_share[t];
      for (std::size_t t = 0; t < tasks_; ++t) {
        const double g = shares[t] * (by_share[t] - mean);
        gradient[t] += g;
        gradient[tasks_] += g * cosine[t] * weights.sharpness;
      }
    }
    for (double& value : gradient) value /= std::max(1.0, cells);
    return loss / std::max(1.0, cells);
  }

  const TrainingSet& set_;
  std::span<const std::uint32_t> rows_;
  std::size_t tasks_;
  std::vector<double> cosines_;
  std::vector<double> logits_;
};

Result<std::unique_ptr<Router>> fit_model_sat(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<ModelSatOptions>(values));
  const OrderedSet ordered = order_models(data, kRowsMax, rng);
  const TrainingSet& set = ordered.set;
  std::vector<bool> seen(set.task_names.size(), false);
  std::size_t named = 0;
  for (const std::uint32_t task : set.task) {
    named += seen[task] || set.task_names[task].empty() ? 0 : 1;
    seen[task] = true;
  }
  if (options.tasks == "named" && named == 0)
    return fail(ErrorKind::kInvalidInput, "tasks: the table names no task; use clusters");
  const bool by_name = options.tasks == "named" || (options.tasks == "auto" && named > 1);
  Probes probes = by_name ? named_probes(set) : clustered_probes(set, static_cast<std::size_t>(options.clusters), rng);

  // One half makes profiles, the other trains the weights on them.
  std::vector<std::uint32_t> shuffled(set.rows);
  for (std::size_t i = 0; i < set.rows; ++i) shuffled[i] = static_cast<std::uint32_t>(i);
  rng.shuffle(shuffled);
  const std::size_t half = set.rows / 2;
  const TrainingSet profiled = take_rows(set, std::span(shuffled).first(std::max<std::size_t>(1, half)));
  const double per_row = static_cast<double>(set.models.size() * probes.count() * kIterations);
  const std::size_t trained_max =
      std::clamp<std::size_t>(static_cast<std::size_t>(kTermsMax / per_row), 50, kTrainedRowsMax);
  const auto trained = std::span<const std::uint32_t>(shuffled).subspan(half);
  const auto profiles = ShrunkTable::fit(profiled, probes.count(), options.shrinkage,
                                         [&](std::size_t row) { return probes.task_of(profiled, row); });
  Weights weights = WeightFit(set, probes, profiles, trained.first(std::min(trained.size(), trained_max))).run();

  // The served profiles come from all rows and stand in the order of the table.
  auto served = ShrunkTable::fit(data, probes.count(), options.shrinkage,
                                 [&](std::size_t row) { return probes.task_of(data, row); });
  return std::make_unique<ModelSatRouter>(std::move(probes), std::move(weights), options.shrinkage, std::move(served));
}

Result<std::unique_ptr<Router>> load_model_sat(base::ByteReader& in, const Shape& shape) {
  Probes probes;
  probes.size = shape.dense_size;
  TRY(const auto tasks, in.get<std::uint32_t>());
  if (tasks < 1 || tasks > kTasksMax) return fail(ErrorKind::kCorrupt, "model_sat: {} probe tasks", tasks);
  TRY(probes.centroids, load_finite(in, tasks * shape.dense_size, "model_sat"));
  TRY(const auto names, in.get<std::uint32_t>());
  if (names != 0 && names != tasks) return fail(ErrorKind::kCorrupt, "model_sat: {} names of {} tasks", names, tasks);
  for (std::uint32_t i = 0; i < names; ++i) {
    TRY(auto name, in.get_string());
    probes.names.push_back(std::move(name));
  }
  Weights weights;
  TRY(weights.sharpness, in.get<double>());
  TRY(weights.scale, in.get<double>());
  TRY(weights.shift, in.get<double>());
  TRY(weights.bias, in.get_array<double>());
  TRY(const auto shrinkage, in.get<double>());
  const auto bounded = [](double value) { return std::abs(value) <= 1e6; };
  const bool sound = weights.bias.size() == tasks && std::all_of(weights.bias.begin(), weights.bias.end(), bounded) &&
                     bounded(weights.sharpness) && bounded(weights.scale) && bounded(weights.shift) && shrinkage >= 0 &&
                     shrinkage <= 1e6 && std::all_of(probes.centroids.begin(), probes.centroids.end(), [](float value) {
                       return std::abs(value) <= 1.001F;
                     });
  if (!sound) return fail(ErrorKind::kCorrupt, "model_sat: a weight is out of bounds");
  TRY(auto profiles, load_table(in, tasks, shape.models, "model_sat"));
  if (!std::all_of(profiles.sd.begin(), profiles.sd.end(), [](float sd) { return sd >= 0 && sd <= 10; }))
    return fail(ErrorKind::kCorrupt, "model_sat: a deviation is out of bounds");
  return std::make_unique<ModelSatRouter>(std::move(probes), std::move(weights), shrinkage, std::move(profiles));
}

}  // namespace

MethodRecord model_sat_method() {
  return {.name = "model_sat",
          .help = "aptitude profiles of models on probe tasks; a new model needs its profile only",
          .source = "arXiv:2502.17282",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<ModelSatOptions>,
          .fit = &fit_model_sat,
          .load = &load_model_sat,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
