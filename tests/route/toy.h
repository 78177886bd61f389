/// A small separable world: two kinds of prompts, three models, each kind best answered by another model.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "thalamus/feature/feature_set.h"
#include "thalamus/route/router.h"
#include "thalamus/route/snapshot.h"
#include "thalamus/route/snapshot_parts.h"

namespace thalamus::route {

struct Toy {
  std::vector<std::string> texts;
  std::vector<std::uint32_t> kind;  ///< 0: sums, 1: French
  feature::FeatureSet features;
  TrainingSet set;
};

/// `hole` is the share of cells left out. Quality: "sums" is right on kind 0 with chance .9, "french" on kind 1; the
/// other way round .2; "middle" .5 everywhere.
inline Toy make_toy(std::size_t rows, std::uint64_t seed, double hole = 0,
                    std::vector<feature::FeatureSpec> specs = {}) {
  const std::vector<std::string> nouns{"apple", "river", "window", "garden", "letter", "winter", "mother", "bridge"};
  Toy toy;
  base::Rng rng(seed);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto kind = static_cast<std::uint32_t>(rng.below(2));
    toy.kind.push_back(kind);
    toy.texts.push_back(kind == 0
                            ? fmt::format("What is {} plus {}? Answer with a number.", rng.below(9999), rng.below(99))
                            : fmt::format("Translate the words {} and {} into French, please, with an article.",
                                          rng.pick(nouns), rng.pick(nouns)));
  }
  if (specs.empty()) specs = {{"hash", {{"dims", "32"}, {"buckets", "256"}}}, {"signals", {}}, {"tfidf", {}}};
  const feature::DescriptionSource source{
      rows, [&](std::size_t i, feature::Description& out) { feature::describe_text(toy.texts[i], "", out); }};
  toy.features = feature::FeatureSet::fit(specs, source, base::Rng(seed)).value();
  TrainingSet& set = toy.set;
  set.models = {"sums", "french", "middle"};
  set.rows = rows;
  set.dense_size = toy.features.dense_size();
  set.sparse.columns = toy.features.sparse_size();
  set.dense.resize(rows * set.dense_size);
  set.task_names = {"sum", "translate"};
  set.task = toy.kind;
  feature::Description description;
  feature::SparseVector sparse;
  for (std::size_t i = 0; i < rows; ++i) {
    source.read(i, description);
    toy.features.transform(description, std::span(set.dense).subspan(i * set.dense_size, set.dense_size), sparse);
    set.sparse.ids.insert(set.sparse.ids.end(), sparse.ids.begin(), sparse.ids.end());
    set.sparse.values.insert(set.sparse.values.end(), sparse.values.begin(), sparse.values.end());
    set.sparse.offsets.push_back(set.sparse.ids.size());
    auto tokens = description.tokens;
    std::sort(tokens.begin(), tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    set.tokens.insert(set.tokens.end(), tokens.begin(), tokens.end());
    set.token_offsets.push_back(set.tokens.size());
    set.text_bytes.push_back(static_cast<float>(description.text_bytes));
    for (std::size_t m = 0; m < 3; ++m) {
      const double chance = m == 2 ? 0.5 : (m == toy.kind[i] ? 0.9 : 0.2);
      const float quality = rng.uniform() < chance ? 1.0F : 0.0F;
      set.quality.push_back(rng.uniform() < hole ? NAN : quality);
      set.cost_usd.push_back(std::isnan(set.quality.back()) ? NAN : 0.001F * static_cast<float>(m + 1));
    }
  }
  return toy;
}

inline Scratch make_scratch(const Router& router) {
  Scratch scratch;
  scratch.sums.resize(kScratchSums);
  scratch.sparse.reserve();
  router.prepare(scratch);
  return scratch;
}

struct Estimated {
  std::vector<float> quality;
  std::vector<float> sd;
  bool operator==(const Estimated&) const = default;
};

inline Estimated estimate_text(const Router& router, const feature::FeatureSet& features, const std::string& text,
                               std::size_t models, const std::string& hint = {}) {
  feature::Description description;
  feature::describe_text(text, "", description);
  description.task_hint = hint;
  Scratch scratch = make_scratch(router);
  std::vector<float> dense(features.dense_size());
  features.transform(description, dense, scratch.sparse);
  Estimated out{std::vector<float>(models), std::vector<float>(models)};
  router.estimate({&description, dense, scratch.sparse.view()}, scratch, out.quality, out.sd);
  return out;
}

inline std::unique_ptr<Router> fit_toy(const MethodRecord& method, const Toy& toy, const base::OptionMap& options = {},
                                       std::uint64_t seed = 7) {
  base::Rng rng(seed);
  auto router = method.fit(toy.set, options, rng);
  return router ? std::move(*router) : nullptr;
}

/// A complete snapshot of one method on a toy. Costs: sums 1, french 2, middle 3 thousandths of a dollar.
inline std::shared_ptr<const Snapshot> toy_snapshot(std::string_view method, std::uint64_t seed = 3,
                                                    std::size_t rows = 60) {
  Toy toy = make_toy(rows, seed, 0, {{"hash", {{"dims", "16"}, {"buckets", "64"}}}, {"tfidf", {}}, {"signals", {}}});
  const MethodRecord* record = find_method(method);
  Snapshot::Parts parts;
  parts.header.method = method;
  parts.header.training_rows = rows;
  parts.header.seed = seed;
  parts.header.calibration = "none";
  parts.router = fit_toy(*record, toy);
  const ModelMeans means = model_means(toy.set);
  std::vector<float> tokens;
  std::vector<float> seconds;
  std::vector<float> cost;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t m = 0; m < 3; ++m) {
      tokens.push_back(static_cast<float>(20 + 10 * m + toy.kind[i] * 50));
      seconds.push_back(0.5F * static_cast<float>(m + 1));
      cost.push_back(0.001F * static_cast<float>(m + 1));
    }
  }
  for (std::size_t m = 0; m < 3; ++m)
    parts.header.models.push_back(
        {toy.set.models[m], means.mean[m], static_cast<std::uint64_t>(means.count[m]), true, true, true});
  parts.input_token_ratio.assign(3, 1.0);
  parts.output_tokens = Head::fit(toy.set.dense, toy.set.dense_size, tokens, 3, 1.0).value();
  parts.seconds = Head::fit(toy.set.dense, toy.set.dense_size, seconds, 3, 0.01).value();
  parts.cost = Head::fit(toy.set.dense, toy.set.dense_size, cost, 3, 1e-7).value();
  parts.router_dense_size = toy.set.dense_size;
  parts.features = std::move(toy.features);
  return Snapshot::build(std::move(parts)).value();
}

}  // namespace thalamus::route
