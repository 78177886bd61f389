#include "thalamus/math/kernels.h"

#include <algorithm>
#include <array>
#include <cmath>

// The bodies below are compiled twice: for the baseline, and for AVX2 where the processor has it. AVX2 alone brings no
// fused multiply-add, and the lanes are fixed, so both give the same bits.
#if defined(__x86_64__)
#define THALAMUS_AVX2 __attribute__((target("avx2")))
#endif
#define THALAMUS_BODY __attribute__((always_inline)) inline

namespace thalamus::math {
namespace {

constexpr std::size_t kLanes = 8;

THALAMUS_BODY float sum(const std::array<float, kLanes>& lanes) noexcept {
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

THALAMUS_BODY float dot_body(const float* x, const float* y, std::size_t n) noexcept {
  std::array<float, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += x[i + lane] * y[i + lane];
  for (std::size_t lane = 0; i < n; ++i, ++lane) lanes[lane] += x[i] * y[i];
  return sum(lanes);
}

THALAMUS_BODY float squared_distance_body(const float* x, const float* y, std::size_t n) noexcept {
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

THALAMUS_BODY void multiply_body(const float* matrix, std::span<const float> x, std::span<float> y) noexcept {
  constexpr std::size_t kRows = 4;
  const std::size_t n = x.size();
  std::size_t row = 0;
  for (; row + kRows <= y.size(); row += kRows) {
    const float* m = matrix + row * n;
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
  for (; row < y.size(); ++row) y[row] = dot_body(matrix + row * n, x.data(), n);
}

THALAMUS_BODY void add_scaled_body(float* y, float scale, const float* x, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] += scale * x[i];
}

float dot_baseline(const float* x, const float* y, std::size_t n) noexcept { return dot_body(x, y, n); }
float distance_baseline(const float* x, const float* y, std::size_t n) noexcept {
  return squared_distance_body(x, y, n);
}
void multiply_baseline(const float* matrix, std::span<const float> x, std::span<float> y) noexcept {
  multiply_body(matrix, x, y);
}
void add_scaled_baseline(float* y, float scale, const float* x, std::size_t n) noexcept {
  add_scaled_body(y, scale, x, n);
}

#ifdef THALAMUS_AVX2
THALAMUS_AVX2 float dot_avx2(const float* x, const float* y, std::size_t n) noexcept { return dot_body(x, y, n); }
THALAMUS_AVX2 float distance_avx2(const float* x, const float* y, std::size_t n) noexcept {
  return squared_distance_body(x, y, n);
}
THALAMUS_AVX2 void multiply_avx2(const float* matrix, std::span<const float> x, std::span<float> y) noexcept {
  multiply_body(matrix, x, y);
}
THALAMUS_AVX2 void add_scaled_avx2(float* y, float scale, const float* x, std::size_t n) noexcept {
  add_scaled_body(y, scale, x, n);
}
#endif

constexpr std::array kWays{
#ifdef THALAMUS_AVX2
    KernelWay{"avx2", &dot_avx2, &distance_avx2, &multiply_avx2, &add_scaled_avx2},
#endif
    KernelWay{"baseline", &dot_baseline, &distance_baseline, &multiply_baseline, &add_scaled_baseline},
};

const KernelWay& way() noexcept { return kernel_ways().front(); }

}  // namespace

std::span<const KernelWay> kernel_ways() noexcept {
  const std::span<const KernelWay> ways(kWays);
#ifdef THALAMUS_AVX2
  if (__builtin_cpu_supports("avx2") == 0) return ways.subspan(1);
#endif
  return ways;
}

float dot(std::span<const float> a, std::span<const float> b) noexcept {
  return way().dot(a.data(), b.data(), std::min(a.size(), b.size()));
}

float squared_distance(std::span<const float> a, std::span<const float> b) noexcept {
  return way().squared_distance(a.data(), b.data(), std::min(a.size(), b.size()));
}

void multiply(std::span<const float> matrix, std::span<const float> x, std::span<float> y) noexcept {
  way().multiply(matrix.data(), x, y);
}

void add_scaled(std::span<float> y, float scale, std::span<const float> x) noexcept {
  way().add_scaled(y.data(), scale, x.data(), std::min(x.size(), y.size()));
}

float normalize(std::span<float> x) noexcept {
  const float length = std::sqrt(dot(x, x));
  if (!(length > 0)) return 0;
  for (float& value : x) value /= length;
  return length;
}

}  // namespace thalamus::math
