#include "thalamus/gateway/reload.h"

#include <algorithm>

#include "thalamus/base/json_writer.h"

namespace thalamus::gateway {
namespace {

bool same_limits(const GatewayLimits& a, const GatewayLimits& b) {
  return a.headers_max == b.headers_max && a.head_bytes_max == b.head_bytes_max &&
         a.connections_max == b.connections_max && a.connections_per_address_max == b.connections_per_address_max &&
         a.streams_max == b.streams_max && a.head_timeout == b.head_timeout && a.idle_timeout == b.idle_timeout &&
         a.body_timeout == b.body_timeout && a.write_timeout == b.write_timeout;
}

bool same_child(const ChildSpec& a, const ChildSpec& b) {
  return a.name == b.name && a.command == b.command && a.nice == b.nice && a.health_path == b.health_path;
}

void write_lines(base::JsonWriter& out, std::string_view name, const std::vector<std::string>& lines) {
  out.key(name).begin_array();
  for (const std::string& line : lines) out.value(line);
  out.end_array();
}

}  // namespace

Status check_reloadable(const Runtime& running, const Runtime& wanted) {
  const Config& old = running.config();
  const Config& next = wanted.config();
  const auto fixed = [](std::string_view what) {
    return fail(ErrorKind::kConflict, "{} cannot change while the gateway runs; restart it", what);
  };
  if (old.listen.text() != next.listen.text()) return fixed("listen");
  if (old.admin.text() != next.admin.text()) return fixed("admin");
  if (!(old.tls == next.tls)) return fixed("tls (its files are read again at each reload)");
  if (old.threads != next.threads) return fixed("threads");
  if (old.trace.enabled != next.trace.enabled || old.trace.folder != next.trace.folder) return fixed("trace");
  if (!(old.spans == next.spans)) return fixed("spans");
  if (!(old.response_store == next.response_store)) return fixed("response_store");
  if (old.log_file != next.log_file || old.log_level != next.log_level || old.access_log != next.access_log)
    return fixed("log");
  if (!same_limits(old.limits, next.limits)) return fixed("limits (but for body_bytes, depth, shutdown_timeout)");
  const auto& before = running.children();
  const auto& after = wanted.children();
  if (!std::equal(before.begin(), before.end(), after.begin(), after.end(), &same_child))
    return fixed("providers with model_file or spawn: the servers that the gateway manages");
  return {};
}

std::string to_json(const ReloadReport& report) {
  base::JsonWriter out;
  out.begin_object().field("generation", report.generation);
  write_lines(out, "changes", report.changes);
  write_lines(out, "warnings", report.warnings);
  out.end_object();
  return out.take();
}

}  // namespace thalamus::gateway
