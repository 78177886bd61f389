// RouterArena (arXiv 2510.00202, RouteWorks/RouterArena): cached_results/MODEL.jsonl, a line an answer:
// {"global_index": "AIME_112","question","llm_selected","token_usage":{"input_tokens","output_tokens"},"success",
// "evaluation_result":{"score","inference_cost"}}. The task is the index without its number. A failed call without an
// evaluation is a missing cell. Evaluation data only: the card asks not to train on it.
#include <cmath>

#include "thalamus/eval/dataset_files.h"

namespace thalamus::eval {
namespace {

struct Answer {
  std::string index, question, model;
  trace::Cell cell;
};

Status read_answer(wire::JsonCursor& cursor, Answer& answer) {
  using Cursor = wire::JsonCursor;
  const auto text = [](std::string& to) {
    return [&to](Cursor& c, const wire::Place& p) { return read_loose_text(c, p, to); };
  };
  const auto number = [](double& to) {
    return [&to](Cursor& c, const wire::Place& p) { return read_loose_number(c, p, to); };
  };
  const auto object = [](Members members) {
    return [members = std::move(members)](Cursor& c, const wire::Place& p) -> Status {
      return wire::pass_null(c) ? Status{} : read_members(c, p, members);
    };
  };
  const Members members{{"global_index", text(answer.index)},
                        {"global index", text(answer.index)},
                        {"question", text(answer.question)},
                        {"llm_selected", text(answer.model)},
                        {"token_usage", object({{"input_tokens", number(answer.cell.input_tokens)},
                                                {"output_tokens", number(answer.cell.output_tokens)}})},
                        {"evaluation_result", object({{"score", number(answer.cell.quality)},
                                                      {"inference_cost", number(answer.cell.cost_usd)}})}};
  return read_members(cursor, wire::Place("row"), members);
}

Status import_routerarena(const ImportInput& input, ImportedTable& out) {
  for (const auto& path : input.files) {
    const auto add = [&](wire::JsonCursor& cursor) -> Status {
      Answer answer;
      CHECK_OK(read_answer(cursor, answer));
      if (answer.index.empty()) return fail(ErrorKind::kInvalidInput, "field 'global_index' is missing or empty");
      if (answer.question.empty()) return fail(ErrorKind::kInvalidInput, "field 'question' is missing or empty");
      if (answer.model.empty()) return fail(ErrorKind::kInvalidInput, "field 'llm_selected' is missing or empty");
      const std::size_t number = answer.index.rfind('_');
      TRY(const std::size_t row, out.row(answer.index, answer.index.substr(0, number), answer.question));
      price(answer.cell, answer.model, input.prices);
      if (!answer.cell.recorded()) return {};
      return out.set(row, answer.model, answer.cell);
    };
    CHECK_OK(for_each_json_line(path, add));
  }
  return {};
}

}  // namespace

DatasetRecord routerarena_dataset() {
  return {"routerarena", "RouterArena's cached answers with scores and cost", "2510.00202",
          "the JSON lines of cached_results, a file a model, after its evaluation has run", import_routerarena};
}

}  // namespace thalamus::eval
