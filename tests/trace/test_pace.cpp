/// When the writer lets records gather: load and idle traffic by the clock alone.
#include "thalamus/trace/pace.h"

#include <gtest/gtest.h>

namespace thalamus::trace {
namespace {

constexpr Nanoseconds at(std::int64_t ms) { return Nanoseconds::from_ms(ms); }

TEST(Pace, WritesASingleRecordAtOnce) {
  Pace pace(at(2));
  EXPECT_FALSE(pace.lingers());
  pace.wrote(at(0));
  EXPECT_FALSE(pace.lingers()) << "nothing says that more will come";
  pace.wrote(at(4));
  EXPECT_FALSE(pace.lingers()) << "two lingers apart is idle";
}

TEST(Pace, LingersWhileBatchesFollowEachOther) {
  Pace pace(at(2));
  pace.wrote(at(100));
  pace.wrote(at(103));
  EXPECT_TRUE(pace.lingers());
  pace.wrote(at(105));
  EXPECT_TRUE(pace.lingers());
  pace.wrote(at(200));
  EXPECT_FALSE(pace.lingers());
}

TEST(Pace, GoesBackToSleepWhenNothingCame) {
  Pace pace(at(2));
  pace.wrote(at(1));
  pace.wrote(at(2));
  ASSERT_TRUE(pace.lingers());
  pace.nothing_came();
  EXPECT_FALSE(pace.lingers());
  pace.wrote(at(5));
  EXPECT_TRUE(pace.lingers()) << "the load is back";
}

TEST(Pace, NeverLingersForNoTime) {
  Pace pace(at(0));
  for (int i = 0; i < 3; ++i) {
    pace.wrote(at(7));
    EXPECT_FALSE(pace.lingers());
  }
}

}  // namespace
}  // namespace thalamus::trace
