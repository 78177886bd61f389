#include "thalamus/dispatch/place_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "thalamus/base/rng.h"

namespace thalamus::dispatch {
namespace {

struct Inbox final : Waker {
  void wake(std::uint64_t cookie, WakeReason reason) noexcept override { news.emplace_back(cookie, reason); }
  std::vector<std::pair<std::uint64_t, WakeReason>> news;
};

using News = std::vector<std::pair<std::uint64_t, WakeReason>>;

TEST(PlaceQueue, HandsAPlaceToTheOldestWaiter) {
  PlaceQueue places(1, 4);
  Inbox inbox;
  ASSERT_EQ(places.take(), PlaceQueue::Entry::kPlace);
  ASSERT_EQ(places.take(), PlaceQueue::Entry::kQueue);
  ASSERT_TRUE(places.wait(inbox, 1) && places.wait(inbox, 2));
  EXPECT_TRUE(inbox.news.empty());
  places.give_back();
  EXPECT_EQ(inbox.news, (News{{1, WakeReason::kPlace}}));
  EXPECT_EQ(places.in_flight(), 1U);
  EXPECT_EQ(places.waiting(), 1U);
  places.give_back();
  places.give_back();
  EXPECT_EQ(inbox.news, (News{{1, WakeReason::kPlace}, {2, WakeReason::kPlace}}));
  EXPECT_EQ(places.in_flight(), 0U);
}

TEST(PlaceQueue, LetsNobodyPassThoseWhoWait) {
  PlaceQueue places(2, 4);
  Inbox inbox;
  ASSERT_EQ(places.take(), PlaceQueue::Entry::kPlace);
  ASSERT_EQ(places.take(), PlaceQueue::Entry::kPlace);
  ASSERT_TRUE(places.wait(inbox, 1));
  places.give_back();
  EXPECT_EQ(inbox.news.size(), 1U);
  EXPECT_EQ(places.take(), PlaceQueue::Entry::kQueue);
}

TEST(PlaceQueue, WakesAtOnceWhereAPlaceIsFree) {
  PlaceQueue places(1, 4);
  Inbox inbox;
  ASSERT_TRUE(places.wait(inbox, 9));
  EXPECT_EQ(inbox.news, (News{{9, WakeReason::kPlace}}));
}

TEST(PlaceQueue, DoesNotWakeWhoHasLeft) {
  PlaceQueue places(1, 4);
  Inbox inbox;
  ASSERT_EQ(places.take(), PlaceQueue::Entry::kPlace);
  const auto first = places.wait(inbox, 1);
  const auto second = places.wait(inbox, 2);
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(places.leave(*first));
  EXPECT_FALSE(places.leave(*first));
  places.give_back();
  EXPECT_EQ(inbox.news, (News{{2, WakeReason::kPlace}}));
  EXPECT_FALSE(places.leave(*second)) << "its place has come, and is to be given back";
}

TEST(PlaceQueue, IsBounded) {
  PlaceQueue places(1, 2);
  Inbox inbox;
  ASSERT_EQ(places.take(), PlaceQueue::Entry::kPlace);
  EXPECT_TRUE(places.wait(inbox, 1));
  EXPECT_TRUE(places.enter_polling()) << "those who poll are in the same queue";
  EXPECT_FALSE(places.wait(inbox, 2));
  places.leave_polling();
  EXPECT_TRUE(places.wait(inbox, 3));
  PlaceQueue none(1, 0);
  EXPECT_FALSE(none.wait(inbox, 4));
}

TEST(PlaceQueue, TellsEverybodyWhenTheTargetGoesDown) {
  PlaceQueue places(1, 4);
  Inbox inbox;
  ASSERT_EQ(places.take(), PlaceQueue::Entry::kPlace);
  ASSERT_TRUE(places.wait(inbox, 1) && places.wait(inbox, 2));
  places.set_up(false);
  EXPECT_EQ(inbox.news, (News{{1, WakeReason::kDown}, {2, WakeReason::kDown}}));
  EXPECT_EQ(places.take(), PlaceQueue::Entry::kDown);
  ASSERT_TRUE(places.wait(inbox, 3));
  EXPECT_EQ(inbox.news.back(), std::pair(std::uint64_t{3}, WakeReason::kDown));
  places.give_back();
  EXPECT_EQ(places.in_flight(), 0U);
  places.set_up(true);
  EXPECT_EQ(places.take(), PlaceQueue::Entry::kPlace);
}

// Against a list: the order of waking, both bounds and both counts, on any history of comings, goings and outages.
TEST(PlaceQueue, AgreesWithAListOnAnyHistory) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    base::Rng rng(seed);
    const auto places_max = static_cast<std::uint32_t>(1 + rng.below(3));
    const auto queue_max = static_cast<std::uint32_t>(rng.below(6));
    PlaceQueue places(places_max, queue_max);
    Inbox inbox;
    std::deque<std::pair<std::uint64_t, WaitTicket>> model;
    std::uint32_t held = 0;
    bool up = true;
    News expected;
    const auto settle = [&] {
      while (!model.empty() && (!up || held < places_max)) {
        expected.emplace_back(model.front().first, up ? WakeReason::kPlace : WakeReason::kDown);
        if (up) ++held;
        model.pop_front();
      }
    };
    for (std::uint64_t i = 1; i <= 1'000; ++i) {
      switch (rng.below(5)) {
        case 0: {
          const auto entry = places.take();
          ASSERT_EQ(entry == PlaceQueue::Entry::kDown, !up);
          ASSERT_EQ(entry == PlaceQueue::Entry::kPlace, up && held < places_max && model.empty());
          held += entry == PlaceQueue::Entry::kPlace ? 1 : 0;
          break;
        }
        case 1: {
          const bool room = model.size() < queue_max;
          const auto ticket = places.wait(inbox, i);
          ASSERT_EQ(ticket.has_value(), room);
          if (ticket) model.emplace_back(i, *ticket);
          break;
        }
        case 2:
          if (model.empty()) break;
          {
            const std::size_t which = rng.below(model.size());
            ASSERT_TRUE(places.leave(model[which].second));
            model.erase(model.begin() + static_cast<std::ptrdiff_t>(which));
          }
          break;
        case 3:
          if (held == 0) break;
          --held;
          places.give_back();
          break;
        default:
          if (rng.below(10) == 0) up = !up;
          places.set_up(up);
      }
      settle();
      ASSERT_EQ(inbox.news, expected) << "after step " << i;
      ASSERT_EQ(places.in_flight(), held);
      ASSERT_EQ(places.waiting(), model.size());
    }
  }
}

/// The waiters of one thread, woken from others.
class Core final : public Waker {
 public:
  enum class State : int { kWaiting, kPlace, kDown, kTwice };
  void wake(std::uint64_t cookie, WakeReason reason) noexcept override {
    auto& state = states[cookie];
    const int before = state.exchange(static_cast<int>(reason == WakeReason::kPlace ? State::kPlace : State::kDown));
    if (before != static_cast<int>(State::kWaiting)) state.store(static_cast<int>(State::kTwice));
  }
  std::array<std::atomic<int>, 4'096> states{};
};

// Eight cores that take, wait, give up and give back, and an outage now and then: whoever stays is woken, once, and no
// place is lost or given out twice.
TEST(PlaceQueue, LosesNobodyAndWakesNobodyTwiceUnderEightThreads) {
  constexpr std::uint32_t kPlaces = 2;
  PlaceQueue places(kPlaces, 5);
  std::atomic<std::uint32_t> inside{0};
  std::atomic<int> wrong{0};
  std::atomic<int> lost{0};
  std::array<std::atomic<int>, 4> seen{};  // at once, woken, down, left
  std::vector<std::unique_ptr<Core>> cores;
  for (int c = 0; c < 8; ++c) cores.push_back(std::make_unique<Core>());
  const auto use = [&](base::Rng& rng) {
    if (inside.fetch_add(1) >= kPlaces) ++wrong;
    if (rng.below(4) == 0) std::this_thread::yield();
    inside.fetch_sub(1);
    places.give_back();
  };
  const auto stay = [&](Core& core, std::uint64_t cookie, const WaitTicket& ticket, base::Rng& rng) {
    auto& state = core.states[cookie];
    const bool impatient = rng.below(3) == 0;
    for (std::uint64_t spins = 0; state.load() == 0; ++spins) {
      if (impatient && spins == 2 && places.leave(ticket)) {
        ++seen[3];
        return;
      }
      if (spins > 20'000'000) {
        ++lost;
        return;
      }
      std::this_thread::yield();
    }
    const bool held = state.load() == static_cast<int>(Core::State::kPlace);
    ++seen[held ? 1 : 2];
    if (held) use(rng);
  };
  const auto work = [&](std::uint64_t seed) {
    base::Rng rng(seed);
    Core& core = *cores[seed];
    for (std::uint64_t i = 0; i < core.states.size() / 4 && lost == 0; ++i) {
      if (seed == 0 && i % 64 == 0) places.set_up(i % 128 != 0 || i > core.states.size() / 5);
      switch (places.take()) {
        case PlaceQueue::Entry::kPlace:
          ++seen[0];
          use(rng);
          break;
        case PlaceQueue::Entry::kDown: break;
        case PlaceQueue::Entry::kQueue:
          if (const auto ticket = places.wait(core, i)) stay(core, i, *ticket, rng);
      }
    }
    if (seed == 0) places.set_up(true);
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 8; ++t) threads.emplace_back(work, t);
  }
  EXPECT_EQ(lost.load(), 0);
  EXPECT_EQ(wrong.load(), 0);
  for (const auto& core : cores)
    for (const auto& state : core->states) ASSERT_NE(state.load(), static_cast<int>(Core::State::kTwice));
  EXPECT_GT(seen[0].load(), 0);
  EXPECT_GT(seen[1].load(), 0);
  EXPECT_EQ(places.in_flight(), 0U);
  EXPECT_EQ(places.waiting(), 0U);
}

// One waits and leaves again at once, the other gives a place back: it is handed over, or left, never both or neither.
TEST(PlaceQueue, AWaiterThatLeavesAsThePlaceIsGivenBackLosesNoPlace) {
  PlaceQueue places(1, 1);
  std::atomic<bool> stop{false};
  const auto core = std::make_unique<Core>();
  const auto leaver = [&] {
    for (std::uint64_t i = 0; i < core->states.size(); ++i) {
      const auto ticket = places.wait(*core, i);
      if (!ticket || places.leave(*ticket)) continue;
      while (core->states[i].load() == 0) std::this_thread::yield();
      places.give_back();
    }
    stop = true;
  };
  const auto giver = [&] {
    while (!stop)
      if (places.take() == PlaceQueue::Entry::kPlace) places.give_back();
  };
  {
    const std::jthread first(leaver);
    const std::jthread second(giver);
  }
  EXPECT_EQ(places.in_flight(), 0U);
  EXPECT_EQ(places.waiting(), 0U);
}

// The narrowest race: one place, one who waits, one who gives back, over and over.
TEST(PlaceQueue, AWaiterThatComesAsThePlaceIsGivenBackIsServed) {
  PlaceQueue places(1, 1);
  std::atomic<int> lost{0};
  const auto work = [&](Core& core) {
    for (std::uint64_t i = 0; i < 4'096 && lost == 0; ++i) {
      if (places.take() != PlaceQueue::Entry::kPlace) {
        const auto ticket = places.wait(core, i);
        if (!ticket) continue;
        std::uint64_t spins = 0;
        while (core.states[i].load() == 0 && ++spins < 20'000'000) std::this_thread::yield();
        if (core.states[i].load() == 0) ++lost;
      }
      places.give_back();
    }
  };
  const auto one = std::make_unique<Core>();
  const auto two = std::make_unique<Core>();
  {
    const std::jthread first(work, std::ref(*one));
    const std::jthread second(work, std::ref(*two));
  }
  EXPECT_EQ(lost.load(), 0);
  EXPECT_EQ(places.in_flight(), 0U);
}

}  // namespace
}  // namespace thalamus::dispatch
