/// A request as a question and the documents that precede it, in numbers: what methods read that estimate how documents
/// change an answer.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"
#include "thalamus/feature/description.h"
#include "thalamus/route/training_set.h"

namespace thalamus::route {

inline constexpr std::size_t kDocumentTokensMax = 1024;  // of the question, and of what precedes it
inline constexpr std::size_t kDocumentDims = 64;
/// e_q, e_d, their products, cosine, length of the documents, overlap.
inline constexpr std::size_t kDocumentFeatures = 3 * kDocumentDims + 3;

/// The part of a token's hash that is kept.
[[nodiscard]] constexpr std::uint32_t document_token(std::uint64_t hash) noexcept {
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}
[[nodiscard]] constexpr std::uint32_t document_token(std::uint32_t token) noexcept { return token; }

/// Adds the question and the documents of one request as the next row of `set`.
void append_documents(const feature::Description& description, TrainingSet& set);

/// Fitted inverse document frequencies, and the features built with them.
class DocumentFeatures {
 public:
  DocumentFeatures() : weights_(kBuckets, 1.0F) {}
  /// From the questions and documents of some rows.
  [[nodiscard]] static DocumentFeatures fit(const TrainingSet& data, std::span<const std::uint32_t> rows);
  [[nodiscard]] static Result<DocumentFeatures> load(base::ByteReader& in, std::string_view what);
  void save(base::ByteWriter& out) const { out.put_array(weights_); }

  /// Fills `out` (kDocumentFeatures long). False, and `out` untouched, where there are no documents or no question.
  /// Allocates nothing.
  [[nodiscard]] bool of(const feature::Description& description, std::span<float> out) const noexcept;
  [[nodiscard]] bool of(const TrainingSet& data, std::size_t row, std::span<float> out) const noexcept;

 private:
  static constexpr unsigned kBucketBits = 13;
  static constexpr std::size_t kBuckets = std::size_t{1} << kBucketBits;
  [[nodiscard]] static constexpr std::size_t bucket(std::uint32_t token) noexcept {
    return token >> (32 - kBucketBits);
  }
  template <class Token>
  void embed(std::span<const Token> tokens, std::span<float> out) const noexcept;
  template <class Token>
  [[nodiscard]] bool fill(std::span<const Token> question, std::span<const Token> context,
                          std::span<float> out) const noexcept;

  std::vector<float> weights_;  ///< per bucket of tokens
};

}  // namespace thalamus::route
