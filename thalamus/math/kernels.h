/// Small vector kernels. Sums run in eight fixed lanes, so a result does not depend on the processor or the compiler's
/// vector width. The widest instructions that the processor has are chosen at run time; the bits are the same.
#pragma once

#include <cstddef>
#include <span>

namespace thalamus::math {

[[nodiscard]] float dot(std::span<const float> a, std::span<const float> b) noexcept;
[[nodiscard]] float squared_distance(std::span<const float> a, std::span<const float> b) noexcept;
/// y[i] = dot(row i of `matrix`, x), bit for bit; `matrix` is y.size() x x.size(), row-major. Four rows at a time.
void multiply(std::span<const float> matrix, std::span<const float> x, std::span<float> y) noexcept;
/// y += scale * x
void add_scaled(std::span<float> y, float scale, std::span<const float> x) noexcept;
/// Divides by the Euclidean length; a zero vector stays. Returns the length.
float normalize(std::span<float> x) noexcept;

/// One way to compute the kernels, on raw sizes.
struct KernelWay {
  const char* name;
  float (*dot)(const float* a, const float* b, std::size_t n) noexcept;
  float (*squared_distance)(const float* a, const float* b, std::size_t n) noexcept;
  void (*multiply)(const float* matrix, std::span<const float> x, std::span<float> y) noexcept;
  void (*add_scaled)(float* y, float scale, const float* x, std::size_t n) noexcept;
};
/// The ways that this processor has, fastest first: the functions above take the first. For tests and measurements.
[[nodiscard]] std::span<const KernelWay> kernel_ways() noexcept;

}  // namespace thalamus::math
