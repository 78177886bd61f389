#include "thalamus/gateway/config_yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <exception>
#include <sstream>

namespace thalamus::gateway {
namespace {

/// Stand-ins for the characters of `${...}` that mean something to YAML. A configuration holds no control characters
/// (they are refused first), and the columns of everything else stay as they are.
struct StandIn {
  char plain;
  char hidden;
};
constexpr StandIn kStandIns[] = {{'{', '\x01'}, {'}', '\x02'}, {',', '\x03'}, {'[', '\x04'},
                                 {']', '\x05'}, {'#', '\x06'}, {':', '\x07'}};

char hide(char c) noexcept {
  for (const auto& pair : kStandIns)
    if (pair.plain == c) return pair.hidden;
  return c;
}

std::string shown_again(std::string text) {
  for (char& c : text)
    for (const auto& pair : kStandIns)
      if (pair.hidden == c) c = pair.plain;
  return text;
}

std::string hide_references(std::string_view text) {
  std::string out(text);
  for (std::size_t at = out.find("${"); at != std::string::npos; at = out.find("${", at + 2)) {
    const std::size_t end = out.find_first_of("}\n", at);
    if (end == std::string::npos || out[end] == '\n') continue;  // unfinished: an error where it is expanded
    std::transform(out.begin() + static_cast<std::ptrdiff_t>(at), out.begin() + static_cast<std::ptrdiff_t>(end) + 1,
                   out.begin() + static_cast<std::ptrdiff_t>(at), hide);
  }
  return out;
}

std::string place(const std::string& name, YamlMark mark) {
  return fmt::format("{}:{}:{}", name, mark.line, mark.column);
}

YamlMark mark_of(const YAML::Mark& mark) { return {std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1}; }

Status check_characters(std::string_view text, const std::string& name) {
  YamlMark mark;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f)
      return fail_at(place(name, mark), ErrorKind::kInvalidInput, "a control character (byte {}); remove it", byte);
    ++mark.column;
    if (c == '\n') mark = {mark.line + 1, 1};
  }
  return {};
}

class Converter {
 public:
  explicit Converter(const std::string& name) : name_(name) {}

  [[nodiscard]] Result<YamlNode> convert(const YAML::Node& node, std::size_t depth) {
    YamlNode out;
    out.mark = mark_of(node.Mark());
    if (depth > kYamlDepthMax)
      return fail_at(place(name_, out.mark), ErrorKind::kTooLarge,
                     "nested deeper than {} levels (or an alias that contains itself)", kYamlDepthMax);
    if (++nodes_ > kYamlNodesMax)
      return fail_at(place(name_, out.mark), ErrorKind::kTooLarge,
                     "more than {} values; aliases multiply what they name", kYamlNodesMax);
    if (node.IsScalar()) {
      out.kind = YamlKind::kScalar;
      out.text = shown_again(node.Scalar());
      out.quoted = node.Tag() == "!";
    } else if (node.IsSequence()) {
      out.kind = YamlKind::kList;
      for (const auto& item : node) {
        TRY(YamlNode inner, convert(item, depth + 1));
        out.items.push_back(std::move(inner));
      }
    } else if (node.IsMap()) {
      CHECK_OK(convert_fields(node, depth, out));
    }
    return out;
  }

 private:
  [[nodiscard]] Status convert_fields(const YAML::Node& node, std::size_t depth, YamlNode& out) {
    out.kind = YamlKind::kMap;
    for (const auto& pair : node) {
      YamlField field;
      field.mark = mark_of(pair.first.Mark());
      if (!pair.first.IsScalar())
        return fail_at(place(name_, field.mark), ErrorKind::kInvalidInput, "expected a name before ':'");
      field.name = shown_again(pair.first.Scalar());
      const auto earlier = std::find_if(out.fields.begin(), out.fields.end(),
                                        [&](const YamlField& other) { return other.name == field.name; });
      if (earlier != out.fields.end())
        return fail_at(place(name_, field.mark), ErrorKind::kInvalidInput,
                       "'{}' is given twice; the first is on line {}", field.name, earlier->mark.line);
      if (field.name == "<<")
        return fail_at(place(name_, field.mark), ErrorKind::kUnsupported,
                       "merge keys ('<<') are not supported; write the fields out, or alias a whole value");
      TRY(field.value, convert(pair.second, depth + 1));
      out.fields.push_back(std::move(field));
    }
    return {};
  }

  const std::string& name_;
  std::size_t nodes_ = 0;
};

/// Notes where documents begin.
class DocumentMarks final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { last = mark_of(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
  YamlMark last;
};

/// Exactly one document. `YAML::LoadAll` is no help: on a token that begins no document (a leading comma) version 0.7
/// stands still and asks for memory for ever.
Status check_one_document(const std::string& text, const std::string& name) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentMarks marks;
  if (!parser.HandleNextDocument(marks) || !parser.HandleNextDocument(marks)) return {};
  return fail_at(place(name, marks.last), ErrorKind::kInvalidInput,
                 "not valid YAML: something follows the end of the document; expected one document");
}

}  // namespace

Result<YamlNode> parse_yaml(std::string_view text, const std::string& name) {
  if (text.size() > kConfigBytesMax)
    return fail_at(name, ErrorKind::kTooLarge, "larger than the limit of {} bytes", kConfigBytesMax);
  CHECK_OK(check_characters(text, name));
  try {
    const std::string hidden = hide_references(text);
    CHECK_OK(check_one_document(hidden, name));
    const YAML::Node document = YAML::Load(hidden);
    if (document.IsNull())
      return fail_at(name, ErrorKind::kInvalidInput, "the file is empty; expected at least `version: 1` and `routes:`");
    return Converter(name).convert(document, 0);
  } catch (const YAML::Exception& error) {
    // `msg` alone: `what` repeats the place in other words. It quotes no value.
    return fail_at(place(name, mark_of(error.mark)), ErrorKind::kInvalidInput, "not valid YAML: {}", error.msg);
  } catch (const std::exception& error) {
    return fail_at(name, ErrorKind::kInvalidInput, "cannot be read as YAML: {}", error.what());
  }
}

}  // namespace thalamus::gateway
