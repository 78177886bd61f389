#include "thalamus/route/documents.h"

#include <algorithm>

#include "thalamus/math/kernels.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

template <class Token>
struct Parts {
  std::span<const Token> question;
  std::span<const Token> context;
};

Parts<std::uint64_t> split(const feature::Description& description) noexcept {
  const std::span<const std::uint64_t> tokens(description.tokens);
  const std::size_t begin = std::min(description.question_tokens_begin, tokens.size());
  const auto question = tokens.subspan(begin);
  return {question.last(std::min(question.size(), kDocumentTokensMax)),
          tokens.first(std::min(begin, kDocumentTokensMax))};
}

std::span<const std::uint32_t> row_of(const std::vector<std::uint64_t>& offsets,
                                      const std::vector<std::uint32_t>& tokens, std::size_t row) noexcept {
  if (row + 1 >= offsets.size()) return {};
  return {tokens.data() + offsets[row], tokens.data() + offsets[row + 1]};
}

void append(std::span<const std::uint64_t> tokens, std::vector<std::uint64_t>& offsets,
            std::vector<std::uint32_t>& all) {
  if (offsets.empty()) offsets.push_back(0);
  for (const std::uint64_t token : tokens) all.push_back(document_token(token));
  offsets.push_back(all.size());
}

}  // namespace

void append_documents(const feature::Description& description, TrainingSet& set) {
  const auto parts = split(description);
  append(parts.question, set.question_offsets, set.question_tokens);
  append(parts.context, set.context_offsets, set.context_tokens);
}

DocumentFeatures DocumentFeatures::fit(const TrainingSet& data, std::span<const std::uint32_t> rows) {
  std::vector<std::uint32_t> frequency(kBuckets, 0);
  std::vector<std::uint32_t> seen_in(kBuckets, 0);  // the last row, counted from 1
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    for (const auto tokens : {row_of(data.question_offsets, data.question_tokens, rows[i]),
                              row_of(data.context_offsets, data.context_tokens, rows[i])}) {
      for (const std::uint32_t token : tokens) {
        const std::size_t b = bucket(token);
        frequency[b] += seen_in[b] == i + 1 ? 0 : 1;
        seen_in[b] = i + 1;
      }
    }
  }
  DocumentFeatures features;
  const auto count = static_cast<double>(rows.size());
  for (std::size_t b = 0; b < kBuckets; ++b)
    features.weights_[b] = static_cast<float>(std::log((1 + count) / (1 + static_cast<double>(frequency[b]))) + 0.01);
  return features;
}

Result<DocumentFeatures> DocumentFeatures::load(base::ByteReader& in, std::string_view what) {
  DocumentFeatures features;
  TRY(features.weights_, load_finite(in, kBuckets, what));
  if (!std::all_of(features.weights_.begin(), features.weights_.end(), [](float w) { return w >= 0 && w < 100; }))
    return fail(ErrorKind::kCorrupt, "{}: a document frequency is out of bounds", what);
  return features;
}

/// Signed hashing: a token adds its weight to one of the dimensions, with the sign of another bit of its hash.
template <class Token>
void DocumentFeatures::embed(std::span<const Token> tokens, std::span<float> out) const noexcept {
  std::fill(out.begin(), out.end(), 0.0F);
  for (const Token whole : tokens) {
    const std::uint32_t token = document_token(whole);
    const float weight = weights_[bucket(token)];
    out[token % kDocumentDims] += (token & kDocumentDims) != 0 ? weight : -weight;
  }
  static_cast<void>(math::normalize(out));
}

template <class Token>
bool DocumentFeatures::fill(std::span<const Token> question, std::span<const Token> context,
                            std::span<float> out) const noexcept {
  if (question.empty() || context.empty()) return false;
  const auto e_q = out.first(kDocumentDims);
  const auto e_d = out.subspan(kDocumentDims, kDocumentDims);
  embed(question, e_q);
  embed(context, e_d);
  for (std::size_t i = 0; i < kDocumentDims; ++i) out[2 * kDocumentDims + i] = e_q[i] * e_d[i];

  constexpr std::size_t kBits = 1U << 14;
  std::array<std::uint64_t, kBits / 64> words{};
  for (const Token whole : context) {
    const std::uint32_t token = document_token(whole);
    words[(token % kBits) / 64] |= std::uint64_t{1} << (token % 64);
  }
  float found = 0;
  float total = 0;
  for (const Token whole : question) {
    const std::uint32_t token = document_token(whole);
    const float weight = weights_[bucket(token)];
    total += weight;
    if (((words[(token % kBits) / 64] >> (token % 64)) & 1U) != 0) found += weight;
  }
  out[3 * kDocumentDims] = math::dot(e_q, e_d);
  out[3 * kDocumentDims + 1] = std::log1p(static_cast<float>(context.size())) / 8;
  out[3 * kDocumentDims + 2] = total > 0 ? found / total : 0.0F;
  return true;
}

bool DocumentFeatures::of(const feature::Description& description, std::span<float> out) const noexcept {
  const auto parts = split(description);
  return fill(parts.question, parts.context, out);
}

bool DocumentFeatures::of(const TrainingSet& data, std::size_t row, std::span<float> out) const noexcept {
  return fill(row_of(data.question_offsets, data.question_tokens, row),
              row_of(data.context_offsets, data.context_tokens, row), out);
}

}  // namespace thalamus::route
