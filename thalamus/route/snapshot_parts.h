/// What a snapshot is built from. Only `learn` and the snapshot itself include this.
#pragma once

#include <memory>
#include <vector>

#include "thalamus/feature/feature_set.h"
#include "thalamus/math/calibration.h"
#include "thalamus/route/head.h"
#include "thalamus/route/snapshot.h"

namespace thalamus::route {

struct Snapshot::Parts {
  SnapshotHeader header;              ///< features and feature_schema are filled in by `build`
  feature::FeatureSet features;       ///< the router's first, then those that only the heads read
  std::size_t router_dense_size = 0;  ///< the router reads this much of the dense vector
  std::unique_ptr<Router> router;
  math::Calibration calibration;          ///< of the router's quality
  std::vector<double> input_token_ratio;  ///< per model: counted / estimated input tokens; 1 where unknown
  Head output_tokens;
  Head seconds;
  Head cost;  ///< recorded cost in USD
};

}  // namespace thalamus::route
