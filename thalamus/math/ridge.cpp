// The Gram matrix is decomposed once per distinct pattern of missing targets: with G = V D V', the solution for any
// penalty is V (D + penalty)^-1 V' X'y, so generalised cross-validation costs next to nothing per penalty.
// O(rows size^2 + size^3) per pattern. Golub, Heath, Wahba: Generalized cross-validation, Technometrics 1979.
#include "thalamus/math/ridge.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace thalamus::math {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Eigen::VectorXd;

constexpr std::array kPenalties{0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0};

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
  constexpr std::size_t kBlock = 256;  // rows converted at a time
  for (std::size_t begin = 0; begin < rows.size(); begin += kBlock) {
    Matrix block(static_cast<Eigen::Index>(std::min(kBlock, rows.size() - begin)), columns);
    fill_block(x, size, rows, begin, result.center, block);
    gram.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose());
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
  result.eigenvalues = solver.eigenvalues().cwiseMax(0.0);
  result.vectors = solver.eigenvectors();
  return result;
}

// Residual sum of squares and degrees of freedom (with the bias) at one penalty, from the rotated right-hand side.
struct Fit {
  double residual;
  double freedom;
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

double choose_penalty(const VectorXd& eigenvalues, const VectorXd& rotated, double total, double rows) {
  double best = kPenalties.back();
  double best_score = INFINITY;
  for (const double penalty : kPenalties) {
    const Fit fit = fit_at(eigenvalues, rotated, total, penalty);
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

void fit_target(const Decomposed& parts, std::span<const float> x, std::span<const float> y, std::size_t target,
                const Pattern& pattern, double penalty, Ridge& out) {
  const auto n = static_cast<double>(pattern.rows.size());
  double y_mean = 0;
  for (const std::size_t row : pattern.rows) y_mean += static_cast<double>(y[row * out.targets + target]);
  y_mean /= n;
  VectorXd right = VectorXd::Zero(static_cast<Eigen::Index>(out.size));
  double total = 0;
  for (const std::size_t row : pattern.rows) {
    const double centered = static_cast<double>(y[row * out.targets + target]) - y_mean;
    total += centered * centered;
    for (std::size_t c = 0; c < out.size; ++c)
      right[static_cast<Eigen::Index>(c)] += centered * static_cast<double>(x[row * out.size + c]);
  }
  // sum_i centered_i * x_i equals sum_i centered_i * (x_i - center), since centered sums to zero.
  const VectorXd rotated = parts.vectors.transpose() * right;
  if (!(penalty > 0)) penalty = choose_penalty(parts.eigenvalues, rotated, total, n);
  VectorXd scaled(rotated.size());
  for (Eigen::Index k = 0; k < rotated.size(); ++k) scaled[k] = rotated[k] / (parts.eigenvalues[k] + penalty);
  const VectorXd weights = parts.vectors * scaled;
  for (std::size_t c = 0; c < out.size; ++c)
    out.weights[target * out.size + c] = static_cast<float>(weights[static_cast<Eigen::Index>(c)]);
  out.bias[target] = static_cast<float>(y_mean - weights.dot(parts.center));
  const Fit fit = fit_at(parts.eigenvalues, rotated, total, penalty);
  out.penalty[target] = penalty;
  out.residual_sd[target] = std::sqrt(fit.residual / std::max(1.0, n - fit.freedom));
  out.prediction_sd[target] = out.residual_sd[target] * std::sqrt(std::min(1.0, fit.freedom / n));
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
  for (const auto& [recorded, members] : patterns) {
    const Pattern pattern{recorded, members};
    const Decomposed parts = decompose(x, size, recorded);
    for (const std::size_t target : members) fit_target(parts, x, y, target, pattern, options.penalty, out);
  }
  return out;
}

}  // namespace thalamus::math
