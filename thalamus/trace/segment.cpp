#include "thalamus/trace/segment.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <system_error>

#include "thalamus/base/bytes.h"
#include "thalamus/base/hash.h"
#include "thalamus/base/text.h"
#include "thalamus/trace/record_log.h"

namespace thalamus::trace {
namespace {

constexpr std::string_view kMagic = "thaltrac";
constexpr std::uint16_t kMajor = 1;
constexpr std::uint16_t kMinor = 0;
constexpr std::string_view kEnding = ".trace";
constexpr std::size_t kNumberDigits = 10;

std::string_view marker_bytes() {
  static constexpr char kBytes[] = {'\xd7', 'T', 'R', 'N'};
  return {kBytes, sizeof kBytes};
}

std::uint32_t checksum(std::uint32_t length, std::string_view payload) {
  char head[sizeof length];
  std::memcpy(head, &length, sizeof length);
  return base::crc32c(payload, base::crc32c(std::string_view(head, sizeof head)));
}

/// The payload of a good record at `offset`, if there is one. `budget` bounds the bytes that are checksummed in vain.
std::optional<std::string_view> record_at(std::string_view bytes, std::size_t offset, std::uint64_t& budget) {
  if (bytes.size() - offset < kRecordHeadBytes + marker_bytes().size()) return std::nullopt;
  std::uint32_t length = 0;
  std::uint32_t crc = 0;
  std::memcpy(&length, bytes.data() + offset, sizeof length);
  std::memcpy(&crc, bytes.data() + offset + sizeof length, sizeof crc);
  const std::string_view rest = bytes.substr(offset + kRecordHeadBytes);
  if (length > rest.size() || length > kRecordBytesMax || !rest.starts_with(marker_bytes())) return std::nullopt;
  if (length > budget) return std::nullopt;
  const std::string_view payload = rest.substr(0, length);
  if (checksum(length, payload) == crc) return payload;
  budget -= length;
  return std::nullopt;
}

/// Where the next good record begins, or the end. Every marker is tried; a false one costs a checksum.
std::size_t next_good(std::string_view bytes, std::size_t from, std::uint64_t& budget) {
  std::size_t at = from;
  while ((at = bytes.find(marker_bytes(), at)) != std::string_view::npos) {
    if (at > from + kRecordHeadBytes && record_at(bytes, at - kRecordHeadBytes, budget)) return at - kRecordHeadBytes;
    ++at;
  }
  return bytes.size();
}

}  // namespace

std::string segment_name(std::uint64_t number) { return fmt::format("{:010}{}", number, kEnding); }

Result<std::vector<std::uint64_t>> list_segments(const std::filesystem::path& folder) {
  std::vector<std::uint64_t> numbers;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.ends_with(kEnding) || name.size() < kNumberDigits + kEnding.size()) continue;
    const auto number =
        base::parse_number<std::uint64_t>(std::string_view(name).substr(0, name.size() - kEnding.size()));
    if (number && segment_name(*number) == name) numbers.push_back(*number);
  }
  if (error) {
    const bool missing = error == std::errc::no_such_file_or_directory;
    return fail_at(folder.string(), missing ? ErrorKind::kNotFound : ErrorKind::kEnvironment, "cannot list: {}",
                   error.message());
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::string segment_head() {
  base::ByteWriter out;
  out.put(kMajor);
  out.put(kMinor);
  out.put(std::uint32_t{0});
  return std::string(kMagic) + out.take();
}

Status check_segment_head(std::string_view bytes) {
  if (bytes.size() < kSegmentHeadBytes || !bytes.starts_with(kMagic))
    return fail(ErrorKind::kCorrupt, "is not a segment of decision records (wrong magic)");
  base::ByteReader in(bytes.substr(kMagic.size()));
  TRY(const auto major, in.get<std::uint16_t>());
  TRY(const auto minor, in.get<std::uint16_t>());
  if (major != kMajor)
    return fail(ErrorKind::kUnsupported, "has format version {}.{}; this build reads {}.x", major, minor, kMajor);
  return {};
}

std::size_t begin_record(std::string& out) {
  const std::size_t begin = out.size();
  out.append(kRecordHeadBytes, '\0');
  return begin;
}

void end_record(std::string& out, std::size_t begin) {
  const std::string_view payload = std::string_view(out).substr(begin + kRecordHeadBytes);
  const auto length = static_cast<std::uint32_t>(payload.size());
  const std::uint32_t crc = checksum(length, payload);
  std::memcpy(out.data() + begin, &length, sizeof length);
  std::memcpy(out.data() + begin + sizeof length, &crc, sizeof crc);
}

Result<SegmentScan> scan_segment(std::string_view bytes, const std::function<Result<bool>(std::string_view)>& visit) {
  SegmentScan scan;
  // Damage is rare: four passes over the file are plenty, and a file made to be slow gets no more.
  std::uint64_t budget = 4 * std::uint64_t{bytes.size()};
  std::size_t at = kSegmentHeadBytes;
  scan.good_bytes = at;
  while (at < bytes.size()) {
    const auto payload = record_at(bytes, at, budget);
    if (!payload) {
      const std::size_t next = next_good(bytes, at, budget);
      if (next == bytes.size()) {
        scan.torn_bytes = bytes.size() - at;
        return scan;
      }
      if (scan.damaged_bytes == 0) scan.damaged_at = at;
      scan.damaged_bytes += next - at;
      at = next;
      continue;
    }
    ++scan.records;
    at += kRecordHeadBytes + payload->size();
    scan.good_bytes = at;
    TRY(const bool more, visit(*payload));
    if (!more) {
      scan.stopped = true;
      return scan;
    }
  }
  return scan;
}

}  // namespace thalamus::trace
