/// The cells a probe has recorded so far, one JSON line each, so that an interrupted run goes on where it stopped.
#pragma once

#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "thalamus/base/result.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::gateway {

using CellKey = std::pair<std::string, std::string>;  ///< task id, target

struct JournalCell {
  trace::Cell cell;
  bool declined = false;
};

class ProbeJournal {
 public:
  /// Reads what is there; `fingerprint` tells one set of tasks from another and must agree.
  [[nodiscard]] static Result<ProbeJournal> open(const std::filesystem::path& path, const std::string& fingerprint);
  ProbeJournal(ProbeJournal&& other) noexcept;
  ProbeJournal& operator=(ProbeJournal&&) = delete;
  ~ProbeJournal();

  [[nodiscard]] const JournalCell* find(const CellKey& key) const;
  /// Appends and hands the line to the kernel.
  [[nodiscard]] Status add(const CellKey& key, const JournalCell& cell);
  [[nodiscard]] const std::map<CellKey, JournalCell>& cells() const noexcept { return cells_; }

 private:
  ProbeJournal(std::filesystem::path path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  std::filesystem::path path_;
  std::FILE* file_;
  std::map<CellKey, JournalCell> cells_;
};

}  // namespace thalamus::gateway
