#include "thalamus/dispatch/replica_health.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "thalamus/base/assert.h"

namespace thalamus::dispatch {
namespace {

// The word: the instant until which a replica is open, in ticks of 2^16 ns (46 bits: 146 years), good probes, probes
// in flight. An instant is never reused, so it names the opening.
constexpr unsigned kCountBits = 9;
constexpr std::uint64_t kCountMask = (1U << kCountBits) - 1;
constexpr unsigned kUntilShift = 2 * kCountBits;
constexpr unsigned kTickShift = 16;
constexpr double kJitter = 0.2;
constexpr std::uint32_t kLevelMax = 30;
constexpr double kNotJudged = -1;

std::uint64_t until_ticks(std::uint64_t word) noexcept { return word >> kUntilShift; }
std::uint64_t good_probes(std::uint64_t word) noexcept { return (word >> kCountBits) & kCountMask; }
std::uint64_t probes(std::uint64_t word) noexcept { return word & kCountMask; }

std::uint64_t make_word(std::uint64_t ticks, std::uint64_t good, std::uint64_t in_flight) noexcept {
  return (ticks << kUntilShift) | (good << kCountBits) | in_flight;
}

Nanoseconds instant_of(std::uint64_t word) noexcept {
  return {static_cast<std::int64_t>(until_ticks(word) << kTickShift)};
}

HealthPhase phase_of(std::uint64_t word, Nanoseconds now) noexcept {
  if (word == 0) return HealthPhase::kClosed;
  return now < instant_of(word) ? HealthPhase::kOpen : HealthPhase::kHalfOpen;
}

}  // namespace

const char* label(HealthPhase phase) noexcept {
  switch (phase) {
    case HealthPhase::kClosed: return "closed";
    case HealthPhase::kOpen: return "open";
    case HealthPhase::kHalfOpen: return "half_open";
  }
  return "unknown";
}

ReplicaHealth::ReplicaHealth(std::size_t replicas, const HealthOptions& options)
    : options_(options), count_(replicas), states_(std::make_unique<State[]>(replicas)) {
  THALAMUS_ASSERT(replicas > 0 && replicas <= kReplicasMax);
}

bool ReplicaHealth::usable(std::size_t replica, Nanoseconds now) const noexcept {
  const std::uint64_t word = states_[replica].word.load(std::memory_order_relaxed);
  switch (phase_of(word, now)) {
    case HealthPhase::kClosed: return true;
    case HealthPhase::kOpen: return false;
    case HealthPhase::kHalfOpen: return probes(word) < static_cast<std::uint64_t>(options_.probes_max);
  }
  return false;
}

std::optional<ReplicaHealth::Pass> ReplicaHealth::enter(std::size_t replica, Nanoseconds now) noexcept {
  THALAMUS_ASSERT(replica < count_);
  State& state = states_[replica];
  std::uint64_t word = state.word.load(std::memory_order_relaxed);
  for (;;) {
    const HealthPhase phase = phase_of(word, now);
    if (phase == HealthPhase::kClosed) return Pass{};
    if (phase == HealthPhase::kOpen || probes(word) >= static_cast<std::uint64_t>(options_.probes_max))
      return std::nullopt;
    if (state.word.compare_exchange_weak(word, word + 1, std::memory_order_relaxed)) return Pass{until_ticks(word)};
  }
}

void ReplicaHealth::leave(std::size_t replica, Pass pass, HealthVerdict verdict, Nanoseconds now,
                          base::Rng& rng) noexcept {
  THALAMUS_ASSERT(replica < count_);
  State& state = states_[replica];
  if (verdict == HealthVerdict::kGood) state.window_good.fetch_add(1, std::memory_order_relaxed);
  if (verdict == HealthVerdict::kFault) state.window_faults.fetch_add(1, std::memory_order_relaxed);
  if (pass.probe()) {
    end_probe(state, pass, verdict, now, rng);
  } else if (verdict == HealthVerdict::kGood) {
    state.in_a_row.store(0, std::memory_order_relaxed);
  } else if (verdict == HealthVerdict::kFault && state.word.load(std::memory_order_relaxed) == 0) {
    const std::int64_t in_a_row = state.in_a_row.fetch_add(1, std::memory_order_relaxed) + 1;
    if (options_.breaker_failures > 0 && in_a_row >= options_.breaker_failures) {
      static_cast<void>(open(state, 0, now, rng));
    } else if (options_.ejection_failures > 0 && in_a_row >= options_.ejection_failures) {
      eject(state, now, rng);
    }
  }
  sweep(now, rng);
}

void ReplicaHealth::end_probe(State& state, Pass pass, HealthVerdict verdict, Nanoseconds now,
                              base::Rng& rng) noexcept {
  std::uint64_t word = state.word.load(std::memory_order_relaxed);
  // Another instant: the opening that this call probed is over, and its probes with it.
  while (until_ticks(word) == pass.opening) {
    if (verdict == HealthVerdict::kFault) {
      if (open(state, word, now, rng)) return;
      word = state.word.load(std::memory_order_relaxed);
      continue;
    }
    const std::uint64_t good = good_probes(word) + (verdict == HealthVerdict::kGood ? 1 : 0);
    const bool closes = good >= static_cast<std::uint64_t>(options_.probes_to_close);
    const std::uint64_t next = closes ? 0 : make_word(pass.opening, good, probes(word) - 1);
    if (!state.word.compare_exchange_weak(word, next, std::memory_order_relaxed)) continue;
    if (closes) state.in_a_row.store(0, std::memory_order_relaxed);
    return;
  }
}

bool ReplicaHealth::open(State& state, std::uint64_t seen, Nanoseconds now, base::Rng& rng) noexcept {
  const std::uint32_t level = state.level.load(std::memory_order_relaxed);
  const double whole_ms =
      std::min(options_.open_max_ms, std::ldexp(options_.open_ms, static_cast<int>(std::min(level, kLevelMax))));
  const Nanoseconds span = Nanoseconds::from_seconds(whole_ms * 1e-3 * (1 - kJitter * rng.uniform()));
  const auto ticks = static_cast<std::uint64_t>((now + span).value) >> kTickShift;
  const std::uint64_t next = make_word(std::max(until_ticks(seen) + 1, ticks), 0, 0);
  if (!state.word.compare_exchange_strong(seen, next, std::memory_order_relaxed)) return false;
  state.level.fetch_add(1, std::memory_order_relaxed);
  state.openings.fetch_add(1, std::memory_order_relaxed);
  state.in_a_row.store(0, std::memory_order_relaxed);
  return true;
}

// One core ejects at a time, so that no two together pass the share; another's turn comes with the next failure.
void ReplicaHealth::eject(State& state, Nanoseconds now, base::Rng& rng) noexcept {
  if (count_ < 2 || ejecting_.exchange(true, std::memory_order_acquire)) return;
  std::size_t out = 0;
  for (std::size_t i = 0; i < count_; ++i)
    if (states_[i].word.load(std::memory_order_relaxed) != 0) ++out;
  const auto share = static_cast<std::size_t>(options_.ejected_share_max * static_cast<double>(count_));
  if (out < std::max<std::size_t>(1, share)) static_cast<void>(open(state, 0, now, rng));
  ejecting_.store(false, std::memory_order_release);
}

void ReplicaHealth::sweep(Nanoseconds now, base::Rng& rng) noexcept {
  std::int64_t due = sweep_at_.load(std::memory_order_relaxed);
  const std::int64_t next = (now + Nanoseconds::from_seconds(options_.interval_ms * 1e-3)).value;
  if (due != 0 && now.value < due) return;
  if (!sweep_at_.compare_exchange_strong(due, next, std::memory_order_relaxed)) return;
  if (due != 0) compare(now, rng);  // else the first interval begins
}

void ReplicaHealth::compare(Nanoseconds now, base::Rng& rng) noexcept {
  std::array<double, kReplicasMax> rates;  // of a closed replica with enough calls; else kNotJudged
  std::size_t judged = 0;
  double mean = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    rates[i] = close_interval(states_[i]);
    if (rates[i] == kNotJudged) continue;
    ++judged;
    mean += rates[i];
    if (options_.failure_share > 0 && 1 - rates[i] >= options_.failure_share) eject(states_[i], now, rng);
  }
  if (options_.success_rate_stdev <= 0 || judged < static_cast<std::size_t>(options_.success_rate_replicas_min)) return;
  mean /= static_cast<double>(judged);
  double square = 0;
  for (std::size_t i = 0; i < count_; ++i)
    if (rates[i] != kNotJudged) square += (rates[i] - mean) * (rates[i] - mean);
  const double floor = mean - options_.success_rate_stdev * std::sqrt(square / static_cast<double>(judged));
  for (std::size_t i = 0; i < count_; ++i)
    if (rates[i] != kNotJudged && rates[i] < floor) eject(states_[i], now, rng);
}

// The success rate of the interval that ends.
double ReplicaHealth::close_interval(State& state) const noexcept {
  const std::uint64_t good = state.window_good.exchange(0, std::memory_order_relaxed);
  const std::uint64_t faults = state.window_faults.exchange(0, std::memory_order_relaxed);
  if (state.word.load(std::memory_order_relaxed) != 0) return kNotJudged;
  const std::uint32_t level = state.level.load(std::memory_order_relaxed);
  if (faults == 0 && level > 0) state.level.store(level - 1, std::memory_order_relaxed);
  if (good + faults < static_cast<std::uint64_t>(options_.interval_calls_min)) return kNotJudged;
  return static_cast<double>(good) / static_cast<double>(good + faults);
}

HealthPhase ReplicaHealth::phase(std::size_t replica, Nanoseconds now) const noexcept {
  return phase_of(states_[replica].word.load(std::memory_order_relaxed), now);
}

Nanoseconds ReplicaHealth::open_until(std::size_t replica) const noexcept {
  return instant_of(states_[replica].word.load(std::memory_order_relaxed));
}

std::uint64_t ReplicaHealth::openings(std::size_t replica) const noexcept {
  return states_[replica].openings.load(std::memory_order_relaxed);
}

}  // namespace thalamus::dispatch
