/// Bounded queue for many producers and one or many consumers without a lock (D. Vyukov's array queue: each cell
/// carries the turn it is in). A push or pop is one compare-and-swap and one store; neither waits for the other side.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace thalamus::trace {

template <class T>
class Ring {
 public:
  explicit Ring(std::size_t length_max)
      : length_(std::max<std::size_t>(length_max, 2)), cells_(std::make_unique<Cell[]>(length_)) {
    for (std::size_t i = 0; i < length_; ++i) cells_[i].turn.store(i, std::memory_order_relaxed);
  }

  /// False where the ring is full; `value` is then untouched.
  [[nodiscard]] bool push(T& value) noexcept {
    std::uint64_t position = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[position % length_];
      const std::uint64_t turn = cell.turn.load(std::memory_order_acquire);
      if (turn == position) {
        if (tail_.compare_exchange_weak(position, position + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) {
          cell.value = std::move(value);
          cell.turn.store(position + 1, std::memory_order_release);
          return true;
        }
      } else if (turn < position) {
        return false;
      } else {
        position = tail_.load(std::memory_order_relaxed);
      }
    }
  }

  /// False where nothing is ready.
  [[nodiscard]] bool pop(T& value) noexcept {
    std::uint64_t position = head_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[position % length_];
      const std::uint64_t turn = cell.turn.load(std::memory_order_acquire);
      if (turn == position + 1) {
        if (head_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
          value = std::move(cell.value);
          cell.turn.store(position + length_, std::memory_order_release);
          return true;
        }
      } else if (turn < position + 1) {
        return false;
      } else {
        position = head_.load(std::memory_order_relaxed);
      }
    }
  }

  /// Pushes begun so far. Sequentially consistent with them: whoever publishes a flag and then asks here sees each push
  /// whose thread looked at the flag before (all with memory_order_seq_cst).
  [[nodiscard]] std::uint64_t pushed() const noexcept { return tail_.load(std::memory_order_seq_cst); }
  /// Pushes begun that were not popped; may count too many while others pop.
  [[nodiscard]] std::uint64_t length() const noexcept {
    const std::uint64_t popped = head_.load(std::memory_order_acquire);  // first: it never passes the tail
    return pushed() - popped;
  }
  [[nodiscard]] bool empty() const noexcept { return length() == 0; }

 private:
  struct Cell {
    std::atomic<std::uint64_t> turn{0};
    T value{};
  };
  std::size_t length_;
  std::unique_ptr<Cell[]> cells_;
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  alignas(64) std::atomic<std::uint64_t> head_{0};
};

}  // namespace thalamus::trace
