// Tasks are told by ridge regression on their indicators, one against the rest, with a softmax over the scores whose
// sharpness and smallest confidence come from held-out folds. Clusters are K-means; their confidence is the cosine.
#include "thalamus/route/category.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "thalamus/base/hash.h"
#include "thalamus/math/kernels.h"
#include "thalamus/math/ridge.h"
#include "thalamus/math/stats.h"
#include "thalamus/route/pool.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kTaskRowsMin = 10;  // rows that a task needs for a category of its own
constexpr std::uint32_t kFolds = 5;
constexpr std::array kSharpness{1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0};

/// Tasks with enough rows, the most frequent first; tasks without a name never.
std::vector<std::uint32_t> frequent_tasks(const TrainingSet& data) {
  std::vector<std::size_t> count(data.task_names.size(), 0);
  for (const std::uint32_t task : data.task) ++count[task];
  std::vector<std::uint32_t> tasks;
  for (std::uint32_t t = 0; t < count.size(); ++t)
    if (count[t] >= kTaskRowsMin && !data.task_names[t].empty()) tasks.push_back(t);
  std::sort(tasks.begin(), tasks.end(),
            [&](std::uint32_t a, std::uint32_t b) { return count[a] != count[b] ? count[a] > count[b] : a < b; });
  if (tasks.size() > kCategoriesMax) tasks.resize(kCategoriesMax);
  return tasks;
}

}  // namespace

/// Fitting with held-out folds.
struct CategoryFit {
  const TrainingSet& data;
  const CategoryRouter::Options& options;
  std::vector<double> confidence;  ///< held out
  CategoryRouter::Fitted out;

  Result<void> fit_tasks(const std::vector<std::uint32_t>& tasks) {
    std::vector<std::uint32_t> label(data.task_names.size(), UINT32_MAX);
    for (std::uint32_t i = 0; i < tasks.size(); ++i) label[tasks[i]] = i;
    std::vector<float> scores(data.rows * tasks.size());
    const auto fold_of = feature_folds(data, kFolds);
    for (std::uint32_t fold = 0; fold < kFolds; ++fold) {
      TRY(const auto ridge, regress(label, tasks.size(), fold_of, fold));
      for (std::uint32_t row = 0; row < data.rows; ++row)
        if (fold_of[row] == fold) score(ridge, row, std::span(scores).subspan(row * tasks.size(), tasks.size()));
    }
    choose_sharpness(label, scores, tasks.size());
    for (std::size_t row = 0; row < data.rows; ++row) {
      const auto [best, sure] = most_likely(std::span(scores).subspan(row * tasks.size(), tasks.size()));
      out.category[row] = best + 1;
      confidence[row] = sure;
    }
    TRY(auto ridge, regress(label, tasks.size(), fold_of, kFolds));
    out.router.weights_ = std::move(ridge.weights);
    out.router.bias_ = std::move(ridge.bias);
    for (const std::uint32_t task : tasks) out.router.names_.push_back(base::hash64(data.task_names[task]));
    return {};
  }

  void fit_clusters(base::Rng& rng) {
    out.router.clusters_ =
        Clusters::fit(data.dense, data.dense_size, {.clusters = std::min(options.clusters, kCategoriesMax)}, rng);
    for (std::size_t row = 0; row < data.rows; ++row) {
      const auto guess = out.router.guess(data.dense_row(row));
      out.category[row] = static_cast<std::uint32_t>(guess.category);
      confidence[row] = guess.confidence;
    }
  }

  /// Rows of which too little is known are "general".
  void choose_confidence() {
    // A share of 0 asks for no confidence at all, also of requests unlike every row.
    if (options.uncertain_share > 0) {
      out.router.confidence_min_ = math::quantile(confidence, options.uncertain_share);
    } else {
      out.router.confidence_min_ = -1;
    }
    for (std::size_t row = 0; row < data.rows; ++row)
      if (confidence[row] < out.router.confidence_min_) out.category[row] = 0;
  }

 private:
  [[nodiscard]] Result<math::Ridge> regress(const std::vector<std::uint32_t>& label, std::size_t tasks,
                                            const std::vector<std::uint32_t>& fold_of, std::uint32_t left_out) const {
    std::vector<float> target(data.rows * tasks, NAN);
    for (std::size_t row = 0; row < data.rows; ++row) {
      const std::uint32_t mine = label[data.task[row]];
      if (mine == UINT32_MAX || fold_of[row] == left_out) continue;
      for (std::size_t t = 0; t < tasks; ++t) target[row * tasks + t] = t == mine ? 1.0F : 0.0F;
    }
    return math::fit_ridge(data.dense, data.dense_size, target, tasks, {});
  }

  void score(const math::Ridge& ridge, std::size_t row, std::span<float> scores) const {
    for (std::size_t t = 0; t < scores.size(); ++t)
      scores[t] = ridge.bias[t] + math::dot(std::span(ridge.weights).subspan(t * data.dense_size, data.dense_size),
                                            data.dense_row(row));
  }

  [[nodiscard]] std::pair<std::uint32_t, double> most_likely(std::span<const float> scores) const {
    const auto best = std::max_element(scores.begin(), scores.end());
    double total = 0;
    for (const float value : scores) total += std::exp(out.router.sharpness_ * static_cast<double>(value - *best));
    return {static_cast<std::uint32_t>(best - scores.begin()), 1 / total};
  }

  void choose_sharpness(const std::vector<std::uint32_t>& label, const std::vector<float>& scores, std::size_t tasks) {
    double best = INFINITY;
    double chosen = 1;
    for (const double sharpness : kSharpness) {
      double loss = 0;
      for (std::size_t row = 0; row < data.rows; ++row) {
        const std::uint32_t mine = label[data.task[row]];
        if (mine == UINT32_MAX) continue;
        double total = 0;
        for (std::size_t t = 0; t < tasks; ++t)
          total += std::exp(sharpness * static_cast<double>(scores[row * tasks + t] - scores[row * tasks + mine]));
        loss += std::log(total);
      }
      if (loss < best) {
        best = loss;
        chosen = sharpness;
      }
    }
    out.router.sharpness_ = chosen;
  }
};

Result<CategoryRouter::Fitted> CategoryRouter::fit(const TrainingSet& data, const Options& options, base::Rng& rng) {
  CategoryFit fit{data, options, std::vector<double>(data.rows), {}};
  fit.out.category.resize(data.rows);
  fit.out.router.size_ = data.dense_size;
  const auto tasks = options.tasks ? frequent_tasks(data) : std::vector<std::uint32_t>{};
  if (tasks.size() > 1) {
    CHECK_OK(fit.fit_tasks(tasks));
  } else {
    fit.fit_clusters(rng);
  }
  fit.choose_confidence();
  return std::move(fit.out);
}

std::size_t CategoryRouter::count() const noexcept { return 1 + (names_.empty() ? clusters_.count() : names_.size()); }

CategoryRouter::Guess CategoryRouter::guess(std::span<const float> dense) const noexcept {
  if (names_.empty()) {
    const std::size_t nearest = clusters_.nearest(dense);
    return {nearest + 1, clusters_.cosine(dense, nearest)};
  }
  std::array<double, kCategoriesMax> score{};
  std::size_t best = 0;
  for (std::size_t t = 0; t < names_.size(); ++t) {
    const float value = bias_[t] + math::dot({weights_.data() + t * size_, size_}, dense);
    score[t] = std::isfinite(value) ? static_cast<double>(value) : 0.0;
    if (score[t] > score[best]) best = t;
  }
  double total = 0;
  for (std::size_t t = 0; t < names_.size(); ++t) total += std::exp(sharpness_ * (score[t] - score[best]));
  return {best + 1, 1 / total};
}

std::size_t CategoryRouter::recognise(std::span<const float> dense) const noexcept {
  const Guess guessed = guess(dense);
  return guessed.confidence < confidence_min_ ? 0 : guessed.category;
}

std::size_t CategoryRouter::category_of(const FeatureView& request) const noexcept {
  if (request.description != nullptr && !request.description->task_hint.empty()) {
    const auto found = std::find(names_.begin(), names_.end(), base::hash64(request.description->task_hint));
    if (found != names_.end()) return static_cast<std::size_t>(found - names_.begin()) + 1;
  }
  return recognise(request.dense);
}

void CategoryRouter::save(base::ByteWriter& out) const {
  out.put_array(names_);
  out.put(sharpness_);
  out.put(confidence_min_);
  if (names_.empty()) {
    clusters_.save(out);
  } else {
    out.put_array(weights_);
    out.put_array(bias_);
  }
}

Result<CategoryRouter> CategoryRouter::load(base::ByteReader& in, std::size_t dense_size, std::string_view what) {
  CategoryRouter router;
  router.size_ = dense_size;
  TRY(router.names_, in.get_array<std::uint64_t>());
  TRY(router.sharpness_, in.get<double>());
  TRY(router.confidence_min_, in.get<double>());
  if (router.names_.size() > kCategoriesMax || !(router.sharpness_ > 0 && router.sharpness_ <= 1e6) ||
      !std::isfinite(router.confidence_min_))
    return fail(ErrorKind::kCorrupt, "{}: the categories are out of bounds", what);
  if (router.names_.empty()) {
    TRY(router.clusters_, Clusters::load(in, dense_size, what));
    if (router.clusters_.count() > kCategoriesMax)
      return fail(ErrorKind::kCorrupt, "{}: {} categories are out of bounds", what, router.clusters_.count());
    return router;
  }
  TRY(router.weights_, load_finite(in, router.names_.size() * dense_size, what));
  TRY(router.bias_, load_finite(in, router.names_.size(), what));
  return router;
}

}  // namespace thalamus::route
