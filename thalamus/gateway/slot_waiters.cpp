#include "thalamus/gateway/slot_waiters.h"

#include <chrono>
#include <unordered_map>

#include "thalamus/gateway/core_state.h"
#include "thalamus/gateway/runtime.h"

namespace thalamus::gateway {

namespace asio = boost::asio;

/// Touched on the core's thread only; outlives the waiters for news that are still on their way.
struct SlotWaiters::State {
  std::unordered_map<std::uint64_t, Waiter*> waiters;
  std::uint64_t next = 0;
};

SlotWaiters::SlotWaiters(boost::asio::any_io_executor executor)
    : state_(std::make_shared<State>()), executor_(std::move(executor)) {}
SlotWaiters::~SlotWaiters() = default;

void SlotWaiters::wake(std::uint64_t cookie, dispatch::WakeReason reason) noexcept {
  boost::asio::post(executor_, [state = state_, cookie, reason] {
    const auto found = state->waiters.find(cookie);
    if (found == state->waiters.end()) return;
    found->second->news = reason;
    found->second->bell->cancel();
  });
}

std::uint64_t SlotWaiters::add(Waiter& waiter) {
  const std::uint64_t cookie = ++state_->next;
  state_->waiters.emplace(cookie, &waiter);
  return cookie;
}

void SlotWaiters::remove(std::uint64_t cookie) noexcept { state_->waiters.erase(cookie); }

namespace {

/// Known to the core's waiters as long as it lives.
class Registered {
 public:
  Registered(SlotWaiters& waiters, asio::steady_timer& bell) : waiters_(waiters) {
    waiter_.bell = &bell;
    cookie_ = waiters.add(waiter_);
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;
  ~Registered() { waiters_.remove(cookie_); }
  [[nodiscard]] std::uint64_t cookie() const noexcept { return cookie_; }
  [[nodiscard]] const std::optional<dispatch::WakeReason>& news() const noexcept { return waiter_.news; }

 private:
  SlotWaiters& waiters_;
  SlotWaiters::Waiter waiter_;
  std::uint64_t cookie_ = 0;
};

net::Awaitable<void> ring(asio::steady_timer& bell, Nanoseconds patience) {
  bell.expires_after(std::chrono::nanoseconds(patience.value));
  auto [error] = co_await bell.async_wait(asio::as_tuple(asio::use_awaitable));
  static_cast<void>(error);
}

Status down(const std::string& name) { return fail(ErrorKind::kUnavailable, "target '{}' is down", name); }

}  // namespace

net::Awaitable<Status> wait_for_slot(CoreState& core, const RouteRuntime& route, std::uint16_t target,
                                     Nanoseconds asked, net::Cancellation& client_gone) {
  const std::string& name = route.targets[target].name;
  const std::uint16_t slot = route.policy_index[target];
  const base::Clock& clock = core.shared.clock;
  if (!route.policy->state(slot, asked).healthy) co_return down(name);
  auto executor = co_await asio::this_coro::executor;
  if (!core.slot_waiters) core.slot_waiters = std::make_unique<SlotWaiters>(executor);
  asio::steady_timer bell(executor);
  const Registered waiter(*core.slot_waiters, bell);
  const auto ticket = route.policy->wait(slot, *core.slot_waiters, waiter.cookie());
  if (!ticket) co_return fail(ErrorKind::kUnavailable, "the queue of target '{}' is full; try again later", name);
  const Nanoseconds patience = route.limits[target]->first_byte_timeout;
  const auto watch = client_gone.add([&bell] { bell.cancel(); });
  while (!waiter.news() && !client_gone.cancelled() && clock.now() - asked < patience)
    co_await ring(bell, patience - (clock.now() - asked));
  client_gone.remove(watch);
  if (!waiter.news() && route.policy->leave(slot, *ticket)) {
    if (client_gone.cancelled()) co_return fail(ErrorKind::kCancelled, "the client went away");
    co_return fail(ErrorKind::kTimeout, "no slot of target '{}' came free within {:.0f} s", name, patience.seconds());
  }
  // The news are on their way to this core.
  while (!waiter.news()) co_await ring(bell, Nanoseconds::from_ms(1'000));
  if (*waiter.news() == dispatch::WakeReason::kDown) co_return down(name);
  if (!client_gone.cancelled()) co_return Status{};
  dispatch::CallEnd unused;
  unused.target = slot;
  unused.unused = true;
  route.policy->finish(unused, clock.now());
  co_return fail(ErrorKind::kCancelled, "the client went away");
}

}  // namespace thalamus::gateway
