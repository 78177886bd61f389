/// The clients of a case on real sockets: who asks when comes from `sim::FaultArrivals`, what came of it is written
/// down as the simulator does. Beside them the gateway's own metrics are read again and again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "thalamus/net/asio.h"
#include "thalamus/net/connector.h"
#include "thalamus/net/http_client.h"
#include "thalamus/sim/fault_arrivals.h"
#include "thalamus/sim/fault_metrics.h"
#include "timeline.h"

namespace thalamus::scenario {

namespace asio = boost::asio;

/// One request as its client saw it.
struct SeenRequest {
  sim::FaultRequest request;             ///< target, replica and key are filled in from the upstreams' log
  std::optional<std::uint64_t> attempt;  ///< that the content came from
  std::string decision;                  ///< x-thalamus-decision; empty where no head came
  std::string target;                    ///< x-thalamus-target
  std::string said;                      ///< the error that the client was told
  std::string problem;                   ///< what no client should see, in words; empty: nothing
};

/// The gateway's counters at one instant, series by series as `/metrics` writes them.
struct Sample {
  Nanoseconds at{};
  std::map<std::string, double, std::less<>> values;
};

struct Addresses {
  std::uint16_t serving = 0;
  std::uint16_t admin = 0;
};

class Clients {
 public:
  /// All references outlive it.
  Clients(const sim::FaultCase& fault_case, Timeline& timeline, Addresses addresses);

  /// Sends the requests of this seed at their times, waits for the last answer, and for the gateway to be idle.
  void run(std::uint64_t seed);

  [[nodiscard]] const std::vector<SeenRequest>& requests() const noexcept { return requests_; }
  /// In the order of time. The last one was taken when all was over.
  [[nodiscard]] const std::vector<Sample>& samples() const noexcept { return samples_; }
  /// `/admin/status` once all was over.
  [[nodiscard]] const std::string& status() const noexcept { return status_; }

 private:
  struct Leaving;

  net::Awaitable<void> send_all(std::uint64_t seed);
  net::Awaitable<void> ask(std::size_t index, sim::FaultArrival arrival);
  net::Awaitable<Status> receive(std::size_t index, net::Exchange& exchange);
  void judge(SeenRequest& seen, const std::string& body, bool stream) const;
  net::Awaitable<void> watch();
  net::Awaitable<Status> take_sample();
  net::Awaitable<Result<std::string>> get(std::string path);
  net::Awaitable<void> sleep_until(Nanoseconds at);

  const sim::FaultCase& case_;
  Timeline& timeline_;
  asio::io_context context_{1};
  net::TcpConnector connector_{context_};
  net::HttpClient client_{connector_, timeline_.clock()};
  net::Endpoint serving_;
  net::Endpoint admin_;
  std::vector<SeenRequest> requests_;
  std::vector<Sample> samples_;
  std::string status_;
  std::size_t open_ = 0;
  bool all_sent_ = false;
};

/// The sum of the series of one family whose labels hold `label`, for example `target="main"`; empty: of all.
[[nodiscard]] double sum_of(const Sample& sample, std::string_view family, std::string_view label = {});

}  // namespace thalamus::scenario
