// The verb annotate: items and measured mixes -> who labels each item under a budget.
#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "app/thalamus/tables.h"
#include "app/thalamus/verbs.h"
#include "thalamus/base/file.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/eval/annotation.h"

namespace thalamus::app {
namespace {

Status check_arguments(const AnnotateArguments& arguments) {
  if (arguments.mixes.empty() == arguments.propose.empty())
    return fail(ErrorKind::kInvalidInput,
                "give one of --mixes FILE (measured mixes, to assign) and --propose FILE (mixes to measure)");
  const bool bounded = arguments.share >= 0 || arguments.budget_usd >= 0;
  if (!arguments.propose.empty() && (bounded || !arguments.out.empty()))
    return fail(ErrorKind::kInvalidInput,
                "--propose writes mixes to measure; leave --share, --budget-usd and --out for the call with --mixes");
  if (arguments.share >= 0 && arguments.budget_usd >= 0)
    return fail(ErrorKind::kInvalidInput, "--share and --budget-usd are two budgets; give one of them");
  CHECK_OK(check_writable(arguments.propose));
  return check_writable(arguments.out);
}

Result<learn::HybridPreferencesOptions> options_of(const AnnotateArguments& arguments) {
  TRY(auto values, base::parse_option_text(arguments.options));
  if (values.contains("share") && (arguments.share >= 0 || arguments.budget_usd >= 0))
    return fail(ErrorKind::kInvalidInput, "--options share= and {} are two budgets; give one of them",
                arguments.share >= 0 ? "--share" : "--budget-usd");
  if (arguments.share >= 0) values["share"] = fmt::format("{}", arguments.share);
  return base::parse_options<learn::HybridPreferencesOptions>(values);
}

int propose(const AnnotateArguments& arguments, const eval::AnnotationItems& items,
            const learn::HybridPreferencesOptions& options, Style style) {
  const auto lines = eval::propose_mixes(items, options, arguments.seed);
  if (!lines) return report(lines.error(), style);
  if (const Status written = base::write_file_atomic(arguments.propose, *lines); !written)
    return report(written.error(), style);
  if (style == Style::kJson) {
    base::JsonWriter json;
    json.begin_object().field("file", arguments.propose).field("items", std::uint64_t{items.ids.size()});
    json.field("mixes", options.simulations).end_object();
    fmt::print("{}\n", json.text());
  } else {
    fmt::print("{}: {} mixes from {} items; measure each, write its score and give the file to --mixes\n",
               arguments.propose, options.simulations, items.ids.size());
  }
  return base::kExitDone;
}

}  // namespace

int annotate(const AnnotateArguments& arguments, Style style) {
  if (const Status sound = check_arguments(arguments); !sound) return report(sound.error(), style);
  const auto options = options_of(arguments);
  if (!options) return report(options.error(), style);
  const auto items = eval::read_annotation_items(arguments.items);
  if (!items) return report(items.error(), style);
  if (!arguments.propose.empty()) return propose(arguments, *items, *options, style);
  const auto mixes = eval::read_measured_mixes(arguments.mixes, *items);
  if (!mixes) return report(mixes.error(), style);
  const auto budget_usd = arguments.budget_usd >= 0 ? std::optional(arguments.budget_usd) : std::nullopt;
  const auto annotation = eval::annotate(*items, *mixes, *options, budget_usd, arguments.seed);
  if (!annotation) return report(annotation.error(), style);
  const std::string lines = eval::annotation_lines(*items, *annotation);
  const std::string summary = style == Style::kJson ? eval::to_json(*annotation) : eval::to_text(*annotation);
  if (arguments.out.empty()) {
    fmt::print("{}", lines);
    std::fputs(summary.c_str(), stderr);
    return base::kExitDone;
  }
  if (const Status written = base::write_file_atomic(arguments.out, lines); !written)
    return report(written.error(), style);
  fmt::print("{}", summary);
  return base::kExitDone;
}

}  // namespace thalamus::app
