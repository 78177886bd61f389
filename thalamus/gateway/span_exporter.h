/// Sends spans to a collector from a thread of its own. Serving cores only hand over summaries; where the collector is
/// slow or away, spans are dropped and counted, never requests delayed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "thalamus/base/clock.h"
#include "thalamus/base/result.h"
#include "thalamus/gateway/otlp_spans.h"

namespace thalamus::gateway {

struct SpanOptions {
  std::string url;  ///< "http://127.0.0.1:4318/v1/traces"; empty: no spans
  SemanticConventions names = SemanticConventions::kLatest;
  double sample = 1;  ///< share of turns without a caller's span that are told; a caller's own flag is obeyed

  friend bool operator==(const SpanOptions&, const SpanOptions&) = default;
};

struct SpanCounts {
  std::uint64_t sent = 0;     ///< turns
  std::uint64_t dropped = 0;  ///< turns: the queue was full, or the collector took them not
};

class SpanExporter {
 public:
  /// kInvalidInput where the URL cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<SpanExporter>> start(const SpanOptions& options,
                                                                   const base::Clock& clock);
  /// Sends what waits, for two seconds at most.
  ~SpanExporter();
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;

  /// Any thread; never waits for the network.
  void add(TurnSummary turn);
  [[nodiscard]] const SpanOptions& options() const noexcept;
  [[nodiscard]] SpanCounts counts() const noexcept;

 private:
  class Impl;
  explicit SpanExporter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace thalamus::gateway
