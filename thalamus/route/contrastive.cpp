#include "thalamus/route/contrastive.h"

#include <algorithm>
#include <cmath>

#include "thalamus/base/rng.h"
#include "thalamus/math/kernels.h"

namespace thalamus::route {

void choose_contrast(std::span<const float> scores, std::size_t count, std::uint64_t tie_seed, Contrast& out) {
  out.positives.clear();
  out.negatives.clear();
  std::vector<std::uint32_t> order;
  for (std::uint32_t m = 0; m < scores.size(); ++m)
    if (!std::isnan(scores[m])) order.push_back(m);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (scores[a] != scores[b]) return scores[a] > scores[b];
    const std::uint64_t x = base::mix64(tie_seed ^ base::mix64(a));
    const std::uint64_t y = base::mix64(tie_seed ^ base::mix64(b));
    return x != y ? x < y : a < b;
  });
  const std::size_t taken = std::min(count, order.size());
  for (std::size_t i = 0; i < taken; ++i) {
    if (scores[order[i]] > 0) out.positives.push_back(order[i]);
    const std::uint32_t low = order[order.size() - 1 - i];
    if (scores[low] <= 0.5F) out.negatives.push_back(low);
  }
}

double info_nce(double positive, std::span<const double> negatives, double weight, double& positive_gradient,
                std::span<double> negative_gradients) noexcept {
  if (negatives.empty()) return 0;
  const double highest = std::max(positive, *std::max_element(negatives.begin(), negatives.end()));
  double total = std::exp(positive - highest);
  for (const double negative : negatives) total += std::exp(negative - highest);
  positive_gradient += weight * (std::exp(positive - highest) / total - 1);
  for (std::size_t i = 0; i < negatives.size(); ++i)
    negative_gradients[i] += weight * std::exp(negatives[i] - highest) / total;
  return std::log(total) + highest - positive;
}

double contrast_loss(std::span<const double> similarity, std::span<const float> scores, const Contrast& contrast,
                     std::span<double> gradient) {
  std::vector<double> negatives;
  std::vector<double> negative_gradients;
  double total = 0;
  for (const std::uint32_t p : contrast.positives) {
    negatives.clear();
    for (const std::uint32_t n : contrast.negatives)
      if (scores[n] < scores[p]) negatives.push_back(similarity[n]);
    negative_gradients.assign(negatives.size(), 0.0);
    total += info_nce(similarity[p], negatives, 1, gradient[p], negative_gradients);
    std::size_t next = 0;
    for (const std::uint32_t n : contrast.negatives)
      if (scores[n] < scores[p]) gradient[n] += negative_gradients[next++];
  }
  return total;
}

float to_unit(std::span<const float> x, std::span<float> unit) noexcept {
  std::copy(x.begin(), x.end(), unit.begin());
  return math::normalize(unit);
}

void through_unit(std::span<const float> unit, float length, std::span<float> gradient) noexcept {
  if (!(length > 0)) {
    std::fill(gradient.begin(), gradient.end(), 0.0F);
    return;
  }
  math::add_scaled(gradient, -math::dot(unit, gradient), unit);
  for (float& value : gradient) value /= length;
}

}  // namespace thalamus::route
