// Friedman: Greedy function approximation, Annals of Statistics 2001; second-order leaf values and histograms as in
// XGBoost (arXiv 1603.02754) and LightGBM (NeurIPS 2017): leaf = -G / (H + penalty), gain = GL^2/(HL + penalty) +
// GR^2/(HR + penalty) - G^2/(H + penalty). A node's histogram is built for its smaller child only; the larger one's is
// the difference. O(trees * rows * columns) to fit. Sums run in row order, so the result depends on the seed alone.
#include "thalamus/math/boosted_trees.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>

namespace thalamus::math {
namespace {

constexpr std::size_t kRowsMin = 40;  // fewer recorded rows give the mean alone
constexpr double kGainMin = 1e-9;
constexpr double kHessianMin = 1e-6;

double sigmoid(double x) noexcept { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

struct Sums {
  double gradient = 0;
  double hessian = 0;
  void add(const Sums& other) noexcept {
    gradient += other.gradient;
    hessian += other.hessian;
  }
  [[nodiscard]] Sums less(const Sums& other) const noexcept {
    return {gradient - other.gradient, hessian - other.hessian};
  }
  [[nodiscard]] double worth(double penalty) const noexcept {
    return gradient * gradient / std::max(hessian + penalty, kHessianMin);
  }
};

/// Midpoints between neighbouring values at cuts of about equal mass.
std::vector<float> cut(std::vector<float> values, std::size_t bins) {
  std::sort(values.begin(), values.end());
  std::vector<float> distinct = values;
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::vector<float> edges;
  const auto add = [&](float low, float high) {
    const float middle = low / 2 + high / 2;
    edges.push_back(middle >= low && middle < high ? middle : low);
  };
  if (distinct.size() <= bins) {
    for (std::size_t i = 0; i + 1 < distinct.size(); ++i) add(distinct[i], distinct[i + 1]);
    return edges;
  }
  for (std::size_t b = 1; b < bins; ++b) {
    const float low = values[values.size() * b / bins - 1];
    const auto above = std::upper_bound(distinct.begin(), distinct.end(), low);
    if (above == distinct.end()) break;
    if (edges.empty() || low > edges.back()) add(low, *above);
  }
  return edges;
}

}  // namespace

BinnedColumns BinnedColumns::make(std::span<const float> x, std::size_t size, std::size_t bins) {
  BinnedColumns result;
  result.rows_ = size == 0 ? 0 : x.size() / size;
  result.edges_.resize(size);
  result.bins_.resize(x.size());
  std::vector<float> values(result.rows_);
  for (std::size_t c = 0; c < size; ++c) {
    for (std::size_t row = 0; row < result.rows_; ++row) values[row] = x[row * size + c];
    result.edges_[c] = cut(values, std::clamp<std::size_t>(bins, 2, kBinsMax));
    const auto& edges = result.edges_[c];
    for (std::size_t row = 0; row < result.rows_; ++row)
      result.bins_[c * result.rows_ + row] =
          static_cast<std::uint8_t>(std::lower_bound(edges.begin(), edges.end(), values[row]) - edges.begin());
  }
  return result;
}

/// One fit: its working memory and the ensemble it builds.
class Booster {
 public:
  Booster(const BinnedColumns& x, std::span<const float> y, const BoostedTreesOptions& options, base::Rng rng)
      : x_(x), y_(y), options_(options), rng_(rng), score_(x.rows(), 0.0), slope_(x.rows()) {
    for (std::size_t row = 0; row < x.rows(); ++row)
      if (!std::isnan(y[row])) fitted_.push_back(static_cast<std::uint32_t>(row));
    out_.loss_ = options.loss;
    out_.bias_ = start();
    std::fill(score_.begin(), score_.end(), out_.bias_);
  }

  [[nodiscard]] BoostedTrees run() {
    if (fitted_.size() < kRowsMin || x_.columns() == 0) return std::move(out_);
    const auto recorded = static_cast<double>(fitted_.size());
    hold_back();
    out_.depth_ = static_cast<std::uint32_t>(std::clamp<std::size_t>(options_.depth, 1, kTreeDepthMax));
    double best_loss = held_loss();
    std::size_t best_trees = 0;
    double leaves = 0;
    double best_leaves = 0;
    for (std::size_t tree = 1; tree <= std::min(options_.trees_max, kTreesMax); ++tree) {
      leaves += grow();
      for (const auto& rows : {std::span(fitted_), std::span(held_)}) advance(rows);
      const double loss = held_loss();
      if (loss < best_loss) {
        best_loss = loss;
        best_trees = tree;
        best_leaves = leaves;
      }
      if (tree - best_trees >= options_.patience) break;
    }
    out_.splits_.resize(best_trees * ((std::size_t{1} << out_.depth_) - 1));
    out_.leaves_.resize(best_trees << out_.depth_);
    out_.variance_share_ = std::min(1.0, (1 + options_.shrinkage * best_leaves) / recorded);
    return std::move(out_);
  }

 private:
  struct Node {
    std::size_t begin = 0;  // rows order_[begin, end)
    std::size_t end = 0;
    Sums total;
    std::vector<Sums> bins;  // drawn columns x kBinsMax
    bool open = false;       // may still be split
  };
  struct Best {
    double gain = kGainMin;
    std::size_t drawn = 0;
    std::size_t bin = 0;  // the last bin on the left
    Sums left;
  };

  [[nodiscard]] double start() {
    out_.variance_share_ = 1.0 / static_cast<double>(fitted_.size() + 1);
    double sum = 0;
    for (const std::uint32_t row : fitted_) sum += static_cast<double>(y_[row]);
    if (options_.loss == TreeLoss::kSquared) return fitted_.empty() ? 0 : sum / static_cast<double>(fitted_.size());
    const double mean = (sum + 0.5) / (static_cast<double>(fitted_.size()) + 1);
    return std::log(mean / (1 - mean));
  }

  void hold_back() {
    rng_.shuffle(fitted_);
    const auto held = static_cast<std::ptrdiff_t>(options_.held_share * static_cast<double>(fitted_.size()));
    held_.assign(fitted_.end() - held, fitted_.end());
    fitted_.resize(fitted_.size() - held_.size());
    std::sort(fitted_.begin(), fitted_.end());
    std::sort(held_.begin(), held_.end());
  }

  [[nodiscard]] double loss_of(std::uint32_t row) const noexcept {
    const auto y = static_cast<double>(y_[row]);
    const double s = score_[row];
    if (options_.loss == TreeLoss::kSquared) return (s - y) * (s - y);
    return std::max(s, 0.0) - s * y + std::log1p(std::exp(-std::abs(s)));
  }

  /// Without held-out rows every tree counts as a gain: the loss that is fitted decides.
  [[nodiscard]] double held_loss() const noexcept {
    double sum = 0;
    for (const std::uint32_t row : held_.empty() ? fitted_ : held_) sum += loss_of(row);
    return sum;
  }

  void draw() {
    order_.clear();
    for (const std::uint32_t row : fitted_) {
      if (options_.row_share < 1 && rng_.uniform() >= options_.row_share) continue;
      order_.push_back(row);
      const auto y = static_cast<double>(y_[row]);
      if (options_.loss == TreeLoss::kSquared) {
        slope_[row] = {score_[row] - y, 1};
      } else {
        const double p = sigmoid(score_[row]);
        slope_[row] = {p - y, std::max(p * (1 - p), kHessianMin)};
      }
    }
    columns_.resize(x_.columns());
    std::iota(columns_.begin(), columns_.end(), 0U);
    const auto wanted = static_cast<std::size_t>(std::ceil(options_.column_share * static_cast<double>(x_.columns())));
    for (std::size_t i = 0; i < wanted; ++i) std::swap(columns_[i], columns_[i + rng_.below(columns_.size() - i)]);
    columns_.resize(wanted);
    std::sort(columns_.begin(), columns_.end());
  }

  void fill(Node& node) const {
    node.bins.assign(columns_.size() * kBinsMax, Sums{});
    for (std::size_t d = 0; d < columns_.size(); ++d) {
      const std::uint8_t* column = x_.column(columns_[d]).data();
      Sums* bins = node.bins.data() + d * kBinsMax;
      for (std::size_t i = node.begin; i < node.end; ++i) bins[column[order_[i]]].add(slope_[order_[i]]);
    }
  }

  [[nodiscard]] Best find_split(const Node& node) const noexcept {
    Best best;
    const double whole = node.total.worth(options_.penalty);
    for (std::size_t d = 0; d < columns_.size(); ++d) {
      const Sums* bins = node.bins.data() + d * kBinsMax;
      const std::size_t edges = x_.edges(columns_[d]).size();
      Sums left;
      for (std::size_t b = 0; b < edges; ++b) {
        left.add(bins[b]);
        const Sums right = node.total.less(left);
        if (left.hessian < options_.leaf_weight_min) continue;
        if (right.hessian < options_.leaf_weight_min) break;
        const double gain = left.worth(options_.penalty) + right.worth(options_.penalty) - whole;
        if (gain > best.gain) best = {gain, d, b, left};
      }
    }
    return best;
  }

  /// Rows up to the bin come first; both sides keep their order.
  [[nodiscard]] std::size_t partition(const Node& node, std::size_t column, std::size_t bin) {
    const auto bins = x_.column(column);
    right_.clear();
    std::size_t at = node.begin;
    for (std::size_t i = node.begin; i < node.end; ++i) {
      if (bins[order_[i]] <= bin) {
        order_[at++] = order_[i];
      } else {
        right_.push_back(order_[i]);
      }
    }
    std::copy(right_.begin(), right_.end(), order_.begin() + static_cast<std::ptrdiff_t>(at));
    return at;
  }

  /// Adds one tree; returns how many leaves it has beyond one.
  [[nodiscard]] double grow() {
    draw();
    const std::size_t depth = out_.depth_;
    const std::size_t splits_at = out_.splits_.size();
    out_.splits_.resize(splits_at + (std::size_t{1} << depth) - 1, {FLT_MAX, 0});
    bin_of_.assign((std::size_t{1} << depth) - 1, 0xff);
    std::vector<Node> level(1);
    level[0] = {0, order_.size(), {}, {}, true};
    for (const std::uint32_t row : order_) level[0].total.add(slope_[row]);
    fill(level[0]);
    double leaves = 0;
    for (std::size_t d = 0; d < depth; ++d) {
      std::vector<Node> next(2 * level.size());
      for (std::size_t n = 0; n < level.size(); ++n) {
        const std::size_t heap = (std::size_t{1} << d) - 1 + n;
        if (split(level[n], d + 1 < depth, next[2 * n], next[2 * n + 1], splits_at, heap)) leaves += 1;
      }
      level = std::move(next);
    }
    for (const Node& node : level)
      out_.leaves_.push_back(static_cast<float>(-options_.shrinkage * node.total.gradient /
                                                std::max(node.total.hessian + options_.penalty, kHessianMin)));
    return leaves;
  }

  /// A node that is not split passes its sums to both children, so that every leaf below has its value.
  bool split(Node& node, bool deeper, Node& left, Node& right, std::size_t splits_at, std::size_t heap) {
    const Best best = node.open ? find_split(node) : Best{};
    left.total = right.total = node.total;
    if (!node.open || !(best.gain > kGainMin)) return false;
    const std::uint32_t column = columns_[best.drawn];
    out_.splits_[splits_at + heap] = {x_.edges(column)[best.bin], column};
    bin_of_[heap] = static_cast<std::uint8_t>(best.bin);
    const std::size_t middle = partition(node, column, best.bin);
    left = {node.begin, middle, best.left, {}, deeper};
    right = {middle, node.end, node.total.less(best.left), {}, deeper};
    if (!deeper) return true;
    Node& small = left.end - left.begin <= right.end - right.begin ? left : right;
    Node& large = &small == &left ? right : left;
    fill(small);
    large.bins = std::move(node.bins);
    for (std::size_t i = 0; i < large.bins.size(); ++i) large.bins[i] = large.bins[i].less(small.bins[i]);
    return true;
  }

  /// Adds the last tree to the scores of some rows.
  void advance(std::span<const std::uint32_t> rows) noexcept {
    const std::size_t inner = bin_of_.size();
    const auto* splits = out_.splits_.data() + out_.splits_.size() - inner;
    const float* leaves = out_.leaves_.data() + out_.leaves_.size() - (inner + 1);
    for (const std::uint32_t row : rows) {
      std::size_t node = 0;
      while (node < inner) node = 2 * node + 1 + (x_.column(splits[node].column)[row] > bin_of_[node] ? 1 : 0);
      score_[row] += static_cast<double>(leaves[node - inner]);
    }
  }

  const BinnedColumns& x_;
  std::span<const float> y_;
  const BoostedTreesOptions& options_;
  base::Rng rng_;
  BoostedTrees out_;
  std::vector<double> score_;
  std::vector<Sums> slope_;  // of the rows drawn for the tree
  std::vector<std::uint32_t> fitted_;
  std::vector<std::uint32_t> held_;
  std::vector<std::uint32_t> order_;
  std::vector<std::uint32_t> columns_;
  std::vector<std::uint32_t> right_;  // of the partition in progress
  std::vector<std::uint8_t> bin_of_;  // of each inner node of the last tree; 0xff: not split
};

BoostedTrees BoostedTrees::fit(const BinnedColumns& x, std::span<const float> y, const BoostedTreesOptions& options,
                               base::Rng rng) {
  return Booster(x, y, options, rng).run();
}

double BoostedTrees::score(std::span<const float> x) const noexcept {
  const std::size_t inner = (std::size_t{1} << depth_) - 1;
  const Split* splits = splits_.data();
  const float* leaves = leaves_.data();
  double sum = bias_;
  for (std::size_t tree = 0; tree < trees(); ++tree, splits += inner, leaves += inner + 1) {
    std::size_t node = 0;
    for (std::uint32_t level = 0; level < depth_; ++level)
      node = 2 * node + 1 + (x[splits[node].column] > splits[node].threshold ? 1 : 0);
    sum += static_cast<double>(leaves[node - inner]);
  }
  return sum;
}

double BoostedTrees::predict(std::span<const float> x) const noexcept {
  return loss_ == TreeLoss::kLogistic ? sigmoid(score(x)) : score(x);
}

void BoostedTrees::save(base::ByteWriter& out) const {
  out.put(static_cast<std::uint8_t>(loss_));
  out.put(depth_);
  out.put(bias_);
  out.put(variance_share_);
  std::vector<float> thresholds;
  std::vector<std::uint32_t> columns;
  for (const Split& split : splits_) {
    thresholds.push_back(split.threshold);
    columns.push_back(split.column);
  }
  out.put_array(thresholds);
  out.put_array(columns);
  out.put_array(leaves_);
}

Result<BoostedTrees> BoostedTrees::load(base::ByteReader& in, std::size_t columns, std::string_view what) {
  BoostedTrees result;
  TRY(const auto loss, in.get<std::uint8_t>());
  TRY(result.depth_, in.get<std::uint32_t>());
  TRY(result.bias_, in.get<double>());
  TRY(result.variance_share_, in.get<double>());
  TRY(const auto thresholds, in.get_array<float>());
  TRY(const auto read, in.get_array<std::uint32_t>());
  TRY(result.leaves_, in.get_array<float>());
  const auto finite = [](float value) { return std::isfinite(value); };
  if (loss > 1 || result.depth_ > kTreeDepthMax || !std::isfinite(result.bias_) || !(result.variance_share_ > 0) ||
      !(result.variance_share_ <= 1) || !std::all_of(thresholds.begin(), thresholds.end(), finite) ||
      !std::all_of(result.leaves_.begin(), result.leaves_.end(), finite))
    return fail(ErrorKind::kCorrupt, "{}: a number of the trees is out of bounds", what);
  result.loss_ = static_cast<TreeLoss>(loss);
  const std::size_t trees = result.trees();
  const std::size_t leaves = result.depth_ == 0 ? 0 : trees << result.depth_;
  const std::size_t inner = trees * ((std::size_t{1} << result.depth_) - 1);
  if (trees > kTreesMax || result.leaves_.size() != leaves || thresholds.size() != inner || read.size() != inner)
    return fail(ErrorKind::kCorrupt, "{}: {} splits and {} leaves are no trees of depth {}", what, thresholds.size(),
                result.leaves_.size(), result.depth_);
  for (std::size_t i = 0; i < inner; ++i) {
    if (read[i] >= columns) return fail(ErrorKind::kCorrupt, "{}: a split reads column {}", what, read[i]);
    result.splits_.push_back({thresholds[i], read[i]});
  }
  return result;
}

}  // namespace thalamus::math
