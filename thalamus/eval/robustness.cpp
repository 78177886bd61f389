#include "thalamus/eval/robustness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "thalamus/eval/robustness_point.h"
#include "thalamus/eval/robustness_prompts.h"
#include "thalamus/math/stats.h"
#include "thalamus/math/stats_ranking.h"

namespace thalamus::eval {
namespace {

// Default gates (methods/evaluation section 5).
constexpr double kFlipMax = 0.10;
constexpr double kUtilityDropMax = 0.01;
constexpr double kCategoryGapMin = 0.2;
constexpr double kInflationMax = 1.2;
constexpr std::size_t kContextBytes = 1'500;
constexpr std::size_t kPads[] = {0, 512, 2'048};
constexpr std::size_t kKnobsMax = 200;
constexpr std::size_t kPairModels = 2;

using Choices = std::vector<std::int32_t>;
using Rows = std::vector<RobustnessRow>;

RobustnessRow below(std::string test, double value, double gate, std::string note = {}) {
  return {{}, std::move(test), value, fmt::format("< {:g}", gate), value < gate, std::move(note)};
}
RobustnessRow reported(std::string test, double value, std::string note = {}) {
  return {{}, std::move(test), value, {}, {}, std::move(note)};
}

double flip_rate(const Choices& before, const Choices& after) {
  std::size_t flips = 0;
  for (std::size_t i = 0; i < before.size(); ++i) flips += before[i] != after[i] ? 1 : 0;
  return before.empty() ? 0 : static_cast<double>(flips) / static_cast<double>(before.size());
}

double mean_cost(const OutcomeMatrix& outcomes, const Choices& choices) {
  double sum = 0;
  for (std::size_t row = 0; row < choices.size(); ++row) {
    const double cost = choices[row] < 0 ? 0 : outcomes.cost_of(row, static_cast<std::size_t>(choices[row]));
    sum += std::isnan(cost) ? 0 : cost;
  }
  return choices.empty() ? 0 : sum / static_cast<double>(choices.size());
}

/// Decisions on the sample with every text changed.
template <class Change>
Choices decide_changed(const RobustnessSubject& subject, const OperatingPoint& point, Change&& change) {
  trace::OutcomeTable changed = point.sample();
  for (trace::Row& row : changed.rows) set_prompt(row, change(row.prompt));
  return point.decide(*subject.snapshot, changed);
}

void variant_tests(const RobustnessSubject& subject, const OperatingPoint& point, base::Rng& rng, Rows& out) {
  const double clean = mean_regret(point.outcomes(), point.choices(), point.lambda());
  for (const Variant variant : variants()) {
    const Choices choices =
        decide_changed(subject, point, [&](const std::string& text) { return apply(variant, text, rng); });
    const std::string name(name_of(variant));
    out.push_back(below("flips: " + name, flip_rate(point.choices(), choices), kFlipMax));
    out.push_back(below("utility drop: " + name, mean_regret(point.outcomes(), choices, point.lambda()) - clean,
                        kUtilityDropMax));
  }
}

void trigger_tests(const RobustnessSubject& subject, const OperatingPoint& point, Rows& out) {
  double worst_inflation = 0;
  double most_moved = -1;
  const double clean_cost = mean_cost(point.outcomes(), point.choices());
  for (const std::string_view trigger : triggers()) {
    const Choices choices =
        decide_changed(subject, point, [&](const std::string& text) { return text + std::string(trigger); });
    most_moved = std::max(most_moved, point.strong_share(choices) - point.strong_share(point.choices()));
    if (clean_cost > 0) worst_inflation = std::max(worst_inflation, mean_cost(point.outcomes(), choices) / clean_cost);
  }
  if (clean_cost > 0)
    out.push_back(below("trigger: cost inflation", worst_inflation, kInflationMax,
                        fmt::format("worst of {} triggers", triggers().size())));
  out.push_back(reported("trigger: moved to strong", most_moved, "share, worst trigger"));
}

/// Correlation of going strong with the logarithm of the length, content held fixed: both are centred within a request.
void length_test(const RobustnessSubject& subject, const OperatingPoint& point, Rows& out) {
  const std::size_t rows = point.sample().rows.size();
  std::vector<std::vector<double>> strong;
  std::vector<std::vector<double>> length;
  for (const std::size_t pad : kPads) {
    const Choices choices = decide_changed(
        subject, point, [&](const std::string& text) { return pad == 0 ? text : text + "\n\n" + neutral_text(pad); });
    strong.emplace_back();
    length.emplace_back();
    for (std::size_t row = 0; row < rows; ++row) {
      strong.back().push_back(point.strong(choices[row]) ? 1 : 0);
      length.back().push_back(std::log(static_cast<double>(point.sample().rows[row].prompt.size() + pad + 1)));
    }
  }
  std::vector<double> x;
  std::vector<double> y;
  const auto pads = static_cast<double>(std::size(kPads));
  for (std::size_t row = 0; row < rows; ++row) {
    double mean_x = 0;
    double mean_y = 0;
    for (std::size_t p = 0; p < std::size(kPads); ++p) {
      mean_x += length[p][row] / pads;
      mean_y += strong[p][row] / pads;
    }
    for (std::size_t p = 0; p < std::size(kPads); ++p) {
      x.push_back(length[p][row] - mean_x);
      y.push_back(strong[p][row] - mean_y);
    }
  }
  out.push_back(reported("length: correlation at fixed content", math::pearson(x, y).value_or(0)));
  double shift = 0;
  for (std::size_t row = 0; row < rows; ++row) shift += strong.back()[row] - strong.front()[row];
  out.push_back(reported("length: moved to strong by padding", rows == 0 ? 0 : shift / static_cast<double>(rows),
                         fmt::format("share, {} bytes of neutral text", kPads[std::size(kPads) - 1])));
}

void length_router_test(const OperatingPoint& point, Rows& out) {
  const auto& estimates = point.estimates();
  if (estimates.models != kPairModels) return;
  const std::size_t strong = point.ranking()[0];
  const auto& values = estimates.has_preference ? estimates.preference : estimates.quality;
  std::vector<double> score;
  std::vector<double> length;
  std::vector<double> outcome[kPairModels];
  for (std::size_t row = 0; row < estimates.rows; ++row) {
    score.push_back(values[row * kPairModels + strong] - values[row * kPairModels + 1 - strong]);
    length.push_back(static_cast<double>(point.sample().rows[row].prompt.size()));
    for (std::size_t m = 0; m < kPairModels; ++m) {
      const double quality = point.outcomes().quality_of(row, m);
      outcome[m].push_back(std::isnan(quality) ? 0 : quality);
    }
  }
  const double gain = math::pair_metrics(outcome[strong], outcome[1 - strong], score).apgr -
                      math::pair_metrics(outcome[strong], outcome[1 - strong], length).apgr;
  out.push_back({{}, "length: APGR over the length router", gain, "> 0", gain > 0, {}});
}

void position_test(const RobustnessSubject& subject, const OperatingPoint& point, Rows& out) {
  const std::string context = neutral_text(kContextBytes);
  const Choices before =
      decide_changed(subject, point, [&](const std::string& text) { return text + "\n\n" + context; });
  const Choices after =
      decide_changed(subject, point, [&](const std::string& text) { return context + "\n\n" + text; });
  out.push_back(reported("position: flips", flip_rate(before, after), "question before or after a long context"));
}

void category_tests(const RobustnessSubject& subject, const OperatingPoint& point, const RobustnessOptions& options,
                    Rows& out) {
  const auto items = difficulty_items(options.fills, base::Rng(options.seed).fork("difficulty"));
  trace::OutcomeTable table;
  table.models = point.sample().models;
  for (const PairedItem& item : items) {
    table.rows.emplace_back();
    table.rows.back().cells.resize(table.models.size());
    set_prompt(table.rows.back(), item.prompt);
  }
  const Choices choices = point.decide(*subject.snapshot, table);
  const auto categories = category_names().size();
  std::vector<double> share(2 * categories, 0.0);
  std::vector<double> count(2 * categories, 0.0);
  Choices category;
  Choices difficulty;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::size_t cell = static_cast<std::size_t>(items[i].category) * 2 + (items[i].hard ? 1 : 0);
    share[cell] += point.strong(choices[i]) ? 1 : 0;
    count[cell] += 1;
    category.push_back(items[i].category);
    difficulty.push_back(items[i].hard ? 1 : 0);
  }
  double least = 1;
  std::string note;
  for (std::size_t c = 0; c < categories; ++c) {
    const double gap = share[2 * c + 1] / count[2 * c + 1] - share[2 * c] / count[2 * c];
    least = std::min(least, gap);
    note += fmt::format("{}{} {:+.2f}", note.empty() ? "" : ", ", category_names()[c], gap);
  }
  out.push_back(
      {{}, "category gap, least", least, fmt::format("> {:g}", kCategoryGapMin), least > kCategoryGapMin, note});
  const double of_difficulty = math::mutual_information(choices, difficulty);
  const double of_category = math::mutual_information(choices, category);
  out.push_back({{},
                 "dominance: bits of difficulty - category",
                 of_difficulty - of_category,
                 ">= 0",
                 of_difficulty >= of_category,
                 fmt::format("{:.3f} and {:.3f} bits", of_difficulty, of_category)});
}

void knob_tests(const OperatingPoint& point, Rows& out) {
  if (!point.has_costs()) return;
  const math::Sweep predicted = predicted_sweep(point.estimates());
  const auto points = math::swept_curve(predicted);
  std::size_t predicted_violations = 0;
  std::size_t realised_violations = 0;
  double predicted_before = INFINITY;
  double realised_before = INFINITY;
  const std::size_t knobs = std::min(points.size(), kKnobsMax);
  for (std::size_t i = 0; i < knobs; ++i) {
    const auto& knob = points[knobs == 1 ? 0 : i * (points.size() - 1) / (knobs - 1)];
    const double realised = mean_cost(point.outcomes(), math::swept_choices(predicted, knob.lambda));
    predicted_violations += knob.cost > predicted_before * (1 + 1e-9) ? 1 : 0;
    realised_violations += realised > realised_before * (1 + 1e-9) ? 1 : 0;
    predicted_before = knob.cost;
    realised_before = realised;
  }
  out.push_back({{},
                 "knob: predicted cost rises",
                 static_cast<double>(predicted_violations),
                 "= 0",
                 predicted_violations == 0,
                 fmt::format("of {} steps", knobs)});
  out.push_back(reported("knob: realised cost rises", static_cast<double>(realised_violations),
                         fmt::format("of {} steps", knobs)));
}

}  // namespace

Result<std::vector<RobustnessRow>> robustness_of(const RobustnessSubject& subject, const RobustnessOptions& options) {
  const OperatingPoint point = OperatingPoint::find(subject, options);
  base::Rng rng = base::Rng(options.seed).fork("variants");
  Rows rows;
  variant_tests(subject, point, rng, rows);
  trigger_tests(subject, point, rows);
  length_test(subject, point, rows);
  length_router_test(point, rows);
  position_test(subject, point, rows);
  category_tests(subject, point, options, rows);
  knob_tests(point, rows);
  TRY(auto learned, learning_tests(subject, point, options));
  std::move(learned.begin(), learned.end(), std::back_inserter(rows));
  for (RobustnessRow& row : rows) row.method = subject.method;
  return rows;
}

std::string to_text(const std::vector<RobustnessRow>& rows) {
  if (rows.empty()) return {};
  std::string out = fmt::format("\n{:20} {:42} {:>9} {:>8}\n", "robustness", "test", "value", "gate");
  std::string method;
  for (const RobustnessRow& row : rows) {
    out += fmt::format("{:20} {:42} {:9.4f} {:>8} {:6}{}\n", row.method == method ? "" : row.method, row.test,
                       row.value, row.gate, row.passed ? (*row.passed ? "passed" : "FAILED") : "",
                       row.note.empty() ? "" : "  (" + row.note + ")");
    method = row.method;
  }
  return out;
}

}  // namespace thalamus::eval
