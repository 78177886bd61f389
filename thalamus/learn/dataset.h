/// An outcome table as training reads it: rows with recorded quality, described on demand.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/feature/feature_set.h"
#include "thalamus/route/training_set.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::learn {

/// Borrows the table for its lifetime.
class Dataset {
 public:
  /// kInvalidInput where no row has recorded quality, or a recorded number is out of bounds.
  [[nodiscard]] static Result<Dataset> make(const trace::OutcomeTable& table);

  /// Positions below are indices into the kept rows.
  [[nodiscard]] std::size_t rows() const noexcept { return kept_.size(); }
  [[nodiscard]] std::size_t models() const noexcept { return table_->models.size(); }
  [[nodiscard]] const trace::OutcomeTable& table() const noexcept { return *table_; }
  [[nodiscard]] const trace::Row& row(std::size_t position) const noexcept { return table_->rows[kept_[position]]; }
  [[nodiscard]] const trace::Cell& cell(std::size_t position, std::size_t model) const noexcept;
  void describe(std::size_t position, feature::Description& out) const;
  [[nodiscard]] std::size_t dropped() const noexcept { return table_->rows.size() - kept_.size(); }

  /// Hash of the row's prompt and tools, trimmed, spaces collapsed, lower-cased: equal ones stay in one fold.
  [[nodiscard]] std::uint64_t prompt_key(std::size_t position) const;

  /// Texts of some positions, for fitting features.
  [[nodiscard]] feature::DescriptionSource source(std::span<const std::uint32_t> positions) const;

  /// Features and outcomes of some positions; tokens only if asked for.
  struct Want {
    bool tokens = false;
    bool documents = false;
  };
  [[nodiscard]] route::TrainingSet training_set(std::span<const std::uint32_t> positions,
                                                const feature::FeatureSet& features, Want want) const;
  /// positions x models of one member of the cells, as float.
  [[nodiscard]] std::vector<float> column(std::span<const std::uint32_t> positions, double trace::Cell::* member) const;

 private:
  const trace::OutcomeTable* table_ = nullptr;
  std::vector<std::uint32_t> kept_;
  std::vector<feature::Description> cache_;  ///< of small tables; empty for large ones
};

/// The fold of each position: equal prompts together, folds of about equal size. Deterministic in the seed.
[[nodiscard]] std::vector<std::uint32_t> assign_folds(const Dataset& data, std::size_t folds, std::uint64_t seed);
/// How many different prompts there are.
[[nodiscard]] std::size_t distinct_prompts(const Dataset& data);

}  // namespace thalamus::learn
