// The store of responses: bounded by number, bytes and age, and closed to other owners.
#include "thalamus/gateway/response_store.h"

#include <gtest/gtest.h>

namespace thalamus::gateway {
namespace {

class HandClock final : public base::Clock {
 public:
  [[nodiscard]] Nanoseconds now() const noexcept override { return time; }
  [[nodiscard]] std::int64_t unix_ns() const noexcept override { return time.value; }
  Nanoseconds time{};
};

struct Store {
  explicit Store(ResponseStoreOptions options) : store(options, clock, metrics) {}
  void keep(std::string_view owner, std::string_view id, std::string items = "{}") {
    store.keep(owner, id, {.conversation = std::move(items), .response = std::string(id)});
  }
  [[nodiscard]] bool has(std::string_view owner, std::string_view id) { return store.find(owner, id).has_value(); }
  [[nodiscard]] double gauge(std::string_view name) { return metrics.gauge(name, "").value(); }
  HandClock clock;
  base::Metrics metrics;
  ResponseStore store;
};

TEST(ResponseStore, GivesBackWhatItsOwnerKept) {
  Store rig({.entries_max = 10});
  rig.keep("ann", "r1", R"({"a":1})");
  ASSERT_TRUE(rig.has("ann", "r1"));
  EXPECT_EQ(rig.store.find("ann", "r1")->conversation, R"({"a":1})");
  EXPECT_FALSE(rig.has("bob", "r1"));
  EXPECT_FALSE(rig.has("", "r1"));
  EXPECT_FALSE(rig.store.forget("bob", "r1"));
  rig.keep("ann", "r1", R"({"a":2})");
  EXPECT_EQ(rig.store.find("ann", "r1")->conversation, R"({"a":2})") << "the later one counts";
  EXPECT_TRUE(rig.store.forget("ann", "r1"));
  EXPECT_FALSE(rig.store.forget("ann", "r1"));
  EXPECT_EQ(rig.gauge("thalamus_stored_responses"), 0);
  EXPECT_EQ(rig.gauge("thalamus_stored_response_bytes"), 0);
}

TEST(ResponseStore, TheOldestMakeRoom) {
  Store rig({.entries_max = 3});
  for (const char* id : {"r1", "r2", "r3", "r4"}) rig.keep("", id);
  EXPECT_FALSE(rig.has("", "r1"));
  for (const char* id : {"r2", "r3", "r4"}) EXPECT_TRUE(rig.has("", id)) << id;
  EXPECT_EQ(rig.gauge("thalamus_stored_responses"), 3);
}

TEST(ResponseStore, BytesAreBoundedToo) {
  Store rig({.entries_max = 1000, .bytes_max = 100'000});
  for (int i = 0; i < 100; ++i) {
    rig.keep("", "r" + std::to_string(i), std::string(10'000, 'x'));
    EXPECT_LE(rig.gauge("thalamus_stored_response_bytes"), 100'000);
  }
  EXPECT_TRUE(rig.has("", "r99"));
  EXPECT_FALSE(rig.has("", "r80"));
  rig.keep("", "huge", std::string(200'000, 'x'));
  EXPECT_FALSE(rig.has("", "huge"));
  EXPECT_TRUE(rig.has("", "r99")) << "what cannot be kept throws nothing out";
}

TEST(ResponseStore, WhatIsTooOldIsGone) {
  Store rig({.entries_max = 10, .lifetime = Nanoseconds::from_ms(1'000)});
  rig.keep("", "r1");
  rig.clock.time = Nanoseconds::from_ms(600);
  rig.keep("", "r2");
  rig.clock.time = Nanoseconds::from_ms(999);
  EXPECT_TRUE(rig.has("", "r1"));
  rig.clock.time = Nanoseconds::from_ms(1'000);
  EXPECT_FALSE(rig.has("", "r1"));
  EXPECT_TRUE(rig.has("", "r2"));
  EXPECT_NE(rig.store.unknown("r1").find("older than 1 s"), std::string::npos);
}

}  // namespace
}  // namespace thalamus::gateway
