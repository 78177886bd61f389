#include "thalamus/core/contract.h"

#include <algorithm>

namespace thalamus::core {
namespace {

void take_smaller(std::optional<double>& limit, const std::optional<double>& layer) {
  if (layer) limit = limit ? std::min(*limit, *layer) : *layer;
}

}  // namespace

void Contract::add(const ContractPatch& layer) {
  take_smaller(max_cost_usd, layer.max_cost_usd);
  take_smaller(max_latency_ms, layer.max_latency_ms);
  take_smaller(max_ttft_ms, layer.max_ttft_ms);
  if (layer.min_quality) min_quality = min_quality ? std::max(*min_quality, *layer.min_quality) : *layer.min_quality;
  if (!layer.allow.empty()) allow.push_back(layer.allow);
  deny.insert(deny.end(), layer.deny.begin(), layer.deny.end());
  if (layer.worth) worth = layer.worth;
  if (layer.session) session = *layer.session;
  if (layer.explore) explore = *layer.explore;
  if (layer.on_infeasible) on_infeasible = *layer.on_infeasible;
  if (layer.explain) explain = *layer.explain;
}

}  // namespace thalamus::core
