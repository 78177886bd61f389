/// Tells work on the same core that its result is no longer wanted.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace thalamus::net {

/// Single-threaded. Callbacks run inside `cancel`, once, in the order they were added.
class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  void cancel() {
    if (cancelled_) return;
    cancelled_ = true;
    auto callbacks = std::move(callbacks_);
    callbacks_.clear();
    for (auto& [id, callback] : callbacks)
      if (callback) callback();
  }
  [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
  /// Runs at once if already cancelled. The id removes it again.
  std::uint64_t add(std::function<void()> callback) {
    if (cancelled_) {
      callback();
      return 0;
    }
    callbacks_.emplace_back(++next_id_, std::move(callback));
    return next_id_;
  }
  void remove(std::uint64_t id) noexcept {
    std::erase_if(callbacks_, [id](const auto& entry) { return entry.first == id; });
  }

 private:
  bool cancelled_ = false;
  std::uint64_t next_id_ = 0;
  std::vector<std::pair<std::uint64_t, std::function<void()>>> callbacks_;
};

}  // namespace thalamus::net
