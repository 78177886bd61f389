// At most `concurrency_max` calls of a target at a time, at most `queue_length_max` callers waiting for one. The
// expected wait is that of a queue with c servers that are all busy: a place is freed every s/c seconds, where s is the
// mean time a call holds its place, so the (w+1)-th waiter waits (w+1) s/c. The mean is exponentially weighted over all
// ends: a call that failed or was given up held its place too. Lock-free; one cache line a target; O(1) a call.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "thalamus/base/assert.h"
#include "thalamus/dispatch/policy.h"

namespace thalamus::dispatch {
namespace {

struct InFlightOptions {
  double weight = 0.2;
  double seconds_guess = 1.0;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("weight", weight, base::Range<double>{0.001, 1}, "of the newest call in the mean duration");
    visit("seconds_guess", seconds_guess, base::Range<double>{0, 3600}, "duration of a call before one has ended");
  }
};

constexpr double kUnseen = -1;
constexpr std::size_t kCacheLine = 64;

struct alignas(kCacheLine) Slot {
  std::atomic<std::uint32_t> in_flight{0};
  std::atomic<std::uint32_t> waiting{0};
  std::atomic<bool> healthy{true};
  std::atomic<double> seconds_mean{kUnseen};
  std::uint32_t concurrency_max = 0;
  std::uint32_t queue_length_max = 0;
};
static_assert(sizeof(Slot) == kCacheLine);

// Adds one unless that would pass `limit`. Relaxed: the counters order nothing but themselves.
bool take(std::atomic<std::uint32_t>& counter, std::uint32_t limit) noexcept {
  std::uint32_t seen = counter.load(std::memory_order_relaxed);
  while (seen < limit) {
    if (counter.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

void give_back(std::atomic<std::uint32_t>& counter) noexcept {
  const std::uint32_t before = counter.fetch_sub(1, std::memory_order_relaxed);
  THALAMUS_ASSERT(before > 0);  // every end has one beginning
}

class InFlight final : public Policy {
 public:
  InFlight(std::span<const TargetLimits> limits, const InFlightOptions& options)
      : options_(options), count_(limits.size()), slots_(std::make_unique<Slot[]>(limits.size())) {
    for (std::size_t i = 0; i < count_; ++i) {
      slots_[i].concurrency_max = limits[i].concurrency_max;
      slots_[i].queue_length_max = limits[i].queue_length_max;
    }
  }

  [[nodiscard]] Admission admit(std::uint16_t target, Nanoseconds) noexcept override {
    Slot& slot = at(target);
    if (!slot.healthy.load(std::memory_order_relaxed)) return Admission::kRefused;
    const std::uint32_t limit = slot.concurrency_max == 0 ? UINT32_MAX : slot.concurrency_max;
    if (take(slot.in_flight, limit)) return Admission::kAdmitted;
    return slot.queue_length_max == 0 ? Admission::kRefused : Admission::kQueue;
  }

  void finish(const CallEnd& end, Nanoseconds) noexcept override {
    Slot& slot = at(end.target);
    give_back(slot.in_flight);
    const double seconds = std::max(0.0, end.duration.seconds());
    double mean = slot.seconds_mean.load(std::memory_order_relaxed);
    double next = 0;
    do {
      next = mean < 0 ? seconds : mean + options_.weight * (seconds - mean);
    } while (!slot.seconds_mean.compare_exchange_weak(mean, next, std::memory_order_relaxed));
  }

  [[nodiscard]] bool queue(std::uint16_t target, QueueStep step) noexcept override {
    Slot& slot = at(target);
    if (step == QueueStep::kEnter) return take(slot.waiting, slot.queue_length_max);
    give_back(slot.waiting);
    return true;
  }

  [[nodiscard]] core::TargetState state(std::uint16_t target, Nanoseconds) const noexcept override {
    const Slot& slot = at(target);
    core::TargetState state;
    state.healthy = slot.healthy.load(std::memory_order_relaxed);
    const std::uint32_t limit = slot.concurrency_max;
    if (limit == 0 || slot.in_flight.load(std::memory_order_relaxed) < limit) return state;
    const double mean = slot.seconds_mean.load(std::memory_order_relaxed);
    const double ahead = static_cast<double>(slot.waiting.load(std::memory_order_relaxed)) + 1;
    state.queue_seconds = ahead * (mean < 0 ? options_.seconds_guess : mean) / static_cast<double>(limit);
    return state;
  }

  void set_healthy(std::uint16_t target, bool healthy) noexcept override {
    at(target).healthy.store(healthy, std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] Slot& at(std::uint16_t target) const noexcept {
    THALAMUS_ASSERT(target < count_);
    return slots_[target];
  }

  InFlightOptions options_;
  std::size_t count_;
  std::unique_ptr<Slot[]> slots_;
};

Result<std::unique_ptr<Policy>> make(std::span<const TargetLimits> limits, const base::OptionMap& values) {
  TRY(const auto options, base::parse_options<InFlightOptions>(values));
  if (limits.empty() || limits.size() > core::kTargetsMax)
    return fail(ErrorKind::kInvalidInput, "targets: {} is outside 1..{}", limits.size(), core::kTargetsMax);
  return std::make_unique<InFlight>(limits, options);
}

}  // namespace

PolicyRecord in_flight_record() noexcept {
  return {"in_flight", "at most so many calls of a target at a time, and so many waiting",
          "waiting time of the M/M/c queue with all servers busy (Kleinrock, Queueing Systems I, 1975)",
          base::list_options<InFlightOptions>, make};
}

}  // namespace thalamus::dispatch
