#include "thalamus/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace thalamus::base {
namespace {

std::unexpected<Error> system_failure(const std::filesystem::path& path, const char* verb) {
  const int code = errno;
  const auto kind = code == ENOENT ? ErrorKind::kNotFound : ErrorKind::kEnvironment;
  return fail_at(path.string(), kind, "cannot {}: {}", verb, std::strerror(code));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

Status write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure(path, "write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status write_new_file(const std::filesystem::path& path, std::string_view bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file.get() < 0) return system_failure(path, "create");
  CHECK_OK(write_all(file.get(), bytes, path));
  if (::fsync(file.get()) != 0) return system_failure(path, "flush");
  return {};
}

Result<std::filesystem::path> xdg_folder(const char* variable, const char* below_home) {
  std::filesystem::path root;
  if (const char* given = std::getenv(variable); given != nullptr && given[0] == '/') {
    root = given;
  } else if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
    root = std::filesystem::path(home) / below_home;
  } else {
    return fail(ErrorKind::kEnvironment, "neither {} nor HOME names an absolute folder; set one of them", variable);
  }
  root /= "thalamus";
  std::error_code error;
  std::filesystem::create_directories(root, error);
  if (error) return fail_at(root.string(), ErrorKind::kEnvironment, "cannot create folder: {}", error.message());
  ::chmod(root.c_str(), 0700);
  return root;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t size_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_failure(path, "open");
  std::string bytes;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure(path, "read");
    if (n == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(n) > size_max)
      return fail_at(path.string(), ErrorKind::kTooLarge, "larger than the limit of {} bytes", size_max);
    bytes.append(buffer, static_cast<std::size_t>(n));
  }
}

namespace {

/// Into a device or pipe, which a rename would replace by a plain file.
Status write_into(const std::filesystem::path& path, std::string_view bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return system_failure(path, "open");
  return write_all(file.get(), bytes, path);
}

}  // namespace

Status write_file_atomic(const std::filesystem::path& given, std::string_view bytes) {
  std::error_code error;
  std::filesystem::path path = given;
  const bool link = std::filesystem::is_symlink(given, error);  // what is not there yet is none
  error.clear();
  if (link) path = std::filesystem::weakly_canonical(given, error);
  if (error) return fail_at(given.string(), ErrorKind::kEnvironment, "cannot follow the link: {}", error.message());
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
      !std::filesystem::is_directory(status))
    return write_into(path, bytes);
  std::filesystem::path temporary = path;
  temporary += ".part";
  Status written = write_new_file(temporary, bytes);
  if (written.has_value() && ::rename(temporary.c_str(), path.c_str()) != 0)
    written = system_failure(path, "rename into place");
  if (!written.has_value()) ::unlink(temporary.c_str());  // a full disk is not made fuller
  return written;
}

Result<std::filesystem::path> state_folder() { return xdg_folder("XDG_STATE_HOME", ".local/state"); }
Result<std::filesystem::path> cache_folder() { return xdg_folder("XDG_CACHE_HOME", ".cache"); }

}  // namespace thalamus::base
