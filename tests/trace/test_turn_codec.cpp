/// Turns as bytes: equal after a round trip, refused when cut or made of nonsense.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/trace/turns.h"
#include "thalamus/trace/record_log.h"

namespace thalamus::trace {
namespace {

TEST(TurnCodec, ReadsBackEveryMember) {
  const std::uint64_t seed = 7;
  base::Rng rng(seed);
  for (int round = 0; round < 200; ++round) {
    const core::Turn turn = random_turn(rng);
    const std::string bytes = encode_turn(turn);
    const auto back = decode_turn(bytes);
    ASSERT_TRUE(back) << "seed " << seed << " round " << round << ": " << back.error().text();
    EXPECT_EQ(encode_turn(*back), bytes);
    EXPECT_EQ(back->decision_id, turn.decision_id);
    EXPECT_EQ(back->arrived_unix_ns, turn.arrived_unix_ns);
    EXPECT_EQ(back->configuration_generation, turn.configuration_generation);
    EXPECT_EQ(back->snapshot_hash, turn.snapshot_hash);
    EXPECT_EQ(back->route, turn.route);
    EXPECT_EQ(back->targets, turn.targets);
    EXPECT_EQ(back->feature_schema, turn.feature_schema);
    EXPECT_EQ(back->features, turn.features);
    EXPECT_EQ(back->plan, turn.plan);
    EXPECT_EQ(back->propensity, turn.propensity);
    EXPECT_EQ(back->binding, turn.binding);
    EXPECT_EQ(back->reason, turn.reason);
    EXPECT_EQ(back->prompt_hash, turn.prompt_hash);
    EXPECT_EQ(back->content, turn.content);
    EXPECT_EQ(back->answer, turn.answer);
    ASSERT_EQ(back->estimates.size(), turn.estimates.size());
    EXPECT_EQ(back->estimates[0].preference, turn.estimates[0].preference);
    EXPECT_EQ(back->outcome.usage.reasoning, turn.outcome.usage.reasoning);
    EXPECT_EQ(back->outcome.usage, turn.outcome.usage);
    EXPECT_EQ(back->outcome.cost, turn.outcome.cost);
    EXPECT_EQ(back->outcome.total, turn.outcome.total);
    EXPECT_EQ(back->outcome.finish, turn.outcome.finish);
    EXPECT_EQ(back->outcome.failure, turn.outcome.failure);
    EXPECT_EQ(back->outcome.quality, turn.outcome.quality);
    EXPECT_EQ(back->outcome.answered_by, turn.outcome.answered_by);
    ASSERT_EQ(back->outcome.attempts.size(), turn.outcome.attempts.size());
    for (std::size_t i = 0; i < turn.outcome.attempts.size(); ++i) {
      EXPECT_EQ(back->outcome.attempts[i].target, turn.outcome.attempts[i].target);
      EXPECT_EQ(back->outcome.attempts[i].status, turn.outcome.attempts[i].status);
      EXPECT_EQ(back->outcome.attempts[i].failure, turn.outcome.attempts[i].failure);
      EXPECT_EQ(back->outcome.attempts[i].duration, turn.outcome.attempts[i].duration);
    }
  }
}

TEST(TurnCodec, AppendsToWhatIsThere) {
  const std::uint64_t seed = 5;
  base::Rng rng(seed);
  std::string all = "before";
  std::string expected = all;
  for (int round = 0; round < 50; ++round) {
    const core::Turn turn = random_turn(rng);
    encode_turn(turn, all);
    expected += encode_turn(turn);
    ASSERT_EQ(all, expected) << "seed " << seed << " round " << round;
  }
}

TEST(TurnCodec, RefusesEveryCutAndSurvivesEveryFlip) {
  base::Rng rng(11);
  core::Turn turn = random_turn(rng);
  turn.features.resize(5);
  const std::string bytes = encode_turn(turn);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = decode_turn(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().kind, ErrorKind::kCorrupt) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ mask);
      (void)decode_turn(flipped);
    }
  }
  EXPECT_FALSE(decode_turn(bytes + "x"));
}

TEST(TurnCodec, ReadsARecordFromBeforeTokensWrittenToACacheWereCounted) {
  core::Turn turn = numbered_turn(1);
  turn.outcome.usage.cache_write = 30;
  std::string bytes = encode_turn(turn);
  EXPECT_EQ(decode_turn(bytes)->outcome.usage.cache_write, 30U);
  bytes[5] = 0;
  EXPECT_FALSE(decode_turn(bytes)) << "1.0 ends before them";
  bytes.resize(bytes.size() - sizeof(std::uint32_t));
  const auto older = decode_turn(bytes);
  ASSERT_TRUE(older) << older.error().text();
  EXPECT_EQ(older->outcome.usage.cache_write, 0U);
  EXPECT_EQ(older->outcome.cost, turn.outcome.cost);
}

TEST(TurnCodec, ReadsANewerMinorVersionAndRefusesANewerMajorOne) {
  std::string bytes = encode_turn(numbered_turn(1));
  bytes[5] = 9;
  bytes += "members of the future";
  EXPECT_TRUE(decode_turn(bytes));
  bytes[4] = 2;
  const auto newer = decode_turn(bytes);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(newer.error().text(), "a decision record of version 2.9; this build reads 1.x");
}

TEST(TurnCodec, RefusesAPlanThatNamesNoTarget) {
  core::Turn turn = numbered_turn(1);
  turn.plan = {1};
  EXPECT_EQ(decode_turn(encode_turn(turn)).error().text(), "the plan names target 1 of 1");
  turn.plan = {0};
  turn.outcome.answered_by = 3;
  EXPECT_EQ(decode_turn(encode_turn(turn)).error().text(), "the answer names target 3 of 1");
}

}  // namespace
}  // namespace thalamus::trace
