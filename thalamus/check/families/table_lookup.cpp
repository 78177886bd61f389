/// A small generated table, as markdown or CSV, and a question about it.
#include <algorithm>

#include <fmt/format.h>

#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

struct Row {
  std::string name;
  std::string group;
  std::int64_t first = 0;
  std::int64_t second = 0;
};

struct Table {
  Strings header;
  std::vector<Row> rows;
};

std::string rendered(base::Rng& rng, const Table& table) {
  const bool markdown = rng.below(2) == 0;
  const auto line = [&](const Strings& cells) {
    return markdown ? "| " + join(cells, " | ") + " |\n" : join(cells, ",") + "\n";
  };
  std::string out = line(table.header);
  if (markdown) out += "|" + std::string("---|---|---|---|") + "\n";
  for (const auto& row : table.rows)
    out += line({row.name, row.group, std::to_string(row.first), std::to_string(row.second)});
  return out;
}

Table make_table(base::Rng& rng, std::size_t count) {
  Table table;
  Strings names;
  Strings groups;
  switch (rng.below(3)) {
    case 0:
      table.header = {"name", "city", "age", "score"};
      names = sample(rng, first_names(), count);
      groups = sample(rng, cities(), 3);
      break;
    case 1:
      table.header = {"product", "colour", "price", "stock"};
      names = sample(rng, portable(), count);
      groups = sample(rng, colours(), 3);
      break;
    default:
      table.header = {"employee", "job", "hours", "pay"};
      names = sample(rng, surnames(), count);
      groups = sample(rng, jobs(), 3);
      break;
  }
  const auto first = different_integers(rng, count, 15, 89);
  const auto second = different_integers(rng, count, 20, 500);
  for (std::size_t i = 0; i < count; ++i)
    table.rows.push_back({names[i], groups[rng.below(groups.size())], first[i], second[i]});
  return table;
}

Task easy(base::Rng& rng) {
  const Table table = make_table(rng, 4);
  const Row& row = rng.pick(table.rows);
  const std::string text = rendered(rng, table);
  switch (rng.below(4)) {
    case 0:
      return number_question(rng, fmt::format("{}\nWhat is the {} of {}?", text, table.header[2], row.name), row.first,
                             24);
    case 1:
      return number_question(rng, fmt::format("{}\nLook up the {} of {}.", text, table.header[3], row.name), row.second,
                             24);
    case 2:
      return text_question(rng, fmt::format("{}\nWhat is the {} of {}?", text, table.header[1], row.name),
                           table.header[1], row.group, 24);
    default:
      return text_question(
          rng, fmt::format("{}\nWhich {} has the {} {}?", text, table.header[0], table.header[3], row.second),
          table.header[0], row.name, 24);
  }
}

Task medium(base::Rng& rng) {
  const Table table = make_table(rng, 6);
  const std::string text = rendered(rng, table);
  const std::string group = rng.pick(table.rows).group;
  const auto by_first = [](const Row& a, const Row& b) { return a.first < b.first; };
  switch (rng.below(4)) {
    case 0:
      return text_question(rng, fmt::format("{}\nWhich {} has the highest {}?", text, table.header[0], table.header[2]),
                           table.header[0], std::ranges::max_element(table.rows, by_first)->name, 24);
    case 1:
      return text_question(rng, fmt::format("{}\nWhich {} has the lowest {}?", text, table.header[0], table.header[2]),
                           table.header[0], std::ranges::min_element(table.rows, by_first)->name, 24);
    case 2:
      return number_question(rng, fmt::format("{}\nHow many rows have the {} {}?", text, table.header[1], group),
                             std::ranges::count(table.rows, group, &Row::group), 24);
    default: {
      const auto two = sample(rng, table.rows, 2);
      return number_question(
          rng,
          fmt::format("{}\nHow much is the {} of {} and {} added up?", text, table.header[2], two[0].name, two[1].name),
          two[0].first + two[1].first, 32);
    }
  }
}

Task hard(base::Rng& rng) {
  const Table table = make_table(rng, 8);
  const std::string text = rendered(rng, table);
  const std::string group = rng.pick(table.rows).group;
  std::vector<Row> inside;
  std::int64_t sum = 0;
  for (const auto& row : table.rows)
    if (row.group == group) inside.push_back(row), sum += row.second;
  const auto by_second = [](const Row& a, const Row& b) { return a.second < b.second; };
  switch (rng.below(4)) {
    case 0:
      return number_question(rng,
                             fmt::format("{}\nWhat is the sum of {} over all rows with the {} {}?", text,
                                         table.header[3], table.header[1], group),
                             sum, 48);
    case 1:
      return text_question(rng,
                           fmt::format("{}\nAmong the rows with the {} {}, which {} has the highest {}?", text,
                                       table.header[1], group, table.header[0], table.header[3]),
                           table.header[0], std::ranges::max_element(inside, by_second)->name, 24);
    case 2: {
      const std::int64_t limit = rng.between(100, 400);
      const auto count =
          std::ranges::count_if(table.rows, [&](const Row& row) { return row.second > limit && row.first < 60; });
      return number_question(rng,
                             fmt::format("{}\nHow many rows have a {} above {} and a {} below 60?", text,
                                         table.header[3], limit, table.header[2]),
                             count, 48);
    }
    default: {
      auto sorted = table.rows;
      std::ranges::sort(sorted, by_second);
      return text_question(
          rng, fmt::format("{}\nWhich {} has the second highest {}?", text, table.header[0], table.header[3]),
          table.header[0], sorted[sorted.size() - 2].name, 24);
    }
  }
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  if (difficulty == Difficulty::kEasy) return easy(rng);
  return difficulty == Difficulty::kMedium ? medium(rng) : hard(rng);
}

}  // namespace

FamilyRecord table_lookup_family();
FamilyRecord table_lookup_family() {
  return {"table_lookup", "questions about a small markdown or CSV table", false, &generate};
}

}  // namespace thalamus::check
