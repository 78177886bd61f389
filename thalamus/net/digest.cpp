#include "thalamus/net/digest.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

namespace thalamus::net {
namespace {

constexpr std::size_t kPieceBytes = 256U << 10;
constexpr std::size_t kTokenBytesMax = 64;

std::string to_hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    good_ = context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
  }
  void update(std::string_view bytes) {
    good_ = good_ && EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1;
  }
  [[nodiscard]] Result<std::string> finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    good_ = good_ && EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1;
    if (!good_) return fail(ErrorKind::kInternal, "libcrypto could not compute SHA-256");
    return to_hex(std::span(digest).first(size));
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
  bool good_ = false;
};

}  // namespace

Result<std::string> sha256_file(const std::filesystem::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) {
    const int reason = errno;
    const auto kind = reason == ENOENT ? ErrorKind::kNotFound : ErrorKind::kEnvironment;
    return fail(kind, "cannot open '{}': {}", path.string(), std::strerror(reason));
  }
  Sha256 hash;
  std::vector<char> piece(kPieceBytes);
  for (;;) {
    const auto size = std::fread(piece.data(), 1, piece.size(), file.get());
    hash.update(std::string_view(piece.data(), size));
    if (size < piece.size()) break;
  }
  if (std::ferror(file.get()) != 0)
    return fail(ErrorKind::kEnvironment, "cannot read '{}': {}", path.string(), std::strerror(errno));
  return hash.finish();
}

Result<std::string> sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Result<std::string> random_token(std::size_t bytes) {
  if (bytes == 0 || bytes > kTokenBytesMax)
    return fail(ErrorKind::kInvalidInput, "a token has 1 to {} bytes, {} were asked for", kTokenBytesMax, bytes);
  std::array<unsigned char, kTokenBytesMax> noise{};
  if (RAND_bytes(noise.data(), static_cast<int>(bytes)) != 1)
    return fail(ErrorKind::kEnvironment, "the system's random generator gave nothing");
  return to_hex(std::span(noise).first(bytes));
}

}  // namespace thalamus::net
