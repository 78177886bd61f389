// The Gram matrix is decomposed once per distinct pattern of missing targets: with G = V D V', the solution for any
// penalty is V (D + penalty)^-1 V' X'y, so generalised cross-validation costs next to nothing per penalty.
// O(rows size^2 + size^3) per pattern. Golub, Heath, Wahba: Generalized cross-validation, Technometrics 1979.
// Where there are many patterns, each has few targets, and G = Q T Q' with T tridiagonal does as well at a third of the
// cost: (T + penalty) is solved, and the trace of its inverse found, in O(size); Q is never formed. Each Gram matrix is
// then that of all rows less that of the missing ones, where those are fewer.
#include "thalamus/math/ridge.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

namespace thalamus::math {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Eigen::VectorXd;

constexpr std::array kPenalties{0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0};
constexpr std::size_t kFewPatterns = 8;  // up to here each Gram matrix is decomposed wholly

struct Pattern {
  std::vector<std::size_t> rows;
  std::vector<std::size_t> targets;
};

struct Decomposed {
  VectorXd center;  // column means of x over the pattern's rows
  VectorXd eigenvalues;
  Eigen::MatrixXd vectors;
};

VectorXd column_means(std::span<const float> x, std::size_t size, const std::vector<std::size_t>& rows) {
  VectorXd mean = VectorXd::Zero(static_cast<Eigen::Index>(size));
  for (const std::size_t row : rows)
    for (std::size_t c = 0; c < size; ++c) mean[static_cast<Eigen::Index>(c)] += static_cast<double>(x[row * size + c]);
  return mean / static_cast<double>(rows.size());
}

// Rows `begin`.. of the pattern, centred, into `block`.
void fill_block(std::span<const float> x, std::size_t size, const std::vector<std::size_t>& rows, std::size_t begin,
                const VectorXd& center, Matrix& block) {
  for (Eigen::Index i = 0; i < block.rows(); ++i)
    for (std::size_t c = 0; c < size; ++c)
      block(i, static_cast<Eigen::Index>(c)) =
          static_cast<double>(x[rows[begin + static_cast<std::size_t>(i)] * size + c]) -
          center[static_cast<Eigen::Index>(c)];
}

// Adds `sign` times the centred products of some rows to the lower triangle.
void add_rows(std::span<const float> x, std::size_t size, const std::vector<std::size_t>& rows, const VectorXd& center,
              double sign, Eigen::MatrixXd& gram) {
  constexpr std::size_t kBlock = 256;  // rows converted at a time
  for (std::size_t begin = 0; begin < rows.size(); begin += kBlock) {
    Matrix block(static_cast<Eigen::Index>(std::min(kBlock, rows.size() - begin)), gram.cols());
    fill_block(x, size, rows, begin, center, block);
    gram.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose(), sign);
  }
}

// Fewer rows than columns: the eigenvectors follow from those of the small matrix X X'.
void decompose_few_rows(std::span<const float> x, std::size_t size, const std::vector<std::size_t>& rows,
                        Decomposed& out) {
  Matrix centered(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(size));
  fill_block(x, size, rows, 0, out.center, centered);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(centered * centered.transpose());
  out.eigenvalues = solver.eigenvalues().cwiseMax(0.0);
  out.vectors = centered.transpose() * solver.eigenvectors();
  const double tiny = 1e-9 * std::max(1e-30, out.eigenvalues.maxCoeff());
  for (Eigen::Index k = 0; k < out.eigenvalues.size(); ++k) {
    if (out.eigenvalues[k] > tiny) {
      out.vectors.col(k) /= std::sqrt(out.eigenvalues[k]);
    } else {
      out.eigenvalues[k] = 0;
      out.vectors.col(k).setZero();
    }
  }
}

Decomposed decompose(std::span<const float> x, std::size_t size, const std::vector<std::size_t>& rows) {
  const auto columns = static_cast<Eigen::Index>(size);
  Decomposed result;
  result.center = column_means(x, size, rows);
  if (rows.size() < size) {
    decompose_few_rows(x, size, rows, result);
    return result;
  }
  Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(columns, columns);
  add_rows(x, size, rows, result.center, 1, gram);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
  result.eigenvalues = solver.eigenvalues().cwiseMax(0.0);
  result.vectors = solver.eigenvectors();
  return result;
}

// Moments of all rows about their mean.
struct Moments {
  VectorXd center;
  Eigen::MatrixXd gram;  // lower triangle
};

Moments moments_of_all(std::span<const float> x, std::size_t size) {
  std::vector<std::size_t> rows(x.size() / size);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  const auto columns = static_cast<Eigen::Index>(size);
  Moments all{column_means(x, size, rows), Eigen::MatrixXd::Zero(columns, columns)};
  add_rows(x, size, rows, all.center, 1, all.gram);
  return all;
}

// The centred Gram matrix of a pattern: G_all less the missing rows, moved to the pattern's own mean.
Eigen::MatrixXd gram_of(std::span<const float> x, std::size_t size, const std::vector<std::size_t>& rows,
                        const Moments& all, const VectorXd& center) {
  const std::size_t count = x.size() / size;
  Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(all.gram.rows(), all.gram.cols());
  if (2 * rows.size() < count) {
    add_rows(x, size, rows, center, 1, gram);
    return gram;
  }
  std::vector<std::size_t> missing;
  missing.reserve(count - rows.size());
  for (std::size_t row = 0, next = 0; row < count; ++row) {
    if (next < rows.size() && rows[next] == row) {
      ++next;
    } else {
      missing.push_back(row);
    }
  }
  gram = all.gram;
  add_rows(x, size, missing, all.center, -1, gram);
  const VectorXd moved = center - all.center;
  gram.selfadjointView<Eigen::Lower>().rankUpdate(moved, -static_cast<double>(rows.size()));
  return gram;
}

// Residual sum of squares and degrees of freedom (with the bias) at one penalty, from the rotated right-hand side.
struct Fit {
  double residual;
  double freedom;
};

// Q T Q' of a Gram matrix.
class Tridiagonal {
 public:
  explicit Tridiagonal(const Eigen::MatrixXd& gram)
      : reduced_(gram), diagonal_(reduced_.diagonal()), below_(reduced_.subDiagonal()) {}

  [[nodiscard]] VectorXd rotated(const VectorXd& right) const { return reduced_.matrixQ().adjoint() * right; }
  [[nodiscard]] VectorXd back(const VectorXd& solution) const { return reduced_.matrixQ() * solution; }

  // (T + penalty)^-1 r, and by it what fit_at gives.
  Fit solve(const VectorXd& rotated, double total, double penalty, VectorXd& solution) const {
    const Eigen::Index n = diagonal_.size();
    VectorXd pivot(n);  // of the elimination from the first row on
    VectorXd last(n);   // from the last row on
    solution = rotated;
    for (Eigen::Index i = 0; i < n; ++i) {
      pivot[i] = diagonal_[i] + penalty;
      if (i == 0) continue;
      const double factor = below_[i - 1] / pivot[i - 1];
      pivot[i] = std::max(pivot[i] - factor * below_[i - 1], kPivotMin);
      solution[i] -= factor * solution[i - 1];
    }
    double trace = 0;
    for (Eigen::Index i = n - 1; i >= 0; --i) {
      last[i] = diagonal_[i] + penalty;
      if (i + 1 < n) {
        solution[i] -= below_[i] * solution[i + 1];
        last[i] = std::max(last[i] - below_[i] * below_[i] / last[i + 1], kPivotMin);
      }
      solution[i] /= pivot[i];
      trace += 1 / std::max(pivot[i] + last[i] - diagonal_[i] - penalty, kPivotMin);
    }
    const double residual = total - rotated.dot(solution) - penalty * solution.squaredNorm();
    const auto columns = static_cast<double>(n);
    return {std::max(residual, 0.0), 1 + std::clamp(columns - penalty * trace, 0.0, columns)};
  }

 private:
  static constexpr double kPivotMin = 1e-12;  // the penalty keeps exact pivots above it
  Eigen::Tridiagonalization<Eigen::MatrixXd> reduced_;
  VectorXd diagonal_;
  VectorXd below_;
};

Fit fit_at(const VectorXd& eigenvalues, const VectorXd& rotated, double total, double penalty) {
  double residual = total;
  double freedom = 1;
  for (Eigen::Index k = 0; k < eigenvalues.size(); ++k) {
    const double d = eigenvalues[k] + penalty;
    if (!(d > 0)) continue;
    residual -= rotated[k] * rotated[k] / d * (1 + penalty / d);
    freedom += eigenvalues[k] / d;
  }
  return {std::max(residual, 0.0), freedom};
}

// `fit_with(penalty)` gives the fit at one penalty.
template <class FitWith>
double choose_penalty(double rows, FitWith&& fit_with) {
  double best = kPenalties.back();
  double best_score = INFINITY;
  for (const double penalty : kPenalties) {
    const Fit fit = fit_with(penalty);
    const double left = 1 - fit.freedom / rows;
    if (!(left > 0.02)) continue;  // more parameters than rows can tell
    const double score = fit.residual / (left * left);
    if (score <= best_score) {  // the larger penalty on ties
      best_score = score;
      best = penalty;
    }
  }
  return best;
}

// A target's outcomes over its pattern's rows, centred, against the features.
struct RightSide {
  double mean = 0;
  double total = 0;  // sum of squares
  VectorXd products;
};

RightSide right_side(std::span<const float> x, std::span<const float> y, std::size_t target,
                     const std::vector<std::size_t>& rows, const Ridge& out) {
  RightSide side;
  for (const std::size_t row : rows) side.mean += static_cast<double>(y[row * out.targets + target]);
  side.mean /= static_cast<double>(rows.size());
  side.products = VectorXd::Zero(static_cast<Eigen::Index>(out.size));
  for (const std::size_t row : rows) {
    const double centered = static_cast<double>(y[row * out.targets + target]) - side.mean;
    side.total += centered * centered;
    for (std::size_t c = 0; c < out.size; ++c)
      side.products[static_cast<Eigen::Index>(c)] += centered * static_cast<double>(x[row * out.size + c]);
  }
  // sum_i centered_i * x_i equals sum_i centered_i * (x_i - center), since centered sums to zero.
  return side;
}

void put(const VectorXd& weights, const VectorXd& center, const RightSide& side, double rows, double penalty,
         const Fit& fit, std::size_t target, Ridge& out) {
  for (std::size_t c = 0; c < out.size; ++c)
    out.weights[target * out.size + c] = static_cast<float>(weights[static_cast<Eigen::Index>(c)]);
  out.bias[target] = static_cast<float>(side.mean - weights.dot(center));
  out.penalty[target] = penalty;
  out.residual_sd[target] = std::sqrt(fit.residual / std::max(1.0, rows - fit.freedom));
  out.prediction_sd[target] = out.residual_sd[target] * std::sqrt(std::min(1.0, fit.freedom / rows));
}

void fit_target(const Decomposed& parts, std::span<const float> x, std::span<const float> y, std::size_t target,
                const Pattern& pattern, double penalty, Ridge& out) {
  const auto n = static_cast<double>(pattern.rows.size());
  const RightSide side = right_side(x, y, target, pattern.rows, out);
  const VectorXd rotated = parts.vectors.transpose() * side.products;
  const auto fit_with = [&](double value) { return fit_at(parts.eigenvalues, rotated, side.total, value); };
  if (!(penalty > 0)) penalty = choose_penalty(n, fit_with);
  VectorXd scaled(rotated.size());
  for (Eigen::Index k = 0; k < rotated.size(); ++k) scaled[k] = rotated[k] / (parts.eigenvalues[k] + penalty);
  put(parts.vectors * scaled, parts.center, side, n, penalty, fit_with(penalty), target, out);
}

// The same of all targets of one pattern by the tridiagonal form.
void fit_reduced(const Moments& all, std::span<const float> x, std::span<const float> y, const Pattern& pattern,
                 double given, Ridge& out) {
  const auto n = static_cast<double>(pattern.rows.size());
  const VectorXd center = column_means(x, out.size, pattern.rows);
  const Tridiagonal parts(gram_of(x, out.size, pattern.rows, all, center));
  VectorXd solution;
  for (const std::size_t target : pattern.targets) {
    const RightSide side = right_side(x, y, target, pattern.rows, out);
    const VectorXd rotated = parts.rotated(side.products);
    const auto fit_with = [&](double value) { return parts.solve(rotated, side.total, value, solution); };
    const double penalty = given > 0 ? given : choose_penalty(n, fit_with);
    const Fit fit = fit_with(penalty);
    put(parts.back(solution), center, side, n, penalty, fit, target, out);
  }
}

}  // namespace

Result<Ridge> fit_ridge(std::span<const float> x, std::size_t size, std::span<const float> y, std::size_t targets,
                        const RidgeOptions& options) {
  if (size == 0 || targets == 0 || x.size() % size != 0 || y.size() != x.size() / size * targets)
    return fail(ErrorKind::kInternal, "ridge: {} features and {} outcomes do not fit {} columns and {} targets",
                x.size(), y.size(), size, targets);
  if (!std::all_of(x.begin(), x.end(), [](float value) { return std::isfinite(value); }))
    return fail(ErrorKind::kInvalidInput, "ridge: a feature is not a finite number");
  const std::size_t rows = x.size() / size;
  Ridge out;
  out.size = size;
  out.targets = targets;
  out.weights.assign(targets * size, 0.0F);
  out.bias.assign(targets, 0.0F);
  out.penalty.assign(targets, options.penalty);
  out.residual_sd.assign(targets, 0.0);
  out.prediction_sd.assign(targets, 0.0);
  std::map<std::vector<std::size_t>, std::vector<std::size_t>> patterns;  // recorded rows -> targets
  for (std::size_t target = 0; target < targets; ++target) {
    std::vector<std::size_t> recorded;
    for (std::size_t row = 0; row < rows; ++row)
      if (!std::isnan(y[row * targets + target])) recorded.push_back(row);
    if (!recorded.empty()) patterns[std::move(recorded)].push_back(target);
  }
  std::optional<Moments> all;
  if (patterns.size() > kFewPatterns) all = moments_of_all(x, size);
  for (const auto& [recorded, members] : patterns) {
    const Pattern pattern{recorded, members};
    if (all && recorded.size() > size) {
      fit_reduced(*all, x, y, pattern, options.penalty, out);
      continue;
    }
    const Decomposed parts = decompose(x, size, recorded);
    for (const std::size_t target : members) fit_target(parts, x, y, target, pattern, options.penalty, out);
  }
  return out;
}

}  // namespace thalamus::math
