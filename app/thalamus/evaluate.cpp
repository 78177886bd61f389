// The verb eval: methods x tables -> metrics, as text, JSON or one page.
#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <optional>
#include <utility>

#include "app/thalamus/tables.h"
#include "app/thalamus/verbs.h"
#include "thalamus/base/file.h"
#include "thalamus/base/text.h"
#include "thalamus/eval/evaluation.h"
#include "thalamus/eval/protocols.h"
#include "thalamus/eval/report_html.h"
#include "thalamus/eval/unseen.h"

namespace thalamus::app {
namespace {

/// What is printed, whether it is an answer, and what became of the files.
struct Evaluated {
  std::string text;
  bool any_method = false;
  Status written;
};

/// Tables as read, and what is to be said about them.
struct Tables {
  trace::OutcomeTable training;
  std::optional<trace::OutcomeTable> test;
  std::vector<std::string> notes;
};

/// Writes where a file is named; the first failure is the one that is reported.
void write_if_named(const std::string& path, const std::string& text, Status& written) {
  if (path.empty()) return;
  const Status done = base::write_file_atomic(path, text);
  if (written) written = done;
}

/// "MODEL=WATTS"; names may hold '=' themselves.
Result<std::map<std::string, double>> parse_watts(const std::vector<std::string>& texts) {
  std::map<std::string, double> watts;
  for (const auto& text : texts) {
    const std::size_t at = text.rfind('=');
    const auto number =
        at == std::string::npos ? std::nullopt : base::parse_number<double>(base::trim(text).substr(at + 1));
    if (!number || !(*number > 0) || at == 0)
      return fail(ErrorKind::kInvalidInput, "--watts: expected MODEL=WATTS with watts above 0, got '{}'", text);
    if (!watts.emplace(text.substr(0, at), *number).second)
      return fail(ErrorKind::kInvalidInput, "--watts: model '{}' is named twice", text.substr(0, at));
  }
  return watts;
}

void note(Tables& tables, std::string words) {
  if (words.empty()) return;
  std::fprintf(stderr, "warning: %s\n", words.c_str());
  tables.notes.push_back(std::move(words));
}

Result<Tables> read_all(const EvalArguments& arguments, eval::Protocol protocol) {
  Tables tables;
  TRY(tables.training, read_tables(arguments.train, arguments.models));
  const std::string training = fmt::format("{}", fmt::join(arguments.train, ","));
  CHECK_OK(check_learnable(tables.training, training));
  if (const std::size_t repeated = eval::repeated_ids(tables.training); repeated > 0)
    note(tables, fmt::format("{} of {} training rows have the id of an earlier row of another file", repeated,
                             tables.training.rows.size()));
  if (arguments.test.empty()) return tables;
  TRY(tables.test, read_table(arguments.test, arguments.models));
  if (protocol == eval::Protocol::kGiven || protocol == eval::Protocol::kUnseen)
    if (const Status kept = tables.test->keep_models(tables.training.models); !kept)
      return of_file(kept.error(), arguments.test);
  const std::size_t rows = tables.test->rows.size();
  note(tables, eval::leak_words(eval::leak_of(tables.training, *tables.test), rows));
  return tables;
}

Result<Evaluated> eval_unseen(const EvalArguments& arguments, Tables tables, Style style) {
  eval::UnseenOptions options;
  options.methods = arguments.methods.empty() ? std::vector<std::string>{"all"} : arguments.methods;
  options.seed = arguments.seed;
  if (arguments.resamples > 0) options.resamples = arguments.resamples;
  options.progress = [](std::string_view method, std::size_t done, std::size_t all) {
    if (done == 0)
      std::fprintf(stderr, "evaluating %.*s: %zu draws\n", static_cast<int>(method.size()), method.data(), all);
  };
  eval::Fold fold = tables.test ? eval::Fold{std::move(tables.training), std::move(*tables.test)}
                                : eval::split_within_tasks(tables.training, eval::kTrainingShare, arguments.seed);
  TRY(auto unseen, eval::evaluate_unseen(fold.training, std::move(fold.test), options));
  unseen.table = arguments.test.empty() ? arguments.train.front() : arguments.test;
  unseen.notes.insert(unseen.notes.begin(), tables.notes.begin(), tables.notes.end());
  Evaluated evaluated{style == Style::kJson ? eval::to_json(unseen) : eval::to_text(unseen), !unseen.rows.empty(), {}};
  write_if_named(arguments.json, eval::to_json(unseen), evaluated.written);
  return evaluated;
}

Result<Evaluated> eval_folds(const EvalArguments& arguments, eval::Protocol protocol, Tables tables, Style style) {
  eval::EvaluationOptions options;
  options.methods = arguments.methods.empty() ? std::vector<std::string>{"all"} : arguments.methods;
  options.seed = arguments.seed;
  if (arguments.resamples > 0) options.resamples = arguments.resamples;
  options.robustness = arguments.robustness;
  if (arguments.answer_usd > 0 || arguments.second_usd > 0)
    options.worth = core::Worth{arguments.answer_usd, arguments.second_usd};
  TRY(options.watts, parse_watts(arguments.watts));
  options.progress = [](std::string_view name) {
    std::fprintf(stderr, "evaluating %.*s\n", static_cast<int>(name.size()), name.data());
  };
  TRY(auto folds, eval::folds_of(protocol, std::move(tables.training), std::move(tables.test), arguments.seed));
  TRY(auto evaluation, eval::evaluate(std::move(folds), options));
  evaluation.table = arguments.test.empty() ? arguments.train.front() : arguments.test;
  evaluation.protocol = eval::name_of(protocol);
  evaluation.notes.insert(evaluation.notes.begin(), tables.notes.begin(), tables.notes.end());
  Evaluated evaluated{
      style == Style::kJson ? eval::to_json(evaluation) : eval::to_text(evaluation), !evaluation.methods.empty(), {}};
  write_if_named(arguments.json, eval::to_json(evaluation), evaluated.written);
  write_if_named(arguments.html, arguments.html.empty() ? "" : eval::to_html(evaluation), evaluated.written);
  return evaluated;
}

Result<Evaluated> run_eval(const EvalArguments& arguments, Style style) {
  const std::string name = !arguments.protocol.empty() ? arguments.protocol : arguments.test.empty() ? "id" : "given";
  TRY(const auto protocol, eval::parse_protocol(name));
  CHECK_OK(eval::check_method_names(arguments.methods));
  CHECK_OK(check_writable(arguments.json));
  CHECK_OK(check_writable(arguments.html));
  const bool unseen = protocol == eval::Protocol::kUnseen;
  if (unseen && (!arguments.html.empty() || arguments.robustness || !arguments.watts.empty()))
    return fail(ErrorKind::kInvalidInput, "--html, --robustness and --watts do not go with --protocol unseen");
  TRY(auto tables, read_all(arguments, protocol));
  return unseen ? eval_unseen(arguments, std::move(tables), style)
                : eval_folds(arguments, protocol, std::move(tables), style);
}

}  // namespace

int eval(const EvalArguments& arguments, Style style) {
  const auto evaluated = run_eval(arguments, style);
  if (!evaluated) return report(evaluated.error(), style);
  fmt::print("{}", evaluated->text);
  if (!evaluated->written) return report(evaluated->written.error(), Style::kText);
  if (evaluated->any_method) return base::kExitDone;
  std::fprintf(stderr, "no method could be evaluated; the notes say why\n");
  return base::kExitNo;
}

}  // namespace thalamus::app
