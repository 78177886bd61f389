#include "thalamus/eval/annotation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "thalamus/base/json_writer.h"
#include "thalamus/eval/dataset_files.h"

namespace thalamus::eval {
namespace {

constexpr std::size_t kItemsMax = 1'000'000;
constexpr std::size_t kFeaturesMax = 1000;
constexpr std::size_t kCellsMax = 50'000'000;
constexpr double kNanosPerUsd = 1e9;
constexpr double kFeatureMax = 1e9;

using Positions = std::unordered_map<std::string, std::uint32_t>;

struct Item {
  std::string id;
  std::vector<std::pair<std::string, double>> features;
  double human_usd = trace::kMissing;
};

/// A number, true as 1, false and null as 0, a text as the tag "NAME=TEXT".
Status read_feature(wire::JsonCursor& cursor, const wire::Place& place, const std::string& name, Item& item) {
  if (cursor.peek() == wire::JsonKind::kString) {
    std::string text;
    CHECK_OK(wire::read_text(cursor, place, text));
    item.features.emplace_back(name + "=" + text, 1);
    return {};
  }
  double value = 0;
  if (!wire::pass_null(cursor)) {
    if (cursor.peek() == wire::JsonKind::kBool) {
      bool flag = false;
      CHECK_OK(wire::read_flag(cursor, place, flag));
      value = flag ? 1 : 0;
    } else {
      CHECK_OK(wire::read_real(
          cursor, place, {-kFeatureMax, kFeatureMax, "a number from -1e9 to 1e9, true, false, null or a text"}, value));
    }
  }
  item.features.emplace_back(name, value);
  return {};
}

Status read_features(wire::JsonCursor& cursor, const wire::Place& place, Item& item) {
  CHECK_OK(wire::enter_object(cursor, place));
  std::string_view key;
  while (cursor.next_member(key)) {
    const std::string name(key);
    CHECK_OK(read_feature(cursor, wire::Place(place, name), name, item));
  }
  return wire::left(cursor, place);
}

Result<Item> read_item(wire::JsonCursor& cursor) {
  Item item;
  const wire::Place place("item");
  CHECK_OK(read_members(
      cursor, place,
      {{"id", [&](wire::JsonCursor& c, const wire::Place& p) { return wire::read_text(c, p, item.id); }},
       {"features", [&](wire::JsonCursor& c, const wire::Place& p) { return read_features(c, p, item); }},
       {"human_usd", [&](wire::JsonCursor& c, const wire::Place& p) {
          return wire::pass_null(c)
                     ? Status{}
                     : wire::read_real(c, p, {0, kAnnotationUsdMax, "a number of USD from 0 to 9e6"}, item.human_usd);
        }}}));
  if (item.id.empty())
    return fail_at("item.id", ErrorKind::kInvalidInput, "missing or empty; give each item an id of its own");
  if (item.features.empty())
    return fail_at("item.features", ErrorKind::kInvalidInput,
                   "missing or empty; give at least one feature, as {{\"length\": 120, \"subject\": \"law\"}}");
  return item;
}

/// Rows of features in a common order; a feature that an item has not is 0.
learn::MixFeatures tabulate(const std::vector<std::vector<std::pair<std::uint32_t, float>>>& rows,
                            std::size_t features) {
  learn::MixFeatures table{features, std::vector<float>(rows.size() * features, 0.0F)};
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (const auto& [feature, value] : rows[i]) table.values[i * features + feature] = value;
  return table;
}

Positions positions_of(const std::vector<std::string>& ids) {
  Positions positions;
  for (std::uint32_t i = 0; i < ids.size(); ++i) positions.emplace(ids[i], i);
  return positions;
}

/// Ids of a member of a mix as positions of items.
Status read_ids(wire::JsonCursor& cursor, const wire::Place& place, const AnnotationItems& items,
                const Positions& positions, std::vector<std::uint32_t>& out) {
  CHECK_OK(wire::enter_array(cursor, place));
  std::unordered_set<std::uint32_t> seen;
  std::string id;
  for (std::size_t i = 0; cursor.next_element(); ++i) {
    const wire::Place element(place, i);
    CHECK_OK(wire::read_text(cursor, element, id));
    const auto found = positions.find(id);
    if (found == positions.end())
      return fail_at(element.text(), ErrorKind::kInvalidInput, "there is no item {} in {}{}", wire::quoted(id),
                     items.file, wire::hint(id, items.ids));
    if (!seen.insert(found->second).second)
      return fail_at(element.text(), ErrorKind::kInvalidInput, "item {} is named twice; name it once",
                     wire::quoted(id));
    out.push_back(found->second);
  }
  return wire::left(cursor, place);
}

struct Mix {
  std::vector<std::uint32_t> items;
  std::vector<std::uint32_t> human;
  bool has_human = false;
  double score = trace::kMissing;
};

Result<Mix> read_mix(wire::JsonCursor& cursor, const AnnotationItems& items, const Positions& positions) {
  Mix mix;
  const wire::Place place("mix");
  const auto ids = [&](std::vector<std::uint32_t>& to) {
    return [&](wire::JsonCursor& c, const wire::Place& p) { return read_ids(c, p, items, positions, to); };
  };
  CHECK_OK(read_members(cursor, place,
                        {{"items", ids(mix.items)},
                         {"human",
                          [&](wire::JsonCursor& c, const wire::Place& p) {
                            mix.has_human = true;
                            return read_ids(c, p, items, positions, mix.human);
                          }},
                         {"score", [&](wire::JsonCursor& c, const wire::Place& p) {
                            return wire::pass_null(c)
                                       ? Status{}
                                       : wire::read_real(c, p, {-1e30, 1e30, "a finite number"}, mix.score);
                          }}}));
  if (!mix.has_human)
    return fail_at("mix.human", ErrorKind::kInvalidInput,
                   "missing; list the ids with human labels, or [] where there are none");
  if (std::isnan(mix.score))
    return fail_at("mix.score", ErrorKind::kInvalidInput,
                   "missing or null; train on the mix, measure it and write the number, or remove the line");
  return mix;
}

}  // namespace

Result<AnnotationItems> read_annotation_items(const std::filesystem::path& path) {
  AnnotationItems items;
  items.file = path.string();
  std::unordered_map<std::string, std::uint32_t> columns;
  std::unordered_set<std::string> ids;
  std::vector<std::vector<std::pair<std::uint32_t, float>>> rows;
  CHECK_OK(for_each_json_line(path, [&](wire::JsonCursor& cursor) -> Status {
    TRY(auto item, read_item(cursor));
    if (!ids.insert(item.id).second)
      return fail_at("item.id", ErrorKind::kInvalidInput, "{} is the id of an earlier item; give each its own",
                     wire::quoted(item.id));
    if (items.ids.size() == kItemsMax) return fail(ErrorKind::kTooLarge, "more than {} items", kItemsMax);
    auto& row = rows.emplace_back();
    for (auto& [name, value] : item.features) {
      const auto [found, added] = columns.emplace(name, static_cast<std::uint32_t>(columns.size()));
      if (added) items.names.push_back(name);
      if (items.names.size() > kFeaturesMax)
        return fail_at("item.features", ErrorKind::kTooLarge,
                       "more than {} features in all; texts count once for each value", kFeaturesMax);
      row.emplace_back(found->second, static_cast<float>(value));
    }
    items.ids.push_back(std::move(item.id));
    items.human_usd.push_back(item.human_usd);
    return {};
  }));
  if (items.ids.size() < 2)
    return fail_at(items.file, ErrorKind::kInvalidInput, "{} item; at least 2 are needed", items.ids.size());
  if (items.ids.size() * items.names.size() > kCellsMax)
    return fail_at(items.file, ErrorKind::kTooLarge, "{} items of {} features; at most {} values are read",
                   items.ids.size(), items.names.size(), kCellsMax);
  items.features = learn::bin_features(tabulate(rows, items.names.size()));
  return items;
}

Result<std::string> propose_mixes(const AnnotationItems& items, const learn::HybridPreferencesOptions& options,
                                  std::uint64_t seed) {
  base::Rng rng(seed);
  std::string lines;
  std::uint64_t number = 0;
  const learn::MixEvaluator write = [&](std::span<const std::uint32_t> chosen, std::span<const std::uint8_t> human) {
    base::JsonWriter out;
    out.begin_object().field("mix", number++);
    if (chosen.size() < items.ids.size()) {
      out.key("items").begin_array();
      for (const std::uint32_t item : chosen) out.value(items.ids[item]);
      out.end_array();
    }
    out.key("human").begin_array();
    for (std::size_t i = 0; i < chosen.size(); ++i)
      if (human[i] != 0) out.value(items.ids[chosen[i]]);
    lines += out.end_array().key("score").null().end_object().text() + "\n";
    return 0.0;
  };
  TRY(const auto mixes, learn::simulate_mixes(items.features, write, options, rng));
  static_cast<void>(mixes);  // what was written is the result; nothing is measured yet
  return lines;
}

Result<learn::SimulatedMixes> read_measured_mixes(const std::filesystem::path& path, const AnnotationItems& items) {
  learn::SimulatedMixes mixes;
  mixes.features = items.features.features;
  const Positions positions = positions_of(items.ids);
  std::vector<std::uint8_t> marks;
  CHECK_OK(for_each_json_line(path, [&](wire::JsonCursor& cursor) -> Status {
    TRY(auto mix, read_mix(cursor, items, positions));
    if (mix.items.empty())
      for (std::uint32_t i = 0; i < items.ids.size(); ++i) mix.items.push_back(i);
    marks.assign(items.ids.size(), 0);
    for (const std::uint32_t item : mix.human) marks[item] = 1;
    std::vector<std::uint8_t> human;
    human.reserve(mix.items.size());
    for (const std::uint32_t item : mix.items) human.push_back(std::exchange(marks[item], std::uint8_t{0}));
    const auto outside = std::find(marks.begin(), marks.end(), std::uint8_t{1});
    if (outside != marks.end())
      return fail_at("mix.human", ErrorKind::kInvalidInput, "item {} is not among the mix's `items`",
                     wire::quoted(items.ids[static_cast<std::size_t>(outside - marks.begin())]));
    const auto counts = learn::mix_counts(items.features, mix.items, human);
    mixes.counts.insert(mixes.counts.end(), counts.begin(), counts.end());
    mixes.score.push_back(static_cast<float>(mix.score));
    return {};
  }));
  return mixes;
}

Result<Annotation> annotate(const AnnotationItems& items, const learn::SimulatedMixes& mixes,
                            const learn::HybridPreferencesOptions& options, std::optional<double> budget_usd,
                            std::uint64_t seed) {
  const std::size_t count = items.ids.size();
  Annotation annotation;
  annotation.in_usd = budget_usd.has_value();
  annotation.mixes = mixes.score.size();
  std::vector<double> cost(count, 1.0);
  double budget = std::floor(options.share * static_cast<double>(count) + 1e-9);
  if (budget_usd) {
    budget = std::floor(*budget_usd * kNanosPerUsd + 1e-3);
    for (std::size_t i = 0; i < count; ++i) {
      if (std::isnan(items.human_usd[i]))
        return fail_at(items.file, ErrorKind::kInvalidInput,
                       "item {} has no human_usd; a budget in USD needs what a human label of each item costs",
                       wire::quoted(items.ids[i]));
      cost[i] = std::ceil(items.human_usd[i] * kNanosPerUsd - 1e-3);
    }
  }
  base::Rng rng(seed);
  TRY(const auto response, learn::MixResponse::fit(mixes, options, rng));
  TRY(annotation.plan, learn::plan_labels(items.features, response, cost, budget, options, rng));
  annotation.held_out_r2 = response.held_out_r2();
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = std::span(items.features.values).subspan(i * items.features.features, items.features.features);
    annotation.gains.push_back(response.gain(row, count));
    annotation.humans += annotation.plan.human[i];
  }
  const double unit = annotation.in_usd ? kNanosPerUsd : 1;
  annotation.budget = budget / unit;
  annotation.plan.cost /= unit;
  annotation.plan.price *= unit;
  return annotation;
}

std::string annotation_lines(const AnnotationItems& items, const Annotation& annotation) {
  std::string lines;
  base::JsonWriter out;
  for (std::size_t i = 0; i < items.ids.size(); ++i) {
    const bool human = annotation.plan.human[i] != 0;
    out.clear();
    out.begin_object().field("id", items.ids[i]).field("annotator", human ? "human" : "model");
    out.field("gain", annotation.gains[i]);
    if (annotation.in_usd) out.field("cost_usd", human ? items.human_usd[i] : 0.0);
    lines += out.end_object().take() + "\n";
    out.clear();
  }
  return lines;
}

std::string to_text(const Annotation& annotation) {
  const std::string spent = annotation.in_usd
                                ? fmt::format("{:.9g} of {:.9g} USD", annotation.plan.cost, annotation.budget)
                                : fmt::format("{:.0f} of at most {:.0f}", annotation.plan.cost, annotation.budget);
  std::string out = fmt::format("{} of {} items to humans ({}), the rest to the model\n", annotation.humans,
                                annotation.gains.size(), spent);
  out += fmt::format("predicted score {:.6g}, from {} measured mixes; R2 on the fifth held out: {}\n",
                     annotation.plan.predicted, annotation.mixes,
                     std::isnan(annotation.held_out_r2) ? "none, their scores are all the same"
                                                        : fmt::format("{:.3f}", annotation.held_out_r2));
  if (annotation.held_out_r2 <= 0)
    out +=
        "the features do not predict the score of a mix they have not seen: expect no more of this plan than of "
        "chance\n";
  return out;
}

std::string to_json(const Annotation& annotation) {
  base::JsonWriter out;
  out.begin_object().field("items", std::uint64_t{annotation.gains.size()});
  out.field("humans", std::uint64_t{annotation.humans}).field("unit", annotation.in_usd ? "usd" : "items");
  out.field("budget", annotation.budget).field("cost", annotation.plan.cost).field("price", annotation.plan.price);
  out.field("gap", annotation.plan.gap).field("predicted", annotation.plan.predicted);
  out.field("mixes", std::uint64_t{annotation.mixes}).field("held_out_r2", annotation.held_out_r2).end_object();
  return out.take() + "\n";
}

}  // namespace thalamus::eval
