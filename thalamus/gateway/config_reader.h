/// Typed reading of a configuration's tree: each fault is one line with place, value and what was expected; reading
/// goes on after a fault, so that one run shows them all.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/gateway/config.h"
#include "thalamus/gateway/config_yaml.h"

namespace thalamus::gateway {

/// A scalar after `${...}`.
struct Scalar {
  std::string value;
  std::string shown;  ///< for messages: as written, never what a reference stands for
  YamlMark mark;
  bool quoted = false;
  bool referenced = false;  ///< holds `${...}`
};

/// What is common to all sections: where faults go, the environment, the file's folder.
class Reader {
 public:
  Reader(std::string name, EnvLookup environment);

  void error(YamlMark mark, std::string message);
  void warn(YamlMark mark, std::string message);
  [[nodiscard]] std::string where(YamlMark mark) const;
  /// `unknown provider 'opnai', did you mean 'openai'?`, or the names there are. `in` names the mapping.
  [[nodiscard]] static std::string unknown(std::string_view kind, std::string_view name,
                                           std::span<const std::string> known, std::string_view in = {});

  [[nodiscard]] std::optional<std::string> environment(const std::string& name) const;
  /// Relative paths start at the configuration file.
  [[nodiscard]] std::filesystem::path resolve(std::string_view path) const;
  /// Expands `${env:NAME}`; `$${` stands for `${`. A fault is reported with `path`, the field's full name.
  [[nodiscard]] std::optional<Scalar> expand(const YamlNode& node, const std::string& path);
  /// The same for credentials: `${file:PATH}` too, and no fault shows the value.
  [[nodiscard]] std::optional<Secret> expand_secret(const YamlNode& node, const std::string& path);

  [[nodiscard]] bool good() const noexcept { return errors_.empty(); }
  /// All faults as one error. Neither faults nor warnings hold what a reference or a credential stands for.
  [[nodiscard]] std::unexpected<Error> failure() const;
  [[nodiscard]] std::vector<Warning> take_warnings();

 private:
  [[nodiscard]] Result<std::string> reference(std::string_view inside, bool files_too) const;
  [[nodiscard]] Result<std::string> expand_text(std::string_view text, bool files_too, bool& referenced);
  [[nodiscard]] std::string redacted(std::string text) const;
  void hide(const std::string& value);

  std::string name_;
  std::filesystem::path folder_;
  EnvLookup environment_;
  std::vector<std::string> hidden_;
  std::vector<Error> errors_;
  std::vector<Warning> warnings_;
};

/// The value as messages show it: cut, and hidden where it looks like a credential.
[[nodiscard]] std::string shown_value(std::string_view text);

/// The fields of one mapping. `finish` reports the names nobody asked for.
class Fields {
 public:
  /// `path` is the mapping's full name ("providers.openai"), empty at the top. Anything but a mapping is a fault, and
  /// an empty value is an empty mapping.
  Fields(Reader& reader, const YamlNode& node, std::string path);

  /// Null where the field is missing or empty.
  const YamlNode* get(std::string_view field);
  /// A fault where it is missing or empty.
  const YamlNode* need(std::string_view field, std::string_view expected);

  void text(std::string_view field, std::string& out);
  void texts(std::string_view field, std::vector<std::string>& out);
  void flag(std::string_view field, bool& out);
  void number(std::string_view field, double& out, double low, double high);
  void number(std::string_view field, std::optional<double>& out, double low, double high);
  template <std::integral Number>
  void integer(std::string_view field, Number& out, std::int64_t low, std::int64_t high) {
    if (const auto value = read_integer(field, low, high)) out = static_cast<Number>(*value);
  }
  /// "64MiB", "512KiB", "1048576".
  template <std::integral Number>
  void bytes(std::string_view field, Number& out, std::int64_t low, std::int64_t high) {
    if (const auto value = read_bytes(field, low, high)) out = static_cast<Number>(*value);
  }
  /// "250ms", "30s", "5m", "1h".
  void duration(std::string_view field, Nanoseconds& out, Nanoseconds high);
  void milliseconds(std::string_view field, Nanoseconds& out, std::int64_t high);
  void path(std::string_view field, std::filesystem::path& out);
  void secret(std::string_view field, Secret& out);
  /// The index of the word in `words`.
  [[nodiscard]] std::optional<std::size_t> choice(std::string_view field, const std::vector<std::string>& words);
  void finish();

  [[nodiscard]] std::string name(std::string_view field) const;
  [[nodiscard]] YamlMark mark() const noexcept { return node_.mark; }
  [[nodiscard]] YamlMark mark(std::string_view field) const;
  [[nodiscard]] bool has(std::string_view field) const;
  [[nodiscard]] Reader& reader() noexcept { return reader_; }
  /// A fault at the field (or at the mapping, where the field is missing).
  void error(std::string_view field, const std::string& message);

 private:
  [[nodiscard]] std::optional<Scalar> scalar(std::string_view field, std::string_view expected);
  [[nodiscard]] std::optional<std::int64_t> read_integer(std::string_view field, std::int64_t low, std::int64_t high);
  [[nodiscard]] std::optional<std::int64_t> read_bytes(std::string_view field, std::int64_t low, std::int64_t high);
  [[nodiscard]] std::optional<double> read_number(std::string_view field, double low, double high);

  Reader& reader_;
  const YamlNode& node_;
  std::string path_;
  std::vector<std::string> known_;
};

/// A scalar of any field or list item; a fault names what was expected.
[[nodiscard]] std::optional<Scalar> read_scalar(Reader& reader, const YamlNode& node, const std::string& path,
                                                std::string_view expected);
/// "an empty value", "a list", "a mapping", or the shown value.
[[nodiscard]] std::string got(const YamlNode& node);
[[nodiscard]] std::string got(const Scalar& scalar);

}  // namespace thalamus::gateway
