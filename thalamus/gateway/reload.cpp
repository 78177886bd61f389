#include "thalamus/gateway/reload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "thalamus/base/json_writer.h"

namespace thalamus::gateway {
namespace {

constexpr std::string_view kBound = "its socket is bound once";
constexpr std::string_view kHttpLayer = "the HTTP layer begins with it";
constexpr std::string_view kWriter = "its writer begins with it";

std::string shown(const std::string& text) { return text.empty() ? "unset" : text; }
template <class T>
std::string shown(const T& value) {
  return fmt::format("{}", value);
}

/// The settings that differ and are fixed, a line each.
class Fixed {
 public:
  /// Values are shown where a person can compare them.
  template <class T>
  void same(std::string_view name, std::string_view why, const T& now, const T& wanted) {
    if (now == wanted) return;
    different(name, why, true);
    lines_.back() += fmt::format(": {} now, {} in the file", shown(now), shown(wanted));
  }
  void different(std::string_view name, std::string_view why, bool differs) {
    if (differs) lines_.push_back(fmt::format("{} cannot change while the gateway runs ({})", name, why));
  }

  [[nodiscard]] Status status() const {
    if (lines_.empty()) return {};
    const std::string_view them = lines_.size() == 1 ? "it" : "them";
    return fail(ErrorKind::kConflict, "{}\nrestart the gateway to change {}, or set {} back and reload",
                fmt::join(lines_, "\n"), them, them);
  }

 private:
  std::vector<std::string> lines_;
};

std::string seconds(Nanoseconds span) { return fmt::format("{:.9g}s", span.seconds()); }

void compare_limits(Fixed& fixed, const GatewayLimits& old, const GatewayLimits& next, const GatewayLimits& started) {
  if (next.body_bytes_max > started.body_bytes_max)
    fixed.same("limits.body_bytes", "the HTTP layer began with it; it can be lowered", started.body_bytes_max,
               next.body_bytes_max);
  fixed.same("limits.headers", kHttpLayer, old.headers_max, next.headers_max);
  fixed.same("limits.head_bytes", kHttpLayer, old.head_bytes_max, next.head_bytes_max);
  fixed.same("limits.connections", kHttpLayer, old.connections_max, next.connections_max);
  fixed.same("limits.connections_per_address", kHttpLayer, old.connections_per_address_max,
             next.connections_per_address_max);
  fixed.same("limits.streams", kHttpLayer, old.streams_max, next.streams_max);
  fixed.same("limits.head_timeout", kHttpLayer, seconds(old.head_timeout), seconds(next.head_timeout));
  fixed.same("limits.idle_timeout", kHttpLayer, seconds(old.idle_timeout), seconds(next.idle_timeout));
  fixed.same("limits.body_timeout", kHttpLayer, seconds(old.body_timeout), seconds(next.body_timeout));
  fixed.same("limits.write_timeout", kHttpLayer, seconds(old.write_timeout), seconds(next.write_timeout));
}

void write_lines(base::JsonWriter& out, std::string_view name, const std::vector<std::string>& lines) {
  out.key(name).begin_array();
  for (const std::string& line : lines) out.value(line);
  out.end_array();
}

}  // namespace

Status check_reloadable(const Config& old, const Config& next, const GatewayLimits& started) {
  Fixed fixed;
  fixed.same("listen", kBound, old.listen.text(), next.listen.text());
  fixed.same("admin", kBound, old.admin.text(), next.admin.text());
  fixed.different("tls", "the listener begins with these paths; the files in them are read again at each reload",
                  old.tls != next.tls);
  fixed.same("threads", "the cores are started once", old.threads, next.threads);
  fixed.different("log.level", "the log is opened once", old.log_level != next.log_level);
  fixed.same("log.file", "the log is opened once", old.log_file.string(), next.log_file.string());
  fixed.same("log.access", "the log is opened once", old.access_log, next.access_log);
  compare_limits(fixed, old.limits, next.limits, started);
  fixed.same("trace.enabled", kWriter, old.trace.enabled, next.trace.enabled);
  fixed.same("trace.folder", kWriter, old.trace.folder.string(), next.trace.folder.string());
  fixed.same("trace.segment_bytes", kWriter, old.trace.segment_bytes_max, next.trace.segment_bytes_max);
  fixed.same("trace.segments", kWriter, old.trace.segments_max, next.trace.segments_max);
  fixed.different("spans", "their sender begins with it", !(old.spans == next.spans));
  fixed.different("response_store", "what it holds was taken under it", !(old.response_store == next.response_store));
  return fixed.status();
}

std::vector<std::string> server_changes(const Runtime& running, const Runtime& wanted) {
  std::vector<std::string> lines;
  const auto stays = [](const ChildSpec& child, const Runtime& other) {
    const ChildSpec* const there = other.find_child(child.name);
    return there != nullptr && same_process(child, *there);
  };
  for (const auto& child : running.children())
    if (!stays(*child, wanted))
      lines.push_back(fmt::format("- server: {}, when its requests in flight have ended", child->name));
  for (const auto& child : wanted.children())
    if (!stays(*child, running)) lines.push_back(fmt::format("+ server: {}, which is started", child->name));
  return lines;
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
