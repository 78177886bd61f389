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

}  // namespace

std::string report_words(const TrainReport& report, std::size_t models) {
  if (models < 2) return fmt::format("Only {} is in the table, so every request goes to it.", report.best_single);
  const auto chosen = std::find_if(report.candidates.begin(), report.candidates.end(),
                                   [](const CandidateReport& candidate) { return candidate.chosen; });
  if (report.folds == 0 || chosen == report.candidates.end())
    return fmt::format(
        "{} rows are too few to hold any back: nothing was compared, and no gain over always using {} can be claimed.",
        report.rows, report.best_single);
  std::string text = fmt::format(
      "{} on {} rows, {} folds: held-out quality {:.4f}; always {} gives {:.4f}; difference {:+.4f} "
      "[{:+.4f}, {:+.4f}].",
      candidate_name(*chosen), report.rows, report.folds, chosen->quality, report.best_single,
      report.best_single_quality, report.gain_over_best_single, report.gain_low, report.gain_high);
  if (report.gain_low > 0) {
    text += " By quality alone, the data support routing.";
  } else if (report.gain_high < 0) {
    text += " By quality alone, always using the best single model is better on held-out rows.";
  } else {
    text += fmt::format(" By quality alone, the data do not support a gain over always using {}.", report.best_single);
    const double half = (report.gain_high - report.gain_low) / 2;
    if (report.gain_over_best_single > 0) {
      const double factor = half / report.gain_over_best_single;
      const double needed = static_cast<double>(report.rows) * std::max(0.0, factor * factor - 1);
      if (needed < 1e7) text += fmt::format(" About {:.0f} more rows would tell a difference of this size.", needed);
    }
  }
  if (report.reference_worth.answer_usd > 0)
    text += fmt::format(
        " At the reference worth of {:.6g} USD an answer and {:.6g} USD a second, utility is {:.4f} "
        "answers a request.",
        report.reference_worth.answer_usd, report.reference_worth.second_usd, chosen->utility);
  return text;
}

}  // namespace thalamus::learn
