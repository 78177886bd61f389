// A closed-loop HTTP/1.1 load driver: each connection sends the same POST again as soon as the last byte of the answer
// is there. One thread, epoll, keep-alive, TCP_NODELAY, no TLS; it does little a request, so that on a small machine
// what is measured is the server. Prints one JSON object.
//
//   load-driver --url 127.0.0.1:8080 --path /v1/chat/completions --body-file body.json --requests 4000 --stream
//
// An answer counts only with status 200, whole, and under --stream with the closing `[DONE]`; all others are errors.
// Exit codes: 0 measured, 1 more errors than --errors allows or the server went silent, 2 usage, 3 no connection.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kExitNo = 1;
constexpr int kExitUsage = 2;
constexpr int kExitEnvironment = 3;
constexpr std::size_t kConnectionsMax = 4096;
constexpr std::size_t kHeadBytesMax = 64 * 1024;
constexpr std::uint64_t kSamplesMax = 20'000'000;
constexpr int kSilenceMs = 10'000;
constexpr std::string_view kStreamEnd = "[DONE]";

struct Options {
  std::string host;
  std::string port;
  std::string path = "/v1/chat/completions";
  std::string body_file;
  std::uint64_t connections = 8;
  std::uint64_t requests = 0;  // 0: until `seconds` are over
  std::uint64_t seconds = 0;
  std::uint64_t warmup = 0;  // answers before the measured ones
  std::uint64_t errors_max = 0;
  bool stream = false;
};

[[noreturn]] void stop(int code, const std::string& message) {
  fmt::print(stderr, "load-driver: {}\n", message);
  std::exit(code);
}

constexpr const char* kUsage =
    "usage: load-driver --url HOST:PORT --body-file FILE (--requests N | --seconds S)\n"
    "         [--path /v1/chat/completions] [--connections 8] [--warmup N] [--errors N] [--stream]";

std::uint64_t number(std::string_view option, std::string_view text, std::uint64_t low, std::uint64_t high) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high)
    stop(kExitUsage, fmt::format("{} '{}': expected a whole number from {} to {}", option, text, low, high));
  return value;
}

void set_url(Options& options, std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (url.starts_with(kScheme)) url.remove_prefix(kScheme.size());
  const std::size_t colon = url.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    stop(kExitUsage, fmt::format("--url '{}': expected HOST:PORT", url));
  options.host = url.substr(0, colon);
  options.port = fmt::format("{}", number("--url, its port", url.substr(colon + 1), 1, 65535));
}

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--stream") {
      options.stream = true;
      continue;
    }
    if (name == "--help") stop(0, kUsage);
    if (i + 1 == argc) stop(kExitUsage, fmt::format("'{}' is no option or has no value\n{}", name, kUsage));
    const std::string_view value = argv[++i];
    if (name == "--url") {
      set_url(options, value);
    } else if (name == "--path") {
      options.path = value;
    } else if (name == "--body-file") {
      options.body_file = value;
    } else if (name == "--connections") {
      options.connections = number(name, value, 1, kConnectionsMax);
    } else if (name == "--requests") {
      options.requests = number(name, value, 1, kSamplesMax);
    } else if (name == "--seconds") {
      options.seconds = number(name, value, 1, 3600);
    } else if (name == "--warmup") {
      options.warmup = number(name, value, 0, kSamplesMax);
    } else if (name == "--errors") {
      options.errors_max = number(name, value, 0, kSamplesMax);
    } else {
      stop(kExitUsage, fmt::format("unknown option '{}'\n{}", name, kUsage));
    }
  }
  if (options.host.empty() || options.body_file.empty()) stop(kExitUsage, kUsage);
  if ((options.requests == 0) == (options.seconds == 0))
    stop(kExitUsage, fmt::format("give one of --requests and --seconds\n{}", kUsage));
  if (!options.path.starts_with('/')) stop(kExitUsage, fmt::format("--path '{}': must begin with /", options.path));
  return options;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  constexpr auto kLower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, [=](char x, char y) { return kLower(x) == kLower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Reads one answer from pieces of any size: the head, then a body by Content-Length or in chunks.
class Answer {
 public:
  enum class State { kMore, kDone, kBad };

  void reset() { *this = Answer(std::move(head_)); }

  State feed(std::string_view bytes) {
    while (!bytes.empty() && phase_ != Phase::kDone) {
      const bool fine = step(bytes);
      if (!fine) return State::kBad;
    }
    if (phase_ != Phase::kDone) return State::kMore;
    return bytes.empty() ? State::kDone : State::kBad;
  }

  Answer() = default;

  int status() const noexcept { return status_; }
  bool closes() const noexcept { return closes_; }
  bool has_body() const noexcept { return body_bytes_ > 0; }
  std::uint64_t body_bytes() const noexcept { return body_bytes_; }
  bool ends_with_stream_end() const noexcept {
    return std::string_view(tail_).find(kStreamEnd) != std::string_view::npos;
  }

 private:
  enum class Phase { kHead, kSized, kChunkLine, kChunkData, kChunkEnd, kTrailer, kDone };

  explicit Answer(std::string&& head) : head_(std::move(head)) { head_.clear(); }

  bool step(std::string_view& bytes) {
    switch (phase_) {
      case Phase::kHead: return read_head(bytes);
      case Phase::kSized:
      case Phase::kChunkData: return read_data(bytes);
      case Phase::kChunkLine:
      case Phase::kChunkEnd:
      case Phase::kTrailer: return read_line(bytes);
      case Phase::kDone: break;
    }
    return true;
  }

  bool read_head(std::string_view& bytes) {
    const std::size_t before = head_.size();
    head_.append(bytes);
    const std::size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end == std::string::npos) {
      bytes = {};
      return head_.size() <= kHeadBytesMax;
    }
    bytes.remove_prefix(end + 4 - before);
    head_.resize(end + 2);
    return parse_head();
  }

  bool parse_head() {
    const std::string_view head = head_;
    if (!head.starts_with("HTTP/1.1 ") || head.size() < 12) return false;
    if (std::from_chars(head.data() + 9, head.data() + 12, status_).ec != std::errc()) return false;
    bool chunked = false;
    std::optional<std::uint64_t> length;
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
      const std::size_t end = head.find("\r\n", at);
      const std::string_view line = head.substr(at, end - at);
      at = end + 2;
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos) return false;
      const std::string_view name = line.substr(0, colon);
      const std::string_view value = trimmed(line.substr(colon + 1));
      if (equal_ignoring_case(name, "content-length")) {
        std::uint64_t parsed = 0;
        const auto [last, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
        if (error != std::errc() || last != value.data() + value.size()) return false;
        length = parsed;
      } else if (equal_ignoring_case(name, "transfer-encoding")) {
        chunked = equal_ignoring_case(value, "chunked");
      } else if (equal_ignoring_case(name, "connection")) {
        closes_ = equal_ignoring_case(value, "close");
      }
    }
    if (!chunked && !length) return false;  // a body that ends with the connection cannot be told from a cut one
    left_ = chunked ? 0 : *length;
    phase_ = Phase::kSized;
    if (chunked) phase_ = Phase::kChunkLine;
    if (!chunked && left_ == 0) phase_ = Phase::kDone;
    return true;
  }

  bool read_data(std::string_view& bytes) {
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    keep_tail(bytes.substr(0, size));
    body_bytes_ += size;
    left_ -= size;
    bytes.remove_prefix(size);
    if (left_ == 0) phase_ = phase_ == Phase::kSized ? Phase::kDone : Phase::kChunkEnd;
    return true;
  }

  void keep_tail(std::string_view bytes) {
    constexpr std::size_t kTailBytes = 16;
    tail_.append(bytes.substr(bytes.size() < kTailBytes ? 0 : bytes.size() - kTailBytes));
    if (tail_.size() > kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
  }

  bool read_line(std::string_view& bytes) {
    constexpr std::size_t kLineMax = 4096;
    const std::size_t end = bytes.find('\n');
    line_.append(bytes.substr(0, end));
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (line_.size() > kLineMax) return false;
    if (end == std::string_view::npos) return true;
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    const bool fine = end_line();
    line_.clear();
    return fine;
  }

  bool end_line() {
    if (phase_ == Phase::kTrailer) {
      if (line_.empty()) phase_ = Phase::kDone;
      return true;
    }
    if (phase_ == Phase::kChunkEnd) {
      phase_ = Phase::kChunkLine;
      return line_.empty();
    }
    const auto [last, error] = std::from_chars(line_.data(), line_.data() + line_.size(), left_, 16);
    const bool ended = last == line_.data() + line_.size() || *last == ';' || *last == ' ';
    if (error != std::errc() || !ended) return false;
    phase_ = left_ == 0 ? Phase::kTrailer : Phase::kChunkData;
    return true;
  }

  Phase phase_ = Phase::kHead;
  std::string head_;
  std::string line_;
  std::string tail_;
  int status_ = 0;
  bool closes_ = false;
  std::uint64_t left_ = 0;
  std::uint64_t body_bytes_ = 0;
};

struct Connection {
  int fd = -1;
  std::size_t sent = 0;  // bytes of the request that are written
  bool fresh = true;     // no answer came over it yet
  bool busy = false;     // a request is under way
  bool waits_to_write = false;
  bool got_bytes = false;
  Clock::time_point began;
  std::optional<Clock::time_point> first_byte;
  Answer answer;
};

/// What was measured. Times are nanoseconds, to the first body byte and to the last one.
struct Tally {
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> last;
  std::uint64_t errors = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t body_bytes = 0;
  std::string first_error;
};

class Driver {
 public:
  Driver(const Options& options, std::string request) : options_(options), request_(std::move(request)) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) stop(kExitEnvironment, fmt::format("no epoll: {}", std::strerror(errno)));
    resolve();
    connections_.resize(static_cast<std::size_t>(options.connections));
  }

  ~Driver() {
    for (Connection& connection : connections_)
      if (connection.fd >= 0) close(connection.fd);
    close(epoll_);
  }

  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  /// Runs until `requests` have ended or `seconds` are over, and every answer under way is there. Returns the seconds.
  double run(std::uint64_t requests, std::uint64_t seconds) {
    tally_ = {};
    tally_.last.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(requests, 1'000'000)));
    left_ = requests == 0 ? kSamplesMax : requests;
    deadline_.reset();
    const auto began = Clock::now();
    if (seconds != 0) deadline_ = began + std::chrono::seconds(seconds);
    for (Connection& connection : connections_) begin(connection);
    std::array<epoll_event, 64> events{};
    while (under_way_ > 0) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), kSilenceMs);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) stop(kExitNo, fmt::format("nothing came for {} s", kSilenceMs / 1000));
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        on_event(connections_[event.data.u32], event.events);
      }
    }
    return std::chrono::duration<double>(Clock::now() - began).count();
  }

  const Tally& tally() const noexcept { return tally_; }

 private:
  void resolve() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(options_.host.c_str(), options_.port.c_str(), &hints, &found); error != 0)
      stop(kExitEnvironment, fmt::format("'{}': {}", options_.host, gai_strerror(error)));
    address_size_ = found->ai_addrlen;
    family_ = found->ai_family;
    std::memcpy(&address_, found->ai_addr, address_size_);
    freeaddrinfo(found);
  }

  void open(Connection& connection) {
    connection.fd = socket(family_, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto* address = reinterpret_cast<const sockaddr*>(&address_);
    if (connection.fd < 0 || connect(connection.fd, address, address_size_) != 0)
      stop(kExitEnvironment,
           fmt::format("cannot connect to {}:{}: {}", options_.host, options_.port, std::strerror(errno)));
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(connection.fd, F_SETFL, O_NONBLOCK);
    watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    connection.waits_to_write = false;
    connection.fresh = true;
  }

  void watch(Connection& connection, int operation, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u32 = static_cast<std::uint32_t>(&connection - connections_.data());
    if (epoll_ctl(epoll_, operation, connection.fd, &event) != 0)
      stop(kExitEnvironment, fmt::format("epoll: {}", std::strerror(errno)));
  }

  void drop(Connection& connection) {
    close(connection.fd);
    connection.fd = -1;
  }

  /// Sends the next request if there is one to send.
  void begin(Connection& connection) {
    const auto now = Clock::now();
    if (left_ == 0 || (deadline_ && now >= *deadline_)) return;
    --left_;
    ++under_way_;
    if (connection.fd < 0) open(connection);
    connection.busy = true;
    connection.began = now;
    resend(connection);
  }

  void resend(Connection& connection) {
    connection.sent = 0;
    connection.got_bytes = false;
    connection.first_byte.reset();
    connection.answer.reset();
    write_some(connection);
  }

  void write_some(Connection& connection) {
    while (connection.sent < request_.size()) {
      const ssize_t size =
          send(connection.fd, request_.data() + connection.sent, request_.size() - connection.sent, MSG_NOSIGNAL);
      if (size < 0) break;  // full: EPOLLOUT comes; broken: the read that follows says so
      connection.sent += static_cast<std::size_t>(size);
    }
    const bool more = connection.sent < request_.size();
    if (more == connection.waits_to_write) return;
    connection.waits_to_write = more;
    std::uint32_t events = EPOLLIN;
    if (more) events |= EPOLLOUT;
    watch(connection, EPOLL_CTL_MOD, events);
  }

  void on_event(Connection& connection, std::uint32_t events) {
    if (connection.fd < 0) return;
    if ((events & EPOLLOUT) != 0) write_some(connection);
    if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return;
    const ssize_t size = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return on_closed(connection);
    on_bytes(connection, std::string_view(buffer_.data(), static_cast<std::size_t>(size)));
  }

  void on_bytes(Connection& connection, std::string_view bytes) {
    if (!connection.busy) return drop(connection);  // bytes nobody asked for
    connection.got_bytes = true;
    const Answer::State state = connection.answer.feed(bytes);
    const auto now = Clock::now();
    if (!connection.first_byte && connection.answer.has_body()) connection.first_byte = now;
    if (state == Answer::State::kMore) return;
    if (state == Answer::State::kBad) {
      fail(connection, "the answer is not HTTP/1.1 with a known length");
    } else if (connection.answer.status() != 200) {
      fail(connection, fmt::format("status {}", connection.answer.status()));
    } else if (options_.stream && !connection.answer.ends_with_stream_end()) {
      fail(connection, fmt::format("the stream does not end with {}", kStreamEnd));
    } else {
      tally_.last.push_back(std::chrono::nanoseconds(now - connection.began).count());
      tally_.first.push_back(std::chrono::nanoseconds(connection.first_byte.value_or(now) - connection.began).count());
      tally_.body_bytes += connection.answer.body_bytes();
      connection.fresh = false;
      if (connection.answer.closes()) drop(connection);
      end(connection);
    }
  }

  void on_closed(Connection& connection) {
    drop(connection);
    if (!connection.busy) return;
    if (connection.fresh || connection.got_bytes) return fail(connection, "the connection closed in the middle");
    ++tally_.reconnects;  // the server closed an idle connection while the request was on its way
    open(connection);
    resend(connection);
  }

  void fail(Connection& connection, std::string why) {
    ++tally_.errors;
    if (tally_.first_error.empty()) tally_.first_error = std::move(why);
    if (connection.fd >= 0) drop(connection);
    if (tally_.errors > options_.errors_max) left_ = 0;
    end(connection);
  }

  void end(Connection& connection) {
    connection.busy = false;
    --under_way_;
    begin(connection);
  }

  const Options& options_;
  std::string request_;
  int epoll_ = -1;
  int family_ = 0;
  sockaddr_storage address_{};
  socklen_t address_size_ = 0;
  std::vector<Connection> connections_;
  std::array<char, 64 * 1024> buffer_{};
  std::uint64_t left_ = 0;
  std::uint64_t under_way_ = 0;
  std::optional<Clock::time_point> deadline_;
  Tally tally_;
};

/// The value below which a share `p` of the samples lies (nearest rank), in microseconds.
double percentile_us(std::vector<std::int64_t>& samples, double p) {
  if (samples.empty()) return 0;
  const double rank = std::ceil(p * static_cast<double>(samples.size()));
  const std::size_t index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  std::ranges::nth_element(samples, samples.begin() + static_cast<std::ptrdiff_t>(index));
  return static_cast<double>(samples[index]) / 1e3;
}

std::string percentiles(std::vector<std::int64_t> samples) {
  return fmt::format(R"("p50_us":{:.1f},"p99_us":{:.1f},"p999_us":{:.1f})", percentile_us(samples, 0.5),
                     percentile_us(samples, 0.99), percentile_us(samples, 0.999));
}

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string request_of(const Options& options) {
  std::ifstream file(options.body_file, std::ios::binary);
  if (!file) stop(kExitUsage, fmt::format("--body-file '{}': {}", options.body_file, std::strerror(errno)));
  const std::string body((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return fmt::format(
      "POST {} HTTP/1.1\r\nhost: {}:{}\r\ncontent-type: application/json\r\nauthorization: Bearer bench\r\n"
      "content-length: {}\r\n\r\n{}",
      options.path, options.host, options.port, body.size(), body);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  const auto driver = std::make_unique<Driver>(options, request_of(options));
  if (options.warmup > 0) driver->run(options.warmup, 0);
  const std::uint64_t warmup_errors = driver->tally().errors;
  const double cpu_before = own_cpu_seconds();
  const double seconds = driver->run(options.requests, options.seconds);
  const double cpu = own_cpu_seconds() - cpu_before;
  const Tally& tally = driver->tally();
  const std::size_t requests = tally.last.size();
  fmt::print(R"({{"requests":{},"errors":{},"reconnects":{},"seconds":{:.6f},"rps":{:.1f},{},)", requests, tally.errors,
             tally.reconnects, seconds, static_cast<double>(requests) / seconds, percentiles(tally.last));
  if (options.stream) fmt::print(R"("first_byte":{{{}}},)", percentiles(tally.first));
  fmt::print(R"("body_bytes":{},"driver_cpu_seconds":{:.6f}}})"
             "\n",
             tally.body_bytes, cpu);
  if (!tally.first_error.empty()) fmt::print(stderr, "load-driver: first error: {}\n", tally.first_error);
  return tally.errors + warmup_errors > options.errors_max ? kExitNo : 0;
}
