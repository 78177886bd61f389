// Goal: the feature hash is what its definition says, on the path of the defaults and on the general one. Method: the
// definition written down plainly, with weights made up by the test.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "thalamus/base/rng.h"
#include "thalamus/feature/feature.h"
#include "thalamus/feature/text_hash.h"

namespace thalamus::feature {
namespace {

constexpr std::uint64_t kLetterFactor = 0x9fb21c651e98df25ULL;
constexpr std::uint64_t kGramFactor = 0xc2b2ae3d27d4eb4fULL;

struct Shape {
  std::uint32_t dims = 0;
  std::uint32_t repeats = 0;
  std::size_t buckets = 0;
};

std::vector<std::uint8_t> weights_of(const Shape& shape) {
  base::Rng rng(7);
  std::vector<std::uint8_t> weights(shape.buckets);
  for (auto& weight : weights) weight = static_cast<std::uint8_t>(rng.below(5) == 0 ? 0 : rng.below(256));
  return weights;
}

std::vector<float> transformed(const Shape& shape, const Description& description) {
  base::ByteWriter bytes;
  bytes.put(shape.dims);
  bytes.put(shape.repeats);
  bytes.put_array(weights_of(shape));
  base::ByteReader in(bytes.bytes());
  const auto feature = find_feature("hash")->load(in).value();
  std::vector<float> out(feature->dense_size());
  feature->transform(description, out);
  return out;
}

/// Letters as their UTF-8 bytes in one number each.
std::vector<std::uint64_t> split_letters(std::string_view letters) {
  std::vector<std::uint64_t> out;
  for (const char c : letters) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xc0) {
      out.back() = (out.back() << 8) | byte;
    } else {
      out.push_back(byte);
    }
  }
  return out;
}

std::vector<std::uint64_t> letter_grams(std::span<const std::uint64_t> letters) {
  std::vector<std::uint64_t> out;
  for (std::size_t size = 2; size <= 5; ++size) {
    for (std::size_t begin = 0; begin + size <= letters.size(); ++begin) {
      std::uint64_t bits = 0;
      for (std::size_t k = 0; k < size; ++k)
        bits ^= std::rotl((letters[begin + k] + 1) * kLetterFactor, static_cast<int>(15 * (size - 1 - k)));
      out.push_back(bits * kGramFactor);
    }
  }
  return out;
}

std::vector<std::uint64_t> word_grams(std::span<const std::uint64_t> tokens) {
  std::vector<std::uint64_t> out(tokens.begin(), tokens.end());
  for (std::size_t i = 1; i < tokens.size(); ++i)
    out.push_back((std::rotl(tokens[i - 1], 32) ^ tokens[i]) * kGramFactor);
  return out;
}

/// The first `head` and the last `tail` items, each apart from the other; all where there are no more.
template <class Grams>
std::vector<std::uint64_t> sampled(const std::vector<std::uint64_t>& items, std::size_t head, std::size_t tail,
                                   Grams&& grams) {
  if (items.size() <= head + tail) return grams(std::span(items));
  auto out = grams(std::span(items).first(head));
  const auto rest = grams(std::span(items).last(tail));
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

void add_expected(const Shape& shape, std::span<const std::uint64_t> grams, std::size_t dims, std::vector<float>& out) {
  const auto weights = weights_of(shape);
  std::vector<double> half(dims, 0.0);
  for (const std::uint64_t gram : grams) {
    std::uint64_t rest = gram;
    const auto below = [&](std::size_t bound) {
      const Wide product = static_cast<Wide>(rest) * bound;
      rest = static_cast<std::uint64_t>(product);
      return static_cast<std::size_t>(product >> 64);
    };
    const double weight = weights[below(shape.buckets)];
    std::uint64_t renewed = gram;
    for (std::uint32_t repeat = 0; repeat < shape.repeats; ++repeat) {
      if (repeat > 0 && repeat % 2 == 0) rest = renewed = base::mix64(renewed);
      const std::size_t slot = below(2 * dims);
      half[slot / 2] += slot % 2 == 0 ? weight : -weight;
    }
  }
  double square = 0;
  for (const double value : half) square += value * value;
  for (const double value : half) out.push_back(square == 0 ? 0.0F : static_cast<float>(value / std::sqrt(2 * square)));
}

class HashDefinition : public testing::TestWithParam<Shape> {};

TEST_P(HashDefinition, IsWhatTransformComputes) {
  const Shape shape = GetParam();
  std::string long_text;
  std::string long_wide_text;
  base::Rng rng(11);
  for (int i = 0; i < 9000; ++i)
    long_text += static_cast<char>('a' + rng.below(26)), long_text += i % 5 == 0 ? " " : "";
  for (int i = 0; i < 7000; ++i) long_wide_text += rng.below(3) == 0 ? "ä" : rng.below(2) == 0 ? "数" : "x ";
  for (const std::string& text :
       {std::string(), std::string("a"), std::string("ab"), std::string("The cat sat on the mat."),
        std::string("Größe und 数学: naïve 😀!"), std::string("a\xff z"), long_text, long_wide_text}) {
    Description description;
    describe_text(text, "", description);
    std::vector<float> expected;
    add_expected(shape, sampled(description.tokens, 4096, 2048, word_grams), shape.dims / 2, expected);
    add_expected(shape, sampled(split_letters(description.letters), 4096, 2048, letter_grams),
                 shape.dims - shape.dims / 2, expected);
    const auto actual = transformed(shape, description);
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) ASSERT_NEAR(actual[i], expected[i], 1e-5F) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, HashDefinition,
                         testing::Values(Shape{256, 2, 65536}, Shape{256, 2, 65535}, Shape{256, 3, 65536},
                                         Shape{301, 5, 4096}, Shape{16, 1, 64}, Shape{4096, 8, 1U << 14}),
                         [](const auto& tested) { return "Shape" + std::to_string(tested.index); });

}  // namespace
}  // namespace thalamus::feature
