#include "thalamus/dispatch/affinity.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace thalamus::dispatch {
namespace {

using Pieces = std::array<std::string_view, 2>;

TEST(Affinity, IsOfTheSessionWhereThereIsOne) {
  EXPECT_EQ(affinity_of("s", Pieces{"a", "b"}), affinity_of("s", Pieces{"c", "d"}));
  EXPECT_NE(affinity_of("s", {}), affinity_of("t", {}));
  EXPECT_NE(affinity_of("s", {}, 1), affinity_of("s", {}, 2));
}

TEST(Affinity, IsOfThePrefixOtherwise) {
  EXPECT_EQ(affinity_of("", Pieces{"system", "first"}), affinity_of("", Pieces{"system", "first"}));
  EXPECT_NE(affinity_of("", Pieces{"system", "first"}), affinity_of("", Pieces{"system", "other"}));
  EXPECT_NE(affinity_of("", Pieces{"ab", "c"}), affinity_of("", Pieces{"a", "bc"}));
  EXPECT_NE(affinity_of("", Pieces{"a", "b"}, 1), affinity_of("", Pieces{"a", "b"}, 2));
}

TEST(Affinity, IsNothingWithoutEither) {
  EXPECT_FALSE(affinity_of("", {}).has_value());
  EXPECT_FALSE(affinity_of("", Pieces{"", ""}).has_value());
}

TEST(Affinity, LooksAtTheBeginningOfALongPrefix) {
  const std::string shared(kPrefixBytesMax, 'x');
  EXPECT_EQ(affinity_of("", Pieces{shared, "a"}), affinity_of("", Pieces{shared, "b"}));
  const std::string one = shared.substr(1) + "a";
  const std::string two = shared.substr(1) + "b";
  EXPECT_NE(affinity_of("", Pieces{one, ""}), affinity_of("", Pieces{two, ""}));
}

}  // namespace
}  // namespace thalamus::dispatch
