/// Small vector kernels. Sums run in eight fixed lanes, so a result does not depend on the processor or the compiler's
/// vector width.
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

}  // namespace thalamus::math
