/// Options as data. An options struct lists its fields once:
///
///     struct KnnOptions {
///       std::int64_t k = 50;
///       template <class Visitor>
///       void fields(Visitor& visit) { visit("k", k, Range<std::int64_t>{1, 1024}, "neighbours"); }
///     };
///
/// and from that list come parsing with messages, the option table and the reference page.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::base {

/// Inclusive bounds of a numeric option.
template <class Number>
struct Range {
  Number low;
  Number high;
};

/// The allowed words of a text option.
struct Choices {
  std::vector<std::string> words;
};

/// One option as users see it.
struct OptionRow {
  std::string name;
  std::string type;  ///< "integer", "number", "boolean", "text"
  std::string default_value;
  std::string allowed;  ///< "1..1024", "uniform|weighted", or empty
  std::string help;
};

using OptionMap = std::map<std::string, std::string, std::less<>>;

/// Visitor that lists fields with the values they hold (the defaults, on a fresh struct).
class OptionLister {
 public:
  void operator()(const char* name, std::int64_t& field, Range<std::int64_t> range, const char* help);
  void operator()(const char* name, double& field, Range<double> range, const char* help);
  void operator()(const char* name, bool& field, const char* help);
  void operator()(const char* name, std::string& field, Choices choices, const char* help);
  [[nodiscard]] std::vector<OptionRow> take() { return std::move(rows_); }

 private:
  std::vector<OptionRow> rows_;
};

/// Visitor that assigns from text. Collects the first error: "k: 0 is outside 1..1024", "k: expected an integer, got
/// 'abc'", "unknown option 'kk', did you mean 'k'?".
class OptionParser {
 public:
  explicit OptionParser(const OptionMap& values) : values_(values) {}
  void operator()(const char* name, std::int64_t& field, Range<std::int64_t> range, const char* help);
  void operator()(const char* name, double& field, Range<double> range, const char* help);
  void operator()(const char* name, bool& field, const char* help);
  void operator()(const char* name, std::string& field, Choices choices, const char* help);
  /// After the visit: unknown names are errors too.
  [[nodiscard]] Status finish() const;

 private:
  [[nodiscard]] const std::string* find(const char* name);
  void reject(std::string message);
  const OptionMap& values_;
  std::vector<std::string> known_;
  std::string first_error_;
};

/// The option table of a default-constructed options struct.
template <class Options>
[[nodiscard]] std::vector<OptionRow> list_options() {
  Options options;
  OptionLister lister;
  options.fields(lister);
  return lister.take();
}

/// Defaults overridden by `values`, or an error that names option, value and what was expected.
template <class Options>
[[nodiscard]] Result<Options> parse_options(const OptionMap& values) {
  Options options;
  OptionParser parser(values);
  options.fields(parser);
  CHECK_OK(parser.finish());
  return options;
}

/// "k=5,weighted=true" -> map. Empty text gives an empty map.
[[nodiscard]] Result<OptionMap> parse_option_text(std::string_view text);

}  // namespace thalamus::base
