#include "thalamus/dispatch/affinity.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "thalamus/dispatch/endpoints.h"

namespace thalamus::dispatch {
namespace {

using Pieces = std::array<std::string_view, 2>;

constexpr std::size_t kAny = 0;  // prompts of every length have an affinity

std::optional<std::uint64_t> of_prefix(const Pieces& pieces, std::uint64_t salt = 0) {
  return affinity_of("", {.pieces = pieces, .prompt_bytes = pieces[0].size() + pieces[1].size()}, kAny, salt);
}

TEST(Affinity, IsOfTheSessionWhereThereIsOne) {
  const Pieces some{"a", "b"};
  const Pieces other{"c", "d"};
  EXPECT_EQ(affinity_of("s", {.pieces = some, .prompt_bytes = 2}, kAny),
            affinity_of("s", {.pieces = other, .prompt_bytes = 2}, kAny));
  EXPECT_NE(affinity_of("s", {}, kAny), affinity_of("t", {}, kAny));
  EXPECT_NE(affinity_of("s", {}, kAny, 1), affinity_of("s", {}, kAny, 2));
}

TEST(Affinity, IsOfThePrefixOtherwise) {
  EXPECT_EQ(of_prefix({"system", "first"}), of_prefix({"system", "first"}));
  EXPECT_NE(of_prefix({"system", "first"}), of_prefix({"system", "other"}));
  EXPECT_NE(of_prefix({"ab", "c"}), of_prefix({"a", "bc"}));
  EXPECT_NE(of_prefix({"a", "b"}, 1), of_prefix({"a", "b"}, 2));
}

TEST(Affinity, IsNothingWithoutEither) {
  EXPECT_FALSE(affinity_of("", {}, kAny).has_value());
  EXPECT_FALSE(of_prefix({"", ""}).has_value());
}

TEST(Affinity, LooksAtTheBeginningOfALongPrefix) {
  const std::string shared(kPrefixBytesMax, 'x');
  EXPECT_EQ(of_prefix({shared, "a"}), of_prefix({shared, "b"}));
  const std::string one = shared.substr(1) + "a";
  const std::string two = shared.substr(1) + "b";
  EXPECT_NE(of_prefix({one, ""}), of_prefix({two, ""}));
}

TEST(Affinity, PromptsThatShareALongSystemTextShareItsHome) {
  constexpr std::size_t kLong = 4'096;
  const std::string system(7'000, 's');
  const auto home = [&](std::string_view text, std::string_view question) {
    const std::array<std::string_view, 2> pieces{text, question};
    return affinity_of("", {.pieces = pieces, .prompt_bytes = text.size() + question.size()}, kLong);
  };
  EXPECT_EQ(home(system, "What is this?"), home(system, "And that?"));
  EXPECT_NE(home(system, "What is this?"), home(std::string(7'000, 't'), "What is this?"));
  const std::string brief(1'000, 's');
  EXPECT_NE(home(brief, std::string(5'000, 'a')), home(brief, std::string(5'000, 'b')))
      << "what they share is not worth a home";
}

TEST(Affinity, OfAPromptWithoutASessionNeedsItsLength) {
  const Pieces pieces{"You are brief.", "Hello"};
  constexpr std::size_t kMin = 4'096;
  EXPECT_FALSE(affinity_of("", {.pieces = pieces, .prompt_bytes = 19}, kMin).has_value());
  EXPECT_FALSE(affinity_of("", {.pieces = pieces, .prompt_bytes = kMin - 1}, kMin).has_value());
  EXPECT_TRUE(affinity_of("", {.pieces = pieces, .prompt_bytes = kMin}, kMin).has_value());
  EXPECT_TRUE(affinity_of("s", {.pieces = pieces, .prompt_bytes = 19}, kMin).has_value()) << "a session says so itself";
}

TEST(Affinity, OfAConversationThatGrowsStaysTheSame) {
  const Pieces pieces{"You are brief.", "Hello"};
  EXPECT_EQ(affinity_of("", {.pieces = pieces, .prompt_bytes = 5'000}, 4'096),
            affinity_of("", {.pieces = pieces, .prompt_bytes = 500'000}, 4'096));
}

TEST(Affinity, NeedsAboutAThousandTokensUnlessToldOtherwise) {
  const EndpointNames names{.keys = {""}, .replicas = {"a", "b"}};
  EXPECT_EQ(EndpointSet::make(names, {}).value()->affinity_prefix_bytes(), 4'096U);
  EndpointOptions options;
  options.affinity_prefix_bytes = 0;
  EXPECT_EQ(EndpointSet::make(names, options).value()->affinity_prefix_bytes(), 0U);
}

}  // namespace
}  // namespace thalamus::dispatch
