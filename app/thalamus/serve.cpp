// `thalamus serve`, `check` and `probe`: what runs or asks a gateway.
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "app/thalamus/verbs.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/base/log.h"
#include "thalamus/base/text.h"
#include "thalamus/gateway/check_config.h"
#include "thalamus/gateway/default_config.h"
#include "thalamus/gateway/gateway.h"
#include "thalamus/gateway/probe.h"

namespace thalamus::app {
namespace {

Result<gateway::Config> load(const std::string& path) {
  if (!path.empty()) return gateway::load_config(path);
  TRY(const auto found, gateway::default_config_path());
  return gateway::load_config(found);
}

void print_warnings(const gateway::Config& config) {
  for (const auto& warning : config.warnings) std::fprintf(stderr, "warning: %s\n", warning.text().c_str());
}

void print_hints(const gateway::Gateway& running) {
  const std::string url = running.base_url() + "/v1";
  const std::string route =
      running.runtime()->config().routes.empty() ? "" : running.runtime()->config().routes[0].name;
  const std::string_view key = running.runtime()->config().keys.empty() ? "" : " -H 'authorization: Bearer YOUR_KEY'";
  const auto curl = [&](std::string_view ask) {
    fmt::print(
        "  curl -si {}/chat/completions{} -H 'content-type: application/json' -H 'x-thalamus-explain: true' \\\n"
        "    -d '{{\"model\":\"{}\",\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}]}}'\n",
        url, key, route, ask);
  };
  fmt::print("\nTry, in another terminal:\n");
  curl("What is 347 * 29?");
  curl(
      "Ivan Petrov is 47 years old and lives in Utrecht. Give the facts as a JSON object with the keys name, "
      "age and city. Answer with only the JSON.");
  curl("What is the symbol of the element caesium? Reply with just the symbol.");
  fmt::print("\nThe OpenAI client works with base_url=\"{}\" and model=\"{}\". Metrics: {}/metrics\n", url, route,
             running.admin_url());
  std::fflush(stdout);
}

/// Blocks until SIGTERM or SIGINT; SIGHUP reads the configuration again. The signals must be blocked in every thread
/// before. What came of a reload is in the log.
void wait_for_end(const sigset_t& signals, gateway::Gateway& running) {
  for (;;) {
    int which = 0;
    sigwait(&signals, &which);
    if (which != SIGHUP) return;
    static_cast<void>(running.reload());
  }
}

sigset_t block_end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

std::atomic<bool> interrupted{false};

}  // namespace

int report(const Error& error, Style style) {
  if (style == Style::kJson) {
    base::JsonWriter out;
    out.begin_object().key("error").begin_object().field("kind", base::label(error.kind));
    out.field("message", error.message).field("where", error.where).end_object().end_object();
    fmt::print("{}\n", out.text());
  }
  std::fprintf(stderr, "error: %s\n", error.text().c_str());
  return base::exit_code(error.kind);
}

int serve(const ServeArguments& arguments, Style style) {
  const sigset_t signals = block_end_signals();
  std::signal(SIGPIPE, SIG_IGN);
  auto config = load(arguments.config);
  if (!config) return report(config.error(), style);
  print_warnings(*config);
  base::log_start(config->log_level, config->log_file.string());
  gateway::StartOptions options;
  options.state_folder = arguments.state_folder;
  auto running = gateway::Gateway::start(std::move(*config), options);
  if (!running) {
    base::log_stop();
    return report(running.error(), style);
  }
  fmt::print("thalamus {} listens on {}/v1 (admin {})\n", THALAMUS_VERSION, (*running)->base_url(),
             (*running)->admin_url());
  std::fflush(stdout);
  if (arguments.hints) print_hints(**running);
  wait_for_end(signals, **running);
  base::log_info("stopping: no new requests; those in flight may finish");
  (*running)->stop();
  base::log_stop();
  return base::kExitDone;
}

int check(const CheckArguments& arguments, Style style) {
  auto config = load(arguments.config);
  if (!config) return report(config.error(), style);
  auto checked = gateway::check_config(std::move(*config));
  if (!checked) return report(checked.error(), style);
  fmt::print("{}", style == Style::kJson ? gateway::to_json(*checked) : gateway::to_text(*checked));
  return checked->passed() ? base::kExitDone : base::kExitNo;
}

namespace {

Result<std::vector<check::Task>> probe_tasks(const ProbeArguments& arguments) {
  if (!arguments.tasks.empty()) return check::read_tasks(arguments.tasks);
  auto tasks = check::generate_tasks(arguments.seed, arguments.per_cell);
  if (arguments.families.empty()) return tasks;
  std::vector<std::string> known;
  for (const auto& family : check::families()) known.emplace_back(family.name);
  for (const auto& name : arguments.families)
    if (std::find(known.begin(), known.end(), name) == known.end())
      return fail(ErrorKind::kNotFound, "--families: unknown family '{}'{}", name, base::did_you_mean(name, known));
  std::erase_if(tasks, [&](const check::Task& task) {
    return std::find(arguments.families.begin(), arguments.families.end(), task.family) == arguments.families.end();
  });
  return tasks;
}

std::vector<gateway::ProbeTarget> probe_targets(const ProbeArguments& arguments, const gateway::Config* config) {
  std::vector<gateway::ProbeTarget> targets;
  const auto add = [&](const std::string& name) {
    gateway::ProbeTarget target{.name = name, .prices = {}, .priced = false};
    const auto* model = config == nullptr ? nullptr : config->find_model(name);
    if (model != nullptr && model->price_stated) target.prices = model->target.prices, target.priced = true;
    targets.push_back(std::move(target));
  };
  for (const auto& name : arguments.targets) add(name);
  if (targets.empty() && config != nullptr)
    for (const auto& model : config->models) add(model.target.name);
  return targets;
}

void print_probe(const gateway::ProbeReport& report, const ProbeArguments& arguments, Style style) {
  base::JsonWriter out;
  out.begin_object().field("table", arguments.out).field("complete", report.complete);
  out.field("stopped_because", report.stopped_because).key("targets").begin_array();
  for (const auto& target : report.targets) {
    const auto answered = static_cast<double>(std::max<std::uint64_t>(1, target.answered));
    out.begin_object().field("name", target.name).field("answered", target.answered).field("failed", target.failed);
    out.field("declined", target.declined).field("quality", target.quality_sum / answered);
    out.field("seconds", target.seconds_sum / answered).field("cost_usd", target.cost_usd).end_object();
    if (style == Style::kText)
      fmt::print("{:16} answered {:5}  declined {:5}  failed {:3}  quality {:.3f}  seconds {:.2f}  cost {:.4f} USD{}\n",
                 target.name, target.answered, target.declined, target.failed, target.quality_sum / answered,
                 target.seconds_sum / answered, target.cost_usd,
                 target.last_error.empty() ? "" : "  last error: " + target.last_error);
  }
  out.end_array().end_object();
  if (style == Style::kJson) fmt::print("{}\n", out.text());
  if (style == Style::kText) {
    fmt::print("table: {}{}\n", arguments.out, report.complete ? "" : " (" + report.stopped_because + ")");
  }
}

}  // namespace

int probe(const ProbeArguments& arguments, Style style) {
  std::signal(SIGINT, [](int) { interrupted = true; });
  std::signal(SIGTERM, [](int) { interrupted = true; });
  std::signal(SIGPIPE, SIG_IGN);
  auto tasks = probe_tasks(arguments);
  if (!tasks) return report(tasks.error(), style);
  gateway::ProbeOptions options;
  options.base_url = arguments.base_url;
  options.key = arguments.key;
  options.out = arguments.out;
  options.concurrency = arguments.concurrency;
  options.cost_max_usd = arguments.cost_max_usd;
  options.rate_max_per_second = arguments.rate_max;
  options.timeout_seconds = arguments.timeout_seconds;
  if (!arguments.quiet) options.progress_line = [](const std::string& line) { std::fputs(line.c_str(), stderr); };
  options.interrupted = &interrupted;
  std::unique_ptr<gateway::Gateway> own;
  if (arguments.base_url.empty()) {
    auto config = load(arguments.config);
    if (!config) return report(config.error(), style);
    options.targets = probe_targets(arguments, &*config);
    auto started = gateway::start_for_probe(std::move(*config));
    if (!started) return report(started.error(), style);
    own = std::move(*started);
    options.base_url = own->base_url() + "/v1";
  } else {
    options.targets = probe_targets(arguments, nullptr);
  }
  auto result = gateway::probe(*tasks, options);
  if (own) own->stop();
  if (!result) return report(result.error(), style);
  print_probe(*result, arguments, style);
  return result->complete ? base::kExitDone : base::kExitNo;
}

}  // namespace thalamus::app
