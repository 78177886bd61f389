/// The server's own sections (addresses, log, limits, trace) and what providers, models, routes and keys share.
#include "thalamus/gateway/config_sections.h"

#include <fmt/format.h>

#include <algorithm>

#include "thalamus/base/text.h"
#include "thalamus/net/stream.h"

namespace thalamus::gateway {
namespace {

constexpr Nanoseconds kHour = Nanoseconds::from_ms(3'600'000);
constexpr std::int64_t kGiB = 1 << 30;
constexpr std::size_t kNameBytesMax = 200;

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

/// "127.0.0.1:8080", "[::1]:8080", "localhost:8080", ":8080".
std::optional<ListenAddress> parse_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = base::parse_number<std::uint16_t>(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (!port) return std::nullopt;
  ListenAddress address;
  address.port = *port;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    const bool address_like = host.find(':') != std::string_view::npos &&
                              host.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
    if (!address_like) return std::nullopt;
  } else if (!std::all_of(host.begin(), host.end(), [](char c) {
               return c == '.' || c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                      (c >= 'A' && c <= 'Z');
             })) {
    return std::nullopt;
  }
  address.host = host.empty() ? "0.0.0.0" : std::string(host);
  address.loopback = is_loopback(address.host);
  return address;
}

void read_address(Fields& top, std::string_view field, ListenAddress& out, YamlMark& mark) {
  mark = top.mark(field);
  std::string text;
  top.text(field, text);
  if (text.empty()) return;
  if (auto address = parse_listen(text)) {
    out = *std::move(address);
  } else {
    top.error(field,
              fmt::format("expected an address such as 127.0.0.1:8080 or [::1]:8080, got {}", shown_value(text)));
  }
}

void read_limits(Fields& top, GatewayLimits& limits) {
  const YamlNode* node = top.get("limits");
  if (node == nullptr) return;
  Fields fields(top.reader(), *node, "limits");
  fields.bytes("body_bytes", limits.body_bytes_max, 1024, kGiB);
  fields.integer("depth", limits.depth_max, 4, 512);
  fields.integer("headers", limits.headers_max, 8, 1024);
  fields.bytes("head_bytes", limits.head_bytes_max, 1024, 1 << 20);
  fields.integer("connections", limits.connections_max, 1, 1'000'000);
  fields.integer("connections_per_address", limits.connections_per_address_max, 0, 1'000'000);
  fields.integer("streams", limits.streams_max, 0, 10'000);
  fields.duration("head_timeout", limits.head_timeout, kHour);
  fields.duration("idle_timeout", limits.idle_timeout, kHour);
  fields.duration("body_timeout", limits.body_timeout, kHour);
  fields.duration("write_timeout", limits.write_timeout, kHour);
  fields.duration("shutdown_timeout", limits.shutdown_timeout, kHour);
  fields.finish();
}

void read_trace(Fields& top, TraceOptions& trace) {
  const YamlNode* node = top.get("trace");
  if (node == nullptr) return;
  Fields fields(top.reader(), *node, "trace");
  fields.flag("enabled", trace.enabled);
  fields.path("folder", trace.folder);
  fields.bytes("segment_bytes", trace.segment_bytes_max, 64 << 10, kGiB);
  fields.integer("segments", trace.segments_max, 1, 100'000);
  bool content = false;
  fields.flag("content", content);
  trace.content = content ? KeepContent::kYes : KeepContent::kNo;
  fields.finish();
}

void read_response_store(Fields& top, ResponseStoreOptions& limits) {
  const YamlNode* node = top.get("response_store");
  if (node == nullptr) return;
  Fields fields(top.reader(), *node, "response_store");
  limits.entries_max = 10'000;
  fields.integer("entries", limits.entries_max, 0, 100'000'000);
  fields.bytes("bytes", limits.bytes_max, 64 << 10, 1024 * kGiB);
  fields.duration("lifetime", limits.lifetime, Nanoseconds::from_ms(365LL * 24 * 3'600'000));
  fields.finish();
}

/// `tls: none`, or a mapping of files.
void read_tls(Fields& top, std::optional<TlsSettings>& tls, ConfigMarks& marks) {
  const YamlNode* node = top.get("tls");
  if (node == nullptr) return;
  if (node->kind == YamlKind::kScalar) {
    static const std::vector<std::string> kWords = {"none"};
    (void)top.choice("tls", kWords);
    return;
  }
  Fields fields(top.reader(), *node, "tls");
  TlsSettings settings;
  if (fields.need("certificate", "a PEM file: the certificate, then what leads to its authority") != nullptr)
    fields.path("certificate", settings.certificate);
  if (fields.need("key", "a PEM file: the certificate's private key") != nullptr) fields.path("key", settings.key);
  fields.path("client_ca", settings.client_ca);
  marks.tls_certificate = fields.mark("certificate");
  marks.tls_key = fields.mark("key");
  marks.tls_client_ca = fields.mark("client_ca");
  fields.finish();
  tls = std::move(settings);
}

void read_spans(Fields& top, SpanOptions& spans) {
  const YamlNode* node = top.get("spans");
  if (node == nullptr) return;
  Fields fields(top.reader(), *node, "spans");
  if (fields.need("url", "where the collector takes OTLP over HTTP, as http://127.0.0.1:4318/v1/traces") != nullptr)
    fields.text("url", spans.url);
  if (!spans.url.empty()) {
    if (const auto endpoint = net::parse_base_url(spans.url); !endpoint) fields.error("url", endpoint.error().message);
  }
  static const std::vector<std::string> kNames = {"latest", "legacy"};
  if (const auto names = fields.choice("semconv", kNames)) spans.names = static_cast<SemanticConventions>(*names);
  fields.number("sample", spans.sample, 0, 1);
  fields.finish();
}

void read_log(Fields& top, Config& config) {
  const YamlNode* node = top.get("log");
  if (node == nullptr) return;
  Fields fields(top.reader(), *node, "log");
  static const std::vector<std::string> kLevels = {"debug", "info", "warning", "error"};
  if (const auto level = fields.choice("level", kLevels)) config.log_level = static_cast<base::LogLevel>(*level);
  fields.path("file", config.log_file);
  fields.flag("access", config.access_log);
  fields.finish();
}

/// Where `tools/fetch_models.py` puts them: `thalamus/models` under the XDG cache folder.
std::filesystem::path default_models_folder(const Reader& reader) {
  if (const auto cache = reader.environment("XDG_CACHE_HOME"); cache && cache->starts_with('/'))
    return std::filesystem::path(*cache) / "thalamus" / "models";
  if (const auto home = reader.environment("HOME"); home && home->starts_with('/'))
    return std::filesystem::path(*home) / ".cache" / "thalamus" / "models";
  return "models";
}

void check_names(Fields& fields, std::string_view field, const std::vector<std::string>& names,
                 const std::vector<std::string>& known) {
  for (const auto& name : names)
    if (std::find(known.begin(), known.end(), name) == known.end())
      fields.error(field, Reader::unknown("target or tag", name, known));
}

}  // namespace

bool is_name(std::string_view text, Slashes slashes) noexcept {
  if (text.empty() || text.size() > kNameBytesMax || text.front() == '.' || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(), [slashes](char c) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    if (c == '.' || c == '_' || c == '-') return true;
    return slashes == Slashes::kAllowed && (c == '/' || c == ':' || c == '@');
  });
}

std::vector<std::string> model_names(const Config& config) {
  return names_of(config.models, [](const ModelEntry& model) { return model.target.name; });
}

std::vector<std::string> route_names(const Config& config) {
  return names_of(config.routes, [](const Route& route) { return route.name; });
}

void read_server(Fields& top, Config& config, ConfigMarks& marks) {
  if (top.need("version", "version: 1") != nullptr) top.integer("version", config.version, 1, 1);
  read_address(top, "listen", config.listen, marks.listen);
  read_address(top, "admin", config.admin, marks.admin);
  top.secret("admin_token", config.admin_token);
  read_tls(top, config.tls, marks);
  top.flag("allow_any_key", config.allow_any_key);
  top.integer("threads", config.threads, 0, 1024);
  config.models_folder = default_models_folder(top.reader());
  top.path("models_folder", config.models_folder);
  read_log(top, config);
  read_limits(top, config.limits);
  read_trace(top, config.trace);
  read_spans(top, config.spans);
  read_response_store(top, config.response_store);
}

void read_target_limits(Fields& owner, dispatch::TargetLimits& limits) {
  owner.integer("concurrency", limits.concurrency_max, 0, 100'000);
  owner.integer("queue", limits.queue_length_max, 0, 100'000);
  const YamlNode* node = owner.get("timeouts");
  if (node == nullptr) return;
  constexpr std::int64_t kDayMs = 86'400'000;
  Fields fields(owner.reader(), *node, owner.name("timeouts"));
  fields.milliseconds("connect_ms", limits.connect_timeout, kDayMs);
  fields.milliseconds("first_byte_ms", limits.first_byte_timeout, kDayMs);
  fields.milliseconds("idle_ms", limits.idle_timeout, kDayMs);
  fields.milliseconds("total_ms", limits.total_timeout, kDayMs);
  fields.finish();
}

void read_contract(Fields& owner, const Config& config, core::ContractPatch& contract) {
  const YamlNode* node = owner.get("contract");
  if (node == nullptr) return;
  Fields fields(owner.reader(), *node, owner.name("contract"));
  fields.number("max_cost_usd", contract.max_cost_usd, 0, 1e6);
  fields.number("max_latency_ms", contract.max_latency_ms, 1, 86'400'000);
  fields.number("max_ttft_ms", contract.max_ttft_ms, 1, 86'400'000);
  fields.number("min_quality", contract.min_quality, 0, 1);
  fields.texts("allow", contract.allow);
  fields.texts("deny", contract.deny);
  std::vector<std::string> known = model_names(config);
  for (const auto& model : config.models) known.insert(known.end(), model.target.tags.begin(), model.target.tags.end());
  check_names(fields, "allow", contract.allow, known);
  check_names(fields, "deny", contract.deny, known);
  if (const YamlNode* worth_node = fields.get("worth")) {
    Fields worth(owner.reader(), *worth_node, fields.name("worth"));
    contract.worth = core::Worth{};
    worth.number("answer_usd", contract.worth->answer_usd, 0, 1e6);
    worth.number("second_usd", contract.worth->second_usd, 0, 1e6);
    worth.finish();
  }
  static const std::vector<std::string> kExplore = {"never", "allowed"};
  if (const auto word = fields.choice("explore", kExplore))
    contract.explore = *word == 0 ? core::Explore::kNever : core::Explore::kAllowed;
  static const std::vector<std::string> kInfeasible = {"fail", "nearest"};
  if (const auto word = fields.choice("on_infeasible", kInfeasible))
    contract.on_infeasible = *word == 0 ? core::OnInfeasible::kFail : core::OnInfeasible::kNearest;
  bool explain = false;
  fields.flag("explain", explain);
  if (fields.has("explain")) contract.explain = explain;
  fields.finish();
}

}  // namespace thalamus::gateway
