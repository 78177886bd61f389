/// What the task families share: task building, wording, small word lists. All choices come from the given generator,
/// so that a seed gives the same tasks on every machine.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/rng.h"
#include "thalamus/check/task.h"

namespace thalamus::check {

using Strings = std::vector<std::string>;

/// "Answer with only the <what>." in one of a few wordings.
[[nodiscard]] std::string only(base::Rng& rng, std::string_view what);

/// The four kinds of question. Each adds its own output instruction, drawn after the arguments are evaluated: the order
/// in which a compiler evaluates arguments is unspecified, so no call may draw twice from one generator.
[[nodiscard]] Task number_task(std::string prompt, std::string value, std::uint32_t max_output_tokens);
[[nodiscard]] Task number_question(base::Rng& rng, std::string_view question, std::string value,
                                   std::uint32_t max_output_tokens);
[[nodiscard]] Task number_question(base::Rng& rng, std::string_view question, std::int64_t value,
                                   std::uint32_t max_output_tokens);
[[nodiscard]] Task text_task(std::string prompt, std::string value, std::uint32_t max_output_tokens,
                             Strings further = {});
[[nodiscard]] Task text_question(base::Rng& rng, std::string_view question, std::string_view what, std::string value,
                                 std::uint32_t max_output_tokens, Strings further = {});
[[nodiscard]] Task list_question(base::Rng& rng, std::string_view question, std::string_view what, Strings items,
                                 bool ordered, std::uint32_t max_output_tokens);
/// Adds the options to the prompt, in random order; `options[0]` is the right one.
[[nodiscard]] Task choice_task(base::Rng& rng, std::string prompt, Strings options, std::uint32_t max_output_tokens);

/// thousandths -> "12.35" with `decimals` digits after the point; exact, half away from zero.
[[nodiscard]] std::string decimal(std::int64_t value, unsigned decimals);
/// numerator / denominator rounded to `decimals`, or "" if it lies exactly between two, where people disagree.
[[nodiscard]] std::string rounded_quotient(std::int64_t numerator, std::int64_t denominator, unsigned decimals);

/// `count` different elements in random order.
template <class Container>
[[nodiscard]] auto sample(base::Rng& rng, const Container& from, std::size_t count) {
  std::vector<typename Container::value_type> all(from.begin(), from.end());
  rng.shuffle(all);
  all.resize(count < all.size() ? count : all.size());
  return all;
}

/// Join: "a, b and c" or with another last joint.
[[nodiscard]] std::string join(const Strings& items, std::string_view separator = ", ");
[[nodiscard]] std::string join_and(const Strings& items);

/// "a" or "an".
[[nodiscard]] std::string with_article(std::string_view noun);

/// Different integers in [low, high].
[[nodiscard]] std::vector<std::int64_t> different_integers(base::Rng& rng, std::size_t count, std::int64_t low,
                                                           std::int64_t high);
/// A pronounceable made-up word of `syllables` syllables, which no model has a fact about.
[[nodiscard]] std::string made_up_word(base::Rng& rng, int syllables);

[[nodiscard]] const Strings& first_names();
[[nodiscard]] const Strings& surnames();
[[nodiscard]] const Strings& cities();
[[nodiscard]] const Strings& jobs();
[[nodiscard]] const Strings& fruits();
[[nodiscard]] const Strings& animals();
[[nodiscard]] const Strings& colours();
[[nodiscard]] const Strings& goods();  ///< countable things, plural
[[nodiscard]] const Strings& hobbies();
[[nodiscard]] const Strings& places();    ///< rooms and the like: "kitchen"
[[nodiscard]] const Strings& portable();  ///< things one carries: "lamp"
[[nodiscard]] const Strings& words();     ///< common English words of 5 to 12 letters

}  // namespace thalamus::check
