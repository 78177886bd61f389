#include "thalamus/gateway/endpoint_report.h"

#include <fmt/format.h>

#include <functional>
#include <optional>

#include "thalamus/base/metrics.h"

namespace thalamus::gateway {
namespace {

using dispatch::EndpointSet;
using dispatch::TargetControls;

double seconds_until(Nanoseconds instant, Nanoseconds now) { return instant > now ? (instant - now).seconds() : 0.0; }

/// One family: a line for each model and, where `parts` says how many, each of its parts.
struct Family {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::string_view part;  ///< label of a part; empty: one value a model
  std::function<std::size_t(const TargetControls&)> parts;
  std::function<std::optional<double>(const TargetControls&, std::size_t)> value;  ///< nothing: no line
};

std::vector<Family> families(Nanoseconds now) {
  const auto replicas = [](const TargetControls& c) { return c.endpoints->replicas(); };
  const auto keys = [](const TargetControls& c) { return c.endpoints->keys(); };
  const auto one = [](const TargetControls&) { return std::size_t{1}; };
  const auto replica = [now](auto member) {
    return [now, member](const TargetControls& c, std::size_t i) {
      return std::optional<double>(member(c.endpoints->replica_view(i, now)));
    };
  };
  return {
      {"thalamus_replica_open", "gauge", "1 where calls are kept away from the replica, 0.5 where one is let through.",
       "replica", replicas, replica([](const dispatch::ReplicaView& v) {
         return v.phase == dispatch::HealthPhase::kOpen ? 1.0 : v.phase == dispatch::HealthPhase::kHalfOpen ? 0.5 : 0.0;
       })},
      {"thalamus_replica_in_flight", "gauge", "Calls of the replica that are under way.", "replica", replicas,
       replica([](const dispatch::ReplicaView& v) { return v.in_flight; })},
      {"thalamus_replica_latency_seconds", "gauge",
       "Peak-sensitive moving average of the time to the first token, as the last call left it.", "replica", replicas,
       replica([](const dispatch::ReplicaView& v) { return v.latency_seconds; })},
      {"thalamus_replica_faults_total", "counter", "Calls that failed by the replica's fault.", "replica", replicas,
       replica([](const dispatch::ReplicaView& v) { return v.faults; })},
      {"thalamus_key_dead", "gauge", "1 where the provider refuses the key for good.", "key", keys,
       [](const TargetControls& c, std::size_t i) { return c.endpoints->key_view(i).dead ? 1.0 : 0.0; }},
      {"thalamus_retries_total", "counter", "Attempts beyond the first that the retry budget allowed.", "", one,
       [](const TargetControls& c, std::size_t) { return static_cast<double>(c.retries.view().withdrawn); }},
      {"thalamus_retries_refused_total", "counter", "Attempts that the retry budget did not allow.", "", one,
       [](const TargetControls& c, std::size_t) { return static_cast<double>(c.retries.view().refused); }},
      {"thalamus_hedges_total", "counter", "Second attempts beside a slow first one.", "", one,
       [](const TargetControls& c, std::size_t) { return static_cast<double>(c.hedger.budget().withdrawn); }},
  };
}

}  // namespace

std::string endpoint_metrics(const Runtime& runtime, Nanoseconds now) {
  std::string out;
  for (const Family& family : families(now)) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", family.name, family.help, family.name, family.type);
    for (const auto& upstream : runtime.upstreams()) {
      if (upstream == nullptr) continue;
      const std::string target = base::label_text("target", upstream->name);
      for (std::size_t i = 0; i < family.parts(*upstream->controls); ++i) {
        const auto value = family.value(*upstream->controls, i);
        if (!value) continue;
        const std::string part = family.part.empty() ? "" : fmt::format(",{}=\"{}\"", family.part, i);
        out += fmt::format("{}{{{}{}}} {}\n", family.name, target, part, *value);
      }
    }
  }
  return out;
}

void write_endpoints(base::JsonWriter& out, const Runtime& runtime, Nanoseconds now) {
  out.key("endpoints").begin_object();
  for (const auto& upstream : runtime.upstreams()) {
    if (upstream == nullptr) continue;
    const EndpointSet& set = *upstream->controls->endpoints;
    out.key(upstream->name).begin_object().key("replicas").begin_array();
    for (std::size_t i = 0; i < set.replicas(); ++i) {
      const dispatch::ReplicaView view = set.replica_view(i, now);
      out.begin_object().field("state", dispatch::label(view.phase)).field("in_flight", view.in_flight);
      if (view.latency_seconds) out.field("latency_s", *view.latency_seconds);
      out.field("good", view.good).field("faults", view.faults);
      out.field("openings", view.openings).field("open_for_s", seconds_until(view.open_until, now)).end_object();
    }
    out.end_array().key("keys").begin_array();
    for (std::size_t i = 0; i < set.keys(); ++i) {
      const dispatch::KeyView view = set.key_view(i);
      out.begin_object().field("dead", view.dead).field("rests_for_s", seconds_until(view.resting_until, now));
      out.field("in_flight", view.in_flight).end_object();
    }
    out.end_array().end_object();
  }
  out.end_object();
}

}  // namespace thalamus::gateway
