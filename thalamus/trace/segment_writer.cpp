#include "thalamus/trace/segment_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "thalamus/base/file.h"
#include "thalamus/base/text.h"
#include "thalamus/trace/segment.h"

namespace thalamus::trace {
namespace {

std::unexpected<Error> system_failure(const std::filesystem::path& path, std::string_view verb) {
  return fail_at(path.string(), ErrorKind::kEnvironment, "cannot {}: {}", verb, std::strerror(errno));
}

/// Writes all of it at `offset`.
Status write_at(int fd, std::string_view bytes, std::uint64_t offset, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure(path, "write");
    if (n == 0) {
      errno = ENOSPC;
      return system_failure(path, "write");
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

void sync_folder(const std::filesystem::path& folder) {
  const Descriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.valid()) ::fsync(file.get());  // best effort: some file systems refuse it
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Descriptor::reset() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

int Descriptor::release() noexcept { return std::exchange(fd_, -1); }

Result<SegmentWriter> SegmentWriter::open(const std::filesystem::path& folder, std::uint64_t segment_bytes_max,
                                          std::uint32_t segments_max) {
  if (segment_bytes_max < 1024 || segments_max < 1)
    return fail(ErrorKind::kInvalidInput, "a trace needs segments of at least 1024 bytes and at least one segment");
  SegmentWriter writer;
  writer.folder_ = folder;
  writer.segment_bytes_max_ = segment_bytes_max;
  writer.segments_max_ = segments_max;
  std::error_code error;
  const bool created = std::filesystem::create_directories(folder, error);
  if (error) return fail_at(folder.string(), ErrorKind::kEnvironment, "cannot create the folder: {}", error.message());
  if (created) ::chmod(folder.c_str(), 0700);  // records may hold what people wrote
  CHECK_OK(writer.lock());
  CHECK_OK(writer.resume());
  return writer;
}

Status SegmentWriter::lock() {
  const std::filesystem::path path = folder_ / "lock";
  lock_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.valid()) return system_failure(path, "open");
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_failure(path, "lock");
    char buffer[32] = {};
    const ssize_t n = ::pread(lock_.get(), buffer, sizeof buffer - 1, 0);
    const auto pid = base::trim(std::string_view(buffer, n > 0 ? static_cast<std::size_t>(n) : 0));
    return fail_at(folder_.string(), ErrorKind::kConflict,
                   "the trace is in use by process {}; stop it, or give this instance a trace folder of its own",
                   pid.empty() ? "(unknown)" : pid);
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock_.get(), 0) != 0 || ::pwrite(lock_.get(), pid.data(), pid.size(), 0) < 0) {
    // A full disk must not keep the gateway down; the number is for people only.
    say("the lock file could not be written");
  }
  return {};
}

/// Repairs the last segment and goes on in it where that is possible.
Status SegmentWriter::resume() {
  TRY(const auto numbers, list_segments(folder_));
  numbers_.assign(numbers.begin(), numbers.end());
  if (numbers_.empty()) return {};
  const std::uint64_t last = numbers_.back();
  next_number_ = last + 1;
  const std::filesystem::path path = path_of(last);
  TRY(const std::string bytes, base::read_file(path));
  const std::string name = segment_name(last);
  if (bytes.size() < kSegmentHeadBytes) {
    if (::unlink(path.c_str()) != 0) return system_failure(path, "remove");
    numbers_.pop_back();
    say(fmt::format("{}: an unfinished head of {} bytes was removed", name, bytes.size()));
    return {};
  }
  if (const auto head = check_segment_head(bytes); !head) {
    say(fmt::format("{}: {}; it was left as it is", name, head.error().message));
    return {};
  }
  TRY(const SegmentScan scan, scan_segment(bytes, [](std::string_view) -> Result<bool> { return true; }));
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return system_failure(path, "open");
  if (scan.torn_bytes > 0) {
    if (::ftruncate(file.get(), static_cast<off_t>(scan.good_bytes)) != 0) return system_failure(path, "truncate");
    if (::fsync(file.get()) != 0) return system_failure(path, "flush");
    say(fmt::format("{}: {} bytes of an unfinished record were cut off at offset {}", name, scan.torn_bytes,
                    scan.good_bytes));
  }
  if (scan.damaged_bytes > 0) {
    say(fmt::format("{}: {} damaged bytes at offset {} were left; a new segment follows", name, scan.damaged_bytes,
                    scan.damaged_at));
    return {};
  }
  if (scan.good_bytes >= segment_bytes_max_) return {};
  file_ = std::move(file);
  path_ = path;
  size_ = scan.good_bytes;
  return {};
}

Status SegmentWriter::start_next() {
  if (file_.valid()) CHECK_OK(sync());
  const std::filesystem::path path = path_of(next_number_);
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) {
    if (errno == EEXIST) ++next_number_;  // somebody put a file there: the next try passes it
    return system_failure(path, "create");
  }
  if (auto head = write_at(file.get(), segment_head(), 0, path); !head) {
    ::unlink(path.c_str());
    return head;
  }
  file_ = std::move(file);
  path_ = path;
  size_ = kSegmentHeadBytes;
  dirty_ = true;
  numbers_.push_back(next_number_++);
  remove_oldest();
  sync_folder(folder_);
  return {};
}

void SegmentWriter::remove_oldest() {
  while (numbers_.size() > segments_max_) {
    ::unlink(path_of(numbers_.front()).c_str());  // somebody else may have removed it
    numbers_.pop_front();
  }
}

Status SegmentWriter::write(std::string_view bytes, std::span<const std::size_t> ends, std::size_t& done) {
  while (done < ends.size()) {
    const std::size_t begin = done == 0 ? 0 : ends[done - 1];
    const bool full = size_ > kSegmentHeadBytes && size_ + (ends[done] - begin) > segment_bytes_max_;
    if (!file_.valid() || full) CHECK_OK(start_next());
    std::size_t last = done;  // a record larger than a segment has one of its own
    while (last + 1 < ends.size() && size_ + (ends[last + 1] - begin) <= segment_bytes_max_) ++last;
    CHECK_OK(write_run(bytes.substr(begin, ends[last] - begin)));
    done = last + 1;
  }
  return {};
}

Status SegmentWriter::write_run(std::string_view run) {
  auto written = write_at(file_.get(), run, size_, path_);
  if (!written) {
    // Readers should not meet half a record. Where even that fails, the next record begins a new segment.
    if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) file_.reset();
    return written;
  }
  size_ += run.size();
  dirty_ = true;
  return {};
}

Status SegmentWriter::sync() {
  dirty_ = false;
  if (file_.valid() && ::fdatasync(file_.get()) != 0) return system_failure(path_, "flush");
  return {};
}

void SegmentWriter::say(std::string_view text) {
  if (!repaired_.empty()) repaired_ += "; ";
  repaired_ += text;
}

std::filesystem::path SegmentWriter::path_of(std::uint64_t number) const { return folder_ / segment_name(number); }

}  // namespace thalamus::trace
