/// Who of one core waits for a slot of a target. Other cores wake them through `Waker`; everything else happens on the
/// core's own thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "thalamus/base/result.h"
#include "thalamus/base/units.h"
#include "thalamus/dispatch/place_queue.h"
#include "thalamus/net/asio.h"
#include "thalamus/net/cancellation.h"
#include "thalamus/net/stream.h"

namespace thalamus::gateway {

class SlotWaiters final : public dispatch::Waker {
 public:
  /// `executor` is the core's.
  explicit SlotWaiters(boost::asio::any_io_executor executor);
  ~SlotWaiters() override;
  SlotWaiters(const SlotWaiters&) = delete;
  SlotWaiters& operator=(const SlotWaiters&) = delete;

  /// Any thread: hands the news to the core.
  void wake(std::uint64_t cookie, dispatch::WakeReason reason) noexcept override;

  /// One waiter, from `add` to its destruction. `news` is what it was woken with.
  struct Waiter {
    boost::asio::steady_timer* bell = nullptr;
    std::optional<dispatch::WakeReason> news;
  };
  /// The cookie under which the waiter is woken; it stays known until `remove`.
  [[nodiscard]] std::uint64_t add(Waiter& waiter);
  void remove(std::uint64_t cookie) noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
  boost::asio::any_io_executor executor_;
};

struct CoreState;
struct RouteRuntime;

/// Waits for a slot of the route's target since `asked`. kUnavailable where the target is down or
/// its queue is full, kTimeout where the wait takes longer than the first byte may, kCancelled where the client goes.
[[nodiscard]] net::Awaitable<Status> wait_for_slot(CoreState& core, const RouteRuntime& route, std::uint16_t target,
                                                   Nanoseconds asked, net::Cancellation& client_gone);

}  // namespace thalamus::gateway
