// The verbs that work on files: train, import, route, explain, methods, trace, simulate.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <optional>
#include <utility>

#include "app/thalamus/tables.h"
#include "app/thalamus/verbs.h"
#include "thalamus/base/clock.h"
#include "thalamus/base/file.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/base/text.h"
#include "thalamus/eval/catalogue.h"
#include "thalamus/eval/dataset.h"
#include "thalamus/eval/decisions.h"
#include "thalamus/eval/records.h"
#include "thalamus/gateway/default_config.h"
#include "thalamus/learn/train.h"
#include "thalamus/route/decide.h"
#include "thalamus/sim/simulator.h"
#include "thalamus/tool/tool.h"
#include "thalamus/trace/export.h"
#include "thalamus/trace/record_log.h"

namespace thalamus::app {
namespace {

core::Contract contract_of(double answer_usd, double second_usd, double max_cost_usd) {
  core::Contract contract;
  if (answer_usd > 0 || second_usd > 0) contract.worth = core::Worth{answer_usd, second_usd};
  if (max_cost_usd > 0) contract.max_cost_usd = max_cost_usd;
  return contract;
}

/// Set by an interruption from the keyboard; the only state that a signal can reach.
std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

/// The first interruption ends the work at its next step; the second ends the process. What is written is written
/// whole, so either leaves an earlier file as it was.
void watch_interruption() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
}

void show_progress(std::string_view stage, double done) {
  std::fprintf(stderr, "\r\x1b[K%.*s %.0f %%%s", static_cast<int>(stage.size()), stage.data(), done * 100,
               done >= 1 ? "\n" : "");
}

void print_training(const learn::TrainReport& report, const route::Snapshot& snapshot, const std::string& out,
                    Style style) {
  if (style == Style::kText) {
    for (const auto& candidate : report.candidates) {
      std::string how;
      if (!candidate.features.empty()) how = fmt::format(" on {}", fmt::join(candidate.features, ", "));
      for (const auto& [name, value] : candidate.options) how += " " + name + "=" + value;
      fmt::print("{} {:14}{:46} quality {:.4f} +- {:.4f}{}\n", candidate.chosen ? "*" : " ", candidate.method, how,
                 candidate.quality, candidate.quality_se,
                 candidate.weight > 0 ? fmt::format(", weight {:.2f}", candidate.weight) : "");
    }
    fmt::print("\n{}\n", report.words);
    for (const auto& warning : report.warnings) fmt::print("warning: {}\n", warning);
    fmt::print("snapshot: {} ({}, {} rows, hash {:016x})\n", out, snapshot.header().method, report.rows,
               snapshot.content_hash());
    return;
  }
  base::JsonWriter json;
  json.begin_object().field("snapshot", out).field("method", snapshot.header().method).field("rows", report.rows);
  json.field("hash", fmt::format("{:016x}", snapshot.content_hash())).field("best_single", report.best_single);
  json.field("best_single_quality", report.best_single_quality).field("gain", report.gain_over_best_single);
  json.key("gain_ci95").begin_array().value(report.gain_low).value(report.gain_high).end_array();
  json.field("brier", report.brier).field("ece", report.calibration_error).field("words", report.words);
  json.key("warnings").begin_array();
  for (const auto& warning : report.warnings) json.value(warning);
  json.end_array().key("candidates").begin_array();
  for (const auto& candidate : report.candidates) {
    json.begin_object().field("method", candidate.method).field("quality", candidate.quality);
    json.field("quality_se", candidate.quality_se).field("weight", candidate.weight);
    json.field("chosen", candidate.chosen).end_object();
  }
  json.end_array();
  if (report.blend) {
    json.key("blend")
        .begin_object()
        .field("safe_model", report.blend->safe_model)
        .field("margin", report.blend->margin);
    json.field("outer_folds", report.blend->outer_folds);
    json.field("configurations", static_cast<std::uint64_t>(report.blend->configurations)).key("pool").begin_array();
    for (const auto& name : report.blend->pool) json.value(name);
    json.end_array().key("distilled").begin_array();
    for (const auto& name : report.blend->distilled) json.value(name);
    json.end_array().end_object();
  }
  json.end_object();
  fmt::print("{}\n", json.text());
}

Result<std::filesystem::path> trace_folder(const std::string& given) {
  if (!given.empty()) return std::filesystem::path(given);
  TRY(const auto state, base::state_folder());
  return state / "trace";
}

int list_records(const std::filesystem::path& folder, const TraceArguments& arguments, Style style) {
  std::vector<std::string> lines;
  std::uint64_t total = 0;
  std::string torn;
  const Status read = trace::read_records(
      folder,
      [&](const core::Turn& turn) {
        ++total;
        lines.push_back(style == Style::kJson ? eval::record_json(turn) : eval::record_line(turn));
        if (lines.size() > arguments.limit) lines.erase(lines.begin());
        return true;
      },
      &torn);
  if (!read) return report(read.error(), style);
  for (const auto& line : lines) fmt::print("{}\n", line);
  if (!torn.empty()) std::fprintf(stderr, "note: %s\n", torn.c_str());
  if (style == Style::kText) fmt::print("{} of {} records\n", lines.size(), total);
  return base::kExitDone;
}

int show_record(const std::filesystem::path& folder, const TraceArguments& arguments, Style style) {
  std::string found;
  const Status read = trace::read_records(folder, [&](const core::Turn& turn) {
    if (turn.decision_id.starts_with(arguments.id)) found = eval::record_json(turn);
    return found.empty();
  });
  if (!read) return report(read.error(), style);
  if (found.empty())
    return report({ErrorKind::kNotFound, fmt::format("no record '{}' in {}", arguments.id, folder.string()), {}},
                  style);
  fmt::print("{}\n", found);
  return base::kExitDone;
}

int export_records(const std::filesystem::path& folder, const TraceArguments& arguments, Style style) {
  if (const Status writable = check_writable(arguments.out); !writable) return report(writable.error(), style);
  trace::ExportCounts counts;
  auto table = trace::export_turns(folder, &counts);
  if (!table) return report(table.error(), style);
  if (const Status written = trace::write_outcome_table(*table, arguments.out); !written)
    return report(written.error(), style);
  fmt::print("{}: {} rows from {} records ({} unanswered, {} without recorded content)\n", arguments.out,
             table->rows.size(), counts.records, counts.unanswered, counts.without_content);
  return base::kExitDone;
}

}  // namespace

int train(const TrainArguments& arguments, Style style) {
  if (arguments.second_usd > 0 && !(arguments.answer_usd > 0))
    return report(
        {ErrorKind::kInvalidInput,
         "--second-usd counts only beside --answer-usd; say what a good answer is worth with --answer-usd USD",
         {}},
        style);
  if (const Status writable = check_writable(arguments.out); !writable) return report(writable.error(), style);
  learn::TrainOptions options;
  options.method = arguments.method;
  auto parsed = base::parse_option_text(arguments.options);
  if (!parsed) return report(parsed.error(), style);
  options.options = std::move(*parsed);
  auto table = read_table(arguments.data, arguments.models);
  if (!table) return report(table.error(), style);
  if (const Status enough = check_learnable(*table, arguments.data); !enough) return report(enough.error(), style);
  options.features = arguments.features;
  options.seed = arguments.seed;
  if (arguments.answer_usd > 0) options.worth = core::Worth{arguments.answer_usd, arguments.second_usd};
  const bool shown = !arguments.quiet && ::isatty(STDERR_FILENO) == 1;
  options.progress = [shown](std::string_view stage, double done) {
    if (shown) show_progress(stage, done);
    return !interrupted;
  };
  watch_interruption();
  auto trained = learn::train(*table, options);
  if (!trained) return report(trained.error(), style);
  if (interrupted) return report({ErrorKind::kCancelled, "training was interrupted", {}}, style);
  const Status written = base::write_file_atomic(arguments.out, trained->snapshot->bytes());
  print_training(trained->report, *trained->snapshot, arguments.out, style);
  if (!written) return report(written.error(), Style::kText);
  return base::kExitDone;
}

int import_dataset(const ImportArguments& arguments, Style style) {
  if (const Status writable = check_writable(arguments.out); !writable) return report(writable.error(), style);
  eval::ImportInput input;
  for (const auto& path : arguments.in) input.files.emplace_back(path);
  if (!arguments.prices.empty()) {
    const auto bytes = base::read_file(arguments.prices);
    if (!bytes) return report(bytes.error(), style);
    auto prices = eval::parse_token_prices(*bytes, arguments.prices);
    if (!prices) return report(prices.error(), style);
    input.prices = std::move(*prices);
  }
  const auto table = eval::import_dataset(arguments.format, input);
  if (!table) return report(table.error(), style);
  if (const Status written = trace::write_outcome_table(*table, arguments.out); !written)
    return report(written.error(), style);
  if (style == Style::kJson) {
    base::JsonWriter json;
    json.begin_object().field("table", arguments.out).field("rows", std::uint64_t{table->rows.size()});
    json.field("models", std::uint64_t{table->models.size()}).end_object();
    fmt::print("{}\n", json.text());
  } else {
    fmt::print("{}: {} rows, {} models\n", arguments.out, table->rows.size(), table->models.size());
  }
  return base::kExitDone;
}

int route(const RouteArguments& arguments, Style style) {
  if (const Status writable = check_writable(arguments.out); !writable) return report(writable.error(), style);
  auto snapshot = route::Snapshot::load_file(arguments.snapshot);
  if (!snapshot) return report(snapshot.error(), style);
  auto requests = trace::read_requests(arguments.requests);
  if (!requests) return report(requests.error(), style);
  const auto contract = contract_of(arguments.answer_usd, arguments.second_usd, arguments.max_cost_usd);
  const std::string lines = eval::route_batch(**snapshot, *requests, contract);
  if (arguments.out.empty()) {
    fmt::print("{}", lines);
  } else if (const Status written = base::write_file_atomic(arguments.out, lines); !written) {
    return report(written.error(), style);
  }
  return base::kExitDone;
}

namespace {

/// The snapshot, targets and contract that `explain` is about.
struct Subject {
  std::shared_ptr<const route::Snapshot> snapshot;  ///< null: the targets are tried in their order
  std::vector<core::Target> targets;
  std::vector<std::pair<std::string, const tool::Tool*>> tools;  ///< asked before anything is estimated
  core::Contract contract;
};

Result<Subject> subject_of(const ExplainArguments& arguments) {
  Subject subject;
  if (!arguments.snapshot.empty()) {
    if (!arguments.route.empty() || !arguments.config.empty())
      return fail(ErrorKind::kInvalidInput,
                  "--snapshot explains a snapshot alone; leave {} out, or leave --snapshot out to explain a route",
                  arguments.route.empty() ? "--config" : "--route");
    TRY(subject.snapshot, route::Snapshot::load_file(arguments.snapshot));
    subject.targets = subject.snapshot->own_targets();
    return subject;
  }
  std::filesystem::path path = arguments.config;
  if (path.empty()) {
    TRY(path, gateway::default_config_path());
  }
  TRY(const auto config, gateway::load_config(path));
  const gateway::Route* route =
      arguments.route.empty() && !config.routes.empty() ? &config.routes[0] : config.find_route(arguments.route);
  if (route == nullptr)
    return fail(ErrorKind::kNotFound, "there is no route '{}' in {}", arguments.route, path.string());
  if (!route->snapshot.empty()) {
    TRY(subject.snapshot, route::Snapshot::load_file(route->snapshot));
  }
  subject.contract.add(route->contract);
  for (const std::size_t index : route->targets) {
    const gateway::ModelEntry& model = config.models[index];
    if (model.provider) subject.targets.push_back(model.target);
    const tool::ToolRecord* record = tool::find_tool(model.tool);
    if (record != nullptr && route::permitted(subject.contract, model.target))
      subject.tools.emplace_back(model.target.name, &record->instance());
  }
  return subject;
}

/// The first tool that is certain of the prompt, and its answer.
std::optional<std::pair<std::string, tool::Solution>> claimed(const Subject& subject, const std::string& prompt) {
  core::Request request;
  core::Message message;
  message.parts.push_back({core::PartKind::kText, prompt});
  request.messages.push_back(std::move(message));
  const base::SystemClock clock;
  const tool::Context context{.unix_s = clock.unix_ns() / 1'000'000'000};
  for (const auto& [name, tool] : subject.tools)
    if (auto solution = tool->solve(request, context)) return std::pair(name, std::move(*solution));
  return std::nullopt;
}

eval::Explanation explain_order(const Subject& subject) {
  eval::Explanation out;
  base::JsonWriter json;
  json.begin_object().key("order").begin_array();
  out.text = "no router: nothing is estimated, the targets are tried in their order";
  for (std::size_t i = 0; i < subject.targets.size(); ++i) {
    out.text += fmt::format("{}{}", i == 0 ? ": " : ", ", subject.targets[i].name);
    json.value(subject.targets[i].name);
  }
  out.text += "\n";
  out.json = json.end_array().end_object().take() + "\n";
  return out;
}

}  // namespace

int explain(const ExplainArguments& arguments, Style style) {
  auto subject = subject_of(arguments);
  if (!subject) return report(subject.error(), style);
  std::string prompt = arguments.prompt;
  if (prompt == "-") prompt.assign(std::istreambuf_iterator<char>(std::cin), {});
  const auto explanation = subject->snapshot
                               ? eval::explain_prompt(*subject->snapshot, prompt, subject->targets, subject->contract)
                               : explain_order(*subject);
  const auto certain = claimed(*subject, prompt);
  if (!certain) {
    fmt::print("{}", style == Style::kJson ? explanation.json : explanation.text);
  } else if (style == Style::kJson) {
    base::JsonWriter out;
    out.begin_object().field("claimed_by", certain->first).field("answer", certain->second.answer);
    out.key("otherwise").raw(base::trim(explanation.json)).end_object();
    fmt::print("{}\n", out.text());
  } else {
    fmt::print("{} is certain of it and answers: {}\nHad no tool been certain:\n\n{}", certain->first,
               certain->second.answer, explanation.text);
  }
  return base::kExitDone;
}

int methods(Style style) {
  const auto rows = eval::catalogue();
  fmt::print("{}", style == Style::kJson ? eval::to_json(rows) : eval::to_text(rows));
  return base::kExitDone;
}

int trace(const TraceArguments& arguments, Style style) {
  auto folder = trace_folder(arguments.folder);
  if (!folder) return report(folder.error(), style);
  if (arguments.action == "show") return show_record(*folder, arguments, style);
  if (arguments.action == "export") return export_records(*folder, arguments, style);
  return list_records(*folder, arguments, style);
}

int simulate(const SimulateArguments& arguments, Style style) {
  std::string text = R"(workload rate=4 seconds=600 client_gone=0.02
contract answer_usd=0.02 second_usd=0.001
target small service_ms=400 quality=0.6 fail_before=0.01 concurrency=4
target large service_ms=1500 quality=0.8 fail_before=0.02 concurrency=4 outage=100..160
)";
  if (!arguments.scenario.empty()) {
    auto bytes = base::read_file(arguments.scenario, sim::kScenarioBytesMax);
    if (!bytes) return report(bytes.error(), style);
    text = std::move(*bytes);
  }
  auto scenario = sim::parse_scenario(text);
  if (!scenario) return report(scenario.error(), style);
  const auto simulated = sim::simulate(*scenario, arguments.seed);
  fmt::print("{}\n", style == Style::kJson ? sim::to_json(simulated) : sim::to_text(simulated));
  return simulated.violation_count == 0 ? base::kExitDone : base::kExitNo;
}

}  // namespace thalamus::app
