#include "thalamus/base/fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "thalamus/base/text.h"

namespace thalamus::base {
namespace {

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, "|")); }

}  // namespace

void OptionLister::operator()(const char* name, std::int64_t& field, Range<std::int64_t> range, const char* help) {
  rows_.push_back({name, "integer", fmt::format("{}", field), fmt::format("{}..{}", range.low, range.high), help});
}
void OptionLister::operator()(const char* name, double& field, Range<double> range, const char* help) {
  rows_.push_back({name, "number", fmt::format("{}", field), fmt::format("{}..{}", range.low, range.high), help});
}
void OptionLister::operator()(const char* name, bool& field, const char* help) {
  rows_.push_back({name, "boolean", field ? "true" : "false", "", help});
}
void OptionLister::operator()(const char* name, std::string& field, Choices choices, const char* help) {
  rows_.push_back({name, "text", field, joined(choices.words), help});
}

const std::string* OptionParser::find(const char* name) {
  known_.emplace_back(name);
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

void OptionParser::reject(std::string message) {
  if (first_error_.empty()) first_error_ = std::move(message);
}

void OptionParser::operator()(const char* name, std::int64_t& field, Range<std::int64_t> range, const char*) {
  const std::string* text = find(name);
  if (text == nullptr) return;
  const auto value = parse_number<std::int64_t>(*text);
  if (!value) return reject(fmt::format("{}: expected an integer, got '{}'", name, *text));
  if (*value < range.low || *value > range.high)
    return reject(fmt::format("{}: {} is outside {}..{}", name, *value, range.low, range.high));
  field = *value;
}

void OptionParser::operator()(const char* name, double& field, Range<double> range, const char*) {
  const std::string* text = find(name);
  if (text == nullptr) return;
  const auto value = parse_number<double>(*text);
  if (!value || *value != *value) return reject(fmt::format("{}: expected a number, got '{}'", name, *text));
  if (*value < range.low || *value > range.high)
    return reject(fmt::format("{}: {} is outside {}..{}", name, *value, range.low, range.high));
  field = *value;
}

void OptionParser::operator()(const char* name, bool& field, const char*) {
  const std::string* text = find(name);
  if (text == nullptr) return;
  if (*text != "true" && *text != "false")
    return reject(fmt::format("{}: expected true or false, got '{}'", name, *text));
  field = *text == "true";
}

void OptionParser::operator()(const char* name, std::string& field, Choices choices, const char*) {
  const std::string* text = find(name);
  if (text == nullptr) return;
  if (!choices.words.empty() && std::find(choices.words.begin(), choices.words.end(), *text) == choices.words.end())
    return reject(fmt::format("{}: expected one of {}, got '{}'{}", name, joined(choices.words), *text,
                              did_you_mean(*text, choices.words)));
  field = *text;
}

Status OptionParser::finish() const {
  if (!first_error_.empty()) return fail(ErrorKind::kInvalidInput, "{}", first_error_);
  for (const auto& [name, value] : values_) {
    if (std::find(known_.begin(), known_.end(), name) == known_.end())
      return fail(ErrorKind::kInvalidInput, "unknown option '{}'{}", name, did_you_mean(name, known_));
  }
  return {};
}

Result<OptionMap> parse_option_text(std::string_view text) {
  OptionMap values;
  if (trim(text).empty()) return values;
  for (const auto piece : split(text, ',')) {
    const auto equals = piece.find('=');
    if (equals == std::string_view::npos)
      return fail(ErrorKind::kInvalidInput, "options: expected name=value, got '{}'", piece);
    const std::string name(trim(piece.substr(0, equals)));
    if (!values.emplace(name, trim(piece.substr(equals + 1))).second)
      return fail(ErrorKind::kInvalidInput, "options: '{}' is given twice", name);
  }
  return values;
}

}  // namespace thalamus::base
