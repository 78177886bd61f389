// What every registered strategy must hold, whatever it does: it ends, it tells the truth about how, it leaves nothing
// in flight and commits once. Over all event orders up to a bounded length, and at random beyond.
#include <gtest/gtest.h>

#include <array>
#include <cctype>
#include <set>
#include <string>
#include <vector>

#include "tests/compose/reference_driver.h"
#include "thalamus/base/rng.h"
#include "thalamus/compose/strategy.h"

namespace thalamus::compose {
namespace {

using testing::make_default;
using testing::plan_of;
using testing::ReferenceDriver;

class StrategyContract : public ::testing::TestWithParam<StrategyRecord> {};

std::string parameter_name(const ::testing::TestParamInfo<StrategyRecord>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(All, StrategyContract, ::testing::ValuesIn(strategies().begin(), strategies().end()),
                         parameter_name);

// Plays the events numbered by `choices`, in the order `possible` lists them; the returned widths are how many there
// were to choose from at each place.
std::vector<std::size_t> play(ReferenceDriver& driver, const std::vector<std::size_t>& choices, std::size_t depth_max) {
  std::vector<std::size_t> widths;
  driver.start();
  for (std::size_t depth = 0; depth < depth_max && driver.violation().empty(); ++depth) {
    const auto events = driver.possible();
    if (events.empty()) break;
    widths.push_back(events.size());
    driver.deliver(events[depth < choices.size() ? choices[depth] : 0]);
  }
  if (!driver.done() && driver.violation().empty()) driver.drain();
  return widths;
}

// The next sequence in depth-first order; false after the last.
bool advance(std::vector<std::size_t>& choices, const std::vector<std::size_t>& widths) {
  choices.resize(widths.size());
  while (!choices.empty()) {
    if (++choices.back() < widths[choices.size() - 1]) return true;
    choices.pop_back();
  }
  return false;
}

TEST_P(StrategyContract, HoldsForEveryEventOrderOfBoundedLength) {
  constexpr std::size_t kDepthMax = 7;
  constexpr std::size_t kSequencesMax = 100'000;
  for (const std::size_t size : {0U, 1U, 2U, 3U}) {
    const auto plan = plan_of(size);
    std::vector<std::size_t> choices;
    std::size_t sequences = 0;
    for (bool more = true; more && sequences < kSequencesMax; ++sequences) {
      ReferenceDriver driver(GetParam(), plan);
      const auto widths = play(driver, choices, kDepthMax);
      ASSERT_EQ(driver.violation(), "") << "plan of " << size;
      ASSERT_TRUE(driver.done());
      more = advance(choices, widths);
    }
    EXPECT_GE(sequences, size == 0 ? 1U : 4U);
  }
}

TEST_P(StrategyContract, HoldsForRandomEventOrders) {
  const std::uint64_t seed = 20'240'607;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  for (int round = 0; round < 500; ++round) {
    const auto size = static_cast<std::size_t>(rng.below(40));
    const double gone = rng.uniform() < 0.5 ? 0.0 : 0.05;
    ReferenceDriver driver(GetParam(), plan_of(size));
    driver.start();
    while (!driver.done() && driver.violation().empty()) {
      const auto events = driver.possible();
      const Event event = rng.pick(events);
      if (event.kind == EventKind::kClientGone && rng.uniform() >= gone) continue;
      driver.deliver(event);
    }
    ASSERT_EQ(driver.violation(), "") << "round " << round;
  }
}

// The driver's own events may cross: one about a call that is over, one twice, a timer that was not asked for.
TEST_P(StrategyContract, HoldsWhenStrayEventsComeBetween) {
  const std::uint64_t seed = 77;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  constexpr std::array kStray{EventKind::kStart, EventKind::kContinue, EventKind::kTimer};
  for (int round = 0; round < 500; ++round) {
    ReferenceDriver driver(GetParam(), plan_of(1 + static_cast<std::size_t>(rng.below(6))));
    driver.start();
    while (!driver.done() && driver.violation().empty()) {
      if (rng.uniform() < 0.3) driver.deliver({.kind = rng.pick(kStray)});
      const auto open = driver.open_calls();
      for (CallId call = 0; call < 8 && !driver.done(); ++call) {
        const bool over = std::find(open.begin(), open.end(), call) == open.end();
        if ((over || driver.has_content(call)) && rng.uniform() < 0.2)
          driver.deliver({.kind = EventKind::kContent, .call = call});
        if (over && rng.uniform() < 0.2) driver.deliver({EventKind::kFailed, call, base::ErrorKind::kUpstream, true});
      }
      const auto events = driver.possible();
      if (!events.empty()) driver.deliver(rng.pick(events));
    }
    ASSERT_EQ(driver.violation(), "") << "round " << round;
  }
}

TEST_P(StrategyContract, SurvivesOrReportsTheFailureOfTheNthCall) {
  constexpr std::size_t kPlanSize = 6;
  for (std::size_t failing = 0; failing <= kPlanSize; ++failing) {
    for (const bool retryable : {true, false}) {
      ReferenceDriver driver(GetParam(), plan_of(kPlanSize));
      driver.start();
      std::size_t events = 0;
      for (std::size_t seen = 0; !driver.done() && driver.violation().empty() && events < kStepsMax; ++events) {
        const auto open = driver.open_calls();
        if (open.empty()) {
          driver.deliver({.kind = EventKind::kTimer});
          continue;
        }
        if (seen++ == failing) {
          driver.deliver({EventKind::kFailed, open.front(), base::ErrorKind::kTimeout, retryable});
        } else {
          driver.deliver({.kind = EventKind::kContent, .call = open.front()});
          if (!driver.done() && !driver.open_calls().empty())
            driver.deliver({.kind = EventKind::kCompleted, .call = driver.open_calls().front()});
        }
      }
      ASSERT_EQ(driver.violation(), "");
      ASSERT_TRUE(driver.done());
      if (driver.end().failed) {
        EXPECT_EQ(driver.end().failure, base::ErrorKind::kTimeout);
      }
    }
  }
}

TEST_P(StrategyContract, LeavesNothingInFlightWhenTheClientGoesAtAnyMoment) {
  const std::uint64_t seed = 5;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  for (std::size_t moment = 0; moment < 12; ++moment) {
    for (int round = 0; round < 50; ++round) {
      ReferenceDriver driver(GetParam(), plan_of(8));
      driver.start();
      for (std::size_t i = 0; i < moment && !driver.done(); ++i) {
        auto events = driver.possible();
        events.pop_back();  // kClientGone is listed last
        if (!events.empty()) driver.deliver(rng.pick(events));
      }
      if (!driver.done()) {
        driver.deliver({.kind = EventKind::kClientGone});
        EXPECT_TRUE(driver.done());
        EXPECT_TRUE(driver.end().failed);
        EXPECT_EQ(driver.end().failure, base::ErrorKind::kCancelled);
      }
      ASSERT_EQ(driver.violation(), "");
    }
  }
}

TEST_P(StrategyContract, StaysDoneWhateverComesLater) {
  const auto strategy = make_default(GetParam(), plan_of(0));
  const Step end = strategy->next({.kind = EventKind::kStart});
  ASSERT_EQ(end.kind, StepKind::kDone);
  for (const auto kind : {EventKind::kStart, EventKind::kContinue, EventKind::kContent, EventKind::kCompleted,
                          EventKind::kFailed, EventKind::kTimer, EventKind::kClientGone}) {
    const Step again = strategy->next({.kind = kind});
    EXPECT_EQ(again.kind, StepKind::kDone);
    EXPECT_EQ(again.failed, end.failed);
    EXPECT_EQ(again.failure, end.failure);
  }
}

TEST_P(StrategyContract, GivesTheSameStepsForTheSameEvents) {
  const std::uint64_t seed = 31;
  base::Rng rng(seed);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::size_t> choices;
    for (int i = 0; i < 10; ++i) choices.push_back(static_cast<std::size_t>(rng.below(2)));
    ReferenceDriver first(GetParam(), plan_of(4));
    ReferenceDriver second(GetParam(), plan_of(4));
    const auto clamp = [&](ReferenceDriver& driver) {
      driver.start();
      for (const auto choice : choices) {
        const auto events = driver.possible();
        if (!events.empty()) driver.deliver(events[choice % events.size()]);
      }
    };
    clamp(first);
    clamp(second);
    ASSERT_EQ(first.history(), second.history()) << "seed " << seed;
  }
}

TEST_P(StrategyContract, HasARecordThatExplainsItself) {
  const auto& record = GetParam();
  ASSERT_FALSE(record.name.empty());
  for (const char c : record.name)
    EXPECT_TRUE(std::islower(static_cast<unsigned char>(c)) != 0 || c == '_' || std::isdigit(c) != 0) << record.name;
  EXPECT_FALSE(record.help.empty());
  EXPECT_FALSE(record.source.empty());
  EXPECT_EQ(find_strategy(record.name)->name, record.name);
  for (const auto& row : record.options()) EXPECT_FALSE(row.help.empty()) << row.name;
}

TEST_P(StrategyContract, RefusesWrongOptionsByName) {
  const auto& record = GetParam();
  const auto plan = plan_of(2);
  const auto unknown = record.make(plan, {{"no_such_option_at_all", "1"}});
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().kind, ErrorKind::kInvalidInput);
  EXPECT_NE(unknown.error().message.find("no_such_option_at_all"), std::string::npos);
  for (const auto& row : record.options()) {
    EXPECT_TRUE(record.make(plan, {{row.name, row.default_value}}).has_value()) << row.name;
    if (row.type == "text") continue;
    const auto wrong = record.make(plan, {{row.name, "purple"}});
    ASSERT_FALSE(wrong.has_value()) << row.name;
    EXPECT_NE(wrong.error().message.find(row.name), std::string::npos);
    EXPECT_NE(wrong.error().message.find("purple"), std::string::npos);
  }
}

TEST(StrategyRegistry, NamesAreUniqueAndUnknownOnesAreNotFound) {
  std::set<std::string_view> names;
  for (const auto& record : strategies()) EXPECT_TRUE(names.insert(record.name).second) << record.name;
  EXPECT_EQ(find_strategy("no_such_strategy"), nullptr);
}

}  // namespace
}  // namespace thalamus::compose
