/// Finds the one JSON value of the answer, validates it against a subset of JSON Schema (draft 2020-12 names) and
/// compares it with the expected value.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "thalamus/base/text.h"
#include "thalamus/check/bounded_regex.h"
#include "thalamus/check/checker.h"
#include "thalamus/check/normalise.h"
#include "thalamus/check/reading.h"

namespace thalamus::check {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDepthMax = 32;
constexpr std::size_t kValuesMax = 8;  ///< JSON values looked at in one answer

/// Brackets outside strings never nest deeper than kDepthMax.
bool is_shallow(std::string_view text) noexcept {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return false;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return true;
}

/// Parses without exceptions. An object with a repeated key is no value: it would say two things.
std::optional<Json> parse_json(std::string_view text) {
  if (!is_shallow(text)) return std::nullopt;
  std::vector<std::set<std::string>> open;
  bool repeated = false;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end && !open.empty()) open.pop_back();
    if (event == Json::parse_event_t::key && !open.empty() && !open.back().insert(value.get<std::string>()).second)
      repeated = true;
    return true;
  };
  Json value = Json::parse(text.begin(), text.end(), watch, false);
  if (value.is_discarded() || repeated) return std::nullopt;
  return value;
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

// ---- validation
// ------------------------------------------------------------------------------------------------------

constexpr std::array<std::string_view, 16> kKeywords = {"type",     "properties", "required",    "additionalProperties",
                                                        "items",    "enum",       "const",       "minimum",
                                                        "maximum",  "minLength",  "maxLength",   "pattern",
                                                        "minItems", "maxItems",   "uniqueItems", "anyOf"};
constexpr std::array<std::string_view, 8> kAnnotations = {"title",    "description", "$schema", "$id",
                                                          "examples", "default",     "name",    "strict"};
constexpr std::array<std::string_view, 7> kTypes = {"object",  "array",   "string", "number",
                                                    "integer", "boolean", "null"};

Status bad_schema(const std::string& path, std::string_view keyword, std::string_view wanted) {
  return fail_at(path, ErrorKind::kInvalidInput, "schema: '{}' must be {}", keyword, wanted);
}

Status check_type_keyword(const Json& type, const std::string& path) {
  const auto known = [](const Json& name) {
    return name.is_string() && std::ranges::find(kTypes, name.get<std::string>()) != kTypes.end();
  };
  const bool list = type.is_array() && !type.empty() && std::ranges::all_of(type, known);
  if (!known(type) && !list)
    return bad_schema(path, "type", "one of object, array, string, number, integer, boolean, null, or a list of these");
  return {};
}

Status check_schema(const Json& schema, const std::string& path, std::size_t depth);

Status check_keyword(std::string_view key, const Json& value, const std::string& path, std::size_t depth) {
  const auto is_count = [&] { return value.is_number_unsigned(); };
  if (key == "type") return check_type_keyword(value, path);
  if (key == "properties") {
    if (!value.is_object()) return bad_schema(path, key, "an object");
    for (const auto& [name, inner] : value.items())
      CHECK_OK(check_schema(inner, path + ".properties." + name, depth + 1));
  } else if (key == "required") {
    if (!value.is_array() || !std::ranges::all_of(value, [](const Json& name) { return name.is_string(); }))
      return bad_schema(path, key, "a list of names");
  } else if (key == "items" || key == "additionalProperties") {
    return check_schema(value, path + "." + std::string(key), depth + 1);
  } else if (key == "anyOf") {
    if (!value.is_array() || value.empty()) return bad_schema(path, key, "a list of schemas");
    for (std::size_t i = 0; i < value.size(); ++i)
      CHECK_OK(check_schema(value[i], fmt::format("{}.anyOf[{}]", path, i), depth + 1));
  } else if (key == "enum") {
    if (!value.is_array() || value.empty()) return bad_schema(path, key, "a list of values");
  } else if (key == "minimum" || key == "maximum") {
    if (!value.is_number()) return bad_schema(path, key, "a number");
  } else if (key == "uniqueItems") {
    if (!value.is_boolean()) return bad_schema(path, key, "true or false");
  } else if (key == "pattern") {
    if (!value.is_string()) return bad_schema(path, key, "a regular expression");
    if (const auto compiled = BoundedRegex::compile(value.get<std::string>()); !compiled)
      return fail_at(path, compiled.error().kind, "schema: {}", compiled.error().message);
  } else if (key.starts_with("min") || key.starts_with("max")) {
    if (!is_count()) return bad_schema(path, key, "a count from 0");
  }
  return {};
}

/// The whole schema is checked before any answer is, so that a bad one is an error and never a bad grade.
Status check_schema(const Json& schema, const std::string& path, std::size_t depth) {
  if (depth > kDepthMax) return fail_at(path, ErrorKind::kTooLarge, "schema: nested deeper than {}", kDepthMax);
  if (schema.is_boolean()) return {};
  if (!schema.is_object()) return fail_at(path, ErrorKind::kInvalidInput, "schema: expected an object, true or false");
  for (const auto& [key, value] : schema.items()) {
    if (std::ranges::find(kAnnotations, key) != kAnnotations.end()) continue;
    if (std::ranges::find(kKeywords, key) == kKeywords.end())
      return fail_at(path, ErrorKind::kUnsupported, "schema: the keyword '{}' is not supported; supported are {}", key,
                     fmt::join(kKeywords, ", "));
    CHECK_OK(check_keyword(key, value, path, depth));
  }
  return {};
}

bool has_type(const Json& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  if (type == "number") return value.is_number();
  return value.is_number_integer() ||
         (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
}

std::size_t code_points(const std::string& text) noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

/// Empty if `value` fits, else where and why not. The schema has been checked.
std::string misfit(const Json& value, const Json& schema, const std::string& path);

std::string misfit_object(const Json& value, const Json& schema, const std::string& path) {
  if (const auto required = schema.find("required"); required != schema.end())
    for (const auto& name : *required)
      if (!value.contains(name.get<std::string>()))
        return fmt::format("{}: '{}' is missing", path, name.get<std::string>());
  const auto properties = schema.find("properties");
  const auto additional = schema.find("additionalProperties");
  for (const auto& [name, inner] : value.items()) {
    const Json* inner_schema = nullptr;
    if (properties != schema.end() && properties->contains(name)) {
      inner_schema = &(*properties)[name];
    } else if (additional != schema.end()) {
      if (*additional == false) return fmt::format("{}: '{}' does not belong", path, name);
      inner_schema = &*additional;
    }
    if (inner_schema == nullptr) continue;
    if (std::string why = misfit(inner, *inner_schema, path + "." + name); !why.empty()) return why;
  }
  return {};
}

std::string misfit_array(const Json& value, const Json& schema, const std::string& path) {
  if (value.size() < schema.value("minItems", std::size_t{0})) return path + ": too few items";
  if (schema.contains("maxItems") && value.size() > schema["maxItems"].get<std::size_t>())
    return path + ": too many items";
  if (schema.value("uniqueItems", false)) {
    std::set<std::string> seen;
    for (const auto& item : value)
      if (!seen.insert(dump(item)).second) return path + ": an item occurs twice";
  }
  if (!schema.contains("items")) return {};
  for (std::size_t i = 0; i < value.size(); ++i)
    if (std::string why = misfit(value[i], schema["items"], fmt::format("{}[{}]", path, i)); !why.empty()) return why;
  return {};
}

std::string misfit_string(const std::string& text, const Json& schema, const std::string& path) {
  const std::size_t length = code_points(text);
  if (length < schema.value("minLength", std::size_t{0})) return path + ": too short";
  if (schema.contains("maxLength") && length > schema["maxLength"].get<std::size_t>()) return path + ": too long";
  if (!schema.contains("pattern")) return {};
  const auto pattern = BoundedRegex::compile(schema["pattern"].get<std::string>());
  return pattern && pattern->found_in(text) ? std::string() : path + ": does not match the pattern";
}

std::string misfit(const Json& value, const Json& schema, const std::string& path) {
  if (schema.is_boolean()) return schema.get<bool>() ? std::string() : path + ": is not allowed";
  if (const auto type = schema.find("type"); type != schema.end()) {
    const auto fits = [&](const Json& name) { return has_type(value, name.get<std::string>()); };
    if (type->is_array() ? !std::ranges::any_of(*type, fits) : !fits(*type))
      return fmt::format("{}: is {}, expected {}", path, value.type_name(), dump(*type));
  }
  if (const auto options = schema.find("enum"); options != schema.end())
    if (std::ranges::find(*options, value) == options->end())
      return fmt::format("{}: is not one of {}", path, dump(*options));
  if (const auto constant = schema.find("const"); constant != schema.end())
    if (value != *constant) return fmt::format("{}: is not {}", path, dump(*constant));
  if (value.is_number()) {
    if (schema.contains("minimum") && value.get<double>() < schema["minimum"].get<double>())
      return path + ": below the minimum";
    if (schema.contains("maximum") && value.get<double>() > schema["maximum"].get<double>())
      return path + ": above the maximum";
  }
  std::string why;
  if (value.is_string()) why = misfit_string(value.get_ref<const std::string&>(), schema, path);
  if (value.is_array()) why = misfit_array(value, schema, path);
  if (value.is_object()) why = misfit_object(value, schema, path);
  if (!why.empty()) return why;
  if (const auto any = schema.find("anyOf"); any != schema.end())
    if (std::ranges::none_of(*any, [&](const Json& inner) { return misfit(value, inner, path).empty(); }))
      return path + ": fits none of anyOf";
  return {};
}

// ---- finding the value in the answer
// ---------------------------------------------------------------------------------

/// The end of the bracketed stretch that opens at `begin`, or npos.
std::size_t closing_bracket(std::string_view text, std::size_t begin) noexcept {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) return i;
    }
  }
  return std::string_view::npos;
}

void add_value(std::vector<Json>& values, Json value) {
  if (std::ranges::find(values, value) == values.end()) values.push_back(std::move(value));
}

/// The differing JSON values of the answer: the whole text, or the fences, or objects and lists within prose.
std::vector<Json> find_values(std::string_view answer) {
  std::vector<Json> values;
  const std::string_view text = base::trim(without_thinking(bounded_answer(answer)));
  if (auto whole = parse_json(text)) return {*std::move(whole)};
  for (const auto& fence : read_answer(answer).fenced)
    if (auto value = parse_json(fence); value && values.size() < kValuesMax) add_value(values, *std::move(value));
  if (!values.empty()) return values;
  std::size_t attempts = 4 * kValuesMax;
  for (auto at = text.find_first_of("{["); at != std::string_view::npos && attempts > 0 && values.size() < kValuesMax;
       --attempts) {
    const std::size_t end = closing_bracket(text, at);
    auto value = end == std::string_view::npos ? std::nullopt : parse_json(text.substr(at, end - at + 1));
    const std::size_t next = value ? end + 1 : at + 1;
    if (value) add_value(values, *std::move(value));
    at = text.find_first_of("{[", next);
  }
  return values;
}

class JsonSchemaChecker final : public Checker {
 public:
  Result<Grade> grade(std::string_view answer, const Expectation& expected) const override {
    if (expected.schema.empty() && expected.value.empty())
      return fail(ErrorKind::kInvalidInput,
                  "expected: checker 'json_schema' needs a schema, an expected value, or both");
    Json schema = true;
    if (!expected.schema.empty()) {
      auto parsed = parse_json(expected.schema);
      if (!parsed) return fail(ErrorKind::kInvalidInput, "schema: {} is not JSON", excerpt(expected.schema));
      schema = *std::move(parsed);
      CHECK_OK(check_schema(schema, "$", 0));
    }
    std::optional<Json> wanted;
    if (!expected.value.empty()) {
      wanted = parse_json(expected.value);
      if (!wanted) return fail(ErrorKind::kInvalidInput, "expected: {} is not JSON", excerpt(expected.value));
    }
    const auto values = find_values(answer);
    Grade grade;
    if (values.size() != 1) {
      grade.normalised = normalise(answer);
      grade.reason = values.empty() ? "the answer has no JSON value" : "the answer has several different JSON values";
      return grade;
    }
    grade.normalised = dump(values.front());
    if (std::string why = misfit(values.front(), schema, "$"); !why.empty()) {
      grade.reason = std::move(why);
    } else if (wanted && *wanted != values.front()) {
      grade.reason = fmt::format("the value is {}, expected {}", excerpt(grade.normalised), excerpt(dump(*wanted)));
    } else {
      grade.quality = 1;
      grade.reason = wanted ? "the value is the expected one" : "the value fits the schema";
    }
    return grade;
  }
};

const Checker& instance() {
  static const JsonSchemaChecker kChecker;
  return kChecker;
}

}  // namespace

CheckerRecord json_schema_checker();
CheckerRecord json_schema_checker() {
  return {"json_schema", "the answer's one JSON value fits a schema and equals the expected value, if one is given",
          &instance};
}

}  // namespace thalamus::check
