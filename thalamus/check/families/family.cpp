#include "thalamus/check/families/family.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "thalamus/base/assert.h"

namespace thalamus::check {

std::string only(base::Rng& rng, std::string_view what) {
  constexpr std::array<std::string_view, 4> kForms = {"Answer with only the {}.", "Reply with just the {}.",
                                                      "Give only the {}.", "Answer with the {} only."};
  return fmt::format(fmt::runtime(rng.pick(kForms)), what);
}

namespace {

std::string with_ending(std::string_view question, std::string_view ending) {
  return fmt::format("{}{}{}", question, question.ends_with('\n') ? "" : " ", ending);
}

}  // namespace

Task number_task(std::string prompt, std::string value, std::uint32_t max_output_tokens) {
  Task task;
  task.prompt = std::move(prompt);
  task.max_output_tokens = max_output_tokens;
  task.expected.checker = "number";
  task.expected.value = std::move(value);
  return task;
}

Task number_question(base::Rng& rng, std::string_view question, std::string value, std::uint32_t max_output_tokens) {
  return number_task(with_ending(question, only(rng, "number")), std::move(value), max_output_tokens);
}

Task number_question(base::Rng& rng, std::string_view question, std::int64_t value, std::uint32_t max_output_tokens) {
  return number_question(rng, question, std::to_string(value), max_output_tokens);
}

Task text_task(std::string prompt, std::string value, std::uint32_t max_output_tokens, Strings further) {
  Task task;
  task.prompt = std::move(prompt);
  task.max_output_tokens = max_output_tokens;
  task.expected.checker = "exact";
  task.expected.value = std::move(value);
  task.expected.values = std::move(further);
  return task;
}

Task text_question(base::Rng& rng, std::string_view question, std::string_view what, std::string value,
                   std::uint32_t max_output_tokens, Strings further) {
  return text_task(with_ending(question, only(rng, what)), std::move(value), max_output_tokens, std::move(further));
}

Task list_question(base::Rng& rng, std::string_view question, std::string_view what, Strings items, bool ordered,
                   std::uint32_t max_output_tokens) {
  Task task;
  task.prompt = with_ending(question, only(rng, what));
  task.max_output_tokens = max_output_tokens;
  task.expected.checker = "set";
  task.expected.values = std::move(items);
  task.expected.ordered = ordered;
  return task;
}

Task choice_task(base::Rng& rng, std::string prompt, Strings options, std::uint32_t max_output_tokens) {
  THALAMUS_ASSERT(!options.empty() && options.size() <= 10);
  const std::string right = options.front();
  rng.shuffle(options);
  Task task;
  task.max_output_tokens = max_output_tokens;
  task.expected.checker = "choice";
  for (std::size_t i = 0; i < options.size(); ++i) {
    const char letter = static_cast<char>('A' + i);
    prompt += fmt::format("\n{}) {}", letter, options[i]);
    if (options[i] == right) task.expected.value = std::string(1, letter);
  }
  task.prompt = prompt + "\n" + only(rng, "letter");
  task.expected.values = std::move(options);
  return task;
}

std::string decimal(std::int64_t value, unsigned decimals) {
  std::int64_t unit = 1;
  for (unsigned i = 0; i < decimals; ++i) unit *= 10;
  const std::int64_t size = std::abs(value);
  const std::string sign = value < 0 ? "-" : "";
  if (decimals == 0) return sign + std::to_string(size);
  return fmt::format("{}{}.{:0{}}", sign, size / unit, size % unit, decimals);
}

std::string rounded_quotient(std::int64_t numerator, std::int64_t denominator, unsigned decimals) {
  THALAMUS_ASSERT(denominator > 0);
  for (unsigned i = 0; i < decimals; ++i) numerator *= 10;
  const std::int64_t size = std::abs(numerator);
  const std::int64_t rest = size % denominator;
  if (2 * rest == denominator) return {};
  const std::int64_t rounded = size / denominator + (2 * rest > denominator ? 1 : 0);
  return decimal(numerator < 0 ? -rounded : rounded, decimals);
}

std::string join(const Strings& items, std::string_view separator) {
  return fmt::format("{}", fmt::join(items, separator));
}

std::string join_and(const Strings& items) {
  if (items.size() < 2) return join(items);
  return join(Strings(items.begin(), items.end() - 1)) + " and " + items.back();
}

std::string with_article(std::string_view noun) {
  const bool vowel = !noun.empty() && std::string_view("aeiouAEIOU").find(noun.front()) != std::string_view::npos;
  return fmt::format("{} {}", vowel ? "an" : "a", noun);
}

std::vector<std::int64_t> different_integers(base::Rng& rng, std::size_t count, std::int64_t low, std::int64_t high) {
  THALAMUS_ASSERT(high - low + 1 >= static_cast<std::int64_t>(count));
  std::vector<std::int64_t> values;
  while (values.size() < count) {
    const std::int64_t value = rng.between(low, high);
    if (std::ranges::find(values, value) == values.end()) values.push_back(value);
  }
  return values;
}

std::string made_up_word(base::Rng& rng, int syllables) {
  static const Strings kOnsets = {"b", "d", "f", "g",  "k",  "l",  "m",  "n",  "p",  "r",  "s",
                                  "t", "v", "z", "bl", "dr", "fl", "gr", "kl", "pr", "st", "tr"};
  static const Strings kVowels = {"a", "e", "i", "o", "u"};
  static const Strings kEnds = {"ck", "m", "n", "nd", "ng", "p", "rb", "rt", "sk", "x"};
  std::string word;
  for (int i = 0; i < syllables; ++i) {
    word += rng.pick(kOnsets);
    word += rng.pick(kVowels);
  }
  return word + rng.pick(kEnds);
}

}  // namespace thalamus::check
