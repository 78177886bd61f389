#include "thalamus/wire/secrets.h"

#include <algorithm>
#include <array>

#include "thalamus/base/text.h"

namespace thalamus::wire {
namespace {

constexpr std::size_t kSecretBytesMin = 6;      // after a prefix; shorter ones are words
constexpr std::size_t kIntroducedBytesMin = 8;  // after "Bearer" or "key:"
constexpr std::array<std::string_view, 12> kPrefixes{"sk-",  "sk_",   "rk-", "rk_",  "pk-",  "gsk_",
                                                     "xai-", "pplx-", "hf_", "AIza", "ghp_", "AKIA"};

bool is_word(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool is_token(char c) noexcept {
  return is_word(c) || c == '-' || c == '_' || c == '.' || c == '*' || c == '+' || c == '/' || c == '=' || c == '~';
}

std::size_t token_length(std::string_view text) noexcept {
  const auto end = std::find_if_not(text.begin(), text.end(), is_token);
  return static_cast<std::size_t>(end - text.begin());
}

bool starts_with_word(std::string_view text, std::string_view lower_word) noexcept {
  if (text.size() < lower_word.size()) return false;
  return std::equal(lower_word.begin(), lower_word.end(), text.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b); });
}

/// Bytes of what introduces a secret ("Bearer ", "api key: ", "key provided: "), or 0.
std::size_t introduction(std::string_view text) noexcept {
  const auto blanks = [&](std::size_t at) {
    while (at < text.size() && (text[at] == ' ' || text[at] == '"' || text[at] == '\'')) ++at;
    return at;
  };
  if (starts_with_word(text, "bearer")) {
    const std::size_t at = blanks(6);
    return at > 6 ? at : 0;
  }
  if (!starts_with_word(text, "key")) return 0;
  std::size_t at = blanks(3);
  if (starts_with_word(text.substr(at), "provided")) at = blanks(at + 8);
  if (at == text.size() || (text[at] != ':' && text[at] != '=')) return 0;
  return blanks(at + 1);
}

/// Bytes of a provider's prefix that a token of the right length follows, or 0.
std::size_t key_prefix(std::string_view text) noexcept {
  for (const std::string_view prefix : kPrefixes)
    if (text.starts_with(prefix) && token_length(text.substr(prefix.size())) >= kSecretBytesMin) return prefix.size();
  return 0;
}

}  // namespace

std::string mask_secrets(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool boundary = true;  // the byte before is no part of a word
  while (!text.empty()) {
    std::size_t kept = boundary ? key_prefix(text) : 0;
    // "apikey:" and "api_key=" end in the word too.
    if (kept == 0 && (boundary || text[0] == 'k' || text[0] == 'K')) {
      kept = introduction(text);
      if (kept != 0 && token_length(text.substr(kept)) < kIntroducedBytesMin) kept = 0;
      if (kept != 0) kept += key_prefix(text.substr(kept));
    }
    if (kept != 0) {
      out.append(text.substr(0, kept)).append("***");
      text.remove_prefix(kept);
      text.remove_prefix(token_length(text));
      boundary = true;
      continue;
    }
    boundary = !is_word(text[0]);
    out.push_back(text[0]);
    text.remove_prefix(1);
  }
  return out;
}

std::string mask_values(std::string text, std::span<const std::string> values) {
  constexpr std::string_view kMask = "***";
  constexpr std::size_t kBeginningMin = 8;
  for (const std::string& value : values) {
    if (value.empty()) continue;
    for (std::size_t at = text.find(value); at != std::string::npos; at = text.find(value, at + kMask.size()))
      text.replace(at, value.size(), kMask);
    for (std::size_t size = std::min(value.size() - 1, text.size()); size >= kBeginningMin; --size) {
      if (!text.ends_with(std::string_view(value).substr(0, size))) continue;
      text.replace(text.size() - size, size, kMask);
      break;
    }
  }
  return text;
}

}  // namespace thalamus::wire
