#include "thalamus/net/memory.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <deque>
#include <map>

namespace thalamus::net {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPipeBytesMax = 64U << 10;
constexpr std::size_t kBacklogMax = 1024;

/// Something that several coroutines may wait for, each with its own deadline. Outlives them.
struct Waiter {
  explicit Waiter(const asio::any_io_executor& executor_given) : executor(executor_given) {}
  asio::any_io_executor executor;
  std::vector<asio::steady_timer*> timers;

  void wake() {
    for (asio::steady_timer* timer : timers) timer->cancel();
  }
  /// Returns after `wake`, or when the deadline may be over: the caller looks at the clock.
  Awaitable<void> wait(const base::Clock& clock, Nanoseconds deadline) {
    struct Registered {
      Registered(Waiter& waiter_given, asio::steady_timer& timer_given) : waiter(waiter_given), timer(timer_given) {
        waiter.timers.push_back(&timer);
      }
      ~Registered() { std::erase(waiter.timers, &timer); }
      Registered(const Registered&) = delete;
      Registered& operator=(const Registered&) = delete;
      Waiter& waiter;
      asio::steady_timer& timer;
    };
    asio::steady_timer timer(executor);
    const Registered registered(*this, timer);
    if (deadline == kNever) {
      timer.expires_at(std::chrono::steady_clock::time_point::max());
    } else {
      timer.expires_after(std::chrono::nanoseconds(std::max<std::int64_t>((deadline - clock.now()).value, 0)));
    }
    co_await timer.async_wait(kAsTuple);
  }
};

}  // namespace

/// One direction.
struct MemoryPipe {
  explicit MemoryPipe(const asio::any_io_executor& executor) : reader(executor), writer(executor) {}
  std::string bytes;
  std::size_t begin = 0;
  std::uint64_t delivered = 0;
  std::uint64_t bytes_max = MemoryFaults::kNone;
  bool ended = false;    ///< the writing side closed
  bool refused = false;  ///< the reading side closed
  bool broken = false;
  Waiter reader;
  Waiter writer;

  [[nodiscard]] std::size_t held() const noexcept { return bytes.size() - begin; }
  void wake() {
    reader.wake();
    writer.wake();
  }
};

struct MemoryShared {
  struct Queue {
    explicit Queue(const asio::any_io_executor& executor) : arrivals(executor) {}
    std::deque<std::unique_ptr<Stream>> waiting;
    Waiter arrivals;
    bool closed = false;
  };

  MemoryShared(asio::any_io_executor executor_given, const base::Clock& clock_given)
      : executor(std::move(executor_given)), clock(clock_given), resumed(executor) {}

  template <class Visit>
  void for_each_pipe(Visit visit) {
    std::erase_if(pipes, [](const auto& weak) { return weak.expired(); });
    const auto snapshot = pipes;
    for (const auto& weak : snapshot)
      if (const auto pipe = weak.lock()) visit(*pipe);
  }

  asio::any_io_executor executor;
  const base::Clock& clock;
  MemoryFaults faults;
  bool stalled = false;
  std::uint64_t connections = 0;
  std::vector<std::weak_ptr<MemoryPipe>> pipes;
  std::map<std::string, std::shared_ptr<Queue>, std::less<>> listeners;
  Waiter resumed;
};

namespace {

class MemoryStream final : public Stream {
 public:
  MemoryStream(std::shared_ptr<MemoryShared> shared, std::shared_ptr<MemoryPipe> in, std::shared_ptr<MemoryPipe> out,
               std::string peer)
      : Stream(std::move(peer)), state_(std::make_shared<State>(std::move(shared), std::move(in), std::move(out))) {}
  ~MemoryStream() override { state_->close(); }
  MemoryStream(const MemoryStream&) = delete;
  MemoryStream& operator=(const MemoryStream&) = delete;

  Awaitable<Result<std::size_t>> read_some(asio::mutable_buffer buffer, Nanoseconds deadline) override {
    const auto state = state_;
    if (auto planned = state->begin_operation("read"); !planned) co_return std::unexpected(planned.error());
    MemoryPipe& pipe = *state->in;
    state->interrupted = false;
    for (;;) {
      if (state->closed) co_return fail(ErrorKind::kCancelled, "the connection was closed on this side");
      if (pipe.broken) co_return fail(ErrorKind::kUnavailable, "read: connection reset by peer");
      if (!state->shared->stalled) {
        if (pipe.held() > 0) co_return state->take(buffer);
        if (pipe.ended) co_return std::size_t{0};
      }
      if (state->over(deadline) || state->interrupted)
        co_return fail(ErrorKind::kTimeout, "the time for this read is over");
      co_await pipe.reader.wait(state->shared->clock, deadline);
    }
  }

  Awaitable<Status> write(std::span<const asio::const_buffer> buffers, Nanoseconds deadline) override {
    const auto state = state_;
    if (auto planned = state->begin_operation("write"); !planned) co_return planned;
    MemoryPipe& pipe = *state->out;
    for (const auto& buffer : buffers) {
      std::string_view rest(static_cast<const char*>(buffer.data()), buffer.size());
      while (!rest.empty()) {
        if (state->closed) co_return fail(ErrorKind::kCancelled, "the connection was closed on this side");
        if (pipe.broken || pipe.refused) co_return fail(ErrorKind::kUnavailable, "write: broken pipe");
        const std::size_t room = kPipeBytesMax - std::min(kPipeBytesMax, pipe.held());
        if (room > 0 && !state->shared->stalled) {
          const std::size_t size = std::min(room, rest.size());
          pipe.bytes.append(rest.substr(0, size));
          rest.remove_prefix(size);
          pipe.reader.wake();
          continue;
        }
        if (state->over(deadline)) co_return fail(ErrorKind::kTimeout, "the time for this write is over");
        co_await pipe.writer.wait(state->shared->clock, deadline);
      }
    }
    co_return Status{};
  }

  void finish_writing() noexcept override { state_->end_output(); }
  bool interrupt_read() noexcept override {
    state_->interrupted = true;
    state_->in->reader.wake();
    return !state_->closed && !state_->shared->stalled && state_->in->held() > 0;
  }
  void close() noexcept override { state_->close(); }

 private:
  struct State {
    State(std::shared_ptr<MemoryShared> shared_given, std::shared_ptr<MemoryPipe> in_given,
          std::shared_ptr<MemoryPipe> out_given)
        : shared(std::move(shared_given)),
          in(std::move(in_given)),
          out(std::move(out_given)),
          read_size_max(std::max<std::size_t>(shared->faults.read_size_max, 1)),
          counter(shared->faults.counter) {}

    Status begin_operation(const char* what) {
      if (counter != nullptr && counter->next_fails()) {
        break_both();
        return fail(ErrorKind::kUnavailable, "planned fault at {} number {}", what, counter->count);
      }
      return {};
    }
    std::size_t take(asio::mutable_buffer buffer) {
      std::size_t size = std::min({buffer.size(), in->held(), read_size_max});
      const std::uint64_t left = in->bytes_max - std::min(in->bytes_max, in->delivered);
      size = static_cast<std::size_t>(std::min<std::uint64_t>(size, left));
      std::copy_n(in->bytes.data() + in->begin, size, static_cast<char*>(buffer.data()));
      in->begin += size;
      in->delivered += size;
      if (in->begin == in->bytes.size()) {
        in->bytes.clear();
        in->begin = 0;
      } else if (in->begin > kPipeBytesMax) {
        in->bytes.erase(0, in->begin);
        in->begin = 0;
      }
      if (in->delivered >= in->bytes_max) break_both();
      in->writer.wake();
      return size;
    }
    [[nodiscard]] bool over(Nanoseconds deadline) const {
      return deadline != kNever && shared->clock.now() >= deadline;
    }
    void break_both() {
      in->broken = out->broken = true;
      in->wake();
      out->wake();
    }
    void end_output() {
      out->ended = true;
      out->wake();
    }
    void close() {
      if (closed) return;
      closed = true;
      in->refused = true;
      in->wake();
      end_output();
    }

    std::shared_ptr<MemoryShared> shared;
    std::shared_ptr<MemoryPipe> in;
    std::shared_ptr<MemoryPipe> out;
    std::size_t read_size_max;
    FailCounter* counter;
    bool closed = false;
    bool interrupted = false;  ///< the read under way
  };

  std::shared_ptr<State> state_;
};

MemoryPair make_pair_of_streams(const std::shared_ptr<MemoryShared>& shared) {
  auto to_server = std::make_shared<MemoryPipe>(shared->executor);
  auto to_client = std::make_shared<MemoryPipe>(shared->executor);
  to_server->bytes_max = shared->faults.to_server_bytes_max;
  to_client->bytes_max = shared->faults.to_client_bytes_max;
  std::erase_if(shared->pipes, [](const auto& weak) { return weak.expired(); });
  shared->pipes.push_back(to_server);
  shared->pipes.push_back(to_client);
  ++shared->connections;
  MemoryPair pair;
  pair.client = std::make_unique<MemoryStream>(shared, to_client, to_server, "127.0.0.1:1");
  pair.server = std::make_unique<MemoryStream>(shared, to_server, to_client,
                                               fmt::format("127.0.0.1:{}", 10'000 + shared->connections % 50'000));
  return pair;
}

std::string key_of(const std::string& host, std::uint16_t port) { return fmt::format("{}:{}", host, port); }

}  // namespace

MemoryListener::MemoryListener(std::shared_ptr<MemoryShared> shared, std::string key)
    : shared_(std::move(shared)), key_(std::move(key)) {}
MemoryListener::~MemoryListener() { close(); }

void MemoryListener::close() noexcept {
  const auto found = shared_->listeners.find(key_);
  if (found == shared_->listeners.end()) return;
  found->second->closed = true;
  found->second->waiting.clear();
  found->second->arrivals.wake();
  shared_->listeners.erase(found);
}

Awaitable<Result<std::unique_ptr<Stream>>> MemoryListener::accept() {
  const auto found = shared_->listeners.find(key_);
  if (found == shared_->listeners.end()) co_return fail(ErrorKind::kCancelled, "the listener is closed");
  const auto shared = shared_;
  const auto queue = found->second;
  for (;;) {
    if (queue->closed) co_return fail(ErrorKind::kCancelled, "the listener is closed");
    if (!queue->waiting.empty()) {
      auto stream = std::move(queue->waiting.front());
      queue->waiting.pop_front();
      co_return stream;
    }
    co_await queue->arrivals.wait(shared->clock, kNever);
  }
}

MemoryNetwork::MemoryNetwork(asio::any_io_executor executor, const base::Clock& clock)
    : shared_(std::make_shared<MemoryShared>(std::move(executor), clock)) {}

MemoryNetwork::~MemoryNetwork() {
  for (auto& [key, queue] : shared_->listeners) {
    queue->closed = true;
    queue->waiting.clear();
    queue->arrivals.wake();
  }
  shared_->listeners.clear();
}

Result<std::unique_ptr<MemoryListener>> MemoryNetwork::listen(const std::string& host, std::uint16_t port) {
  const auto key = key_of(host, port);
  if (shared_->listeners.contains(key)) return fail(ErrorKind::kConflict, "{} is in use", key);
  shared_->listeners.emplace(key, std::make_shared<MemoryShared::Queue>(shared_->executor));
  return std::make_unique<MemoryListener>(shared_, key);
}

Awaitable<Result<std::unique_ptr<Stream>>> MemoryNetwork::connect(const Endpoint& endpoint, Nanoseconds deadline) {
  const auto shared = shared_;
  const auto key = key_of(endpoint.host, endpoint.port);
  FailCounter* counter = shared->faults.counter;
  if (counter != nullptr && counter->next_fails())
    co_return fail(ErrorKind::kUnavailable, "{}: planned fault at connect number {}", key, counter->count);
  while (shared->stalled) {
    if (deadline != kNever && shared->clock.now() >= deadline)
      co_return fail(ErrorKind::kTimeout, "{}: connecting took too long", key);
    co_await shared->resumed.wait(shared->clock, deadline);
  }
  const auto found = shared->listeners.find(key);
  if (found == shared->listeners.end()) co_return fail(ErrorKind::kUnavailable, "{}: connection refused", key);
  const auto queue = found->second;
  if (queue->waiting.size() >= kBacklogMax) co_return fail(ErrorKind::kUnavailable, "{}: the backlog is full", key);
  auto pair = make_pair_of_streams(shared);
  queue->waiting.push_back(std::move(pair.server));
  queue->arrivals.wake();
  co_return std::move(pair.client);
}

MemoryPair MemoryNetwork::pair() { return make_pair_of_streams(shared_); }
MemoryFaults& MemoryNetwork::faults() noexcept { return shared_->faults; }
std::uint64_t MemoryNetwork::connections_made() const noexcept { return shared_->connections; }
void MemoryNetwork::stall() { shared_->stalled = true; }

void MemoryNetwork::resume() {
  shared_->stalled = false;
  check_deadlines();
}

void MemoryNetwork::cut() {
  shared_->for_each_pipe([](MemoryPipe& pipe) {
    pipe.broken = true;
    pipe.wake();
  });
}

void MemoryNetwork::check_deadlines() {
  shared_->resumed.wake();
  shared_->for_each_pipe([](MemoryPipe& pipe) { pipe.wake(); });
}

Awaitable<void> accept_loop(MemoryListener& listener, const ServerLimits& limits, const Handler& handler,
                            const ErrorBody& error_body, const base::Clock& clock, Gate& gate) {
  const auto executor = co_await asio::this_coro::executor;
  for (;;) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    if (gate.inside() >= limits.connections_max) continue;
    asio::co_spawn(executor, serve_connection(std::move(*stream), limits, handler, error_body, clock, gate),
                   asio::detached);
  }
}

}  // namespace thalamus::net
