/// The risk of a request before it is answered: the chance that a model of the pool answers it wrongly (HalluciBot,
/// arXiv 2404.12535). A head that any level may ask, and the rule for rewriting and ranking by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/math/calibration.h"
#include "thalamus/math/logistic.h"
#include "thalamus/route/router.h"
#include "thalamus/route/training_set.h"

namespace thalamus::route {

class RiskHead {
 public:
  struct Fitted;
  /// Label of a row: 1 - mean quality over its recorded models. `penalty` 0 chooses it on held-out rows. The
  /// calibration is isotonic, on held-out predictions.
  [[nodiscard]] static Result<Fitted> fit(const TrainingSet& data, double penalty, base::Rng& rng);
  /// Of the dense features of a request, in [0,1]. Allocates nothing.
  [[nodiscard]] double risk(std::span<const float> dense) const noexcept;

  void save(base::ByteWriter& out) const;
  [[nodiscard]] static Result<RiskHead> load(base::ByteReader& in, std::size_t dense_size, std::string_view what);

 private:
  math::Logistic head_;
  math::Calibration calibration_;
};

/// A head with what held-out rows say of it.
struct RiskHead::Fitted {
  RiskHead head;
  std::vector<std::uint32_t> rows;  ///< of the data, those that were read
  std::vector<double> risk;         ///< of each, by a fit that did not read it, calibrated
  std::vector<double> label;
};

/// The head inside a router of the method hallucibot.
[[nodiscard]] const RiskHead& risk_head(const Router& router) noexcept;

/// What to do with a request of some risk: below `low` the cheapest adequate model, above `high` another pipeline.
enum class RiskAction : std::uint8_t { kCheapest, kRoute, kEscalate };
[[nodiscard]] RiskAction risk_action(double risk, double low, double high) noexcept;

/// One rewritten form of a request.
struct Rewrite {
  double risk = 1;
  double similarity = 0;  ///< of its meaning to the original, in [0,1]
};
struct RewriteRule {
  double risk_max = 0.5;         ///< requests up to this risk pass as they are
  double improvement_min = 0.1;  ///< least fall of risk that justifies another text
  double similarity_min = 0.8;   ///< below, the meaning has drifted
  std::size_t rewrites_max = 4;  ///< further ones are not looked at
};
enum class RewriteVerdict : std::uint8_t { kOriginal, kRewrite, kEscalate };
struct RewriteChoice {
  RewriteVerdict verdict = RewriteVerdict::kOriginal;
  std::size_t index = 0;  ///< of the rewrite, where the verdict is kRewrite
};
/// The original where its risk is low enough; else the allowed rewrite of least risk, the first on ties; else escalate.
[[nodiscard]] RewriteChoice rank_rewrites(double risk, std::span<const Rewrite> rewrites,
                                          const RewriteRule& rule) noexcept;

}  // namespace thalamus::route
