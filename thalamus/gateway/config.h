/// The configuration of `thalamus serve` (docs/configuration.md): a YAML file checked into plain structs, errors that
/// carry file:line:column, the value, what was expected and the nearest valid name. Every field here is resolved:
/// references are indices, `${...}` is expanded, paths are absolute or relative to the working folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "thalamus/base/fields.h"
#include "thalamus/base/log.h"
#include "thalamus/base/result.h"
#include "thalamus/base/units.h"
#include "thalamus/core/contract.h"
#include "thalamus/core/target.h"
#include "thalamus/dispatch/policy.h"
#include "thalamus/dispatch/slow_stream.h"
#include "thalamus/gateway/span_exporter.h"
#include "thalamus/net/stream.h"

namespace thalamus::gateway {

/// A credential. It has no formatter, and a stream shows "[secret]": only `reveal` gives the text.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) noexcept : value_(std::move(value)) {}
  [[nodiscard]] const std::string& reveal() const noexcept { return value_; }
  [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
  friend std::ostream& operator<<(std::ostream& out, const Secret& secret);

 private:
  std::string value_;
};

/// Takes as long for texts that differ in the first byte as for those that differ in the last.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

/// Where to listen: "127.0.0.1:8080", "[::1]:8080", ":8080" (all addresses). Port 0 picks a free one.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
  bool loopback = false;
  [[nodiscard]] std::string text() const;
};

/// A local model file served by a child of ours, `thalamus-host`.
struct ManagedModel {
  std::filesystem::path file;  ///< resolved; may be missing: see `check_model_file`
  std::string sha256;          ///< 64 lower-case hex digits, or empty
  std::uint32_t threads = 0;   ///< 0: the host chooses
  std::uint32_t context_tokens = 8192;
  std::uint32_t slots = 1;    ///< answers computed at the same time
  std::int32_t priority = 5;  ///< nice value of the child, 0..19
};

/// Any other server that the gateway starts and watches; it listens where `base_url` says.
struct SpawnedServer {
  std::vector<std::string> command;
  std::string health_path = "/health";
};

struct Provider {
  std::string name;
  std::string format = "openai";      ///< a registered wire format
  std::string base_url;               ///< empty for `model_file`
  std::vector<Secret> keys;           ///< used beside each other; empty: no credential is sent
  std::vector<std::string> replicas;  ///< base URLs of further servers of the same models
  std::string auth;                   ///< how the key travels: bearer, x-api-key, api-key; empty: as the format does
  std::string path;  ///< after base_url, "{model}" stands for the model's id; empty: as the format does
  net::HttpVersion http = net::HttpVersion::kAuto;
  std::string extra_body;  ///< JSON members added to each request body: "\"user\":\"x\",\"n\":1"; may be empty
  std::vector<std::pair<std::string, Secret>> headers;  ///< sent with every call; values may hold credentials
  std::filesystem::path ca_file;                        ///< empty: the system's
  std::optional<ManagedModel> model_file;
  std::optional<SpawnedServer> spawn;
  Nanoseconds start_timeout = Nanoseconds::from_ms(120'000);  ///< of a child, until it is healthy
  dispatch::TargetLimits limits;                              ///< of each model, unless the model says otherwise
  base::OptionMap retries;                                    ///< of dispatch::RetryOptions
  base::OptionMap endpoints;  ///< of dispatch::EndpointOptions: choice among keys and replicas, ejection, breaker
  base::OptionMap hedge;      ///< of dispatch::HedgeOptions
  dispatch::SlowStreamOptions slow_stream;
  /// Answers over the network and for money, as far as can be told: neither a child nor a loopback address.
  bool remote = false;
};

/// One target: a model at a provider, or an exact tool.
struct ModelEntry {
  core::Target target;                  ///< name, kind, prices, context, abilities, tags
  std::optional<std::size_t> provider;  ///< index in Config::providers; none for a tool
  std::string id;                       ///< the provider's own name of the model
  std::string tool;                     ///< the registered tool; empty for a model
  bool price_stated = false;
  dispatch::TargetLimits limits;  ///< the provider's, overridden by the model's
};

struct Route {
  std::string name;                  ///< the model name clients ask for
  std::vector<std::size_t> targets;  ///< indices in Config::models, in the order given
  std::filesystem::path snapshot;    ///< empty: the targets in this order
  core::ContractPatch contract;      ///< the route's defaults
  double explore_rate = 0;           ///< [0, 0.5]; used where the contract allows exploration
  std::string strategy = "in_order";
  base::OptionMap strategy_options;
  std::string policy = "in_flight";
  base::OptionMap policy_options;
  bool strict = false;  ///< a translation that would lose something of a request is refused with 400
};

/// A client's credential, kept as a digest only.
struct VirtualKey {
  std::string name;
  std::string sha256;               ///< of salt and key: 64 lower-case hex digits
  std::string salt;                 ///< put before the key; may be empty
  std::int64_t expires_unix_s = 0;  ///< refused from then on; 0: never
  std::vector<std::size_t> routes;  ///< indices in Config::routes; empty: all
  core::ContractPatch contract;
};

/// Of a listener. The files are read at the start and at every reload.
struct TlsSettings {
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path client_ca;  ///< empty: any client

  friend bool operator==(const TlsSettings&, const TlsSettings&) = default;
};

struct GatewayLimits {
  std::size_t body_bytes_max = 32U << 20;
  std::size_t depth_max = 64;
  std::size_t headers_max = 128;
  std::size_t head_bytes_max = 32U << 10;
  std::size_t connections_max = 10'000;            ///< per core
  std::size_t connections_per_address_max = 1000;  ///< per core; 0: no limit
  std::size_t streams_max = 100;                   ///< of one HTTP/2 connection; 0: HTTP/1.1 only
  Nanoseconds head_timeout = Nanoseconds::from_ms(10'000);
  Nanoseconds idle_timeout = Nanoseconds::from_ms(75'000);
  Nanoseconds body_timeout = Nanoseconds::from_ms(30'000);
  Nanoseconds write_timeout = Nanoseconds::from_ms(60'000);
  Nanoseconds shutdown_timeout = Nanoseconds::from_ms(30'000);  ///< for turns in flight after SIGTERM
};

enum class KeepContent : std::uint8_t { kNo, kYes };

struct TraceOptions {
  bool enabled = true;
  std::filesystem::path folder;  ///< empty: `trace` under the state folder
  std::uint64_t segment_bytes_max = 64U << 20;
  std::uint32_t segments_max = 64;
  KeepContent content = KeepContent::kNo;
};

/// The memory of POST /v1/responses.
struct ResponseStoreOptions {
  std::size_t entries_max = 0;  ///< 0: there is none
  std::size_t bytes_max = 256U << 20;
  Nanoseconds lifetime = Nanoseconds::from_ms(86'400'000);

  friend bool operator==(const ResponseStoreOptions&, const ResponseStoreOptions&) = default;
};

/// What `thalamus check` asks, and what must come of it.
struct ConfigTest {
  std::string ask;
  std::size_t route = 0;                     ///< index in Config::routes
  std::optional<std::size_t> expect_target;  ///< index in Config::models: the plan's first target
  std::string expect_contains;               ///< in the answer's text; empty: not checked
  std::string where;                         ///< "thalamus.yaml:40:5"
};

/// Parses, but is probably not meant.
struct Warning {
  std::string where;
  std::string message;
  [[nodiscard]] std::string text() const { return where.empty() ? message : where + ": " + message; }
};

struct Config {
  std::filesystem::path path;  ///< as it was given
  int version = 1;
  ListenAddress listen{"127.0.0.1", 8080, true};
  ListenAddress admin{"127.0.0.1", 8081, true};
  Secret admin_token;  ///< asked by the admin listener of everything but its health; empty: nothing is asked
  std::optional<TlsSettings> tls;  ///< of `listen`; none: plain HTTP
  bool allow_any_key = false;      ///< said explicitly: other addresses without virtual keys
  std::uint32_t threads = 0;       ///< 0: one per core
  base::LogLevel log_level = base::LogLevel::kInfo;
  std::filesystem::path log_file;  ///< empty: standard error
  bool access_log = false;         ///< a line for each request
  SpanOptions spans;
  std::filesystem::path models_folder;
  GatewayLimits limits;
  TraceOptions trace;
  ResponseStoreOptions response_store;
  std::vector<Provider> providers;
  std::vector<ModelEntry> models;
  std::vector<Route> routes;
  std::vector<VirtualKey> keys;
  std::vector<ConfigTest> tests;
  std::vector<Warning> warnings;

  [[nodiscard]] const Route* find_route(std::string_view name) const noexcept;
  [[nodiscard]] const ModelEntry* find_model(std::string_view name) const noexcept;
  /// The virtual key whose secret this is; compares digests in constant time. Null where none fits. One digest for each
  /// distinct salt.
  [[nodiscard]] const VirtualKey* find_key(std::string_view secret) const;
};

/// The value of an environment variable, or nothing; empty function: the process's own environment.
using EnvLookup = std::function<std::optional<std::string>(const std::string&)>;

/// Reads and checks a configuration. The error lists every problem found, one a line, at most kErrorsMax.
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& path, const EnvLookup& environment = {});
/// The same from text; `name` is the path that messages carry and that relative paths start from.
[[nodiscard]] Result<Config> parse_config(std::string_view text, const std::string& name,
                                          const EnvLookup& environment = {});
inline constexpr std::size_t kErrorsMax = 20;

/// Whether a managed model's file is there, is a GGUF file and (if `verify_digest` asks) has the stated SHA-256. A
/// warning for `check`; for the supervisor the reason why that provider stays down.
enum class VerifyDigest : std::uint8_t { kNo, kYes };
[[nodiscard]] Status check_model_file(const ManagedModel& model, VerifyDigest verify_digest = VerifyDigest::kNo);

/// The configuration as it is in force, as YAML-like text for people. Credentials show as "[secret]".
[[nodiscard]] std::string describe(const Config& config);

}  // namespace thalamus::gateway
