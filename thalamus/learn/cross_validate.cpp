#include "thalamus/learn/cross_validate.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace thalamus::learn {
namespace {

/// Every feature that some candidate reads, once; the signals last because the heads read them too.
std::vector<feature::FeatureSpec> union_of_features(const std::vector<Candidate>& candidates) {
  std::vector<feature::FeatureSpec> all;
  const auto add = [&](const feature::FeatureSpec& spec) {
    const bool there = std::any_of(all.begin(), all.end(), [&](const auto& other) { return other.name == spec.name; });
    if (!there) all.push_back(spec);
  };
  for (const Candidate& candidate : candidates)
    for (const feature::FeatureSpec& spec : candidate.features) add(spec);
  add({"signals", {}});
  return all;
}

/// Copies the dense blocks of one candidate out of rows that hold all features.
class Columns {
 public:
  Columns(const feature::FeatureSet& all, const Candidate& candidate) : row_size_(all.dense_size()) {
    for (const feature::FeatureSpec& spec : candidate.features) {
      const auto block = all.block(spec.name);
      if (block.size == 0) {
        sparse_ |= feature::find_feature(spec.name)->sparse;
        continue;
      }
      blocks_.push_back(block);
      size_ += block.size;
    }
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool sparse() const noexcept { return sparse_; }
  [[nodiscard]] std::vector<float> take(std::span<const float> dense) const {
    std::vector<float> out;
    const std::size_t rows = row_size_ == 0 ? 0 : dense.size() / row_size_;
    out.reserve(rows * size_);
    for (std::size_t row = 0; row < rows; ++row)
      for (const auto& block : blocks_) {
        const auto part = dense.subspan(row * row_size_ + block.offset, block.size);
        out.insert(out.end(), part.begin(), part.end());
      }
    return out;
  }

 private:
  std::size_t row_size_ = 0;
  std::vector<feature::FeatureSet::Block> blocks_;
  std::size_t size_ = 0;
  bool sparse_ = false;
};

/// One fold: the rows to fit on, the rows held back, and the features fitted on the former.
struct Fold {
  std::vector<std::uint32_t> fitted;
  std::vector<std::uint32_t> held;
  feature::FeatureSet features;
  route::TrainingSet training;  ///< of `fitted`, all features
  route::TrainingSet held_set;  ///< of `held`
};

Result<Fold> make_fold(const Dataset& data, std::span<const std::uint32_t> fold_of, std::size_t fold,
                       const std::vector<feature::FeatureSpec>& specs, bool tokens, const base::Rng& rng) {
  Fold result;
  for (std::size_t i = 0; i < data.rows(); ++i)
    (fold_of[i] == fold ? result.held : result.fitted).push_back(static_cast<std::uint32_t>(i));
  TRY(result.features, feature::FeatureSet::fit(specs, data.source(result.fitted), rng));
  result.training = data.training_set(result.fitted, result.features, {.tokens = tokens});
  result.held_set = data.training_set(result.held, result.features, {.tokens = false});
  return result;
}

Status estimate_held(const Dataset& data, const Fold& fold, const Candidate& candidate, base::Rng rng, HeldOut& out) {
  TRY(const auto* method, route::require_method(candidate.method));
  const Columns columns(fold.features, candidate);
  route::TrainingSet training = fold.training;
  training.dense = columns.take(fold.training.dense);
  training.dense_size = columns.size();
  if (!columns.sparse()) training.sparse = {};
  TRY(const auto router, method->fit(training, candidate.options, rng));
  out.preference = router->output() == route::Output::kPreference;

  route::Scratch scratch;
  scratch.sums.resize(route::kScratchSums);
  router->prepare(scratch);
  const std::size_t models = data.models();
  std::vector<float> quality(models);
  std::vector<float> sd(models);
  const std::vector<float> dense = columns.take(fold.held_set.dense);
  feature::Description description;
  for (std::size_t i = 0; i < fold.held.size(); ++i) {
    data.describe(fold.held[i], description);
    route::FeatureView view{&description, std::span(dense).subspan(i * columns.size(), columns.size()), {}};
    if (columns.sparse()) {
      const auto begin = static_cast<std::size_t>(fold.held_set.sparse.offsets[i]);
      const auto count = static_cast<std::size_t>(fold.held_set.sparse.offsets[i + 1]) - begin;
      view.sparse = {std::span(fold.held_set.sparse.ids).subspan(begin, count),
                     std::span(fold.held_set.sparse.values).subspan(begin, count)};
    }
    router->estimate(view, scratch, quality, sd);
    for (std::size_t m = 0; m < models; ++m) out.quality[fold.held[i] * models + m] = static_cast<double>(quality[m]);
  }
  return {};
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
  bool tokens = false;
  for (const Candidate& candidate : candidates) {
    TRY(const auto* method, route::require_method(candidate.method));
    tokens |= method->needs.tokens;
  }
  const double steps = static_cast<double>(folds) * static_cast<double>(candidates.size() + 1);
  double done = 0;
  for (std::size_t f = 0; f < folds; ++f) {
    const base::Rng fold_rng = rng.fork("fold" + std::to_string(f));
    TRY(const Fold fold, make_fold(data, fold_of, f, specs, tokens, fold_rng));
    TRY(const Heads heads, fit_heads(data, fold.fitted, fold.training, HeadSet::kForDecisions));
    estimate_amounts(data, fold, heads, out);
    const auto means = route::model_means(fold.training);
    const auto best = std::max_element(means.mean.begin(), means.mean.end()) - means.mean.begin();
    for (const std::uint32_t position : fold.held) out.best_single[position] = static_cast<std::int32_t>(best);
    done += 1;
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      if (progress && !progress("cross-validation", done / steps))
        return fail(ErrorKind::kCancelled, "training was interrupted");
      CHECK_OK(estimate_held(data, fold, candidates[c], fold_rng.fork(candidates[c].method), out.candidates[c]));
      done += 1;
    }
  }
  return out;
}

}  // namespace thalamus::learn
