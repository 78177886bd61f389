/// Whole-file reading and atomic writing with errors that name the path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"

namespace thalamus::base {

/// Reads a whole file. kNotFound if it is not there, kTooLarge past `size_max` bytes, kEnvironment otherwise.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t size_max = 1ULL << 32);

/// Writes through a temporary neighbour, fsync and rename: readers see the old or the new file, never a part. A link
/// stays and its file is replaced; a device or pipe is written to as it is.
[[nodiscard]] Status write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

/// The XDG folders of this project (XDG base directory specification), created on demand with mode 0700.
[[nodiscard]] Result<std::filesystem::path> state_folder();
[[nodiscard]] Result<std::filesystem::path> cache_folder();

}  // namespace thalamus::base
