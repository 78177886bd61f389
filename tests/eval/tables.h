/// Small outcome tables with known answers.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "thalamus/base/rng.h"
#include "thalamus/eval/robustness_point.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::eval {

/// Two kinds of prompts, three models: "sums" is right on the first kind, "poems" on the second, "all" mostly on both
/// and at ten times the cost. Two tasks, named after the kinds.
inline trace::OutcomeTable toy_table(std::size_t rows, std::uint64_t seed) {
  const std::vector<std::vector<std::string>> words{{"integral", "matrix", "prove", "sum"},
                                                    {"poem", "story", "rhyme", "verse"}};
  const double right[2][3] = {{0.9, 0.2, 0.85}, {0.2, 0.9, 0.85}};
  const double cost[3] = {1e-4, 2e-4, 2e-3};
  base::Rng rng(seed);
  trace::OutcomeTable table;
  table.models = {"sums", "poems", "all"};
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t kind = rng.below(2);
    trace::Row& row = table.rows.emplace_back();
    row.id = fmt::format("r{}-{}", seed, i);
    row.task = kind == 0 ? "maths" : "arts";
    set_prompt(row,
               fmt::format("{} {} of number {}", rng.pick(words[kind]), rng.pick(words[kind]), rng.below(100'000)));
    for (std::size_t m = 0; m < 3; ++m) {
      trace::Cell cell;
      cell.quality = rng.uniform() < right[kind][m] ? 1 : 0;
      cell.cost_usd = cost[m] * (0.5 + rng.uniform());
      cell.input_tokens = 12;
      cell.output_tokens = 40;
      cell.seconds = 0.5;
      row.cells.push_back(cell);
    }
  }
  return table;
}

}  // namespace thalamus::eval
