#include "thalamus/route/token_space.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>

#include "thalamus/base/hash.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kAhead = 8;

template <class T>
std::uint64_t bytes_hash(std::span<const T> values, std::uint64_t seed) noexcept {
  return base::hash64({reinterpret_cast<const char*>(values.data()), values.size_bytes()}, seed);
}

}  // namespace

void distinct_buckets(std::span<const std::uint64_t> tokens, std::size_t buckets, std::span<std::uint64_t> marks,
                      std::vector<std::uint32_t>& out) {
  for (const std::uint64_t token : tokens) {
    const auto bucket = static_cast<std::uint32_t>(((token >> 32) * buckets) >> 32);
    std::uint64_t& word = marks[bucket / 64];
    const std::uint64_t bit = std::uint64_t{1} << (bucket % 64);
    if ((word & bit) != 0) continue;
    word |= bit;
    out.push_back(bucket);
  }
  for (const std::uint32_t bucket : out) marks[bucket / 64] = 0;
}

TokenSpace::TokenSpace(const TrainingSet& data, std::size_t words_max) {
  // TrainingSet has each token of a row once.
  std::vector<std::uint64_t> all = data.tokens;
  std::sort(all.begin(), all.end());
  std::vector<std::pair<std::size_t, std::uint64_t>> counted;  // rows with it, token
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i;
    while (end < all.size() && all[end] == all[i]) ++end;
    if (end - i >= 2) counted.emplace_back(end - i, all[i]);
    i = end;
  }
  if (counted.empty()) counted.emplace_back(1, 0);  // a space of one word that nothing has
  std::sort(counted.begin(), counted.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  counted.resize(std::min({counted.size(), std::max<std::size_t>(1, words_max), kVocabularyMax}));
  std::sort(counted.begin(), counted.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  const auto total = static_cast<double>(data.rows);
  for (const auto& [count, token] : counted) {
    vocabulary_.push_back(token);
    idf_.push_back(static_cast<float>(std::log((1 + total) / (1 + static_cast<double>(count))) + 1));
  }
  build_slots();
}

void TokenSpace::build_slots() {
  content_ = bytes_hash<float>(idf_, bytes_hash<std::uint64_t>(vocabulary_, 0)) | 1;  // 0 stands for none
  slots_.assign(std::bit_ceil(vocabulary_.size() * 2), kNone);
  for (std::size_t i = 0; i < vocabulary_.size(); ++i) {
    std::size_t slot = vocabulary_[i] & (slots_.size() - 1);
    while (slots_[slot] != kNone) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<std::uint32_t>(i);
  }
}

std::uint32_t TokenSpace::find(std::uint64_t token) const noexcept {
  for (std::size_t slot = token & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
    const std::uint32_t word = slots_[slot];
    if (word == kNone || vocabulary_[word] == token) return word;
  }
}

void TokenSpace::transform(std::span<const std::uint64_t> tokens, Scratch& scratch) const noexcept {
  if (scratch.keep_words && scratch.words_of == content_) return;
  scratch.words_of = content_;
  scratch.words.clear();
  scratch.word_values.clear();
  double square = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    // The table is larger than the near caches: a look-up a few tokens ahead hides the way to memory.
    if (i + kAhead < tokens.size()) __builtin_prefetch(&slots_[tokens[i + kAhead] & (slots_.size() - 1)]);
    const std::uint32_t word = find(tokens[i]);
    if (word == kNone) continue;
    std::uint64_t& marks = scratch.marks[word / 64];
    const std::uint64_t bit = std::uint64_t{1} << (word % 64);
    if ((marks & bit) != 0) continue;
    marks |= bit;
    scratch.words.push_back(word);
    scratch.word_values.push_back(idf_[word]);
    square += static_cast<double>(idf_[word]) * static_cast<double>(idf_[word]);
  }
  for (const std::uint32_t word : scratch.words) scratch.marks[word / 64] = 0;
  const auto scale = static_cast<float>(square > 0 ? 1 / std::sqrt(square) : 0.0);
  for (float& value : scratch.word_values) value *= scale;
}

void TokenSpace::prepare(Scratch& scratch) const {
  scratch.words.reserve(feature::kTokensMax);
  scratch.word_values.reserve(feature::kTokensMax);
  if (scratch.marks.size() < mark_words(idf_.size())) scratch.marks.resize(mark_words(idf_.size()));
}

TokenRows TokenSpace::rows(const TrainingSet& data, std::span<const std::uint32_t> positions) const {
  Scratch scratch;
  prepare(scratch);
  TokenRows out;
  for (const std::uint32_t position : positions) {
    transform(data.token_row(position), scratch);
    out.ids.insert(out.ids.end(), scratch.words.begin(), scratch.words.end());
    out.values.insert(out.values.end(), scratch.word_values.begin(), scratch.word_values.end());
    out.offsets.push_back(out.ids.size());
  }
  return out;
}

void TokenSpace::save(base::ByteWriter& out) const {
  out.put_array(vocabulary_);
  out.put_array(idf_);
}

Result<TokenSpace> TokenSpace::load(base::ByteReader& in, std::string_view what) {
  TokenSpace space;
  TRY(space.vocabulary_, in.get_array<std::uint64_t>());
  TRY(space.idf_, in.get_array<float>());
  const bool ascending = std::adjacent_find(space.vocabulary_.begin(), space.vocabulary_.end(),
                                            std::greater_equal<>()) == space.vocabulary_.end();
  const bool sound = !space.vocabulary_.empty() && space.vocabulary_.size() <= kVocabularyMax && ascending &&
                     space.idf_.size() == space.vocabulary_.size() &&
                     std::all_of(space.idf_.begin(), space.idf_.end(), [](float w) { return w > 0 && w < 64; });
  if (!sound) return fail(ErrorKind::kCorrupt, "{}: the vocabulary is out of bounds", what);
  space.build_slots();
  return space;
}

std::vector<std::uint32_t> sample_rows(std::size_t rows, std::size_t rows_max, base::Rng& rng) {
  std::vector<std::uint32_t> positions(rows);
  std::iota(positions.begin(), positions.end(), 0U);
  if (rows <= rows_max) return positions;
  rng.shuffle(positions);
  positions.resize(rows_max);
  std::sort(positions.begin(), positions.end());
  return positions;
}

Tasks fold_tasks(const TrainingSet& data) {
  if (data.task_names.size() <= kTasksMax) return {data.task, data.task_names};
  std::vector<std::size_t> count(data.task_names.size(), 0);
  for (const std::uint32_t task : data.task) ++count[task];
  std::vector<std::size_t> order(count.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return count[a] != count[b] ? count[a] > count[b] : a < b; });
  Tasks result{std::vector<std::uint32_t>(data.rows, 0), {""}};
  std::vector<std::uint32_t> renamed(count.size(), 0);
  for (std::size_t rank = 0; rank + 1 < kTasksMax; ++rank) {
    renamed[order[rank]] = static_cast<std::uint32_t>(result.names.size());
    result.names.push_back(data.task_names[order[rank]]);
  }
  for (std::size_t row = 0; row < data.rows; ++row) result.of_row[row] = renamed[data.task[row]];
  return result;
}

}  // namespace thalamus::route
