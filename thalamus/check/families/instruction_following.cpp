/// "Write exactly this way": the wording of the answer is dictated, and a pattern checks it.
#include <algorithm>

#include <fmt/format.h>

#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

Task pattern_task(std::string prompt, std::string pattern, std::uint32_t max_output_tokens) {
  Task task;
  task.prompt = std::move(prompt);
  task.max_output_tokens = max_output_tokens;
  task.expected.checker = "regex";
  task.expected.value = std::move(pattern);
  return task;
}

struct Separator {
  std::string_view name;
  std::string_view text;
  std::string_view pattern;
};
constexpr std::array kSeparators = {Separator{"hyphens", "-", "-"},      Separator{"commas without spaces", ",", ","},
                                    Separator{"slashes", "/", "/"},      Separator{"single spaces", " ", " "},
                                    Separator{"plus signs", "+", "\\+"}, Separator{"colons", ":", ":"}};
constexpr std::array<std::string_view, 6> kCounts = {"zero", "one", "two", "three", "four", "five"};

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

std::string repeated(const std::string& word, std::size_t count, std::string_view separator) {
  return join(Strings(count, word), separator);
}

/// A common word or, as often, a made-up one, which cannot be written from habit.
std::string a_word(base::Rng& rng) {
  if (rng.below(2) == 0) return rng.pick(words());
  const auto syllables = static_cast<int>(rng.between(1, 3));
  return made_up_word(rng, syllables);
}

Task repeat_line(base::Rng& rng) {
  const std::string word = a_word(rng);
  const std::string other = a_word(rng);
  const std::int64_t value = rng.between(10, 99);
  return pattern_task(fmt::format("Copy this line exactly and write nothing else: {} {} {}", other, word, value),
                      fmt::format("^{} {} {}$", other, word, value), 24);
}

Task easy(base::Rng& rng) {
  const std::string word = a_word(rng);
  const std::string other = a_word(rng);
  switch (rng.below(5)) {
    case 0:
      return pattern_task(fmt::format("Reply with the word '{}' and nothing else.", word),
                          fmt::format("^['\"]?{}['\"]?\\.?$", word), 24);
    case 1:
      return pattern_task(
          fmt::format("Write the two words {} and {} in this order, separated by one space, and nothing else.", word,
                      other),
          fmt::format("^{} {}\\.?$", word, other), 24);
    case 2:
      return pattern_task(fmt::format("Answer with exactly one word in capital letters: {}.", upper(word)),
                          fmt::format("^{}\\.?$", upper(word)), 24);
    case 3:
      return pattern_task(
          fmt::format("Write the word {} in square brackets, like [{}]. Write nothing else.", word, other),
          fmt::format("^\\[{}\\]\\.?$", word), 24);
    default: return repeat_line(rng);
  }
}

Task medium(base::Rng& rng) {
  const std::string word = a_word(rng);
  const std::string other = a_word(rng);
  const Separator& separator = rng.pick(kSeparators);
  const std::size_t count = static_cast<std::size_t>(rng.between(3, 5));
  switch (rng.below(5)) {
    case 0:
      return pattern_task(fmt::format("Reply with the word {} {} times, separated by {}. Write nothing else.", word,
                                      kCounts[count], separator.name),
                          fmt::format("^{}\\.?$", repeated(word, count, separator.pattern)), 48);
    case 1: {
      const std::int64_t from = rng.between(2, 400);
      Strings numbers;
      for (std::int64_t i = from; i < from + static_cast<std::int64_t>(count) + 1; ++i)
        numbers.push_back(std::to_string(i));
      return pattern_task(
          fmt::format("Write the whole numbers from {} to {} in one line, separated by {}, and nothing else.",
                      numbers.front(), numbers.back(), separator.name),
          fmt::format("^{}\\.?$", join(numbers, separator.pattern)), 48);
    }
    case 2:
      return pattern_task(
          fmt::format(
              "Answer with the word '{}' between two asterisks on each side, like **this**. Write nothing else.", word),
          fmt::format("^\\*\\*{}\\*\\*$", word), 24);
    case 3:
      return pattern_task(
          fmt::format("Write two lines: the first is {}, the second is {}. Write nothing else.", word, other),
          fmt::format("^{}\\s*\\n\\s*{}\\.?$", word, other), 24);
    default:
      return pattern_task(
          fmt::format("Begin your answer with '{}:' and then, after one space, write the word {}. Write nothing else.",
                      upper(other), word),
          fmt::format("^{}: {}\\.?$", upper(other), word), 24);
  }
}

Task hard(base::Rng& rng) {
  const std::string word = a_word(rng);
  const std::string other = a_word(rng);
  const Separator& separator = rng.pick(kSeparators);
  const std::size_t count = static_cast<std::size_t>(rng.between(3, 5));
  switch (rng.below(5)) {
    case 0: {
      Strings parts;
      for (std::size_t i = 0; i < 2 * count - 2; ++i) parts.push_back(i % 2 == 0 ? word : upper(other));
      return pattern_task(fmt::format("Write the words {} (in lower case) and {} (in capital letters) in turn, each {} "
                                      "times, beginning with {}, all separated by {}. Write nothing else.",
                                      word, other, kCounts[count - 1], word, separator.name),
                          fmt::format("^{}\\.?$", join(parts, separator.pattern)), 64);
    }
    case 1: {
      const std::int64_t from = rng.between(30, 300);
      const std::int64_t step = rng.between(2, 6);
      Strings numbers;
      for (std::size_t i = 0; i < count + 1; ++i)
        numbers.push_back(std::to_string(from - static_cast<std::int64_t>(i) * step));
      return pattern_task(fmt::format("Count down from {} in steps of {} and stop at {}. Write the numbers in one "
                                      "line, separated by {}, and nothing else.",
                                      from, step, numbers.back(), separator.name),
                          fmt::format("^{}\\.?$", join(numbers, separator.pattern)), 48);
    }
    case 2: {
      std::string letters;
      for (const char c : word) letters += (letters.empty() ? std::string() : std::string(separator.pattern)) + c;
      return pattern_task(
          fmt::format("Spell the word {} letter by letter in capital letters, separated by {}. Write nothing else.",
                      word, separator.name),
          fmt::format("^{}\\.?$", upper(letters)), 64);
    }
    case 3: {
      const std::int64_t value = rng.between(100, 999);
      return pattern_task(fmt::format("Write exactly three lines: the word {}, then the number {} in angle brackets, "
                                      "like <7>, then the word {} in capital letters. Write nothing else.",
                                      word, value, other),
                          fmt::format("^{}\\s*\\n\\s*<{}>\\s*\\n\\s*{}\\.?$", word, value, upper(other)), 48);
    }
    default: {
      const char letter = static_cast<char>('a' + static_cast<int>(rng.below(20)));
      const std::int64_t length = rng.between(3, 6);
      return pattern_task(fmt::format("Write {} words of at least {} letters that all begin with the letter {}, in "
                                      "lower case, separated by {}. Write nothing else.",
                                      kCounts[count], length, letter, separator.name),
                          fmt::format("^{0}[a-z]{{{3},}}({1}{0}[a-z]{{{3},}}){{{2}}}\\.?$", letter, separator.pattern,
                                      count - 1, length - 1),
                          64);
    }
  }
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  if (difficulty == Difficulty::kEasy) return easy(rng);
  return difficulty == Difficulty::kMedium ? medium(rng) : hard(rng);
}

}  // namespace

FamilyRecord instruction_following_family();
FamilyRecord instruction_following_family() {
  return {"instruction_following", "an answer of dictated wording and form, checked by a pattern", false, &generate};
}

}  // namespace thalamus::check
