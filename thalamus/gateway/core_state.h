/// What one serving core owns. A turn lives and dies on its core, so nothing here is locked; the decision uses the
/// scratch members without suspending in between.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <unordered_set>

#include "thalamus/base/clock.h"
#include "thalamus/base/rng.h"
#include "thalamus/core/estimate.h"
#include "thalamus/core/plan.h"
#include "thalamus/feature/description.h"
#include "thalamus/gateway/slot_waiters.h"
#include "thalamus/gateway/span_exporter.h"
#include "thalamus/gateway/telemetry.h"
#include "thalamus/net/http_client.h"
#include "thalamus/route/snapshot.h"
#include "thalamus/trace/record_log.h"

namespace thalamus::gateway {

class ResponseStore;
class Runtime;

/// Shared by all cores of one gateway; outlives them.
struct Shared {
  const base::Clock& clock;
  Telemetry& telemetry;
  trace::RecordLog* records = nullptr;  ///< null: recording is off
  SpanExporter* spans = nullptr;        ///< null: no collector is configured
  bool access_log = false;              ///< a line of the log for each request
  ResponseStore* responses = nullptr;   ///< null: none is configured
};

struct CoreState {
  CoreState(std::size_t core_index, Shared& shared_state, net::Connector& connector, std::uint64_t seed)
      : index(core_index), shared(shared_state), client(connector, shared_state.clock), rng(seed) {
    description.patience = feature::Patience::kStandIn;  // a serving core never waits for an encoder
  }

  std::size_t index;
  Shared& shared;
  std::shared_ptr<const Runtime> runtime;  ///< in force for the next request of this core; set on its own thread
  net::HttpClient client;
  base::Rng rng;
  feature::Description description;
  route::Scratch scratch;
  core::Estimates estimates;
  std::unordered_set<net::Cancellation*> turns;               ///< of those in flight, so that a stop can end them
  bool ending = false;                                        ///< the stop's patience is over: turns end, and are told
  std::unique_ptr<SlotWaiters> slot_waiters;                  ///< made when somebody first waits
  std::array<core::TargetState, core::kTargetsMax> states{};  ///< of the route being decided
};

}  // namespace thalamus::gateway
