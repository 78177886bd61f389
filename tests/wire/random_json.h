// Random JSON texts with everything the grammar allows: white space anywhere, number forms, escapes, non-ASCII text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "thalamus/base/rng.h"
#include "thalamus/base/text.h"

namespace thalamus::wire {

class RandomJson {
 public:
  explicit RandomJson(std::uint64_t seed) noexcept : rng_(seed) {}

  base::Rng& rng() noexcept { return rng_; }

  std::string space() {
    static constexpr std::array<std::string_view, 8> kSpaces{"", "", "", "", " ", "\n", "\r\n", "\t  "};
    return std::string(rng_.pick(kSpaces));
  }

  std::string number() {
    static constexpr std::array<std::string_view, 14> kNumbers{"0",
                                                               "-0",
                                                               "1",
                                                               "1.0",
                                                               "0.10000",
                                                               "1e3",
                                                               "1E+3",
                                                               "-2.5e-7",
                                                               "100000000000000000000",
                                                               "12345678901234567890",
                                                               "3.141592653589793238462643",
                                                               "1e-300",
                                                               "7",
                                                               "-42"};
    return std::string(rng_.pick(kNumbers));
  }

  // A string literal; the same text may be spelt in several ways.
  std::string string() {
    static constexpr std::array<std::string_view, 18> kPieces{"a",
                                                              "model",
                                                              "\\\"",
                                                              "\\\\",
                                                              "\\n",
                                                              "\\u0041",
                                                              "\\/",
                                                              "{",
                                                              "}",
                                                              "[",
                                                              "]",
                                                              ",",
                                                              ":",
                                                              "\xc3\xa9",
                                                              "\xf0\x9f\x98\x80",
                                                              "\\ud83d\\ude00",
                                                              "thalamus",
                                                              " plain text of some length "};
    std::string out = "\"";
    for (std::uint64_t i = rng_.below(6); i > 0; --i) out += rng_.pick(kPieces);
    return out + '"';
  }

  std::string value(int depth) {
    const std::uint64_t kind = rng_.below(depth > 0 ? 7 : 5);
    switch (kind) {
      case 0: return number();
      case 1: return "true";
      case 2: return "null";
      case 3:
      case 4: return string();
      case 5: return object(depth - 1);
      default: return array(depth - 1);
    }
  }

  std::string array(int depth) {
    std::string out = "[" + space();
    for (std::uint64_t i = 0, n = rng_.below(4); i < n; ++i) {
      if (i > 0) out += "," + space();
      out += value(depth) + space();
    }
    return out + "]";
  }

  // Keys are k0, k1, ...: no duplicates.
  std::string object(int depth) {
    std::string out = "{" + space();
    for (std::uint64_t i = 0, n = rng_.below(4); i < n; ++i) {
      if (i > 0) out += "," + space();
      out += "\"k" + std::to_string(i) + "\"" + space() + ":" + space() + value(depth) + space();
    }
    return out + "}";
  }

 private:
  base::Rng rng_;
};

}  // namespace thalamus::wire
