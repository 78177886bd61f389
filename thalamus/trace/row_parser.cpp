/// Each field has one reader; what no reader wants is walked, so that a line is either valid JSON or refused.
#include "thalamus/trace/row_parser.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "thalamus/base/json_writer.h"
#include "thalamus/base/text.h"

namespace thalamus::trace {
namespace {

namespace od = simdjson::ondemand;

constexpr unsigned kDepthMax = 100;
constexpr std::size_t kShownBytesMax = 60;
constexpr double kAmountMax = 1e9;  // USD and seconds of one answer; what training takes
constexpr double kTokensMax = 1e12;

std::unexpected<Error> malformed(simdjson::error_code code) {
  return fail(ErrorKind::kInvalidInput, "malformed JSON: {}", simdjson::error_message(code));
}

/// The value as it stands, for messages; objects and arrays by their first bytes.
std::string shown(od::value& value) {
  std::string text(base::trim(value.raw_json_token()));
  if (text.size() > kShownBytesMax) text = text.substr(0, kShownBytesMax) + "...";
  return text;
}

std::unexpected<Error> mistyped(std::string_view field, std::string_view expected, od::value& value) {
  od::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS)
    return fail(ErrorKind::kInvalidInput, "field '{}': expected {}, got '{}', which is not JSON", field, expected,
                shown(value));
  switch (type) {
    case od::json_type::array:
      return fail(ErrorKind::kInvalidInput, "field '{}': expected {}, got an array", field, expected);
    case od::json_type::object:
      return fail(ErrorKind::kInvalidInput, "field '{}': expected {}, got an object", field, expected);
    case od::json_type::null:
      return fail(ErrorKind::kInvalidInput, "field '{}': expected {}, got null", field, expected);
    default: break;
  }
  return fail(ErrorKind::kInvalidInput, "field '{}': expected {}, got {}", field, expected, shown(value));
}

bool has_type(od::value& value, od::json_type wanted) {
  od::json_type type{};
  return value.type().get(type) == simdjson::SUCCESS && type == wanted;
}

/// True for null; an error for what begins like it and is not.
Result<bool> is_null(od::value& value) {
  if (!has_type(value, od::json_type::null)) return false;
  bool null = false;
  if (const auto code = value.is_null().get(null); code != simdjson::SUCCESS) return malformed(code);
  if (!null) return fail(ErrorKind::kInvalidInput, "malformed JSON: '{}' is not a value", shown(value));
  return true;
}

Result<std::string> read_string(od::value& value, std::string_view field) {
  if (!has_type(value, od::json_type::string)) return mistyped(field, "a string", value);
  std::string_view text;
  if (const auto code = value.get_string().get(text); code != simdjson::SUCCESS) return malformed(code);
  return std::string(text);
}

/// RFC 8259, section 6.
bool is_json_number(std::string_view text) {
  const auto digits = [&text] {
    std::size_t n = 0;
    while (n < text.size() && text[n] >= '0' && text[n] <= '9') ++n;
    text.remove_prefix(n);
    return n;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool zero = text.starts_with('0');
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return text.empty();
}

/// Validates a value nobody reads. Numbers may be longer than any machine type.
Status walk(od::value value, unsigned depth) {
  if (depth > kDepthMax) return fail(ErrorKind::kTooLarge, "nested deeper than {} levels", kDepthMax);
  od::json_type type{};
  if (const auto code = value.type().get(type); code != simdjson::SUCCESS) return malformed(code);
  switch (type) {
    case od::json_type::array: {
      od::array items;
      if (const auto code = value.get_array().get(items); code != simdjson::SUCCESS) return malformed(code);
      for (auto item : items) {
        od::value inner;
        if (const auto code = item.get(inner); code != simdjson::SUCCESS) return malformed(code);
        CHECK_OK(walk(inner, depth + 1));
      }
      return {};
    }
    case od::json_type::object: {
      od::object fields;
      if (const auto code = value.get_object().get(fields); code != simdjson::SUCCESS) return malformed(code);
      for (auto field : fields) {
        std::string_view key;
        if (const auto code = field.unescaped_key().get(key); code != simdjson::SUCCESS) return malformed(code);
        od::value inner;
        if (const auto code = field.value().get(inner); code != simdjson::SUCCESS) return malformed(code);
        CHECK_OK(walk(inner, depth + 1));
      }
      return {};
    }
    case od::json_type::string: {
      std::string_view text;
      if (const auto code = value.get_string().get(text); code != simdjson::SUCCESS) return malformed(code);
      return {};
    }
    case od::json_type::number: {
      const std::string_view token = base::trim(value.raw_json_token());
      if (!is_json_number(token)) return fail(ErrorKind::kInvalidInput, "malformed JSON: '{}' is not a number", token);
      simdjson::error_code code = value.get_double().error();
      // Out of a double's range is a matter for those who read the number.
      if (code == simdjson::NUMBER_ERROR || code == simdjson::INCORRECT_TYPE) code = simdjson::SUCCESS;
      if (code != simdjson::SUCCESS) return malformed(code);
      return {};
    }
    case od::json_type::boolean: {
      bool flag = false;
      if (const auto code = value.get_bool().get(flag); code != simdjson::SUCCESS) return malformed(code);
      return {};
    }
    case od::json_type::null: {
      CHECK_OK(is_null(value));
      return {};
    }
  }
  return fail(ErrorKind::kInternal, "a JSON type without a reader");
}

/// NaN for null.
Result<double> read_number(od::value& value, std::string_view field, std::string_view expected) {
  TRY(const bool null, is_null(value));
  if (null) return kMissing;
  if (!has_type(value, od::json_type::number)) return mistyped(field, expected, value);
  const std::string token = shown(value);
  double number = 0;
  if (!is_json_number(base::trim(value.raw_json_token())))
    return fail(ErrorKind::kInvalidInput, "field '{}': expected {}, got {}", field, expected, token);
  if (value.get_double().get(number) != simdjson::SUCCESS || !std::isfinite(number))
    return fail(ErrorKind::kInvalidInput, "field '{}': expected {}, got {}, which no finite number can hold", field,
                expected, token);
  return number;
}

Result<double> read_amount(od::value& value, std::string_view field, double high) {
  TRY(const double number, read_number(value, field, "a number of at least 0"));
  if (number < 0)
    return fail(ErrorKind::kInvalidInput, "field '{}': expected a number of at least 0, got {}", field, number);
  if (number > high)
    return fail(ErrorKind::kInvalidInput, "field '{}': expected a number from 0 to {:g}, got {:g}", field, high,
                number);
  return number;
}

Result<double> read_quality(od::value& value, std::string_view field) {
  TRY(const double number, read_number(value, field, "a number from 0 to 1"));
  if (number < 0 || number > 1)
    return fail(ErrorKind::kInvalidInput, "field '{}': expected a number from 0 to 1, got {}", field, number);
  return number;
}

/// Visits each field of an object once. `visit(key, value)` consumes the value.
template <class Visit>
Status each_field(od::object& object, std::string_view place, Visit&& visit) {
  std::vector<std::string> seen;
  for (auto field : object) {
    std::string_view unescaped;
    if (const auto code = field.unescaped_key().get(unescaped); code != simdjson::SUCCESS) return malformed(code);
    const std::string key(unescaped);
    od::value value;
    if (const auto code = field.value().get(value); code != simdjson::SUCCESS) return malformed(code);
    if (std::find(seen.begin(), seen.end(), key) != seen.end())
      return fail(ErrorKind::kInvalidInput, "field '{}{}' is given twice", place, key);
    seen.push_back(key);
    CHECK_OK(visit(seen.back(), value));
  }
  return {};
}

Result<Cell> read_cell(od::value& value, const std::string& place) {
  Cell cell;
  TRY(const bool null, is_null(value));
  if (null) return cell;
  if (!has_type(value, od::json_type::object)) return mistyped(place, "an object or null", value);
  od::object object;
  if (const auto code = value.get_object().get(object); code != simdjson::SUCCESS) return malformed(code);
  CHECK_OK(each_field(object, place + ".", [&](const std::string& key, od::value& inner) -> Status {
    const std::string field = place + "." + key;
    if (key == "quality") {
      TRY(cell.quality, read_quality(inner, field));
    } else if (key == "cost") {
      TRY(cell.cost_usd, read_amount(inner, field, kAmountMax));
    } else if (key == "input_tokens") {
      TRY(cell.input_tokens, read_amount(inner, field, kTokensMax));
    } else if (key == "output_tokens") {
      TRY(cell.output_tokens, read_amount(inner, field, kTokensMax));
    } else if (key == "latency_s") {
      TRY(cell.seconds, read_amount(inner, field, kAmountMax));
    } else if (key == "answer_hash") {
      TRY(const bool absent, is_null(inner));
      if (absent) return {};
      TRY(cell.answer_hash, read_string(inner, field));
    } else {
      return walk(inner, 3);
    }
    return {};
  }));
  return cell;
}

void add_text(std::string& prompt, bool& any, std::string_view text) {
  if (any) prompt.push_back('\n');
  any = true;
  prompt.append(text);
}

/// `content`: a string, null, or an array of parts whose `text` strings count.
Status read_content(od::value& value, const std::string& place, std::string& prompt, bool& any) {
  TRY(const bool null, is_null(value));
  if (null) return {};
  if (has_type(value, od::json_type::string)) {
    TRY(const std::string text, read_string(value, place));
    add_text(prompt, any, text);
    return {};
  }
  if (!has_type(value, od::json_type::array)) return mistyped(place, "a string or an array of parts", value);
  od::array parts;
  if (const auto code = value.get_array().get(parts); code != simdjson::SUCCESS) return malformed(code);
  std::size_t index = 0;
  for (auto item : parts) {
    od::value part;
    if (const auto code = item.get(part); code != simdjson::SUCCESS) return malformed(code);
    const std::string here = fmt::format("{}[{}]", place, index++);
    if (!has_type(part, od::json_type::object)) return mistyped(here, "an object", part);
    od::object object;
    if (const auto code = part.get_object().get(object); code != simdjson::SUCCESS) return malformed(code);
    CHECK_OK(each_field(object, here + ".", [&](const std::string& key, od::value& inner) -> Status {
      if (key != "text") return walk(inner, 5);
      TRY(const std::string text, read_string(inner, here + ".text"));
      add_text(prompt, any, text);
      return {};
    }));
  }
  return {};
}

Status read_message(od::value& value, const std::string& place, std::string& prompt, bool& any) {
  if (!has_type(value, od::json_type::object)) return mistyped(place, "an object", value);
  od::object object;
  if (const auto code = value.get_object().get(object); code != simdjson::SUCCESS) return malformed(code);
  bool has_role = false;
  CHECK_OK(each_field(object, place + ".", [&](const std::string& key, od::value& inner) -> Status {
    if (key == "role") {
      static constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool", "function"};
      TRY(const std::string role, read_string(inner, place + ".role"));
      if (std::find(std::begin(kRoles), std::end(kRoles), role) == std::end(kRoles))
        return fail(ErrorKind::kInvalidInput,
                    "field '{}.role': expected system, developer, user, assistant, tool or function, got \"{}\"", place,
                    role);
      has_role = true;
      return {};
    }
    if (key == "content") return read_content(inner, place + ".content", prompt, any);
    return walk(inner, 3);
  }));
  if (!has_role) return fail(ErrorKind::kInvalidInput, "field '{}.role' is missing", place);
  return {};
}

simdjson::padded_string_view padded(std::string& text) {
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  return simdjson::padded_string_view(text.data(), text.size(), text.capacity());
}

/// The array as it stands, for a second look. Not validated.
Result<std::string> raw_array(od::value& value) {
  od::array array;
  if (const auto code = value.get_array().get(array); code != simdjson::SUCCESS) return malformed(code);
  std::string_view raw;
  if (const auto code = array.raw_json().get(raw); code != simdjson::SUCCESS) return malformed(code);
  return std::string(raw);
}

Result<std::string> raw_object(od::value& value) {
  od::object object;
  if (const auto code = value.get_object().get(object); code != simdjson::SUCCESS) return malformed(code);
  std::string_view raw;
  if (const auto code = object.raw_json().get(raw); code != simdjson::SUCCESS) return malformed(code);
  return std::string(raw);
}

/// Visits the items of a raw array and makes sure that nothing follows it.
template <class Visit>
Result<std::size_t> each_item(od::parser& parser, std::string& raw, Visit&& visit) {
  od::document document;
  if (const auto code = parser.iterate(padded(raw)).get(document); code != simdjson::SUCCESS) return malformed(code);
  od::array items;
  if (const auto code = document.get_array().get(items); code != simdjson::SUCCESS) return malformed(code);
  std::size_t count = 0;
  for (auto item : items) {
    od::value value;
    if (const auto code = item.get(value); code != simdjson::SUCCESS) return malformed(code);
    CHECK_OK(visit(value, count));
    ++count;
  }
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return fail(ErrorKind::kInvalidInput, "malformed JSON: something follows the end of an array");
  return count;
}

/// What has been seen of a line while its fields are visited.
struct Draft {
  ParsedRow parsed;
  std::string subtask;
  std::string plain_prompt;
  bool has_id = false;
  bool has_prompt = false;
  bool has_messages = false;
  bool has_outcomes = false;
};

Status read_id(od::value& value, Draft& draft) {
  if (has_type(value, od::json_type::number)) {
    // Exporters number their rows; an integer is an id as good as its digits.
    const std::string token = shown(value);
    if (!std::all_of(token.begin(), token.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return fail(ErrorKind::kInvalidInput, "field 'id': expected a string or an integer, got {}", token);
    draft.parsed.row.id = token;
    CHECK_OK(walk(value, 1));
  } else {
    if (!has_type(value, od::json_type::string)) return mistyped("id", "a string or an integer", value);
    TRY(draft.parsed.row.id, read_string(value, "id"));
  }
  if (draft.parsed.row.id.empty()) return fail(ErrorKind::kInvalidInput, "field 'id': expected a name, got \"\"");
  draft.has_id = true;
  return {};
}

Status read_prompt(od::value& value, Draft& draft) {
  TRY(draft.plain_prompt, read_string(value, "prompt"));
  draft.has_prompt = true;
  return {};
}

Status read_messages(od::value& value, Draft& draft, od::parser& inner) {
  if (!has_type(value, od::json_type::array)) return mistyped("messages", "an array", value);
  TRY(draft.parsed.row.messages, raw_array(value));
  draft.parsed.row.prompt.clear();
  bool any = false;
  TRY(const std::size_t count,
      each_item(inner, draft.parsed.row.messages, [&](od::value& item, std::size_t index) -> Status {
        return read_message(item, fmt::format("messages[{}]", index), draft.parsed.row.prompt, any);
      }));
  if (count == 0) return fail(ErrorKind::kInvalidInput, "field 'messages': expected at least one message, got []");
  draft.has_messages = true;
  return {};
}

Status read_tools(od::value& value, Draft& draft, od::parser& inner) {
  TRY(const bool null, is_null(value));
  if (null) return {};
  std::string& tools = draft.parsed.row.tools;
  if (has_type(value, od::json_type::object)) {
    TRY(const std::string one, raw_object(value));
    tools = "[" + one + "]";
  } else {
    if (!has_type(value, od::json_type::array)) return mistyped("tools", "an array of objects", value);
    TRY(tools, raw_array(value));
  }
  TRY(const std::size_t count, each_item(inner, tools, [&](od::value& item, std::size_t index) -> Status {
        if (!has_type(item, od::json_type::object)) return mistyped(fmt::format("tools[{}]", index), "an object", item);
        return walk(item, 2);
      }));
  if (count == 0) tools.clear();
  return {};
}

Status read_outcomes(od::value& value, Draft& draft, std::size_t models_max) {
  draft.has_outcomes = true;
  if (!has_type(value, od::json_type::object)) return mistyped("outcomes", "an object", value);
  od::object object;
  if (const auto code = value.get_object().get(object); code != simdjson::SUCCESS) return malformed(code);
  auto& outcomes = draft.parsed.outcomes;
  return each_field(object, "outcomes.", [&](const std::string& model, od::value& inner) -> Status {
    if (model.empty()) return fail(ErrorKind::kInvalidInput, "field 'outcomes': a model has an empty name");
    if (outcomes.size() == models_max)
      return fail(ErrorKind::kTooLarge, "field 'outcomes': more than {} models", models_max);
    TRY(Cell cell, read_cell(inner, "outcomes." + model));
    outcomes.emplace_back(model, std::move(cell));
    return {};
  });
}

Status read_flag(od::value& value, std::string_view field, bool& flag) {
  TRY(const bool null, is_null(value));
  if (null) return {};
  if (!has_type(value, od::json_type::boolean)) return mistyped(field, "true or false", value);
  if (const auto code = value.get_bool().get(flag); code != simdjson::SUCCESS) return malformed(code);
  return {};
}

/// A label that may be missing or null.
Status read_label(od::value& value, std::string_view field, std::string& label) {
  TRY(const bool null, is_null(value));
  if (null) return {};
  TRY(label, read_string(value, field));
  return {};
}

Status finish(Draft& draft, LineKind kind) {
  Row& row = draft.parsed.row;
  if (!draft.has_id) return fail(ErrorKind::kInvalidInput, "field 'id' is missing; each row needs a unique id");
  if (!draft.has_prompt && !draft.has_messages)
    return fail(ErrorKind::kInvalidInput, "fields 'prompt' and 'messages' are both missing; give one of them");
  if (kind == LineKind::kOutcomes && !draft.has_outcomes)
    return fail(ErrorKind::kInvalidInput, "field 'outcomes' is missing; expected {{\"model\":{{\"quality\":...}}}}");
  if (!draft.has_messages) {
    row.prompt = std::move(draft.plain_prompt);
    base::JsonWriter messages;
    messages.begin_array().begin_object();
    messages.field("role", "user").field("content", row.prompt);
    messages.end_object().end_array();
    row.messages = messages.take();
  }
  if (!draft.subtask.empty()) row.task = row.task.empty() ? draft.subtask : row.task + "/" + draft.subtask;
  return {};
}

}  // namespace

struct RowParser::Parsers {
  od::parser line;
  od::parser inner;
};

RowParser::RowParser() : parsers_(std::make_unique<Parsers>()) {}
RowParser::~RowParser() = default;

Result<ParsedRow> RowParser::parse(std::string& line, LineKind kind, std::size_t models_max) {
  od::document document;
  if (const auto code = parsers_->line.iterate(padded(line)).get(document); code != simdjson::SUCCESS)
    return malformed(code);
  od::object object;
  if (const auto code = document.get_object().get(object); code != simdjson::SUCCESS) {
    if (code == simdjson::INCORRECT_TYPE)
      return fail(ErrorKind::kInvalidInput, "expected a JSON object on each line, got something else");
    return malformed(code);
  }
  Draft draft;
  CHECK_OK(each_field(object, "", [&](const std::string& key, od::value& value) -> Status {
    if (key == "id") return read_id(value, draft);
    if (key == "messages") return read_messages(value, draft, parsers_->inner);
    if (key == "tools") return read_tools(value, draft, parsers_->inner);
    if (key == "prompt") return read_prompt(value, draft);
    if (kind == LineKind::kRequest) return walk(value, 1);
    if (key == "task") return read_label(value, "task", draft.parsed.row.task);
    if (key == "subtask") return read_label(value, "subtask", draft.subtask);
    if (key == "outcomes") return read_outcomes(value, draft, models_max);
    if (key == "contaminated") return read_flag(value, "contaminated", draft.parsed.row.contaminated);
    return walk(value, 1);
  }));
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return fail(ErrorKind::kInvalidInput, "malformed JSON: something follows the end of the object");
  CHECK_OK(finish(draft, kind));
  return std::move(draft.parsed);
}

Result<Row> RowParser::parse_body(std::string& body) {
  od::document document;
  if (const auto code = parsers_->line.iterate(padded(body)).get(document); code != simdjson::SUCCESS)
    return malformed(code);
  od::object object;
  if (const auto code = document.get_object().get(object); code != simdjson::SUCCESS) return malformed(code);
  Draft draft;
  CHECK_OK(each_field(object, "", [&](const std::string& key, od::value& value) -> Status {
    if (key == "messages") return read_messages(value, draft, parsers_->inner);
    if (key == "tools") return read_tools(value, draft, parsers_->inner);
    return walk(value, 1);
  }));
  if (!draft.has_messages) return fail(ErrorKind::kInvalidInput, "field 'messages' is missing");
  return std::move(draft.parsed.row);
}

}  // namespace thalamus::trace
