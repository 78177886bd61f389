/// The verb annotate: items and measured mixes -> who labels each item, a human or a model, under a budget (the batch
/// method hybrid_preferences). Measuring a mix, which means training on it, is the caller's: `propose_mixes` says what
/// to measure, `read_measured_mixes` takes the file back with scores.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/learn/hybrid_preferences.h"

namespace thalamus::eval {

inline constexpr double kAnnotationUsdMax = 9e6;  // in billionths of a dollar, sums up to here are exact

/// What a file of items holds: {"id","features":{NAME: number, true, false, null or text},"human_usd"} a line.
struct AnnotationItems {
  std::string file;
  std::vector<std::string> ids;
  std::vector<std::string> names;  ///< of the features by first appearance; "NAME=TEXT" where a feature is a text
  learn::MixFeatures features;     ///< continuous ones cut in bins
  std::vector<double> human_usd;   ///< of each item; NaN where not given
};
/// Errors name file, line and field: no id, an id given twice, no feature, values of another kind.
[[nodiscard]] Result<AnnotationItems> read_annotation_items(const std::filesystem::path& path);

/// A line per mix: {"mix","items","human","score":null}; `items` is left out where it is all of them.
[[nodiscard]] Result<std::string> propose_mixes(const AnnotationItems& items,
                                                const learn::HybridPreferencesOptions& options, std::uint64_t seed);
/// The same lines with a number as score. Errors name file, line and field: an unknown or repeated id, a mix that is
/// not measured.
[[nodiscard]] Result<learn::SimulatedMixes> read_measured_mixes(const std::filesystem::path& path,
                                                                const AnnotationItems& items);

struct Annotation {
  learn::LabelPlan plan;      ///< cost and price in items, or in USD where the budget is
  std::vector<double> gains;  ///< what a human label of each item adds, by the linear terms
  double budget = 0;
  bool in_usd = false;
  std::size_t humans = 0;
  std::size_t mixes = 0;
  double held_out_r2 = 0;
};
/// Without `budget_usd` the budget is `options.share` of the items. The plan never costs more than the budget: amounts
/// are whole items, or whole billionths of a dollar.
[[nodiscard]] Result<Annotation> annotate(const AnnotationItems& items, const learn::SimulatedMixes& mixes,
                                          const learn::HybridPreferencesOptions& options,
                                          std::optional<double> budget_usd, std::uint64_t seed);

/// A line per item: {"id","annotator","gain"} and "cost_usd" where the budget is in USD.
[[nodiscard]] std::string annotation_lines(const AnnotationItems& items, const Annotation& annotation);
[[nodiscard]] std::string to_text(const Annotation& annotation);
[[nodiscard]] std::string to_json(const Annotation& annotation);

}  // namespace thalamus::eval
