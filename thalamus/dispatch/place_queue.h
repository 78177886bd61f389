/// The places of one target and those who wait for one: a bounded number of calls at a time, a bounded queue, first
/// come, first served, and nobody asks twice: a place that is given back goes straight to the oldest waiter, who is
/// woken through the waker of its core.
///
/// Shared by all cores, lock-free. A waiter is in one slot of a table; its ticket is the slot's word, and whoever
/// changes that word (a giver, or the waiter that leaves) has decided, so that nobody is woken twice. Nobody is lost:
/// a waiter looks for a place after it stands in its slot, a giver looks for a waiter after it has given its place
/// back, both sequentially consistent, so that one of them sees the other (Dekker's argument). Giving back is
/// O(queue_length_max) while somebody waits, O(1) otherwise.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace thalamus::dispatch {

enum class WakeReason : std::uint8_t {
  kPlace,  ///< the waiter holds a place now, as if admitted
  kDown,   ///< the target went down; it holds nothing
};

/// One for each core that waits: tells a waiter of that core. Called from any thread, also from within the waiter's own
/// `wait`; it hands the news over to its core (a post to the event loop) and does nothing else.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void wake(std::uint64_t cookie, WakeReason reason) noexcept = 0;
};

struct WaitTicket {
  std::uint32_t slot = 0;
  std::uint64_t number = 0;
};

class PlaceQueue {
 public:
  enum class Entry : std::uint8_t { kPlace, kQueue, kDown };

  /// Zero places: no limit.
  PlaceQueue(std::uint32_t places_max, std::uint32_t queue_length_max);

  /// kPlace is given back with `give_back`. kQueue where all are taken or somebody waits already.
  [[nodiscard]] Entry take() noexcept;
  /// Stands in the queue; the waker (which outlives the wait) is told once, unless `leave` says that it will not be.
  /// Nothing where the queue is full.
  [[nodiscard]] std::optional<WaitTicket> wait(Waker& waker, std::uint64_t cookie) noexcept;
  /// True: the waiter has left and is not woken any more. False: it has been woken, or is just now; a place that comes
  /// with that is to be given back.
  [[nodiscard]] bool leave(const WaitTicket& ticket) noexcept;
  void give_back() noexcept;
  /// Down: everybody who waits is woken with kDown.
  void set_up(bool up) noexcept;

  /// A place in the queue for a caller that polls `take` instead of waiting; false: full.
  [[nodiscard]] bool enter_polling() noexcept;
  void leave_polling() noexcept;

  [[nodiscard]] bool up() const noexcept { return up_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t places_max() const noexcept { return places_max_; }
  [[nodiscard]] std::uint32_t queue_length_max() const noexcept { return queue_length_max_; }
  [[nodiscard]] std::uint32_t in_flight() const noexcept { return in_flight_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

 private:
  struct Slot {
    std::atomic<std::uint64_t> word{0};  // 0: free; kBusy: being written or read; else the ticket of who waits
    Waker* waker = nullptr;
    std::uint64_t cookie = 0;
  };

  [[nodiscard]] bool take_place() noexcept;
  [[nodiscard]] std::uint32_t claim_slot() noexcept;
  [[nodiscard]] bool wake_oldest(WakeReason reason) noexcept;
  [[nodiscard]] std::optional<WaitTicket> oldest() const noexcept;
  void serve() noexcept;

  std::uint32_t places_max_;
  std::uint32_t queue_length_max_;
  std::unique_ptr<Slot[]> slots_;
  std::atomic<std::uint32_t> in_flight_{0};
  std::atomic<std::uint32_t> waiting_{0};   // places of the queue that are taken
  std::atomic<std::uint32_t> sleepers_{0};  // of them, those in a slot
  std::atomic<std::uint64_t> tickets_{0};
  std::atomic<bool> up_{true};
};

}  // namespace thalamus::dispatch
