#include "thalamus/sim/fault_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>

#include "thalamus/base/text.h"
#include "thalamus/sim/report.h"

namespace thalamus::sim {
namespace {

constexpr std::array<std::string_view, 18> kPlain{
    "requests",     "answered",     "failed",       "broken",       "client_gone",    "answered_share",
    "fallbacks",    "attempts",     "retries",      "hedges",       "retry_share",    "hedge_share",
    "first_ms_p50", "first_ms_p99", "total_ms_p50", "total_ms_p99", "affinity_share", "longest_ms"};
// Followed by .TARGET, .TARGET.REPLICA or, for attempts, .TARGET.key.KEY.
constexpr std::array<std::string_view, 2> kPlaced{"attempts", "openings"};

struct Window {
  Nanoseconds from;
  Nanoseconds to;
  [[nodiscard]] bool holds(Nanoseconds at) const noexcept { return at >= from && at < to; }
};

/// `attempts.main.0` taken apart.
struct Place {
  std::string_view what;
  std::size_t target = 0;
  std::optional<std::size_t> replica;
  std::optional<std::size_t> key;
};

std::optional<Place> place_of(const FaultCase& fault_case, std::string_view metric) {
  const auto pieces = base::split(metric, '.');
  if (pieces.size() < 2 || pieces.size() > 4) return std::nullopt;
  Place place;
  place.what = pieces[0];
  if (std::find(kPlaced.begin(), kPlaced.end(), place.what) == kPlaced.end()) return std::nullopt;
  const auto& targets = fault_case.targets;
  const auto found =
      std::find_if(targets.begin(), targets.end(), [&](const FaultTarget& target) { return target.name == pieces[1]; });
  if (found == targets.end()) return std::nullopt;
  place.target = static_cast<std::size_t>(found - targets.begin());
  if (pieces.size() == 2) return place;
  const auto index = base::parse_number<std::size_t>(pieces.back());
  if (!index) return std::nullopt;
  if (pieces.size() == 3) {
    if (*index >= found->replicas) return std::nullopt;
    place.replica = index;
    return place;
  }
  if (pieces[2] != "key" || *index >= found->keys || place.what != "attempts") return std::nullopt;
  place.key = index;
  return place;
}

double share_of(double part, double whole) { return whole == 0 ? 0 : part / whole; }

template <class Predicate>
double count_requests(const FaultRun& run, const Window& window, const Predicate& holds) {
  return static_cast<double>(std::count_if(run.requests.begin(), run.requests.end(), [&](const FaultRequest& request) {
    return window.holds(request.arrived) && holds(request);
  }));
}

double count_ends(const FaultRun& run, const Window& window, FaultEnd end) {
  return count_requests(run, window, [&](const FaultRequest& request) { return request.end == end; });
}

template <class Predicate>
double count_attempts(const FaultRun& run, const Window& window, const Predicate& holds) {
  return static_cast<double>(std::count_if(run.attempts.begin(), run.attempts.end(), [&](const FaultAttempt& attempt) {
    return window.holds(attempt.started) && holds(attempt);
  }));
}

double count_cause(const FaultRun& run, const Window& window, AttemptCause cause) {
  return count_attempts(run, window, [&](const FaultAttempt& attempt) { return attempt.cause == cause; });
}

// Of the answered.
double milliseconds(const FaultRun& run, const Window& window, std::string_view metric) {
  std::vector<std::int64_t> values;
  for (const auto& request : run.requests) {
    if (!window.holds(request.arrived) || request.end != FaultEnd::kAnswered) continue;
    values.push_back(metric.starts_with("first") ? request.first.value_or(request.total).value : request.total.value);
  }
  const Percentiles found = percentiles(values);
  return 1e3 * (metric.ends_with("p50") ? found.p50 : found.p99);
}

double longest_ms(const FaultRun& run, const Window& window) {
  Nanoseconds longest{};
  for (const auto& request : run.requests)
    if (window.holds(request.arrived)) longest = std::max(longest, request.total);
  return longest.ms();
}

// Of the answered requests of sessions, those that went where most of their session did.
double affinity_share(const FaultRun& run, const Window& window) {
  std::map<std::uint64_t, std::map<std::array<std::size_t, 3>, double>> homes;
  double all = 0;
  for (const auto& request : run.requests) {
    if (!window.holds(request.arrived) || !request.session || request.end != FaultEnd::kAnswered) continue;
    homes[*request.session][{*request.target, request.replica, request.key}] += 1;
    all += 1;
  }
  double at_home = 0;
  for (const auto& [session, places] : homes) {
    double most = 0;
    for (const auto& [place, count] : places) most = std::max(most, count);
    at_home += most;
  }
  return share_of(at_home, all);
}

double placed(const FaultRun& run, const Window& window, const Place& place) {
  if (place.what == "attempts")
    return count_attempts(run, window, [&](const FaultAttempt& attempt) {
      return attempt.target == place.target && (!place.replica || attempt.replica == *place.replica) &&
             (!place.key || attempt.key == *place.key);
    });
  double sum = 0;
  const auto& openings = run.openings[place.target];
  for (std::size_t r = 0; r < openings.size(); ++r)
    if (!place.replica || *place.replica == r) sum += static_cast<double>(openings[r]);
  return sum;
}

}  // namespace

Status check_metric(const FaultCase& fault_case, std::string_view metric) {
  if (std::find(kPlain.begin(), kPlain.end(), metric) != kPlain.end() || place_of(fault_case, metric)) return {};
  return fail(ErrorKind::kInvalidInput,
              "unknown metric '{}'; expected {}, attempts.TARGET, attempts.TARGET.REPLICA, attempts.TARGET.key.KEY, "
              "openings.TARGET or openings.TARGET.REPLICA",
              metric, fmt::join(kPlain, ", "));
}

double measure(const FaultCase& fault_case, const FaultRun& run, std::string_view metric, Nanoseconds from,
               Nanoseconds to) {
  const Window window{from, to};
  if (const auto place = place_of(fault_case, metric)) return placed(run, window, *place);
  const double requests = count_requests(run, window, [](const FaultRequest&) { return true; });
  if (metric == "requests") return requests;
  if (metric == "answered") return count_ends(run, window, FaultEnd::kAnswered);
  if (metric == "failed") return count_ends(run, window, FaultEnd::kFailed);
  if (metric == "broken") return count_ends(run, window, FaultEnd::kBroken);
  if (metric == "client_gone") return count_ends(run, window, FaultEnd::kClientGone);
  if (metric == "answered_share")
    return share_of(count_ends(run, window, FaultEnd::kAnswered),
                    requests - count_ends(run, window, FaultEnd::kClientGone));
  if (metric == "fallbacks")
    return count_requests(run, window, [](const FaultRequest& request) {
      return request.end == FaultEnd::kAnswered && request.target != std::size_t{0};
    });
  if (metric == "attempts") return count_attempts(run, window, [](const FaultAttempt&) { return true; });
  if (metric == "retries") return count_cause(run, window, AttemptCause::kRetry);
  if (metric == "hedges") return count_cause(run, window, AttemptCause::kHedge);
  if (metric == "retry_share") return share_of(count_cause(run, window, AttemptCause::kRetry), requests);
  if (metric == "hedge_share") return share_of(count_cause(run, window, AttemptCause::kHedge), requests);
  if (metric == "affinity_share") return affinity_share(run, window);
  if (metric == "longest_ms") return longest_ms(run, window);
  return milliseconds(run, window, metric);
}

bool compares(double measured, Comparison comparison, double value) noexcept {
  switch (comparison) {
    case Comparison::kLess: return measured < value;
    case Comparison::kLessEqual: return measured <= value;
    case Comparison::kEqual: return measured == value;
    case Comparison::kGreaterEqual: return measured >= value;
    case Comparison::kGreater: return measured > value;
  }
  return false;
}

std::vector<std::string> broken_expectations(const FaultCase& fault_case, const FaultRun& run) {
  std::vector<std::string> broken;
  for (const auto& expectation : fault_case.expectations) {
    const double measured = measure(fault_case, run, expectation.metric, expectation.from, expectation.to);
    if (!compares(measured, expectation.comparison, expectation.value))
      broken.push_back(fmt::format("{}: measured {:g}", expectation.text, measured));
  }
  return broken;
}

std::string to_text(const FaultCase& fault_case, const FaultRun& run) {
  std::string out = fmt::format("{}\n", fault_case.title);
  for (const auto metric : kPlain)
    fmt::format_to(std::back_inserter(out), "{:<16} {:g}\n", metric,
                   measure(fault_case, run, metric, Nanoseconds{}, Nanoseconds{INT64_MAX}));
  for (const auto& violation : run.violations) out += "BROKEN INVARIANT: " + violation + "\n";
  return out;
}

}  // namespace thalamus::sim
