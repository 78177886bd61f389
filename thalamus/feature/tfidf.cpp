// The reference text model (methods/evaluation.md 7.3): tokens are ASCII alphanumeric runs and single code points
// beyond ASCII, lower-cased; weight tf * idf with idf = ln((1 + N) / (1 + df)) + 1, unit Euclidean length; tokens not
// seen in training are ignored. O(tokens log tokens). Terms are known by their 64-bit hash.
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "thalamus/base/rng.h"
#include "thalamus/feature/feature.h"

namespace thalamus::feature {
namespace {

constexpr std::size_t kTermsMax = 1U << 24;

struct TfidfOptions {
  std::int64_t frequency_min = 1;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("frequency_min", frequency_min, base::Range<std::int64_t>{1, 1000}, "texts that must hold a term");
  }
};

class Tfidf final : public Feature {
 public:
  Tfidf(std::uint64_t rows, std::vector<std::uint64_t> terms, std::vector<std::uint32_t> frequency)
      : rows_(rows), terms_(std::move(terms)), frequency_(std::move(frequency)) {
    idf_.reserve(terms_.size());
    for (const std::uint32_t df : frequency_)
      idf_.push_back(std::log((1.0 + static_cast<double>(rows_)) / (1.0 + static_cast<double>(df))) + 1.0);
    slots_.assign(std::bit_ceil(terms_.size() * 2 + 2), 0);
    for (std::size_t id = 0; id < terms_.size(); ++id) {
      std::size_t slot = terms_[id] & (slots_.size() - 1);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = static_cast<std::uint32_t>(id + 1);
    }
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "tfidf"; }
  [[nodiscard]] std::size_t dense_size() const noexcept override { return 0; }
  [[nodiscard]] std::size_t sparse_size() const noexcept override { return terms_.size(); }
  void transform(const Description&, std::span<float>) const noexcept override {}

  void transform_sparse(const Description& description, SparseVector& out) const noexcept override {
    out.clear();
    for (const std::uint64_t token : description.tokens) {
      const std::uint32_t slot = find(token);
      if (slot != 0) out.ids.push_back(slot - 1);
    }
    std::sort(out.ids.begin(), out.ids.end());
    std::size_t kept = 0;
    double square = 0;
    for (std::size_t i = 0; i < out.ids.size();) {
      std::size_t end = i;
      while (end < out.ids.size() && out.ids[end] == out.ids[i]) ++end;
      const double weight = static_cast<double>(end - i) * idf_[out.ids[i]];
      out.ids[kept++] = out.ids[i];
      out.values.push_back(weight);
      square += weight * weight;
      i = end;
    }
    out.ids.resize(kept);
    const double length = std::sqrt(square);
    for (double& value : out.values) value /= length;
  }

  void save(base::ByteWriter& out) const override {
    out.put(rows_);
    out.put_array(terms_);
    out.put_array(frequency_);
  }

 private:
  // Index + 1 of a term, 0 if it is unknown.
  [[nodiscard]] std::uint32_t find(std::uint64_t token) const noexcept {
    std::size_t slot = token & (slots_.size() - 1);
    while (slots_[slot] != 0) {
      if (terms_[slots_[slot] - 1] == token) return slots_[slot];
      slot = (slot + 1) & (slots_.size() - 1);
    }
    return 0;
  }

  std::uint64_t rows_;
  std::vector<std::uint64_t> terms_;  ///< ascending; the position is the id
  std::vector<std::uint32_t> frequency_;
  std::vector<double> idf_;
  std::vector<std::uint32_t> slots_;  ///< open addressing, at most half full
};

Result<std::unique_ptr<Feature>> fit_tfidf(const DescriptionSource& source, const base::OptionMap& values, base::Rng&) {
  TRY(const auto options, base::parse_options<TfidfOptions>(values));
  // Distinct tokens of each text, counted by sorting in batches: memory stays near the vocabulary's size.
  std::map<std::uint64_t, std::uint32_t> counts;
  Description description;
  std::vector<std::uint64_t> distinct;
  for (std::size_t row = 0; row < source.rows; ++row) {
    source.read(row, description);
    distinct.assign(description.tokens.begin(), description.tokens.end());
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    for (const std::uint64_t token : distinct) ++counts[token];
    if (counts.size() > kTermsMax)
      return fail(ErrorKind::kTooLarge, "feature tfidf: more than {} different tokens; use the feature hash",
                  kTermsMax);
  }
  std::vector<std::uint64_t> terms;
  std::vector<std::uint32_t> frequency;
  for (const auto& [term, count] : counts) {
    if (static_cast<std::int64_t>(count) < options.frequency_min) continue;
    terms.push_back(term);
    frequency.push_back(count);
  }
  return std::make_unique<Tfidf>(source.rows, std::move(terms), std::move(frequency));
}

Result<std::unique_ptr<Feature>> load_tfidf(base::ByteReader& in) {
  TRY(const auto rows, in.get<std::uint64_t>());
  TRY(auto terms, in.get_array<std::uint64_t>());
  TRY(auto frequency, in.get_array<std::uint32_t>());
  if (terms.size() != frequency.size() || terms.size() > kTermsMax ||
      std::adjacent_find(terms.begin(), terms.end(), std::greater_equal<>()) != terms.end())
    return fail(ErrorKind::kCorrupt, "feature tfidf: terms must ascend, each with a frequency");
  if (!std::all_of(frequency.begin(), frequency.end(), [&](std::uint32_t df) { return df >= 1 && df <= rows; }))
    return fail(ErrorKind::kCorrupt, "feature tfidf: a frequency lies outside 1..{}", rows);
  return std::make_unique<Tfidf>(rows, std::move(terms), std::move(frequency));
}

}  // namespace

FeatureRecord tfidf_record() {
  return {.name = "tfidf",
          .help = "reference text model: word tokens, tf-idf, unit length; sparse",
          .source = "",
          .latency_class_us = 100,
          .schema_hash = base::mix64(0x7466696466ULL + 1),
          .sparse = true,
          .reads = {.signals = false, .tokens = true, .letters = false},
          .options = &base::list_options<TfidfOptions>,
          .fit = &fit_tfidf,
          .load = &load_tfidf};
}

}  // namespace thalamus::feature
