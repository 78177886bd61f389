#include "thalamus/gateway/supervisor.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "thalamus/base/log.h"
#include "thalamus/net/asio.h"
#include "thalamus/net/connector.h"
#include "thalamus/net/http_client.h"

namespace thalamus::gateway {
namespace {

namespace asio = boost::asio;

constexpr Nanoseconds kTick = Nanoseconds::from_ms(200);
constexpr Nanoseconds kQuickTick = Nanoseconds::from_ms(20);  // while something starts or ends
constexpr Nanoseconds kBackoffFirst = Nanoseconds::from_ms(500);
constexpr Nanoseconds kBackoffMax = Nanoseconds::from_ms(30'000);
constexpr Nanoseconds kHealthEvery = Nanoseconds::from_ms(2'000);
constexpr Nanoseconds kHealthWhileStarting = Nanoseconds::from_ms(100);
constexpr Nanoseconds kHealthTimeout = Nanoseconds::from_ms(5'000);
constexpr Nanoseconds kTermGrace = Nanoseconds::from_ms(3'000);
constexpr int kHealthMissesMax = 5;

struct Child {
  ChildSpec spec;
  ChildStatus status;
  std::vector<std::weak_ptr<const ChildSpec>> holders;  // specs of configurations that may still call it
  Nanoseconds start_again{};
  Nanoseconds started{};
  Nanoseconds next_health{};
  Nanoseconds leave_by{};
  Nanoseconds kill_at{};
  Nanoseconds backoff = kBackoffFirst;
  int misses = 0;
  std::shared_ptr<net::Cancellation> asking;  // of the health check under way
  bool settled = false;                       // healthy or failed at least once
  bool leaving = false;
  bool asked_to_end = false;
  bool waits = false;  // for its address; its last error says so

  [[nodiscard]] bool runs() const noexcept { return status.process_id != 0; }
  [[nodiscard]] bool held() const {
    return std::any_of(holders.begin(), holders.end(), [](const auto& holder) { return !holder.expired(); });
  }
};

}  // namespace

class Supervisor::Loop {
 public:
  Loop(const base::Clock& clock, std::function<void(const std::string&, bool)> on_change)
      : clock_(clock), on_change_(std::move(on_change)), connector_(context_), client_(connector_, clock) {
    thread_ = std::thread([this] { context_.run(); });
  }

  ~Loop() { stop(); }

  void supervise(const Wanted& wanted, Nanoseconds patience) {
    const std::lock_guard control(control_);
    if (!thread_.joinable()) return;
    std::promise<void> done;
    asio::post(context_, [&] {
      take(wanted, patience);
      done.set_value();
    });
    done.get_future().wait();
  }

  void stop() {
    const std::lock_guard control(control_);
    if (!thread_.joinable()) return;
    asio::post(context_, [this] {
      stopping_ = true;
      tick();
    });
    thread_.join();
  }

  [[nodiscard]] std::vector<ChildStatus> status() const {
    const std::lock_guard lock(mutex_);
    std::vector<ChildStatus> all;
    for (const auto& child : children_) {
      all.push_back(child->status);
      if (!child->leaving || !child->runs()) continue;
      all.back().state = ChildState::kLeaving;
      all.back().last_error = child->asked_to_end ? "was told to end" : "ends when the requests in flight have ended";
    }
    return all;
  }

  [[nodiscard]] bool healthy(const ChildSpec& spec) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(children_.begin(), children_.end(), [&](const auto& child) {
      return !child->asked_to_end && child->status.state == ChildState::kHealthy && same_process(child->spec, spec);
    });
  }

  [[nodiscard]] bool wait_ready(Nanoseconds timeout) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::nanoseconds(timeout.value), [this] {
      return std::all_of(children_.begin(), children_.end(),
                         [](const auto& child) { return child->leaving || child->settled; });
    });
    return std::all_of(children_.begin(), children_.end(),
                       [](const auto& child) { return child->leaving || child->status.state == ChildState::kHealthy; });
  }

 private:
  using ChildPtr = std::shared_ptr<Child>;

  void take(const Wanted& wanted, Nanoseconds patience) {
    if (stopping_) return;
    const Nanoseconds now = clock_.now();
    std::vector<ChildPtr> fresh;
    {
      const std::lock_guard lock(mutex_);
      std::vector<Child*> kept;
      for (const auto& spec : wanted) {
        const auto found = std::find_if(children_.begin(), children_.end(), [&](const auto& child) {
          return !child->asked_to_end && same_process(child->spec, *spec);
        });
        if (found != children_.end()) {
          keep(**found, spec);
          kept.push_back(found->get());
        } else {
          fresh.push_back(std::make_shared<Child>());
          fresh.back()->spec = *spec;
          fresh.back()->status.name = spec->name;
          fresh.back()->holders.push_back(spec);
        }
      }
      for (const auto& child : children_)
        if (std::find(kept.begin(), kept.end(), child.get()) == kept.end() && !child->leaving) {
          child->leaving = true;
          child->leave_by = now + patience;
        }
      std::erase_if(children_, [](const auto& child) { return child->leaving && !child->runs(); });
      children_.insert(children_.end(), fresh.begin(), fresh.end());
    }
    for (const auto& child : fresh)
      if (!child->spec.unavailable.empty()) fail_child(*child, child->spec.unavailable, false);
    for (const auto& child : children_) {
      if (!child->leaving) {
        on_change_(child->spec.name, child->status.state == ChildState::kHealthy);
      } else if (child->asking) {
        child->asking->cancel();
      }
    }
    changed_.notify_all();
    tick();
  }

  void keep(Child& child, const std::shared_ptr<const ChildSpec>& spec) {
    std::erase_if(child.holders, [](const auto& holder) { return holder.expired(); });
    child.holders.push_back(spec);
    child.leaving = false;
    child.spec.start_timeout = spec->start_timeout;
    if (child.runs() || child.spec.unavailable == spec->unavailable) return;
    // What was missing may be there now, and the other way round.
    child.spec.unavailable = spec->unavailable;
    child.status.last_error = spec->unavailable;
    child.status.state = spec->unavailable.empty() ? ChildState::kStarting : ChildState::kFailed;
    child.settled = !spec->unavailable.empty();
    child.start_again = {};
    child.backoff = kBackoffFirst;
  }

  void tick() {
    const Nanoseconds now = clock_.now();
    if (stopping_) return stop_children(now);
    bool ended = false;
    for (const auto& child : children_) {
      if (child->leaving) {
        ended = step_leaving(*child, now) || ended;
      } else {
        step(child, now);
      }
    }
    if (ended) {
      const std::lock_guard lock(mutex_);
      std::erase_if(children_, [](const auto& child) { return child->leaving && !child->runs(); });
      client_.clear();  // none is left to a server that is gone; the others are opened again
    }
    client_.sweep();
    wait_for_next();
  }

  // Nobody is woken where there is nothing to watch.
  void wait_for_next() {
    if (children_.empty()) {
      timer_.cancel();
      return;
    }
    const bool moving = std::any_of(children_.begin(), children_.end(), [](const auto& child) {
      return child->leaving || (child->spec.unavailable.empty() && child->status.state == ChildState::kStarting);
    });
    wait(moving ? kQuickTick : kTick);
  }

  void wait(Nanoseconds span) {
    timer_.expires_after(std::chrono::nanoseconds(span.value));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) tick();
    });
  }

  void step(const ChildPtr& child, Nanoseconds now) {
    if (!child->spec.unavailable.empty()) return;
    if (!child->runs()) {
      if (now >= child->start_again && !waits_for_address(*child)) start(*child, now);
      return;
    }
    if (const auto end = reap_process(child->status.process_id, child->spec)) {
      fail_child(*child, *end, true);
      return;
    }
    if (child->status.state == ChildState::kStarting && now - child->started > child->spec.start_timeout) {
      kill_process(child->status.process_id);
      fail_child(*child,
                 fmt::format("not healthy within {:.0f} s of its start; see {}", child->spec.start_timeout.seconds(),
                             child->spec.log_file.string()),
                 true);
      return;
    }
    if (!child->asking && now >= child->next_health) {
      child->asking = std::make_shared<net::Cancellation>();
      ++asking_;
      asio::co_spawn(context_, ask_health(child, child->asking, child->status.process_id), asio::detached);
    }
  }

  // Two servers cannot listen on one address.
  bool waits_for_address(Child& child) {
    const auto holder = std::find_if(children_.begin(), children_.end(), [&](const auto& other) {
      return other->leaving && other->runs() && same_address(other->spec, child.spec);
    });
    if (holder == children_.end()) return false;
    const std::lock_guard lock(mutex_);
    child.waits = true;
    child.status.last_error =
        fmt::format("waits for the end of process {}, which has its address until then", (*holder)->status.process_id);
    return true;
  }

  void start(Child& child, Nanoseconds now) {
    auto started = start_process(child.spec);
    if (!started) return fail_child(child, started.error().text(), true);
    const std::lock_guard lock(mutex_);
    child.status.process_id = *started;
    child.status.state = ChildState::kStarting;
    if (child.waits) child.status.last_error.clear();
    child.waits = false;
    child.started = now;
    child.next_health = now;
    child.misses = 0;
  }

  /// True: its process is gone.
  bool step_leaving(Child& child, Nanoseconds now) {
    const int process = child.status.process_id;
    if (const auto end = reap_process(process, child.spec)) {
      base::log_info("{}: process {}, no longer configured, {}", child.spec.name, process, *end);
      gone(child);
      return true;
    }
    if (!child.asked_to_end) {
      const bool held = child.held();
      if (held && now < child.leave_by) return false;
      if (held)
        base::log_warning("{}: process {} is told to end with requests in flight: the shutdown timeout is over",
                          child.spec.name, process);
      ask_to_end(child, now);
    } else if (now >= child.kill_at) {
      end_process(process, Ending::kForced);
    }
    return false;
  }

  void ask_to_end(Child& child, Nanoseconds now) {
    end_process(child.status.process_id, Ending::kAsked);
    const std::lock_guard lock(mutex_);
    child.asked_to_end = true;
    child.kill_at = now + kTermGrace;
  }

  void gone(Child& child) {
    const std::lock_guard lock(mutex_);
    child.status.process_id = 0;
    child.status.state = ChildState::kStopped;
  }

  asio::awaitable<void> ask_health(ChildPtr child, std::shared_ptr<net::Cancellation> asking, int process) {
    net::HttpCall call;
    call.method = "GET";
    call.path = child->spec.health_path;
    net::CallLimits limits;
    limits.connect_timeout = kHealthTimeout;
    limits.first_byte_timeout = kHealthTimeout;
    limits.deadline = clock_.now() + kHealthTimeout;
    auto answer = co_await client_.send(child->spec.endpoint, call, limits, asking.get());
    bool ok = false;
    std::string reason = "health check failed";
    if (answer) {
      ok = (*answer)->status() == 200;
      if (!ok) reason = fmt::format("health check answered {}", (*answer)->status());
      auto rest = co_await (*answer)->read_all(1U << 16);
      static_cast<void>(rest);
    } else {
      reason = answer.error().text();
    }
    --asking_;
    if (child->asking == asking) child->asking.reset();
    // An answer about a process that is gone, or one that leaves, says nothing.
    if (!asking->cancelled() && child->status.process_id == process && !child->leaving) {
      heard(*child, ok, reason);
    }
  }

  void heard(Child& child, bool ok, const std::string& reason) {
    const bool starting = child.status.state == ChildState::kStarting;
    child.next_health = clock_.now() + (starting && !ok ? kHealthWhileStarting : kHealthEvery);
    if (ok) {
      mark_healthy(child);
    } else if (!starting && ++child.misses >= kHealthMissesMax) {
      kill_process(child.status.process_id);
      fail_child(child, fmt::format("{} health checks missed: {}", child.misses, reason), true);
    }
  }

  void mark_healthy(Child& child) {
    child.misses = 0;
    child.backoff = kBackoffFirst;
    if (child.status.state == ChildState::kHealthy) return;
    on_change_(child.spec.name, true);  // first: who waits until all are healthy finds them told of
    {
      const std::lock_guard lock(mutex_);
      child.status.state = ChildState::kHealthy;
      child.status.last_error.clear();
      child.settled = true;
    }
    changed_.notify_all();
    base::log_info("{} is up (process {})", child.spec.name, child.status.process_id);
  }

  void fail_child(Child& child, const std::string& reason, bool again) {
    if (child.asking) child.asking->cancel();
    on_change_(child.spec.name, false);
    {
      const std::lock_guard lock(mutex_);
      child.status.state = ChildState::kFailed;
      child.status.process_id = 0;
      child.status.last_error = reason;
      child.settled = true;
      if (again) ++child.status.restarts;
    }
    changed_.notify_all();
    if (again) {
      base::log_error("{}: {}; starting it again in {:.1f} s", child.spec.name, reason, child.backoff.seconds());
    } else {
      base::log_error("{}: {}", child.spec.name, reason);
    }
    child.start_again = clock_.now() + child.backoff;
    child.backoff = std::min(child.backoff + child.backoff, kBackoffMax);
  }

  void stop_children(Nanoseconds now) {
    bool any = false;
    for (const auto& child : children_) {
      if (child->asking) child->asking->cancel();
      if (!child->runs()) continue;
      const int process = child->status.process_id;
      if (reap_process(process, child->spec)) {
        gone(*child);
        continue;
      }
      any = true;
      if (!child->asked_to_end) {
        ask_to_end(*child, now);
      } else if (now >= child->kill_at) {
        end_process(process, Ending::kForced);
      }
    }
    if (any || asking_ > 0) return wait(kQuickTick);
    client_.clear();
    changed_.notify_all();
    context_.stop();
  }

  const base::Clock& clock_;
  std::function<void(const std::string&, bool)> on_change_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(context_);
  net::TcpConnector connector_;
  net::HttpClient client_;
  asio::steady_timer timer_{context_};
  std::vector<ChildPtr> children_;  ///< changed on the thread alone; others read it, and `status`, under mutex_
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool stopping_ = false;
  int asking_ = 0;      ///< health checks under way
  std::mutex control_;  ///< one `supervise` or `stop` at a time
  std::thread thread_;
};

Supervisor::Supervisor(const base::Clock& clock, std::function<void(const std::string&, bool)> on_change)
    : loop_(std::make_unique<Loop>(clock, std::move(on_change))) {}
Supervisor::~Supervisor() = default;

void Supervisor::supervise(const Wanted& wanted, Nanoseconds patience) { loop_->supervise(wanted, patience); }
void Supervisor::stop() { loop_->stop(); }
std::vector<ChildStatus> Supervisor::status() const { return loop_->status(); }
bool Supervisor::healthy(const ChildSpec& spec) const { return loop_->healthy(spec); }
bool Supervisor::wait_ready(Nanoseconds timeout) const { return loop_->wait_ready(timeout); }

}  // namespace thalamus::gateway
