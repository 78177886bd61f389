#include "thalamus/learn/report_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace thalamus::learn {
namespace {

std::string candidate_name(const CandidateReport& candidate) {
  std::string name = candidate.method;
  if (!candidate.features.empty()) name += fmt::format(" on {}", fmt::join(candidate.features, "+"));
  return name;
}

/// What the interval of the difference to the best single model says.
std::string verdict(const TrainReport& report) {
  if (report.gain_low > 0) return " By quality alone, the data support routing.";
  if (report.gain_high < 0) return " By quality alone, always using the best single model is better on held-out rows.";
  std::string text =
      fmt::format(" By quality alone, the data do not support a gain over always using {}.", report.best_single);
  const double half = (report.gain_high - report.gain_low) / 2;
  if (report.gain_over_best_single <= 0) return text;
  const double factor = half / report.gain_over_best_single;
  const double needed = static_cast<double>(report.rows) * std::max(0.0, factor * factor - 1);
  if (needed < 1e7)
    text += fmt::format(
        " About {:.0f} more training rows like the {} at hand (a prompt each, with the recorded outcomes of its "
        "models) would tell a difference of this size.",
        std::ceil(needed), report.rows);
  return text;
}

std::string blend_words(const TrainReport& report, std::size_t models) {
  const BlendReport& blend = *report.blend;
  std::vector<std::string> members;
  for (const CandidateReport& candidate : report.candidates)
    if (candidate.weight > 0)
      members.push_back(fmt::format("{} ({:.2f})", candidate_name(candidate), candidate.weight));
  std::string text = fmt::format(
      "{} configurations compared on {} rows. The blend: {}. {} of {} models are worth choosing; one is chosen over {} "
      "where it looks better by {:.3g}.",
      blend.configurations, report.rows, fmt::join(members, ", "), blend.pool.size(), models, blend.safe_model,
      blend.margin);
  if (!blend.distilled.empty())
    text += fmt::format(" Distilled into linear students: {}.", fmt::join(blend.distilled, ", "));
  text += fmt::format(
      " On rows that no choice had seen ({}), quality is {:.4f}; always the best single model gives {:.4f}; difference "
      "{:+.4f} [{:+.4f}, {:+.4f}].",
      blend.outer_folds > 0 ? fmt::format("{} outer folds", blend.outer_folds) : fmt::format("{} folds", report.folds),
      report.best_single_quality + report.gain_over_best_single, report.best_single_quality,
      report.gain_over_best_single, report.gain_low, report.gain_high);
  return text + verdict(report);
}

}  // namespace

std::string report_words(const TrainReport& report, std::size_t models) {
  if (models < 2) return fmt::format("Only {} is in the table, so every request goes to it.", report.best_single);
  const auto chosen = std::find_if(report.candidates.begin(), report.candidates.end(),
                                   [](const CandidateReport& candidate) { return candidate.chosen; });
  if (report.folds == 0 || chosen == report.candidates.end())
    return fmt::format(
        "{} rows are too few to hold any back: nothing was compared, and no gain over always using {} can be claimed.",
        report.rows, report.best_single);
  if (report.blend) return blend_words(report, models);
  std::string text = fmt::format(
      "{} on {} rows, {} folds: held-out quality {:.4f}; always {} gives {:.4f}; difference {:+.4f} "
      "[{:+.4f}, {:+.4f}].",
      candidate_name(*chosen), report.rows, report.folds, chosen->quality, report.best_single,
      report.best_single_quality, report.gain_over_best_single, report.gain_low, report.gain_high);
  text += verdict(report);
  if (report.reference_worth.answer_usd > 0)
    text += fmt::format(
        " At the reference worth of {:.6g} USD an answer and {:.6g} USD a second, utility is {:.4f} "
        "answers a request.",
        report.reference_worth.answer_usd, report.reference_worth.second_usd, chosen->utility);
  return text;
}

}  // namespace thalamus::learn
