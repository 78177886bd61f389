/// Small text helpers without a domain: UTF-8, case, trimming, nearest names, strict number parsing.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace thalamus::base {

[[nodiscard]] std::string_view trim(std::string_view text) noexcept;
/// ASCII only; other bytes stay.
[[nodiscard]] std::string lower_ascii(std::string_view text);
/// Splits at every `separator`; empty pieces are kept.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

/// The next code point at `position`, which moves on. An invalid byte gives U+FFFD and moves by one.
[[nodiscard]] char32_t next_code_point(std::string_view text, std::size_t& position) noexcept;
void append_utf8(std::string& out, char32_t code_point);
[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;
/// Sixteen lower-case hexadecimal digits.
void append_hex64(std::string& out, std::uint64_t value);

/// The whole text as a finite number, or nothing.
template <class Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text) noexcept {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(value)) return std::nullopt;  // from_chars takes "inf" and "nan"
  }
  return value;
}

/// The candidate with the least edit distance, if it is near enough to be a slip of the finger; else empty.
[[nodiscard]] std::string nearest_name(std::string_view name, std::span<const std::string> candidates);
/// ", did you mean 'x'?" or "".
[[nodiscard]] std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

}  // namespace thalamus::base
