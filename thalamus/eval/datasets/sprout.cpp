// SPROUT (arXiv 2502.03261, CARROT): one wide row a prompt. Columns: key, dataset, dataset_level, dataset_idx, prompt,
// golden_answer, and for each model an object {"response","score","num_input_tokens","num_output_tokens",...}. Tokens
// are recorded, dollars are not: give --prices. The published files are Parquet; convert them once:
//   python3 -c "import pandas as pd; pd.read_parquet('F.parquet').to_json('F.jsonl', orient='records', lines=True)"
#include "thalamus/eval/dataset_files.h"

namespace thalamus::eval {
namespace {

struct Prompt {
  std::string key, task, text;
  std::vector<std::pair<std::string, trace::Cell>> cells;
};

Status read_cell(wire::JsonCursor& cursor, const wire::Place& place, trace::Cell& cell) {
  const auto number = [](double& to) {
    return [&to](wire::JsonCursor& c, const wire::Place& p) { return read_loose_number(c, p, to); };
  };
  return read_members(cursor, place,
                      {{"score", number(cell.quality)},
                       {"num_input_tokens", number(cell.input_tokens)},
                       {"num_output_tokens", number(cell.output_tokens)}});
}

Status read_prompt(wire::JsonCursor& cursor, Prompt& prompt) {
  const wire::Place place("row");
  CHECK_OK(wire::enter_object(cursor, place));
  std::string_view key;
  while (cursor.next_member(key)) {
    const std::string name(key);
    const wire::Place member(place, name);
    if (name == "key") {
      CHECK_OK(read_loose_text(cursor, member, prompt.key));
    } else if (name == "dataset") {
      CHECK_OK(read_loose_text(cursor, member, prompt.task));
    } else if (name == "prompt") {
      CHECK_OK(wire::read_text(cursor, member, prompt.text));
    } else if (cursor.peek() == wire::JsonKind::kObject) {
      trace::Cell cell;
      CHECK_OK(read_cell(cursor, member, cell));
      prompt.cells.emplace_back(name, cell);
    } else {
      CHECK_OK(wire::skip_value(cursor, member));
    }
  }
  return wire::left(cursor, place);
}

Status import_sprout(const ImportInput& input, ImportedTable& out) {
  for (const auto& path : input.files) {
    const auto add = [&](wire::JsonCursor& cursor) -> Status {
      Prompt prompt;
      CHECK_OK(read_prompt(cursor, prompt));
      if (prompt.key.empty()) return fail(ErrorKind::kInvalidInput, "field 'key' is missing or empty");
      if (prompt.text.empty()) return fail(ErrorKind::kInvalidInput, "field 'prompt' is missing or empty");
      TRY(const std::size_t row, out.row(prompt.key, prompt.task, prompt.text));
      for (auto& [model, cell] : prompt.cells) {
        if (!cell.recorded()) continue;
        price(cell, model, input.prices);
        CHECK_OK(out.set(row, model, cell));
      }
      return {};
    };
    CHECK_OK(for_each_json_line(path, add));
  }
  return {};
}

}  // namespace

DatasetRecord sprout_dataset() {
  return {"sprout", "SPROUT's judged answers of 13 models with tokens", "2502.03261",
          "JSON lines made of the Parquet files outside: pandas.read_parquet(F).to_json(G, orient='records', "
          "lines=True); prices with --prices",
          import_sprout};
}

}  // namespace thalamus::eval
