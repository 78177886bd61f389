/// Configurations that are refused: the exact message of each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "thalamus/gateway/config.h"

namespace thalamus::gateway {
namespace {

using testing::HasSubstr;

std::optional<std::string> nothing(const std::string&) { return std::nullopt; }

std::string refusal(const std::string& text) {
  const auto config = parse_config(text, "c.yaml", nothing);
  return config ? "accepted" : config.error().text();
}

struct Bad {
  std::string text;
  std::string message;
};

/// One fault in an otherwise good configuration, so that the whole message is that fault's.
const std::string kHead = "version: 1\n";
const std::string kProviders = "providers: { up: { base_url: http://127.0.0.1:9 } }\n";
const std::string kModels = "models: [{ name: m, provider: up }, { name: t, tool: dates }]\n";
const std::string kRoutes = "routes: [{ name: auto, targets: [m, t] }]\n";
std::string server(const std::string& lines) { return kHead + kProviders + kModels + kRoutes + lines; }
std::string provider(const std::string& text) {
  return kHead + "providers: { up: " + text + " }\n" + kModels + kRoutes;
}
std::string model(const std::string& text) {
  return kHead + kProviders + "models: [{ name: m, provider: up }, { name: t, tool: dates }, " + text + "]\n" + kRoutes;
}
std::string route(const std::string& text) { return kHead + kProviders + kModels + "routes: [" + text + "]\n"; }

void expect_all(const std::vector<Bad>& cases) {
  for (const auto& bad : cases) EXPECT_EQ(refusal(bad.text), bad.message) << bad.text;
}

TEST(ConfigErrors, OfTheFileAsAWhole) {
  expect_all({
      {"", "c.yaml: the file is empty; expected at least `version: 1` and `routes:`"},
      {"# nothing\n", "c.yaml: the file is empty; expected at least `version: 1` and `routes:`"},
      {"version: 1\n---\nversion: 1\n",
       "c.yaml:2:1: not valid YAML: something follows the end of the document; expected one document"},
      {",version: 1\n", "c.yaml:1:1: not valid YAML: something follows the end of the document; expected one document"},
      {"version: 1\n}\n", "c.yaml:2:1: not valid YAML: illegal flow end"},
      {"[1] 2\n", "c.yaml:1:5: not valid YAML: something follows the end of the document; expected one document"},
      {"- 1\n", "c.yaml:1:1: the file: expected a mapping of names to values, got a list"},
      {"just text\n", "c.yaml:1:1: the file: expected a mapping of names to values, got a single value"},
      {"version: [1\n", "c.yaml:2:1: not valid YAML: end of sequence flow not found"},
      {"a: b: c\n", "c.yaml:1:5: not valid YAML: illegal map value"},
      {"version: 1\n\tthreads: 2\n", "c.yaml:2:1: not valid YAML: illegal tab when looking for indentation"},
      {"version: 1\nversion: 1\n", "c.yaml:2:1: 'version' is given twice; the first is on line 1"},
      {"version: 1\n? [a]\n: b\n", "c.yaml:2:3: expected a name before ':'"},
      {"version: 1\n<<: { a: b }\n",
       "c.yaml:2:1: merge keys ('<<') are not supported; write the fields out, or alias a whole value"},
      {"version: 1\nx: \x07\n", "c.yaml:2:4: a control character (byte 7); remove it"},
      {"version: 1\n",
       "c.yaml:1:1: models is missing; expected a list of targets\nc.yaml:1:1: routes is missing; expected a list of "
       "routes"},
      {kProviders + kModels + kRoutes, "c.yaml:1:1: version is missing; expected version: 1"},
      {"version: 2\n" + kProviders + kModels + kRoutes, "c.yaml:1:10: version: expected 1, got '2'"},
      {"version: \"1\"\n" + kProviders + kModels + kRoutes, "c.yaml:1:10: version: expected 1, got '1' in quotes"},
      {server("provders: {}\n"), "c.yaml:5:1: unknown field 'provders', did you mean 'providers'?"},
      {server("zzzzzzzzzzzzzz: {}\n"),
       "c.yaml:5:1: unknown field 'zzzzzzzzzzzzzz'; known: version, listen, admin, admin_token, tls, allow_any_key, "
       "threads, models_folder, log, limits, trace, spans, ..."},
  });
}

TEST(ConfigErrors, OfTheServersSections) {
  expect_all({
      {server("listen: 8080\n"),
       "c.yaml:5:9: listen: expected an address such as 127.0.0.1:8080 or [::1]:8080, got '8080'"},
      {server("listen: 127.0.0.1:99999\n"),
       "c.yaml:5:9: listen: expected an address such as 127.0.0.1:8080 or [::1]:8080, got '127.0.0.1:99999'"},
      {server("listen: [1, 2]\n"), "c.yaml:5:9: listen: expected a text, got a list"},
      {server("listen:\n"), "c.yaml:5:1: listen: expected a text, got nothing"},
      {server("listen: \"[zz]:80\"\n"),
       "c.yaml:5:9: listen: expected an address such as 127.0.0.1:8080 or [::1]:8080, got '[zz]:80'"},
      {server("listen: 0.0.0.0:8080\n"),
       "c.yaml:5:9: listen: 0.0.0.0:8080 can be reached from other machines, but no `keys` are configured; add keys, "
       "listen on 127.0.0.1, or say `allow_any_key: true`"},
      {server("listen: 127.0.0.1:5000\nadmin: 127.0.0.1:5000\n"),
       "c.yaml:6:8: admin: 127.0.0.1:5000 is the address of `listen`"},
      {server("admin: here\n"),
       "c.yaml:5:8: admin: expected an address such as 127.0.0.1:8080 or [::1]:8080, got 'here'"},
      {server("tls: { key: k, certificate: c, ca: a }\n"),
       "c.yaml:5:32: unknown field 'ca' in tls; known: certificate, key, client_ca"},
      {server("tls: on\n"), "c.yaml:5:6: tls: expected 'none', got 'on', did you mean 'none'?"},
      {server("allow_any_key: yes\n"), "c.yaml:5:16: allow_any_key: expected true or false, got 'yes'"},
      {server("threads: -1\n"), "c.yaml:5:10: threads: expected an integer from 0 to 1024, got '-1'"},
      {server("threads: 1.5\n"), "c.yaml:5:10: threads: expected an integer from 0 to 1024, got '1.5'"},
      {server("threads: { a: 1 }\n"), "c.yaml:5:10: threads: expected an integer from 0 to 1024, got a mapping"},
      {server("threads: ${env:THREADS}\n"), "c.yaml:5:10: threads: the environment variable THREADS is not set"},
      {server("threads: ${evn:THREADS}\n"),
       "c.yaml:5:10: threads: unknown reference ${evn:THREADS}; expected ${env:NAME}"},
      {server("threads: ${file:threads}\n"),
       "c.yaml:5:10: threads: ${file:...} is for credentials only; use ${env:NAME}"},
      {server("threads: ${env:THREADS\n"), "c.yaml:5:10: threads: '${' without '}' on the same line"},
      {server("log: { level: verbose }\n"),
       "c.yaml:5:15: log.level: expected one of debug, info, warning, error, got 'verbose'"},
      {server("log: { level: infos }\n"),
       "c.yaml:5:15: log.level: expected one of debug, info, warning, error, got 'infos', did you mean 'info'?"},
      {server("log: info\n"), "c.yaml:5:6: log: expected a mapping of names to values, got a single value"},
      {server("limits: { body_bytes: 1TB }\n"),
       "c.yaml:5:23: limits.body_bytes: expected a size such as 64MiB, from 1024 to 1073741824 bytes, got '1TB'"},
      {server("limits: { body_bytes: 2GiB }\n"),
       "c.yaml:5:23: limits.body_bytes: expected a size such as 64MiB, from 1024 to 1073741824 bytes, got '2GiB'"},
      {server("limits: { depth: 2 }\n"), "c.yaml:5:18: limits.depth: expected an integer from 4 to 512, got '2'"},
      {server("limits: { head_timeout: 10 }\n"),
       "c.yaml:5:25: limits.head_timeout: expected a duration such as 30s (ms, s, m, h), from 1ms to 3600s, got '10'"},
      {server("limits: { head_timeout: 2h }\n"),
       "c.yaml:5:25: limits.head_timeout: expected a duration such as 30s (ms, s, m, h), from 1ms to 3600s, got '2h'"},
      {server("limits: { idle_timeout: soon }\n"),
       "c.yaml:5:25: limits.idle_timeout: expected a duration such as 30s (ms, s, m, h), from 1ms to 3600s, got "
       "'soon'"},
      {server("limits: { headrs: 3 }\n"), "c.yaml:5:11: unknown field 'headrs' in limits, did you mean 'headers'?"},
      {server("trace: { segments: 0 }\n"),
       "c.yaml:5:20: trace.segments: expected an integer from 1 to 100000, got '0'"},
      {server("trace: { content: maybe }\n"), "c.yaml:5:19: trace.content: expected true or false, got 'maybe'"},
      {server("trace: { segment_bytes: 1KiB }\n"),
       "c.yaml:5:25: trace.segment_bytes: expected a size such as 64MiB, from 65536 to 1073741824 bytes, got '1KiB'"},
      {server("trace: [1]\n"), "c.yaml:5:8: trace: expected a mapping of names to values, got a list"},
  });
}

TEST(ConfigErrors, OfProviders) {
  expect_all({
      {kHead + "providers: [1]\n" + kModels + kRoutes,
       "c.yaml:2:12: providers: expected a mapping of names to providers, got a list\nc.yaml:3:31: models[0].provider: "
       "unknown provider 'up'; there are none"},
      {provider("{}"), "c.yaml:2:18: providers.up: one of `base_url` and `model_file` is needed"},
      {provider("text"), "c.yaml:2:18: providers.up: expected a mapping of names to values, got a single value"},
      {provider("{ base_url: ftp://x }"),
       "c.yaml:2:30: providers.up.base_url: base URL 'ftp://x': expected http://host[:port][/path], "
       "https://host[:port][/path] or unix:/path[:/base]"},
      {provider("{ base_url: ${env:URL} }"),
       "c.yaml:2:30: providers.up.base_url: the environment variable URL is not set"},
      {provider("{ base_url: http://127.0.0.1:9/v1/, format: anthropic }"),
       "c.yaml:2:30: providers.up.base_url: 'http://127.0.0.1:9/v1/' ends in /v1, and /v1/messages is added to it; "
       "leave "
       "/v1 out, or state `path: /messages`"},
      {provider("{ base_url: http://127.0.0.1:9, format: opnai }"),
       "c.yaml:2:58: providers.up.format: expected one of openai, responses, anthropic, got 'opnai', did you "
       "mean 'openai'?"},
      {provider("{ base_url: http://127.0.0.1:9, bse_url: x }"),
       "c.yaml:2:50: unknown field 'bse_url' in providers.up, did you mean 'base_url'?"},
      {provider("{ base_url: http://127.0.0.1:9, key: }"),
       "c.yaml:2:50: providers.up.key: expected ${env:NAME} or ${file:PATH}, got nothing"},
      {provider("{ base_url: http://127.0.0.1:9, key: \"\" }"),
       "c.yaml:2:55: providers.up.key: the credential is empty"},
      {provider("{ base_url: http://127.0.0.1:9, key: [a] }"),
       "c.yaml:2:55: providers.up.key: expected ${env:NAME} or ${file:PATH}, got a list"},
      {provider("{ base_url: http://127.0.0.1:9, key: ${env:NO_KEY} }"),
       "c.yaml:2:55: providers.up.key: the environment variable NO_KEY is not set"},
      {provider("{ base_url: http://127.0.0.1:9, key: ${file:/nowhere/key} }"),
       "c.yaml:2:55: providers.up.key: /nowhere/key: cannot open: No such file or directory"},
      {provider("{ base_url: http://127.0.0.1:9, headers: { Host: a } }"),
       "c.yaml:2:61: providers.up.headers.Host: this header cannot be set"},
      {provider("{ base_url: http://127.0.0.1:9, headers: { \"a b\": c } }"),
       "c.yaml:2:61: providers.up.headers.a b: a header of this name cannot be set"},
      {provider("{ base_url: http://127.0.0.1:9, model_file: a.gguf }"),
       "c.yaml:2:30: providers.up.base_url is not for a provider with `model_file`: its child listens where the "
       "gateway says"},
      {provider("{ model_file: a.gguf, spawn: [a] }"),
       "c.yaml:2:47: providers.up.spawn: cannot go with `model_file`: a model file is served by thalamus-host"},
      {provider("{ model_file: a.gguf, key: ${env:NO_KEY} }"),
       "c.yaml:2:45: providers.up.key: the environment variable NO_KEY is not set"},
      {provider("{ model_file: a.gguf, sha256: abc }"),
       "c.yaml:2:48: providers.up.sha256: expected 64 lower-case hexadecimal digits, got 'abc'"},
      {provider("{ model_file: a.gguf, context: 5 }"),
       "c.yaml:2:49: providers.up.context: expected an integer from 128 to 1048576, got '5'"},
      {provider("{ model_file: a.gguf, priority: 25 }"),
       "c.yaml:2:50: providers.up.priority: expected an integer from 0 to 19, got '25'"},
      {provider("{ base_url: http://127.0.0.1:9, slots: 2 }"),
       "c.yaml:2:57: providers.up.slots: belongs to `model_file`, which is not given"},
      {provider("{ base_url: http://127.0.0.1:9, spawn: [] }"),
       "c.yaml:2:57: providers.up.spawn: expected a command and its arguments, got an empty list"},
      {provider("{ base_url: http://127.0.0.1:9, spawn: server }"),
       "c.yaml:2:57: providers.up.spawn: expected a list of texts, got 'server'"},
      {provider("{ spawn: [server] }"),
       "c.yaml:2:18: providers.up: `spawn` needs `base_url`: where the server will listen"},
      {provider("{ base_url: http://127.0.0.1:9, spawn: [a], health: up }"),
       "c.yaml:2:70: providers.up.health: expected a path that begins with '/', got 'up'"},
      {provider("{ base_url: http://127.0.0.1:9, health: /up }"),
       "c.yaml:2:58: providers.up.health: belongs to `spawn`, which is not given"},
      {provider("{ base_url: http://127.0.0.1:9, timeouts: { connect_ms: abc } }"),
       "c.yaml:2:74: providers.up.timeouts.connect_ms: expected an integer from 1 to 86400000, got 'abc'"},
      {provider("{ base_url: http://127.0.0.1:9, timeouts: { idle_ms: 0 } }"),
       "c.yaml:2:71: providers.up.timeouts.idle_ms: expected an integer from 1 to 86400000, got '0'"},
      {provider("{ base_url: http://127.0.0.1:9, timeouts: { conect_ms: 5 } }"),
       "c.yaml:2:62: unknown field 'conect_ms' in providers.up.timeouts, did you mean 'connect_ms'?"},
      {provider("{ base_url: http://127.0.0.1:9, timeouts: 5 }"),
       "c.yaml:2:60: providers.up.timeouts: expected a mapping of names to values, got a single value"},
      {provider("{ base_url: http://127.0.0.1:9, concurrency: -2 }"),
       "c.yaml:2:63: providers.up.concurrency: expected an integer from 0 to 100000, got '-2'"},
      {kHead + "providers: { up: { base_url: http://127.0.0.1:9 }, up: { base_url: http://127.0.0.1:8 } }\n" + kModels +
           kRoutes,
       "c.yaml:2:52: 'up' is given twice; the first is on line 2"},
      {kHead + "providers: { up: { base_url: http://127.0.0.1:9 }, a/b: { base_url: http://127.0.0.1:9 } }\n" +
           kModels + kRoutes,
       "c.yaml:2:52: providers: 'a/b' is no name; use letters, digits, '.', '_' and '-'"},
  });
}

TEST(ConfigErrors, OfModels) {
  expect_all({
      {kHead + kProviders + kRoutes,
       "c.yaml:1:1: models is missing; expected a list of targets\nc.yaml:3:34: routes[0].targets[0]: unknown target "
       "'m'; there are none\nc.yaml:3:37: routes[0].targets[1]: unknown target 't'; there are none"},
      {kHead + kProviders + "models: { a: b }\n" + "routes: [{ name: auto, targets: [] }]\n",
       "c.yaml:3:9: models: expected a list of targets, got a mapping\nc.yaml:4:33: routes[0].targets: expected at "
       "least one target, got an empty list"},
      {model("5"), "c.yaml:3:63: models[2]: expected a mapping of names to values, got a single value"},
      {model("{ provider: up }"), "c.yaml:3:63: models[2].name is missing; expected the target's name"},
      {model("{ name: x }"),
       "c.yaml:3:63: models[2].provider is missing; expected the name of a provider (or `tool:` for an exact tool)"},
      {model("{ name: x, provider: upp }"),
       "c.yaml:3:84: models[2].provider: unknown provider 'upp', did you mean 'up'?"},
      {model("{ name: x, provider: somewhere-else }"),
       "c.yaml:3:84: models[2].provider: unknown provider 'somewhere-else'; known: up"},
      {model("{ name: m, provider: up }"), "c.yaml:3:71: models[2].name: 'm' is the name of an earlier target"},
      {model("{ name: \"a b\", provider: up }"),
       "c.yaml:3:71: models[2].name: 'a b' is no name; use letters, digits and . _ - / : @"},
      {model("{ name: x, tool: arithmatic }"),
       "c.yaml:3:80: models[2].tool: unknown tool 'arithmatic', did you mean 'arithmetic'?"},
      {model("{ name: x, tool: dates, price: { input: 1, output: 1 } }"),
       "c.yaml:3:94: models[2].price is not for a tool"},
      {model("{ name: x, provider: up, price: { input: 1 } }"),
       "c.yaml:3:95: models[2].price.output is missing; expected USD per million output tokens (of all but a model "
       "whose `abilities` say `embeddings: true`)"},
      {model("{ name: x, provider: up, abilities: { embeddings: false }, price: { input: 1 } }"),
       "c.yaml:3:129: models[2].price.output is missing; expected USD per million output tokens (of all but a model "
       "whose `abilities` say `embeddings: true`)"},
      {model("{ name: x, provider: up, price: { output: 1 }, abilities: { embeddings: true } }"),
       "c.yaml:3:95: models[2].price.input is missing; expected USD per million input tokens"},
      {model("{ name: x, provider: up, price: { input: 1, output: -1 }, abilities: { embeddings: true } }"),
       "c.yaml:3:115: models[2].price.output: expected a number from 0 to 1000000, got '-1'"},
      {model("{ name: x, provider: up, price: { input: -1, output: 1 } }"),
       "c.yaml:3:104: models[2].price.input: expected a number from 0 to 1000000, got '-1'"},
      {model("{ name: x, provider: up, price: { input: .nan, output: 1 } }"),
       "c.yaml:3:104: models[2].price.input: expected a number from 0 to 1000000, got '.nan'"},
      {model("{ name: x, provider: up, price: { input: 1, output: \"1\" } }"),
       "c.yaml:3:115: models[2].price.output: expected a number from 0 to 1000000, got '1' in quotes"},
      {model("{ name: x, provider: up, price: free }"),
       "c.yaml:3:95: models[2].price: expected a mapping of names to values, got a single value"},
      {model("{ name: x, provider: up, context: 8k }"),
       "c.yaml:3:97: models[2].context: expected an integer from 128 to 100000000, got '8k'"},
      {model("{ name: x, provider: up, abilities: { image: true } }"),
       "c.yaml:3:101: unknown field 'image' in models[2].abilities, did you mean 'images'?"},
      {model("{ name: x, provider: up, abilities: { images: 1 } }"),
       "c.yaml:3:109: models[2].abilities.images: expected true or false, got '1'"},
      {model("{ name: x, provider: up, tags: eu }"), "c.yaml:3:94: models[2].tags: expected a list of texts, got 'eu'"},
      {model("{ name: x, provider: up, tags: [[eu]] }"), "c.yaml:3:95: models[2].tags[0]: expected a text, got a list"},
      {model("{ name: x, provider: up, timeouts: { total_ms: 99999999999 } }"),
       "c.yaml:3:110: models[2].timeouts.total_ms: expected an integer from 1 to 86400000, got '99999999999'"},
  });
}

TEST(ConfigErrors, OfRoutes) {
  expect_all({
      {kHead + kProviders + kModels, "c.yaml:1:1: routes is missing; expected a list of routes"},
      {kHead + kProviders + kModels + "routes: []\n",
       "c.yaml:4:9: routes: expected at least one route, got an empty list"},
      {kHead + kProviders + kModels + "routes: { auto: [m] }\n", "c.yaml:4:9: routes: expected a list, got a mapping"},
      {route("{ targets: [m] }"), "c.yaml:4:10: routes[0].name is missing; expected the model name clients ask for"},
      {route("{ name: auto }"), "c.yaml:4:10: routes[0].targets is missing; expected a list of target names"},
      {route("{ name: auto, targets: [] }"),
       "c.yaml:4:33: routes[0].targets: expected at least one target, got an empty list"},
      {route("{ name: auto, targets: m }"), "c.yaml:4:33: routes[0].targets: expected a list of names, got 'm'"},
      {route("{ name: auto, targets: [m, nn] }"),
       "c.yaml:4:37: routes[0].targets[1]: unknown target 'nn', did you mean 'm'?"},
      {route("{ name: auto, targets: [m, m] }"), "c.yaml:4:37: routes[0].targets[1]: 'm' is named twice"},
      {route("{ name: m, targets: [m] }"),
       "c.yaml:4:10: routes[0].name: 'm' is also the name of a target; a client could mean either"},
      {route("{ name: auto, targets: [m] }, { name: auto, targets: [m] }"),
       "c.yaml:4:48: routes[1].name: 'auto' is the name of an earlier route"},
      {route("{ name: auto, targets: [m], router: a.snapshot }"),
       "c.yaml:4:46: routes[0].router: expected a mapping of names to values, got a single value"},
      {route("{ name: auto, targets: [m], router: {} }"),
       "c.yaml:4:46: routes[0].router.snapshot is missing; expected the path of a snapshot"},
      {route("{ name: auto, targets: [m], router: { snapsot: a } }"),
       "c.yaml:4:46: routes[0].router.snapshot is missing; expected the path of a snapshot\nc.yaml:4:48: unknown field "
       "'snapsot' in routes[0].router, did you mean 'snapshot'?"},
      {route("{ name: auto, targets: [m], contract: { max_cost_usd: -1 } }"),
       "c.yaml:4:64: routes[0].contract.max_cost_usd: expected a number from 0 to 1000000, got '-1'"},
      {route("{ name: auto, targets: [m], contract: { min_quality: 1.5 } }"),
       "c.yaml:4:63: routes[0].contract.min_quality: expected a number from 0 to 1, got '1.5'"},
      {route("{ name: auto, targets: [m], contract: { max_latency_ms: 0 } }"),
       "c.yaml:4:66: routes[0].contract.max_latency_ms: expected a number from 1 to 86400000, got '0'"},
      {route("{ name: auto, targets: [m], contract: { allow: [mm] } }"),
       "c.yaml:4:57: routes[0].contract.allow: unknown target or tag 'mm', did you mean 'm'?"},
      {route("{ name: auto, targets: [m], contract: { deny: m } }"),
       "c.yaml:4:56: routes[0].contract.deny: expected a list of texts, got 'm'"},
      {route("{ name: auto, targets: [m], contract: { worth: 5 } }"),
       "c.yaml:4:57: routes[0].contract.worth: expected a mapping of names to values, got a single value"},
      {route("{ name: auto, targets: [m], contract: { explore: always } }"),
       "c.yaml:4:59: routes[0].contract.explore: expected one of never, allowed, got 'always'"},
      {route("{ name: auto, targets: [m], contract: { on_infeasible: nearst } }"),
       "c.yaml:4:65: routes[0].contract.on_infeasible: expected one of fail, nearest, got 'nearst', did you mean "
       "'nearest'?"},
      {route("{ name: auto, targets: [m], contract: { explain: 1 } }"),
       "c.yaml:4:59: routes[0].contract.explain: expected true or false, got '1'"},
      {route("{ name: auto, targets: [m], contract: { budget: 1 } }"),
       "c.yaml:4:50: unknown field 'budget' in routes[0].contract; known: max_cost_usd, max_latency_ms, max_ttft_ms, "
       "min_quality, allow, deny, worth, explore, on_infeasible, explain"},
      {route("{ name: auto, targets: [m], explore_rate: 0.9 }"),
       "c.yaml:4:52: routes[0].explore_rate: expected a number from 0 to 0.5, got '0.9'"},
      {route("{ name: auto, targets: [m], strategy: in_ordr }"),
       "c.yaml:4:48: routes[0].strategy: unknown strategy 'in_ordr', did you mean 'in_order'?"},
      {route("{ name: auto, targets: [m], strategy: { name: in_order, attempts_max: 0 } }"),
       "c.yaml:4:48: routes[0].strategy: attempts_max: 0 is outside 1..256"},
      {route("{ name: auto, targets: [m], strategy: { name: in_order, attempt_max: 1 } }"),
       "c.yaml:4:48: routes[0].strategy: unknown option 'attempt_max', did you mean 'attempts_max'?"},
      {route("{ name: auto, targets: [m], policy: limits }"),
       "c.yaml:4:46: routes[0].policy: unknown policy 'limits'; known: in_flight"},
  });
}

TEST(ConfigErrors, OfKeysAndTests) {
  expect_all({
      {server("keys: { a: b }\n"), "c.yaml:5:7: keys: expected a list, got a mapping"},
      {server("keys: [{ name: a }]\n"), "c.yaml:5:8: keys[0]: exactly one of `key` and `sha256` is needed"},
      {server("keys: [{ key: 12345678 }]\n"), "c.yaml:5:8: keys[0].name is missing; expected who the key is for"},
      {server("keys: [{ name: a, key: short }]\n"), "c.yaml:5:24: keys[0].key is too short; use at least 8 characters"},
      {server("keys: [{ name: a, key: 12345678, sha256: ab }]\n"),
       "c.yaml:5:8: keys[0]: exactly one of `key` and `sha256` is needed"},
      {server("keys: [{ name: a, sha256: AB }]\n"),
       "c.yaml:5:27: keys[0].sha256: expected 64 lower-case hexadecimal digits"},
      {server("keys: [{ name: a, key: 12345678 }, { name: a, key: 12345679 }]\n"),
       "c.yaml:5:44: keys[1].name: 'a' is the name of an earlier key"},
      {server("keys: [{ name: a, key: 12345678 }, { name: b, key: 12345678 }]\n"),
       "c.yaml:5:36: keys[1]: an earlier key has the same secret; each needs its own"},
      {server("keys: [{ name: a, key: 12345678, routes: [auto, aut] }]\n"),
       "c.yaml:5:49: keys[0].routes[1]: unknown route 'aut', did you mean 'auto'?"},
      {server("keys: [{ name: a, key: 12345678, contract: { max_cost: 1 } }]\n"),
       "c.yaml:5:46: unknown field 'max_cost' in keys[0].contract; known: max_cost_usd, max_latency_ms, max_ttft_ms, "
       "min_quality, allow, deny, worth, explore, on_infeasible, explain"},
      {server("tests: [{ expect: { target: m } }]\n"), "c.yaml:5:9: tests[0].ask is missing; expected what to ask"},
      {server("tests: [{ ask: q }]\n"),
       "c.yaml:5:9: tests[0].expect is missing; expected { target: NAME } or { contains: TEXT }"},
      {server("tests: [{ ask: q, expect: {} }]\n"),
       "c.yaml:5:27: tests[0].expect: expected `target` or `contains`, got neither"},
      {server("tests: [{ ask: q, expect: { target: n } }]\n"),
       "c.yaml:5:37: tests[0].expect.target: unknown target 'n', did you mean 'm'?"},
      {server("tests: [{ ask: q, route: aut, expect: { target: m } }]\n"),
       "c.yaml:5:26: tests[0].route: unknown route 'aut', did you mean 'auto'?"},
      {server("tests: [{ ask: q, expect: { traget: m } }]\n"),
       "c.yaml:5:27: tests[0].expect: expected `target` or `contains`, got neither\nc.yaml:5:29: unknown field "
       "'traget' in tests[0].expect, did you mean 'target'?"},
  });
}

TEST(ConfigErrors, AreListedTogetherWithABound) {
  EXPECT_EQ(refusal(server("threads: many\nlisten: nowhere\n")),
            "c.yaml:6:9: listen: expected an address such as 127.0.0.1:8080 or [::1]:8080, got 'nowhere'\n"
            "c.yaml:5:10: threads: expected an integer from 0 to 1024, got 'many'");
  std::string many = kHead + kProviders + kModels + kRoutes;
  for (int i = 0; i < 30; ++i) many += "unknown_" + std::to_string(i) + ": 1\n";
  const std::string message = refusal(many);
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 20);
  EXPECT_THAT(message, HasSubstr("\nand 10 more"));
}

TEST(ConfigErrors, BoundDepthAndAliases) {
  EXPECT_THAT(refusal("version: 1\nproviders: " + std::string(60, '[') + std::string(60, ']') + "\n"),
              HasSubstr("nested deeper than 24 levels"));
  EXPECT_THAT(refusal("version: 1\nproviders: " + std::string(5000, '[') + std::string(5000, ']') + "\n"),
              HasSubstr("c.yaml:"));
  EXPECT_THAT(refusal("version: &a [*a]\n"), HasSubstr("c.yaml:1:"));
  std::string laughs = "version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) laughs += (j == 0 ? "" : ", ") + before;
    laughs += "]\n";
  }
  EXPECT_THAT(refusal(laughs), HasSubstr("more than 100000 values; aliases multiply what they name"));
  EXPECT_EQ(refusal(std::string(2U << 20, ' ')), "c.yaml: larger than the limit of 1048576 bytes");
}

TEST(ConfigErrors, OfFilesThatCannotBeRead) {
  const auto missing = load_config("/nowhere/c.yaml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(missing.error().text(), "/nowhere/c.yaml: cannot open: No such file or directory");
  const auto folder = load_config(std::filesystem::temp_directory_path());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().message, "is a folder; expected a configuration file");
}

}  // namespace
}  // namespace thalamus::gateway
