/// The ring, the writer thread and the reader. The writer encodes: a serving core only moves its Turn.
#include "thalamus/trace/record_log.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "thalamus/base/file.h"
#include "thalamus/trace/ring.h"
#include "thalamus/trace/segment.h"
#include "thalamus/trace/segment_writer.h"

namespace thalamus::trace {
namespace {

constexpr std::size_t kBatchRecordsMax = 512;
constexpr std::size_t kBatchBytesMax = 4U << 20;
constexpr Nanoseconds kSyncInterval = Nanoseconds::from_ms(1000);
constexpr Nanoseconds kRetryInterval = Nanoseconds::from_ms(1000);
constexpr int kIdleWaitMs = 1000;
constexpr int kShortWaitMs = 1;  // a producer is between its two steps

class FileRecordLog final : public RecordLog {
 public:
  FileRecordLog(const RecordLogOptions& options, SegmentWriter writer, Descriptor wake)
      : ring_(options.ring_length_max),
        clock_(options.clock == nullptr ? &system_clock_ : options.clock),
        files_(std::move(writer)),
        repaired_(files_.repaired()),
        wake_(std::move(wake)) {}
  FileRecordLog(const FileRecordLog&) = delete;
  FileRecordLog& operator=(const FileRecordLog&) = delete;
  ~FileRecordLog() override {
    stopping_.store(true, std::memory_order_release);
    wake_writer();
    if (thread_.joinable()) thread_.join();
  }
  void start() {
    thread_ = std::jthread([this] { run(); });
  }

  bool append(core::Turn turn) noexcept override {
    if (!ring_.push(turn)) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    // Both sides exchange: either the writer sees the push, or this sees that it sleeps.
    if (sleeping_.exchange(false, std::memory_order_acq_rel)) wake_writer();
    return true;
  }

  void flush() noexcept override {
    const std::uint64_t wanted = ring_.pushed();
    std::unique_lock lock(mutex_);
    const std::uint64_t failures_before = failures_;
    retry_at_once_.store(true, std::memory_order_release);
    sleeping_.exchange(false, std::memory_order_acq_rel);
    wake_writer();
    progress_.wait(lock, [&] { return handled_ >= wanted || failures_ != failures_before; });
  }

  [[nodiscard]] RecordLogCounts counts() const override {
    RecordLogCounts counts;
    counts.written = written_.load(std::memory_order_relaxed);
    counts.dropped = dropped_.load(std::memory_order_relaxed);
    const std::scoped_lock lock(mutex_);
    counts.write_errors = failures_;
    counts.last_error = last_error_;
    return counts;
  }
  [[nodiscard]] const std::string& repaired() const noexcept override { return repaired_; }

 private:
  void wake_writer() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);  // full means awake
  }

  void run() {
    // Signals belong to others, and SIGXFSZ (a file size limit) becomes the error EFBIG.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (;;) {
      const bool stopping = stopping_.load(std::memory_order_acquire);
      const bool worked = work(stopping);
      if (files_.dirty() && (stopping || clock_->now() >= synced_at_ + kSyncInterval)) sync();
      if (worked) continue;
      if (stopping && (ring_.empty() || !ends_.empty())) break;
      sleep();
    }
    close();
  }

  /// One batch; false where there was nothing to do or the disk refused.
  bool work(bool stopping) {
    if (ends_.empty()) take_batch();
    if (ends_.empty()) return false;
    const bool forced = retry_at_once_.exchange(false, std::memory_order_acq_rel) || stopping;
    if (refused_ && !forced && clock_->now() < retry_at_) return false;
    const std::size_t before = done_;
    const Status written = files_.write(bytes_, ends_, done_);
    written_.fetch_add(done_ - before, std::memory_order_relaxed);
    const bool finished = done_ == ends_.size();
    refused_ = !written.has_value();
    if (refused_) retry_at_ = clock_->now() + kRetryInterval;
    if (finished) clear_batch();
    report(done_ - before + (finished ? ends_done_extra(before) : 0), written);
    return finished;
  }

  /// `done_` was reset by clear_batch: what it stood at.
  [[nodiscard]] std::uint64_t ends_done_extra(std::size_t before) const noexcept { return batch_size_ - before + before - 0; }

  void take_batch() {
    core::Turn turn;
    while (ends_.size() < kBatchRecordsMax && bytes_.size() < kBatchBytesMax && ring_.pop(turn)) {
      const std::string payload = encode_turn(turn);
      turn = {};
      if (payload.size() > kRecordBytesMax) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        report(1, {});
        continue;
      }
      append_record(bytes_, payload);
      ends_.push_back(bytes_.size());
    }
  }

  void report(std::uint64_t, const Status&) {}
  void clear_batch() {}
  void sync() {}
  void sleep() {}
  void close() {}
  std::size_t batch_size_ = 0;

  Ring<core::Turn> ring_;
  base::SystemClock system_clock_;
  const base::Clock* clock_;
  SegmentWriter files_;
  std::string repaired_;
  Descriptor wake_;
};

}  // namespace
}  // namespace thalamus::trace
