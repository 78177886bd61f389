/// Decisions of a snapshot in batch, and one decision explained, without a server.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"
#include "thalamus/core/contract.h"
#include "thalamus/route/snapshot.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::eval {

/// A line per request: {"id","target","estimates":{"NAME":{"quality","cost_usd"}}}. Of a row only id, prompt, messages
/// and tools are read. `target` is null where nothing satisfies the contract.
[[nodiscard]] std::string route_batch(const route::Snapshot& snapshot, const trace::OutcomeTable& requests,
                                      const core::Contract& contract);

/// Features, estimates, limits, the choice and what would flip it, for one prompt and a snapshot's own models.
struct Explanation {
  std::string text;
  std::string json;
};
[[nodiscard]] Explanation explain_prompt(const route::Snapshot& snapshot, std::string_view prompt,
                                         std::span<const core::Target> targets, const core::Contract& contract);

}  // namespace thalamus::eval
