#include "gateway_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <utility>

#include "replica.h"

namespace thalamus::scenario {
namespace {

constexpr int kStartMs = 20'000;
constexpr int kStopMs = 10'000;

/// Writes an options struct as a YAML mapping, times and rates in real ones.
class OptionWriter {
 public:
  explicit OptionWriter(double speed) : speed_(speed) {}

  void operator()(const char* name, std::int64_t& field, base::Range<std::int64_t>, const char*) {
    add(name, fmt::format("{}", field));
  }
  void operator()(const char* name, double& field, base::Range<double> range, const char*) {
    const std::string_view text = name;
    double value = field;
    if (text.ends_with("_ms")) value /= speed_;
    if (text.ends_with("_per_second")) value *= speed_;
    add(name, fmt::format("{}", std::clamp(value, range.low, range.high)));
  }
  void operator()(const char* name, bool& field, const char*) { add(name, field ? "true" : "false"); }
  void operator()(const char* name, std::string& field, base::Choices, const char*) { add(name, field); }

  [[nodiscard]] std::string take() { return "{ " + std::exchange(text_, {}) + " }"; }

 private:
  void add(std::string_view name, std::string_view value) {
    if (!text_.empty()) text_ += ", ";
    text_ += fmt::format("{}: {}", name, value);
  }

  double speed_;
  std::string text_;
};

template <class Options>
std::string options_of(Options options, double speed) {
  OptionWriter writer(speed);
  options.fields(writer);
  return writer.take();
}

std::int64_t real_ms(const Timeline& timeline, Nanoseconds span) {
  return std::max<std::int64_t>(1, std::llround(timeline.real_span(span).ms()));
}

void append_provider(std::string& out, const sim::FaultTarget& target, const Timeline& timeline,
                     const std::vector<std::uint16_t>& ports) {
  const auto url = [](std::uint16_t port) { return fmt::format("'http://127.0.0.1:{}/v1'", port); };
  auto more = std::back_inserter(out);
  std::vector<std::string> keys;
  for (std::size_t k = 0; k < target.keys; ++k) keys.push_back(key_text(target.name, k));
  std::vector<std::string> replicas;
  for (std::size_t r = 1; r < ports.size(); ++r) replicas.push_back(url(ports[r]));
  fmt::format_to(more, "  {}:\n    base_url: {}\n    keys: [{}]\n", target.name, url(ports[0]), fmt::join(keys, ", "));
  if (!replicas.empty()) fmt::format_to(more, "    replicas: [{}]\n", fmt::join(replicas, ", "));
  fmt::format_to(more, "    timeouts: {{ connect_ms: {}, first_byte_ms: {}, idle_ms: {}, total_ms: {} }}\n",
                 real_ms(timeline, target.limits.connect), real_ms(timeline, target.limits.first_token),
                 real_ms(timeline, target.limits.idle), real_ms(timeline, target.limits.total));
  fmt::format_to(more, "    retries: {}\n", options_of(target.retry, timeline.speed()));
  fmt::format_to(more, "    endpoints: {}\n", options_of(target.endpoints, timeline.speed()));
  fmt::format_to(more, "    hedge: {}\n", options_of(target.hedge, timeline.speed()));
  if (target.slow_stream.floor_per_second > 0)
    fmt::format_to(more, "    slow_stream: {{ bytes_per_second: {}, window: {}ms }}\n",
                   target.slow_stream.floor_per_second * timeline.speed() * static_cast<double>(unit_bytes()),
                   real_ms(timeline, target.slow_stream.window));
}

/// Waits for the child without blocking longer than that.
bool ended_within(pid_t pid, int patience_ms, int& status) {
  for (int waited = 0; waited <= patience_ms; waited += 10) {
    if (::waitpid(pid, &status, WNOHANG) == pid) return true;
    ::poll(nullptr, 0, 10);
  }
  return false;
}

std::optional<std::uint16_t> port_behind(std::string_view text, std::string_view mark) {
  const auto at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint16_t port = 0;
  const char* begin = text.data() + at + mark.size();
  if (std::from_chars(begin, text.data() + text.size(), port).ec != std::errc()) return std::nullopt;
  return port;
}

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::string configuration_of(const sim::FaultCase& fault_case, const Timeline& timeline,
                             const std::vector<std::vector<std::uint16_t>>& ports) {
  std::string out =
      "version: 1\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nthreads: 2\nlog: { level: error }\nproviders:\n";
  for (std::size_t t = 0; t < fault_case.targets.size(); ++t)
    append_provider(out, fault_case.targets[t], timeline, ports[t]);
  out += "models:\n";
  std::vector<std::string> names;
  for (const auto& target : fault_case.targets) {
    const std::string context = target.context > 0 ? fmt::format(", context: {}", target.context) : "";
    out += fmt::format("  - {{ name: {}, provider: {}, id: scripted, price: {{ input: 1, output: 1 }}{} }}\n",
                       target.name, target.name, context);
    names.push_back(target.name);
  }
  return out + fmt::format("routes:\n  - {{ name: plan, targets: [{}] }}\n", fmt::join(names, ", "));
}

Result<GatewayProcess> GatewayProcess::start(const std::string& executable, std::filesystem::path folder,
                                             const std::string& configuration) {
  GatewayProcess gateway(std::move(folder));
  std::error_code made;
  std::filesystem::create_directories(gateway.folder_, made);
  const std::string config = (gateway.folder_ / "gateway.yaml").string();
  const std::string state = (gateway.folder_ / "state").string();
  const std::string errors = (gateway.folder_ / "stderr").string();
  std::ofstream(config) << configuration;
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return fail(ErrorKind::kEnvironment, "no pipe");
  gateway.pid_ = ::fork();
  if (gateway.pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int log = ::open(errors.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0644);
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::close_range(STDERR_FILENO + 1, ~0U, 0);  // else the child would keep the replicas' ports open
    ::execl(executable.c_str(), executable.c_str(), "serve", "--config", config.c_str(), "--state", state.c_str(),
            nullptr);
    ::_exit(127);
  }
  ::close(pipe[1]);
  gateway.output_ = pipe[0];
  const Status listening = gateway.wait_listening();
  if (!listening)
    return fail(ErrorKind::kEnvironment, "{} does not listen: {}{}", executable, listening.error().message,
                contents(errors));
  return gateway;
}

Status GatewayProcess::wait_listening() {
  std::string said;
  pollfd waiting{output_, POLLIN, 0};
  while (::poll(&waiting, 1, kStartMs) > 0) {
    std::array<char, 512> piece{};
    const auto size = ::read(output_, piece.data(), piece.size());
    if (size <= 0) return fail(ErrorKind::kEnvironment, "it ended: ");
    said.append(piece.data(), static_cast<std::size_t>(size));
    if (said.find('\n') == std::string::npos) continue;
    const auto serving = port_behind(said, "listens on http://127.0.0.1:");
    const auto admin = port_behind(said, "admin http://127.0.0.1:");
    if (!serving || !admin) return fail(ErrorKind::kEnvironment, "it said '{}': ", said);
    addresses_ = {*serving, *admin};
    return {};
  }
  return fail(ErrorKind::kEnvironment, "it says nothing: ");
}

Status GatewayProcess::stop() {
  int status = 0;
  ::kill(pid_, SIGTERM);
  if (!ended_within(pid_, kStopMs, status)) return fail(ErrorKind::kTimeout, "the gateway does not end after SIGTERM");
  pid_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(ErrorKind::kInternal, "the gateway ended with {}: {}", status, contents(folder_ / "stderr"));
  return {};
}

GatewayProcess::GatewayProcess(GatewayProcess&& other) noexcept
    : folder_(std::move(other.folder_)),
      pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, -1)),
      addresses_(other.addresses_) {}

GatewayProcess::~GatewayProcess() {
  if (output_ >= 0) ::close(output_);
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
}

}  // namespace thalamus::scenario
