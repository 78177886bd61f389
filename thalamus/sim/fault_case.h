/// A case of `tests/scenario/*.scn`: upstreams that misbehave at stated times, requests, and what must come of them.
/// The same text runs in virtual time (fault_run.h) and can be carried out on real sockets; the README there describes
/// the format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/base/units.h"
#include "thalamus/dispatch/slow_stream.h"
#include "thalamus/dispatch/target_call.h"

namespace thalamus::sim {

inline constexpr std::size_t kFaultLinesMax = 4'096;          ///< of one case
inline constexpr std::int64_t kFaultRequestsMax = 1'000'000;  ///< of one case

enum class Behaviour : std::uint8_t {
  kOk,         ///< first content after first_ms, the end after total_ms
  kDrip,       ///< first content after first_ms, then `rate` units a second without an end
  kRefuse,     ///< no connection
  kDie,        ///< no connection, and what is under way when it begins is reset
  kHang,       ///< a connection, and silence
  kStatus,     ///< an error status with type, code and retry_after
  kError200,   ///< status 200, and an error of `type` inside instead of content
  kCut,        ///< content, and after half of the time an end without the end mark
  kEmpty,      ///< status 200 and no content
  kMalformed,  ///< status 200 and something else than the protocol
};

/// How one replica behaves for a while. Of several lines that fit a call the last one counts.
struct BehaviourLine {
  std::size_t target = 0;
  std::size_t replica = 0;
  Behaviour behaviour = Behaviour::kOk;
  Nanoseconds from{};  ///< virtual time from the start of the run, half open
  Nanoseconds to{};
  std::optional<std::size_t> key;  ///< for calls with this key only
  double share = 1;                ///< of the calls
  double first_ms = 100;           ///< medians; lognormal with `sigma`
  double total_ms = 500;
  double sigma = 0.2;
  double units = 50;  ///< tokens of an answer
  double rate = 1;    ///< of a drip
  int status = 500;
  std::string type;
  std::string code;
  std::string retry_after;
};

struct FaultTarget {
  std::string name;
  std::size_t keys = 1;
  std::size_t replicas = 1;
  std::int64_t context = 0;  ///< tokens; a context overflow goes to a target with more
  dispatch::TimeLimits limits{.connect = Nanoseconds::from_ms(1'000),
                              .first_token = Nanoseconds::from_ms(5'000),
                              .idle = Nanoseconds::from_ms(2'000),
                              .total = Nanoseconds::from_ms(60'000)};
  dispatch::SlowStreamOptions slow_stream;
  dispatch::EndpointOptions endpoints;
  dispatch::RetryOptions retry;
  dispatch::HedgeOptions hedge;
};

struct FaultRequests {
  double rate_per_s = 10;  ///< Poisson
  double seconds = 10;
  dispatch::AnswerShape shape = dispatch::AnswerShape::kStream;
  std::int64_t sessions = 0;            ///< requests belong to one of so many; 0: to none
  std::int64_t prompt_bytes = 0;        ///< of every prompt, or as many as it takes to tell it from the others
  std::optional<Nanoseconds> deadline;  ///< x-thalamus-deadline-ms
  double client_gone = 0;               ///< chance that a client leaves after a time drawn up to `patience_ms`
  double patience_ms = 1'000;
};

enum class Comparison : std::uint8_t { kLess, kLessEqual, kEqual, kGreaterEqual, kGreater };

struct Expectation {
  std::string metric;
  Comparison comparison = Comparison::kEqual;
  double value = 0;
  Nanoseconds from{};  ///< of the requests that arrive, or attempts that start, in [from, to)
  Nanoseconds to{};
  std::string text;  ///< as written, for messages
};

struct FaultCase {
  std::string title;
  FaultRequests requests;
  std::vector<FaultTarget> targets;  ///< the plan of every request, in this order
  std::vector<BehaviourLine> behaviours;
  std::vector<Expectation> expectations;
};

/// The errors carry `line N`.
[[nodiscard]] Result<FaultCase> parse_fault_case(std::string_view text);

}  // namespace thalamus::sim
