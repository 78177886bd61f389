#include "thalamus/gateway/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "thalamus/base/file.h"
#include "thalamus/base/text.h"

namespace thalamus::gateway {
namespace {

constexpr std::size_t kShownBytesMax = 60;
constexpr std::size_t kSecretFileBytesMax = 64U << 10;

/// "30s" -> ("30", "s").
std::pair<std::string_view, std::string_view> number_and_unit(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || text[end] == '.')) ++end;
  return {text.substr(0, end), base::trim(text.substr(end))};
}

}  // namespace

std::string shown_value(std::string_view text) {
  static constexpr std::string_view kCredentialPrefixes[] = {"sk-", "pk-", "ghp_", "xox", "AKIA", "Bearer ", "AIza"};
  for (const auto prefix : kCredentialPrefixes)
    if (text.starts_with(prefix)) return "[hidden: it looks like a credential]";
  if (text.size() > kShownBytesMax) return fmt::format("'{}...'", text.substr(0, kShownBytesMax));
  return fmt::format("'{}'", text);
}

std::string got(const YamlNode& node) {
  switch (node.kind) {
    case YamlKind::kNothing: return "nothing";
    case YamlKind::kList: return "a list";
    case YamlKind::kMap: return "a mapping";
    case YamlKind::kScalar: break;
  }
  return shown_value(node.text);
}

std::string got(const Scalar& scalar) { return scalar.quoted ? scalar.shown + " in quotes" : scalar.shown; }

Reader::Reader(std::string name, EnvLookup environment)
    : name_(std::move(name)),
      folder_(std::filesystem::path(name_).parent_path()),
      environment_(std::move(environment)) {}

void Reader::error(YamlMark mark, std::string message) {
  errors_.push_back(Error{ErrorKind::kInvalidInput, std::move(message), where(mark)});
}

void Reader::warn(YamlMark mark, std::string message) { warnings_.push_back({where(mark), std::move(message)}); }

std::string Reader::where(YamlMark mark) const { return fmt::format("{}:{}:{}", name_, mark.line, mark.column); }

std::string Reader::unknown(std::string_view kind, std::string_view name, std::span<const std::string> known,
                            std::string_view in) {
  const std::string what = fmt::format("unknown {} {}{}{}", kind, shown_value(name), in.empty() ? "" : " in ", in);
  const std::string nearest = base::did_you_mean(name, known);
  if (!nearest.empty()) return what + nearest;
  if (known.empty()) return fmt::format("{}; there are none", what);
  constexpr std::size_t kListedMax = 12;
  const auto listed = known.first(std::min(known.size(), kListedMax));
  return fmt::format("{}; known: {}{}", what, fmt::join(listed, ", "), known.size() > kListedMax ? ", ..." : "");
}

std::optional<std::string> Reader::environment(const std::string& name) const {
  if (environment_) return environment_(name);
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::filesystem::path Reader::resolve(std::string_view path) const {
  return (folder_ / std::filesystem::path(path)).lexically_normal();
}

/// What stands for `${inside}`.
Result<std::string> Reader::reference(std::string_view inside, bool files_too) const {
  const auto colon = inside.find(':');
  const auto form = inside.substr(0, colon);
  const std::string rest(colon == std::string_view::npos ? std::string_view() : inside.substr(colon + 1));
  if (form == "env" && !rest.empty()) {
    if (auto value = environment(rest)) return *std::move(value);
    return fail(ErrorKind::kInvalidInput, "the environment variable {} is not set", rest);
  }
  if (form == "file" && !rest.empty()) {
    if (!files_too) return fail(ErrorKind::kInvalidInput, "${{file:...}} is for credentials only; use ${{env:NAME}}");
    auto bytes = base::read_file(resolve(rest), kSecretFileBytesMax);
    if (!bytes) return fail(ErrorKind::kInvalidInput, "{}", bytes.error().text());
    return std::string(base::trim(*bytes));
  }
  return fail(ErrorKind::kInvalidInput, "unknown reference ${{{}}}; expected ${{env:NAME}}{}", inside,
              files_too ? " or ${file:PATH}" : "");
}

Result<std::string> Reader::expand_text(std::string_view text, bool files_too, bool& referenced) {
  std::string out;
  while (!text.empty()) {
    const auto at = text.find('$');
    out.append(text.substr(0, at));
    if (at == std::string_view::npos) break;
    text.remove_prefix(at);
    if (text.starts_with("$${")) {
      out += "${";
      text.remove_prefix(3);
    } else if (text.starts_with("${")) {
      const auto end = text.find('}');
      if (end == std::string_view::npos) return fail(ErrorKind::kInvalidInput, "'${{' without '}}' on the same line");
      TRY(const std::string value, reference(text.substr(2, end - 2), files_too));
      hide(value);
      out += value;
      referenced = true;
      text.remove_prefix(end + 1);
    } else {
      out += '$';
      text.remove_prefix(1);
    }
  }
  return out;
}

std::optional<Scalar> Reader::expand(const YamlNode& node, const std::string& path) {
  Scalar scalar{{}, shown_value(node.text), node.mark, node.quoted, false};
  auto value = expand_text(node.text, false, scalar.referenced);
  if (!value) {
    error(node.mark, fmt::format("{}: {}", path, value.error().message));
    return std::nullopt;
  }
  scalar.value = *std::move(value);
  return scalar;
}

std::optional<Secret> Reader::expand_secret(const YamlNode& node, const std::string& path) {
  if (node.kind != YamlKind::kScalar) {
    error(node.mark, fmt::format("{}: expected ${{env:NAME}} or ${{file:PATH}}, got {}", path, got(node)));
    return std::nullopt;
  }
  bool referenced = false;
  auto value = expand_text(node.text, true, referenced);
  if (!value) {
    error(node.mark, fmt::format("{}: {}", path, value.error().message));
    return std::nullopt;
  }
  if (value->empty()) {
    error(node.mark, fmt::format("{}: the credential is empty", path));
    return std::nullopt;
  }
  if (std::any_of(value->begin(), value->end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    error(node.mark, fmt::format("{}: the credential holds a line break or another control character", path));
    return std::nullopt;
  }
  hide(*value);
  if (!referenced)
    warn(node.mark, fmt::format("{}: a credential is written in the file; use ${{env:NAME}} or ${{file:PATH}}", path));
  return Secret(*std::move(value));
}

/// Shorter values (a port, a flag) would be found everywhere.
void Reader::hide(const std::string& value) {
  constexpr std::size_t kHiddenBytesMin = 8;
  if (value.size() >= kHiddenBytesMin) hidden_.push_back(value);
}

std::string Reader::redacted(std::string text) const {
  constexpr std::string_view kInstead = "[hidden]";
  for (const std::string& value : hidden_) {
    for (auto at = text.find(value); at != std::string::npos; at = text.find(value, at + kInstead.size()))
      text.replace(at, value.size(), kInstead);
  }
  return text;
}

std::vector<Warning> Reader::take_warnings() {
  for (Warning& warning : warnings_) warning.message = redacted(std::move(warning.message));
  return std::move(warnings_);
}

std::unexpected<Error> Reader::failure() const {
  Error all = errors_.front();
  const std::size_t shown = std::min(errors_.size(), kErrorsMax);
  for (std::size_t i = 1; i < shown; ++i) all.message += "\n" + errors_[i].text();
  if (errors_.size() > shown) all.message += fmt::format("\nand {} more", errors_.size() - shown);
  all.message = redacted(std::move(all.message));
  return std::unexpected(std::move(all));
}

std::optional<Scalar> read_scalar(Reader& reader, const YamlNode& node, const std::string& path,
                                  std::string_view expected) {
  if (node.kind == YamlKind::kScalar) return reader.expand(node, path);
  reader.error(node.mark, fmt::format("{}: expected {}, got {}", path, expected, got(node)));
  return std::nullopt;
}

Fields::Fields(Reader& reader, const YamlNode& node, std::string path)
    : reader_(reader), node_(node), path_(std::move(path)) {
  if (node.kind == YamlKind::kMap || node.kind == YamlKind::kNothing) return;
  // A scalar here may be a credential in the wrong place: it is not shown.
  reader.error(node.mark,
               fmt::format("{}: expected a mapping of names to values, got {}", path_.empty() ? "the file" : path_,
                           node.kind == YamlKind::kScalar ? "a single value" : got(node)));
}

const YamlNode* Fields::get(std::string_view field) {
  if (std::find(known_.begin(), known_.end(), field) == known_.end()) known_.emplace_back(field);
  for (const YamlField& f : node_.fields)
    if (f.name == field) return f.value.kind == YamlKind::kNothing ? nullptr : &f.value;
  return nullptr;
}

const YamlNode* Fields::need(std::string_view field, std::string_view expected) {
  const YamlNode* node = get(field);
  if (node == nullptr && (node_.kind == YamlKind::kMap || node_.kind == YamlKind::kNothing))
    error(field, fmt::format("is missing; expected {}", expected));
  return node;
}

std::optional<Scalar> Fields::scalar(std::string_view field, std::string_view expected) {
  const YamlNode* node = get(field);
  if (node == nullptr) {
    if (has(field)) error(field, fmt::format("expected {}, got nothing", expected));
    return std::nullopt;
  }
  return read_scalar(reader_, *node, name(field), expected);
}

void Fields::text(std::string_view field, std::string& out) {
  auto value = scalar(field, "a text");
  if (!value) return;
  if (value->value.empty()) return error(field, "expected a text, got an empty one");
  out = std::move(value->value);
}

void Fields::texts(std::string_view field, std::vector<std::string>& out) {
  const YamlNode* node = get(field);
  if (node == nullptr) return;
  if (node->kind != YamlKind::kList) return error(field, fmt::format("expected a list of texts, got {}", got(*node)));
  std::size_t index = 0;
  for (const YamlNode& item : node->items) {
    auto value = read_scalar(reader_, item, fmt::format("{}[{}]", name(field), index++), "a text");
    if (value) out.push_back(std::move(value->value));
  }
}

void Fields::flag(std::string_view field, bool& out) {
  const auto value = scalar(field, "true or false");
  if (!value) return;
  if (value->value != "true" && value->value != "false")
    return error(field, fmt::format("expected true or false, got {}", got(*value)));
  out = value->value == "true";
}

std::optional<double> Fields::read_number(std::string_view field, double low, double high) {
  const std::string expected =
      std::isinf(high) ? fmt::format("a number of at least {}", low) : fmt::format("a number from {} to {}", low, high);
  const auto value = scalar(field, expected);
  if (!value) return std::nullopt;
  const auto number = base::parse_number<double>(value->value);
  const bool plain = !value->quoted || value->referenced;
  if (!plain || !number || !std::isfinite(*number) || *number < low || *number > high) {
    error(field, fmt::format("expected {}, got {}", expected, got(*value)));
    return std::nullopt;
  }
  return number;
}

void Fields::number(std::string_view field, double& out, double low, double high) {
  if (const auto value = read_number(field, low, high)) out = *value;
}

void Fields::number(std::string_view field, std::optional<double>& out, double low, double high) {
  if (const auto value = read_number(field, low, high)) out = value;
}

std::optional<std::int64_t> Fields::read_integer(std::string_view field, std::int64_t low, std::int64_t high) {
  const std::string expected = low == high ? std::to_string(low) : fmt::format("an integer from {} to {}", low, high);
  const auto value = scalar(field, expected);
  if (!value) return std::nullopt;
  const auto number = base::parse_number<std::int64_t>(value->value);
  const bool plain = !value->quoted || value->referenced;
  if (!plain || !number || *number < low || *number > high) {
    error(field, fmt::format("expected {}, got {}", expected, got(*value)));
    return std::nullopt;
  }
  return number;
}

std::optional<std::int64_t> Fields::read_bytes(std::string_view field, std::int64_t low, std::int64_t high) {
  static constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
      {"", 1}, {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  const std::string expected = fmt::format("a size such as 64MiB, from {} to {} bytes", low, high);
  const auto value = scalar(field, expected);
  if (!value) return std::nullopt;
  const auto [digits, unit] = number_and_unit(value->value);
  const auto number = base::parse_number<std::int64_t>(digits);
  for (const auto& [word, factor] : kUnits) {
    if (!number || unit != word || *number > high / factor || *number * factor < low) continue;
    return *number * factor;
  }
  error(field, fmt::format("expected {}, got {}", expected, got(*value)));
  return std::nullopt;
}

void Fields::duration(std::string_view field, Nanoseconds& out, Nanoseconds high) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
  const std::string expected = fmt::format("a duration such as 30s (ms, s, m, h), from 1ms to {}s", high.seconds());
  const auto value = scalar(field, expected);
  if (!value) return;
  const auto [digits, unit] = number_and_unit(value->value);
  const auto number = base::parse_number<double>(digits);
  for (const auto& [word, factor] : kUnits) {
    if (!number || unit != word) continue;
    const double seconds = *number * factor;
    if (!(seconds >= 1e-3 && seconds <= high.seconds())) break;
    out = Nanoseconds::from_seconds(seconds);
    return;
  }
  error(field, fmt::format("expected {}, got {}", expected, got(*value)));
}

void Fields::milliseconds(std::string_view field, Nanoseconds& out, std::int64_t high) {
  if (const auto value = read_integer(field, 1, high)) out = Nanoseconds::from_ms(*value);
}

void Fields::path(std::string_view field, std::filesystem::path& out) {
  const auto value = scalar(field, "a path");
  if (!value) return;
  if (value->value.empty()) return error(field, "expected a path, got an empty text");
  out = reader_.resolve(value->value);
}

void Fields::secret(std::string_view field, Secret& out) {
  const YamlNode* node = get(field);
  if (node == nullptr) {
    if (has(field)) error(field, "expected ${env:NAME} or ${file:PATH}, got nothing");
    return;
  }
  if (auto value = reader_.expand_secret(*node, name(field))) out = *std::move(value);
}

std::optional<std::size_t> Fields::choice(std::string_view field, const std::vector<std::string>& words) {
  const std::string expected =
      words.size() == 1 ? fmt::format("'{}'", words.front()) : fmt::format("one of {}", fmt::join(words, ", "));
  const auto value = scalar(field, expected);
  if (!value) return std::nullopt;
  const auto found = std::find(words.begin(), words.end(), value->value);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  error(field, fmt::format("expected {}, got {}{}", expected, got(*value), base::did_you_mean(value->value, words)));
  return std::nullopt;
}

void Fields::finish() {
  for (const YamlField& field : node_.fields) {
    if (std::find(known_.begin(), known_.end(), field.name) != known_.end()) continue;
    reader_.error(field.mark, Reader::unknown("field", field.name, known_, path_));
  }
}

std::string Fields::name(std::string_view field) const {
  if (field.empty()) return path_;
  return path_.empty() ? std::string(field) : fmt::format("{}.{}", path_, field);
}

YamlMark Fields::mark(std::string_view field) const {
  for (const YamlField& f : node_.fields)
    if (f.name == field) return f.value.kind == YamlKind::kNothing ? f.mark : f.value.mark;
  return node_.mark;
}

bool Fields::has(std::string_view field) const {
  return std::any_of(node_.fields.begin(), node_.fields.end(), [&](const YamlField& f) { return f.name == field; });
}

void Fields::error(std::string_view field, const std::string& message) {
  const bool verb = message.starts_with("is ");
  reader_.error(mark(field), fmt::format("{}{} {}", name(field), verb ? "" : ":", message));
}

}  // namespace thalamus::gateway
