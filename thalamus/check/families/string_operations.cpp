/// Reversing, counting letters, lengths, single letters, case, words of a phrase.
#include <algorithm>

#include <fmt/format.h>

#include "thalamus/base/text.h"
#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

std::string ordinal(std::size_t number) {
  static const Strings kNames = {"first", "second",  "third",  "fourth", "fifth",
                                 "sixth", "seventh", "eighth", "ninth",  "tenth"};
  return kNames[number - 1];
}

std::string reversed(std::string text) {
  std::ranges::reverse(text);
  return text;
}

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

std::int64_t count(std::string_view text, char letter) { return std::ranges::count(text, letter); }

Task reverse_task(base::Rng& rng, const std::string& text) {
  constexpr std::array<std::string_view, 4> kForms = {"Reverse the string '{}'.", "Reverse the word '{}'.",
                                                      "Write '{}' backwards.", "What is '{}' spelled backwards?"};
  return text_question(rng, fmt::format(fmt::runtime(rng.pick(kForms)), text), "result", reversed(text), 32);
}

Task count_task(base::Rng& rng, const std::string& text, char letter) {
  constexpr std::array<std::string_view, 3> kForms = {"How many times does the letter {} appear in '{}'?",
                                                      "Count the letter {} in '{}'.",
                                                      "How often does the letter {} occur in '{}'?"};
  return number_question(rng, fmt::format(fmt::runtime(rng.pick(kForms)), letter, text), count(text, letter), 24);
}

Task length_task(base::Rng& rng, const std::string& text) {
  constexpr std::array<std::string_view, 3> kForms = {"How many letters are in the word '{}'?",
                                                      "How many letters does '{}' have?",
                                                      "How long is the string '{}', in characters?"};
  return number_question(rng, fmt::format(fmt::runtime(rng.pick(kForms)), text), static_cast<std::int64_t>(text.size()),
                         24);
}

Task letter_task(base::Rng& rng, const std::string& text, std::size_t place, bool from_end) {
  const std::string where = place == 1 && from_end ? "last" : from_end ? ordinal(place) + " to last" : ordinal(place);
  const char letter = from_end ? text[text.size() - place] : text[place - 1];
  return text_question(rng, fmt::format("What is the {} letter of '{}'?", where, text), "letter",
                       std::string(1, letter), 24);
}

Task upper_task(base::Rng& rng, const std::string& text) {
  constexpr std::array<std::string_view, 3> kForms = {"Convert '{}' to upper case.", "Write '{}' in capital letters.",
                                                      "Change '{}' to uppercase."};
  Task task = text_question(rng, fmt::format(fmt::runtime(rng.pick(kForms)), text), "result", upper(text), 32);
  task.expected.match_case = true;
  return task;
}

/// A letter of the text, more often one that occurs repeatedly.
char letter_of(base::Rng& rng, const std::string& text) {
  char best = text[rng.below(text.size())];
  for (int i = 0; i < 2; ++i) {
    const char other = text[rng.below(text.size())];
    if (other != ' ' && (best == ' ' || count(text, other) > count(text, best))) best = other;
  }
  return best == ' ' ? text[0] : best;
}

std::string phrase(base::Rng& rng, std::size_t length) { return join(sample(rng, words(), length), " "); }

Task easy(base::Rng& rng) {
  const std::string word =
      rng.below(2) == 0 ? rng.pick(words()) : made_up_word(rng, static_cast<int>(rng.between(1, 2)));
  switch (rng.below(5)) {
    case 0: return letter_task(rng, word, 1, rng.below(2) == 0);
    case 1: return upper_task(rng, rng.below(2) == 0 ? phrase(rng, 2) : word);
    case 2: return length_task(rng, word);
    case 3:
      return number_question(rng, fmt::format("How many words are in '{}'?", phrase(rng, 3 + word.size() % 3)),
                             static_cast<std::int64_t>(3 + word.size() % 3), 24);
    default: return letter_task(rng, word, static_cast<std::size_t>(rng.between(1, 3)), false);
  }
}

Task medium(base::Rng& rng) {
  const std::string word = rng.below(2) == 0 ? rng.pick(words()) : made_up_word(rng, 2);
  switch (rng.below(4)) {
    case 0: return count_task(rng, word, letter_of(rng, word));
    case 1: return reverse_task(rng, made_up_word(rng, static_cast<int>(rng.between(1, 2))));
    case 2: return letter_task(rng, word, static_cast<std::size_t>(rng.between(2, 3)), true);
    default: return reverse_task(rng, word);
  }
}

Task hard(base::Rng& rng) {
  switch (rng.below(4)) {
    case 0: {
      const std::string text = phrase(rng, 4);
      return count_task(rng, text, letter_of(rng, text));
    }
    case 1: return reverse_task(rng, made_up_word(rng, 4));
    case 2: {
      std::string text = phrase(rng, 3);
      while (text.find('y') != std::string::npos) text = phrase(rng, 3);  // whether y is a vowel is disputed
      std::int64_t vowels = 0;
      for (const char vowel : std::string_view("aeiou")) vowels += count(text, vowel);
      return number_question(rng, fmt::format("How many vowels are in '{}'?", text), vowels, 24);
    }
    default: return reverse_task(rng, phrase(rng, 2));
  }
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  if (difficulty == Difficulty::kEasy) return easy(rng);
  return difficulty == Difficulty::kMedium ? medium(rng) : hard(rng);
}

}  // namespace

FamilyRecord string_operations_family();
FamilyRecord string_operations_family() {
  return {"string_operations", "reversing, counting letters, lengths, single letters, case", true, &generate};
}

}  // namespace thalamus::check
