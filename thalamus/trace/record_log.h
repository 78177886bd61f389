/// Decision records on disk: append-only segments, a checksum per record, rotation and retention, repair of a torn tail.
/// Segment: magic, format version, then records of {u32 length, u32 crc32c, payload}.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"
#include "thalamus/core/outcome.h"

namespace thalamus::trace {

[[nodiscard]] std::string encode_turn(const core::Turn& turn);
[[nodiscard]] Result<core::Turn> decode_turn(std::string_view payload);

struct RecordLogOptions {
  std::filesystem::path folder;
  std::uint64_t segment_bytes_max = 64U << 20;
  std::uint32_t segments_max = 64;   ///< the oldest goes when one more is needed
  std::size_t ring_length_max = 8192;
};

struct RecordLogCounts {
  std::uint64_t written = 0;
  std::uint64_t dropped = 0;         ///< ring full, or the disk refused
  std::uint64_t write_errors = 0;
  std::string last_error;            ///< empty while all is well ("No space left on device")
};

/// A bounded ring from the serving cores to one writer thread. A record is handed to the kernel (write(2)) within some
/// milliseconds of `append`, so that it outlives `kill -9` of the process.
class RecordLog {
 public:
  /// Opens the folder, repairs a torn tail by truncation (and says so in `repaired`), starts the writer.
  [[nodiscard]] static Result<std::unique_ptr<RecordLog>> open(const RecordLogOptions& options);
  virtual ~RecordLog() = default;
  /// Never blocks; false where the record was dropped (and counted).
  virtual bool append(core::Turn turn) noexcept = 0;
  /// Waits until all that was appended is written.
  virtual void flush() noexcept = 0;
  [[nodiscard]] virtual RecordLogCounts counts() const = 0;
  /// What the repair cut away at opening, in words; empty if nothing.
  [[nodiscard]] virtual const std::string& repaired() const noexcept = 0;
};

/// Calls `visit` for each record of the folder, oldest first, until it returns false. A torn tail ends the reading
/// without error and is described in `torn`, if given.
[[nodiscard]] Status read_records(const std::filesystem::path& folder,
                                  const std::function<bool(const core::Turn&)>& visit, std::string* torn = nullptr);

}  // namespace thalamus::trace
