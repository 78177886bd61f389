/// Lines of a file or of bytes in memory, decompressed on the way (gzip and zstd by their magic numbers). Memory is
/// bounded by one line and two buffers, whatever the file's size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"

namespace thalamus::trace {

class LineSource {
 public:
  /// kNotFound, kEnvironment or kInvalidInput (a folder); kCorrupt where the ending says .gz or .zst and the bytes do
  /// not.
  [[nodiscard]] static Result<LineSource> open(const std::filesystem::path& path, std::size_t line_bytes_max);
  /// `bytes` outlive the source.
  [[nodiscard]] static Result<LineSource> from_bytes(std::string_view bytes, std::size_t line_bytes_max);
  LineSource(LineSource&&) noexcept;
  LineSource& operator=(LineSource&&) noexcept;
  ~LineSource();

  /// Reads the next line into `line`, without its newline; false at the end. kTooLarge past the limit, kCorrupt on
  /// truncated or damaged compression.
  [[nodiscard]] Result<bool> next(std::string& line);
  /// Of the last line, from 1.
  [[nodiscard]] std::uint64_t line_number() const noexcept;
  /// Of all decompressed bytes read so far, line by line.
  [[nodiscard]] std::uint64_t content_hash() const noexcept;

 private:
  struct State;
  explicit LineSource(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

/// Whole-buffer compression for writers; the same bytes for the same input.
[[nodiscard]] Result<std::string> compress_gzip(std::string_view bytes);
[[nodiscard]] Result<std::string> compress_zstd(std::string_view bytes);

}  // namespace thalamus::trace
