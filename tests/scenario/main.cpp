// scenario-run: carries out one case of tests/scenario on real sockets. The case's upstreams are servers of this
// process, `thalamus serve` is a child of it, and the requests are those that the simulator sends with the same seed.
// Usage: scenario-run THALAMUS CASE.scn [SPEED [SEED]]. Prints each expectation with what was measured here and by the
// simulator; exits with 1 where one does not hold or an invariant is broken, and with 3 where that says nothing, since
// the machine held this very process up for longer than the case's own limits bear.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "clients.h"
#include "gateway_process.h"
#include "replica.h"
#include "thalamus/base/text.h"
#include "thalamus/sim/fault_case.h"
#include "timeline.h"
#include "verdict.h"

namespace {

using namespace thalamus;
using namespace thalamus::scenario;

constexpr Nanoseconds kLead = Nanoseconds::from_ms(50);     // real: until the first request may come
constexpr Nanoseconds kLateMax = Nanoseconds::from_ms(50);  // real: beyond it a broken expectation says nothing
constexpr double kSpeed = 5;
constexpr int kBroken = 1;
constexpr int kWrongUse = 2;
constexpr int kDisturbed = 3;

struct Arguments {
  std::string thalamus;
  std::string file;
  double speed = kSpeed;
  std::uint64_t seed = 1;
};

/// Removes its folder in the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "thalamus-scenario-XXXXXX").string();
    if (const char* made = ::mkdtemp(pattern.data()); made != nullptr) path_ = made;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// The case's replicas, on a thread of their own while they run.
class Upstreams {
 public:
  Upstreams(const sim::FaultCase& fault_case, Timeline& timeline, std::uint64_t seed) {
    for (std::size_t t = 0; t < fault_case.targets.size(); ++t) {
      replicas_.emplace_back();
      for (std::size_t r = 0; r < fault_case.targets[t].replicas; ++r) {
        const sim::AttemptPlace place{t, r, 0};
        replicas_[t].push_back(std::make_unique<Replica>(context_, fault_case, place, timeline, log_, seed));
      }
    }
  }

  Result<std::vector<std::vector<std::uint16_t>>> open() {
    std::vector<std::vector<std::uint16_t>> ports;
    for (const auto& replicas : replicas_) {
      ports.emplace_back();
      for (const auto& replica : replicas) {
        CHECK_OK(replica->open());
        ports.back().push_back(replica->port());
      }
    }
    return ports;
  }

  void start() {
    for (const auto& replicas : replicas_)
      for (const auto& replica : replicas) replica->start();
    thread_ = std::thread([this] { context_.run(); });
  }

  const UpstreamLog& stop() {
    asio::post(context_, [this] {
      for (const auto& replicas : replicas_)
        for (const auto& replica : replicas) replica->stop();
    });
    thread_.join();
    return log_;
  }

 private:
  asio::io_context context_{1};
  UpstreamLog log_;
  std::vector<std::vector<std::unique_ptr<Replica>>> replicas_;
  std::thread thread_;
};

Result<sim::FaultCase> read_case(const std::string& file) {
  std::ifstream in(file);
  if (!in) return fail(ErrorKind::kEnvironment, "cannot read {}", file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return sim::parse_fault_case(text);
}

Result<Verdict> carry_out(const sim::FaultCase& fault_case, const Arguments& arguments, Timeline& timeline) {
  const Folder folder;
  Upstreams upstreams(fault_case, timeline, arguments.seed);
  TRY(const auto ports, upstreams.open());
  TRY(auto gateway,
      GatewayProcess::start(arguments.thalamus, folder.path(), configuration_of(fault_case, timeline, ports)));
  Clients clients(fault_case, timeline, gateway.addresses());
  timeline.begin(kLead);
  upstreams.start();
  clients.run(arguments.seed);
  const Status stopped = gateway.stop();
  const UpstreamLog& log = upstreams.stop();
  CHECK_OK(stopped);
  return judge(fault_case, timeline, log, clients, gateway.trace_folder(), arguments.seed);
}

bool report(const Verdict& verdict, const Timeline& timeline) {
  bool good = verdict.violations.empty();
  for (const auto& violation : verdict.violations) fmt::print("  BROKEN INVARIANT  {}\n", violation);
  for (const auto& judged : verdict.expectations) {
    const char* word = "holds ";
    if (!judged.holds) word = "BROKEN";
    if (!judged.observable) word = "not observable:";
    good = good && judged.holds;
    const std::string allowed = judged.allowance > 0 ? fmt::format(", {:.0f} allowed", judged.allowance) : "";
    fmt::print("  {} {}: measured {:g}, simulated {:g}{}\n", word, judged.expectation.text, judged.measured,
               judged.simulated, allowed);
  }
  if (!verdict.hedging.empty()) fmt::print("  {}\n", verdict.hedging);
  if (!verdict.failed.empty()) fmt::print("  first to fail: {}\n", verdict.failed);
  fmt::print("  slowest: {}\n", verdict.slowest);
  fmt::print("  {} requests, {} attempts, {:.1f} s at {:g} times the speed; the machine was late by up to {:.1f} ms\n",
             verdict.requests, verdict.attempts, timeline.real_span(timeline.now()).seconds(), timeline.speed(),
             timeline.real_span(timeline.latest()).ms());
  return good;
}

bool parse(int argc, char** argv, Arguments& out) {
  if (argc < 3 || argc > 5) return false;
  out.thalamus = argv[1];
  out.file = argv[2];
  const auto speed = argc > 3 ? base::parse_number<double>(argv[3]) : std::optional(kSpeed);
  const auto seed = argc > 4 ? base::parse_number<std::uint64_t>(argv[4]) : std::optional<std::uint64_t>(1);
  if (!speed || !seed || !(*speed >= 0.1 && *speed <= 100)) return false;
  out.speed = *speed;
  out.seed = *seed;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    fmt::print(stderr, "usage: scenario-run THALAMUS CASE.scn [SPEED [SEED]]\n");
    return kWrongUse;
  }
  const auto fault_case = read_case(arguments.file);
  if (!fault_case) {
    fmt::print(stderr, "{}: {}\n", arguments.file, fault_case.error().text());
    return kWrongUse;
  }
  fmt::print("{}: {}\n", std::filesystem::path(arguments.file).stem().string(), fault_case->title);
  Timeline timeline(arguments.speed);
  const auto verdict = carry_out(*fault_case, arguments, timeline);
  if (!verdict) {
    fmt::print("  BROKEN {}\n", verdict.error().text());
    return kBroken;
  }
  if (report(*verdict, timeline)) return 0;
  return timeline.real_span(timeline.latest()) > kLateMax ? kDisturbed : kBroken;
}
