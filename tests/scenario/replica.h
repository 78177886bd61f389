/// One replica of a case's target on a real socket: an HTTP/1.1 server that answers chat completions as the case's
/// `upstream` lines say. It speaks through plain sockets, not through `net`, so that it can do what no server should:
/// refuse, reset, fall silent and cut.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/sim/fault_case.h"
#include "thalamus/sim/fault_script.h"
#include "timeline.h"

namespace thalamus::scenario {

namespace asio = boost::asio;

/// One attempt as its upstream saw it. Its number, the index in the log, is in every piece of its answer.
struct SeenAttempt {
  enum class End : std::uint8_t {
    kRunning,
    kPlayed,  ///< as scripted
    kGone,    ///< the gateway closed the connection before
    kReset,   ///< the replica died
  };
  std::uint64_t request = 0;
  sim::AttemptPlace place;
  Nanoseconds started{};
  Nanoseconds ended{};
  End end = End::kRunning;
};

/// A time in which a replica takes no connection.
struct Outage {
  std::size_t target = 0;
  std::size_t replica = 0;
  Nanoseconds from{};
  Nanoseconds to{};
  std::uint64_t reset = 0;  ///< attempts that were under way when it began
};

/// Written by the upstreams' thread, read once it has ended.
struct UpstreamLog {
  std::vector<SeenAttempt> attempts;
  std::vector<Outage> outages;
};

/// Bytes of one unit of an answer, as the slow-stream guard counts them.
[[nodiscard]] std::size_t unit_bytes();

/// What keys are made of: `key_text(main, 1)` is the second key of the target `main`.
[[nodiscard]] std::string key_text(std::string_view target, std::size_t key);

/// Lives on one thread, like everything it hands out.
class Replica {
 public:
  /// All references outlive it.
  Replica(asio::io_context& context, const sim::FaultCase& fault_case, sim::AttemptPlace place, Timeline& timeline,
          UpstreamLog& log, std::uint64_t seed);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  /// Takes a free port and keeps it for good: while the replica refuses, nobody else gets it.
  [[nodiscard]] Status open();
  /// Once the timeline has begun: sets the timers of the outages.
  void start();
  void stop();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  class Connection;
  enum class Door : std::uint8_t { kOpen, kRefuse, kDie };

  [[nodiscard]] Door door_at(Nanoseconds at) const;
  [[nodiscard]] Status listen();
  void accept();
  void next_change();
  void set_door(Door door);

  asio::io_context& context_;
  const sim::FaultCase& case_;
  sim::AttemptPlace place_;
  Timeline& timeline_;
  UpstreamLog& log_;
  base::Rng rng_;
  asio::ip::tcp::socket guard_;  // holds the port while nobody listens
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  std::uint16_t port_ = 0;
  std::vector<Nanoseconds> changes_;  // instants at which a line begins or ends
  std::size_t changed_ = 0;
  Door door_ = Door::kOpen;
  std::optional<std::size_t> outage_;  // in the log
  std::set<std::shared_ptr<Connection>> connections_;
};

}  // namespace thalamus::scenario
