// RouteLLM (arXiv 2406.18665, lm-sys/RouteLLM): routellm/evals/mmlu/responses/mmlu_*.csv and
// routellm/evals/gsm8k/gsm8k_responses.csv. Columns: prompt, MODEL (True or False), optionally MODEL_response. The
// contaminated_prompts.jsonl beside them ({"eval_prompt": ...} a line) may be named too: its prompts are marked. The
// task is the file's name: mmlu/anatomy, gsm8k.
#include <set>

#include "thalamus/eval/dataset_files.h"

namespace thalamus::eval {
namespace {

constexpr std::string_view kResponse = "_response";

bool is_list_of_contaminated(const std::filesystem::path& path) {
  return path.filename().string().find(".jsonl") != std::string::npos;
}

std::string task_of(const std::filesystem::path& path) {
  std::string stem = path.filename().string();
  stem = stem.substr(0, stem.find(".csv"));
  if (stem.ends_with("_responses")) stem.resize(stem.size() - std::string_view("_responses").size());
  if (stem.starts_with("mmlu_")) stem[4] = '/';
  return stem;
}

Status read_contaminated(const std::filesystem::path& path, std::set<std::string>& prompts) {
  return for_each_json_line(path, [&](wire::JsonCursor& cursor) -> Status {
    std::string prompt;
    const Members members{
        {"eval_prompt", [&](wire::JsonCursor& c, const wire::Place& p) { return wire::read_text(c, p, prompt); }}};
    CHECK_OK(read_members(cursor, wire::Place("row"), members));
    if (prompt.empty()) return fail(ErrorKind::kInvalidInput, "field 'eval_prompt' is missing or empty");
    prompts.insert(prompt);
    return {};
  });
}

Status import_routellm(const ImportInput& input, ImportedTable& out) {
  std::set<std::string> contaminated;
  for (const auto& path : input.files)
    if (is_list_of_contaminated(path)) CHECK_OK(read_contaminated(path, contaminated));
  for (const auto& path : input.files) {
    if (is_list_of_contaminated(path)) continue;
    const std::string task = task_of(path);
    std::size_t number = 0;
    const auto add = [&](const CsvRecord& record) -> Status {
      TRY(const std::string_view prompt, record.require("prompt"));
      TRY(const std::size_t row, out.row(fmt::format("{}/{}", task, number++), task, prompt));
      if (contaminated.contains(std::string(prompt))) out.mark_contaminated(row);
      std::size_t models = 0;
      for (std::size_t c = 0; c < record.header().size(); ++c) {
        const std::string& column = record.header()[c];
        if (column == "prompt" || column.empty() || column.ends_with(kResponse)) continue;
        trace::Cell cell;
        TRY(cell.quality, number_of(record.field(c), column));
        CHECK_OK(out.set(row, column, cell));
        ++models;
      }
      if (models == 0) return fail(ErrorKind::kInvalidInput, "no column of a model beside 'prompt'");
      return {};
    };
    CHECK_OK(for_each_csv_record(path, add));
  }
  return {};
}

}  // namespace

DatasetRecord routellm_dataset() {
  return {"routellm", "RouteLLM's recorded answers of a strong and a weak model", "2406.18665",
          "the CSV files of routellm/evals, with contaminated_prompts.jsonl to mark what the paper drops",
          import_routellm};
}

}  // namespace thalamus::eval
