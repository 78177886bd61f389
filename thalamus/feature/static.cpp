// Token vectors distilled from the sentence encoder, averaged: sum over the tokens of w(t) v(t), unit length. After
// Model2Vec (Tulkens and van Dongen, Model2Vec: fast state-of-the-art static embeddings, 2024): each piece of the
// vocabulary encoded alone, reduced by principal components; and smooth inverse frequency (Arora, Liang and Ma, ICLR
// 2017): w(t) = a / (a + p(t)), with p from the training texts or, by Zipf's law, from the vocabulary's order.
// O(tokens x dims), in whole numbers. Simplified: a token of the Description has a vector where the vocabulary holds it
// as one whole word (95 % of the words of English prompts); other words, and words with accents, are left out, since
// cutting them into pieces would be a second pass over the text.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <system_error>

#include "thalamus/base/rng.h"
#include "thalamus/base/text.h"
#include "thalamus/feature/feature.h"
#include "thalamus/feature/static_vectors.h"
#include "thalamus/feature/text_hash.h"
#include "thalamus/math/kernels.h"

namespace thalamus::feature {
namespace {

constexpr std::uint64_t kSchema = 0x737461746963ULL + 1;  // raised when the numbers are computed differently
constexpr std::size_t kWordsHead = 4096;
constexpr std::size_t kWordsTail = 2048;
constexpr double kLargest = 32000;      // of the numbers in 16 bits; 6,144 of them fit a sum of 32 bits
constexpr double kRareShare = 1e-4;     // a of the weights
constexpr double kPriorWords = 20'000;  // how many words the vocabulary's order counts for beside the texts' own
constexpr float kScaleMax = 1e6F;

struct StaticOptions {
  std::string file;
  std::int64_t dims = 64;
  std::string weights = "zipf";
  double rare_share = kRareShare;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("file", file, base::Choices{}, "vectors to read (default: those that thalamus distil wrote for `dims`)");
    visit("dims", dims, base::Range<std::int64_t>{1, kStaticDimsMax}, "dimensions; of a wider file the first ones");
    visit("weights", weights, base::Choices{{"zipf", "texts"}},
          "how frequent a word is: by its place in the vocabulary, or by the training texts");
    visit("rare_share", rare_share, base::Range<double>{1e-7, 1.0}, "a word of this share weighs half of a rare one");
  }
};

class Static final : public Feature {
 public:
  /// `hashes` ascend; a word's vector is scale * numbers.
  Static(std::size_t dims, std::vector<std::uint64_t> hashes, std::vector<float> scales,
         std::vector<std::int8_t> numbers)
      : dims_(dims), hashes_(std::move(hashes)), scales_(std::move(scales)), numbers_(std::move(numbers)) {
    double largest = 0;
    for (std::size_t w = 0; w < hashes_.size(); ++w)
      for (std::size_t d = 0; d < dims_; ++d)
        largest = std::max(largest, std::abs(static_cast<double>(scales_[w]) * numbers_[w * dims_ + d]));
    const double factor = largest > 0 ? kLargest / largest : 0;
    wide_.resize(numbers_.size());
    for (std::size_t i = 0; i < wide_.size(); ++i)
      wide_[i] = static_cast<std::int16_t>(std::lround(static_cast<double>(scales_[i / dims_]) * numbers_[i] * factor));
    slots_.assign(std::bit_ceil(2 * hashes_.size() + 2), {});
    for (std::size_t w = 0; w < hashes_.size(); ++w) {
      std::size_t slot = hashes_[w] & (slots_.size() - 1);
      while (slots_[slot].word != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = {static_cast<std::uint32_t>(hashes_[w] >> 32), static_cast<std::uint32_t>(w + 1)};
    }
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "static"; }
  [[nodiscard]] std::size_t dense_size() const noexcept override { return dims_; }

  void transform(const Description& description, std::span<float> out) const noexcept override {
    if (out.size() < dims_) return;
    std::array<std::int32_t, kStaticDimsMax> sums;
    std::fill_n(sums.begin(), dims_, 0);
    const std::span<const std::uint64_t> tokens(description.tokens);
    if (tokens.size() <= kWordsHead + kWordsTail) {
      add(tokens, sums);
    } else {
      add(tokens.first(kWordsHead), sums);
      add(tokens.last(kWordsTail), sums);
    }
    for (std::size_t d = 0; d < dims_; ++d) out[d] = static_cast<float>(sums[d]);
    math::normalize(out.first(dims_));
  }

  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(dims_));
    out.put_array(hashes_);
    out.put_array(scales_);
    out.put_array(numbers_);
  }

 private:
  struct Slot {
    std::uint32_t high = 0;  ///< of the hash
    std::uint32_t word = 0;  ///< index + 1; 0 where empty
  };

  void add(std::span<const std::uint64_t> tokens, std::array<std::int32_t, kStaticDimsMax>& sums) const noexcept {
    for (const std::uint64_t token : tokens) {
      const std::uint32_t word = find(token);
      if (word == 0) continue;
      const std::int16_t* const vector = wide_.data() + (word - 1) * dims_;
      for (std::size_t d = 0; d < dims_; ++d) sums[d] += vector[d];
    }
  }

  // Index + 1 of a word, 0 if it has no vector.
  [[nodiscard]] std::uint32_t find(std::uint64_t token) const noexcept {
    const auto high = static_cast<std::uint32_t>(token >> 32);
    std::size_t slot = token & (slots_.size() - 1);
    for (; slots_[slot].word != 0; slot = (slot + 1) & (slots_.size() - 1))
      if (slots_[slot].high == high && hashes_[slots_[slot].word - 1] == token) return slots_[slot].word;
    return 0;
  }

  std::size_t dims_;
  std::vector<std::uint64_t> hashes_;  ///< token_hash of each word
  std::vector<float> scales_;          ///< with the word's weight in it
  std::vector<std::int8_t> numbers_;   ///< as in the file: words x dims
  std::vector<std::int16_t> wide_;     ///< the weighted vectors on one common scale
  std::vector<Slot> slots_;            ///< open addressing, at most half full
};

/// Whether a piece can be a whole token of a Description: ASCII letters and digits, or one code point beyond.
bool is_token(std::string_view piece) noexcept {
  if (piece.empty()) return false;
  if (static_cast<unsigned char>(piece[0]) >= 0x80) {
    std::size_t position = 0;
    static_cast<void>(base::next_code_point(piece, position));
    return position == piece.size();
  }
  return std::all_of(piece.begin(), piece.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

/// The file named, or the one that `thalamus distil` wrote.
Result<std::filesystem::path> find_file(const StaticOptions& options) {
  if (!options.file.empty()) return std::filesystem::path(options.file);
  TRY(const auto folder, static_folder());
  const std::string begin = "static-" + std::to_string(options.dims) + "-";
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(begin) && name.ends_with(".vectors")) found.push_back(name);
  }
  std::sort(found.begin(), found.end());
  if (found.size() == 1) return folder / found[0];
  if (found.empty())
    return fail(
        ErrorKind::kNotFound,
        "feature static: no vectors of {} dimensions in {}; make them with `thalamus distil --dims {}`, or name "
        "a file with file=PATH",
        options.dims, folder.string(), options.dims);
  return fail(ErrorKind::kInvalidInput, "feature static: {} holds {} files of {} dimensions; name one with file=PATH",
              folder.string(), found.size(), options.dims);
}

/// The words of a file that can be tokens, their hashes ascending.
struct Words {
  std::vector<std::uint64_t> hashes;
  std::vector<std::uint32_t> piece;  ///< of each
};

Words words_of(const StaticVectors& vectors) {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> all;
  for (std::uint32_t id = 0; id < vectors.pieces.size(); ++id)
    if (is_token(vectors.pieces[id]) && vectors.scales[id] > 0) all.emplace_back(token_hash(vectors.pieces[id]), id);
  std::sort(all.begin(), all.end());
  Words words;
  for (const auto& [hash, id] : all) {
    if (!words.hashes.empty() && words.hashes.back() == hash) continue;
    words.hashes.push_back(hash);
    words.piece.push_back(id);
  }
  return words;
}

/// The share of each word among all words: Zipf's law over the vocabulary's order, and the texts' own counts.
std::vector<double> shares_of(const Words& words, const DescriptionSource* source) {
  std::vector<double> share(words.hashes.size());
  for (std::size_t w = 0; w < share.size(); ++w) share[w] = 1.0 / (1.0 + static_cast<double>(words.piece[w]));
  const double sum = std::accumulate(share.begin(), share.end(), 0.0);
  for (double& value : share) value /= sum;
  if (source == nullptr) return share;
  std::vector<double> count(share.size(), 0.0);
  double total = 0;
  Description description;
  for (std::size_t row = 0; row < source->rows; ++row) {
    source->read(row, description);
    for (const std::uint64_t token : description.tokens) {
      const auto found = std::lower_bound(words.hashes.begin(), words.hashes.end(), token);
      if (found != words.hashes.end() && *found == token)
        count[static_cast<std::size_t>(found - words.hashes.begin())] += 1;
      total += 1;
    }
  }
  for (std::size_t w = 0; w < share.size(); ++w) share[w] = (count[w] + kPriorWords * share[w]) / (total + kPriorWords);
  return share;
}

Result<std::unique_ptr<Feature>> fit_static(const DescriptionSource& source, const base::OptionMap& values,
                                            base::Rng&) {
  TRY(const auto options, base::parse_options<StaticOptions>(values));
  TRY(const auto path, find_file(options));
  auto vectors = StaticVectors::load_file(path);
  if (!vectors && vectors.error().kind == ErrorKind::kNotFound)
    return fail(ErrorKind::kNotFound,
                "feature static: the file {} is not there; make one with `thalamus distil --out FILE` and name it with "
                "file=FILE",
                path.string());
  if (!vectors) return std::unexpected(std::move(vectors).error());
  const auto dims = static_cast<std::size_t>(options.dims);
  if (dims > vectors->dims)
    return fail(ErrorKind::kInvalidInput, "feature static: {} has {} dimensions, {} are asked for; set dims={}",
                path.string(), vectors->dims, dims, vectors->dims);
  Words words = words_of(*vectors);
  if (words.hashes.empty())
    return fail(ErrorKind::kInvalidInput, "feature static: {} holds no whole words", path.string());
  const auto shares = shares_of(words, options.weights == "texts" ? &source : nullptr);
  std::vector<float> scales;
  std::vector<std::int8_t> numbers;
  for (std::size_t w = 0; w < words.hashes.size(); ++w) {
    const double weight = options.rare_share / (options.rare_share + shares[w]);
    scales.push_back(static_cast<float>(static_cast<double>(vectors->scales[words.piece[w]]) * weight));
    const auto row = vectors->numbers.begin() + static_cast<std::ptrdiff_t>(words.piece[w] * vectors->dims);
    numbers.insert(numbers.end(), row, row + static_cast<std::ptrdiff_t>(dims));
  }
  return std::make_unique<Static>(dims, std::move(words.hashes), std::move(scales), std::move(numbers));
}

Result<std::unique_ptr<Feature>> load_static(base::ByteReader& in) {
  TRY(const auto dims, in.get<std::uint32_t>());
  TRY(auto hashes, in.get_array<std::uint64_t>());
  TRY(auto scales, in.get_array<float>());
  TRY(auto numbers, in.get_array<std::int8_t>());
  if (dims < 1 || dims > kStaticDimsMax || hashes.empty() || hashes.size() > kVocabularySizeMax ||
      scales.size() != hashes.size() || numbers.size() != hashes.size() * dims)
    return fail(ErrorKind::kCorrupt, "feature static: {} words, {} scales and {} numbers of {} dimensions do not fit",
                hashes.size(), scales.size(), numbers.size(), dims);
  if (std::adjacent_find(hashes.begin(), hashes.end(), std::greater_equal<>()) != hashes.end())
    return fail(ErrorKind::kCorrupt, "feature static: words must ascend");
  if (!std::all_of(scales.begin(), scales.end(), [](float x) { return x >= 0 && x <= kScaleMax; }))
    return fail(ErrorKind::kCorrupt, "feature static: a scale is out of bounds");
  return std::make_unique<Static>(dims, std::move(hashes), std::move(scales), std::move(numbers));
}

}  // namespace

FeatureRecord static_record() {
  return {.name = "static",
          .help = "token vectors distilled from the sentence encoder, weighted mean, unit length",
          .source = "arXiv:1908.10084",
          .latency_class_us = 10,
          .schema_hash = base::mix64(kSchema),
          .sparse = false,
          .reads = {.signals = false, .tokens = true, .letters = false},
          .options = &base::list_options<StaticOptions>,
          .fit = &fit_static,
          .load = &load_static};
}

}  // namespace thalamus::feature
