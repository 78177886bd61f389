/// What a turn gave, and the turn as a whole: the unit of the trace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "thalamus/base/error.h"
#include "thalamus/base/units.h"
#include "thalamus/core/estimate.h"
#include "thalamus/core/plan.h"

namespace thalamus::core {

/// Token counts as the upstream reported them, inclusive (OpenAI's count): `input` includes `cached_input` and
/// `cache_write`, `output` includes `reasoning`.
struct Usage {
  std::uint32_t input = 0;
  std::uint32_t cached_input = 0;  ///< read from a cache
  std::uint32_t output = 0;
  std::uint32_t reasoning = 0;
  bool known = false;
  std::uint32_t cache_write = 0;  ///< written to a cache

  friend bool operator==(const Usage&, const Usage&) = default;
};

/// The same, disjoint (Anthropic's count): each input token is in one of the three.
struct DisjointUsage {
  std::uint32_t input = 0;
  std::uint32_t cache_read = 0;
  std::uint32_t cache_write = 0;
  std::uint32_t output = 0;

  friend bool operator==(const DisjointUsage&, const DisjointUsage&) = default;
};
/// Counts that claim more cached tokens than there are input tokens are cut to fit.
[[nodiscard]] DisjointUsage disjoint(const Usage& usage) noexcept;
/// Sums saturate.
[[nodiscard]] Usage inclusive(const DisjointUsage& usage) noexcept;

/// Cost of a usage at given prices.
[[nodiscard]] NanoDollars cost_of(const Usage& usage, const Prices& prices) noexcept;

enum class Finish : std::uint8_t { kStop, kLength, kToolCalls, kContentFilter, kError, kCancelled, kUnknown };

/// One call of one target.
struct Attempt {
  std::uint16_t target = 0;  ///< index in the route's targets
  std::int32_t status = 0;   ///< HTTP status of the upstream, 0 where there was none
  std::optional<base::ErrorKind> failure;
  Nanoseconds duration{};
};

struct Outcome {
  Usage usage;
  NanoDollars cost{};
  Nanoseconds queue{};        ///< waiting for a slot
  Nanoseconds first_token{};  ///< from arrival to the first content byte sent; 0 where none was
  Nanoseconds total{};        ///< from arrival to the last byte
  Finish finish = Finish::kUnknown;
  std::optional<base::ErrorKind> failure;  ///< the turn's own failure; none if the client got an answer
  std::optional<double> quality;           ///< checker, judge or feedback
  std::optional<std::uint16_t> answered_by;
  std::vector<Attempt> attempts;
};

struct Turn {
  std::string decision_id;
  std::int64_t arrived_unix_ns = 0;
  std::uint64_t configuration_generation = 0;
  std::uint64_t snapshot_hash = 0;  ///< 0: no snapshot decided
  std::string route;
  std::vector<std::string> targets;  ///< names, in the order of estimates and plan
  std::uint64_t feature_schema = 0;
  std::vector<float> features;  ///< so that replay and learning need no content
  std::vector<Estimate> estimates;
  std::vector<std::uint16_t> plan;
  std::vector<float> propensity;
  Exclusion binding = Exclusion::kNone;
  Reason reason = Reason::kOrder;
  std::uint64_t prompt_hash = 0;
  std::string content;  ///< the request body, only if the operator opted in
  std::string answer;   ///< likewise
  Outcome outcome;
};

}  // namespace thalamus::core
