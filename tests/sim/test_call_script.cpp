#include <gtest/gtest.h>

#include "thalamus/sim/call_script.h"

namespace thalamus::sim {
namespace {

const Nanoseconds kStart = Nanoseconds::from_seconds(100);

SimTarget steady() {
  SimTarget target;
  target.service_ms = 1000;
  target.service_sigma = 0;
  target.first_content_share = 0.25;
  return target;
}

CallScript script_of(const SimTarget& target, std::uint64_t seed = 1) {
  base::Rng rng(seed);
  return script_call(target, kStart, rng);
}

TEST(CallScript, EndsWellAfterTheServiceTime) {
  const auto script = script_of(steady());
  EXPECT_FALSE(script.failure.has_value());
  EXPECT_EQ(script.content, kStart + Nanoseconds::from_ms(250));
  EXPECT_EQ(script.end, kStart + Nanoseconds::from_ms(1000));
  EXPECT_EQ(script.output_tokens, 200U);
}

TEST(CallScript, FailsBeforeTheFirstContent) {
  auto target = steady();
  target.fail_before = 1;
  const auto script = script_of(target);
  EXPECT_EQ(script.failure, base::ErrorKind::kUpstream);
  EXPECT_FALSE(script.content.has_value());
  EXPECT_LE(script.end, kStart + Nanoseconds::from_ms(250));
  EXPECT_TRUE(script.target_fault);
}

TEST(CallScript, FailsAfterTheFirstContent) {
  auto target = steady();
  target.fail_after = 1;
  const auto script = script_of(target);
  EXPECT_EQ(script.failure, base::ErrorKind::kUpstream);
  ASSERT_TRUE(script.content.has_value());
  EXPECT_GE(script.end, *script.content);
}

TEST(CallScript, TimesOutWhenItStalls) {
  auto target = steady();
  target.stall = 1;
  bool before = false;
  bool after = false;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto script = script_of(target, seed);
    EXPECT_EQ(script.failure, base::ErrorKind::kTimeout);
    if (script.content) {
      after = true;
      EXPECT_EQ(script.end, *script.content + target.limits.idle_timeout);
    } else {
      before = true;
      EXPECT_EQ(script.end, kStart + target.limits.first_byte_timeout);
    }
  }
  EXPECT_TRUE(before && after);
}

TEST(CallScript, RefusesForGood) {
  auto target = steady();
  target.reject = 1;
  const auto script = script_of(target);
  EXPECT_EQ(script.failure, base::ErrorKind::kInvalidInput);
  EXPECT_FALSE(script.retryable);
  EXPECT_FALSE(script.target_fault);
}

TEST(CallScript, KeepsTheTimeOuts) {
  auto target = steady();
  target.limits.first_byte_timeout = Nanoseconds::from_ms(100);
  auto script = script_of(target);
  EXPECT_EQ(script.failure, base::ErrorKind::kTimeout);
  EXPECT_FALSE(script.content.has_value());
  EXPECT_EQ(script.end, kStart + Nanoseconds::from_ms(100));
  target = steady();
  target.limits.total_timeout = Nanoseconds::from_ms(500);
  script = script_of(target);
  EXPECT_EQ(script.failure, base::ErrorKind::kTimeout);
  EXPECT_TRUE(script.content.has_value());
  EXPECT_EQ(script.end, kStart + Nanoseconds::from_ms(500));
}

TEST(CallScript, IsRefusedInAnOutageAndCutByOne) {
  auto target = steady();
  target.outages = {{Nanoseconds::from_seconds(50), Nanoseconds::from_seconds(101)}};
  EXPECT_EQ(script_of(target).failure, base::ErrorKind::kUnavailable);
  target.outages = {{kStart + Nanoseconds::from_ms(400), Nanoseconds::from_seconds(200)}};
  const auto script = script_of(target);
  EXPECT_EQ(script.failure, base::ErrorKind::kUpstream);
  EXPECT_EQ(script.end, kStart + Nanoseconds::from_ms(400));
  EXPECT_TRUE(script.content.has_value());
}

TEST(CallScript, TakesTheSameDrawsWhateverHappens) {
  auto faulty = steady();
  faulty.reject = 1;
  faulty.outages = {{Nanoseconds::from_seconds(50), Nanoseconds::from_seconds(101)}};
  base::Rng first(3);
  base::Rng second(3);
  (void)script_call(steady(), kStart, first);
  (void)script_call(faulty, kStart, second);
  EXPECT_EQ(first.next(), second.next());
}

}  // namespace
}  // namespace thalamus::sim
