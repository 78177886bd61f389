/// The files under a record log: one open segment, rotation, retention, the folder's lock, repair at opening.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"

namespace thalamus::trace {

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { reset(); }
  void reset() noexcept;
  [[nodiscard]] int release() noexcept;
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// For one thread. After a failed call the writer is still good: the next call tries again where the good bytes end.
class SegmentWriter {
 public:
  /// kConflict where another process (or another log of this one) holds the folder.
  [[nodiscard]] static Result<SegmentWriter> open(const std::filesystem::path& folder, std::uint64_t segment_bytes_max,
                                                  std::uint32_t segments_max);

  /// Writes the records that end at `ends` (offsets in `bytes`, ascending), beginning with number `done`, and moves
  /// `done` on by what is written. On failure nothing of an unfinished record stays in the file.
  [[nodiscard]] Status write(std::string_view bytes, std::span<const std::size_t> ends, std::size_t& done);
  [[nodiscard]] Status sync();
  [[nodiscard]] bool dirty() const noexcept { return dirty_; }
  [[nodiscard]] const std::string& repaired() const noexcept { return repaired_; }

 private:
  SegmentWriter() = default;
  [[nodiscard]] Status lock();
  [[nodiscard]] Status resume();
  [[nodiscard]] Status start_next();
  [[nodiscard]] Status write_run(std::string_view run);
  void remove_oldest();
  void say(std::string_view text);
  [[nodiscard]] std::filesystem::path path_of(std::uint64_t number) const;

  std::filesystem::path folder_;
  std::uint64_t segment_bytes_max_ = 0;
  std::uint32_t segments_max_ = 0;
  Descriptor lock_;
  Descriptor file_;
  std::filesystem::path path_;         // of the open segment
  std::deque<std::uint64_t> numbers_;  // of the segments there are, ascending; the last is the open one
  std::uint64_t next_number_ = 1;
  std::uint64_t size_ = 0;  // of the open segment's good bytes
  bool dirty_ = false;
  std::string repaired_;
};

}  // namespace thalamus::trace
