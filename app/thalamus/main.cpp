// Argument parsing of `thalamus`. Exit codes: 0 done, 1 the answer is "no", 2 usage or input, 3 environment.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <system_error>

#include "app/thalamus/verbs.h"
#include "app/thalamus/version.h"
#include "thalamus/base/text.h"

namespace {

using namespace thalamus::app;
using Run = std::function<int()>;

struct Chosen {
  Run run;
  bool json = false;
  [[nodiscard]] Style style() const { return json ? Style::kJson : Style::kText; }
};

CLI::App* add_verb(CLI::App& app, Chosen& chosen, const char* name, const char* help) {
  CLI::App* verb = app.add_subcommand(name, help);
  verb->add_flag("--json", chosen.json, "print JSON");
  return verb;
}

/// Refuses what is no number, is not finite or breaks the bound; the bound is said in `words`, not in digits.
CLI::Validator number_that(bool (*within)(double), const std::string& words) {
  const auto check = [within, words](const std::string& text) -> std::string {
    const auto number = thalamus::base::parse_number<double>(text);
    if (number && std::isfinite(*number) && within(*number)) return {};
    return fmt::format("expected {}, got '{}'", words, text);
  };
  return {check, ""};
}
CLI::Validator at_least_zero() {
  return number_that([](double number) { return number >= 0; }, "a finite number of at least 0");
}
CLI::Validator above_zero() {
  return number_that([](double number) { return number > 0; }, "a finite number above 0");
}

/// CLI11 itself takes "-1" for the largest unsigned number.
CLI::Validator whole_number() {
  const auto check = [](const std::string& text) -> std::string {
    if (thalamus::base::parse_number<std::uint64_t>(text)) return {};
    return fmt::format("expected a whole number of at least 0, got '{}'", text);
  };
  return {check, ""};
}

CLI::Validator given() {
  const auto check = [](const std::string& text) -> std::string {
    return thalamus::base::trim(text).empty() ? "expected a value, got an empty text; leave the option out instead"
                                              : "";
  };
  return {check, ""};
}

void add_serve(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<ServeArguments>();
  CLI::App* verb = add_verb(app, chosen, "serve", "run the gateway");
  verb->add_option("--config", arguments->config, "YAML file (default: the default configuration)");
  verb->add_option("--state", arguments->state_folder, "folder for sockets, logs and the trace (default: XDG state)");
  verb->add_flag("--hints", arguments->hints, "print three commands to try");
  verb->callback([=, &chosen] { chosen.run = [=, &chosen] { return serve(*arguments, chosen.style()); }; });
}

void add_check(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* verb = add_verb(app, chosen, "check", "validate a configuration and run its tests");
  verb->add_option("--config,config", arguments->config, "YAML file (default: the default configuration)");
  verb->callback([=, &chosen] { chosen.run = [=, &chosen] { return check(*arguments, chosen.style()); }; });
}

void add_probe(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<ProbeArguments>();
  CLI::App* verb =
      add_verb(app, chosen, "probe", "ask tasks with checkable answers; write an outcome table; resumable");
  verb->add_option("--config", arguments->config,
                   "YAML file whose targets are asked (default: the default configuration)");
  verb->add_option("--base-url", arguments->base_url,
                   "ask a server that runs already, for example http://127.0.0.1:8080/v1");
  verb->add_option("--key", arguments->key, "bearer key for --base-url");
  verb->add_option("--targets", arguments->targets, "models or routes to ask (default: every model)")->delimiter(',');
  verb->add_option("--tasks", arguments->tasks, "your own tasks, JSON lines (default: generated tasks)");
  verb->add_option("--seed", arguments->seed, "seed of the generated tasks")->check(whole_number());
  verb->add_option("--per-cell", arguments->per_cell, "tasks of each family and difficulty")
      ->check(CLI::Range(1, 10000));
  verb->add_option("--families", arguments->families, "families of generated tasks (default: all)")->delimiter(',');
  verb->add_option("--out", arguments->out, "outcome table to write (.jsonl, .jsonl.gz, .jsonl.zst)")->required();
  verb->add_option("--concurrency", arguments->concurrency, "answers asked for at the same time")
      ->check(CLI::Range(1, 256));
  verb->add_option("--cost-cap", arguments->cost_max_usd, "stop at this many USD")->check(at_least_zero());
  verb->add_option("--rate", arguments->rate_max, "requests a second at most")->check(at_least_zero());
  verb->add_option("--timeout", arguments->timeout_seconds, "seconds for one answer")->check(above_zero());
  verb->add_flag("--quiet", arguments->quiet, "no progress");
  verb->callback([=, &chosen] { chosen.run = [=, &chosen] { return probe(*arguments, chosen.style()); }; });
}

void add_train(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* verb = add_verb(app, chosen, "train", "learn a snapshot from an outcome table");
  verb->add_option("--data", arguments->data, "outcome table")->required()->check(given());
  verb->add_option("--method", arguments->method, "a method of `thalamus methods`, or auto")->check(given());
  verb->add_option("--options", arguments->options, "options of the method: k=50,weighted=true");
  verb->add_option("--features", arguments->features, "features (default: the method's)")
      ->delimiter(',')
      ->check(given());
  verb->add_option("--models", arguments->models, "columns to keep: A,B,... or @FILE")->check(given());
  verb->add_option("--seed", arguments->seed, "seed")->check(whole_number());
  verb->add_option("--answer-usd", arguments->answer_usd, "worth of a good answer that auto selects for")
      ->check(at_least_zero());
  verb->add_option("--second-usd", arguments->second_usd, "worth of a second that auto selects for")
      ->check(at_least_zero());
  verb->add_option("--out", arguments->out, "snapshot to write")->required()->check(given());
  verb->add_flag("--quiet", arguments->quiet, "no progress");
  verb->callback([=, &chosen] { chosen.run = [=, &chosen] { return train(*arguments, chosen.style()); }; });
}

void add_eval(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<EvalArguments>();
  CLI::App* verb = app.add_subcommand("eval", "methods x tables -> metrics with intervals");
  CLI::Option* json = verb->add_option("--json", arguments->json, "write JSON to a file; without one, print it");
  json->expected(0, 1);
  verb->add_option("--html", arguments->html, "write one self-contained page to a file")->check(given());
  verb->add_option("--train,--data", arguments->train, "outcome tables to learn from")
      ->required()
      ->check(given())
      ->delimiter(',');
  verb->add_option(
          "--test", arguments->test,
          "outcome table to score on (default: part of --train, by --protocol); rows without any recorded quality are "
          "left out and counted")
      ->check(given());
  verb->add_option("--protocol", arguments->protocol,
                   "given (two tables), id (70/30 within tasks), lodo (each task left out), unseen (a third of the "
                   "models joins late), cross (two tables, common models)")
      ->check(given());
  verb->add_option("--methods", arguments->methods, "methods, all, or snapshot:FILE")->delimiter(',')->check(given());
  verb->add_option("--models", arguments->models, "columns to keep: A,B,... or @FILE")->check(given());
  verb->add_option("--seed", arguments->seed, "seed")->check(whole_number());
  verb->add_option("--resamples", arguments->resamples,
                   "of the bootstrap (10000), or of the models under --protocol unseen (40)")
      ->check(CLI::Range(1, 1'000'000));
  verb->add_option("--watts", arguments->watts,
                   "mean power of a model while it answers, MODEL=WATTS,...: intelligence per watt, accuracy per joule")
      ->delimiter(',')
      ->check(given());
  verb->add_flag("--robustness", arguments->robustness, "variants, triggers, length, category, poisoning and more");
  verb->add_option("--answer-usd", arguments->answer_usd, "worth of a good answer (default: quality decides)")
      ->check(at_least_zero());
  verb->add_option("--second-usd", arguments->second_usd, "worth of a second")->check(at_least_zero());
  verb->callback([=, &chosen] {
    chosen.json = json->count() > 0 && arguments->json.empty();
    chosen.run = [=, &chosen] { return eval(*arguments, chosen.style()); };
  });
}

void add_annotate(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<AnnotateArguments>();
  CLI::App* verb =
      add_verb(app, chosen, "annotate", "items + measured mixes -> who labels each item, a human or a model");
  verb->add_option("--items", arguments->items,
                   "items, JSON lines: {\"id\",\"features\":{NAME: number, true, false or text},\"human_usd\"}")
      ->required()
      ->check(given());
  verb->add_option(
          "--mixes", arguments->mixes,
          "measured mixes, JSON lines: {\"human\":[ids],\"score\"}, and \"items\":[ids] of a mix of some items")
      ->check(given());
  verb->add_option("--propose", arguments->propose, "write mixes to measure to a file instead")->check(given());
  verb->add_option("--share", arguments->share, "of the items that humans may label (default: 0.5)")
      ->check(number_that([](double number) { return number >= 0 && number <= 1; }, "a number from 0 to 1"));
  verb->add_option("--budget-usd", arguments->budget_usd, "of human labels; each item then needs its human_usd")
      ->check(number_that([](double number) { return number >= 0 && number <= 9e6; }, "a number of USD from 0 to 9e6"));
  verb->add_option("--options", arguments->options,
                   "options of hybrid_preferences (thalamus methods): form=quadratic,simulations=200");
  verb->add_option("--seed", arguments->seed, "seed")->check(whole_number());
  verb->add_option("--out", arguments->out, "a line per item (default: standard output)")->check(given());
  verb->callback([=, &chosen] { chosen.run = [=, &chosen] { return annotate(*arguments, chosen.style()); }; });
}

void add_import(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<ImportArguments>();
  CLI::App* verb = add_verb(app, chosen, "import", "a public benchmark's files -> outcome table");
  verb->add_option("--format", arguments->format,
                   "routerbench, routellm, llmrouterbench, routerarena, embedllm or sprout")
      ->required()
      ->check(given());
  verb->add_option("--in", arguments->in, "files of that format")->required()->check(given());
  verb->add_option("--prices", arguments->prices,
                   "JSON, {\"MODEL\":{\"input\":USD,\"output\":USD}} per million tokens, where cost is not recorded")
      ->check(given());
  verb->add_option("--out", arguments->out, "outcome table to write (.jsonl, .jsonl.gz, .jsonl.zst)")->required();
  verb->callback([=, &chosen] { chosen.run = [=, &chosen] { return import_dataset(*arguments, chosen.style()); }; });
}

void add_route(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<RouteArguments>();
  CLI::App* verb = add_verb(app, chosen, "route", "snapshot + requests -> decisions, without a server");
  verb->add_option("--snapshot", arguments->snapshot, "snapshot")->required()->check(given());
  verb->add_option("--requests", arguments->requests, "requests or an outcome table, JSON lines")
      ->required()
      ->check(given());
  verb->add_option("--out", arguments->out, "decisions, JSON lines (default: standard output)")->check(given());
  verb->add_option("--answer-usd", arguments->answer_usd, "worth of a good answer (default: quality decides)")
      ->check(at_least_zero());
  verb->add_option("--second-usd", arguments->second_usd, "worth of a second")->check(at_least_zero());
  verb->add_option("--max-cost-usd", arguments->max_cost_usd, "hard limit on the cost of a request")
      ->check(above_zero());
  verb->callback([=, &chosen] { chosen.run = [=, &chosen] { return route(*arguments, chosen.style()); }; });
}

void add_explain(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<ExplainArguments>();
  CLI::App* verb =
      add_verb(app, chosen, "explain", "one prompt -> features, estimates, limits, choice, what would flip it");
  verb->add_option("--config", arguments->config, "YAML file (default: the default configuration)")->check(given());
  verb->add_option("--snapshot", arguments->snapshot, "a snapshot instead of a configuration")->check(given());
  verb->add_option("--route", arguments->route, "route of the configuration (default: the first)")->check(given());
  verb->add_option("prompt", arguments->prompt, "the prompt, or - for standard input")->required();
  verb->callback([=, &chosen] { chosen.run = [=, &chosen] { return explain(*arguments, chosen.style()); }; });
}

void add_distil(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<DistilArguments>();
  CLI::App* verb = add_verb(app, chosen, "distil", "sentence encoder -> token vectors of the feature static");
  verb->add_option("--dims", arguments->dims, "dimensions kept")->check(CLI::Range(1, 1024));
  verb->add_option("--out", arguments->out, "file to write (default: named by its content, in the cache folder)")
      ->check(given());
  verb->add_option("--model", arguments->model, "ONNX file (default: what tools/setup.sh --for encoder fetches)")
      ->check(given());
  verb->add_option("--vocabulary", arguments->vocabulary, "its vocabulary (default: the same)")->check(given());
  verb->add_option("--runtime", arguments->runtime, "ONNX Runtime's shared library (default: the same)")
      ->check(given());
  verb->add_flag("--quiet", arguments->quiet, "no progress");
  verb->callback([=, &chosen] { chosen.run = [=, &chosen] { return distil(*arguments, chosen.style()); }; });
}

void add_trace(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<TraceArguments>();
  CLI::App* verb = add_verb(app, chosen, "trace", "list, show, export decision records");

  verb->require_subcommand(1);
  CLI::App* list = verb->add_subcommand("list", "the newest records");
  list->add_option("--limit", arguments->limit, "how many")->check(whole_number());
  CLI::App* show = verb->add_subcommand("show", "one record");
  show->add_option("id", arguments->id, "decision id (or its beginning)")->required();
  CLI::App* export_verb = verb->add_subcommand("export", "write an outcome table");
  export_verb->add_option("--out", arguments->out, "outcome table to write")->required();
  for (CLI::App* action : {list, show, export_verb}) {
    action->add_flag("--json", chosen.json, "print JSON");
    action->add_option("--folder", arguments->folder, "trace folder (default: the gateway's)");
    action->callback([=] { arguments->action = action->get_name(); });
  }
  verb->callback([=, &chosen] { chosen.run = [=, &chosen] { return trace(*arguments, chosen.style()); }; });
}

void add_simulate(CLI::App& app, Chosen& chosen) {
  auto arguments = std::make_shared<SimulateArguments>();
  CLI::App* verb = add_verb(app, chosen, "simulate", "workload + fleet + faults -> what the operator would see");
  verb->add_option("--scenario", arguments->scenario, "scenario file (default: the built-in one)");
  verb->add_option("--seed", arguments->seed, "seed; the same seed gives the same run, bit for bit")
      ->check(whole_number());
  verb->callback([=, &chosen] { chosen.run = [=, &chosen] { return simulate(*arguments, chosen.style()); }; });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Thalamus: a routing engine for LLM systems.\nExit codes: 0 done, 1 the answer is \"no\", 2 usage or input, 3 "
      "environment.");
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  Chosen chosen;
  add_serve(app, chosen);
  add_check(app, chosen);
  add_probe(app, chosen);
  add_train(app, chosen);
  add_eval(app, chosen);
  add_annotate(app, chosen);
  add_import(app, chosen);
  add_route(app, chosen);
  add_explain(app, chosen);
  CLI::App* methods_verb = add_verb(app, chosen, "methods", "every registered method of every level");
  methods_verb->callback([&chosen] { chosen.run = [&chosen] { return methods(chosen.style()); }; });
  add_distil(app, chosen);
  add_trace(app, chosen);
  add_simulate(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : thalamus::base::kExitUsage;
  }
  try {
    return chosen.run();
  } catch (const std::system_error& error) {
    // What is printed could not be written: a full disk behind a redirection, a closed pipe.
    std::fprintf(stderr, "error: standard output: %s\n", error.code().message().c_str());
    return thalamus::base::kExitEnvironment;
  }
}
