// ICL-Router (arXiv 2510.09719), its CPU form "in-context kernel router": what a transformer reads from a list of past
// successes and failures is a learned kernel regression over a fixed support of J prompts,
//   quality(x, m) = sigmoid(gain * sum over j of a_j(x) (2 y_jm - 1) + b_m),  a(x) = softmax(x' A e_j / sqrt(rank)),
// with a low-rank A = L' R learned across all models and b_m calibrated to each model's base rate. A model is nothing
// but its column of labels, so one joins by labels alone. O(rank * (dimensions + J) + J * models).
// Simplified (CPU form): no language model. The support prefers prompts that few models get right among those that tell
// models apart, p (1 - p) (1.5 - p) for the share p that is right, in proportion over clusters and spread within them.
// A label that nobody recorded counts 0. A model that joins without the very prompts of the support gets their labels
// from its own rows by the same kernel.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "thalamus/base/hash.h"
#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/math/kmeans.h"
#include "thalamus/route/net_parts.h"
#include "thalamus/route/pool.h"
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 10'000;
constexpr std::size_t kSupportMax = 2'000;
constexpr std::size_t kRankMax = 256;
constexpr std::size_t kBatch = 128;
constexpr std::size_t kClusters = 16;
constexpr std::size_t kCandidatesPerPlace = 3;
constexpr double kStartSharpness = 10;  // of the untrained kernel: x' A x / sqrt(rank) of a unit vector
constexpr double kStartGain = 3;

struct IclOptions {
  std::int64_t support = 500;
  std::int64_t rank = 32;
  double rate = 3e-3;
  double weight_decay = 0.01;
  std::int64_t epochs = 15;
  std::int64_t patience = 3;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("support", support, Whole{1, static_cast<std::int64_t>(kSupportMax)}, "prompts of a model's profile");
    visit("rank", rank, Whole{1, static_cast<std::int64_t>(kRankMax)}, "of the learned kernel");
    visit("rate", rate, base::Range<double>{1e-6, 0.1}, "step size of Adam");
    visit("weight_decay", weight_decay, base::Range<double>{0, 10}, "decoupled, of the request's side of the kernel");
    visit("epochs", epochs, Whole{1, 1000}, "passes over the rows at most");
    visit("patience", patience, Whole{1, 1000}, "passes without a better held-out loss before training stops");
  }
};

/// Centred features over their root mean square length.
struct Scaling {
  std::vector<float> center;
  float factor = 1;

  [[nodiscard]] static Scaling of(const TrainingSet& set) {
    const std::size_t n = set.dense_size;
    std::vector<double> mean(n, 0.0);
    for (std::size_t row = 0; row < set.rows; ++row)
      for (std::size_t i = 0; i < n; ++i) mean[i] += static_cast<double>(set.dense_row(row)[i]);
    double square = 0;
    for (double& value : mean) value /= static_cast<double>(set.rows);
    for (std::size_t row = 0; row < set.rows; ++row) {
      for (std::size_t i = 0; i < n; ++i) {
        const double off = static_cast<double>(set.dense_row(row)[i]) - mean[i];
        square += off * off;
      }
    }
    Scaling scaling;
    scaling.center.assign(mean.begin(), mean.end());
    const double length = std::sqrt(square / static_cast<double>(set.rows));
    if (length > 1e-4) scaling.factor = static_cast<float>(1 / length);
    return scaling;
  }
  [[nodiscard]] std::vector<float> apply(std::span<const float> rows) const {
    std::vector<float> scaled(rows.begin(), rows.end());
    for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] = (scaled[i] - center[i % center.size()]) * factor;
    return scaled;
  }
};

/// The fitted kernel: a request's side and the support's side.
struct Kernel {
  math::DenseNet query;     ///< features -> rank
  std::vector<float> keys;  ///< support x rank
  double gain = 1;

  [[nodiscard]] std::size_t rank() const noexcept { return query.outputs(); }
  [[nodiscard]] std::size_t support() const noexcept { return keys.size() / rank(); }

  /// softmax of the products with `keys`, without one of them.
  static void attend(std::span<const float> query, std::span<const float> keys, std::size_t without,
                     std::span<float> weights) noexcept {
    math::multiply(keys, query, weights);
    const float scale = 1 / std::sqrt(static_cast<float>(query.size()));
    float highest = -INFINITY;
    for (std::size_t j = 0; j < weights.size(); ++j) {
      weights[j] = j == without ? -INFINITY : weights[j] * scale;
      highest = std::max(highest, weights[j]);
    }
    double total = 0;
    for (float& weight : weights) {
      weight = std::isfinite(highest) ? std::exp(weight - highest) : 0.0F;
      total += static_cast<double>(weight);
    }
    const auto share = static_cast<float>(total > 0 ? 1 / total : 0.0);
    for (float& weight : weights) weight *= share;
  }
};
constexpr std::size_t kNone = SIZE_MAX;

double answer(std::span<const float> weights, std::span<const float> labels) noexcept {
  return static_cast<double>(math::dot(weights, labels));
}

/// Finds b so that the mean of sigmoid(offset + b) is that of the outcomes, with `prior_count` more at `prior`.
double calibrate_bias(std::span<const double> offsets, std::span<const double> outcomes, double prior) {
  constexpr double kPriorCount = 2;
  double low = -20;
  double high = 20;
  double wanted = kPriorCount * prior;
  for (const double outcome : outcomes) wanted += outcome;
  for (int step = 0; step < 60; ++step) {
    const double b = (low + high) / 2;
    double got = kPriorCount * math::sigmoid(b);
    for (const double offset : offsets) got += math::sigmoid(offset + b);
    (got < wanted ? low : high) = b;
  }
  return (low + high) / 2;
}

std::uint64_t key_of(std::span<const float> row) noexcept {
  return base::hash64({reinterpret_cast<const char*>(row.data()), row.size_bytes()});
}

class IclRouter final : public PoolRouter {
 public:
  IclRouter(Kernel kernel, std::vector<std::uint64_t> prompts, std::vector<float> labels, std::vector<float> bias,
            std::vector<float> sd)
      : kernel_(std::move(kernel)),
        prompts_(std::move(prompts)),
        labels_(std::move(labels)),
        bias_(std::move(bias)),
        sd_(std::move(sd)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::size_t support = kernel_.support();
    const std::span<float> work(scratch.work);
    const std::span<float> weights = work.subspan(kernel_.query.workspace_size(), support);
    Kernel::attend(kernel_.query.forward(request.dense, work), kernel_.keys, kNone, weights);
    for (std::size_t m = 0; m < quality.size(); ++m) {
      const double voice = answer(weights, std::span(labels_).subspan(m * support, support));
      quality[m] = static_cast<float>(math::sigmoid(kernel_.gain * voice + static_cast<double>(bias_[m])));
    }
    std::copy(sd_.begin(), sd_.end(), sd.begin());
  }
  void prepare(Scratch& scratch) const override {
    grow_work(scratch, kernel_.query.workspace_size() + kernel_.support());
  }
  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(kernel_.support()));
    out.put(static_cast<std::uint32_t>(kernel_.rank()));
    out.put(kernel_.gain);
    kernel_.query.save(out);
    out.put_array(kernel_.keys);
    out.put_array(prompts_);
    out.put_array(labels_);
    out.put_array(bias_);
    out.put_array(sd_);
  }

  [[nodiscard]] Result<std::unique_ptr<Router>> with_model(const TrainingSet& data,
                                                           const base::OptionMap& values) const override {
    TRY(const auto options, base::parse_options<IclOptions>(values));
    static_cast<void>(options);
    CHECK_OK(check_new_model(data, kernel_.query.inputs()));
    const std::vector<float> column = labels_from(data);
    const std::size_t support = kernel_.support();
    std::vector<float> work(kernel_.query.workspace_size());
    std::vector<float> weights(support);
    std::vector<double> offsets;
    std::vector<double> outcomes;
    std::vector<std::uint32_t> rows;
    for (std::uint32_t row = 0; row < data.rows && rows.size() < kRowsMax; ++row) {
      if (!data.recorded(row, 0)) continue;
      Kernel::attend(kernel_.query.forward(data.dense_row(row), work), kernel_.keys, place_of(data, row), weights);
      offsets.push_back(kernel_.gain * answer(weights, column));
      outcomes.push_back(static_cast<double>(data.quality_of(row, 0)));
      rows.push_back(row);
    }
    const double mean = model_means(data).mean[0];
    const double bias = calibrate_bias(offsets, outcomes, mean);
    std::size_t next = 0;
    const auto sd = residual_deviations(
        data, rows, static_cast<double>(kernel_.rank()),
        [&](std::size_t, std::span<float> out) { out[0] = static_cast<float>(math::sigmoid(offsets[next++] + bias)); });
    auto labels = labels_;
    labels.insert(labels.end(), column.begin(), column.end());
    auto biases = bias_;
    biases.push_back(static_cast<float>(bias));
    auto deviations = sd_;
    deviations.push_back(sd[0]);
    return std::make_unique<IclRouter>(kernel_, prompts_, std::move(labels), std::move(biases), std::move(deviations));
  }
  [[nodiscard]] Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(bias_.size(), model));
    return std::make_unique<IclRouter>(kernel_, prompts_, without_row(labels_, kernel_.support(), model),
                                       without_row(bias_, 1, model), without_row(sd_, 1, model));
  }

 private:
  [[nodiscard]] std::size_t place_of(const TrainingSet& data, std::size_t row) const {
    const auto found = std::find(prompts_.begin(), prompts_.end(), key_of(data.dense_row(row)));
    return found == prompts_.end() ? kNone : static_cast<std::size_t>(found - prompts_.begin());
  }

  /// Labels of the support: recorded where `data` holds the prompt, otherwise by the kernel from the nearest rows.
  [[nodiscard]] std::vector<float> labels_from(const TrainingSet& data) const {
    std::vector<std::uint32_t> recorded;
    std::map<std::uint64_t, float> known;
    for (std::uint32_t row = 0; row < data.rows && recorded.size() < kRowsMax; ++row) {
      if (!data.recorded(row, 0)) continue;
      recorded.push_back(row);
      known.emplace(key_of(data.dense_row(row)), data.quality_of(row, 0));
    }
    // The kernel's two sides trade places: a support prompt is asked about the rows.
    const std::size_t rank = kernel_.rank();
    std::vector<float> queries(recorded.size() * rank);
    std::vector<float> spoken(recorded.size());
    std::vector<float> work(kernel_.query.workspace_size());
    for (std::size_t i = 0; i < recorded.size(); ++i) {
      const auto query = kernel_.query.forward(data.dense_row(recorded[i]), work);
      std::copy(query.begin(), query.end(), queries.begin() + static_cast<std::ptrdiff_t>(i * rank));
      spoken[i] = 2 * data.quality_of(recorded[i], 0) - 1;
    }
    std::vector<float> labels(kernel_.support());
    std::vector<float> weights(recorded.size());
    for (std::size_t j = 0; j < labels.size(); ++j) {
      if (const auto found = known.find(prompts_[j]); found != known.end()) {
        labels[j] = 2 * found->second - 1;
        continue;
      }
      Kernel::attend(std::span(kernel_.keys).subspan(j * rank, rank), queries, kNone, weights);
      labels[j] = static_cast<float>(std::clamp(answer(weights, spoken), -1.0, 1.0));
    }
    return labels;
  }

  Kernel kernel_;
  std::vector<std::uint64_t> prompts_;  ///< hash of the features of each support prompt
  std::vector<float> labels_;           ///< models x support: 1 right, -1 wrong, 0 not recorded
  std::vector<float> bias_;
  std::vector<float> sd_;
};

/// How well a prompt tells models apart, hard prompts preferred; below 0 where fewer than two models were tried.
double discrimination(const TrainingSet& set, std::size_t row) {
  double right = 0;
  double tried = 0;
  for (std::size_t m = 0; m < set.models.size(); ++m) {
    if (!set.recorded(row, m)) continue;
    right += static_cast<double>(set.quality_of(row, m));
    tried += 1;
  }
  if (tried == 0) return -1;
  const double p = right / tried;
  return p * (1 - p) * (1.5 - p);
}

/// `count` of the candidates that cover them best, greedily by the largest distance to what is taken.
void spread(const TrainingSet& set, std::span<const std::uint32_t> candidates, std::size_t count,
            std::vector<std::uint32_t>& taken) {
  if (candidates.empty() || count == 0) return;
  std::vector<float> distance(candidates.size(), INFINITY);
  std::size_t next = 0;  // the most discriminative
  for (std::size_t n = 0; n < std::min(count, candidates.size()); ++n) {
    taken.push_back(candidates[next]);
    distance[next] = -1;
    std::size_t farthest = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (distance[i] < 0) continue;
      distance[i] =
          std::min(distance[i], math::squared_distance(set.dense_row(candidates[i]), set.dense_row(taken.back())));
      if (distance[farthest] < 0 || distance[i] > distance[farthest]) farthest = i;
    }
    next = farthest;
  }
}

std::vector<std::uint32_t> choose_support(const TrainingSet& set, std::size_t wanted, const base::Rng& rng) {
  std::vector<std::uint32_t> taken;
  if (set.rows <= wanted) {
    taken.resize(set.rows);
    std::iota(taken.begin(), taken.end(), 0U);
    return taken;
  }
  const math::Kmeans clusters =
      math::kmeans(set.dense, set.dense_size, {.clusters = kClusters, .restarts = 1}, rng.fork("support"));
  std::vector<std::vector<std::uint32_t>> members(clusters.clusters());
  for (std::uint32_t row = 0; row < set.rows; ++row)
    if (discrimination(set, row) >= 0) members[clusters.cluster[row]].push_back(row);
  for (auto& rows : members) {
    const std::size_t places = std::max<std::size_t>(1, wanted * rows.size() / std::max<std::size_t>(1, set.rows));
    std::sort(rows.begin(), rows.end(), [&](std::uint32_t a, std::uint32_t b) {
      const double x = discrimination(set, a);
      const double y = discrimination(set, b);
      return x != y ? x > y : a < b;
    });
    rows.resize(std::min(rows.size(), places * kCandidatesPerPlace));
    spread(set, rows, places, taken);
  }
  if (taken.size() > wanted) taken.resize(wanted);
  std::sort(taken.begin(), taken.end());
  return taken;
}

/// Cross-entropy of each row against the support without itself. Extra parameters: key weights, log gain, biases.
class KernelLoss {
 public:
  KernelLoss(const TrainingSet& set, std::span<const std::uint32_t> support, std::span<const float> scaled,
             std::size_t rank)
      : set_(set), rank_(rank), size_(set.dense_size), place_(set.rows, kNone) {
    const std::size_t models = set.models.size();
    labels_.assign(models * support.size(), 0.0F);
    for (std::size_t j = 0; j < support.size(); ++j) {
      place_[support[j]] = j;
      const auto row = scaled.subspan(support[j] * size_, size_);
      prompts_.insert(prompts_.end(), row.begin(), row.end());
      for (std::size_t m = 0; m < models; ++m)
        if (set.recorded(support[j], m)) labels_[m * support.size() + j] = 2 * set.quality_of(support[j], m) - 1;
    }
    keys_.resize(support.size() * rank);
    key_gradients_.resize(keys_.size());
    weights_.resize(support.size());
    by_weight_.resize(support.size());
  }
  [[nodiscard]] const std::vector<float>& labels() const noexcept { return labels_; }
  [[nodiscard]] std::span<const float> keys() const noexcept { return keys_; }
  [[nodiscard]] std::size_t place(std::size_t row) const noexcept { return place_[row]; }

  void set_keys(std::span<const float> extra) noexcept {
    const auto map = extra.first(rank_ * size_);
    for (std::size_t j = 0; j < weights_.size(); ++j)
      math::multiply(map, std::span(prompts_).subspan(j * size_, size_), std::span(keys_).subspan(j * rank_, rank_));
  }

  double operator()(const math::DenseBatch& batch) {
    set_keys(batch.extra);
    std::fill(key_gradients_.begin(), key_gradients_.end(), 0.0F);
    double total = 0;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) total += row_loss(batch, i);
    if (!batch.training) return total;
    const auto map_gradient = batch.extra_gradient.first(rank_ * size_);
    for (std::size_t j = 0; j < weights_.size(); ++j)
      for (std::size_t r = 0; r < rank_; ++r)
        if (const float slope = key_gradients_[j * rank_ + r]; slope != 0)
          math::add_scaled(map_gradient.subspan(r * size_, size_), slope,
                           std::span(prompts_).subspan(j * size_, size_));
    return total;
  }

 private:
  double row_loss(const math::DenseBatch& batch, std::size_t i) {
    const std::size_t support = weights_.size();
    const std::uint32_t row = batch.rows[i];
    const auto query = batch.outputs.subspan(i * rank_, rank_);
    const float gain = std::exp(batch.extra[rank_ * size_]);
    const auto bias = batch.extra.subspan(rank_ * size_ + 1);
    const auto bias_gradient = batch.extra_gradient.subspan(rank_ * size_ + 1);
    Kernel::attend(query, keys_, place_[row], weights_);
    std::fill(by_weight_.begin(), by_weight_.end(), 0.0F);
    double total = 0;
    for (std::size_t m = 0; m < set_.models.size(); ++m) {
      if (!set_.recorded(row, m)) continue;
      const auto labels = std::span<const float>(labels_).subspan(m * support, support);
      const auto voice = static_cast<float>(answer(weights_, labels));
      float slope = 0;
      total += math::logistic_loss(static_cast<double>(gain * voice + bias[m]),
                                   static_cast<double>(set_.quality_of(row, m)), slope);
      bias_gradient[m] += slope;
      batch.extra_gradient[rank_ * size_] += slope * gain * voice;
      math::add_scaled(by_weight_, slope * gain, labels);
    }
    if (!batch.training) return total;
    const float mean = math::dot(weights_, by_weight_);
    const float scale = 1 / std::sqrt(static_cast<float>(rank_));
    const auto query_gradient = batch.gradients.subspan(i * rank_, rank_);
    for (std::size_t j = 0; j < support; ++j) {
      const float slope = weights_[j] * (by_weight_[j] - mean) * scale;
      if (std::abs(slope) < 1e-12F) continue;
      math::add_scaled(query_gradient, slope, std::span(keys_).subspan(j * rank_, rank_));
      math::add_scaled(std::span(key_gradients_).subspan(j * rank_, rank_), slope, query);
    }
    return total;
  }

  const TrainingSet& set_;
  std::size_t rank_;
  std::size_t size_;
  std::vector<std::size_t> place_;  ///< of each row in the support
  std::vector<float> prompts_;      ///< support x size, scaled
  std::vector<float> labels_;       ///< models x support
  std::vector<float> keys_;
  std::vector<float> key_gradients_;
  std::vector<float> weights_;
  std::vector<float> by_weight_;
};

Result<std::unique_ptr<Router>> fit_icl(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<IclOptions>(values));
  const OrderedSet ordered = order_models(data, kRowsMax, rng);
  const TrainingSet& set = ordered.set;
  const std::size_t size = set.dense_size;
  const std::size_t models = set.models.size();
  const auto rank = static_cast<std::size_t>(options.rank);
  const auto support = choose_support(set, static_cast<std::size_t>(options.support), rng);
  const Scaling scaling = Scaling::of(set);
  const std::vector<float> scaled = scaling.apply(set.dense);

  // A random projection keeps inner products, so the kernel starts as that of the features.
  Kernel kernel;
  const std::vector<math::LayerPlan> plan{{rank, math::Activation::kIdentity, math::Start::kZero}};
  kernel.query = math::DenseNet::make(size, plan, rng);
  const double spread_of = std::sqrt(kStartSharpness / std::sqrt(static_cast<double>(rank)));
  for (float& weight : kernel.query.weights(0)) weight = static_cast<float>(spread_of * rng.normal());
  std::vector<float> extra(kernel.query.weights(0).begin(), kernel.query.weights(0).end());
  extra.push_back(static_cast<float>(std::log(kStartGain)));
  const ModelMeans means = model_means(set);
  for (std::size_t m = 0; m < models; ++m) extra.push_back(static_cast<float>(safe_logit(means.mean[m])));

  KernelLoss kernel_loss(set, support, scaled, rank);
  const math::BatchLoss loss = [&](const math::DenseBatch& batch) { return kernel_loss(batch); };
  const math::DenseTraining training{.rate = options.rate,
                                     .weight_decay = options.weight_decay,
                                     .batch = std::min(kBatch, 2 * batch_of(set.rows)),
                                     .epochs_max = static_cast<std::size_t>(options.epochs),
                                     .patience = static_cast<std::size_t>(options.patience),
                                     .rows_max = kRowsMax,
                                     .scaling = math::InputScaling::kNone};
  TRY(const auto report, math::train_dense(kernel.query, scaled, extra, loss, training, rng));

  kernel_loss.set_keys(extra);
  kernel.keys.assign(kernel_loss.keys().begin(), kernel_loss.keys().end());
  kernel.gain = std::exp(static_cast<double>(extra[rank * size]));
  std::vector<float> work(rank);
  std::vector<float> weights(support.size());
  const std::vector<float> bias(extra.begin() + static_cast<std::ptrdiff_t>(rank * size + 1), extra.end());
  const auto sd = residual_deviations(
      set, rows_to_judge(report, set.rows), static_cast<double>(rank), [&](std::size_t row, std::span<float> out) {
        const auto query = kernel.query.forward(std::span(scaled).subspan(row * size, size), work);
        Kernel::attend(query, kernel.keys, kernel_loss.place(row), weights);
        for (std::size_t m = 0; m < models; ++m) {
          const double voice = answer(weights, std::span(kernel_loss.labels()).subspan(m * support.size()));
          out[m] = static_cast<float>(math::sigmoid(kernel.gain * voice + static_cast<double>(bias[m])));
        }
      });
  const std::vector<float> factor(size, scaling.factor);
  kernel.query.absorb_scaling(scaling.center, factor);
  std::vector<std::uint64_t> prompts;
  for (const std::uint32_t row : support) prompts.push_back(key_of(set.dense_row(row)));
  return std::make_unique<IclRouter>(std::move(kernel), std::move(prompts),
                                     placed_rows(kernel_loss.labels(), support.size(), ordered.place),
                                     placed(bias, ordered.place), placed(sd, ordered.place));
}

Result<std::unique_ptr<Router>> load_icl(base::ByteReader& in, const Shape& shape) {
  TRY(const auto support, in.get<std::uint32_t>());
  TRY(const auto rank, in.get<std::uint32_t>());
  Kernel kernel;
  TRY(kernel.gain, in.get<double>());
  if (support < 1 || support > kSupportMax || rank < 1 || rank > kRankMax || !(std::abs(kernel.gain) <= 1e6))
    return fail(ErrorKind::kCorrupt, "icl_router: a support of {} or a rank of {} is out of bounds", support, rank);
  TRY(kernel.query, math::DenseNet::load(in, shape.dense_size, rank));
  TRY(kernel.keys, load_finite(in, std::size_t{support} * rank, "icl_router"));
  TRY(auto prompts, in.get_array<std::uint64_t>());
  TRY(auto labels, load_finite(in, shape.models * support, "icl_router"));
  TRY(auto bias, load_finite(in, shape.models, "icl_router"));
  TRY(auto sd, load_deviations(in, shape.models, "icl_router"));
  const bool sound = prompts.size() == support &&
                     std::all_of(labels.begin(), labels.end(), [](float label) { return std::abs(label) <= 1; }) &&
                     std::all_of(kernel.keys.begin(), kernel.keys.end(), [](float v) { return std::abs(v) < 1e12F; });
  if (!sound) return fail(ErrorKind::kCorrupt, "icl_router: the support does not fit");
  return std::make_unique<IclRouter>(std::move(kernel), std::move(prompts), std::move(labels), std::move(bias),
                                     std::move(sd));
}

}  // namespace

MethodRecord icl_router_method() {
  return {.name = "icl_router",
          .help = "learned kernel over each model's record on the most telling prompts; a new model needs labels only",
          .source = "arXiv:2510.09719",
          .latency_class_us = 100,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<IclOptions>,
          .fit = &fit_icl,
          .load = &load_icl,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
