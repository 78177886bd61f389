/// Streaming decompression: one interface `Source::read` and three implementations (plain, zlib, zstd) over raw bytes.
#include "thalamus/trace/line_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "thalamus/base/hash.h"

namespace thalamus::trace {
namespace {

constexpr std::size_t kBufferBytes = 256U << 10;
constexpr std::string_view kGzipMagic{"\x1f\x8b", 2};
constexpr std::string_view kZstdMagic{"\x28\xb5\x2f\xfd", 4};
/// Longest window that is accepted: memory of the decoder is bounded by 2^27 bytes (the format's default limit).
constexpr int kZstdWindowLogMax = 27;

/// Raw bytes, from a descriptor or from memory.
class RawBytes {
 public:
  explicit RawBytes(int fd) : fd_(fd) {}
  explicit RawBytes(std::string_view bytes) : bytes_(bytes) {}
  RawBytes(const RawBytes&) = delete;
  RawBytes& operator=(const RawBytes&) = delete;
  ~RawBytes() {
    if (fd_ >= 0) ::close(fd_);
  }
  /// 0 at the end.
  [[nodiscard]] Result<std::size_t> read(char* out, std::size_t size) {
    if (!head_.empty()) {
      const std::size_t n = std::min(size, head_.size());
      std::memcpy(out, head_.data(), n);
      head_.erase(0, n);
      return n;
    }
    return read_direct(out, size);
  }
  /// The first bytes, left in place.
  [[nodiscard]] Result<std::string> peek(std::size_t size) {
    while (head_.size() < size) {
      std::array<char, 16> buffer{};
      TRY(const std::size_t n, read_direct(buffer.data(), std::min(buffer.size(), size - head_.size())));
      if (n == 0) break;
      head_.append(buffer.data(), n);
    }
    return head_;
  }

 private:
  [[nodiscard]] Result<std::size_t> read_direct(char* out, std::size_t size) {
    if (fd_ < 0) {
      const std::size_t n = std::min(size, bytes_.size());
      if (n > 0) std::memcpy(out, bytes_.data(), n);
      bytes_.remove_prefix(n);
      return n;
    }
    for (;;) {
      const ssize_t n = ::read(fd_, out, size);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) return fail(ErrorKind::kEnvironment, "cannot read: {}", std::strerror(errno));
    }
  }
  int fd_ = -1;
  std::string_view bytes_;  // borrowed for the life of the source, as its header says
  std::string head_;
};

class Source {
 public:
  virtual ~Source() = default;
  /// 0 at the orderly end.
  [[nodiscard]] virtual Result<std::size_t> read(char* out, std::size_t size) = 0;
};

class PlainSource final : public Source {
 public:
  explicit PlainSource(std::unique_ptr<RawBytes> raw) : raw_(std::move(raw)) {}
  [[nodiscard]] Result<std::size_t> read(char* out, std::size_t size) override { return raw_->read(out, size); }

 private:
  std::unique_ptr<RawBytes> raw_;
};

/// One or more gzip members, one after the other.
class GzipSource final : public Source {
 public:
  explicit GzipSource(std::unique_ptr<RawBytes> raw) : raw_(std::move(raw)), input_(kBufferBytes) {
    ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK;
  }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;
  ~GzipSource() override {
    if (ready_) inflateEnd(&stream_);
  }
  [[nodiscard]] Result<std::size_t> read(char* out, std::size_t size) override {
    if (!ready_) return fail(ErrorKind::kEnvironment, "cannot start zlib");
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out == size) {
      CHECK_OK(refill());
      if (stream_.avail_in == 0) {
        if (inside_member_) return fail(ErrorKind::kCorrupt, "the gzip data are truncated");
        return std::size_t{0};
      }
      if (!inside_member_) {
        if (inflateReset(&stream_) != Z_OK) return fail(ErrorKind::kInternal, "cannot reset zlib");
        inside_member_ = true;
      }
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        inside_member_ = false;
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return fail(ErrorKind::kCorrupt, "the gzip data are damaged: {}",
                    stream_.msg == nullptr ? "checksum or structure" : stream_.msg);
      }
    }
    return size - stream_.avail_out;
  }

 private:
  [[nodiscard]] Status refill() {
    if (stream_.avail_in > 0) return {};
    TRY(const std::size_t n, raw_->read(input_.data(), input_.size()));
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(n);
    return {};
  }
  std::unique_ptr<RawBytes> raw_;
  std::vector<char> input_;
  z_stream stream_{};
  bool ready_ = false;
  bool inside_member_ = false;
};

class ZstdSource final : public Source {
 public:
  explicit ZstdSource(std::unique_ptr<RawBytes> raw) : raw_(std::move(raw)), input_(kBufferBytes) {
    stream_ = ZSTD_createDStream();
    if (stream_ != nullptr) ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kZstdWindowLogMax);
  }
  ZstdSource(const ZstdSource&) = delete;
  ZstdSource& operator=(const ZstdSource&) = delete;
  ~ZstdSource() override { ZSTD_freeDStream(stream_); }
  [[nodiscard]] Result<std::size_t> read(char* out, std::size_t size) override {
    if (stream_ == nullptr) return fail(ErrorKind::kEnvironment, "cannot start zstd");
    ZSTD_outBuffer output{out, size, 0};
    while (output.pos == 0) {
      if (pending_.pos == pending_.size) {
        TRY(const std::size_t n, raw_->read(input_.data(), input_.size()));
        pending_ = {input_.data(), n, 0};
        if (n == 0) {
          if (inside_frame_) return fail(ErrorKind::kCorrupt, "the zstd data are truncated");
          return std::size_t{0};
        }
      }
      const std::size_t code = ZSTD_decompressStream(stream_, &output, &pending_);
      if (ZSTD_isError(code) != 0)
        return fail(ErrorKind::kCorrupt, "the zstd data are damaged: {}", ZSTD_getErrorName(code));
      inside_frame_ = code != 0;
    }
    return output.pos;
  }

 private:
  std::unique_ptr<RawBytes> raw_;
  std::vector<char> input_;
  ZSTD_DStream* stream_ = nullptr;
  ZSTD_inBuffer pending_{nullptr, 0, 0};
  bool inside_frame_ = false;
};

Result<std::unique_ptr<Source>> detect(std::unique_ptr<RawBytes> raw, std::string_view ending) {
  TRY(const std::string head, raw->peek(kZstdMagic.size()));
  const bool gzip = head.starts_with(kGzipMagic);
  const bool zstd = head.starts_with(kZstdMagic);
  // An empty file is reported as such by the reader, whatever its name.
  if (!head.empty() && ending == ".gz" && !gzip)
    return fail(ErrorKind::kCorrupt, "the name ends in .gz, but the content is not gzip (it begins with other bytes)");
  if (!head.empty() && ending == ".zst" && !zstd)
    return fail(ErrorKind::kCorrupt, "the name ends in .zst, but the content is not zstd (it begins with other bytes)");
  if (gzip) return std::unique_ptr<Source>(std::make_unique<GzipSource>(std::move(raw)));
  if (zstd) return std::unique_ptr<Source>(std::make_unique<ZstdSource>(std::move(raw)));
  return std::unique_ptr<Source>(std::make_unique<PlainSource>(std::move(raw)));
}

}  // namespace

struct LineSource::State {
  std::unique_ptr<Source> source;
  std::vector<char> buffer = std::vector<char>(kBufferBytes);
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t line_bytes_max = 0;
  std::uint64_t line_number = 0;
  std::uint64_t hash = 0;
};

LineSource::LineSource(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
LineSource::LineSource(LineSource&&) noexcept = default;
LineSource& LineSource::operator=(LineSource&&) noexcept = default;
LineSource::~LineSource() = default;

Result<LineSource> LineSource::open(const std::filesystem::path& path, std::size_t line_bytes_max) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int code = errno;
    return fail(code == ENOENT ? ErrorKind::kNotFound : ErrorKind::kEnvironment, "cannot open: {}",
                std::strerror(code));
  }
  auto raw = std::make_unique<RawBytes>(fd);
  struct stat facts{};
  if (::fstat(fd, &facts) != 0) return fail(ErrorKind::kEnvironment, "cannot examine: {}", std::strerror(errno));
  if (S_ISDIR(facts.st_mode)) return fail(ErrorKind::kInvalidInput, "is a folder; expected a file of JSON lines");
  auto state = std::make_unique<State>();
  TRY(state->source, detect(std::move(raw), path.extension().string()));
  state->line_bytes_max = line_bytes_max;
  return LineSource(std::move(state));
}

Result<LineSource> LineSource::from_bytes(std::string_view bytes, std::size_t line_bytes_max) {
  auto state = std::make_unique<State>();
  TRY(state->source, detect(std::make_unique<RawBytes>(bytes), {}));
  state->line_bytes_max = line_bytes_max;
  return LineSource(std::move(state));
}

Result<bool> LineSource::next(std::string& line) {
  State& s = *state_;
  line.clear();
  bool any = false;
  for (;;) {
    if (s.begin == s.end) {
      TRY(const std::size_t n, s.source->read(s.buffer.data(), s.buffer.size()));
      s.begin = 0;
      s.end = n;
      if (n == 0) {
        if (!any) return false;
        ++s.line_number;
        s.hash = base::hash64(line, s.hash);
        return true;
      }
    }
    any = true;
    const std::string_view rest(s.buffer.data() + s.begin, s.end - s.begin);
    const std::size_t newline = rest.find('\n');
    const std::size_t take = newline == std::string_view::npos ? rest.size() : newline;
    if (line.size() + take > s.line_bytes_max) {
      ++s.line_number;
      return fail(ErrorKind::kTooLarge, "the line is longer than the limit of {} bytes", s.line_bytes_max);
    }
    line.append(rest.substr(0, take));
    s.begin += take;
    if (newline == std::string_view::npos) continue;
    ++s.begin;
    ++s.line_number;
    line.push_back('\n');
    s.hash = base::hash64(line, s.hash);
    line.pop_back();
    return true;
  }
}

std::uint64_t LineSource::line_number() const noexcept { return state_->line_number; }
std::uint64_t LineSource::content_hash() const noexcept { return state_->hash; }

Result<std::string> compress_gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return fail(ErrorKind::kEnvironment, "cannot start zlib");
  std::string out;
  std::vector<char> buffer(kBufferBytes);
  int code = Z_OK;
  while (code == Z_OK) {
    const std::size_t piece = std::min<std::size_t>(bytes.size(), 1U << 30);
    if (stream.avail_in == 0) {
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream.avail_in = static_cast<uInt>(piece);
      bytes.remove_prefix(piece);
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    code = deflate(&stream, bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
  }
  deflateEnd(&stream);
  if (code != Z_STREAM_END) return fail(ErrorKind::kInternal, "zlib refused to compress ({})", code);
  return out;
}

Result<std::string> compress_zstd(std::string_view bytes) {
  constexpr int kLevel = 9;
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  if (context == nullptr) return fail(ErrorKind::kEnvironment, "cannot start zstd");
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  const std::size_t size = ZSTD_compress2(context, out.data(), out.size(), bytes.data(), bytes.size());
  ZSTD_freeCCtx(context);
  if (ZSTD_isError(size) != 0)
    return fail(ErrorKind::kInternal, "zstd refused to compress: {}", ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

}  // namespace thalamus::trace
