#include "verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "thalamus/sim/fault_run.h"
#include "thalamus/trace/record_log.h"

namespace thalamus::scenario {
namespace {

constexpr std::size_t kViolationsMax = 16;
constexpr double kAllowanceMs = 25;  // real: connecting, parsing and scheduling, which virtual time does not know

std::string label_of(const sim::FaultTarget& target) { return fmt::format("target=\"{}\"", target.name); }

class Judge {
 public:
  Judge(const sim::FaultCase& fault_case, const Timeline& timeline, const UpstreamLog& upstreams,
        const Clients& clients)
      : case_(fault_case), timeline_(timeline), upstreams_(upstreams), clients_(clients) {}

  Verdict run(const std::filesystem::path& trace_folder, std::uint64_t seed) {
    take_requests();
    take_attempts();
    take_openings();
    check_idle();
    check_budgets();
    check_attempts();
    check_hedges();
    check_records(trace_folder);
    measure_all(seed);
    describe();
    verdict_.requests = run_.requests.size();
    verdict_.attempts = run_.attempts.size();
    return std::move(verdict_);
  }

 private:
  // ---- the run as the simulator would tell it

  void take_requests() {
    for (std::size_t i = 0; i < clients_.requests().size(); ++i) {
      const SeenRequest& seen = clients_.requests()[i];
      sim::FaultRequest request = seen.request;
      if (!seen.problem.empty()) violate(fmt::format("request {}: {}", i, seen.problem));
      if (seen.attempt) name_the_answerer(i, seen, request);
      const auto deadline = case_.requests.deadline;
      const Nanoseconds slack = Nanoseconds::from_seconds(allowance_ms() * 1e-3);
      if (deadline && request.total > *deadline + slack)
        violate(fmt::format("request {}: ends {:.0f} ms after its deadline", i, (request.total - *deadline).ms()));
      run_.requests.push_back(request);
    }
  }

  void name_the_answerer(std::size_t index, const SeenRequest& seen, sim::FaultRequest& request) {
    if (*seen.attempt >= upstreams_.attempts.size() || upstreams_.attempts[*seen.attempt].request != index)
      return violate(fmt::format("request {}: content that was made for another", index));
    const sim::AttemptPlace& place = upstreams_.attempts[*seen.attempt].place;
    request.target = place.target;
    request.replica = place.replica;
    request.key = place.key;
    if (seen.target != case_.targets[place.target].name)
      violate(fmt::format("request {}: the head names {}, the content comes from {}", index, seen.target,
                          case_.targets[place.target].name));
  }

  void take_attempts() {
    std::map<std::pair<std::uint64_t, std::size_t>, std::vector<const SeenAttempt*>> earlier;
    for (const SeenAttempt& seen : upstreams_.attempts) {
      auto& before = earlier[{seen.request, seen.place.target}];
      const bool beside = std::any_of(before.begin(), before.end(),
                                      [&](const SeenAttempt* other) { return other->ended > seen.started; });
      if (beside) hedges_.push_back({before.back(), &seen});
      auto cause = sim::AttemptCause::kFirst;
      if (!before.empty()) cause = beside ? sim::AttemptCause::kHedge : sim::AttemptCause::kRetry;
      before.push_back(&seen);
      run_.attempts.push_back({seen.started, seen.place.target, seen.place.replica, seen.place.key, cause});
    }
    for (const Outage& outage : upstreams_.outages) take_refused(outage);
  }

  // No upstream sees a refused connection. The gateway counts a fault for each, beside those that a death cuts off.
  void take_refused(const Outage& outage) {
    const std::string label = fmt::format("{},replica=\"{}\"", label_of(case_.targets[outage.target]), outage.replica);
    std::uint64_t known = outage.reset;
    double before = 0;
    for (const Sample& sample : clients_.samples()) {
      const double faults = sum_of(sample, "thalamus_replica_faults_total", label);
      for (; sample.at >= outage.from && sample.at < outage.to && before < faults; before += 1) {
        if (known > 0) {
          --known;
        } else {
          run_.attempts.push_back({sample.at, outage.target, outage.replica, 0, sim::AttemptCause::kFirst});
        }
      }
      before = faults;
    }
  }

  void take_openings() {
    const auto status = nlohmann::json::parse(clients_.status(), nullptr, false);
    if (status.is_discarded() || !status.contains("endpoints")) violate("no readable /admin/status");
    for (const auto& target : case_.targets) {
      run_.openings.emplace_back(target.replicas, 0);
      if (status.is_discarded() || !status["endpoints"].contains(target.name)) continue;
      const auto& replicas = status["endpoints"][target.name]["replicas"];
      for (std::size_t r = 0; r < std::min(target.replicas, replicas.size()); ++r)
        run_.openings.back()[r] = replicas[r].value("openings", std::uint64_t{0});
    }
  }

  // ---- what every run checks

  void check_idle() {
    const Sample& last = clients_.samples().back();
    for (const auto* family : {"thalamus_requests_in_flight", "thalamus_replica_in_flight"})
      if (sum_of(last, family) != 0) violate(fmt::format("{} is {} at the end", family, sum_of(last, family)));
  }

  void check_budgets() {
    const Sample& last = clients_.samples().back();
    for (const auto& target : case_.targets) {
      const auto& budget = target.retry.budget;
      const double most = budget.burst + budget.ratio * static_cast<double>(run_.requests.size()) +
                          budget.min_per_second * last.at.seconds() + 1e-3;
      const double retries = sum_of(last, "thalamus_retries_total", label_of(target));
      if (retries > most) violate(fmt::format("{}: {} retries, budget {:.1f}", target.name, retries, most));
      const double hedges = sum_of(last, "thalamus_hedges_total", label_of(target));
      const double hedges_most = target.hedge.burst + target.hedge.ratio * static_cast<double>(run_.requests.size());
      if (hedges > hedges_most + 1e-3)
        violate(fmt::format("{}: {} hedges, budget {:.1f}", target.name, hedges, hedges_most));
    }
  }

  // Where no connection was refused the upstreams have seen every attempt, so that both counts must agree.
  void check_attempts() {
    if (!upstreams_.outages.empty()) return;
    double beyond_the_first = 0;
    for (const auto& attempt : run_.attempts) beyond_the_first += attempt.cause == sim::AttemptCause::kFirst ? 0 : 1;
    const Sample& last = clients_.samples().back();
    const double told = sum_of(last, "thalamus_retries_total") + sum_of(last, "thalamus_hedges_total");
    // A retry or hedge of a client that goes away may end before it reaches the upstream.
    const auto gone = sim::measure(case_, run_, "client_gone", Nanoseconds{}, Nanoseconds{INT64_MAX});
    if (beyond_the_first > told || beyond_the_first + gone < told)
      violate(fmt::format("the metrics tell of {} retries and hedges, the upstreams saw {}", told, beyond_the_first));
  }

  // A hedge comes after its delay, and whoever lost against the other's content is let go.
  void check_hedges() {
    std::vector<std::int64_t> delays;
    std::vector<std::int64_t> releases;
    const Nanoseconds slack = Nanoseconds::from_seconds(allowance_ms() * 1e-3);
    for (const auto& [first, hedge] : hedges_) {
      const sim::FaultTarget& target = case_.targets[hedge->place.target];
      if (!target.hedge.enabled || hedge->request >= run_.requests.size()) continue;
      const Nanoseconds delay = hedge->started - first->started;
      delays.push_back(delay.value);
      if ((delay + slack).ms() < target.hedge.min_delay_ms)
        violate(fmt::format("request {}: hedged after {:.0f} ms", hedge->request, delay.ms()));
      const sim::FaultRequest& request = run_.requests[hedge->request];
      const auto winner = clients_.requests()[hedge->request].attempt;
      if (request.end != sim::FaultEnd::kAnswered || !winner || !request.first) continue;
      const SeenAttempt* loser = hedge == &upstreams_.attempts[*winner] ? first : hedge;
      const Nanoseconds release = loser->ended - (request.arrived + *request.first);
      if (loser->end == SeenAttempt::End::kGone) releases.push_back(release.value);
      if (loser->end == SeenAttempt::End::kPlayed ? release > slack : release > slack + slack)
        violate(fmt::format("request {}: the loser goes on for {:.0f} ms", hedge->request, release.ms()));
    }
    if (!delays.empty())
      verdict_.hedging = fmt::format("{} hedges after {}; the loser's connection closed {} after the first content",
                                     delays.size(), real_spread(delays), real_spread(releases));
  }

  [[nodiscard]] std::string real_spread(std::vector<std::int64_t> spans) const {
    if (spans.empty()) return "never";
    std::sort(spans.begin(), spans.end());
    const auto real = [&](std::int64_t span) { return timeline_.real_span(Nanoseconds{span}).ms(); };
    return fmt::format("{:.1f} ms ({:.1f} to {:.1f})", real(spans[spans.size() / 2]), real(spans.front()),
                       real(spans.back()));
  }

  // One end for each request: its client, its record and its attempts say the same.
  void check_records(const std::filesystem::path& folder) {
    std::map<std::string, std::size_t, std::less<>> by_decision;
    std::size_t gone = 0;
    for (std::size_t i = 0; i < run_.requests.size(); ++i) {
      if (!clients_.requests()[i].decision.empty()) by_decision.emplace(clients_.requests()[i].decision, i);
      if (run_.requests[i].end == sim::FaultEnd::kClientGone) ++gone;
    }
    std::size_t records = 0;
    std::set<std::string, std::less<>> seen;
    const Status read = trace::read_records(folder, [&](const core::Turn& turn) {
      ++records;
      if (!seen.insert(turn.decision_id).second) violate("two records of " + turn.decision_id);
      const auto found = by_decision.find(turn.decision_id);
      if (found != by_decision.end()) check_record(turn, found->second);
      return true;
    });
    if (!read) violate("no records: " + read.error().text());
    for (const auto& [decision, index] : by_decision)
      if (!seen.contains(decision)) violate(fmt::format("request {}: no record", index));
    // One that leaves before its request was read whole leaves none: nothing was decided.
    if (records > run_.requests.size() || records + gone < run_.requests.size())
      violate(fmt::format("{} requests, {} records", run_.requests.size(), records));
  }

  void check_record(const core::Turn& turn, std::size_t index) {
    const sim::FaultRequest& request = run_.requests[index];
    const bool answered = !turn.outcome.failure && turn.outcome.answered_by;
    if (request.end == sim::FaultEnd::kAnswered && !answered)
      violate(fmt::format("request {}: the client has an answer, the record a failure", index));
    if ((request.end == sim::FaultEnd::kFailed || request.end == sim::FaultEnd::kBroken) && answered)
      violate(fmt::format("request {}: the client has an error, the record an answer", index));
    if (answered && request.target && turn.targets[*turn.outcome.answered_by] != case_.targets[*request.target].name)
      violate(fmt::format("request {}: the record names another target", index));
    if (upstreams_.outages.empty() && answered) check_recorded_attempts(turn, index);
  }

  // ---- for people

  void describe() {
    const auto slowest = std::max_element(run_.requests.begin(), run_.requests.end(),
                                          [](const auto& a, const auto& b) { return a.total < b.total; });
    if (slowest != run_.requests.end()) verdict_.slowest = story_of(slowest - run_.requests.begin());
    const auto failed = std::find_if(run_.requests.begin(), run_.requests.end(),
                                     [](const auto& request) { return request.end == sim::FaultEnd::kFailed; });
    if (failed == run_.requests.end()) return;
    const auto index = failed - run_.requests.begin();
    verdict_.failed = story_of(index) + "; told " + clients_.requests()[static_cast<std::size_t>(index)].said;
  }

  [[nodiscard]] std::string story_of(std::ptrdiff_t at) const {
    const auto index = static_cast<std::uint64_t>(at);
    const sim::FaultRequest* found = &run_.requests[index];
    static constexpr std::array<const char*, 4> kEnds{"answered", "failed", "broken", "left by its client"};
    std::string out = fmt::format("request {} at {:.2f} s, {} after {:.2f} s", index, found->arrived.seconds(),
                                  kEnds[static_cast<std::size_t>(found->end)], found->total.seconds());
    for (const SeenAttempt& seen : upstreams_.attempts) {
      if (seen.request != index) continue;
      static constexpr std::array<const char*, 4> kHow{"runs", "played", "given up", "reset"};
      out += fmt::format("; {}.{} from {:.2f} s, {} after {:.2f} s", case_.targets[seen.place.target].name,
                         seen.place.replica, seen.started.seconds(), kHow[static_cast<std::size_t>(seen.end)],
                         (seen.ended - seen.started).seconds());
    }
    return out;
  }

  // Where no connection was refused the record lists what the upstreams saw, and who was let go.
  void check_recorded_attempts(const core::Turn& turn, std::size_t index) {
    const auto made = std::count_if(upstreams_.attempts.begin(), upstreams_.attempts.end(),
                                    [&](const SeenAttempt& seen) { return seen.request == index; });
    const auto listed = std::ssize(turn.outcome.attempts);
    if (made != listed) violate(fmt::format("request {}: {} attempts, {} in the record", index, made, listed));
  }

  // ---- the expectations

  void measure_all(std::uint64_t seed) {
    const sim::FaultRun simulated = sim::run_fault_case(case_, seed);
    for (const auto& expectation : case_.expectations) {
      Judged judged;
      judged.expectation = expectation;
      judged.measured = measure(expectation);
      judged.simulated = sim::measure(case_, simulated, expectation.metric, expectation.from, expectation.to);
      const bool time = expectation.metric.find("_ms") != std::string::npos;
      const bool upper =
          expectation.comparison == sim::Comparison::kLess || expectation.comparison == sim::Comparison::kLessEqual;
      if (time && upper) judged.allowance = allowance_ms();
      judged.observable = observable(expectation);
      judged.holds = !judged.observable ||
                     sim::compares(judged.measured - judged.allowance, expectation.comparison, expectation.value);
      verdict_.expectations.push_back(std::move(judged));
    }
  }

  // The key of a refused connection is the one thing that nobody outside the gateway learns.
  [[nodiscard]] bool observable(const sim::Expectation& expectation) const {
    if (expectation.metric.find(".key.") == std::string::npos) return true;
    return std::none_of(upstreams_.outages.begin(), upstreams_.outages.end(), [&](const Outage& outage) {
      const auto prefix = fmt::format("attempts.{}.", case_.targets[outage.target].name);
      return expectation.metric.starts_with(prefix) && case_.targets[outage.target].keys > 1;
    });
  }

  [[nodiscard]] double measure(const sim::Expectation& expectation) const {
    const std::string& metric = expectation.metric;
    const bool retries = metric == "retries" || metric == "retry_share";
    const bool hedges = metric == "hedges" || metric == "hedge_share";
    if (!retries && !hedges) return sim::measure(case_, run_, metric, expectation.from, expectation.to);
    const auto* family = retries ? "thalamus_retries_total" : "thalamus_hedges_total";
    const double count = counted(family, expectation.to) - counted(family, expectation.from);
    if (!metric.ends_with("_share")) return count;
    const double requests = sim::measure(case_, run_, "requests", expectation.from, expectation.to);
    return requests == 0 ? 0 : count / requests;
  }

  // A counter at an instant: as the first sample after it says.
  [[nodiscard]] double counted(std::string_view family, Nanoseconds at) const {
    if (at <= Nanoseconds{}) return 0;
    for (const Sample& sample : clients_.samples())
      if (sample.at >= at) return sum_of(sample, family);
    return sum_of(clients_.samples().back(), family);
  }

  // In the case's time.
  [[nodiscard]] double allowance_ms() const { return kAllowanceMs * timeline_.speed() + timeline_.latest().ms(); }

  void violate(std::string what) {
    if (verdict_.violations.size() < kViolationsMax) verdict_.violations.push_back(std::move(what));
  }

  const sim::FaultCase& case_;
  const Timeline& timeline_;
  const UpstreamLog& upstreams_;
  const Clients& clients_;
  sim::FaultRun run_;
  std::vector<std::pair<const SeenAttempt*, const SeenAttempt*>> hedges_;  ///< what was under way, and what came beside
  Verdict verdict_;
};

}  // namespace

Verdict judge(const sim::FaultCase& fault_case, const Timeline& timeline, const UpstreamLog& upstreams,
              const Clients& clients, const std::filesystem::path& trace_folder, std::uint64_t seed) {
  return Judge(fault_case, timeline, upstreams, clients).run(trace_folder, seed);
}

}  // namespace thalamus::scenario
