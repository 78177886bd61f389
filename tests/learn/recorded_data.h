/// Recorded public outcome tables, which are not part of the repository. Tests that need them say so and skip.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "thalamus/trace/outcome_table.h"

namespace thalamus::learn {

inline std::filesystem::path recorded_data_folder() {
  if (const char* folder = std::getenv("THALAMUS_DATA_DIR")) return folder;
  return std::filesystem::path(THALAMUS_SOURCE_DIR) / ".." / "shared" / "data";
}

/// The table, or nothing where the file is absent.
inline std::optional<trace::OutcomeTable> recorded_table(const std::string& file) {
  const auto path = recorded_data_folder() / file;
  if (!std::filesystem::exists(path)) return std::nullopt;
  auto table = trace::read_outcome_table(path);
  if (!table) {
    ADD_FAILURE() << table.error().text();
    return std::nullopt;
  }
  return std::move(*table);
}

}  // namespace thalamus::learn

#define SKIP_WITHOUT(table, file) \
  if (!(table)) GTEST_SKIP() << file << " is not in THALAMUS_DATA_DIR or ../shared/data; this test needs it"
