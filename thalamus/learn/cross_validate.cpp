#include "thalamus/learn/cross_validate.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>

#include "thalamus/base/parallel.h"

namespace thalamus::learn {
namespace {

/// One fold: the rows to fit on, the rows held back, and the features fitted on the former.
struct Fold {
  std::vector<std::uint32_t> fitted;
  std::vector<std::uint32_t> held;
  feature::FeatureSet features;
  route::TrainingSet training;  ///< of `fitted`, all features
  route::TrainingSet held_set;  ///< of `held`
};

Result<Fold> make_fold(const Dataset& data, std::span<const std::uint32_t> fold_of, std::size_t fold,
                       const std::vector<feature::FeatureSpec>& specs, Dataset::Want want, const base::Rng& rng) {
  Fold result;
  for (std::size_t i = 0; i < data.rows(); ++i)
    if (fold_of[i] != kNotUsed)
      (fold_of[i] == fold ? result.held : result.fitted).push_back(static_cast<std::uint32_t>(i));
  TRY(result.features, feature::FeatureSet::fit(specs, data.source(result.fitted), rng));
  result.training = data.training_set(result.fitted, result.features, want);
  result.held_set = data.training_set(result.held, result.features, {});
  return result;
}

SeenPrompts prompts_of(const Dataset& data, std::span<const std::uint32_t> positions) {
  SeenPrompts keys;
  keys.reserve(positions.size());
  for (const std::uint32_t position : positions) keys.push_back(data.prompt_key(position));
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

/// Fills the held rows of `quality` (positions x models); 1 where the candidate is a policy.
Result<char> estimate_held(const Dataset& data, const Fold& fold, const Candidate& candidate, base::Rng rng,
                           std::vector<double>& out) {
  TRY(const auto* method, route::require_method(candidate.method));
  const FeatureRange range = feature_range(fold.features, candidate);
  TRY(const auto router, method->fit(restrict_features(fold.training, range), candidate.options, rng));

  route::Scratch scratch;
  scratch.sums.resize(route::kScratchSums);
  router->prepare(scratch);
  const std::size_t models = data.models();
  std::vector<float> quality(models);
  std::vector<float> sd(models);
  feature::Description description;
  for (std::size_t i = 0; i < fold.held.size(); ++i) {
    data.describe(fold.held[i], description);
    route::FeatureView view{&description, fold.held_set.dense_row(i).subspan(range.begin, range.size), {}};
    if (range.sparse) {
      const auto begin = static_cast<std::size_t>(fold.held_set.sparse.offsets[i]);
      const auto count = static_cast<std::size_t>(fold.held_set.sparse.offsets[i + 1]) - begin;
      view.sparse = {std::span(fold.held_set.sparse.ids).subspan(begin, count),
                     std::span(fold.held_set.sparse.values).subspan(begin, count)};
    }
    router->estimate(view, scratch, quality, sd);
    for (std::size_t m = 0; m < models; ++m) out[fold.held[i] * models + m] = static_cast<double>(quality[m]);
  }
  return static_cast<char>(router->output() == route::Output::kPreference ? 1 : 0);
}

void estimate_amounts(const Dataset& data, const Fold& fold, const Heads& heads, CrossValidation& out) {
  const std::size_t models = data.models();
  for (std::size_t i = 0; i < fold.held.size(); ++i) {
    const auto dense = fold.held_set.dense_row(i);
    for (std::size_t m = 0; m < models; ++m) {
      const std::size_t at = fold.held[i] * models + m;
      out.cost_usd[at] = heads.cost.predict(m, dense).mean;
      out.seconds[at] = heads.seconds.predict(m, dense).mean;
    }
  }
}

}  // namespace

std::vector<feature::FeatureSpec> union_of_features(const std::vector<Candidate>& candidates) {
  std::vector<feature::FeatureSpec> all;
  const auto add = [&](const feature::FeatureSpec& spec) {
    const bool there = std::any_of(all.begin(), all.end(), [&](const auto& other) { return other.name == spec.name; });
    if (!there) all.push_back(spec);
  };
  // The longest lists first: a shorter list is then a stretch of a longer one.
  std::vector<const Candidate*> order;
  for (const Candidate& candidate : candidates) order.push_back(&candidate);
  std::sort(order.begin(), order.end(), [](const Candidate* a, const Candidate* b) {
    return a->features.size() != b->features.size() ? a->features.size() > b->features.size() : a < b;  // one array
  });
  for (const Candidate* candidate : order)
    for (const feature::FeatureSpec& spec : candidate->features)
      if (spec.name != "signals") add(spec);
  add({"signals", {}});
  return all;
}

FeatureRange feature_range(const feature::FeatureSet& all, const Candidate& candidate) {
  FeatureRange range;
  for (const feature::FeatureSpec& spec : candidate.features) {
    const auto block = all.block(spec.name);
    if (block.size == 0) {
      range.sparse |= feature::find_feature(spec.name)->sparse;
      continue;
    }
    const std::size_t end = std::max(range.size == 0 ? 0 : range.begin + range.size, block.offset + block.size);
    range.begin = range.size == 0 ? block.offset : std::min(range.begin, block.offset);
    range.size = end - range.begin;
  }
  return range;
}

route::TrainingSet restrict_features(const route::TrainingSet& all, const FeatureRange& range) {
  route::TrainingSet set = all;
  set.dense_size = range.size;
  set.dense.clear();
  set.dense.reserve(all.rows * range.size);
  for (std::size_t row = 0; row < all.rows; ++row) {
    const auto part = all.dense_row(row).subspan(range.begin, range.size);
    set.dense.insert(set.dense.end(), part.begin(), part.end());
  }
  if (!range.sparse) set.sparse = {};
  return set;
}

Result<Heads> fit_heads(const Dataset& data, std::span<const std::uint32_t> positions, const route::TrainingSet& set,
                        HeadSet which) {
  Heads heads;
  const auto fit = [&](double trace::Cell::* member, double offset) {
    return route::Head::fit(set.dense, set.dense_size, data.column(positions, member), data.models(), offset);
  };
  if (which == HeadSet::kAll) {
    TRY(heads.output_tokens, fit(&trace::Cell::output_tokens, 1.0));
  }
  TRY(heads.seconds, fit(&trace::Cell::seconds, 0.01));
  TRY(heads.cost, fit(&trace::Cell::cost_usd, 1e-7));
  return heads;
}

std::vector<std::string> default_features(const route::MethodRecord& method) {
  if (method.needs.dense) return {"hash", "signals"};
  if (method.needs.either) return {"tfidf"};
  return {};
}

Result<CrossValidation> cross_validate(const Dataset& data, std::span<const std::uint32_t> fold_of, std::size_t folds,
                                       const std::vector<Candidate>& candidates, const base::Rng& rng,
                                       const Progress& progress) {
  const std::size_t cells = data.rows() * data.models();
  CrossValidation out;
  out.candidates.resize(candidates.size());
  for (HeldOut& held : out.candidates) held.quality.assign(cells, 0.0);
  out.cost_usd.assign(cells, 0.0);
  out.seconds.assign(cells, 0.0);
  out.best_single.assign(data.rows(), 0);
  const auto specs = union_of_features(candidates);
  Dataset::Want want;
  for (const Candidate& candidate : candidates) {
    TRY(const auto* method, route::require_method(candidate.method));
    want.tokens |= method->needs.tokens;
    want.documents |= method->needs.documents;
  }
  const double steps = static_cast<double>(folds) * static_cast<double>(candidates.size() + 1);
  double done = 0;
  std::mutex mutex;
  for (HeldOut& held : out.candidates) held.seen.resize(folds);
  std::vector<std::vector<char>> preference(folds, std::vector<char>(candidates.size(), 0));
  CHECK_OK(base::parallel_for(folds, base::cores(), [&](std::size_t f) -> Status {
    const base::Rng fold_rng = rng.fork("fold" + std::to_string(f));
    TRY(const Fold fold, make_fold(data, fold_of, f, specs, want, fold_rng));
    TRY(const Heads heads, fit_heads(data, fold.fitted, fold.training, HeadSet::kForDecisions));
    estimate_amounts(data, fold, heads, out);
    const auto means = route::model_means(fold.training);
    const auto best = std::max_element(means.mean.begin(), means.mean.end()) - means.mean.begin();
    for (const std::uint32_t position : fold.held) out.best_single[position] = static_cast<std::int32_t>(best);
    const auto seen = std::make_shared<const SeenPrompts>(prompts_of(data, fold.fitted));
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      {
        const std::lock_guard lock(mutex);
        done += 1;
        if (progress && !progress("cross-validation", done / steps))
          return fail(ErrorKind::kCancelled, "training was interrupted");
      }
      HeldOut& held = out.candidates[c];
      TRY(preference[f][c],
          estimate_held(data, fold, candidates[c], fold_rng.fork(candidates[c].method), held.quality));
      held.seen[f] = seen;
    }
    return {};
  }));
  for (std::size_t c = 0; c < candidates.size(); ++c) out.candidates[c].preference = preference[0][c] != 0;
  return out;
}

}  // namespace thalamus::learn
