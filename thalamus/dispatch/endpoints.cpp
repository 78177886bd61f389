#include "thalamus/dispatch/endpoints.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

#include "thalamus/base/assert.h"
#include "thalamus/base/hash.h"

namespace thalamus::dispatch {
namespace {

constexpr double kForgottenS = 1e-4;  // a latency that has decayed to less says nothing any more
constexpr double kUnknownS = 1e6;     // of a replica without history that has a call already
constexpr Nanoseconds kProbeGuess = Nanoseconds::from_ms(100);  // until a probe may have ended
constexpr unsigned kStampShift = 20;                            // ticks of 1.05 ms; 32 bits of them are 52 days

// A latency in seconds (float) and the tick it was learned at, in one word.
std::uint64_t pack(float seconds, std::uint32_t tick) noexcept {
  return (std::uint64_t{std::bit_cast<std::uint32_t>(seconds)} << 32U) | tick;
}
double latency_of(std::uint64_t word) noexcept {
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(word >> 32U)));
}
std::uint32_t tick_of(Nanoseconds instant) noexcept {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(instant.value) >> kStampShift);
}

// What is left of the weight of a latency; of one that a core with a later clock has learned, all.
double weight_of(std::uint64_t word, Nanoseconds now, double tau_ms) noexcept {
  const auto ticks = static_cast<std::int32_t>(tick_of(now) - static_cast<std::uint32_t>(word));
  const double elapsed_ms = std::ldexp(static_cast<double>(std::max(ticks, 0)), kStampShift) * 1e-6;
  return std::exp(-elapsed_ms / tau_ms);
}

// The index below `size` that a draw from [0, 1) stands for.
std::size_t scale(double draw, std::size_t size) noexcept {
  return std::min(static_cast<std::size_t>(draw * static_cast<double>(size)), size - 1);
}

void give_back(std::atomic<std::uint32_t>& counter) noexcept {
  const std::uint32_t before = counter.fetch_sub(1, std::memory_order_relaxed);
  THALAMUS_ASSERT(before > 0);  // every end has one beginning
}

void raise_to(std::atomic<std::int64_t>& instant, Nanoseconds to) noexcept {
  std::int64_t seen = instant.load(std::memory_order_relaxed);
  while (seen < to.value && !instant.compare_exchange_weak(seen, to.value, std::memory_order_relaxed)) {
  }
}

HealthVerdict health_of(EndpointVerdict verdict) noexcept {
  switch (verdict) {
    case EndpointVerdict::kGood: return HealthVerdict::kGood;
    case EndpointVerdict::kReplicaFault: return HealthVerdict::kFault;
    case EndpointVerdict::kKeyLimited:
    case EndpointVerdict::kKeyDead:
    case EndpointVerdict::kNeutral: break;
  }
  return HealthVerdict::kNeutral;
}

Status check_names(const std::vector<std::string>& names, const char* what) {
  if (names.empty()) return fail(ErrorKind::kInvalidInput, "a target needs at least one {}", what);
  std::set<std::string> seen;
  for (const auto& name : names)
    if (!seen.insert(name).second) return fail(ErrorKind::kInvalidInput, "{} '{}' is given twice", what, name);
  return {};
}

}  // namespace

Result<std::unique_ptr<EndpointSet>> EndpointSet::make(EndpointNames names, const EndpointOptions& options) {
  CHECK_OK(check_names(names.keys, "key"));
  CHECK_OK(check_names(names.replicas, "replica"));
  if (names.keys.size() > kEndpointsMax / names.replicas.size())
    return fail(ErrorKind::kInvalidInput, "{} keys times {} replicas are more than {} endpoints", names.keys.size(),
                names.replicas.size(), kEndpointsMax);
  return std::unique_ptr<EndpointSet>(new EndpointSet(std::move(names), options));
}

EndpointSet::EndpointSet(EndpointNames names, const EndpointOptions& options)
    : names_(std::move(names)),
      options_(options),
      replica_(std::make_unique<Replica[]>(names_.replicas.size())),
      key_(std::make_unique<Key[]>(names_.keys.size())),
      in_flight_(std::make_unique<std::atomic<std::uint32_t>[]>(size())),
      health_(names_.replicas.size(), options.health) {
  for (const auto& replica : names_.replicas)
    for (const auto& key : names_.keys) hash_.push_back(base::hash64(key, base::hash64(replica)));
}

std::optional<EndpointChoice> EndpointSet::pick(Nanoseconds now, base::Rng& rng, std::optional<std::uint64_t> affinity,
                                                const EndpointMask& excluded) noexcept {
  const std::array draws{rng.uniform(), rng.uniform()};
  Usable usable;
  find_usable(now, excluded, usable);
  while (usable.size > 0) {
    const std::size_t at = affinity ? by_affinity(usable, *affinity) : by_load(usable, now, draws);
    if (auto choice = take(usable.endpoint[at], now)) return choice;
    usable.endpoint[at] = usable.endpoint[--usable.size];  // another core has taken the probe
  }
  return std::nullopt;
}

void EndpointSet::find_usable(Nanoseconds now, const EndpointMask& excluded, Usable& out) const noexcept {
  for (std::size_t r = 0; r < replicas(); ++r) {
    const Replica& replica = replica_[r];
    if (!replica.up.load(std::memory_order_relaxed) ||
        replica.resting_until.load(std::memory_order_relaxed) > now.value || !health_.usable(r, now))
      continue;
    for (std::size_t k = 0; k < keys(); ++k) {
      const std::size_t endpoint = r * keys() + k;
      if (excluded[endpoint] || key_[k].dead.load(std::memory_order_relaxed) ||
          key_[k].resting_until.load(std::memory_order_relaxed) > now.value)
        continue;
      out.endpoint[out.size++] = static_cast<std::uint16_t>(endpoint);
    }
  }
}

double EndpointSet::cost(std::uint16_t endpoint, Nanoseconds now) const noexcept {
  const Replica& replica = replica_[endpoint / keys()];
  const std::uint64_t word = replica.latency.load(std::memory_order_relaxed);
  const double latency = latency_of(word) * weight_of(word, now, options_.latency_tau_ms);
  const auto in_flight = static_cast<double>(replica.in_flight.load(std::memory_order_relaxed));
  if (latency < kForgottenS) return in_flight == 0 ? 0 : kUnknownS + in_flight;
  return latency * (in_flight + 1);
}

std::size_t EndpointSet::by_load(const Usable& usable, Nanoseconds now,
                                 const std::array<double, 2>& draws) const noexcept {
  if (usable.size == 1) return 0;
  const std::size_t first = scale(draws[0], usable.size);
  const std::size_t drawn = scale(draws[1], usable.size - 1);
  const std::size_t second = drawn < first ? drawn : drawn + 1;
  const double first_cost = cost(usable.endpoint[first], now);
  const double second_cost = cost(usable.endpoint[second], now);
  if (first_cost != second_cost) return first_cost < second_cost ? first : second;
  const auto of_key = [&](std::size_t at) {
    return key_[usable.endpoint[at] % keys()].in_flight.load(std::memory_order_relaxed);
  };
  return of_key(first) <= of_key(second) ? first : second;
}

std::size_t EndpointSet::by_affinity(const Usable& usable, std::uint64_t affinity) const noexcept {
  std::array<std::uint32_t, kEndpointsMax> loads;
  std::uint64_t total = 1;
  std::size_t best = 0;
  for (std::size_t i = 0; i < usable.size; ++i) {
    total += loads[i] = in_flight_[usable.endpoint[i]].load(std::memory_order_relaxed);
    if (loads[i] < loads[best]) best = i;
  }
  const double mean = static_cast<double>(total) / static_cast<double>(usable.size);
  const double bound = std::max(static_cast<double>(options_.affinity_slack), std::ceil(options_.affinity_load * mean));
  std::uint64_t best_weight = 0;
  for (std::size_t i = 0; i < usable.size; ++i) {
    if (static_cast<double>(loads[i]) >= bound) continue;
    const std::uint64_t weight = base::mix64(affinity ^ hash_[usable.endpoint[i]]);
    if (weight < best_weight) continue;
    best = i;
    best_weight = weight;
  }
  return best;
}

std::optional<EndpointChoice> EndpointSet::take(std::uint16_t endpoint, Nanoseconds now) noexcept {
  const std::size_t replica = endpoint / keys();
  const std::size_t key = endpoint % keys();
  const auto pass = health_.enter(replica, now);
  if (!pass) return std::nullopt;
  in_flight_[endpoint].fetch_add(1, std::memory_order_relaxed);
  replica_[replica].in_flight.fetch_add(1, std::memory_order_relaxed);
  key_[key].in_flight.fetch_add(1, std::memory_order_relaxed);
  return EndpointChoice{endpoint, static_cast<std::uint16_t>(key), static_cast<std::uint16_t>(replica), *pass};
}

void EndpointSet::finish(const EndpointChoice& choice, const EndpointEnd& end, Nanoseconds now,
                         base::Rng& rng) noexcept {
  THALAMUS_ASSERT(choice.endpoint < size());
  Replica& replica = replica_[choice.replica];
  Key& key = key_[choice.key];
  give_back(in_flight_[choice.endpoint]);
  give_back(replica.in_flight);
  give_back(key.in_flight);
  const bool fault = end.verdict == EndpointVerdict::kReplicaFault;
  if (fault) {
    const double seen = end.first_token.value_or(end.duration).seconds();
    learn_latency(replica, std::max(seen, options_.failure_latency_ms * 1e-3), now);
    replica.faults.fetch_add(1, std::memory_order_relaxed);
    if (end.retry_after) raise_to(replica.resting_until, now + *end.retry_after);
  } else if (end.first_token) {
    learn_latency(replica, end.first_token->seconds(), now);
  }
  if (end.verdict == EndpointVerdict::kGood) {
    replica.good.fetch_add(1, std::memory_order_relaxed);
    key.limits_in_a_row.store(0, std::memory_order_relaxed);
  }
  if (end.verdict == EndpointVerdict::kKeyDead) key.dead.store(true, std::memory_order_relaxed);
  if (end.verdict == EndpointVerdict::kKeyLimited) rest_key(key, end, now);
  health_.leave(choice.replica, choice.pass, health_of(end.verdict), now, rng);
}

void EndpointSet::learn_latency(Replica& replica, double seconds, Nanoseconds now) noexcept {
  std::uint64_t word = replica.latency.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    const double before = latency_of(word);
    const double weight = weight_of(word, now, options_.latency_tau_ms);
    const double latency = seconds > before ? seconds : before * weight + seconds * (1 - weight);
    next = pack(static_cast<float>(std::max(latency, kForgottenS)), tick_of(now));
  } while (!replica.latency.compare_exchange_weak(word, next, std::memory_order_relaxed));
}

// Calls that were under way when the key met its limit meet it too; they do not make its rest longer.
void EndpointSet::rest_key(Key& key, const EndpointEnd& end, Nanoseconds now) noexcept {
  if (end.retry_after) return raise_to(key.resting_until, now + *end.retry_after);
  if (key.resting_until.load(std::memory_order_relaxed) > now.value) return;
  const std::uint32_t before = key.limits_in_a_row.fetch_add(1, std::memory_order_relaxed);
  const double rest_ms =
      std::min(options_.key_rest_max_ms, std::ldexp(options_.key_rest_ms, static_cast<int>(std::min(before, 30U))));
  raise_to(key.resting_until, now + Nanoseconds::from_seconds(rest_ms * 1e-3));
}

std::optional<Nanoseconds> EndpointSet::next_chance(Nanoseconds now, const EndpointMask& excluded,
                                                    Chance which) const noexcept {
  std::optional<Nanoseconds> earliest;
  for (std::size_t endpoint = 0; endpoint < size(); ++endpoint) {
    const std::size_t r = endpoint / keys();
    const Key& key = key_[endpoint % keys()];
    if (excluded[endpoint] || key.dead.load(std::memory_order_relaxed) ||
        !replica_[r].up.load(std::memory_order_relaxed) || (which == Chance::kHealthyOnly && !health_.usable(r, now)))
      continue;
    Nanoseconds at =
        std::max({now, Nanoseconds{key.resting_until.load(std::memory_order_relaxed)},
                  Nanoseconds{replica_[r].resting_until.load(std::memory_order_relaxed)}, health_.open_until(r)});
    if (at == now && !health_.usable(r, now)) at = now + kProbeGuess;
    if (!earliest || at < *earliest) earliest = at;
  }
  return earliest;
}

void EndpointSet::set_up(std::size_t replica, bool up) noexcept {
  THALAMUS_ASSERT(replica < replicas());
  replica_[replica].up.store(up, std::memory_order_relaxed);
}

EndpointMask EndpointSet::with_key(std::size_t key) const noexcept {
  EndpointMask mask;
  for (std::size_t r = 0; r < replicas(); ++r) mask.set(r * keys() + key);
  return mask;
}

EndpointMask EndpointSet::at_replica(std::size_t replica) const noexcept {
  EndpointMask mask;
  for (std::size_t k = 0; k < keys(); ++k) mask.set(replica * keys() + k);
  return mask;
}

ReplicaView EndpointSet::replica_view(std::size_t replica, Nanoseconds now) const {
  THALAMUS_ASSERT(replica < replicas());
  const Replica& state = replica_[replica];
  const std::uint64_t word = state.latency.load(std::memory_order_relaxed);
  ReplicaView view;
  view.name = names_.replicas[replica];
  view.phase = health_.phase(replica, now);
  view.up = state.up.load(std::memory_order_relaxed);
  if (view.phase == HealthPhase::kOpen) view.open_until = health_.open_until(replica);
  view.resting_until = {state.resting_until.load(std::memory_order_relaxed)};
  view.in_flight = state.in_flight.load(std::memory_order_relaxed);
  if (word != 0) view.latency_seconds = latency_of(word);
  view.good = state.good.load(std::memory_order_relaxed);
  view.faults = state.faults.load(std::memory_order_relaxed);
  view.openings = health_.openings(replica);
  return view;
}

KeyView EndpointSet::key_view(std::size_t key) const {
  THALAMUS_ASSERT(key < keys());
  const Key& state = key_[key];
  return {names_.keys[key], state.dead.load(std::memory_order_relaxed),
          Nanoseconds{state.resting_until.load(std::memory_order_relaxed)},
          state.in_flight.load(std::memory_order_relaxed)};
}

}  // namespace thalamus::dispatch
