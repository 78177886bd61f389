#include "thalamus/math/symmetric.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace thalamus::math {
namespace {

constexpr std::size_t kSweepsMax = 60;
constexpr double kTiny = 1e-15;  // of the diagonal: what is left beside it then is rounding

/// Turns rows and columns p and q so that the entry between them vanishes, and the vectors with them.
void rotate(std::vector<double>& a, std::vector<double>& v, std::size_t n, std::size_t p, std::size_t q) {
  const double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
  const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
  const double c = 1 / std::sqrt(t * t + 1);
  const double s = t * c;
  for (std::size_t i = 0; i < n; ++i) {
    const double ip = a[i * n + p];
    const double iq = a[i * n + q];
    a[i * n + p] = c * ip - s * iq;
    a[i * n + q] = s * ip + c * iq;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double pi = a[p * n + i];
    const double qi = a[q * n + i];
    a[p * n + i] = c * pi - s * qi;
    a[q * n + i] = s * pi + c * qi;
    const double vp = v[p * n + i];
    const double vq = v[q * n + i];
    v[p * n + i] = c * vp - s * vq;
    v[q * n + i] = s * vp + c * vq;
  }
}

}  // namespace

SymmetricEigen decompose_symmetric(std::span<const double> matrix, std::size_t size) {
  const std::size_t n = size;
  std::vector<double> a(n * n);
  std::vector<double> v(n * n, 0.0);
  double scale = 0;
  for (std::size_t i = 0; i < n; ++i) {
    v[i * n + i] = 1;
    for (std::size_t j = i; j < n; ++j) a[i * n + j] = a[j * n + i] = matrix[i * n + j];
    scale = std::max(scale, std::abs(a[i * n + i]));
  }
  bool turned = true;
  for (std::size_t sweep = 0; sweep < kSweepsMax && turned; ++sweep) {
    turned = false;
    for (std::size_t p = 0; p + 1 < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        const double off = std::abs(a[p * n + q]);
        if (off == 0 || off <= kTiny * scale) continue;
        rotate(a, v, n, p, q);
        turned = true;
      }
    }
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return a[i * n + i] != a[j * n + j] ? a[i * n + i] > a[j * n + j] : i < j;
  });
  SymmetricEigen result;
  for (const std::size_t i : order) {
    result.values.push_back(a[i * n + i]);
    const auto row = v.begin() + static_cast<std::ptrdiff_t>(i * n);
    const auto largest = *std::max_element(row, row + static_cast<std::ptrdiff_t>(n),
                                           [](double x, double y) { return std::abs(x) < std::abs(y); });
    for (std::size_t k = 0; k < n; ++k) result.vectors.push_back(largest < 0 ? -v[i * n + k] : v[i * n + k]);
  }
  return result;
}

}  // namespace thalamus::math
