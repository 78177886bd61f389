// LLMRouterBench (arXiv 2601.07206, ynulihao/LLMRouterBench): a JSON document for each dataset, split and model,
// results/bench/DATASET/SPLIT/MODEL/TIMESTAMP.json: {"dataset_name","split","model_name","demo","records":[{"index",
// "origin_query","prompt","score","prompt_tokens","completion_tokens","cost",...}]}. Older releases leave the three
// names out; they are then read from the path. Where a model has several runs, name the newest only.
#include <cmath>

#include "thalamus/base/file.h"
#include "thalamus/base/text.h"
#include "thalamus/eval/dataset_files.h"

namespace thalamus::eval {
namespace {

constexpr std::size_t kFileBytesMax = 2ULL << 30;

struct Record {
  std::string index, origin_query, prompt;
  trace::Cell cell;
};
struct Document {
  std::string dataset, split, model;
  std::vector<Record> records;
};

auto text_into(std::string& to) {
  return [&to](wire::JsonCursor& cursor, const wire::Place& place) { return read_loose_text(cursor, place, to); };
}
auto number_into(double& to) {
  return [&to](wire::JsonCursor& cursor, const wire::Place& place) { return read_loose_number(cursor, place, to); };
}

Status read_record(wire::JsonCursor& cursor, const wire::Place& place, Record& record) {
  const Members members{{"index", text_into(record.index)},
                        {"origin_query", text_into(record.origin_query)},
                        {"prompt", text_into(record.prompt)},
                        {"score", number_into(record.cell.quality)},
                        {"prompt_tokens", number_into(record.cell.input_tokens)},
                        {"completion_tokens", number_into(record.cell.output_tokens)},
                        {"cost", number_into(record.cell.cost_usd)}};
  CHECK_OK(read_members(cursor, place, members));
  if (record.index.empty()) return fail_at(place.text(), ErrorKind::kInvalidInput, "field 'index' is missing");
  return {};
}

Status read_document(wire::JsonCursor& cursor, Document& document) {
  const auto records = [&](wire::JsonCursor& c, const wire::Place& place) -> Status {
    CHECK_OK(wire::enter_array(c, place));
    for (std::size_t i = 0; c.next_element(); ++i)
      CHECK_OK(read_record(c, wire::Place(place, i), document.records.emplace_back()));
    return wire::left(c, place);
  };
  const Members members{{"dataset_name", text_into(document.dataset)},
                        {"split", text_into(document.split)},
                        {"model_name", text_into(document.model)},
                        {"records", records}};
  CHECK_OK(read_members(cursor, wire::Place("document"), members));
  if (!cursor.finish()) return std::unexpected(cursor.error());
  return {};
}

/// .../DATASET/SPLIT/MODEL/FILE.json, or .../DATASET/MODEL/FILE.json.
void names_from_path(const std::filesystem::path& path, Document& document) {
  const auto model = path.parent_path();
  const auto above = model.parent_path();
  if (document.model.empty()) document.model = model.filename().string();
  if (!document.dataset.empty()) return;
  const std::string name = above.filename().string();
  const bool split = name == "test" || name == "train" || name == "validation" || name == "hybrid" || name == "dev";
  document.dataset = split ? above.parent_path().filename().string() : name;
}

Status import_file(const std::filesystem::path& path, const ImportInput& input, ImportedTable& out) {
  TRY(const std::string text, base::read_file(path, kFileBytesMax));
  wire::JsonCursor cursor(text);
  Document document;
  CHECK_OK(read_document(cursor, document));
  names_from_path(path, document);
  if (document.model.empty() || document.dataset.empty())
    return fail(ErrorKind::kInvalidInput,
                "neither 'model_name' and 'dataset_name' nor a path DATASET/SPLIT/MODEL/FILE.json says whose records "
                "these are");
  for (std::size_t i = 0; i < document.records.size(); ++i) {
    Record& record = document.records[i];
    const std::string& prompt = record.origin_query.empty() ? record.prompt : record.origin_query;
    price(record.cell, document.model, input.prices);
    const auto add = [&]() -> Status {
      TRY(const std::size_t row, out.row(document.dataset + "/" + record.index, document.dataset, prompt));
      if (record.cell.recorded()) CHECK_OK(out.set(row, document.model, record.cell));
      return {};
    };
    if (auto done = add(); !done) {
      done.error().where = fmt::format("records[{}]", i);
      return done;
    }
  }
  return {};
}

Status import_llmrouterbench(const ImportInput& input, ImportedTable& out) {
  for (const auto& path : input.files)
    if (const Status done = import_file(path, input, out); !done) return placed(done.error(), path, 0);
  return {};
}

}  // namespace

DatasetRecord llmrouterbench_dataset() {
  return {"llmrouterbench", "LLMRouterBench's records, up to 33 models on 21 datasets", "2601.07206",
          "the JSON files of bench-release.tar.gz, one of each dataset and model", import_llmrouterbench};
}

}  // namespace thalamus::eval
