/// Decision records on disk: append-only segments, a checksum per record, rotation and retention, repair of a torn
/// tail. Segment `0000000001.trace`: magic, format version, then records of {u32 length, u32 crc32c of length and
/// payload, payload}.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "thalamus/base/clock.h"
#include "thalamus/base/result.h"
#include "thalamus/core/outcome.h"

namespace thalamus::trace {

/// The payload of one record, with a version of its own: a newer minor version is read, a newer major one refused.
[[nodiscard]] std::string encode_turn(const core::Turn& turn);
/// The same, appended to `out`.
void encode_turn(const core::Turn& turn, std::string& out);
[[nodiscard]] Result<core::Turn> decode_turn(std::string_view payload);

/// No record is larger; one that would be is dropped and counted.
inline constexpr std::size_t kRecordBytesMax = 256U << 20;

struct RecordLogOptions {
  std::filesystem::path folder;
  std::uint64_t segment_bytes_max = 64U << 20;
  std::uint32_t segments_max = 64;  ///< the oldest goes when one more is needed
  std::size_t ring_length_max = 8192;
  /// How long records gather under load before one write takes them all; 0: each is written at once.
  Nanoseconds linger = Nanoseconds::from_ms(2);
  /// For telling load from idle, for the once-a-second fdatasync and for trying again on a full disk; outlives the
  /// log. Null: the system's clock.
  const base::Clock* clock = nullptr;
};

struct RecordLogCounts {
  std::uint64_t written = 0;
  std::uint64_t dropped = 0;  ///< ring full, or not written when the log was closed
  std::uint64_t waiting = 0;  ///< taken, and neither written nor dropped yet
  std::uint64_t write_errors = 0;
  std::string last_error;     ///< empty while all is well ("No space left on device")
  std::uint64_t batches = 0;  ///< writes that took all there was, or as much as one may
  std::uint64_t wakes = 0;    ///< calls of `append` that had to wake the writer
};

/// A bounded ring from the serving cores to one writer thread. While records come singly, each wakes the writer and is
/// handed to the kernel (write(2)) at once. Under load (one batch follows another within two `linger`s) nobody wakes
/// it: it takes what gathered each `linger`, or when the ring is half full. A record handed to the kernel outlives
/// `kill -9` of the process; so what that can cost is the records of the last `linger` and of the write in progress, a
/// couple of milliseconds, or of an fdatasync where the disk is slow. fdatasync comes once a second at most, so that a
/// power failure costs about a second. While the disk refuses, records wait in the ring and the write is tried again
/// each second; what the ring cannot hold is dropped and counted.
class RecordLog {
 public:
  /// Creates or opens the folder and locks it (kConflict names the process that has it), repairs a torn tail by
  /// truncation (and says so in `repaired`), starts the writer.
  [[nodiscard]] static Result<std::unique_ptr<RecordLog>> open(const RecordLogOptions& options);
  virtual ~RecordLog() = default;
  /// Never blocks; false where the record was dropped (and counted). Cost: one move of the Turn, three atomic steps,
  /// and one write(2) to an eventfd where the writer sleeps, or lingers and the ring is half full. Any thread.
  virtual bool append(core::Turn turn) noexcept = 0;
  /// Waits until all that was appended is written, or the disk has refused it.
  virtual void flush() noexcept = 0;
  [[nodiscard]] virtual RecordLogCounts counts() const = 0;
  /// What the repair cut away at opening, in words; empty if nothing.
  [[nodiscard]] virtual const std::string& repaired() const noexcept = 0;
};

/// Calls `visit` for each record of the folder, oldest first, until it returns false. A torn tail ends the reading
/// without error; a damaged record between good ones is passed over; both are described in `torn`, if given. kCorrupt
/// for a foreign file under a segment's name, kUnsupported for one of a newer major version. Safe beside a writer.
[[nodiscard]] Status read_records(const std::filesystem::path& folder,
                                  const std::function<bool(const core::Turn&)>& visit, std::string* torn = nullptr);

}  // namespace thalamus::trace
