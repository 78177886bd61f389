// Word 1-2-grams and character 2-5-grams, weighted by inverse document frequency and projected by a signed sparse
// random map to a fixed number of dimensions: each n-gram adds its weight with a sign to `repeats` dimensions drawn
// from its hash. Weinberger et al., Feature hashing for large scale multitask learning, arXiv 0902.2206; Kane and
// Nelson, Sparser Johnson-Lindenstrauss transforms, arXiv 1012.1577. Nothing but the document frequencies is fitted;
// they are kept in hashed buckets, one byte each. The two kinds fill two halves, each of unit length.
// O(letters). Character n-grams come from the head and tail of the letters only.
#include <algorithm>
#include <array>
#include <cmath>

#include "thalamus/base/rng.h"
#include "thalamus/feature/feature.h"
#include "thalamus/math/kernels.h"

namespace thalamus::feature {
namespace {

constexpr std::uint64_t kProjectionSeed = 0x7468616c616d7573ULL;  // part of the schema
constexpr std::size_t kLettersHead = 4096;
constexpr std::size_t kLettersTail = 2048;
constexpr std::size_t kWordsHead = 4096;
constexpr std::size_t kWordsTail = 2048;
constexpr float kWeightStep = 1.0F / 16;  // of the stored byte; 255 stands for 15.9, beyond any log count

struct HashOptions {
  std::int64_t dims = 256;
  std::int64_t buckets = 65536;
  std::int64_t repeats = 2;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("dims", dims, Whole{16, 4096}, "dimensions, words and letters together");
    visit("buckets", buckets, Whole{64, 1 << 22}, "buckets of document frequencies");
    visit("repeats", repeats, Whole{1, 8}, "dimensions that each n-gram adds to");
  }
};

/// The bucket of an n-gram, without a division: the upper half of the hash scaled to the number of buckets.
std::size_t bucket_of(std::uint64_t hash, std::size_t buckets) noexcept {
  return static_cast<std::size_t>(((hash >> 32) * buckets) >> 32);
}

/// Calls `visit(hash)` for each word 1-2-gram.
template <class Visit>
void for_words(const Description& description, Visit&& visit) {
  const auto& tokens = description.tokens;
  const auto part = [&](std::size_t begin, std::size_t end) {
    std::uint64_t previous = 0;
    for (std::size_t i = begin; i < end; ++i) {
      visit(tokens[i]);
      if (i > begin) visit(base::mix64(previous * 3 + tokens[i]));
      previous = tokens[i];
    }
  };
  if (tokens.size() <= kWordsHead + kWordsTail) return part(0, tokens.size());
  part(0, kWordsHead);
  part(tokens.size() - kWordsTail, tokens.size());
}

/// Calls `visit(hash)` for each character 2-5-gram.
template <class Visit>
void for_letters(const Description& description, Visit&& visit) {
  const auto& letters = description.letters;
  const auto part = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      std::uint64_t hash = 0xcbf29ce484222325ULL;
      const std::size_t stop = std::min(end, i + 5);
      for (std::size_t k = i; k < stop; ++k) {
        hash = (hash ^ letters[k]) * 0x100000001b3ULL;
        if (k > i) visit(base::mix64(hash));
      }
    }
  };
  if (letters.size() <= kLettersHead + kLettersTail) return part(0, letters.size());
  part(0, kLettersHead);
  part(letters.size() - kLettersTail, letters.size());
}

class Hash final : public Feature {
 public:
  Hash(std::size_t dims, std::size_t repeats, std::vector<std::uint8_t> weights)
      : dims_(dims), repeats_(repeats), weights_(std::move(weights)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "hash"; }
  [[nodiscard]] std::size_t dense_size() const noexcept override { return dims_; }

  void transform(const Description& description, std::span<float> out) const noexcept override {
    std::fill(out.begin(), out.end(), 0.0F);
    if (out.size() < dims_) return;
    const auto words = out.subspan(0, dims_ / 2);
    const auto letters = out.subspan(dims_ / 2, dims_ - dims_ / 2);
    for_words(description, [&](std::uint64_t hash) { add(hash, words); });
    for_letters(description, [&](std::uint64_t hash) { add(hash, letters); });
    math::normalize(words);
    math::normalize(letters);
    for (float& value : out) value *= 0.70710678F;
  }

  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(dims_));
    out.put(static_cast<std::uint32_t>(repeats_));
    out.put_array(weights_);
  }

 private:
  void add(std::uint64_t hash, std::span<float> half) const noexcept {
    const float weight = static_cast<float>(weights_[bucket_of(hash, weights_.size())]) * kWeightStep;
    if (weight == 0) return;
    std::uint64_t draw = hash ^ kProjectionSeed;
    for (std::size_t repeat = 0; repeat < repeats_; ++repeat) {
      // One draw serves two dimensions: each half of it picks one, the other half's lowest bit is the sign.
      draw = repeat % 2 == 0 ? base::mix64(draw) : (draw << 32) | (draw >> 32);
      const auto dimension = static_cast<std::size_t>(((draw >> 32) * half.size()) >> 32);
      half[dimension] += (draw & 1U) != 0 ? weight : -weight;
    }
  }

  std::size_t dims_;
  std::size_t repeats_;
  std::vector<std::uint8_t> weights_;  ///< ln((1 + rows) / (1 + document frequency)) in steps of kWeightStep
};

Result<std::unique_ptr<Feature>> fit_hash(const DescriptionSource& source, const base::OptionMap& values, base::Rng&) {
  TRY(const auto options, base::parse_options<HashOptions>(values));
  const auto buckets = static_cast<std::size_t>(options.buckets);
  std::vector<std::uint32_t> frequency(buckets, 0);
  std::vector<std::uint32_t> seen_in(buckets, 0);  // the last row (plus one) that held the bucket
  Description description;
  for (std::size_t row = 0; row < source.rows; ++row) {
    source.read(row, description);
    const auto mark = [&](std::uint64_t hash) {
      const std::size_t bucket = bucket_of(hash, buckets);
      const auto stamp = static_cast<std::uint32_t>(row + 1);
      if (seen_in[bucket] == stamp) return;
      seen_in[bucket] = stamp;
      ++frequency[bucket];
    };
    for_words(description, mark);
    for_letters(description, mark);
  }
  std::vector<std::uint8_t> weights(buckets);
  const auto n = static_cast<double>(source.rows);
  for (std::size_t b = 0; b < buckets; ++b) {
    // An n-gram of every text (a shared template) says nothing: weight 0. One never seen weighs as one seen once.
    const double idf = std::log((1 + n) / (1 + std::max(1.0, static_cast<double>(frequency[b]))));
    weights[b] = static_cast<std::uint8_t>(std::clamp(std::round(idf / static_cast<double>(kWeightStep)), 0.0, 255.0));
  }
  return std::make_unique<Hash>(static_cast<std::size_t>(options.dims), static_cast<std::size_t>(options.repeats),
                                std::move(weights));
}

Result<std::unique_ptr<Feature>> load_hash(base::ByteReader& in) {
  TRY(const auto dims, in.get<std::uint32_t>());
  TRY(const auto repeats, in.get<std::uint32_t>());
  TRY(auto weights, in.get_array<std::uint8_t>());
  if (dims < 16 || dims > 4096 || repeats < 1 || repeats > 8 || weights.empty() || weights.size() > (1U << 22))
    return fail(ErrorKind::kCorrupt, "feature hash: {} dimensions, {} repeats, {} buckets are out of bounds", dims,
                repeats, weights.size());
  return std::make_unique<Hash>(dims, repeats, std::move(weights));
}

}  // namespace

FeatureRecord hash_record() {
  return {.name = "hash",
          .help = "word 1-2-grams and character 2-5-grams, TF-IDF weights, signed sparse projection",
          .source = "arXiv:0902.2206",
          .latency_class_us = 100,
          .schema_hash = base::mix64(kProjectionSeed + 2),
          .sparse = false,
          .options = &base::list_options<HashOptions>,
          .fit = &fit_hash,
          .load = &load_hash};
}

}  // namespace thalamus::feature
