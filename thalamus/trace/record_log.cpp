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
#include <ctime>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "thalamus/base/file.h"
#include "thalamus/trace/pace.h"
#include "thalamus/trace/ring.h"
#include "thalamus/trace/segment.h"
#include "thalamus/trace/segment_writer.h"

namespace thalamus::trace {
namespace {

constexpr std::size_t kBatchRecordsMax = 512;
constexpr std::size_t kBatchBytesMax = 4U << 20;
constexpr Nanoseconds kSyncInterval = Nanoseconds::from_ms(1000);
constexpr Nanoseconds kRetryInterval = Nanoseconds::from_ms(1000);
constexpr Nanoseconds kIdleWait = Nanoseconds::from_ms(1000);
constexpr Nanoseconds kShortWait = Nanoseconds::from_ms(1);  // a producer is between its two steps

/// What `append` does after its push.
enum class Writer : std::uint8_t {
  kAwake,      ///< nothing: the writer looks at the ring by itself
  kLingering,  ///< wakes it where the ring is half full
  kSleeping,   ///< wakes it
};

enum class Work : std::uint8_t {
  kNone,  ///< nothing to do, or the disk refused
  kAll,   ///< took all there was
  kPart,  ///< a full batch; there may be more
};

timespec duration_of(Nanoseconds time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {.tv_sec = time.value / kSecond, .tv_nsec = time.value % kSecond};
}

class FileRecordLog final : public RecordLog {
 public:
  FileRecordLog(const RecordLogOptions& options, SegmentWriter writer, Descriptor wake)
      : ring_(options.ring_length_max),
        half_full_(std::max<std::uint64_t>(options.ring_length_max / 2, 1)),
        pace_(options.linger),
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
    // The push, this look, the writer's announcement and its look at the ring are sequentially consistent: either the
    // writer sees the push before it waits, or this sees that it waits.
    const Writer writer = writer_.load(std::memory_order_seq_cst);
    if (writer == Writer::kSleeping || (writer == Writer::kLingering && ring_.length() >= half_full_))
      wake_from(writer);
    return true;
  }

  void flush() noexcept override {
    const std::uint64_t wanted = ring_.pushed();
    std::unique_lock lock(mutex_);
    const std::uint64_t failures_before = failures_;
    if (flush_to_.load(std::memory_order_relaxed) < wanted) flush_to_.store(wanted, std::memory_order_relaxed);
    retry_at_once_.store(true, std::memory_order_release);
    wake_writer();
    progress_.wait(lock, [&] { return handled_ >= wanted || failures_ != failures_before; });
  }

  [[nodiscard]] RecordLogCounts counts() const override {
    RecordLogCounts counts;
    counts.written = written_.load(std::memory_order_relaxed);
    counts.dropped = dropped_.load(std::memory_order_relaxed);
    counts.batches = batches_.load(std::memory_order_relaxed);
    counts.wakes = wakes_.load(std::memory_order_relaxed);
    const std::scoped_lock lock(mutex_);
    const std::uint64_t pushed = ring_.pushed();
    counts.waiting = pushed - std::min(pushed, handled_);
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

  /// One of those who find the writer waiting wakes it.
  void wake_from(Writer seen) noexcept {
    if (!writer_.compare_exchange_strong(seen, Writer::kAwake, std::memory_order_acq_rel)) return;
    wakes_.fetch_add(1, std::memory_order_relaxed);
    wake_writer();
  }

  void run() {
    // Signals belong to others, and SIGXFSZ (a file size limit) becomes the error EFBIG.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (;;) {
      const bool stopping = stopping_.load(std::memory_order_acquire);
      const Work worked = work(stopping);
      if (files_.dirty() && (stopping || clock_->now() >= synced_at_ + kSyncInterval)) sync();
      if (worked == Work::kPart) continue;
      if (stopping && (ring_.empty() || !ends_.empty())) break;
      wait(stopping);
    }
    close();
  }

  /// One batch.
  Work work(bool stopping) {
    if (ends_.empty()) take_batch();
    if (ends_.empty()) return Work::kNone;
    const bool forced = retry_at_once_.exchange(false, std::memory_order_acq_rel) || stopping;
    if (refused_ && !forced && clock_->now() < retry_at_) return Work::kNone;
    const std::size_t before = done_;
    const Status written = files_.write(bytes_, ends_, done_);
    const std::size_t wrote = done_ - before;
    const Work result = done_ != ends_.size() ? Work::kNone : batch_full() ? Work::kPart : Work::kAll;
    refused_ = !written.has_value();
    if (refused_) {
      retry_at_ = clock_->now() + kRetryInterval;
    } else {
      pace_.wrote(clock_->now());
      batches_.fetch_add(1, std::memory_order_relaxed);
    }
    written_.fetch_add(wrote, std::memory_order_relaxed);
    if (result != Work::kNone) clear_batch();
    report(wrote, written);
    return result;
  }

  [[nodiscard]] bool batch_full() const noexcept {
    return ends_.size() >= kBatchRecordsMax || bytes_.size() >= kBatchBytesMax;
  }

  void take_batch() {
    core::Turn turn;
    std::uint64_t too_large = 0;
    while (!batch_full() && ring_.pop(turn)) {
      const std::size_t begin = begin_record(bytes_);
      encode_turn(turn, bytes_);
      if (bytes_.size() - begin - kRecordHeadBytes > kRecordBytesMax) {
        bytes_.resize(begin);
        ++too_large;
        continue;
      }
      end_record(bytes_, begin);
      ends_.push_back(bytes_.size());
    }
    if (too_large == 0) return;
    dropped_.fetch_add(too_large, std::memory_order_relaxed);
    report(too_large, {});
  }

  void clear_batch() {
    ends_.clear();
    bytes_.clear();
    if (bytes_.capacity() > 4 * kBatchBytesMax) bytes_.shrink_to_fit();
    done_ = 0;
  }

  /// Tells those who wait in `flush`.
  void report(std::uint64_t handled, const Status& status) {
    {
      const std::scoped_lock lock(mutex_);
      handled_ += handled;
      if (status) {
        last_error_.clear();
      } else {
        ++failures_;
        last_error_ = status.error().text();
      }
    }
    progress_.notify_all();
  }

  void sync() {
    synced_at_ = clock_->now();
    const Status synced = files_.sync();
    if (!synced) report(0, synced);
  }

  /// Until there is something to do: each record wakes the writer, or under load the end of the lingering does.
  void wait(bool stopping) {
    if (!ends_.empty()) {
      wait_for_wake(kIdleWait);  // for the disk; records gather in the ring and need not wake
      return;
    }
    const bool hurried = stopping || flush_to_.load(std::memory_order_relaxed) > handled_;
    const bool lingers = pace_.lingers() && !hurried;
    writer_.store(lingers ? Writer::kLingering : Writer::kSleeping, std::memory_order_seq_cst);
    bool woken = true;
    if (!lingers) {
      wait_for_wake(hurried || !ring_.empty() ? kShortWait : kIdleWait);
    } else if (ring_.length() < half_full_) {
      woken = wait_for_wake(pace_.linger());
    }
    writer_.store(Writer::kAwake, std::memory_order_relaxed);  // too late seen: one wake-up for nothing
    if (lingers && !woken && ring_.empty()) pace_.nothing_came();
  }

  /// False where the time passed.
  bool wait_for_wake(Nanoseconds time_max) {
    pollfd descriptor{wake_.get(), POLLIN, 0};
    const timespec timeout = duration_of(time_max);
    if (::ppoll(&descriptor, 1, &timeout, nullptr) <= 0) return false;
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &count, sizeof count);
    return true;
  }

  /// What the disk refused to the last is lost, and counted.
  void close() {
    std::uint64_t lost = ends_.size() - done_;
    clear_batch();
    core::Turn turn;
    while (ring_.pop(turn)) ++lost;
    dropped_.fetch_add(lost, std::memory_order_relaxed);
    const std::scoped_lock lock(mutex_);
    handled_ += lost;
    progress_.notify_all();
  }

  // Shared with the callers of append and flush.
  Ring<core::Turn> ring_;
  const std::uint64_t half_full_;
  std::atomic<Writer> writer_{Writer::kAwake};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> retry_at_once_{false};
  std::atomic<std::uint64_t> flush_to_{0};  // what `flush` waits for, of `handled_`; written by mutex_
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> batches_{0};
  std::atomic<std::uint64_t> wakes_{0};
  mutable std::mutex mutex_;
  std::condition_variable progress_;
  std::uint64_t handled_ = 0;   // by mutex_, but for the writer, who alone changes it: popped and written or dropped
  std::uint64_t failures_ = 0;  // by mutex_
  std::string last_error_;      // by mutex_

  // The writer's own.
  Pace pace_;
  base::SystemClock system_clock_;
  const base::Clock* clock_;
  SegmentWriter files_;
  std::string bytes_;              // of the batch in hand
  std::vector<std::size_t> ends_;  // of its records
  std::size_t done_ = 0;           // of them written
  bool refused_ = false;
  Nanoseconds retry_at_{};
  Nanoseconds synced_at_{};

  const std::string repaired_;
  Descriptor wake_;
  std::jthread thread_;
};

/// Sums up what `read_records` passed over.
class Findings {
 public:
  void add(const std::string& name, const SegmentScan& scan) {
    if (scan.damaged_bytes > 0)
      say(fmt::format("{}: {} damaged bytes at offset {} were passed over", name, scan.damaged_bytes, scan.damaged_at));
    if (scan.torn_bytes > 0)
      say(fmt::format("{}: {} bytes of an unfinished record at offset {}", name, scan.torn_bytes, scan.good_bytes));
  }
  void say(const std::string& text) {
    if (!text_.empty()) text_ += "; ";
    text_ += text;
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

/// False where `visit` wants no more.
Result<bool> read_segment(const std::filesystem::path& path, const std::function<bool(const core::Turn&)>& visit,
                          Findings& findings) {
  const auto bytes = base::read_file(path);
  if (!bytes) {
    if (bytes.error().kind == ErrorKind::kNotFound) return true;  // retention was faster
    return std::unexpected(bytes.error());
  }
  const std::string name = path.filename().string();
  if (bytes->size() < kSegmentHeadBytes) {
    findings.say(fmt::format("{}: an unfinished head of {} bytes", name, bytes->size()));
    return true;
  }
  const auto placed = [&path](Error error) {
    error.where = path.string();
    return std::unexpected(std::move(error));
  };
  if (auto head = check_segment_head(*bytes); !head) return placed(std::move(head).error());
  const auto scan = scan_segment(*bytes, [&visit](std::string_view payload) -> Result<bool> {
    TRY(const core::Turn turn, decode_turn(payload));
    return visit(turn);
  });
  if (!scan) return placed(scan.error());
  findings.add(name, *scan);
  return !scan->stopped;
}

}  // namespace

Result<std::unique_ptr<RecordLog>> RecordLog::open(const RecordLogOptions& options) {
  if (options.ring_length_max == 0) return fail(ErrorKind::kInvalidInput, "a trace needs a ring of at least 1 record");
  TRY(SegmentWriter writer, SegmentWriter::open(options.folder, options.segment_bytes_max, options.segments_max));
  Descriptor wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return fail(ErrorKind::kEnvironment, "cannot make an eventfd: {}", std::strerror(errno));
  auto log = std::make_unique<FileRecordLog>(options, std::move(writer), std::move(wake));
  try {
    log->start();
  } catch (const std::system_error& error) {
    return fail(ErrorKind::kEnvironment, "cannot start the trace's writer thread: {}", error.what());
  }
  return std::unique_ptr<RecordLog>(std::move(log));
}

Status read_records(const std::filesystem::path& folder, const std::function<bool(const core::Turn&)>& visit,
                    std::string* torn) {
  TRY(const auto numbers, list_segments(folder));
  Findings findings;
  for (const std::uint64_t number : numbers) {
    TRY(const bool more, read_segment(folder / segment_name(number), visit, findings));
    if (!more) break;
  }
  if (torn != nullptr) *torn = findings.text();
  return {};
}

}  // namespace thalamus::trace
