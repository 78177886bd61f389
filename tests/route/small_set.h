/// Training sets written out by hand: a few rows of dense features and their outcomes.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "thalamus/route/router.h"
#include "toy.h"

namespace thalamus::route {

struct SmallRow {
  std::vector<float> dense;
  std::vector<float> quality;
  std::vector<float> cost_usd = {};  ///< empty: not recorded
  std::string task = {};
};

inline TrainingSet small_set(const std::vector<SmallRow>& rows) {
  TrainingSet set;
  set.rows = rows.size();
  set.dense_size = rows.front().dense.size();
  for (std::size_t m = 0; m < rows.front().quality.size(); ++m) set.models.push_back("m" + std::to_string(m));
  for (const SmallRow& row : rows) {
    set.dense.insert(set.dense.end(), row.dense.begin(), row.dense.end());
    set.quality.insert(set.quality.end(), row.quality.begin(), row.quality.end());
    for (std::size_t m = 0; m < row.quality.size(); ++m)
      set.cost_usd.push_back(row.cost_usd.empty() ? NAN : row.cost_usd[m]);
    auto task = std::find(set.task_names.begin(), set.task_names.end(), row.task);
    if (task == set.task_names.end()) task = set.task_names.insert(task, row.task);
    set.task.push_back(static_cast<std::uint32_t>(task - set.task_names.begin()));
    set.text_bytes.push_back(100);
    set.token_offsets.push_back(0);
  }
  return set;
}

inline Estimated estimate_dense(const Router& router, const std::vector<float>& dense, std::size_t models) {
  Scratch scratch = make_scratch(router);
  Estimated out{std::vector<float>(models), std::vector<float>(models)};
  router.estimate({nullptr, dense, {}}, scratch, out.quality, out.sd);
  return out;
}

/// Asks one router many texts with one scratch: a fresh one for each costs milliseconds.
class Asker {
 public:
  Asker(const Router& router, const feature::FeatureSet& features, std::size_t models)
      : router_(router),
        features_(features),
        scratch_(make_scratch(router)),
        dense_(features.dense_size()),
        out_{std::vector<float>(models), std::vector<float>(models)} {
    description_.reserve();
  }
  /// Valid until the next call.
  const Estimated& operator()(const std::string& text) {
    feature::describe_text(text, "", description_);
    features_.transform(description_, dense_, scratch_.sparse);
    router_.estimate({&description_, dense_, scratch_.sparse.view()}, scratch_, out_.quality, out_.sd);
    return out_;
  }

 private:
  const Router& router_;
  const feature::FeatureSet& features_;
  Scratch scratch_;
  std::vector<float> dense_;
  Estimated out_;
  feature::Description description_;
};

/// The same for rows of dense features.
class DenseAsker {
 public:
  DenseAsker(const Router& router, std::size_t models)
      : router_(router), scratch_(make_scratch(router)), out_{std::vector<float>(models), std::vector<float>(models)} {}
  /// Valid until the next call.
  const Estimated& operator()(std::span<const float> dense) {
    router_.estimate({nullptr, dense, {}}, scratch_, out_.quality, out_.sd);
    return out_;
  }

 private:
  const Router& router_;
  Scratch scratch_;
  Estimated out_;
};

inline std::size_t best_of(const Estimated& out) {
  return static_cast<std::size_t>(std::max_element(out.quality.begin(), out.quality.end()) - out.quality.begin());
}

inline std::string saved(const Router& router) {
  base::ByteWriter out;
  router.save(out);
  return out.take();
}

inline Result<std::unique_ptr<Router>> fit_small(std::string_view method, const TrainingSet& set,
                                                 const base::OptionMap& options, std::uint64_t seed = 7) {
  base::Rng rng(seed);
  return find_method(method)->fit(set, options, rng);
}

/// One model of a set as the rows of a model that joins.
inline TrainingSet column_of(const TrainingSet& set, std::size_t model) {
  TrainingSet column = set;
  column.models = {"copy"};
  column.quality.clear();
  column.cost_usd.clear();
  for (std::size_t row = 0; row < set.rows; ++row) {
    column.quality.push_back(set.quality_of(row, model));
    column.cost_usd.push_back(set.cost_usd[row * set.models.size() + model]);
  }
  return column;
}

}  // namespace thalamus::route
