/// The user's own tasks, one JSON object a line.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "thalamus/base/file.h"
#include "thalamus/base/text.h"
#include "thalamus/check/reading.h"
#include "thalamus/check/task.h"

namespace thalamus::check {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kFileSizeMax = 256ULL << 20U;
constexpr std::size_t kTasksMax = 1'000'000;
constexpr std::size_t kNestingMax = 40;
constexpr std::uint32_t kOutputTokensMax = 1U << 20U;
constexpr std::array<const char*, 13> kFields = {"id",        "prompt",  "expected",  "checker",           "schema",
                                                 "tolerance", "task",    "judge",     "max_output_tokens", "options",
                                                 "forbidden", "ordered", "match_case"};

bool is_shallow(std::string_view line) noexcept {
  std::size_t depth = 0;
  for (const char c : line) {
    if ((c == '{' || c == '[') && ++depth > kNestingMax) return false;  // brackets in texts count too: rarely that many
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return true;
}

/// One line with the place that errors name.
class LineReader {
 public:
  LineReader(const Json& line, std::string place) : line_(line), place_(std::move(place)) {}

  Result<Task> task() {
    CHECK_OK(check_fields());
    Task task;
    TRY(task.prompt, text("prompt", ""));
    if (base::trim(task.prompt).empty())
      return reject("prompt", line_.contains("prompt") ? "is empty" : "is missing; every task needs one");
    TRY(task.id, identifier());
    TRY(task.family, text("task", "user"));
    TRY(task.judge, text("judge", ""));
    TRY(task.expected.checker, text("checker", task.judge.empty() ? "" : "judge"));
    TRY(task.max_output_tokens, output_tokens());
    CHECK_OK(check_checker(task));
    CHECK_OK(read_expectation(task));
    CHECK_OK(try_checker(task));
    return task;
  }

 private:
  [[nodiscard]] std::unexpected<Error> reject(std::string_view field, std::string_view problem) const {
    return fail_at(place_, ErrorKind::kInvalidInput, "'{}' {}", field, problem);
  }

  [[nodiscard]] std::unexpected<Error> mistyped(std::string_view field, const Json& value,
                                                std::string_view wanted) const {
    const std::string shown = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return fail_at(place_, ErrorKind::kInvalidInput, "'{}' is {}, expected {}", field, excerpt(shown), wanted);
  }

  Status check_fields() const {
    if (!line_.is_object())
      return fail_at(place_, ErrorKind::kInvalidInput, "expected a JSON object, got {}", line_.type_name());
    const std::vector<std::string> known(kFields.begin(), kFields.end());
    for (const auto& [name, value] : line_.items())
      if (std::ranges::find(known, name) == known.end())
        return fail_at(place_, ErrorKind::kInvalidInput, "unknown field {}{}", excerpt(name),
                       base::did_you_mean(name, known));
    return {};
  }

  [[nodiscard]] const Json* find(const char* field) const {
    const auto at = line_.find(field);
    return at == line_.end() || at->is_null() ? nullptr : &*at;
  }

  Result<std::string> text(const char* field, std::string_view otherwise) const {
    const Json* value = find(field);
    if (value == nullptr) return std::string(otherwise);
    if (!value->is_string()) return mistyped(field, *value, "a text");
    return value->get<std::string>();
  }

  Result<std::string> identifier() const {
    const Json* value = find("id");
    if (value != nullptr && value->is_number_integer()) return value->dump();
    return text("id", "");
  }

  Result<std::uint32_t> output_tokens() const {
    const Json* value = find("max_output_tokens");
    if (value == nullptr) return 256U;
    if (!value->is_number_integer() || value->get<double>() < 1 || value->get<double>() > kOutputTokensMax)
      return mistyped("max_output_tokens", *value, fmt::format("a whole number from 1 to {}", kOutputTokensMax));
    return value->get<std::uint32_t>();
  }

  Result<bool> flag(const char* field) const {
    const Json* value = find(field);
    if (value == nullptr) return false;
    if (!value->is_boolean()) return mistyped(field, *value, "true or false");
    return value->get<bool>();
  }

  Result<std::vector<std::string>> texts(const char* field) const {
    std::vector<std::string> out;
    const Json* value = find(field);
    if (value == nullptr) return out;
    if (!value->is_array()) return mistyped(field, *value, "a list of texts or numbers");
    for (const auto& item : *value) {
      if (!item.is_string() && !item.is_number()) return mistyped(field, item, "texts or numbers in the list");
      out.push_back(item.is_string() ? item.get<std::string>() : item.dump());
    }
    return out;
  }

  Status check_checker(const Task& task) const {
    std::vector<std::string> names = {"judge"};
    for (const auto& record : checkers()) names.emplace_back(record.name);
    const std::string& name = task.expected.checker;
    if (name.empty()) return reject("checker", fmt::format("is missing; it is one of {}", fmt::join(names, ", ")));
    if (std::ranges::find(names, name) == names.end())
      return fail_at(place_, ErrorKind::kInvalidInput, "'checker' is {}, expected one of {}{}", excerpt(name),
                     fmt::join(names, ", "), base::did_you_mean(name, names));
    if (name == "judge" && task.judge.empty())
      return reject("judge", "is missing; checker 'judge' needs the name of the target that grades");
    if (name != "judge" && !task.judge.empty())
      return reject("judge", fmt::format("is given, but the checker is '{}'", name));
    return {};
  }

  Status read_expectation(Task& task) const {
    Expectation& expected = task.expected;
    const bool needs_value =
        expected.checker != "judge" && expected.checker != "json_schema" && expected.checker != "contains";
    TRY(expected.forbidden, texts("forbidden"));
    TRY(expected.ordered, flag("ordered"));
    TRY(expected.match_case, flag("match_case"));
    if (const Json* tolerance = find("tolerance")) {
      if (!tolerance->is_number() || !(tolerance->get<double>() >= 0 && tolerance->get<double>() < 1))
        return mistyped("tolerance", *tolerance, "a number from 0 to below 1 (relative)");
      expected.tolerance = tolerance->get<double>();
    }
    if (const Json* schema = find("schema")) {
      if (!schema->is_object() && !schema->is_string()) return mistyped("schema", *schema, "a JSON schema");
      expected.schema = schema->is_string() ? schema->get<std::string>() : schema->dump();
      task.schema = expected.schema;
    }
    const Json* value = find("expected");
    if (value == nullptr)
      return needs_value
                 ? Status(reject("expected", fmt::format("is missing; checker '{}' needs it", expected.checker)))
                 : Status();
    if (expected.checker == "json_schema") {
      expected.value = value->is_string() ? value->get<std::string>() : value->dump();
    } else if (value->is_array()) {
      TRY(expected.values, texts("expected"));
      CHECK_OK(spread(expected));
    } else if (value->is_string()) {
      expected.value = value->get<std::string>();
    } else if (value->is_number()) {
      expected.value = value->dump();
    } else {
      return mistyped("expected", *value, "a text, a number or a list");
    }
    if (expected.checker != "choice") return {};
    TRY(expected.values, texts("options"));
    return {};
  }

  /// A list means items to `set`, required texts to `contains`, accepted forms to `exact`; others take one value.
  Status spread(Expectation& expected) const {
    if (expected.checker == "set" || expected.checker == "contains") return {};
    if (expected.checker != "exact" && expected.values.size() != 1)
      return reject("expected", fmt::format("is a list of {}, but checker '{}' compares with one value",
                                            expected.values.size(), expected.checker));
    if (expected.values.empty()) return reject("expected", "is an empty list");
    expected.value = expected.values.front();
    expected.values.erase(expected.values.begin());
    return {};
  }

  /// A bad pattern, schema or number is told now and not after the first paid call.
  Status try_checker(const Task& task) const {
    if (task.expected.checker == "judge") return {};
    if (const auto tried = grade("", task.expected); !tried)
      return fail_at(place_, tried.error().kind, "{}", tried.error().text());
    return {};
  }

  const Json& line_;
  std::string place_;
};

}  // namespace

Result<std::vector<Task>> read_tasks(const std::filesystem::path& path) {
  TRY(const std::string bytes, base::read_file(path, kFileSizeMax));
  std::vector<Task> tasks;
  std::unordered_map<std::string, std::size_t> lines;
  std::size_t number = 0;
  for (const auto raw : base::split(bytes, '\n')) {
    ++number;
    std::string_view text = base::trim(raw);
    if (number == 1 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    if (text.empty()) continue;
    const std::string place = fmt::format("{}:{}", path.filename().string(), number);
    if (tasks.size() >= kTasksMax) return fail_at(place, ErrorKind::kTooLarge, "more than {} tasks", kTasksMax);
    if (!is_shallow(text)) return fail_at(place, ErrorKind::kTooLarge, "JSON nested deeper than {}", kNestingMax);
    const Json line = Json::parse(text.begin(), text.end(), nullptr, false);
    if (line.is_discarded()) return fail_at(place, ErrorKind::kInvalidInput, "not a JSON object: {}", excerpt(text));
    TRY(Task task, LineReader(line, place).task());
    task.difficulty = "given";
    if (task.id.empty()) task.id = fmt::format("line-{}", number);
    if (const auto [at, fresh] = lines.try_emplace(task.id, number); !fresh)
      return fail_at(place, ErrorKind::kInvalidInput, "'id' is {}, which line {} has already", excerpt(task.id),
                     at->second);
    tasks.push_back(std::move(task));
  }
  if (tasks.empty())
    return fail_at(path.filename().string(), ErrorKind::kInvalidInput,
                   "has no tasks; expected one JSON object a line with 'prompt', 'expected' and 'checker'");
  return tasks;
}

}  // namespace thalamus::check
