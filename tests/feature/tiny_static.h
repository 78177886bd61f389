/// A file of static vectors small enough to be worked by hand.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

#include "thalamus/base/file.h"
#include "thalamus/feature/static_vectors.h"

namespace thalamus::feature {

/// the: (0.1, 0), cat: (0, 1), dog: (0, 0.5) and "##s", a piece within words; two dimensions, scale 1/100.
inline StaticVectors tiny_static() {
  StaticVectors vectors;
  vectors.dims = 2;
  vectors.encoder = 7;
  vectors.pieces = {"[PAD]", "the", "cat", "dog", "##s", "数"};
  vectors.scales = {0.0F, 0.01F, 0.01F, 0.01F, 0.01F, 0.01F};
  vectors.numbers = {0, 0, 10, 0, 0, 100, 0, 50, 100, 100, 100, 0};
  return vectors;
}

/// Lies in the temporary folder as long as the object lives.
class TinyStaticFile {
 public:
  TinyStaticFile() : TinyStaticFile(tiny_static().bytes()) {}
  explicit TinyStaticFile(std::string_view bytes) {
    std::string pattern = (std::filesystem::temp_directory_path() / "thalamus-static-XXXXXX").string();
    const int file = ::mkstemp(pattern.data());
    if (file >= 0) ::close(file);
    path_ = pattern;
    const Status written = base::write_file_atomic(path_, bytes);
    static_cast<void>(written);
  }
  TinyStaticFile(const TinyStaticFile&) = delete;
  TinyStaticFile& operator=(const TinyStaticFile&) = delete;
  ~TinyStaticFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace thalamus::feature
