/// Methods that decide about many items at once, offline: what to label, what to give to whom. They are called through
/// their own headers; this registry lists them.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "thalamus/base/fields.h"

namespace thalamus::learn {

/// One row of batch_methods.def.
struct BatchMethodRecord {
  std::string_view name;
  std::string_view help;
  std::string_view source;  ///< arXiv id; empty for one of ours
  std::vector<base::OptionRow> (*options)() = nullptr;
};

[[nodiscard]] std::span<const BatchMethodRecord> batch_methods();

}  // namespace thalamus::learn
