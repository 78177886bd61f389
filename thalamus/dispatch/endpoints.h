/// Which of a target's endpoints takes a call: several keys times several replicas of one provider, chosen by load and
/// latency, with sessions kept where their prompt cache is warm, and without those that are ill.
///
/// **Choice.** Power of two choices (M. Mitzenmacher, 1996) over the peak-EWMA cost of Finagle and Linkerd: of two
/// endpoints drawn at random the one with the lesser
///
///     cost = latency * (in_flight + 1)
///     latency: when a value v comes dt after the last,  v > latency ? v : latency * w + v * (1 - w),  w = exp(-dt/tau)
///
/// takes the call. `latency` is the time to the first token, since the whole time depends on the length of the answer;
/// it decays towards zero while nothing comes, so that a slow replica is looked at again. A replica without history is
/// free for one call and expensive for the next until the first has answered. A failure counts as
/// max(its time, `failure_latency_ms`): failing fast is not being fast.
///
/// **Affinity.** With an affinity hash (of a session, or of the prefix of a prompt of `affinity_prefix_bytes` and more;
/// shorter ones are not worth a home and go by load, see affinity.h) endpoints are asked in rendezvous order
/// (D. Thaler, C. Ravishankar, 1998) and the first that is not overloaded takes the call: one holds at most
/// max(affinity_slack, ceil(affinity_load * (all in flight + 1) / usable endpoints)) calls, the bounded loads of
/// arXiv 1608.01350. An ejection moves only the sessions of the ejected replica, and they come back with it.
///
/// **Health.** Two mechanisms, one state a replica, closed -> open -> half open -> closed:
///  - outlier ejection (Envoy): `ejection_failures` failures in a row, or at the end of an interval a success rate
///    below mean - `success_rate_stdev` * deviation over the replicas with enough calls, or a share of failures of
///    `failure_share` and more; never more than `ejected_share_max` of the replicas (but always one, of several).
///  - circuit breaker: `breaker_failures` in a row, whatever the share and the number of replicas, so that a dead
///    provider fails fast and the plan moves on.
/// Open time is base * 2^(openings - 1), at most `open_max_ms`, less up to a fifth by chance; every interval in good
/// health takes one opening off. Half open, `probes_max` calls at a time are let through; `probes_to_close` good ones
/// close it, a bad one opens it again.
///
/// **Keys.** A key is dead until the configuration changes, or rests until an instant. Both leave the replicas alone.
///
/// All cores share one set; nothing locks. A pick is O(endpoints).
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "thalamus/base/fields.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/base/units.h"
#include "thalamus/dispatch/replica_health.h"

namespace thalamus::dispatch {

inline constexpr std::size_t kEndpointsMax = 256;  ///< keys times replicas of one target

struct EndpointOptions {
  double latency_tau_ms = 10'000;
  double failure_latency_ms = 1'000;
  double affinity_load = 1.25;
  std::int64_t affinity_slack = 8;
  std::int64_t affinity_prefix_bytes = 4'096;
  double key_rest_ms = 1'000;
  double key_rest_max_ms = 60'000;
  HealthOptions health;

  template <class Visitor>
  void fields(Visitor& visit) {
    using Number = base::Range<double>;
    visit("latency_tau_ms", latency_tau_ms, Number{1, 3'600'000}, "in which an old latency fades to a third");
    visit("failure_latency_ms", failure_latency_ms, Number{0, 600'000}, "that a failed call counts as, at least");
    visit("affinity_load", affinity_load, Number{1, 100}, "times the mean load that a warm endpoint may have");
    visit("affinity_slack", affinity_slack, base::Range<std::int64_t>{1, 100'000}, "calls it may have in any case");
    visit("affinity_prefix_bytes", affinity_prefix_bytes, base::Range<std::int64_t>{0, 100'000'000},
          "of a prompt without a session that is kept at a warm endpoint; 0: of any length");
    visit("key_rest_ms", key_rest_ms, Number{1, 3'600'000},
          "of a key that met its limit and was told no time; doubles");
    visit("key_rest_max_ms", key_rest_max_ms, Number{1, 3'600'000}, "of such a key, at most");
    health.fields(visit);
  }
};

/// What the endpoints of a target are made of. Names are stable over configurations: affinity hangs on them.
struct EndpointNames {
  std::vector<std::string> keys;      ///< at least one; a provider without a key has the one name ""
  std::vector<std::string> replicas;  ///< at least one
};

using EndpointMask = std::bitset<kEndpointsMax>;

/// One call's endpoint: replica * keys + key. Given back with `finish`.
struct EndpointChoice {
  std::uint16_t endpoint = 0;
  std::uint16_t key = 0;
  std::uint16_t replica = 0;
  ReplicaHealth::Pass pass;  ///< of the replica's health; a probe's verdict counts for more
};

enum class EndpointVerdict : std::uint8_t {
  kGood,
  kReplicaFault,  ///< counts against the replica
  kKeyLimited,    ///< 429: the key rests
  kKeyDead,       ///< 401, 402, 403
  kNeutral,       ///< cancelled, or the client's own fault: says nothing about the endpoint
};

struct EndpointEnd {
  EndpointVerdict verdict = EndpointVerdict::kNeutral;
  std::optional<Nanoseconds> first_token;  ///< from the attempt's start; of a buffered answer the whole time
  Nanoseconds duration{};                  ///< of the attempt
  std::optional<Nanoseconds> retry_after;  ///< as stated: the key rests (kKeyLimited), or the replica (kReplicaFault)
};

/// For metrics and the admin endpoint.
struct ReplicaView {
  std::string name;
  HealthPhase phase = HealthPhase::kClosed;
  bool up = true;               ///< as the supervisor says
  Nanoseconds open_until{};     ///< of kOpen
  Nanoseconds resting_until{};  ///< as it asked by Retry-After; zero: never
  std::uint32_t in_flight = 0;
  /// As the last call left it, without the fading that the choice knows; nothing where no call has told any.
  std::optional<double> latency_seconds;
  std::uint64_t good = 0;
  std::uint64_t faults = 0;
  std::uint64_t openings = 0;
};
struct KeyView {
  std::string name;
  bool dead = false;
  Nanoseconds resting_until{};
  std::uint32_t in_flight = 0;
};

class EndpointSet {
 public:
  [[nodiscard]] static Result<std::unique_ptr<EndpointSet>> make(EndpointNames names, const EndpointOptions& options);

  /// Chooses an endpoint outside `excluded` and counts the call in flight until `finish`. Nothing where none is
  /// usable; `next_chance` then says when one may be. Takes the same number of draws whatever it finds.
  [[nodiscard]] std::optional<EndpointChoice> pick(Nanoseconds now, base::Rng& rng,
                                                   std::optional<std::uint64_t> affinity,
                                                   const EndpointMask& excluded) noexcept;
  /// Every pick has one; a second one aborts. `rng` draws the jitter of an opening.
  void finish(const EndpointChoice& choice, const EndpointEnd& end, Nanoseconds now, base::Rng& rng) noexcept;

  /// The earliest instant, `now` or later, at which an endpoint outside `excluded` may be usable again; nothing where
  /// only a new configuration or the supervisor can help. kHealthyOnly leaves out the replicas that are open or half
  /// open: what is worth waiting for, while kAny is what a client is told to wait.
  enum class Chance : std::uint8_t { kAny, kHealthyOnly };
  [[nodiscard]] std::optional<Nanoseconds> next_chance(Nanoseconds now, const EndpointMask& excluded,
                                                       Chance which = Chance::kAny) const noexcept;

  /// From the supervisor: the replica's server is up or down.
  void set_up(std::size_t replica, bool up) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return names_.keys.size() * names_.replicas.size(); }
  [[nodiscard]] std::size_t keys() const noexcept { return names_.keys.size(); }
  [[nodiscard]] std::size_t replicas() const noexcept { return names_.replicas.size(); }
  /// A prompt without a session must be this long to get an affinity.
  [[nodiscard]] std::size_t affinity_prefix_bytes() const noexcept {
    return static_cast<std::size_t>(options_.affinity_prefix_bytes);
  }
  /// All endpoints with this key, or at this replica: what a retry excludes.
  [[nodiscard]] EndpointMask with_key(std::size_t key) const noexcept;
  [[nodiscard]] EndpointMask at_replica(std::size_t replica) const noexcept;
  [[nodiscard]] ReplicaView replica_view(std::size_t replica, Nanoseconds now) const;
  [[nodiscard]] KeyView key_view(std::size_t key) const;

 private:
  struct alignas(64) Replica {
    std::atomic<std::uint32_t> in_flight{0};
    std::atomic<bool> up{true};
    std::atomic<std::uint64_t> latency{0};  // packed; see endpoints.cpp
    std::atomic<std::int64_t> resting_until{0};
    std::atomic<std::uint64_t> good{0};
    std::atomic<std::uint64_t> faults{0};
  };
  struct alignas(64) Key {
    std::atomic<std::uint32_t> in_flight{0};
    std::atomic<bool> dead{false};
    std::atomic<std::uint32_t> limits_in_a_row{0};
    std::atomic<std::int64_t> resting_until{0};
  };
  /// The endpoints that may take a call now.
  struct Usable {
    std::array<std::uint16_t, kEndpointsMax> endpoint;
    std::size_t size = 0;
  };

  EndpointSet(EndpointNames names, const EndpointOptions& options);
  void find_usable(Nanoseconds now, const EndpointMask& excluded, Usable& out) const noexcept;
  [[nodiscard]] std::size_t by_load(const Usable& usable, Nanoseconds now,
                                    const std::array<double, 2>& draws) const noexcept;
  [[nodiscard]] std::size_t by_affinity(const Usable& usable, std::uint64_t affinity) const noexcept;
  [[nodiscard]] double cost(std::uint16_t endpoint, Nanoseconds now) const noexcept;
  [[nodiscard]] std::optional<EndpointChoice> take(std::uint16_t endpoint, Nanoseconds now) noexcept;
  void learn_latency(Replica& replica, double seconds, Nanoseconds now) noexcept;
  void rest_key(Key& key, const EndpointEnd& end, Nanoseconds now) noexcept;

  EndpointNames names_;
  EndpointOptions options_;
  std::unique_ptr<Replica[]> replica_;
  std::unique_ptr<Key[]> key_;
  std::unique_ptr<std::atomic<std::uint32_t>[]> in_flight_;  // of each endpoint
  std::vector<std::uint64_t> hash_;                          // of each endpoint
  ReplicaHealth health_;
};

}  // namespace thalamus::dispatch
