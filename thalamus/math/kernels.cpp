#include "thalamus/math/kernels.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace thalamus::math {
namespace {

constexpr std::size_t kLanes = 8;

float sum(const std::array<float, kLanes>& lanes) noexcept {
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

}  // namespace

float dot(std::span<const float> a, std::span<const float> b) noexcept {
  const std::size_t n = std::min(a.size(), b.size());
  const float* x = a.data();
  const float* y = b.data();
  std::array<float, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += x[i + lane] * y[i + lane];
  for (std::size_t lane = 0; i < n; ++i, ++lane) lanes[lane] += x[i] * y[i];
  return sum(lanes);
}

float squared_distance(std::span<const float> a, std::span<const float> b) noexcept {
  const std::size_t n = std::min(a.size(), b.size());
  const float* x = a.data();
  const float* y = b.data();
  std::array<float, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float difference = x[i + lane] - y[i + lane];
      lanes[lane] += difference * difference;
    }
  }
  for (std::size_t lane = 0; i < n; ++i, ++lane) lanes[lane] += (x[i] - y[i]) * (x[i] - y[i]);
  return sum(lanes);
}

void multiply(std::span<const float> matrix, std::span<const float> x, std::span<float> y) noexcept {
  constexpr std::size_t kRows = 4;
  const std::size_t n = x.size();
  std::size_t row = 0;
  for (; row + kRows <= y.size(); row += kRows) {
    const float* m = matrix.data() + row * n;
    std::array<float, kLanes> a{};
    std::array<float, kLanes> b{};
    std::array<float, kLanes> c{};
    std::array<float, kLanes> d{};
    std::size_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const float value = x[i + lane];
        a[lane] += m[i + lane] * value;
        b[lane] += m[n + i + lane] * value;
        c[lane] += m[2 * n + i + lane] * value;
        d[lane] += m[3 * n + i + lane] * value;
      }
    }
    for (std::size_t lane = 0; i < n; ++i, ++lane) {
      a[lane] += m[i] * x[i];
      b[lane] += m[n + i] * x[i];
      c[lane] += m[2 * n + i] * x[i];
      d[lane] += m[3 * n + i] * x[i];
    }
    y[row] = sum(a);
    y[row + 1] = sum(b);
    y[row + 2] = sum(c);
    y[row + 3] = sum(d);
  }
  for (; row < y.size(); ++row) y[row] = dot(matrix.subspan(row * n, n), x);
}

void add_scaled(std::span<float> y, float scale, std::span<const float> x) noexcept {
  const std::size_t n = std::min(x.size(), y.size());
  for (std::size_t i = 0; i < n; ++i) y[i] += scale * x[i];
}

float normalize(std::span<float> x) noexcept {
  const float length = std::sqrt(dot(x, x));
  if (!(length > 0)) return 0;
  for (float& value : x) value /= length;
  return length;
}

}  // namespace thalamus::math
