// Every atomic operation here that takes part in the argument of the header is sequentially consistent.
#include "thalamus/dispatch/place_queue.h"

#include "thalamus/base/assert.h"

namespace thalamus::dispatch {
namespace {

constexpr std::uint64_t kFree = 0;
constexpr std::uint64_t kBusy = UINT64_MAX;

// Adds one unless that would pass `limit`.
bool add_below(std::atomic<std::uint32_t>& counter, std::uint32_t limit) noexcept {
  std::uint32_t seen = counter.load();
  while (seen < limit)
    if (counter.compare_exchange_weak(seen, seen + 1)) return true;
  return false;
}

void subtract(std::atomic<std::uint32_t>& counter) noexcept {
  const std::uint32_t before = counter.fetch_sub(1);
  THALAMUS_ASSERT(before > 0);  // every end has one beginning
}

}  // namespace

PlaceQueue::PlaceQueue(std::uint32_t places_max, std::uint32_t queue_length_max)
    : places_max_(places_max),
      queue_length_max_(queue_length_max),
      slots_(std::make_unique<Slot[]>(queue_length_max)) {}

bool PlaceQueue::take_place() noexcept { return add_below(in_flight_, places_max_ == 0 ? UINT32_MAX : places_max_); }

PlaceQueue::Entry PlaceQueue::take() noexcept {
  if (!up_.load()) return Entry::kDown;
  // Whoever waits comes first.
  return sleepers_.load() == 0 && take_place() ? Entry::kPlace : Entry::kQueue;
}

std::optional<WaitTicket> PlaceQueue::wait(Waker& waker, std::uint64_t cookie) noexcept {
  if (!add_below(waiting_, queue_length_max_)) return std::nullopt;
  const std::uint32_t at = claim_slot();
  Slot& slot = slots_[at];
  slot.waker = &waker;
  slot.cookie = cookie;
  sleepers_.fetch_add(1);
  const WaitTicket ticket{at, tickets_.fetch_add(1) + 1};
  slot.word.store(ticket.number);
  serve();  // a place may have come free, or the target gone down, before anybody could see the waiter
  return ticket;
}

// There are as many slots as places in the queue, and a slot is freed before its place: one is free.
std::uint32_t PlaceQueue::claim_slot() noexcept {
  for (auto start = static_cast<std::uint32_t>(tickets_.load() % queue_length_max_);; start = 0) {
    for (std::uint32_t at = start; at < queue_length_max_; ++at) {
      std::uint64_t expected = kFree;
      if (slots_[at].word.compare_exchange_strong(expected, kBusy)) return at;
    }
  }
}

bool PlaceQueue::leave(const WaitTicket& ticket) noexcept {
  THALAMUS_ASSERT(ticket.slot < queue_length_max_ && ticket.number != kFree);
  std::uint64_t expected = ticket.number;
  if (!slots_[ticket.slot].word.compare_exchange_strong(expected, kFree)) return false;
  subtract(sleepers_);
  subtract(waiting_);
  return true;
}

void PlaceQueue::give_back() noexcept {
  subtract(in_flight_);
  serve();
}

void PlaceQueue::set_up(bool up) noexcept {
  up_.store(up);
  serve();
}

// Gives free places to those who wait until there is none of either.
void PlaceQueue::serve() noexcept {
  while (sleepers_.load() > 0 && oldest()) {
    if (!up_.load()) {
      static_cast<void>(wake_oldest(WakeReason::kDown));
    } else if (!take_place()) {
      return;
    } else if (!wake_oldest(WakeReason::kPlace)) {
      subtract(in_flight_);  // the waiter has gone; look again, for one that came while we held the place
    }
  }
}

std::optional<WaitTicket> PlaceQueue::oldest() const noexcept {
  WaitTicket found{0, kBusy};
  for (std::uint32_t at = 0; at < queue_length_max_; ++at) {
    const std::uint64_t word = slots_[at].word.load();
    if (word != kFree && word < found.number) found = {at, word};
  }
  return found.number == kBusy ? std::nullopt : std::optional(found);
}

bool PlaceQueue::wake_oldest(WakeReason reason) noexcept {
  while (const auto ticket = oldest()) {
    Slot& slot = slots_[ticket->slot];
    std::uint64_t expected = ticket->number;
    if (!slot.word.compare_exchange_strong(expected, kBusy)) continue;  // it left, or another core wakes it
    Waker& waker = *slot.waker;
    const std::uint64_t cookie = slot.cookie;
    slot.word.store(kFree);
    subtract(sleepers_);
    subtract(waiting_);
    waker.wake(cookie, reason);
    return true;
  }
  return false;
}

bool PlaceQueue::enter_polling() noexcept { return add_below(waiting_, queue_length_max_); }

void PlaceQueue::leave_polling() noexcept { subtract(waiting_); }

}  // namespace thalamus::dispatch
