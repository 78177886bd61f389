/// A feature: a fitted transform of a Description into dense numbers or a sparse vector. One file each, one line in
/// features.def.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/fields.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/feature/description.h"

namespace thalamus::feature {

/// Ascending term ids with their weights. Borrowed.
struct SparseView {
  std::span<const std::uint32_t> ids;
  std::span<const double> values;
};

/// Reusable storage of a sparse vector.
struct SparseVector {
  std::vector<std::uint32_t> ids;
  std::vector<double> values;
  void clear() noexcept {
    ids.clear();
    values.clear();
  }
  void reserve() {
    ids.reserve(kTokensMax);
    values.reserve(kTokensMax);
  }
  [[nodiscard]] SparseView view() const noexcept { return {ids, values}; }
};

/// Training texts, read as often as a fit needs.
struct DescriptionSource {
  std::size_t rows = 0;
  std::function<void(std::size_t row, Description& out)> read;
};

/// Immutable once fitted or loaded; all calls are thread-safe.
class Feature {
 public:
  virtual ~Feature() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// Length of the dense block; 0 for a sparse feature.
  [[nodiscard]] virtual std::size_t dense_size() const noexcept = 0;
  /// Number of sparse terms; 0 for a dense feature.
  [[nodiscard]] virtual std::size_t sparse_size() const noexcept { return 0; }
  /// Fills `out` (dense_size long), finite numbers only. Allocates nothing, unless it is slow and may compute now.
  virtual void transform(const Description& description, std::span<float> out) const noexcept = 0;
  /// Fills `out`. Allocates nothing once `out` is reserved.
  virtual void transform_sparse(const Description& description, SparseVector& out) const noexcept;
  /// False where a transform would take milliseconds now, or stand in for what it has not computed (Patience).
  [[nodiscard]] virtual bool ready(const Description&) const noexcept { return true; }
  /// Of slow features: computes in the background what a transform needs, then calls `done` once, on a thread of its
  /// own. False, and `done` is dropped, where there is nothing to compute or too much waits already.
  [[nodiscard]] virtual bool request(const Description&, std::function<void()>&&) const { return false; }
  virtual void save(base::ByteWriter& out) const = 0;
};

/// One row of features.def.
struct FeatureRecord {
  std::string_view name;
  std::string_view help;
  std::string_view source;        ///< paper or section, may be empty
  double latency_class_us = 0;    ///< 1, 10, 100 or 10,000: of one transform of a 2 KB prompt
  std::uint64_t schema_hash = 0;  ///< changes with the meaning of the numbers
  bool sparse = false;
  Reads reads = kReadsAll;  ///< what a transform reads beyond what is always filled
  std::vector<base::OptionRow> (*options)() = nullptr;
  Result<std::unique_ptr<Feature>> (*fit)(const DescriptionSource& source, const base::OptionMap& options,
                                          base::Rng& rng) = nullptr;
  Result<std::unique_ptr<Feature>> (*load)(base::ByteReader& in) = nullptr;
};

[[nodiscard]] std::span<const FeatureRecord> features();
[[nodiscard]] const FeatureRecord* find_feature(std::string_view name);

}  // namespace thalamus::feature
