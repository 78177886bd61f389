#include "thalamus/eval/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "thalamus/base/json_writer.h"
#include "thalamus/base/text.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::eval {

#define DATASET(name) DatasetRecord name##_dataset();
#include "thalamus/eval/datasets.def"
#undef DATASET

namespace {

constexpr std::size_t kModelsMax = 256;
constexpr std::size_t kRowsMax = 4'000'000;
constexpr wire::NumberRange kPriceRange{0, 1e9, "a price in USD per million tokens, at least 0"};

const std::vector<DatasetRecord>& all_datasets() {
  static const std::vector<DatasetRecord> records{
#define DATASET(name) name##_dataset(),
#include "thalamus/eval/datasets.def"
#undef DATASET
  };
  return records;
}

Status check_amount(std::string_view field, double value) {
  if (std::isnan(value) || (value >= 0 && std::isfinite(value))) return {};
  return fail(ErrorKind::kInvalidInput, "field '{}': expected a number of at least 0, got {}", field, value);
}

Status read_price(wire::JsonCursor& cursor, const wire::Place& place, TokenPrice& price) {
  CHECK_OK(wire::enter_object(cursor, place));
  std::string_view key;
  while (cursor.next_member(key)) {
    const std::string name(key);
    const wire::Place member(place, name);
    if (name == "input" || name == "input_token_price_per_million") {
      CHECK_OK(wire::read_real(cursor, member, kPriceRange, price.input));
    } else if (name == "output" || name == "output_token_price_per_million") {
      CHECK_OK(wire::read_real(cursor, member, kPriceRange, price.output));
    } else {
      CHECK_OK(wire::skip_value(cursor, member));
    }
  }
  return wire::left(cursor, place);
}

}  // namespace

Result<TokenPrices> parse_token_prices(std::string_view json, const std::string& name) {
  TokenPrices prices;
  wire::JsonCursor cursor(json);
  const wire::Place root(name);
  CHECK_OK(wire::enter_object(cursor, root));
  std::string_view key;
  while (cursor.next_member(key)) {
    const std::string model(key);
    CHECK_OK(read_price(cursor, wire::Place(root, model), prices[model]));
  }
  CHECK_OK(wire::left(cursor, root));
  return prices;
}

Result<std::size_t> ImportedTable::row(const std::string& key, std::string_view task, std::string_view prompt) {
  const auto found = rows_.find(key);
  if (found != rows_.end()) {
    if (table_.rows[found->second].prompt != prompt)
      return fail(ErrorKind::kInvalidInput, "row '{}' is there already with another prompt", key);
    return found->second;
  }
  if (table_.rows.size() == kRowsMax) return fail(ErrorKind::kTooLarge, "more than {} rows", kRowsMax);
  if (key.empty()) return fail(ErrorKind::kInvalidInput, "the row has an empty id");
  rows_.emplace(key, table_.rows.size());
  trace::Row& row = table_.rows.emplace_back();
  row.id = key;
  row.task = task;
  row.prompt = prompt;
  base::JsonWriter messages;
  messages.begin_array().begin_object().field("role", "user").field("content", prompt).end_object().end_array();
  row.messages = messages.take();
  return table_.rows.size() - 1;
}

Status ImportedTable::set(std::size_t row, const std::string& model, trace::Cell cell) {
  if (!std::isnan(cell.quality) && !(cell.quality >= 0 && cell.quality <= 1))
    return fail(ErrorKind::kInvalidInput, "model '{}': expected a quality from 0 to 1, got {}", model, cell.quality);
  CHECK_OK(check_amount("cost", cell.cost_usd));
  CHECK_OK(check_amount("input tokens", cell.input_tokens));
  CHECK_OK(check_amount("output tokens", cell.output_tokens));
  CHECK_OK(check_amount("seconds", cell.seconds));
  const auto [column, fresh] = columns_.emplace(model, table_.models.size());
  if (fresh) {
    if (table_.models.size() == kModelsMax)
      return fail(ErrorKind::kTooLarge, "model '{}' is number {}; the limit is {}", model, kModelsMax + 1, kModelsMax);
    table_.models.push_back(model);
  }
  auto& cells = table_.rows[row].cells;
  if (cells.size() <= column->second) cells.resize(column->second + 1);
  if (cells[column->second].recorded())
    return fail(ErrorKind::kInvalidInput, "row '{}' has an outcome of model '{}' already", table_.rows[row].id, model);
  cells[column->second] = std::move(cell);
  return {};
}

Result<trace::OutcomeTable> ImportedTable::take() {
  if (table_.rows.empty()) return fail(ErrorKind::kInvalidInput, "no rows were found");
  if (table_.models.empty()) return fail(ErrorKind::kInvalidInput, "no outcome of any model was found");
  for (trace::Row& row : table_.rows) row.cells.resize(table_.models.size());
  return std::move(table_);
}

std::span<const DatasetRecord> datasets() { return all_datasets(); }

Result<const DatasetRecord*> require_dataset(std::string_view name) {
  std::vector<std::string> names;
  for (const DatasetRecord& record : datasets()) {
    if (record.name == name) return &record;
    names.emplace_back(record.name);
  }
  return fail(ErrorKind::kNotFound, "unknown format '{}'{}; known are {}", name, base::did_you_mean(name, names),
              fmt::join(names, ", "));
}

Result<trace::OutcomeTable> import_dataset(std::string_view format, const ImportInput& input) {
  TRY(const DatasetRecord* record, require_dataset(format));
  if (input.files.empty()) return fail(ErrorKind::kInvalidInput, "no file to import is named");
  ImportedTable table;
  CHECK_OK(record->import(input, table));
  return table.take();
}

}  // namespace thalamus::eval
