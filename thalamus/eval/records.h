/// Decision records for people and programs.
#pragma once

#include <string>

#include "thalamus/core/outcome.h"

namespace thalamus::eval {

/// One line of a listing.
[[nodiscard]] std::string record_line(const core::Turn& turn);
/// Everything a record holds.
[[nodiscard]] std::string record_json(const core::Turn& turn);

}  // namespace thalamus::eval
