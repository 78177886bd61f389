/// One file of decision records: its name, its head, its records; finding the end of what is good in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::trace {

/// First bytes of every payload. Not valid UTF-8, so that no text looks like it: where a record is damaged, the next
/// one is found by it.
inline constexpr std::uint32_t kRecordMarker = 0x4e5254d7;
inline constexpr std::size_t kSegmentHeadBytes = 16;
inline constexpr std::size_t kRecordHeadBytes = 8;

[[nodiscard]] std::string segment_name(std::uint64_t number);
/// The numbers of a folder's segments, ascending. Other files are left alone.
[[nodiscard]] Result<std::vector<std::uint64_t>> list_segments(const std::filesystem::path& folder);

[[nodiscard]] std::string segment_head();
/// kCorrupt for a foreign file, kUnsupported for a newer major version.
[[nodiscard]] Status check_segment_head(std::string_view bytes);

/// A record is made in place: `begin_record` leaves room for its head, the caller appends the payload to `out`, and
/// `end_record` fills in length and checksum. Returns where the record begins.
[[nodiscard]] std::size_t begin_record(std::string& out);
void end_record(std::string& out, std::size_t begin);

struct SegmentScan {
  std::uint64_t records = 0;
  std::uint64_t good_bytes = 0;     ///< end of the last good record
  std::uint64_t torn_bytes = 0;     ///< of an unfinished record at the end
  std::uint64_t damaged_bytes = 0;  ///< between good records; passed over
  std::uint64_t damaged_at = 0;     ///< offset of the first of them
  bool stopped = false;             ///< `visit` wanted no more
};

/// Visits the payloads of a whole segment's bytes (head checked before) until `visit` returns false or fails.
[[nodiscard]] Result<SegmentScan> scan_segment(std::string_view bytes,
                                               const std::function<Result<bool>(std::string_view)>& visit);

}  // namespace thalamus::trace
