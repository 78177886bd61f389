// Word 1-2-grams and character 2-5-grams, weighted by inverse document frequency and projected by a signed sparse
// random map to a fixed number of dimensions: each n-gram adds its weight with a sign to `repeats` dimensions drawn
// from its hash. Weinberger et al., Feature hashing for large scale multitask learning, arXiv 0902.2206; Kane and
// Nelson, Sparser Johnson-Lindenstrauss transforms, arXiv 1012.1577. Nothing but the document frequencies is fitted;
// they are kept in hashed buckets, one byte each. The two kinds fill two halves, each of unit length.
// O(letters). Character n-grams come from the head and tail of the letters only.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "thalamus/base/rng.h"
#include "thalamus/feature/feature.h"
#include "thalamus/feature/text_hash.h"
#include "thalamus/math/kernels.h"

namespace thalamus::feature {
namespace {

constexpr std::uint64_t kSchema = 0x7468616c616d7573ULL + 3;  // raised when the numbers are computed differently
constexpr std::size_t kLettersHead = 4096;
constexpr std::size_t kLettersTail = 2048;
constexpr std::size_t kWordsHead = 4096;
constexpr std::size_t kWordsTail = 2048;
constexpr std::size_t kDimsMax = 4096;
constexpr std::size_t kUsualBuckets = 65536;  // the defaults have a faster path
constexpr std::size_t kUsualSlots = 256;
constexpr std::uint64_t kLetterFactor = 0x9fb21c651e98df25ULL;  // part of the schema
constexpr std::uint64_t kGramFactor = 0xc2b2ae3d27d4eb4fULL;    // part of the schema
constexpr float kWeightStep = 1.0F / 16;  // of the stored byte; 255 stands for 15.9, beyond any log count

struct HashOptions {
  std::int64_t dims = 256;
  std::int64_t buckets = 65536;
  std::int64_t repeats = 2;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("dims", dims, Whole{16, kDimsMax}, "dimensions, words and letters together");
    visit("buckets", buckets, Whole{64, 1 << 22}, "buckets of document frequencies");
    visit("repeats", repeats, Whole{1, 8}, "dimensions that each n-gram adds to");
  }
};

/// Draws numbers below given bounds from one hash: each takes its share of the highest bits and leaves the rest.
class Draws {
 public:
  explicit constexpr Draws(std::uint64_t hash) noexcept : hash_(hash), rest_(hash) {}
  constexpr std::size_t below(std::size_t bound) noexcept {
    const Wide product = static_cast<Wide>(rest_) * bound;
    rest_ = static_cast<std::uint64_t>(product);
    return static_cast<std::size_t>(product >> 64);
  }
  constexpr void renew() noexcept { rest_ = hash_ = base::mix64(hash_); }

 private:
  std::uint64_t hash_;
  std::uint64_t rest_;
};

std::size_t bucket_of(std::uint64_t hash, std::size_t buckets) noexcept { return Draws(hash).below(buckets); }

/// Calls `visit(hash)` for each word 1-2-gram.
template <class Visit>
void for_words(const Description& description, Visit&& visit) {
  const auto& tokens = description.tokens;
  const auto part = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    visit(tokens[begin]);
    for (std::size_t i = begin + 1; i < end; ++i) {
      visit(tokens[i]);
      visit((std::rotl(tokens[i - 1], 32) ^ tokens[i]) * kGramFactor);
    }
  };
  if (tokens.size() <= kWordsHead + kWordsTail) return part(0, tokens.size());
  part(0, kWordsHead);
  part(tokens.size() - kWordsTail, tokens.size());
}

bool begins_letter(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

/// The first and the last letters of a long text; a short one is all in the first part.
struct LetterParts {
  std::string_view first;
  std::string_view last;
};

LetterParts letter_parts(std::string_view letters) noexcept {
  if (letters.size() <= kLettersHead + kLettersTail) return {letters, {}};
  const auto count = static_cast<std::size_t>(std::count_if(letters.begin(), letters.end(), begins_letter));
  if (count <= kLettersHead + kLettersTail) return {letters, {}};
  std::size_t head = 0;
  for (std::size_t seen = 0; seen < kLettersHead || !begins_letter(letters[head]); ++head)
    seen += begins_letter(letters[head]) ? 1 : 0;
  std::size_t tail = letters.size();
  for (std::size_t seen = 0; seen < kLettersTail;) seen += begins_letter(letters[--tail]) ? 1 : 0;
  return {letters.substr(0, head), letters.substr(tail)};
}

/// The hashes of the n-grams that end at the latest letter, from those that ended one letter before: a turn of all
/// bits, and the letter's own bits. One product then spreads them.
class LetterGrams {
 public:
  /// Calls `visit(hash)` for each 2-5-gram that the letter completes.
  template <class Visit>
  void add(std::uint64_t letter, Visit&& visit) {
    const std::uint64_t bits = (letter + 1) * kLetterFactor;
    for (std::size_t k = kLongest - 1; k > 0; --k) ending_[k] = std::rotl(ending_[k - 1], 15) ^ bits;
    ending_[0] = bits;
    if (letters_ >= kLongest - 1) {
      for (std::size_t k = 1; k < kLongest; ++k) visit(ending_[k] * kGramFactor);
      return;
    }
    for (std::size_t k = 1; k <= letters_; ++k) visit(ending_[k] * kGramFactor);
    ++letters_;
  }

 private:
  static constexpr std::size_t kLongest = 5;
  std::array<std::uint64_t, kLongest> ending_{};  ///< of 1, 2, ... letters
  std::size_t letters_ = 0;                       ///< seen, up to kLongest - 1
};

/// Calls `visit(hash)` for each character 2-5-gram.
template <class Visit>
void for_letters(const Description& description, Visit&& visit) {
  const auto part = [&](std::string_view letters) {
    LetterGrams grams;
    for (std::size_t i = 0; i < letters.size();) {
      std::uint64_t letter = static_cast<unsigned char>(letters[i++]);
      if (letter >= 0x80)
        for (; i < letters.size() && !begins_letter(letters[i]); ++i)
          letter = (letter << 8) | static_cast<unsigned char>(letters[i]);
      grams.add(letter, visit);
    }
  };
  const LetterParts parts = letter_parts(description.letters);
  part(parts.first);
  part(parts.last);
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
    project(words, [&](auto&& add) { for_words(description, add); });
    project(letters, [&](auto&& add) { for_letters(description, add); });
    for (float& value : out) value *= 0.70710678F;
  }

  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(dims_));
    out.put(static_cast<std::uint32_t>(repeats_));
    out.put_array(weights_);
  }

 private:
  /// Fills one half, unit length: `visit_all(add)` calls `add(hash)` for each n-gram. Sums are whole numbers, two for
  /// each dimension: what is added and what is taken away.
  template <class VisitAll>
  void project(std::span<float> half, VisitAll&& visit_all) const noexcept {
    std::array<std::int32_t, kDimsMax + 2> sums;
    const std::size_t slots = 2 * half.size();
    std::fill_n(sums.begin(), slots, 0);
    const std::uint8_t* const weights = weights_.data();
    if (weights_.size() == kUsualBuckets && slots == kUsualSlots && repeats_ == 2) {
      visit_all([&](std::uint64_t hash) {  // the general case below, with its products as shifts
        const auto draws = static_cast<std::uint32_t>(hash >> 32);
        const std::int32_t weight = weights[draws >> 16];
        sums[(draws >> 8) & (kUsualSlots - 1)] += weight;
        sums[draws & (kUsualSlots - 1)] += weight;
      });
    } else {
      visit_all([&](std::uint64_t hash) {
        Draws draws(hash);
        const std::int32_t weight = weights[draws.below(weights_.size())];
        for (std::size_t repeat = 0; repeat < repeats_; ++repeat) {
          if (repeat % 2 == 0 && repeat > 0) draws.renew();
          sums[draws.below(slots)] += weight;
        }
      });
    }
    for (std::size_t d = 0; d < half.size(); ++d)
      half[d] = static_cast<float>(sums[2 * d] - sums[2 * d + 1]) * kWeightStep;
    math::normalize(half);
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
  if (dims < 16 || dims > kDimsMax || repeats < 1 || repeats > 8 || weights.empty() || weights.size() > (1U << 22))
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
          .schema_hash = base::mix64(kSchema),
          .sparse = false,
          .reads = {.signals = false, .tokens = true, .letters = true},
          .options = &base::list_options<HashOptions>,
          .fit = &fit_hash,
          .load = &load_hash};
}

}  // namespace thalamus::feature
