/// The decision for one request: from bytes to plan, without waiting for anything.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "thalamus/gateway/core_state.h"
#include "thalamus/gateway/runtime.h"
#include "thalamus/net/http.h"

namespace thalamus::gateway {

struct Decision {
  std::string id;
  std::string key;  ///< the virtual key's name; empty without keys
  const RouteRuntime* route = nullptr;
  core::Contract contract;
  core::Plan plan;
  std::optional<tool::Solution> solution;  ///< of the tool that claimed
  Nanoseconds decoding{};                  ///< the part of `duration` until the request was read and its route found
  Nanoseconds duration{};
  std::uint64_t prompt_hash = 0;
  std::uint64_t input_tokens = 0;         ///< estimated
  dispatch::ClientWait wait;              ///< how long the client says it waits
  bool embeddings = false;                ///< vectors are asked for
  bool stands_in = false;                 ///< a slow feature was not ready, and what is known stood in for it
  std::vector<core::Estimate> estimates;  ///< of the route's targets; tools' rows are zero
  std::vector<float> features;

  /// Why, in one or two sentences.
  [[nodiscard]] std::string reason_text(const core::Estimates& estimates) const;
  /// The answer of POST /v1/decision.
  [[nodiscard]] std::string to_json(const core::Estimates& estimates) const;
  /// The record's part that is known before any call.
  [[nodiscard]] core::Turn to_turn(std::uint64_t generation) const;
  /// What to say where the plan is empty: which limits left nothing.
  [[nodiscard]] Error infeasible_error() const;
};

/// The virtual key of a request; null where none are configured (any bearer is accepted then). kUnauthorized otherwise.
[[nodiscard]] Result<const VirtualKey*> check_key(const Config& config, const net::Headers& headers,
                                                  const base::Clock& clock);
/// Whether a key may use a route; a null key may use all.
[[nodiscard]] bool key_allows(const Config& config, const VirtualKey* key, const RouteRuntime& route);

/// The route or target that `model` names. kNotFound where there is none, or the key may not use it: in the same words,
/// and to a key nothing is suggested.
[[nodiscard]] Result<const RouteRuntime*> route_for(const Runtime& runtime, const VirtualKey* key,
                                                    const std::string& model);

/// A new decision's name: 32 random hex digits.
[[nodiscard]] std::string decision_name(CoreState& core);

/// Decodes the body, checks the key, finds the route, merges the contract, asks the tools, estimates and decides.
/// `request` and `decision` are filled as far as it got.
[[nodiscard]] Status prepare(CoreState& core, const Runtime& runtime, const wire::Format& format,
                             const net::HttpRequest& http, core::Request& request, Decision& decision);

/// Describes, estimates and decides once more, after slow features had time to be computed.
void decide_again(CoreState& core, const core::Request& request, Decision& decision);

}  // namespace thalamus::gateway
