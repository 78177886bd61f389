// What may change while the gateway runs, and what is said of the rest.
#include "thalamus/gateway/reload.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thalamus::gateway {
namespace {

using testing::HasSubstr;

Config config_of(const std::string& more) {
  auto config = parse_config(fmt::format("version: 1\n{}models: [ {{ name: sums, tool: arithmetic }} ]\n"
                                         "routes: [ {{ name: auto, targets: [sums] }} ]\n",
                                         more),
                             "test.yaml");
  EXPECT_TRUE(config.has_value()) << (config ? "" : config.error().text());
  return config ? *std::move(config) : Config{};
}

Status reload(const std::string& running, const std::string& wanted) {
  const Config old = config_of(running);
  return check_reloadable(old, config_of(wanted), old.limits);
}

TEST(Reload, NamesEveryFixedSettingAtOnceInTheOrderOfTheFile) {
  const Status status = reload("", R"(
listen: 127.0.0.1:9000
admin: 127.0.0.1:9001
tls: { certificate: c.pem, key: k.pem }
threads: 3
log: { level: debug, file: x.log, access: true }
limits: { body_bytes: 64MiB, headers: 64, head_bytes: 16KiB, connections: 7, connections_per_address: 5, streams: 3,
          head_timeout: 1s, idle_timeout: 2s, body_timeout: 3s, write_timeout: 4s }
trace: { enabled: false, folder: t, segment_bytes: 1MiB, segments: 2 }
spans: { url: "http://127.0.0.1:4318/v1/traces" }
response_store: { entries: 5 }
)");
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().kind, ErrorKind::kConflict);
  const std::string& text = status.error().message;
  std::size_t from = 0;
  for (const char* name : {"listen",
                           "admin",
                           "tls",
                           "threads",
                           "log.level",
                           "log.file",
                           "log.access",
                           "limits.body_bytes",
                           "limits.headers",
                           "limits.head_bytes",
                           "limits.connections",
                           "limits.connections_per_address",
                           "limits.streams",
                           "limits.head_timeout",
                           "limits.idle_timeout",
                           "limits.body_timeout",
                           "limits.write_timeout",
                           "trace.enabled",
                           "trace.folder",
                           "trace.segment_bytes",
                           "trace.segments",
                           "spans",
                           "response_store"}) {
    const std::size_t at = text.find(fmt::format("{} cannot change while the gateway runs (", name), from);
    ASSERT_NE(at, std::string::npos) << name << " is missing, or out of order, in:\n" << text;
    from = at + 1;
  }
  EXPECT_THAT(text, HasSubstr("listen cannot change while the gateway runs (its socket is bound once): 127.0.0.1:8080 "
                              "now, 127.0.0.1:9000 in the file\n"));
  EXPECT_THAT(text, HasSubstr("log.file cannot change while the gateway runs (the log is opened once): unset now, "));
  EXPECT_TRUE(text.ends_with("\nrestart the gateway to change them, or set them back and reload")) << text;
}

TEST(Reload, SaysOfOneSettingWhatToDoWithIt) {
  const Status status = reload("threads: 2\n", "threads: 3\n");
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().message,
            "threads cannot change while the gateway runs (the cores are started once): 2 now, 3 in the file\n"
            "restart the gateway to change it, or set it back and reload");
}

TEST(Reload, TakesWhatIsReadForEachRequest) {
  EXPECT_TRUE(reload("",
                     "allow_any_key: true\nadmin_token: \"${env:HOME}\"\nmodels_folder: elsewhere\n"
                     "limits: { depth: 8, shutdown_timeout: 1s }\ntrace: { content: true }\n"
                     "keys: [ { name: a, key: a-key-of-a-client } ]\n")
                  .has_value());
}

TEST(Reload, LetsTheBodyLimitMoveBelowWhatTheHttpLayerBeganWith) {
  const Config started = config_of("limits: { body_bytes: 2MiB }\n");
  const Config low = config_of("limits: { body_bytes: 1MiB }\n");
  EXPECT_TRUE(check_reloadable(started, low, started.limits).has_value());
  EXPECT_TRUE(check_reloadable(low, started, started.limits).has_value()) << "and back up";
  const Status above = check_reloadable(low, config_of("limits: { body_bytes: 4MiB }\n"), started.limits);
  ASSERT_FALSE(above.has_value());
  EXPECT_THAT(above.error().message, HasSubstr("2097152 now, 4194304 in the file"));
}

}  // namespace
}  // namespace thalamus::gateway
