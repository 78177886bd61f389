// EmbedLLM (arXiv 2410.02223, RZ412/EmbedLLM): a long table, a line a prompt and model. Columns: prompt_id, model_id,
// category_id, label (0 or 1), prompt, model_name, category. No cost is recorded.
#include "thalamus/eval/dataset_files.h"

namespace thalamus::eval {
namespace {

Status import_embedllm(const ImportInput& input, ImportedTable& out) {
  for (const auto& path : input.files) {
    CHECK_OK(for_each_csv_record(path, [&](const CsvRecord& record) -> Status {
      TRY(const std::string_view id, record.require("prompt_id"));
      TRY(const std::string_view prompt, record.require("prompt"));
      TRY(const std::string_view model, record.require("model_name"));
      TRY(const std::string_view label, record.require("label"));
      const std::string* category = record.find("category");
      trace::Cell cell;
      TRY(cell.quality, number_of(label, "label"));
      TRY(const std::size_t row, out.row(std::string(id), category == nullptr ? "" : *category, prompt));
      if (!cell.recorded()) return {};
      return out.set(row, std::string(model), cell);
    }));
  }
  return {};
}

}  // namespace

DatasetRecord embedllm_dataset() {
  return {"embedllm", "EmbedLLM's right-or-wrong table of 112 models", "2410.02223",
          "train.csv, val.csv or test.csv of the published data set", import_embedllm};
}

}  // namespace thalamus::eval
