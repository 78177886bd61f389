/// Every registered method of every level, as people and programs read it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/fields.h"

namespace thalamus::eval {

struct CatalogueRow {
  std::string level;  ///< route, feature, strategy, policy, batch, tool, checker, family, format
  std::string name;
  std::string help;
  std::string source;           ///< arXiv id, RFC or empty
  double latency_class_us = 0;  ///< 0: not declared
  std::string needs;
  std::vector<base::OptionRow> options;
};

[[nodiscard]] std::vector<CatalogueRow> catalogue();
[[nodiscard]] std::string to_text(const std::vector<CatalogueRow>& rows);
[[nodiscard]] std::string to_json(const std::vector<CatalogueRow>& rows);

}  // namespace thalamus::eval
