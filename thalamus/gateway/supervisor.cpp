#include "thalamus/gateway/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "thalamus/base/log.h"
#include "thalamus/net/asio.h"
#include "thalamus/net/connector.h"
#include "thalamus/net/http_client.h"

namespace thalamus::gateway {
namespace {

namespace asio = boost::asio;

constexpr Nanoseconds kTick = Nanoseconds::from_ms(200);
constexpr Nanoseconds kBackoffFirst = Nanoseconds::from_ms(500);
constexpr Nanoseconds kBackoffMax = Nanoseconds::from_ms(30'000);
constexpr Nanoseconds kHealthEvery = Nanoseconds::from_ms(2'000);
constexpr Nanoseconds kHealthTimeout = Nanoseconds::from_ms(5'000);
constexpr Nanoseconds kTermGrace = Nanoseconds::from_ms(3'000);
constexpr int kHealthMissesMax = 5;

/// Starts the command in a process group of its own, with output to the log file. -1 and errno text on failure.
Result<int> start_process(const ChildSpec& spec) {
  const int log = ::open(spec.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0)
    return fail_at(spec.log_file.string(), ErrorKind::kEnvironment, "cannot open the log of {}: {}", spec.name,
                   std::strerror(errno));
  std::vector<char*> arguments;
  for (const auto& word : spec.command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) {
    ::close(log);
    return fail(ErrorKind::kEnvironment, "cannot make a pipe: {}", std::strerror(errno));
  }
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    // Only async-signal-safe calls from here on.
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::setpriority(PRIO_PROCESS, 0, spec.nice);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    const int code = errno;
    [[maybe_unused]] const ssize_t written = ::write(report[1], &code, sizeof code);
    ::_exit(127);
  }
  const int fork_error = errno;
  ::close(log);
  ::close(report[1]);
  int exec_error = 0;
  const ssize_t got = child > 0 ? ::read(report[0], &exec_error, sizeof exec_error) : 0;
  ::close(report[0]);
  if (child < 0) return fail(ErrorKind::kEnvironment, "cannot start {}: {}", spec.name, std::strerror(fork_error));
  if (got > 0) {
    ::waitpid(child, nullptr, 0);
    return fail(ErrorKind::kEnvironment, "cannot start '{}' for {}: {}", spec.command[0], spec.name,
                std::strerror(exec_error));
  }
  return child;
}

std::string describe_end(int status, const ChildSpec& spec) {
  if (WIFSIGNALED(status))
    return fmt::format("ended by signal {} ({}); see {}", WTERMSIG(status), ::strsignal(WTERMSIG(status)),
                       spec.log_file.string());
  return fmt::format("ended with exit code {}; see {}", WEXITSTATUS(status), spec.log_file.string());
}

struct Child {
  ChildSpec spec;
  ChildStatus status;
  Nanoseconds started{};
  Nanoseconds start_again{};
  Nanoseconds next_health{};
  Nanoseconds backoff = kBackoffFirst;
  int misses = 0;
  bool asking = false;
  bool settled = false;  // healthy or failed at least once
};

}  // namespace

class Supervisor::Loop {
 public:
  Loop(std::vector<ChildSpec> specs, const base::Clock& clock, std::function<void(const std::string&, bool)> on_change)
      : clock_(clock),
        on_change_(std::move(on_change)),
        connector_(context_),
        client_(connector_, clock),
        timer_(context_) {
    for (auto& spec : specs) {
      auto child = std::make_unique<Child>();
      child->status.name = spec.name;
      child->spec = std::move(spec);
      if (!child->spec.unavailable.empty()) fail_child(*child, child->spec.unavailable, false);
      children_.push_back(std::move(child));
    }
    thread_ = std::thread([this] {
      tick();
      context_.run();
    });
  }

  ~Loop() { stop(); }

  void stop() {
    if (!thread_.joinable()) return;
    asio::post(context_, [this] { stopping_ = true; });
    thread_.join();
  }

  [[nodiscard]] std::vector<ChildStatus> status() const {
    const std::lock_guard lock(mutex_);
    std::vector<ChildStatus> all;
    for (const auto& child : children_) all.push_back(child->status);
    return all;
  }

  [[nodiscard]] bool wait_ready(Nanoseconds timeout) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::nanoseconds(timeout.value), [this] {
      return std::all_of(children_.begin(), children_.end(), [](const auto& child) { return child->settled; });
    });
    return std::all_of(children_.begin(), children_.end(),
                       [](const auto& child) { return child->status.state == ChildState::kHealthy; });
  }

 private:
  void tick() {
    const Nanoseconds now = clock_.now();
    if (stopping_) return stop_children(now);
    for (auto& child : children_) step(*child, now);
    timer_.expires_after(std::chrono::nanoseconds(kTick.value));
    timer_.async_wait([this](const boost::system::error_code&) { tick(); });
  }

  void step(Child& child, Nanoseconds now) {
    if (!child.spec.unavailable.empty()) return;
    if (child.status.process_id == 0) {
      if (now >= child.start_again) start(child, now);
      return;
    }
    int status = 0;
    if (::waitpid(child.status.process_id, &status, WNOHANG) == child.status.process_id) {
      fail_child(child, describe_end(status, child.spec), true);
      return;
    }
    if (child.status.state == ChildState::kStarting && now - child.started > child.spec.start_timeout) {
      end_process(child, fmt::format("not healthy within {:.0f} s of its start; see {}",
                                     child.spec.start_timeout.seconds(), child.spec.log_file.string()));
      return;
    }
    if (!child.asking && now >= child.next_health) {
      child.asking = true;
      asio::co_spawn(context_, ask_health(child), asio::detached);
    }
  }

  void start(Child& child, Nanoseconds now) {
    auto started = start_process(child.spec);
    if (!started) return fail_child(child, started.error().text(), true);
    const std::lock_guard lock(mutex_);
    child.status.process_id = *started;
    child.status.state = ChildState::kStarting;
    child.started = now;
    child.next_health = now;
    child.misses = 0;
  }

  asio::awaitable<void> ask_health(Child& child) {
    net::HttpCall call;
    call.method = "GET";
    call.path = child.spec.health_path;
    net::CallLimits limits;
    limits.connect_timeout = kHealthTimeout;
    limits.first_byte_timeout = kHealthTimeout;
    limits.deadline = clock_.now() + kHealthTimeout;
    auto answer = co_await client_.send(child.spec.endpoint, call, limits, nullptr);
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
    child.asking = false;
    const bool starting = child.status.state == ChildState::kStarting;
    child.next_health = clock_.now() + (starting && !ok ? kTick : kHealthEvery);
    if (child.status.process_id == 0) co_return;
    if (ok) {
      mark_healthy(child);
    } else if (!starting && ++child.misses >= kHealthMissesMax) {
      end_process(child, fmt::format("{} health checks missed: {}", child.misses, reason));
    }
  }

  void mark_healthy(Child& child) {
    child.misses = 0;
    child.backoff = kBackoffFirst;
    if (child.status.state == ChildState::kHealthy) return;
    {
      const std::lock_guard lock(mutex_);
      child.status.state = ChildState::kHealthy;
      child.status.last_error.clear();
      child.settled = true;
    }
    changed_.notify_all();
    base::log_info("{} is up (process {})", child.spec.name, child.status.process_id);
    on_change_(child.spec.name, true);
  }

  void end_process(Child& child, const std::string& reason) {
    ::kill(-child.status.process_id, SIGKILL);
    ::waitpid(child.status.process_id, nullptr, 0);
    fail_child(child, reason, true);
  }

  void fail_child(Child& child, const std::string& reason, bool again) {
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
    on_change_(child.spec.name, false);
  }

  void stop_children(Nanoseconds now) {
    if (stop_by_.value == 0) {
      stop_by_ = now + kTermGrace;
      for (auto& child : children_)
        if (child->status.process_id > 0) ::kill(-child->status.process_id, SIGTERM);
    }
    bool any = false;
    for (auto& child : children_) {
      const int process = child->status.process_id;
      if (process == 0) continue;
      if (now > stop_by_) ::kill(-process, SIGKILL);
      if (::waitpid(process, nullptr, WNOHANG) != process) {
        any = true;
        continue;
      }
      const std::lock_guard lock(mutex_);
      child->status.process_id = 0;
      child->status.state = ChildState::kStopped;
    }
    if (!any) {
      client_.clear();
      context_.stop();
      return;
    }
    timer_.expires_after(std::chrono::milliseconds(20));
    timer_.async_wait([this](const boost::system::error_code&) { tick(); });
  }

  const base::Clock& clock_;
  std::function<void(const std::string&, bool)> on_change_;
  asio::io_context context_{1};
  net::TcpConnector connector_;
  net::HttpClient client_;
  asio::steady_timer timer_;
  std::vector<std::unique_ptr<Child>> children_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool stopping_ = false;
  Nanoseconds stop_by_{};
  std::thread thread_;
};

Supervisor::Supervisor(std::vector<ChildSpec> children, const base::Clock& clock,
                       std::function<void(const std::string&, bool)> on_change)
    : loop_(std::make_unique<Loop>(std::move(children), clock, std::move(on_change))) {}
Supervisor::~Supervisor() = default;

void Supervisor::stop() { loop_->stop(); }
std::vector<ChildStatus> Supervisor::status() const { return loop_->status(); }
bool Supervisor::wait_ready(Nanoseconds timeout) const { return loop_->wait_ready(timeout); }

}  // namespace thalamus::gateway
