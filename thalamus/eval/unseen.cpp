#include "thalamus/eval/unseen.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/base/json_writer.h"
#include "thalamus/eval/metrics.h"
#include "thalamus/eval/protocols.h"
#include "thalamus/learn/cross_validate.h"
#include "thalamus/learn/dataset.h"
#include "thalamus/math/stats.h"
#include "thalamus/math/stats_paired.h"
#include "thalamus/route/router.h"

namespace thalamus::eval {
namespace {

constexpr std::size_t kModelsMin = 3;
constexpr double kFittedShare = 6.0 / 7;  // of the training rows: 60/10/30 of all

/// Rows described and turned into features once for all resamples.
struct Part {
  trace::OutcomeTable table;
  route::TrainingSet set;
  std::vector<feature::Description> descriptions;  ///< of the test part only
};

/// Everything that does not depend on which models are drawn.
struct Prepared {
  feature::FeatureSet features;
  Part fitted, calibration, test;
  OutcomeMatrix outcomes;
  std::vector<double> calibration_cost;  ///< mean of each model, 0 where unknown
  std::vector<double> calibration_quality;
  bool has_costs = false;
};

std::vector<std::uint32_t> all_positions(const learn::Dataset& data) {
  std::vector<std::uint32_t> positions(data.rows());
  std::iota(positions.begin(), positions.end(), 0U);
  return positions;
}

Status fill(Part& part, const feature::FeatureSet& features) {
  TRY(const auto data, learn::Dataset::make(part.table));
  part.set = data.training_set(all_positions(data), features, {.tokens = true});
  return {};
}

double mean_of(const trace::OutcomeTable& table, std::size_t model, double trace::Cell::* member) {
  double sum = 0;
  double count = 0;
  for (const trace::Row& row : table.rows) {
    const double value = row.cells[model].*member;
    if (std::isnan(value)) continue;
    sum += value;
    count += 1;
  }
  return count > 0 ? sum / count : 0;
}

Result<Prepared> prepare(const trace::OutcomeTable& training, const trace::OutcomeTable& test,
                         const std::vector<feature::FeatureSpec>& specs, std::uint64_t seed) {
  Prepared prepared;
  Fold split = split_within_tasks(training, kFittedShare, seed);
  prepared.fitted.table = std::move(split.training);
  prepared.calibration.table = std::move(split.test);
  // The models that are there from the start are scored on the calibration rows, too: a neighbour search lets a model
  // join by rows that it holds.
  auto& rows = prepared.fitted.table.rows;
  rows.insert(rows.end(), prepared.calibration.table.rows.begin(), prepared.calibration.table.rows.end());
  prepared.test.table = test;
  TRY(const auto data, learn::Dataset::make(prepared.fitted.table));
  const auto positions = all_positions(data);
  TRY(prepared.features, feature::FeatureSet::fit(specs, data.source(positions), base::Rng(seed).fork("features")));
  CHECK_OK(fill(prepared.fitted, prepared.features));
  CHECK_OK(fill(prepared.calibration, prepared.features));
  for (const trace::Row& row : test.rows) {
    prepared.test.descriptions.emplace_back();
    feature::describe_row(row.prompt, row.messages, row.tools, prepared.test.descriptions.back());
  }
  prepared.outcomes = outcome_matrix(test);
  for (std::size_t m = 0; m < training.models.size(); ++m) {
    prepared.calibration_cost.push_back(mean_of(prepared.calibration.table, m, &trace::Cell::cost_usd));
    prepared.calibration_quality.push_back(mean_of(prepared.calibration.table, m, &trace::Cell::quality));
  }
  const auto [low, high] = std::minmax_element(prepared.calibration_cost.begin(), prepared.calibration_cost.end());
  prepared.has_costs = *high > *low;
  return prepared;
}

route::TrainingSet with_models(const route::TrainingSet& set, const std::vector<std::size_t>& models) {
  route::TrainingSet kept = set;
  kept.models.clear();
  kept.quality.clear();
  kept.cost_usd.clear();
  for (const std::size_t m : models) kept.models.push_back(set.models[m]);
  for (std::size_t row = 0; row < set.rows; ++row) {
    for (const std::size_t m : models) {
      kept.quality.push_back(set.quality[row * set.models.size() + m]);
      kept.cost_usd.push_back(set.cost_usd[row * set.models.size() + m]);
    }
  }
  return kept;
}

/// One draw: the models that train and those that join.
struct Draw {
  std::vector<std::size_t> seen, unseen;
};

Draw draw_models(std::size_t models, std::uint64_t seed, std::size_t number) {
  std::vector<std::size_t> order(models);
  std::iota(order.begin(), order.end(), std::size_t{0});
  base::Rng rng = base::Rng(seed).fork("models" + std::to_string(number));
  rng.shuffle(order);
  const std::size_t unseen = std::max<std::size_t>(2, models / 3);
  Draw draw;
  draw.unseen.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(unseen));
  draw.seen.assign(order.begin() + static_cast<std::ptrdiff_t>(unseen), order.end());
  std::sort(draw.unseen.begin(), draw.unseen.end());
  std::sort(draw.seen.begin(), draw.seen.end());
  return draw;
}

/// The unseen models' outcomes on the test rows, and how they are scored.
struct Arena {
  std::vector<double> quality, cost;  ///< rows x unseen
  std::size_t rows = 0, models = 0;
  double dearest = 0;
  double best_quality = 0;
  std::vector<math::CurvePoint> zero_router;

  Arena(const Prepared& prepared, const Draw& draw) : rows(prepared.outcomes.rows), models(draw.unseen.size()) {
    std::vector<math::CurvePoint> singles(models);
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t u = 0; u < models; ++u) {
        const double q = prepared.outcomes.quality_of(row, draw.unseen[u]);
        const double c = prepared.outcomes.cost_of(row, draw.unseen[u]);
        quality.push_back(std::isnan(q) ? 0 : q);
        cost.push_back(std::isnan(c) ? 0 : c);
        singles[u].quality += quality.back() / static_cast<double>(rows);
        singles[u].cost += cost.back() / static_cast<double>(rows);
      }
    }
    for (const auto& single : singles) {
      dearest = std::max(dearest, single.cost);
      best_quality = std::max(best_quality, single.quality);
    }
    zero_router = math::non_decreasing_hull(singles);
  }
  [[nodiscard]] UnseenScore score(const std::vector<math::CurvePoint>& hull, double quality_first) const {
    const auto deferral = math::deferral(hull, dearest, best_quality);
    return {deferral.area, 0, deferral.area50, deferral.qnc.value_or(1), quality_first};
  }
  [[nodiscard]] UnseenScore score(std::span<const double> estimated_quality,
                                  std::span<const double> estimated_cost) const {
    const auto points =
        math::as_curve(math::swept_curve({rows, models, estimated_quality, estimated_cost, quality, cost}));
    return score(math::non_decreasing_hull(points), points.front().quality);
  }
};

Result<UnseenScore> run_draw(const Prepared& prepared, const route::MethodRecord& method, const Draw& draw,
                             const Arena& arena, std::uint64_t seed) {
  base::Rng rng = base::Rng(seed).fork(method.name);
  TRY(auto router, method.fit(with_models(prepared.fitted.set, draw.seen), {}, rng));
  for (const std::size_t model : draw.unseen) {
    TRY(router, method.add_model(*router, with_models(prepared.calibration.set, {model}), {}));
  }
  route::Scratch scratch;
  scratch.sums.resize(route::kScratchSums);
  router->prepare(scratch);
  const std::size_t models = draw.seen.size() + draw.unseen.size();
  std::vector<float> quality(models);
  std::vector<float> sd(models);
  std::vector<float> dense(prepared.features.dense_size());
  std::vector<double> estimated;
  std::vector<double> cost;
  for (const auto& description : prepared.test.descriptions) {
    prepared.features.transform(description, dense, scratch.sparse);
    router->estimate({&description, dense, scratch.sparse.view()}, scratch, quality, sd);
    for (std::size_t u = 0; u < draw.unseen.size(); ++u) {
      estimated.push_back(static_cast<double>(quality[draw.seen.size() + u]));
      cost.push_back(prepared.calibration_cost[draw.unseen[u]]);
    }
  }
  return arena.score(estimated, cost);
}

UnseenScore mean_score(const std::vector<UnseenScore>& scores) {
  UnseenScore mean;
  std::vector<double> areas;
  const auto n = static_cast<double>(std::max<std::size_t>(1, scores.size()));
  for (const auto& score : scores) {
    areas.push_back(score.area);
    mean.area += score.area / n;
    mean.area50 += score.area50 / n;
    mean.qnc += score.qnc / n;
    mean.quality += score.quality / n;
  }
  mean.area_sd = math::standard_deviation(areas);
  return mean;
}

struct Draws {
  std::vector<Draw> draws;
  std::vector<Arena> arenas;
  std::vector<UnseenScore> zero_router, oracle;
};

Draws make_draws(const Prepared& prepared, const UnseenOptions& options) {
  Draws result;
  for (std::size_t i = 0; i < options.resamples; ++i) {
    const Draw& draw = result.draws.emplace_back(draw_models(prepared.outcomes.models, options.seed, i));
    const Arena& arena = result.arenas.emplace_back(prepared, draw);
    // The zero router's decision by quality alone: the best of the unseen models on the rows that tell of them.
    std::size_t best = 0;
    for (std::size_t u = 1; u < draw.unseen.size(); ++u)
      if (prepared.calibration_quality[draw.unseen[u]] > prepared.calibration_quality[draw.unseen[best]]) best = u;
    double quality = 0;
    for (std::size_t row = 0; row < arena.rows; ++row)
      quality += arena.quality[row * arena.models + best] / static_cast<double>(arena.rows);
    result.zero_router.push_back(arena.score(arena.zero_router, quality));
    result.oracle.push_back(arena.score(arena.quality, arena.cost));
  }
  return result;
}

Result<UnseenRow> run_method(const Prepared& prepared, const route::MethodRecord& method, const Draws& draws,
                             const UnseenOptions& options) {
  UnseenRow row;
  row.method = method.name;
  std::vector<UnseenScore> scores;
  for (std::size_t i = 0; i < draws.draws.size(); ++i) {
    if (options.progress) options.progress(method.name, i, draws.draws.size());
    TRY(const auto score, run_draw(prepared, method, draws.draws[i], draws.arenas[i], options.seed));
    scores.push_back(score);
    const UnseenScore& zero = draws.zero_router[i];
    const double difference = prepared.has_costs ? score.area - zero.area : score.quality - zero.quality;
    row.over_zero_router += difference / static_cast<double>(draws.draws.size());
    row.wins += difference > 0 ? 1 : 0;
    row.losses += difference < 0 ? 1 : 0;
  }
  row.score = mean_score(scores);
  row.p = math::sign_test(row.wins, row.losses);
  return row;
}

std::vector<const route::MethodRecord*> methods_of(const UnseenOptions& options, std::vector<std::string>& notes) {
  std::vector<const route::MethodRecord*> records;
  const bool all = options.methods.size() == 1 && options.methods[0] == "all";
  for (const auto& name : expand_methods(options.methods)) {
    const auto* record = route::find_method(name);
    if (record != nullptr && record->add_model != nullptr) {
      records.push_back(record);
    } else if (!all) {
      notes.push_back(fmt::format("{}: left out: no model can join it without learning anew", name));
    }
  }
  return records;
}

/// A router sees all features that its method may ask for by default, as one set for all methods of a kind.
std::vector<feature::FeatureSpec> specs_of(const route::MethodRecord& method) {
  std::vector<feature::FeatureSpec> specs;
  for (const auto& text : learn::default_features(method))
    if (auto spec = feature::parse_feature_spec(text)) specs.push_back(std::move(*spec));
  return specs;
}

}  // namespace

Result<Unseen> evaluate_unseen(const trace::OutcomeTable& training, trace::OutcomeTable test,
                               const UnseenOptions& options) {
  CHECK_OK(check_method_names(options.methods));
  if (training.models != test.models)
    return fail(ErrorKind::kInvalidInput,
                "the training and the test table have different models; keep the same with --models");
  if (training.models.size() < kModelsMin)
    return fail(ErrorKind::kInvalidInput,
                "protocol unseen divides the models, and the table has {}; at least {} are "
                "needed",
                training.models.size(), kModelsMin);
  if (options.resamples == 0) return fail(ErrorKind::kInvalidInput, "resamples: 0 is too few");
  Unseen out;
  if (const std::size_t left_out = drop_unrecorded(test); left_out > 0)
    out.notes.push_back(fmt::format("{} test rows without any recorded quality are left out", left_out));
  if (test.rows.empty()) return fail(ErrorKind::kInvalidInput, "there are no test rows with recorded quality");
  out.resamples = options.resamples;
  out.n_test = test.rows.size();
  out.models = training.models.size();
  out.models_unseen = std::max<std::size_t>(2, out.models / 3);
  const auto methods = methods_of(options, out.notes);
  if (methods.empty())
    return fail(ErrorKind::kInvalidInput, "no method asked for lets a model join without learning anew");
  std::vector<std::string> prepared_for{"-"};
  Prepared prepared;
  Draws draws;
  for (const auto* method : methods) {
    if (const auto wanted = learn::default_features(*method); wanted != prepared_for) {
      TRY(prepared, prepare(training, test, specs_of(*method), options.seed));
      draws = make_draws(prepared, options);
      prepared_for = wanted;
    }
    auto row = run_method(prepared, *method, draws, options);
    if (row) {
      out.rows.push_back(std::move(*row));
    } else {
      out.notes.push_back(fmt::format("{}: not evaluated: {}", method->name, row.error().text()));
    }
  }
  out.n_train = prepared.fitted.table.rows.size() - prepared.calibration.table.rows.size();
  out.n_calibration = prepared.calibration.table.rows.size();
  out.has_costs = prepared.has_costs;
  out.zero_router = mean_score(draws.zero_router);
  out.oracle = mean_score(draws.oracle);
  if (!out.has_costs) out.notes.push_back("no costs that differ are recorded: methods are compared by quality alone");
  return out;
}

std::string to_text(const Unseen& unseen) {
  std::string out = fmt::format(
      "{}: protocol unseen, {} training rows, {} rows to tell a new model, {} test rows; {} of {} models unseen, {} "
      "resamples\n\n{:22} {:>7} {:>7} {:>7} {:>7} {:>8} {:>10} {:>6} {:>7} {:>9}\n",
      unseen.table, unseen.n_train, unseen.n_calibration, unseen.n_test, unseen.models_unseen, unseen.models,
      unseen.resamples, "method", "area", "sd", "area50", "QNC", "quality", "over zero", "wins", "losses", "p (sign)");
  const auto line = [](std::string_view name, const UnseenScore& score) {
    return fmt::format("{:22} {:7.4f} {:7.4f} {:7.4f} {:7.3f} {:8.4f}", name, score.area, score.area_sd, score.area50,
                       score.qnc, score.quality);
  };
  out += line("zero_router", unseen.zero_router) + "\n" + line("oracle", unseen.oracle) + "\n";
  for (const auto& row : unseen.rows)
    out += line(row.method, row.score) +
           fmt::format(" {:+10.4f} {:6} {:7} {:9.2g}\n", row.over_zero_router, row.wins, row.losses, row.p);
  for (const auto& note : unseen.notes) out += "note: " + note + "\n";
  return out;
}

std::string to_json(const Unseen& unseen) {
  base::JsonWriter out;
  const auto score = [&](const UnseenScore& s) {
    out.field("area", s.area).field("area_sd", s.area_sd).field("area50", s.area50).field("qnc", s.qnc);
    out.field("quality", s.quality);
  };
  out.begin_object().field("table", unseen.table).field("protocol", "unseen");
  out.field("n_train", std::uint64_t{unseen.n_train}).field("n_calibration", std::uint64_t{unseen.n_calibration});
  out.field("n_test", std::uint64_t{unseen.n_test}).field("models", std::uint64_t{unseen.models});
  out.field("models_unseen", std::uint64_t{unseen.models_unseen});
  out.field("resamples", std::uint64_t{unseen.resamples}).field("has_costs", unseen.has_costs);
  out.key("zero_router").begin_object();
  score(unseen.zero_router);
  out.end_object().key("oracle").begin_object();
  score(unseen.oracle);
  out.end_object().key("methods").begin_array();
  for (const auto& row : unseen.rows) {
    out.begin_object().field("name", row.method);
    score(row.score);
    out.field("delta_zero_router", row.over_zero_router).field("wins", std::uint64_t{row.wins});
    out.field("losses", std::uint64_t{row.losses}).field("p_sign", row.p).end_object();
  }
  out.end_array().key("notes").begin_array();
  for (const auto& note : unseen.notes) out.value(note);
  out.end_array().end_object();
  return out.take() + "\n";
}

}  // namespace thalamus::eval
