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
