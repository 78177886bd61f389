/// Requests made on purpose: pairs of equal category and different difficulty, and variants of a recorded request that
/// mean the same (card "How robust are router-LLMs?", arXiv 2504.07113; the categories are those of that paper less
/// jailbreaks, of which this repository holds none).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/rng.h"

namespace thalamus::eval {

struct PairedItem {
  std::int32_t category = 0;  ///< index in `category_names`
  bool hard = false;
  std::string prompt;
};
[[nodiscard]] const std::vector<std::string>& category_names();
/// `fills` items of each half of each template, words and numbers drawn anew.
[[nodiscard]] std::vector<PairedItem> difficulty_items(std::size_t fills, base::Rng rng);

/// Variants that keep the meaning.
enum class Variant : std::uint8_t { kParaphrase, kTypo, kCase, kFiller, kWhitespace };
[[nodiscard]] std::span<const Variant> variants() noexcept;
[[nodiscard]] std::string_view name_of(Variant variant) noexcept;
/// The text in other words, with slips, in lower case, with a filler sentence, or with other white space. Bytes beyond
/// ASCII stay as they are.
[[nodiscard]] std::string apply(Variant variant, std::string_view text, base::Rng& rng);

/// Texts that an attacker appends so that the request looks hard, or rare.
[[nodiscard]] std::span<const std::string_view> triggers() noexcept;
/// Plain prose of about so many bytes that asks nothing.
[[nodiscard]] std::string neutral_text(std::size_t bytes);

}  // namespace thalamus::eval
