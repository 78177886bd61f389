/// Words of a request as a sparse vector over a vocabulary, weighted by inverse document frequency, of unit length.
/// What several methods that read tokens share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/math/sparse_linear.h"
#include "thalamus/route/router.h"
#include "thalamus/route/training_set.h"

namespace thalamus::route {

/// Words of a bit set of `buckets`.
[[nodiscard]] constexpr std::size_t mark_words(std::size_t buckets) noexcept { return (buckets + 63) / 64; }

/// Appends the bucket of each token to `out` when it is met first. `marks` has mark_words(buckets) words or more, all
/// zero, and is left so: only the words that were set are cleared.
void distinct_buckets(std::span<const std::uint64_t> tokens, std::size_t buckets, std::span<std::uint64_t> marks,
                      std::vector<std::uint32_t>& out);

/// The sparse rows of a training set in a token space.
struct TokenRows {
  std::vector<std::uint64_t> offsets{0};
  std::vector<std::uint32_t> ids;
  std::vector<float> values;

  [[nodiscard]] math::SparseMatrix view(std::size_t columns) const noexcept { return {offsets, ids, values, columns}; }
};

inline constexpr std::size_t kVocabularyMax = 1U << 16;

class TokenSpace {
 public:
  TokenSpace() = default;
  /// The words that at least two rows of `data` have, the more frequent ones where there are more than `words_max`
  /// (at most kVocabularyMax). `data` must have tokens.
  TokenSpace(const TrainingSet& data, std::size_t words_max);

  /// Size of the vocabulary; at least 1.
  [[nodiscard]] std::size_t words() const noexcept { return idf_.size(); }
  /// Fills scratch.words and scratch.word_values with the words that are known; keeps them where they are of the same
  /// vocabulary and scratch.keep_words is set. Allocates nothing once the scratch is prepared.
  void transform(std::span<const std::uint64_t> tokens, Scratch& scratch) const noexcept;
  void prepare(Scratch& scratch) const;
  /// Of the rows named, in their order.
  [[nodiscard]] TokenRows rows(const TrainingSet& data, std::span<const std::uint32_t> positions) const;

  void save(base::ByteWriter& out) const;
  [[nodiscard]] static Result<TokenSpace> load(base::ByteReader& in, std::string_view what);

 private:
  void build_slots();
  static constexpr std::uint32_t kNone = UINT32_MAX;
  [[nodiscard]] std::uint32_t find(std::uint64_t token) const noexcept;

  std::vector<std::uint64_t> vocabulary_;  ///< token hashes, ascending
  std::vector<float> idf_;
  std::vector<std::uint32_t> slots_;  ///< open addressing: index in vocabulary_ or kNone; a power of two
  std::uint64_t content_ = 0;         ///< hash of vocabulary_ and idf_
};

/// All rows, or a seeded sample of `rows_max` of them in ascending order.
[[nodiscard]] std::vector<std::uint32_t> sample_rows(std::size_t rows, std::size_t rows_max, base::Rng& rng);

/// Task of each row; where there are more than `kTasksMax`, the rarer ones share the cell of rows without a task.
struct Tasks {
  std::vector<std::uint32_t> of_row;
  std::vector<std::string> names;
};
inline constexpr std::size_t kTasksMax = 512;
[[nodiscard]] Tasks fold_tasks(const TrainingSet& data);

}  // namespace thalamus::route
