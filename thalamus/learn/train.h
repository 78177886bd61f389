/// Outcome table -> snapshot. Method "auto" chooses by cross-validation; any method is calibrated on held-out folds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/fields.h"
#include "thalamus/base/result.h"
#include "thalamus/core/contract.h"
#include "thalamus/route/snapshot.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::learn {

struct TrainOptions {
  std::string method = "auto";
  base::OptionMap options;            ///< of the method; must be empty for "auto"
  std::vector<std::string> features;  ///< "hash", "signals", "tfidf:...", empty: the method's default
  std::uint64_t seed = 1;
  std::vector<std::string> models;       ///< columns to keep, in this order; empty keeps all
  std::int64_t folds = 5;                ///< 2..20; fewer where there are fewer distinct prompts
  std::string calibration = "logistic";  ///< none, logistic, isotonic
  std::optional<core::Worth> worth;      ///< reference worth of "auto"; none: derived from the table and said
  /// Called with a stage and the share done in [0,1]; returning false stops with kCancelled. May be empty.
  std::function<bool(std::string_view stage, double done)> progress;
};

/// One candidate of the selection, or the one method asked for.
struct CandidateReport {
  std::string method;
  base::OptionMap options;
  std::vector<std::string> features;
  double quality = 0;  ///< held-out mean quality, decided by quality alone
  double quality_se = 0;
  double utility = 0;    ///< held-out mean utility under the reference worth, in answers (divided by answer_usd)
  double score = 0;      ///< what the selection compares
  double behind_se = 0;  ///< standard error of its paired difference to the best
  double weight = 0;     ///< in the blend: the larger of its two weights
  bool chosen = false;
};

/// What method auto settled on.
struct BlendReport {
  std::vector<std::string> pool;  ///< models that a choice can deviate to
  std::string safe_model;
  double margin = 0;                   ///< by which another model must look better than the safe one
  std::vector<std::string> distilled;  ///< members whose place a fast student took
  std::int64_t outer_folds = 0;        ///< of the nested cross-validation; 0: too few rows
  std::size_t configurations = 0;      ///< looked at
};

struct TrainReport {
  std::uint64_t rows = 0;
  std::uint64_t rows_without_quality = 0;  ///< left out, and said
  std::uint64_t duplicate_prompts = 0;     ///< rows that share their prompt with an earlier one
  std::int64_t folds = 0;                  ///< 0: too few rows to hold any back
  core::Worth reference_worth;
  std::vector<CandidateReport> candidates;
  std::optional<BlendReport> blend;
  std::string best_single;  ///< the model of the highest mean quality
  double best_single_quality = 0;
  double gain_over_best_single = 0;         ///< held-out, of the chosen one
  double gain_low = 0, gain_high = 0;       ///< 95 % paired interval
  double brier = 0, calibration_error = 0;  ///< held-out, after calibration
  std::vector<std::string> warnings;
  std::string words;  ///< what the data support and do not, in sentences
};

struct TrainResult {
  std::shared_ptr<const route::Snapshot> snapshot;
  TrainReport report;
};

/// kInvalidInput on a table without recorded quality, with no or one row, unknown names or bad options.
[[nodiscard]] Result<TrainResult> train(const trace::OutcomeTable& table, const TrainOptions& options);

}  // namespace thalamus::learn
