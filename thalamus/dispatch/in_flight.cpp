// At most `concurrency_max` calls of a target at a time, at most `queue_length_max` callers waiting for one. The
// expected wait is that of a queue with c servers that are all busy: a place is freed every s/c seconds, where s is the
// mean time a call holds its place, so the (w+1)-th waiter waits (w+1) s/c. The mean is exponentially weighted over all
// ends: a call that failed or was given up held its place too. Lock-free; O(1) a call while nobody waits.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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

struct alignas(64) Slot {
  explicit Slot(const TargetLimits& limits) : places(limits.concurrency_max, limits.queue_length_max) {}
  PlaceQueue places;
  std::atomic<double> seconds_mean{kUnseen};
};

class InFlight final : public Policy {
 public:
  InFlight(std::span<const TargetLimits> limits, const InFlightOptions& options) : options_(options) {
    for (const auto& limit : limits) slots_.push_back(std::make_unique<Slot>(limit));
  }

  [[nodiscard]] Admission admit(std::uint16_t target, Nanoseconds) noexcept override {
    PlaceQueue& places = at(target).places;
    switch (places.take()) {
      case PlaceQueue::Entry::kPlace: return Admission::kAdmitted;
      case PlaceQueue::Entry::kDown: return Admission::kRefused;
      case PlaceQueue::Entry::kQueue: break;
    }
    return places.queue_length_max() == 0 ? Admission::kRefused : Admission::kQueue;
  }

  void finish(const CallEnd& end, Nanoseconds) noexcept override {
    Slot& slot = at(end.target);
    if (!end.unused) {
      const double seconds = std::max(0.0, end.duration.seconds());
      double mean = slot.seconds_mean.load(std::memory_order_relaxed);
      double next = 0;
      do {
        next = mean < 0 ? seconds : mean + options_.weight * (seconds - mean);
      } while (!slot.seconds_mean.compare_exchange_weak(mean, next, std::memory_order_relaxed));
    }
    slot.places.give_back();
  }

  [[nodiscard]] std::optional<WaitTicket> wait(std::uint16_t target, Waker& waker,
                                               std::uint64_t cookie) noexcept override {
    return at(target).places.wait(waker, cookie);
  }

  [[nodiscard]] bool leave(std::uint16_t target, const WaitTicket& ticket) noexcept override {
    return at(target).places.leave(ticket);
  }

  [[nodiscard]] bool queue(std::uint16_t target, QueueStep step) noexcept override {
    PlaceQueue& places = at(target).places;
    if (step == QueueStep::kEnter) return places.enter_polling();
    places.leave_polling();
    return true;
  }

  [[nodiscard]] core::TargetState state(std::uint16_t target, Nanoseconds) const noexcept override {
    const Slot& slot = at(target);
    core::TargetState state;
    state.healthy = slot.places.up();
    const std::uint32_t limit = slot.places.places_max();
    if (limit == 0 || slot.places.in_flight() < limit) return state;
    const double mean = slot.seconds_mean.load(std::memory_order_relaxed);
    const double ahead = static_cast<double>(slot.places.waiting()) + 1;
    state.queue_seconds = ahead * (mean < 0 ? options_.seconds_guess : mean) / static_cast<double>(limit);
    return state;
  }

  void set_healthy(std::uint16_t target, bool healthy) noexcept override { at(target).places.set_up(healthy); }

 private:
  [[nodiscard]] Slot& at(std::uint16_t target) const noexcept {
    THALAMUS_ASSERT(target < slots_.size());
    return *slots_[target];
  }

  InFlightOptions options_;
  std::vector<std::unique_ptr<Slot>> slots_;
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
