// RouterBench (arXiv 2403.12031, withmartian/routerbench): one wide row a prompt. Columns: sample_id, prompt (a printed
// list of turns), eval_name, MODEL (score), MODEL|model_response, MODEL|total_cost, oracle_model_to_route_to.
// The published files are pickles, which this product never loads; convert them once where you trust them:
//   python3 -c "import pandas as pd; pd.read_pickle('routerbench_0shot.pkl').to_csv('routerbench_0shot.csv',
//   index=False)"
// or, as JSON lines, .to_json('routerbench_0shot.jsonl', orient='records', lines=True).
#include <cmath>
#include <map>

#include "thalamus/eval/dataset_files.h"

namespace thalamus::eval {
namespace {

constexpr std::string_view kCost = "|total_cost";
constexpr std::string_view kResponse = "|model_response";
constexpr std::string_view kFields[] = {"sample_id", "prompt", "eval_name", "oracle_model_to_route_to"};

struct WideRow {
  std::string id, prompt, task;
  std::map<std::string, trace::Cell> cells;
};

Status add_wide(const WideRow& wide, ImportedTable& out) {
  if (wide.id.empty()) return fail(ErrorKind::kInvalidInput, "field 'sample_id' is missing or empty");
  if (wide.prompt.empty()) return fail(ErrorKind::kInvalidInput, "field 'prompt' is missing or empty");
  TRY(const std::size_t row, out.row(wide.id, wide.task, joined_list(wide.prompt)));
  for (const auto& [model, cell] : wide.cells)
    if (cell.recorded()) CHECK_OK(out.set(row, model, cell));
  return {};
}

bool is_field(std::string_view name) {
  for (const auto field : kFields)
    if (field == name) return true;
  return name.find('|') != std::string_view::npos;
}

Status import_csv(const std::filesystem::path& path, ImportedTable& out) {
  return for_each_csv_record(path, [&](const CsvRecord& record) -> Status {
    WideRow wide;
    TRY(wide.id, record.require("sample_id"));
    TRY(wide.prompt, record.require("prompt"));
    if (const std::string* task = record.find("eval_name")) wide.task = *task;
    std::size_t models = 0;
    for (std::size_t c = 0; c < record.header().size(); ++c) {
      const std::string& column = record.header()[c];
      if (!column.ends_with(kCost)) continue;
      ++models;
      const std::string model = column.substr(0, column.size() - kCost.size());
      trace::Cell cell;
      TRY(const std::string_view score, record.require(model));
      TRY(cell.quality, number_of(score, model));
      TRY(cell.cost_usd, number_of(record.field(c), column));
      wide.cells[model] = cell;
    }
    if (models == 0)
      return fail(ErrorKind::kInvalidInput, "no column ends with '{}'; expected one of each model", kCost);
    return add_wide(wide, out);
  });
}

Status read_prompt(wire::JsonCursor& cursor, const wire::Place& place, std::string& out) {
  if (cursor.peek() != wire::JsonKind::kArray) return read_loose_text(cursor, place, out);
  CHECK_OK(wire::enter_array(cursor, place));
  std::string turn;
  for (std::size_t i = 0; cursor.next_element(); ++i) {
    CHECK_OK(read_loose_text(cursor, wire::Place(place, i), turn));
    out += (i == 0 ? "" : "\n") + turn;
  }
  return wire::left(cursor, place);
}

Status import_json(const std::filesystem::path& path, ImportedTable& out) {
  return for_each_json_line(path, [&](wire::JsonCursor& cursor) -> Status {
    const wire::Place place("row");
    WideRow wide;
    CHECK_OK(wire::enter_object(cursor, place));
    std::string_view key;
    while (cursor.next_member(key)) {
      const std::string name(key);
      const wire::Place member(place, name);
      if (name == "sample_id") {
        CHECK_OK(read_loose_text(cursor, member, wide.id));
      } else if (name == "prompt") {
        CHECK_OK(read_prompt(cursor, member, wide.prompt));
      } else if (name == "eval_name") {
        CHECK_OK(read_loose_text(cursor, member, wide.task));
      } else if (name.ends_with(kCost)) {
        CHECK_OK(read_loose_number(cursor, member, wide.cells[name.substr(0, name.size() - kCost.size())].cost_usd));
      } else if (name.ends_with(kResponse) || is_field(name)) {
        CHECK_OK(wire::skip_value(cursor, member));
      } else {
        CHECK_OK(read_loose_number(cursor, member, wide.cells[name].quality));
      }
    }
    CHECK_OK(wire::left(cursor, place));
    return add_wide(wide, out);
  });
}

Status import_routerbench(const ImportInput& input, ImportedTable& out) {
  for (const auto& path : input.files)
    CHECK_OK(path.string().find(".csv") != std::string::npos ? import_csv(path, out) : import_json(path, out));
  return {};
}

}  // namespace

DatasetRecord routerbench_dataset() {
  return {"routerbench", "RouterBench's wide table, 11 models with recorded cost", "2403.12031",
          "CSV or JSON lines made of the pickle outside: pandas.read_pickle(F).to_csv(G, index=False)",
          import_routerbench};
}

}  // namespace thalamus::eval
