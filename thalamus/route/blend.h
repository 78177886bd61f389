/// Several value estimators as one: what `auto` learns. Quality is split in the level of the request (mean over the
/// models) and the contrast of each model to it; both are weighted sums of the members' own:
///   quality_m = L + sum_k v_k (level_k - L) + C_m + sum_k w_k (contrast_km - C_m) - margin * [m is not the safe model]
/// with L and C_m the training means and weights that were fitted on held-out predictions. A model outside the pool
/// gets L' + C_m (L' the level of the request), but no more than the lowest model of the pool.
#pragma once

#include <memory>
#include <vector>

#include "thalamus/route/router.h"

namespace thalamus::route {

inline constexpr std::size_t kBlendMembersMax = 16;

struct BlendMember {
  const MethodRecord* method = nullptr;
  std::unique_ptr<Router> router;
  std::size_t dense_begin = 0;  ///< the part of the dense vector that it reads
  std::size_t dense_size = 0;
  bool sparse = false;  ///< whether it reads the sparse vector
  double level_weight = 0;
  double contrast_weight = 0;
};

struct BlendParts {
  std::vector<BlendMember> members;
  double level = 0.5;            ///< L
  std::vector<double> contrast;  ///< C_m
  std::vector<bool> in_pool;
  std::size_t safe_model = 0;
  double margin = 0;  ///< quality that another model than the safe one has to be better by

  /// kInvalidInput where sizes do not fit, a weight is negative, or a member is a policy or a blend itself.
  [[nodiscard]] Status check(const Shape& shape) const;
};

/// The router of checked parts.
[[nodiscard]] Result<std::unique_ptr<Router>> make_blend(BlendParts parts, const Shape& shape);

/// The blended estimate of one request from the members' (members x models, row-major); the same arithmetic that the
/// router runs, for choosing weights on held-out predictions.
void blend_estimates(const BlendParts& parts, std::span<const float> members, std::span<float> quality) noexcept;

}  // namespace thalamus::route
