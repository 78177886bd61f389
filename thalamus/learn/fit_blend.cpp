#include "thalamus/learn/fit_blend.h"

#include <algorithm>
#include <cmath>

#include "thalamus/base/hash.h"
#include "thalamus/base/parallel.h"
#include "thalamus/learn/select.h"

namespace thalamus::learn {
namespace {

constexpr double kFastClassUs = 50;  // members of a slower class are distilled
constexpr std::string_view kStudent = "ridge";

bool is_slow(const route::MethodRecord& method) noexcept { return method.latency_class_us > kFastClassUs; }

/// The candidates of the plan; a slow one is replaced by its student.
std::vector<Candidate> final_members(const std::vector<Candidate>& candidates, const BlendPlan& plan) {
  std::vector<Candidate> members;
  for (const std::size_t c : plan.members) {
    const route::MethodRecord* method = route::find_method(candidates[c].method);
    members.push_back(method != nullptr && is_slow(*method)
                          ? Candidate{std::string(kStudent), {}, {{"hash", {}}, {"signals", {}}}, 1}
                          : candidates[c]);
  }
  return members;
}

std::vector<std::uint32_t> used_rows(std::span<const std::uint32_t> fold_of) {
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < fold_of.size(); ++i)
    if (fold_of[i] != kNotUsed) rows.push_back(static_cast<std::uint32_t>(i));
  return rows;
}

/// Rows with the held-out estimates of a candidate as outcomes.
route::TrainingSet student_set(const Dataset& data, std::span<const std::uint32_t> fold_of,
                               const feature::FeatureSet& features, const HeldOut& teacher) {
  const auto rows = used_rows(fold_of);
  route::TrainingSet set = data.training_set(rows, features, {});
  const std::size_t models = data.models();
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t m = 0; m < models; ++m)
      set.quality[i * models + m] = static_cast<float>(std::clamp(teacher.quality[rows[i] * models + m], -1.0, 2.0));
  return set;
}

}  // namespace

Result<FittedBlend> fit_blend(const Dataset& data, std::span<const std::uint32_t> positions,
                              std::span<const std::uint32_t> fold_of, const std::vector<Candidate>& candidates,
                              const CrossValidation& cross, const BlendPlan& plan, const base::Rng& rng) {
  const std::vector<Candidate> members = final_members(candidates, plan);
  FittedBlend out;
  TRY(out.features, feature::FeatureSet::fit(union_of_features(members), data.source(positions), rng));
  const route::TrainingSet all = data.training_set(positions, out.features, {.tokens = true, .documents = false});
  route::BlendParts parts;
  parts.level = plan.parts.level;
  parts.contrast = plan.parts.contrast;
  parts.in_pool = plan.parts.in_pool;
  parts.safe_model = plan.parts.safe_model;
  parts.margin = plan.parts.margin;
  parts.members.resize(members.size());
  CHECK_OK(base::parallel_for(members.size(), base::cores(), [&](std::size_t k) -> Status {
    const Candidate& candidate = members[k];
    const std::size_t from = plan.members[k];
    TRY(const auto* method, route::require_method(candidate.method));
    const FeatureRange range = feature_range(out.features, candidate);
    const bool student = candidate.method != candidates[from].method;
    const route::TrainingSet set =
        restrict_features(student ? student_set(data, fold_of, out.features, cross.candidates[from]) : all, range);
    base::Rng member_rng = rng.fork(candidate.method + std::to_string(k));
    route::BlendMember& member = parts.members[k];
    TRY(member.router, method->fit(set, candidate.options, member_rng));
    member.method = method;
    member.dense_begin = range.begin;
    member.dense_size = range.size;
    member.sparse = range.sparse;
    member.level_weight = plan.parts.members[k].level_weight;
    member.contrast_weight = plan.parts.members[k].contrast_weight;
    return {};
  }));
  for (std::size_t k = 0; k < members.size(); ++k)
    if (members[k].method != candidates[plan.members[k]].method)
      out.distilled.push_back(candidates[plan.members[k]].method);
  TRY(out.router,
      route::make_blend(std::move(parts), {data.models(), out.features.dense_size(), out.features.sparse_size()}));
  return out;
}

namespace {

/// Index of the highest, the lower one on ties.
std::size_t highest(std::span<const float> values) noexcept {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

double quality_or_zero(const Dataset& data, std::size_t row, std::size_t model) noexcept {
  const double quality = data.cell(row, model).quality;
  return std::isnan(quality) ? 0.0 : quality;
}

/// Choices of a fitted blend on held rows.
void score_held(const Dataset& data, std::span<const std::uint32_t> held, const FittedBlend& blend, std::size_t single,
                NestedScore& out) {
  route::Scratch scratch;
  scratch.sums.resize(route::kScratchSums);
  scratch.sparse.reserve();
  blend.router->prepare(scratch);
  std::vector<float> dense(blend.features.dense_size());
  std::vector<float> quality(data.models());
  std::vector<float> sd(data.models());
  feature::Description description;
  for (const std::uint32_t row : held) {
    data.describe(row, description);
    blend.features.transform(description, dense, scratch.sparse);
    blend.router->estimate({&description, dense, scratch.sparse.view()}, scratch, quality, sd);
    out.quality.push_back(quality_or_zero(data, row, highest(quality)));
    out.best_single.push_back(quality_or_zero(data, row, single));
  }
}

}  // namespace

Result<NestedScore> nested_score(const Dataset& data, std::span<const std::uint32_t> outer_fold_of,
                                 std::size_t outer_folds, std::size_t inner_folds,
                                 const std::vector<Candidate>& candidates, std::span<const double> rates,
                                 const base::Rng& rng, const Progress& progress) {
  NestedScore out;
  for (std::size_t f = 0; f < outer_folds; ++f) {
    const auto inner = [&](std::string_view stage, double done) {
      return !progress || progress(stage, (static_cast<double>(f) + done) / static_cast<double>(outer_folds));
    };
    const auto nested = [&](std::string_view, double done) { return inner("nested cross-validation", done); };
    std::vector<std::uint32_t> fold_of = assign_folds(data, inner_folds, base::mix64(f + 1));
    std::vector<std::uint32_t> held;
    std::vector<std::uint32_t> fitted;
    for (std::size_t i = 0; i < data.rows(); ++i) {
      if (outer_fold_of[i] == kNotUsed || outer_fold_of[i] == f) fold_of[i] = kNotUsed;
      if (outer_fold_of[i] == f) held.push_back(static_cast<std::uint32_t>(i));
      if (fold_of[i] != kNotUsed) fitted.push_back(static_cast<std::uint32_t>(i));
    }
    const base::Rng fold_rng = rng.fork("outer" + std::to_string(f));
    TRY(const auto cross, cross_validate(data, fold_of, inner_folds, candidates, fold_rng, nested));
    TRY(const auto plan, plan_blend(data, fold_of, inner_folds, cross, tiers_of(candidates), rates));
    TRY(const auto blend, fit_blend(data, fitted, fold_of, candidates, cross, plan, fold_rng));
    score_held(data, held, blend, plan.parts.safe_model, out);
  }
  return out;
}

}  // namespace thalamus::learn
