/// Token vectors distilled from a sentence encoder, as a file: each piece of the vocabulary encoded alone, reduced to
/// its principal components, kept in 8 bits. See docs/formats.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/feature/encoder.h"

namespace thalamus::feature {

inline constexpr std::size_t kStaticDimsMax = 1024;
inline constexpr std::uint64_t kStaticBytesMax = 1ULL << 30;

/// The content of such a file.
struct StaticVectors {
  std::uint32_t dims = 0;
  std::uint64_t encoder = 0;         ///< content hash of the encoder it was distilled from
  std::vector<std::string> pieces;   ///< in the vocabulary's order: frequent ones first
  std::vector<float> scales;         ///< of each piece: its vector is scale * numbers
  std::vector<std::int8_t> numbers;  ///< pieces x dims, most telling dimension first

  /// Same content, same bytes.
  [[nodiscard]] std::string bytes() const;
  /// kCorrupt names what is wrong: foreign, truncated, flipped, out of bounds; kUnsupported for a newer version.
  [[nodiscard]] static Result<StaticVectors> load(std::string_view bytes);
  [[nodiscard]] static Result<StaticVectors> load_file(const std::filesystem::path& path);
};

/// Encodes every piece but those in brackets. `progress(done)` is called with the share done; false stops with
/// kCancelled. It may be empty.
[[nodiscard]] Result<StaticVectors> distil_static(const Encoder& encoder, std::size_t dims,
                                                  const std::function<bool(double done)>& progress);

/// The folder that `thalamus distil` writes to and the feature `static` looks in, in the user's cache folder.
[[nodiscard]] Result<std::filesystem::path> static_folder();
/// "static-64-0123456789abcdef.vectors": dimensions and the hash of the bytes.
[[nodiscard]] std::string static_file_name(std::uint32_t dims, std::string_view bytes);

}  // namespace thalamus::feature
