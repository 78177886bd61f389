#include "thalamus/eval/decisions.h"

#include <fmt/format.h>

#include "thalamus/base/json_writer.h"
#include "thalamus/feature/description.h"
#include "thalamus/route/decide.h"
#include "thalamus/route/explain.h"

namespace thalamus::eval {
namespace {

/// One decision's working state, reused from row to row.
struct Work {
  feature::Description description;
  route::Scratch scratch;
  core::Estimates estimates;
  core::Plan plan;
};

void decide_one(const route::Snapshot& snapshot, const route::TargetMap& map, std::span<const core::Target> targets,
                const core::Contract& contract, Work& work) {
  work.estimates.reset(targets.size());
  snapshot.estimate(work.description, map, targets, work.scratch, work.estimates);
  route::RequestNeeds needs;
  needs.input_tokens = work.description.input_tokens;
  needs.tools = work.description.has_tools;
  base::Rng rng(1);
  route::decide(work.estimates, contract, targets, {}, needs, rng, work.plan);
}

void write_estimate(base::JsonWriter& out, const core::Estimate& row) {
  out.begin_object().field("quality", row.quality).field("quality_sd", row.quality_sd).field("cost_usd", row.cost_usd);
  out.field("seconds", row.seconds).field("output_tokens", row.output_tokens).end_object();
}

}  // namespace

std::string route_batch(const route::Snapshot& snapshot, const trace::OutcomeTable& requests,
                        const core::Contract& contract) {
  const std::vector<core::Target> targets = snapshot.own_targets();
  const route::TargetMap map = snapshot.map_own();
  Work work;
  snapshot.prepare(work.scratch);
  std::string lines;
  for (const trace::Row& row : requests.rows) {
    feature::describe_row(row.prompt, row.messages, row.tools, work.description);
    decide_one(snapshot, map, targets, contract, work);
    base::JsonWriter out;
    out.begin_object().field("id", row.id).key("target");
    if (work.plan.empty()) {
      out.null();
    } else {
      out.value(targets[work.plan.first()].name);
    }
    out.key("estimates").begin_object();
    for (std::size_t i = 0; i < targets.size(); ++i) {
      out.key(targets[i].name);
      write_estimate(out, work.estimates[i]);
    }
    out.end_object().end_object();
    lines += out.take();
    lines += '\n';
  }
  return lines;
}

Explanation explain_prompt(const route::Snapshot& snapshot, std::string_view prompt,
                           std::span<const core::Target> targets, const core::Contract& contract) {
  const route::TargetMap map = snapshot.map_targets(targets);
  Work work;
  snapshot.prepare(work.scratch);
  feature::describe_text(prompt, {}, work.description);
  decide_one(snapshot, map, targets, contract, work);
  const std::string reason = route::explain(work.plan, work.estimates, contract, targets);
  const auto flips = route::flips(work.plan, work.estimates, contract, targets);

  Explanation out;
  out.text = fmt::format("method {} on {} rows; {} input tokens\n\nsignals that are not zero:\n",
                         snapshot.header().method, snapshot.header().training_rows, work.description.input_tokens);
  base::JsonWriter json;
  json.begin_object().field("method", snapshot.header().method).key("signals").begin_object();
  for (std::size_t i = 0; i < feature::kSignalCount; ++i) {
    const double value = work.description.signals[i];
    json.field(feature::signal_names()[i], value);
    if (value != 0) out.text += fmt::format("  {:24} {:.4g}\n", feature::signal_names()[i], value);
  }
  json.end_object().key("estimates").begin_object();
  out.text += fmt::format("\n{:24} {:>8} {:>7} {:>12} {:>9}\n", "target", "quality", "sd", "cost USD", "seconds");
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const core::Estimate& row = work.estimates[i];
    json.key(targets[i].name);
    write_estimate(json, row);
    out.text += fmt::format("{:24} {:8.4f} {:7.4f} {:12.8f} {:9.3f}\n", targets[i].name, row.quality, row.quality_sd,
                            row.cost_usd, row.seconds);
  }
  json.end_object().key("target");
  if (work.plan.empty()) {
    json.null();
  } else {
    json.value(targets[work.plan.first()].name);
  }
  json.field("reason", reason).key("flips").begin_array();
  out.text += "\n" + reason + "\n";
  for (const auto& flip : flips) {
    out.text += "  " + flip.sentence + "\n";
    json.begin_object().field("what", flip.what).field("value", flip.value).field("target", flip.target);
    json.field("sentence", flip.sentence).end_object();
  }
  json.end_array().end_object();
  out.json = json.take() + "\n";
  return out;
}

}  // namespace thalamus::eval
