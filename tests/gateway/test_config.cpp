/// Configurations that are meant: what is read, how it is resolved, what is warned about, and that no credential shows.
#include "thalamus/gateway/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "thalamus/net/digest.h"

namespace thalamus::gateway {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kCanary = "canary-8f3b2c71-secret";

EnvLookup environment(std::map<std::string, std::string> values = {}) {
  values.emplace("OPENAI_API_KEY", kCanary);
  values.emplace("HOME", "/home/somebody");
  return [values](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

Config parsed(const std::string& text, const EnvLookup& lookup = environment()) {
  auto config = parse_config(text, "folder/c.yaml", lookup);
  EXPECT_TRUE(config) << config.error().text();
  return config ? *std::move(config) : Config{};
}

std::vector<std::string> warnings_of(const Config& config) {
  std::vector<std::string> texts;
  for (const auto& warning : config.warnings) texts.push_back(warning.text());
  return texts;
}

constexpr const char* kSmall = R"(version: 1
providers:
  up: { base_url: "http://127.0.0.1:9/v1" }
models:
  - { name: m, provider: up }
routes:
  - { name: auto, targets: [m] }
)";

TEST(Config, ReadsTheDesignsExample) {
  const Config config = parsed(R"(version: 1
listen: 127.0.0.1:8080
admin:  127.0.0.1:8081
providers:
  openai: { format: openai, base_url: "https://api.openai.com/v1", key: ${env:OPENAI_API_KEY} }
  local:  { model_file: qwen2.5-coder-0.5b.gguf }                  # a managed child
models:
  - { name: small, provider: local, id: qwen2.5-coder-0.5b, price: { input: 0, output: 0 }, context: 8192 }
  - { name: big, provider: openai, price: { input: 2, output: 8 } }
  - { name: calculator, tool: arithmetic }
routes:
  - name: auto
    targets: [calculator, small, big]
    router: { snapshot: auto.snapshot }
    contract: { max_cost_usd: 0.01, worth: { answer_usd: 0.02, second_usd: 0.001 } }
tests:
  - { ask: "What is 17 * 23?", expect: { target: calculator } }
)");
  ASSERT_EQ(config.providers.size(), 2U);
  EXPECT_EQ(config.providers[0].keys.at(0).reveal(), kCanary);
  EXPECT_TRUE(config.providers[0].remote);
  EXPECT_FALSE(config.providers[1].remote);
  EXPECT_EQ(config.providers[1].model_file->file, "/home/somebody/.cache/thalamus/models/qwen2.5-coder-0.5b.gguf");
  EXPECT_EQ(config.providers[1].limits.concurrency_max, 1U);
  ASSERT_EQ(config.models.size(), 3U);
  EXPECT_EQ(config.models[0].id, "qwen2.5-coder-0.5b");
  EXPECT_EQ(config.models[1].id, "big");
  EXPECT_DOUBLE_EQ(config.models[1].target.prices.cached_input, 2);
  EXPECT_EQ(config.models[2].target.kind, core::TargetKind::kTool);
  EXPECT_EQ(config.models[2].tool, "arithmetic");
  ASSERT_EQ(config.routes.size(), 1U);
  EXPECT_THAT(config.routes[0].targets, ElementsAre(2U, 0U, 1U));
  EXPECT_EQ(config.routes[0].snapshot, "folder/auto.snapshot");
  EXPECT_DOUBLE_EQ(*config.routes[0].contract.max_cost_usd, 0.01);
  EXPECT_DOUBLE_EQ(config.routes[0].contract.worth->second_usd, 0.001);
  EXPECT_EQ(config.tests.at(0).expect_target, 2U);
  EXPECT_EQ(config.tests[0].where, "folder/c.yaml:17:5");
  EXPECT_EQ(config.listen.text(), "127.0.0.1:8080");
  EXPECT_TRUE(config.listen.loopback);
}

TEST(Config, ReadsLimitsTimesAndSizes) {
  const Config config = parsed(std::string(kSmall) + R"(threads: 3
log: { level: debug, file: logs/t.log }
limits: { body_bytes: 64KiB, depth: 10, headers: 20, head_bytes: 4096, connections: 7, head_timeout: 250ms,
          idle_timeout: 1.5s, body_timeout: 2m, write_timeout: 1h, shutdown_timeout: 5s }
trace: { enabled: false, folder: /var/trace, segment_bytes: 1MiB, segments: 3, content: true }
)");
  EXPECT_EQ(config.threads, 3U);
  EXPECT_EQ(config.log_level, base::LogLevel::kDebug);
  EXPECT_EQ(config.log_file, "folder/logs/t.log");
  EXPECT_EQ(config.limits.body_bytes_max, 65536U);
  EXPECT_EQ(config.limits.depth_max, 10U);
  EXPECT_EQ(config.limits.connections_max, 7U);
  EXPECT_EQ(config.limits.head_timeout, Nanoseconds::from_ms(250));
  EXPECT_EQ(config.limits.idle_timeout, Nanoseconds::from_ms(1500));
  EXPECT_EQ(config.limits.body_timeout, Nanoseconds::from_ms(120'000));
  EXPECT_EQ(config.limits.write_timeout, Nanoseconds::from_ms(3'600'000));
  EXPECT_FALSE(config.trace.enabled);
  EXPECT_EQ(config.trace.folder, "/var/trace");
  EXPECT_EQ(config.trace.segment_bytes_max, 1U << 20);
  EXPECT_EQ(config.trace.content, KeepContent::kYes);
}

TEST(Config, KeepsContentOutOfTheTraceByDefault) {
  const Config config = parsed(kSmall);
  EXPECT_EQ(config.trace.content, KeepContent::kNo);
  EXPECT_TRUE(config.trace.enabled);
  EXPECT_EQ(config.routes[0].strategy, "in_order");
  EXPECT_EQ(config.routes[0].policy, "in_flight");
}

TEST(Config, GivesAModelItsProvidersLimitsUnlessItHasItsOwn) {
  const Config config = parsed(R"(version: 1
providers:
  up:
    base_url: http://127.0.0.1:9
    timeouts: { connect_ms: 11, first_byte_ms: 12, idle_ms: 13, total_ms: 14 }
    concurrency: 5
    queue: 6
models:
  - { name: a, provider: up }
  - { name: b, provider: up, timeouts: { idle_ms: 99 }, concurrency: 1 }
routes: [{ name: auto, targets: [a, b] }]
)");
  EXPECT_EQ(config.models[0].limits.connect_timeout, Nanoseconds::from_ms(11));
  EXPECT_EQ(config.models[0].limits.concurrency_max, 5U);
  EXPECT_EQ(config.models[1].limits.connect_timeout, Nanoseconds::from_ms(11));
  EXPECT_EQ(config.models[1].limits.idle_timeout, Nanoseconds::from_ms(99));
  EXPECT_EQ(config.models[1].limits.concurrency_max, 1U);
  EXPECT_EQ(config.models[1].limits.queue_length_max, 6U);
}

TEST(Config, AsksNoPriceOfOutputOfAnEmbeddingModel) {
  const Config config = parsed(R"(version: 1
providers: { up: { base_url: "https://example.test" } }
models:
  - { name: vectors, provider: up, price: { input: 0.02 }, abilities: { embeddings: true } }
  - { name: stated, provider: up, price: { input: 0.02, output: 0 }, abilities: { embeddings: true } }
routes: [{ name: auto, targets: [vectors, stated] }]
)");
  EXPECT_TRUE(config.models[0].price_stated);
  EXPECT_DOUBLE_EQ(config.models[0].target.prices.input, 0.02);
  EXPECT_DOUBLE_EQ(config.models[0].target.prices.cached_input, 0.02);
  EXPECT_DOUBLE_EQ(config.models[0].target.prices.output, 0);
  EXPECT_DOUBLE_EQ(config.models[1].target.prices.output, 0);
}

TEST(Config, ExpandsReferencesInAnyScalar) {
  const Config config =
      parsed(R"(version: ${env:VERSION}
listen: "127.0.0.1:${env:PORT}"
providers: { up: { base_url: "http://${env:HOST}/v1", headers: { x-note: "a $${literal}" } } }
models: [{ name: "${env:NAME}-1", provider: up, price: { input: ${env:PRICE}, output: 1 } }]
routes: [{ name: auto, targets: ["${env:NAME}-1"] }]
)",
             environment({{"VERSION", "1"}, {"PORT", "7"}, {"HOST", "127.0.0.1:9"}, {"NAME", "m"}, {"PRICE", "0.5"}}));
  EXPECT_EQ(config.listen.port, 7);
  EXPECT_EQ(config.providers[0].base_url, "http://127.0.0.1:9/v1");
  EXPECT_EQ(config.providers[0].headers[0].second.reveal(), "a ${literal}");
  EXPECT_EQ(config.models[0].target.name, "m-1");
  EXPECT_DOUBLE_EQ(config.models[0].target.prices.input, 0.5);
}

TEST(Config, ReadsCredentialsFromFilesBesideTheConfiguration) {
  std::string pattern = (std::filesystem::temp_directory_path() / "thalamus-config-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  std::ofstream(folder / "key, with {odd} name") << kCanary << "\n";
  std::ofstream(folder / "c.yaml") << R"(version: 1
providers: { up: { base_url: "https://example.test", key: "${file:key, with {odd} name}" } }
models: [{ name: m, provider: up, price: { input: 1, output: 1 } }]
routes: [{ name: auto, targets: [m] }]
)";
  // A reference ends at the first '}'.
  EXPECT_FALSE(load_config(folder / "c.yaml", environment()));
  std::filesystem::rename(folder / "key, with {odd} name", folder / "key, #odd [name]");
  std::ofstream(folder / "c.yaml") << R"(version: 1
providers: { up: { base_url: "https://example.test", key: ${file:key, #odd [name]} } }
models: [{ name: m, provider: up, price: { input: 1, output: 1 } }]
routes: [{ name: auto, targets: [m] }]
)";
  const auto config = load_config(folder / "c.yaml", environment());
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->providers[0].keys.at(0).reveal(), kCanary);
  EXPECT_TRUE(config->warnings.empty());
  std::filesystem::remove_all(folder);
}

TEST(Config, AllowsAliasesOfWholeValues) {
  const Config config = parsed(R"(version: 1
providers: { up: { base_url: http://127.0.0.1:9, timeouts: &slow { idle_ms: 5 } } }
models: [{ name: m, provider: up, timeouts: *slow }]
routes: [{ name: auto, targets: [m] }]
)");
  EXPECT_EQ(config.models[0].limits.idle_timeout, Nanoseconds::from_ms(5));
}

TEST(Config, KeysMayBeSaltedAndExpire) {
  const std::string digest = net::sha256("pepper" + std::string("long-enough-key")).value();
  const Config config = parsed(std::string(kSmall) + "keys:\n  - { name: a, salt: pepper, sha256: " + digest +
                               ", expires: 2027-01-31 }\n  - { name: b, key: another-key-1 }\n");
  ASSERT_EQ(config.keys.size(), 2U);
  EXPECT_EQ(config.find_key("long-enough-key"), &config.keys[0]);
  EXPECT_EQ(config.find_key("another-key-1"), &config.keys[1]);
  EXPECT_EQ(config.find_key("pepperlong-enough-key"), nullptr);
  EXPECT_EQ(config.keys[0].expires_unix_s, 1801353600) << "2027-01-31T00:00:00Z";
  EXPECT_EQ(config.keys[1].expires_unix_s, 0);
  for (const char* wrong : {"2027-02-30", "tomorrow", "2027-1-1", "31-01-2027"})
    EXPECT_FALSE(
        parse_config(std::string(kSmall) + "keys: [{ name: a, key: 12345678, expires: " + wrong + " }]\n", "c"))
        << wrong;
}

TEST(Config, TheAdminListenerIsOpenToOtherMachinesOnlyWithAToken) {
  EXPECT_FALSE(parse_config(std::string(kSmall) + "admin: 0.0.0.0:9090\n", "c"));
  EXPECT_TRUE(parse_config(std::string(kSmall) + "admin: 0.0.0.0:9090\nadmin_token: ${env:OPENAI_API_KEY}\n", "c",
                           [](const std::string&) { return std::string(kCanary); }));
}

TEST(Config, ProvidersMaySpeakADialect) {
  const Config config = parsed(R"(version: 1
providers:
  azure: { base_url: "http://127.0.0.1:9/openai", auth: api-key,
           path: "/deployments/{model}/chat/completions?api-version=1", extra_body: '{"user": "x"}' }
models: [ { name: m, provider: azure, id: gpt } ]
routes: [ { name: r, targets: [m], strict: true } ]
)");
  EXPECT_EQ(config.providers[0].auth, "api-key");
  EXPECT_EQ(config.providers[0].extra_body, R"("user": "x")");
  EXPECT_TRUE(config.routes[0].strict);
  const auto with = [](const char* field) {
    return parse_config(std::string("version: 1\nproviders: { p: { base_url: 'http://127.0.0.1:9', ") + field +
                            " } }\nmodels: [ { name: m, provider: p } ]\nroutes: [ { name: r, targets: [m] } ]\n",
                        "c");
  };
  EXPECT_THAT(with("extra_body: '{\"model\": 1}'").error().text(), HasSubstr("'model' is written by the gateway"));
  EXPECT_THAT(with("extra_body: '[1]'").error().text(), HasSubstr("expected a JSON object"));
  EXPECT_FALSE(with("path: chat"));
  EXPECT_FALSE(with("auth: basic"));
}

TEST(Config, FindsAVirtualKeyByItsSecretAndKeepsOnlyTheDigest) {
  const Config config = parsed(std::string(kSmall) + R"(keys:
  - { name: a, key: ${env:OPENAI_API_KEY}, routes: [auto] }
  - { name: b, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }
)");
  ASSERT_EQ(config.keys.size(), 2U);
  EXPECT_EQ(config.keys[0].salt.size(), 32U) << "of this process";
  EXPECT_EQ(config.keys[0].sha256, net::sha256(config.keys[0].salt + kCanary).value());
  EXPECT_EQ(config.find_key(kCanary), &config.keys[0]);
  EXPECT_EQ(config.find_key("test"), &config.keys[1]);
  EXPECT_EQ(config.find_key("tesT"), nullptr);
  EXPECT_EQ(config.find_key(""), nullptr);
  EXPECT_THAT(config.keys[0].routes, ElementsAre(0U));
}

TEST(Config, SpawnsAnyServerAtItsBaseUrl) {
  const Config config = parsed(R"(version: 1
providers:
  up: { base_url: "http://127.0.0.1:9/v1", spawn: [server, --port, "9"], health: /ready, start_timeout: 9s }
models: [{ name: m, provider: up }]
routes: [{ name: auto, targets: [m] }]
)");
  EXPECT_THAT(config.providers[0].spawn->command, ElementsAre("server", "--port", "9"));
  EXPECT_EQ(config.providers[0].spawn->health_path, "/ready");
  EXPECT_EQ(config.providers[0].start_timeout, Nanoseconds::from_ms(9000));
  EXPECT_FALSE(config.providers[0].remote);
}

TEST(Config, ListensOnOtherAddressesOnlyWithKeysOrWhenToldSo) {
  EXPECT_FALSE(parse_config(std::string(kSmall) + "listen: :8080\n", "c"));
  EXPECT_TRUE(parse_config(std::string(kSmall) + "listen: :8080\nallow_any_key: true\n", "c"));
  EXPECT_TRUE(parse_config(std::string(kSmall) + "listen: 0.0.0.0:8080\nkeys: [{ name: a, key: 12345678 }]\n", "c"));
  EXPECT_TRUE(parse_config(std::string(kSmall) + "listen: \"[::1]:8080\"\n", "c"));
  EXPECT_TRUE(parse_config(std::string(kSmall) + "listen: localhost:8080\n", "c"));
}

TEST(Config, WarnsOfWhatParsesButCannotBeMeant) {
  const Config config = parsed(R"(version: 1
providers:
  paid: { base_url: "https://api.test/v1", key: literal-key }
  plain: { base_url: "http://api.test/v1", key: ${env:OPENAI_API_KEY} }
  idle: { base_url: "http://127.0.0.1:9" }
  file: { model_file: /nowhere/model.gguf }
models:
  - { name: a, provider: paid, context: 8000 }
  - { name: b, provider: plain, price: { input: 1, output: 1 }, context: 4000 }
  - { name: c, provider: file }
  - { name: t, tool: dates }
routes:
  - { name: r, targets: [t, a, b] }
  - { name: only, targets: [t], contract: { deny: [t], explore: never }, explore_rate: 0.1 }
)");
  const auto texts = warnings_of(config);
  EXPECT_THAT(texts, Contains("folder/c.yaml:3:49: providers.paid.key: a credential is written in the file; use "
                              "${env:NAME} or ${file:PATH}"));
  EXPECT_THAT(texts,
              Contains("folder/c.yaml:4:22: providers.plain.base_url: the key travels unencrypted over http; use "
                       "https"));
  EXPECT_THAT(texts, Contains("folder/c.yaml:5:3: providers.idle: no target uses it"));
  EXPECT_THAT(texts, Contains("folder/c.yaml:6:3: providers.file.model_file: /nowhere/model.gguf: no such model file; "
                              "fetch the default models with `tools/fetch_models.py`, or give a path"));
  EXPECT_THAT(texts,
              Contains("folder/c.yaml:8:5: models[0]: 'a' is remote and has no `price`; its calls count as free"));
  EXPECT_THAT(texts, Contains("folder/c.yaml:10:5: models[2]: 'c' is a target of no route"));
  EXPECT_THAT(texts, Contains("folder/c.yaml:13:5: routes[0]: the fallback 'b' has a context of 4000 tokens, less than "
                              "the 8000 of 'a'"));
  EXPECT_THAT(texts, Contains("folder/c.yaml:14:5: routes[1]: the contract's `allow` and `deny` leave no target"));
  EXPECT_THAT(texts, Contains("folder/c.yaml:14:5: routes[1]: only tools; what none of them claims gets no answer"));
  EXPECT_THAT(texts, Contains(HasSubstr("routes[1]: explore_rate has no effect")));
  EXPECT_EQ(texts.size(), 10U);
}

TEST(Config, NeverShowsACredential) {
  // The canary in every place where a person may put a key by mistake, and in the right one beside other faults.
  const std::vector<std::string> texts = {
      std::string("version: 1\nproviders: { up: { base_url: http://127.0.0.1:9, key: ") + kCanary + ", port: 5 } }\n",
      std::string("version: 1\nproviders: { up: ") + kCanary + " }\n",
      std::string("version: 1\nproviders: ") + kCanary + "\n",
      std::string("version: 1\nproviders: { up: { key: [") + kCanary + "] } }\n",
      std::string("version: 1\nproviders: { up: { key: { a: ") + kCanary + " } } }\n",
      std::string("version: 1\nproviders: { up: { kye: ") + kCanary + " } }\n",
      std::string("version: 1\nkeys: [{ name: a, sha256: ") + kCanary + " }]\n",
      std::string("version: 1\nkeys: [") + kCanary + "]\n",
      std::string("version: 1\nkeys: ") + kCanary + "\n",
      std::string("version: 1\nproviders: { up: { base_url: \"https://user:") + kCanary + "@host/v1\" } }\n",
      "version: 1\nproviders: { up: { base_url: ${env:OPENAI_API_KEY}, headers: { authorization: [1] } } }\n",
      "version: ${env:OPENAI_API_KEY}\nlisten: x\n",
      "version: 1\nproviders: { up: { base_url: http://127.0.0.1:9 } }\n"
      "models: [{ name: m, provider: ${env:OPENAI_API_KEY} }]\nroutes: [{ name: auto, targets: [${env:OPENAI_API_KEY}] "
      "}]\n",
      std::string("version: 1\nmodels: [{ name: m, tool: ") + kCanary + " }]\nkeys: [{ name: a, key: " + kCanary +
          "}]\n",
      "version: 1\nthreads: ${env:OPENAI_API_KEY}\nlog: { level: ${env:OPENAI_API_KEY} }\n",
      std::string("version: 1\nproviders: { up: { key: \"") + kCanary + "\n",
  };
  for (const auto& text : texts) {
    const auto config = parse_config(text, "c.yaml", environment());
    ASSERT_FALSE(config) << text;
    EXPECT_THAT(config.error().text(), Not(HasSubstr(kCanary))) << text;
  }
  const Config good =
      parsed(std::string("version: 1\nproviders: { up: { base_url: \"https://a.test\", key: ") + kCanary +
             ", headers: { x-key: ${env:OPENAI_API_KEY} } } }\nmodels: [{ name: m, provider: up }]\n" +
             "routes: [{ name: auto, targets: [m] }]\nkeys: [{ name: k, key: " + kCanary + " }]\n");
  EXPECT_THAT(describe(good), Not(HasSubstr(kCanary)));
  EXPECT_THAT(describe(good), HasSubstr("key: \"[secret]\""));
  EXPECT_THAT(describe(good), HasSubstr("limits: { body_bytes: 33554432, depth: 64, headers: 128, "));
  const auto with_member = [](const std::string& value) {
    return describe(parsed("version: 1\nproviders: { up: { base_url: \"https://a.test\", path: \"/x?key=" + value +
                           "\", extra_body: '{\"token\": \"" + value + "\"}', retries: { attempts_max: 2 } } }\n" +
                           "models: [{ name: m, provider: up }]\nroutes: [{ name: auto, targets: [m] }]\n"));
  };
  EXPECT_THAT(with_member(kCanary), Not(HasSubstr(kCanary)));
  EXPECT_THAT(with_member(kCanary), HasSubstr("path: \"/x?[value]\", extra_body: { token: \"[value "));
  EXPECT_THAT(with_member(kCanary), HasSubstr("\" }, retries: { attempts_max: 2 } }"));
  EXPECT_NE(with_member("one"), with_member("two")) << "that it is another one is seen";
  for (const auto& warning : good.warnings) EXPECT_THAT(warning.text(), Not(HasSubstr(kCanary)));
  std::ostringstream out;
  out << good.providers[0].keys.at(0) << Secret();
  EXPECT_EQ(out.str(), "[secret][no secret]");
}

TEST(Config, WarnsOfLimitsThatNothingCanKeep) {
  const auto warnings_of = [](const std::string& contract) {
    const Config config = parsed(
        "version: 1\nproviders: { up: { base_url: \"http://127.0.0.1:9/v1\" } }\n"
        "models: [{ name: m, provider: up }]\nroutes: [{ name: auto, targets: [m]" +
        contract + " }]\n");
    std::string all;
    for (const auto& warning : config.warnings) all += warning.text() + "\n";
    return all;
  };
  EXPECT_THAT(warnings_of(", contract: { max_cost_usd: 0.01 }"), HasSubstr("no effect without a `router`"));
  EXPECT_THAT(warnings_of(", contract: { min_quality: 0.5 }"), HasSubstr("no effect without a `router`"));
  EXPECT_THAT(warnings_of(", contract: { allow: [m] }"), Not(HasSubstr("router")));
  EXPECT_THAT(warnings_of(""), Not(HasSubstr("router")));
}

TEST(Config, ShippedConfigurationsAreGood) {
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(THALAMUS_SOURCE_DIR) / "configs")) {
    if (entry.path().extension() != ".yaml") continue;
    const auto config = load_config(entry.path(), environment());
    ASSERT_TRUE(config) << config.error().text();
    for (const auto& warning : config->warnings)
      EXPECT_THAT(warning.text(), testing::AnyOf(HasSubstr("no such model file"), HasSubstr("is a target of no route"),
                                                 HasSubstr("the fallback"), HasSubstr("without a `router`")));
  }
}

TEST(Config, TheDefaultConfigurationIsOfTheFetchedModels) {
  const auto source = std::filesystem::path(THALAMUS_SOURCE_DIR);
  const auto config = load_config(source / "configs/default.yaml", environment());
  ASSERT_TRUE(config) << config.error().text();
  std::ifstream file(source / "tools/models.manifest");
  const std::string manifest{std::istreambuf_iterator<char>(file), {}};
  for (const auto& provider : config->providers)
    EXPECT_THAT(manifest, HasSubstr(provider.model_file->file.filename().string() + "\n"));
  EXPECT_EQ(config->routes.at(0).snapshot, source / "data/auto.snapshot");
  EXPECT_EQ(config->routes[0].targets.size(), 6U);
}

TEST(ConfigModelFile, SaysWhyAFileCannotBeServed) {
  std::string pattern = (std::filesystem::temp_directory_path() / "thalamus-config-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  ManagedModel model;
  model.file = folder / "none.gguf";
  EXPECT_EQ(check_model_file(model).error().kind, ErrorKind::kNotFound);
  model.file = folder;
  EXPECT_THAT(check_model_file(model).error().text(), HasSubstr("is not a file; expected a GGUF model"));
  model.file = folder / "text.gguf";
  std::ofstream(model.file) << "hello";
  EXPECT_THAT(check_model_file(model).error().text(), HasSubstr("is not a GGUF model (wrong magic)"));
  model.file = folder / "good.gguf";
  std::ofstream(model.file) << "GGUF and so on";
  EXPECT_TRUE(check_model_file(model, VerifyDigest::kYes));
  model.sha256 = std::string(64, '0');
  EXPECT_TRUE(check_model_file(model));
  const auto wrong = check_model_file(model, VerifyDigest::kYes);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(wrong.error().text(),
            fmt::format("{}: has SHA-256 {}, expected {}; remove the file and fetch it again", model.file.string(),
                        net::sha256("GGUF and so on").value(), model.sha256));
  model.sha256 = net::sha256("GGUF and so on").value();
  EXPECT_TRUE(check_model_file(model, VerifyDigest::kYes));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace thalamus::gateway
