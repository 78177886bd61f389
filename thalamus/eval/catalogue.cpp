#include "thalamus/eval/catalogue.h"

#include <fmt/format.h>

#include "thalamus/base/json_writer.h"
#include "thalamus/check/checker.h"
#include "thalamus/check/task.h"
#include "thalamus/compose/strategy.h"
#include "thalamus/dispatch/policy.h"
#include "thalamus/feature/feature.h"
#include "thalamus/learn/batch_method.h"
#include "thalamus/route/router.h"
#include "thalamus/tool/tool.h"
#include "thalamus/wire/format.h"

namespace thalamus::eval {
namespace {

std::string needs_text(const route::Needs& needs) {
  std::string text;
  const auto add = [&](bool wanted, const char* what) {
    if (wanted) text += (text.empty() ? "" : ", ") + std::string(what);
  };
  add(needs.dense, "a dense feature");
  add(needs.either, "a dense or sparse feature");
  add(needs.tokens, "word tokens");
  add(needs.documents, "the question apart from its documents");
  return text;
}

template <class Record>
CatalogueRow plain_row(std::string level, const Record& record) {
  CatalogueRow row;
  row.level = std::move(level);
  row.name = record.name;
  row.help = record.help;
  return row;
}

template <class Record>
CatalogueRow sourced_row(std::string level, const Record& record) {
  CatalogueRow row = plain_row(std::move(level), record);
  row.source = record.source;
  if (record.options != nullptr) row.options = record.options();
  return row;
}

}  // namespace

std::vector<CatalogueRow> catalogue() {
  std::vector<CatalogueRow> rows;
  for (const auto& method : route::methods()) {
    rows.push_back(sourced_row("route", method));
    rows.back().latency_class_us = method.latency_class_us;
    rows.back().needs = needs_text(method.needs);
  }
  for (const auto& feature : feature::features()) {
    rows.push_back(sourced_row("feature", feature));
    rows.back().latency_class_us = feature.latency_class_us;
  }
  for (const auto& strategy : compose::strategies()) rows.push_back(sourced_row("strategy", strategy));
  for (const auto& policy : dispatch::policies()) rows.push_back(sourced_row("policy", policy));
  for (const auto& method : learn::batch_methods()) rows.push_back(sourced_row("batch", method));
  for (const auto& tool : tool::tools()) rows.push_back(plain_row("tool", tool));
  for (const auto& checker : check::checkers()) rows.push_back(plain_row("checker", checker));
  for (const auto& family : check::families()) rows.push_back(plain_row("family", family));
  for (const auto& name : wire::format_names()) {
    rows.emplace_back();
    rows.back().level = "format";
    rows.back().name = name;
    rows.back().help = "wire format";
  }
  return rows;
}

std::string to_text(const std::vector<CatalogueRow>& rows) {
  std::string out;
  for (const auto& row : rows) {
    out += fmt::format("{:9} {:22} {}{}{}\n", row.level, row.name, row.help,
                       row.source.empty() ? "" : " [" + row.source + "]",
                       row.latency_class_us > 0 ? fmt::format(" ({} us)", row.latency_class_us) : "");
    if (!row.needs.empty()) out += fmt::format("{:34}needs {}\n", "", row.needs);
    for (const auto& option : row.options)
      out += fmt::format("{:34}{} = {}{}  {}\n", "", option.name, option.default_value,
                         option.allowed.empty() ? "" : " (" + option.allowed + ")", option.help);
  }
  return out;
}

std::string to_json(const std::vector<CatalogueRow>& rows) {
  base::JsonWriter out;
  out.begin_array();
  for (const auto& row : rows) {
    out.begin_object().field("level", row.level).field("name", row.name).field("help", row.help);
    out.field("source", row.source).field("latency_class_us", row.latency_class_us).field("needs", row.needs);
    out.key("options").begin_array();
    for (const auto& option : row.options) {
      out.begin_object().field("name", option.name).field("type", option.type).field("default", option.default_value);
      out.field("allowed", option.allowed).field("help", option.help).end_object();
    }
    out.end_array().end_object();
  }
  out.end_array();
  return out.take() + "\n";
}

}  // namespace thalamus::eval
