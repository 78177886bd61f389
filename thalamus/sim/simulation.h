/// The state of one run; `simulate` is its only user. Events are taken from a queue in the order of time, then of their
/// creation; nothing reacts to an event inside another one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "thalamus/base/clock.h"
#include "thalamus/base/rng.h"
#include "thalamus/compose/strategy.h"
#include "thalamus/dispatch/policy.h"
#include "thalamus/sim/call_script.h"
#include "thalamus/sim/simulator.h"

namespace thalamus::sim {

enum class HappeningKind : std::uint8_t {
  kArrival,       ///< subject: the request's index
  kContent,       ///< subject: a call
  kEnd,           ///< subject: a call
  kQueueTimeout,  ///< subject: a call
  kRefusal,       ///< subject: a call that got no place
  kWake,          ///< subject: a call that waited; `detail` is its target and what it is told
  kHealth,        ///< subject: a target whose health the supervisor sees anew
  kClientGone,    ///< subject: a request
  kTimer,         ///< subject: a request; `detail` is the wait it belongs to
};

struct Happening {
  Nanoseconds at;
  std::uint64_t sequence = 0;
  HappeningKind kind = HappeningKind::kArrival;
  std::uint64_t subject = 0;
  std::uint64_t detail = 0;
  friend bool operator>(const Happening& a, const Happening& b) noexcept {
    return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
  }
};

class Simulation {
 public:
  Simulation(const SimScenario& scenario, std::uint64_t seed, const Estimator& estimator);
  [[nodiscard]] SimReport run();

 private:
  enum class CallState : std::uint8_t { kWaiting, kRunning, kOver };

  /// What the policy says to those who wait becomes an event of its own.
  class SimWaker final : public dispatch::Waker {
   public:
    explicit SimWaker(Simulation& simulation) noexcept : simulation_(simulation) {}
    void wake(std::uint64_t cookie, dispatch::WakeReason reason) noexcept override {
      simulation_.woken(cookie, reason);
    }

   private:
    Simulation& simulation_;
  };

  struct SimCall {
    std::uint64_t turn = 0;
    compose::CallId id = 0;
    std::uint16_t target = 0;
    CallState state = CallState::kOver;
    std::optional<dispatch::WaitTicket> ticket;  ///< while it is in the queue and has not been woken
    Nanoseconds asked;
    Nanoseconds started;
    CallScript script;
    base::ErrorKind refusal = base::ErrorKind::kUnavailable;
    bool woken = false;  ///< the news is on its way
    bool committed = false;
    bool completed = false;
  };

  struct SimTurn {
    SimRequest request;
    base::Rng rng{0};
    core::Plan plan;
    std::unique_ptr<compose::Strategy> strategy;
    Nanoseconds arrived;
    Nanoseconds first_content;
    Nanoseconds queued;
    std::vector<std::uint64_t> calls;  ///< keys of calls_, all of this turn
    std::optional<std::uint64_t> committed;
    std::size_t steps = 0;
    std::uint64_t timer = 0;
    bool waits_for_timer = false;
    bool client_gone = false;
    bool over = false;
  };

  struct TargetLoad {
    std::uint64_t in_flight = 0;
    std::uint64_t waiting = 0;
  };

  // The queue of happenings.
  void schedule(Nanoseconds at, HappeningKind kind, std::uint64_t subject, std::uint64_t detail = 0);
  void handle(const Happening& happening);

  // Turns.
  void arrive(std::uint64_t index);
  void schedule_arrival(std::uint64_t index);
  void decide(SimTurn& turn);
  void deliver(std::uint64_t index, const compose::Event& event);
  [[nodiscard]] bool carry_out(std::uint64_t index, SimTurn& turn, const compose::Step& step);
  void commit(SimTurn& turn, const compose::Step& step);
  void end_turn(SimTurn& turn, const compose::Step& step);
  void record_answer(SimTurn& turn, const SimCall& call);

  // Calls.
  void start_call(std::uint64_t index, SimTurn& turn, const compose::Step& step);
  void run_call(std::uint64_t key, SimCall& call);
  void refuse_call(std::uint64_t key, SimCall& call, base::ErrorKind kind);
  void cancel_call(SimTurn& turn, const compose::Step& step);
  void leave_queue(SimCall& call);
  void finish_call(SimCall& call, bool ok, bool target_fault);
  void call_content(std::uint64_t key);
  void call_end(std::uint64_t key);
  void call_unplaced(std::uint64_t key, HappeningKind why);
  void woken(std::uint64_t key, dispatch::WakeReason reason);
  void wake(std::uint64_t key, std::uint64_t news);
  [[nodiscard]] std::optional<std::uint64_t> find_call(const SimTurn& turn, compose::CallId id) const;

  // Proof.
  void check(const Happening& happening);
  void check_end();
  void violate(std::string what);
  void mix(std::uint64_t value) noexcept;
  void summarise();

  const SimScenario& scenario_;
  const Estimator& estimator_;
  base::ManualClock clock_;
  base::Rng arrivals_;
  base::Rng root_;
  SimWaker waker_{*this};
  std::unique_ptr<dispatch::Policy> policy_;
  const compose::StrategyRecord* strategy_;
  std::vector<core::Target> targets_;
  std::vector<core::TargetState> states_;
  core::Estimates estimates_;

  std::priority_queue<Happening, std::vector<Happening>, std::greater<>> queue_;
  std::uint64_t sequence_ = 0;
  std::unordered_map<std::uint64_t, SimTurn> turns_;
  std::unordered_map<std::uint64_t, SimCall> calls_;
  std::uint64_t calls_made_ = 0;
  std::uint64_t ends_ = 0;
  std::vector<TargetLoad> load_;
  std::vector<std::int64_t> first_content_ns_, total_ns_, queue_ns_;
  SimReport report_;
};

}  // namespace thalamus::sim
