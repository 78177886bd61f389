#include "thalamus/route/tiers.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/base/text.h"
#include "thalamus/route/pair.h"

namespace thalamus::route {
namespace {

Result<std::vector<std::size_t>> named_order(const TrainingSet& data, std::string_view named) {
  std::vector<std::size_t> order;
  while (!named.empty()) {
    const std::size_t end = std::min(named.find(';'), named.size());
    TRY(const auto model, model_index(data, named.substr(0, end)));
    if (std::find(order.begin(), order.end(), model) != order.end())
      return fail(ErrorKind::kInvalidInput, "tiers: '{}' is there twice", data.models[model]);
    order.push_back(model);
    named.remove_prefix(std::min(end + 1, named.size()));
  }
  if (order.size() != data.models.size())
    return fail(ErrorKind::kInvalidInput, "tiers: {} models named where the table has {}", order.size(),
                data.models.size());
  return order;
}

}  // namespace

Result<Tiers> make_tiers(const TrainingSet& data, std::string_view named) {
  const std::size_t models = data.models.size();
  std::vector<double> cost(models, 0.0);
  std::vector<double> count(models, 0.0);
  for (std::size_t i = 0; i < data.cost_usd.size(); ++i) {
    if (std::isnan(data.cost_usd[i])) continue;
    cost[i % models] += static_cast<double>(data.cost_usd[i]);
    count[i % models] += 1;
  }
  for (std::size_t m = 0; m < models; ++m) cost[m] = count[m] > 0 ? cost[m] / count[m] : NAN;
  Tiers tiers;
  if (!named.empty()) {
    TRY(tiers.order, named_order(data, named));
  } else {
    const ModelMeans means = model_means(data);
    tiers.order.resize(models);
    std::iota(tiers.order.begin(), tiers.order.end(), std::size_t{0});
    std::sort(tiers.order.begin(), tiers.order.end(), [&](std::size_t a, std::size_t b) {
      if (std::isnan(cost[a]) != std::isnan(cost[b])) return std::isnan(cost[b]);
      if (!std::isnan(cost[a]) && cost[a] != cost[b]) return cost[a] < cost[b];
      return means.mean[a] != means.mean[b] ? means.mean[a] < means.mean[b] : data.models[a] < data.models[b];
    });
  }
  // A tier without a recorded cost costs what its place says.
  double dearest = 0;
  for (std::size_t k = 0; k < models; ++k)
    if (!std::isnan(cost[tiers.order[k]])) dearest = std::max(dearest, cost[tiers.order[k]]);
  double highest = 0;
  for (std::size_t k = 0; k < models; ++k) {
    const double own = cost[tiers.order[k]];
    const double place = static_cast<double>(k + 1) / static_cast<double>(models);
    highest = std::max(highest, std::isnan(own) || !(dearest > 0) ? place : own / dearest);
    tiers.cost.push_back(std::max(highest, 1e-6));
  }
  return tiers;
}

void make_monotone(std::span<double> p, std::span<double> workspace) noexcept {
  std::size_t blocks = 0;  // block b: mean p[b], size workspace[b]; never more blocks than values read
  for (std::size_t i = 0; i < p.size(); ++i) {
    double mean = p[i];
    double size = 1;
    while (blocks > 0 && p[blocks - 1] > mean) {
      --blocks;
      mean = (mean * size + p[blocks] * workspace[blocks]) / (size + workspace[blocks]);
      size += workspace[blocks];
    }
    p[blocks] = mean;
    workspace[blocks++] = size;
  }
  // Blocks lie at the front: spread them out from the back.
  std::size_t end = p.size();
  while (blocks > 0) {
    --blocks;
    const double mean = p[blocks];
    const auto size = static_cast<std::size_t>(workspace[blocks]);
    std::fill_n(p.begin() + static_cast<std::ptrdiff_t>(end - size), size, mean);
    end -= size;
  }
}

std::size_t tier_by_utility(std::span<const double> p, std::span<const double> cost, double price) noexcept {
  std::size_t best = 0;
  for (std::size_t k = 1; k < p.size(); ++k)
    if (p[k] - price * cost[k] > p[best] - price * cost[best]) best = k;
  return best;
}

std::size_t tier_by_threshold(std::span<const double> p, double threshold) noexcept {
  for (std::size_t k = 0; k + 1 < p.size(); ++k)
    if (p[k] >= threshold) return k;
  return p.empty() ? 0 : p.size() - 1;
}

}  // namespace thalamus::route
