/// SHA-256 of files and unguessable identifiers, from OpenSSL's libcrypto.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"

namespace thalamus::net {

/// Lower-case hexadecimal digest of a file's bytes, read in pieces. kNotFound or kEnvironment name the path.
[[nodiscard]] Result<std::string> sha256_file(const std::filesystem::path& path);
[[nodiscard]] Result<std::string> sha256(std::string_view bytes);

/// `bytes` bytes of the system's cryptographic generator in lower-case hexadecimal, for identifiers. At most 64.
[[nodiscard]] Result<std::string> random_token(std::size_t bytes);

}  // namespace thalamus::net
