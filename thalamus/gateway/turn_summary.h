/// One finished request in a form that outlives its turn: what the access log and the spans say of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/core/outcome.h"

namespace thalamus::gateway {

/// The caller's span (W3C Trace Context, header `traceparent`).
struct TraceParent {
  std::string trace_id;  ///< 32 lower-case hexadecimal digits
  std::string span_id;   ///< 16
  bool sampled = false;
};
/// Nothing where the header is not of version 00's form, or an identifier is all zero.
[[nodiscard]] std::optional<TraceParent> parse_traceparent(std::string_view header);

struct TurnSummary {
  std::int64_t arrived_unix_ns = 0;
  Nanoseconds decide{};
  std::string decision_id;
  std::string_view format;  ///< the client's protocol; a registered name
  std::string key;          ///< the virtual key's name; empty without keys
  std::string route;
  std::string path;     ///< of the HTTP request, without its query
  std::string model;    ///< as the client asked
  std::string target;   ///< that answered, else that was asked last; empty if none was
  std::string address;  ///< of the target's server; empty for a tool
  std::string upstream_model;
  bool stream = false;
  int status = 200;
  core::Outcome outcome;
  std::vector<std::string> attempted;  ///< target of each attempt
  std::vector<std::string> addresses;  ///< of their servers; empty for a tool
  std::optional<TraceParent> parent;
};

/// One finished request that is no turn. The texts are borrowed.
struct PlainSummary {
  std::int64_t arrived_unix_ns = 0;
  std::string_view request_id;  ///< empty: the request was refused before it had one
  std::string_view method;      ///< empty: it could not be read
  std::string_view path;        ///< without the query
  std::string_view endpoint;
  int status = 0;
  Nanoseconds total{};
};

/// One line of JSON: when, who, what was asked and chosen, how it ended, tokens, cost and times. No content, no
/// credential, no query. `request` is what the client was told as `x-request-id`.
[[nodiscard]] std::string access_line(const TurnSummary& turn);
[[nodiscard]] std::string access_line(const PlainSummary& request);

}  // namespace thalamus::gateway
