/// What the learning verbs share: outcome tables read with errors that name the file, and outputs checked before work.
#pragma once

#include <string>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::app {

/// An error about a model that the table has not, with the table as its place. Others stay as they are.
[[nodiscard]] std::unexpected<Error> of_file(Error error, const std::string& path);

/// The table with the columns that `models` names ("A,B" or "@FILE"; empty: all). Says on standard error how many blank
/// lines were skipped.
[[nodiscard]] Result<trace::OutcomeTable> read_table(const std::string& path, const std::string& models);
/// All of them as one, with the models of the first.
[[nodiscard]] Result<trace::OutcomeTable> read_tables(const std::vector<std::string>& paths, const std::string& models);
/// kInvalidInput that names the file where fewer than two rows have a recorded quality.
[[nodiscard]] Status check_learnable(const trace::OutcomeTable& table, const std::string& path);

/// kEnvironment where a file cannot be written at `path`: no such folder, a folder itself, no permission. An empty path
/// is no output.
[[nodiscard]] Status check_writable(const std::string& path);

}  // namespace thalamus::app
