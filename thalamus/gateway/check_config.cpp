#include "thalamus/gateway/check_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "thalamus/base/clock.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/gateway/decision.h"
#include "thalamus/net/asio.h"
#include "thalamus/net/connector.h"

namespace thalamus::gateway {
namespace {

std::string chat_body(const std::string& model, const std::string& ask) {
  base::JsonWriter out;
  out.begin_object().field("model", model).key("messages").begin_array().begin_object();
  out.field("role", "user").field("content", ask).end_object().end_array().end_object();
  return out.take();
}

ConfigTestResult run_test(CoreState& core, const Runtime& runtime, const ConfigTest& test) {
  const Config& config = runtime.config();
  ConfigTestResult result;
  result.where = test.where;
  result.ask = test.ask;
  result.route = config.routes[test.route].name;
  if (test.expect_target) result.expected = config.models[*test.expect_target].target.name;
  net::HttpRequest http;
  http.method = "POST";
  http.path = "/v1/decision";
  http.body = chat_body(result.route, test.ask);
  core::Request request;
  Decision decision;
  const Status prepared = prepare(core, runtime, *wire::find_format("openai"), http, request, decision);
  if (!prepared) {
    result.note = prepared.error().text();
    return result;
  }
  if (decision.plan.empty()) {
    result.note = decision.infeasible_error().text();
    return result;
  }
  result.chosen = decision.route->targets[decision.plan.first()].name;
  result.passed = result.expected.empty() || result.chosen == result.expected;
  if (!result.passed) result.note = decision.reason_text(core.estimates);
  if (test.expect_contains.empty()) return result;
  if (!decision.solution) {
    result.note += fmt::format("{}what a model answers is not checked here", result.note.empty() ? "" : "; ");
  } else if (decision.solution->text().find(test.expect_contains) == std::string::npos) {
    result.passed = false;
    result.note = fmt::format("the answer '{}' does not contain '{}'", decision.solution->text(), test.expect_contains);
  }
  return result;
}

void append_change(const RunningDifference& change, std::string& out) {
  if (!change.running && change.note.empty()) {
    out += "no gateway runs at this configuration's admin address\n";
    return;
  }
  if (!change.note.empty()) {
    out += fmt::format("not compared with what runs at the admin address: {}\n", change.note);
    return;
  }
  out += change.lines.empty() ? "the running gateway has this configuration; credentials and snapshots not compared\n"
                              : "against the running gateway (credentials and snapshots not compared):\n";
  for (const auto& line : change.lines) out += line + "\n";
}

}  // namespace

bool ConfigReport::passed() const noexcept {
  return std::all_of(tests.begin(), tests.end(), [](const ConfigTestResult& test) { return test.passed; });
}

Result<ConfigReport> check_config(Config config) {
  ConfigReport report;
  report.path = config.path.string();
  report.providers = config.providers.size();
  report.models = config.models.size();
  report.routes = config.routes.size();
  for (const auto& warning : config.warnings) report.warnings.push_back(warning.text());
  report.change = compare_with_running(config);
  // Keys protect a server; the operator who checks a file needs none.
  config.keys.clear();
  TRY(const auto runtime, Runtime::make(std::move(config), 0, std::filesystem::temp_directory_path()));
  report.warnings.insert(report.warnings.end(), runtime->warnings().begin(), runtime->warnings().end());
  base::SystemClock clock;
  base::Metrics metrics;
  Telemetry telemetry(metrics);
  Shared shared{clock, telemetry, nullptr};
  boost::asio::io_context context(1);
  net::TcpConnector connector(context);
  CoreState core(0, shared, connector, 1);
  for (const ConfigTest& test : runtime->config().tests) report.tests.push_back(run_test(core, *runtime, test));
  return report;
}

std::string to_text(const ConfigReport& report) {
  std::string out = fmt::format("{}: {} providers, {} models, {} routes\n", report.path, report.providers,
                                report.models, report.routes);
  for (const auto& warning : report.warnings) out += fmt::format("warning: {}\n", warning);
  for (const auto& test : report.tests) {
    out += fmt::format("{}  {}  \"{}\" -> {}{}{}\n", test.passed ? "pass" : "FAIL", test.where, test.ask,
                       test.chosen.empty() ? "nothing" : test.chosen,
                       test.passed || test.expected.empty() ? "" : " (expected " + test.expected + ")",
                       test.note.empty() ? "" : "  [" + test.note + "]");
  }
  const auto failed =
      std::count_if(report.tests.begin(), report.tests.end(), [](const auto& test) { return !test.passed; });
  out += fmt::format("{} tests, {} failed\n", report.tests.size(), failed);
  append_change(report.change, out);
  return out;
}

std::string to_json(const ConfigReport& report) {
  base::JsonWriter out;
  out.begin_object().field("path", report.path).field("passed", report.passed());
  out.key("warnings").begin_array();
  for (const auto& warning : report.warnings) out.value(warning);
  out.end_array().key("tests").begin_array();
  for (const auto& test : report.tests) {
    out.begin_object().field("where", test.where).field("ask", test.ask).field("route", test.route);
    out.field("chosen", test.chosen)
        .field("expected", test.expected)
        .field("passed", test.passed)
        .field("note", test.note);
    out.end_object();
  }
  out.end_array().key("running").begin_object().field("running", report.change.running);
  out.field("note", report.change.note).key("lines").begin_array();
  for (const auto& line : report.change.lines) out.value(line);
  out.end_array().end_object().end_object();
  return out.take() + "\n";
}

}  // namespace thalamus::gateway
