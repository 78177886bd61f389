#include <gtest/gtest.h>

#include "thalamus/route/token_space.h"
#include "toy.h"

namespace thalamus::route {
namespace {

TEST(TokenRidge, LearnsWhichWordsFavourWhichModel) {
  const Toy toy = make_toy(300, 21);
  const auto router = fit_toy(*find_method("token_ridge"), toy, {{"penalty", "1"}});
  ASSERT_NE(router, nullptr);
  const auto sum = estimate_text(*router, toy.features, "What is 12 plus 9? Answer with a number.", 3);
  const auto french = estimate_text(*router, toy.features, "Translate the words river and letter into French.", 3);
  EXPECT_GT(sum.quality[0], sum.quality[1] + 0.3F);
  EXPECT_GT(french.quality[1], french.quality[0] + 0.3F);
  EXPECT_NEAR(sum.quality[2], 0.5F, 0.2F);
}

TEST(TokenRidge, ALargePenaltyLeavesTheMeans) {
  const Toy toy = make_toy(200, 22);
  const auto router = fit_toy(*find_method("token_ridge"), toy, {{"penalty", "1000000"}});
  const ModelMeans means = model_means(toy.set);
  const auto out = estimate_text(*router, toy.features, "What is 12 plus 9? Answer with a number.", 3);
  for (std::size_t m = 0; m < 3; ++m) EXPECT_NEAR(out.quality[m], means.mean[m], 0.01);
}

TEST(TokenSpace, KeepsWordsOfTwoRowsAndWeighsRareOnesMore) {
  TrainingSet set;
  set.models = {"a"};
  set.rows = 4;
  set.tokens = {1, 2, 1, 2, 3, 1, 3, 9};  // ascending within a row; 9 is in one row alone
  set.token_offsets = {0, 2, 5, 7, 8};
  const TokenSpace space(set, 100);
  EXPECT_EQ(space.words(), 3U);
  Scratch scratch;
  space.prepare(scratch);
  const std::vector<std::uint64_t> text{3, 1, 1, 9, 77, 3};
  space.transform(text, scratch);
  ASSERT_EQ(scratch.words.size(), 2U);  // 3 and 1, each once
  EXPECT_GT(scratch.word_values[0], scratch.word_values[1]) << "3 is rarer than 1";
  const std::vector<float>& value = scratch.word_values;
  EXPECT_NEAR(value[0] * value[0] + value[1] * value[1], 1, 1e-6);
  for (const std::uint64_t word : scratch.marks) EXPECT_EQ(word, 0U);
  space.transform(std::vector<std::uint64_t>{9, 77}, scratch);
  EXPECT_TRUE(scratch.words.empty());
}

TEST(TokenSpace, AVocabularyOutOfOrderIsRefused) {
  base::ByteWriter out;
  out.put_array(std::vector<std::uint64_t>{5, 4});
  out.put_array(std::vector<float>{1, 1});
  base::ByteReader in(out.bytes());
  EXPECT_FALSE(TokenSpace::load(in, "test").has_value());
}

}  // namespace
}  // namespace thalamus::route
