#include "thalamus/gateway/slow_features.h"

#include <chrono>
#include <memory>
#include <mutex>

#include "thalamus/net/asio.h"

namespace thalamus::gateway {
namespace {

namespace asio = boost::asio;

/// What another thread may ring as long as the turn waits. A turn that goes on, or ends, takes its timer back first, so
/// that nothing is posted to a core that may be gone.
class Alarm {
 public:
  explicit Alarm(asio::steady_timer& timer) : timer_(&timer) {}

  /// On any thread.
  static void ring(const std::shared_ptr<Alarm>& alarm) {
    const std::lock_guard lock(alarm->mutex_);
    if (alarm->timer_ == nullptr) return;
    asio::post(alarm->timer_->get_executor(), [alarm] { alarm->stop_waiting(); });
  }
  void take_back() noexcept {
    const std::lock_guard lock(mutex_);
    timer_ = nullptr;
  }

 private:
  void stop_waiting() {
    const std::lock_guard lock(mutex_);
    if (timer_ != nullptr) timer_->cancel();
  }
  std::mutex mutex_;
  asio::steady_timer* timer_;
};

/// Takes the timer back whatever ends the wait.
class AlarmScope {
 public:
  explicit AlarmScope(asio::steady_timer& timer) : alarm_(std::make_shared<Alarm>(timer)) {}
  AlarmScope(const AlarmScope&) = delete;
  AlarmScope& operator=(const AlarmScope&) = delete;
  ~AlarmScope() { alarm_->take_back(); }
  [[nodiscard]] const std::shared_ptr<Alarm>& alarm() const noexcept { return alarm_; }

 private:
  std::shared_ptr<Alarm> alarm_;
};

}  // namespace

net::Awaitable<void> decide_with_slow_features(CoreState& core, const core::Request& request, Decision& decision) {
  const Nanoseconds begun = core.shared.clock.now();
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  const AlarmScope scope(timer);
  timer.expires_after(std::chrono::nanoseconds(kFeaturesWait.value));
  const std::shared_ptr<Alarm> alarm = scope.alarm();
  // The description is still that of this request: nothing has suspended since.
  if (!decision.route->snapshot->request(core.description, [alarm] { Alarm::ring(alarm); })) co_return;
  auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  static_cast<void>(error);
  decide_again(core, request, decision);
  decision.duration = decision.duration + (core.shared.clock.now() - begun);
}

}  // namespace thalamus::gateway
