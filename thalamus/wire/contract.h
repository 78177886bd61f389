/// What a caller may demand of a turn (docs/configuration.md), read from JSON or from `x-thalamus-*` headers.
#pragma once

#include <string_view>

#include "thalamus/base/result.h"
#include "thalamus/core/contract.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {

inline constexpr std::string_view kContractHeaderPrefix = "x-thalamus-";

/// One JSON object with the members of ContractPatch. kInvalidInput with `where` = "thalamus.min_quality" on an unknown
/// member, a wrong type or a value out of range; null counts as absent.
[[nodiscard]] Result<core::ContractPatch> decode_contract(std::string_view json);

/// The same for the value at the cursor, inside a larger text.
[[nodiscard]] Status read_contract(JsonCursor& cursor, const Place& place, core::ContractPatch& out);

/// Sets the member that a header names: `x-thalamus-max-cost-usd: 0.01`, `x-thalamus-allow: small, large`,
/// `x-thalamus-worth-answer-usd: 0.02`, `x-thalamus-explain: true`. Names are matched without regard to case; lists are
/// separated by commas and repeated lists add up. kInvalidInput with `where` = "header x-thalamus-..." otherwise.
[[nodiscard]] Status apply_contract_header(core::ContractPatch& patch, std::string_view name, std::string_view value);

}  // namespace thalamus::wire
