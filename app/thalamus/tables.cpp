#include "app/thalamus/tables.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "thalamus/base/file.h"
#include "thalamus/base/text.h"
#include "thalamus/eval/protocols.h"

namespace thalamus::app {
namespace {

/// "A,B" or "@FILE" with a name a line.
Result<std::vector<std::string>> model_list(const std::string& text) {
  std::vector<std::string> names;
  std::string list = text;
  char separator = ',';
  if (list.starts_with('@')) {
    TRY(list, base::read_file(list.substr(1)));
    separator = '\n';
  }
  for (const auto piece : base::split(list, separator))
    if (const auto name = base::trim(piece); !name.empty()) names.emplace_back(name);
  return names;
}

}  // namespace

std::unexpected<Error> of_file(Error error, const std::string& path) {
  if (error.kind == ErrorKind::kNotFound && error.where.empty()) error.where = path;
  return std::unexpected(std::move(error));
}

Result<trace::OutcomeTable> read_table(const std::string& path, const std::string& models) {
  TRY(auto table, trace::read_outcome_table(path));
  if (!models.empty()) {
    TRY(const auto names, model_list(models));
    if (const Status kept = table.keep_models(names); !kept) return of_file(kept.error(), path);
  }
  if (table.skipped_rows > 0)
    std::fprintf(stderr, "note: %s: %llu blank lines skipped\n", path.c_str(),
                 static_cast<unsigned long long>(table.skipped_rows));
  return table;
}

Result<trace::OutcomeTable> read_tables(const std::vector<std::string>& paths, const std::string& models) {
  trace::OutcomeTable joined;
  for (const auto& path : paths) {
    TRY(auto table, read_table(path, models));
    if (joined.models.empty()) {
      joined = std::move(table);
      continue;
    }
    if (const Status kept = table.keep_models(joined.models); !kept) return of_file(kept.error(), path);
    std::move(table.rows.begin(), table.rows.end(), std::back_inserter(joined.rows));
  }
  return joined;
}

Status check_learnable(const trace::OutcomeTable& table, const std::string& path) {
  const auto recorded = std::count_if(table.rows.begin(), table.rows.end(), eval::has_outcome);
  if (recorded >= 2) return {};
  return fail_at(path, ErrorKind::kInvalidInput, "the table has {} with recorded quality; at least 2 are needed",
                 recorded == 1 ? "one row" : "no row");
}

Status check_writable(const std::string& path) {
  if (path.empty()) return {};
  std::error_code ignored;
  const std::filesystem::path file = std::filesystem::weakly_canonical(path, ignored);
  const auto refused = [&](std::string_view why) {
    return fail_at(path, ErrorKind::kEnvironment, "cannot write there: {}", why);
  };
  if (std::filesystem::is_directory(file, ignored)) return refused("it is a folder; name a file");
  if (std::filesystem::exists(file, ignored) && !std::filesystem::is_regular_file(file, ignored)) {
    if (::access(file.c_str(), W_OK) != 0) return refused(std::strerror(errno));
    return {};
  }
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  if (!std::filesystem::is_directory(folder, ignored))
    return refused("the folder " + folder.string() + " does not exist");
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return refused("the folder " + folder.string() + ": " + std::strerror(errno));
  return {};
}

}  // namespace thalamus::app
