/// The text tool, part one: operations on one string.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "thalamus/base/text.h"
#include "thalamus/tool/rules_tool.h"
#include "thalamus/tool/text_items.h"

namespace thalamus::tool {
namespace {

constexpr TextLimits kLimits = {.bytes_max = 16'384, .letters_max = 16'384};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

/// An ASCII operand. Unquoted, a final full stop could belong to it or to the sentence: then there is none, except for
/// a single word.
std::optional<std::string> exact_operand(const Match& match, char slot) {
  std::string text = operand(match, slot);
  if (text.empty() || !is_ascii(text) || text.find('\n') != std::string::npos) return std::nullopt;
  if (is_quoted(match, slot)) return text;
  // Unquoted, a comma or a joining word could begin a second task.
  constexpr std::string_view kJoining[] = {"and", "then", "please", "with", "but", "also", "in", "to", "using"};
  const Span span = match.span(slot);
  for (std::uint32_t at = span.begin; at < span.end; ++at) {
    const Token& token = match.phrase()[at];
    const bool joins = std::find(std::begin(kJoining), std::end(kJoining), token.lower) != std::end(kJoining);
    if (token.kind == TokenKind::kQuoted || (joins && span.end - span.begin > 1)) return std::nullopt;
    if (token.lower == "," || token.lower == ";" || token.lower == ":") return std::nullopt;
  }
  const bool at_end = match.span(slot).end == match.question.end;
  const bool punctuated = at_end && !match.question.tail.empty();
  const bool one_word = std::all_of(text.begin(), text.end(), is_letter);
  if (punctuated && !one_word) return std::nullopt;
  return text;
}

std::optional<Solution> string_solution(const Match& match, std::string answer, std::string working) {
  const Style& style = match.style();
  if (!style.is_unrounded() || style.separator.has_value() || style.number_only) return std::nullopt;
  if (!style.allows({"word", "string", "letters", "reversed", "uppercase", "lowercase", "converted", "letter",
                     "character", "sequence", "name"})) {
    return std::nullopt;
  }
  return solution(style, std::move(answer), std::move(working));
}

std::optional<Solution> reverse(const Match& match) {
  const auto text = exact_operand(match, 'a');
  if (!text.has_value() || text->size() < 2) return std::nullopt;
  return string_solution(match, std::string(text->rbegin(), text->rend()), fmt::format("\"{}\" reversed:", *text));
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      word.push_back(c);
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

/// Words only, no punctuation that would end up in the wrong place.
std::optional<Solution> reverse_words(const Match& match) {
  const std::string text = operand(match, 'a');
  auto words = words_of(text);
  const bool clean = text.find_first_of(".,;:!?\"()") == std::string::npos;
  if (words.size() < 2 || !clean || match.style().separator.has_value()) return std::nullopt;
  std::reverse(words.begin(), words.end());
  std::string answer;
  for (const std::string& word : words) answer += (answer.empty() ? "" : " ") + word;
  if (!match.style().is_unrounded() || !match.style().allows({"string", "reversed", "sequence", "list"})) {
    return std::nullopt;
  }
  return solution(match.style(), std::move(answer), fmt::format("{} words in reverse order:", words.size()));
}

enum class Case : std::uint8_t { kUpper, kLower, kTitle };

std::optional<Case> case_named(std::string text) {
  text = base::lower_ascii(text);
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == ' ' || c == '-' || c == '\n'; }),
             text.end());
  if (text.ends_with("letters")) text.erase(text.size() - 7);
  if (text == "uppercase" || text == "allcaps" || text == "upper" || text == "capital" || text == "capitals") {
    return Case::kUpper;
  }
  if (text == "lowercase" || text == "lower" || text == "small") return Case::kLower;
  if (text == "titlecase") return Case::kTitle;
  return std::nullopt;
}

std::optional<Solution> recase(const Match& match, Case to) {
  auto text = exact_operand(match, 'a');
  if (!text.has_value()) return std::nullopt;
  const std::string before = *text;
  if (to == Case::kTitle) {
    constexpr std::string_view kSmall[] = {"a",  "an", "the", "of",  "and", "or",   "in",   "on", "at",   "to", "for",
                                           "by", "as", "but", "nor", "is",  "with", "from", "vs", "into", "so"};
    bool start = true;
    for (char& c : *text) {
      c = start ? upper(c) : lower(c);
      start = c == ' ';
      if (!is_letter(c) && c != ' ') return std::nullopt;
    }
    // Style books differ on small words; those are not certain.
    const auto words = words_of(before);
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (std::find(std::begin(kSmall), std::end(kSmall), base::lower_ascii(words[i])) != std::end(kSmall)) {
        return std::nullopt;
      }
    }
  } else {
    for (char& c : *text) c = to == Case::kUpper ? upper(c) : lower(c);
  }
  if (std::none_of(before.begin(), before.end(), is_letter)) return std::nullopt;
  return string_solution(match, *text, fmt::format("\"{}\" converted:", before));
}

std::optional<Solution> change_case(const Match& match) {
  const auto to = case_named(std::string(match.text('c')));
  return to.has_value() ? recase(match, *to) : std::nullopt;
}
std::optional<Solution> to_upper(const Match& match) { return recase(match, Case::kUpper); }
std::optional<Solution> to_lower(const Match& match) { return recase(match, Case::kLower); }

/// "Capitalize the first letter of each word": the rest stays.
std::optional<Solution> capitalise_words(const Match& match) {
  auto text = exact_operand(match, 'a');
  if (!text.has_value()) return std::nullopt;
  bool start = true;
  for (char& c : *text) {
    if (start) c = upper(c);
    start = c == ' ';
  }
  return string_solution(match, *text, "Each word begins with a capital letter:");
}

std::optional<std::size_t> index_of(std::int64_t position, std::size_t size) {
  const std::int64_t index = position > 0 ? position - 1 : static_cast<std::int64_t>(size) + position;
  if (position == 0 || index < 0 || index >= static_cast<std::int64_t>(size)) return std::nullopt;
  return static_cast<std::size_t>(index);
}

std::optional<Solution> nth_letter(const Match& match) {
  if (!is_named(match, 'a')) return std::nullopt;  // "the third letter of Hebrew"
  const auto text = exact_operand(match, 'a');
  if (!text.has_value()) return std::nullopt;
  std::int64_t position = position_in(match, 'i');
  if (match.span('i').empty()) {
    const auto number = match.number('n');
    position = number.has_value() ? number->to_int64().value_or(0) : 0;
    if (position < 1) return std::nullopt;
  }
  // Letters and characters are the same only where there is nothing but letters.
  const bool letters = match.phrase().is(match.span('k').begin, "letter");
  if (!letters && !match.phrase().is(match.span('k').begin, "character")) return std::nullopt;
  if (letters && !std::all_of(text->begin(), text->end(), is_letter)) return std::nullopt;
  const auto index = index_of(position, text->size());
  if (!index.has_value()) return std::nullopt;
  return string_solution(match, std::string(1, (*text)[*index]),
                         fmt::format("place {} of the {} characters of \"{}\":", *index + 1, text->size(), *text));
}

std::optional<Solution> nth_word(const Match& match) {
  const std::string text = operand(match, 'a');
  const auto words = words_of(text);
  const auto index = index_of(position_in(match, 'i'), words.size());
  if (!index.has_value()) return std::nullopt;
  std::string word = words[*index];
  while (!word.empty() && std::string_view(".,;:!?").find(word.back()) != std::string_view::npos) word.pop_back();
  if (word.empty() || word.find_first_of("\"()-") != std::string::npos || text.find(" - ") != std::string::npos) {
    return std::nullopt;
  }
  return string_solution(match, word, fmt::format("word {} of {}:", *index + 1, words.size()));
}

/// "the first three letters of"
std::optional<Solution> some_letters(const Match& match) {
  if (!is_named(match, 'a')) return std::nullopt;
  const auto text = exact_operand(match, 'a');
  const auto number = match.number('n');
  const auto count = number.has_value() ? number->to_int64() : std::nullopt;
  if (!text.has_value() || !count.has_value() || *count < 1 || *count > static_cast<std::int64_t>(text->size())) {
    return std::nullopt;
  }
  const bool letters = match.phrase().is(match.span('k').begin, "letters");
  if (!letters && !match.phrase().is(match.span('k').begin, "characters")) return std::nullopt;
  if (letters && !std::all_of(text->begin(), text->end(), is_letter)) return std::nullopt;
  const auto size = static_cast<std::size_t>(*count);
  const bool last = match.phrase().is(match.span('w').begin, "last");
  if (!last && !match.phrase().is(match.span('w').begin, "first")) return std::nullopt;
  return string_solution(match, last ? text->substr(text->size() - size) : text->substr(0, size),
                         fmt::format("{} of {} characters:", size, text->size()));
}

std::optional<Solution> palindrome(const Match& match) {
  const std::string text = operand(match, 'a');
  if (!is_ascii(text) || !match.style().is_unrounded() || !match.style().allows({"yes", "word", "true", "false"})) {
    return std::nullopt;
  }
  std::string letters;
  for (const char c : text) {
    if (is_letter(c) || (c >= '0' && c <= '9')) letters.push_back(lower(c));
  }
  if (letters.size() < 2) return std::nullopt;
  const bool yes = std::equal(letters.begin(), letters.end(), letters.rbegin());
  const auto& nouns = match.style().nouns;
  const bool truth = std::find(nouns.begin(), nouns.end(), "true") != nouns.end();
  return solution(match.style(), truth ? (yes ? "True" : "False") : (yes ? "Yes" : "No"),
                  fmt::format("\"{}\" backwards is \"{}\".", letters, std::string(letters.rbegin(), letters.rend())));
}

std::optional<Solution> replace(const Match& match) {
  const auto text = exact_operand(match, 'a');
  const std::string from = operand(match, 'f');
  const std::string to = operand(match, 't');
  if (!text.has_value() || from.empty() || !is_quoted(match, 'a')) return std::nullopt;
  if (base::lower_ascii(*text).find(base::lower_ascii(from)) == std::string::npos) return std::nullopt;
  std::string answer;
  for (std::size_t at = 0; at < text->size();) {
    if (text->compare(at, from.size(), from) == 0) {
      answer += to;
      at += from.size();
      if (answer.size() > 2 * kLimits.bytes_max) return std::nullopt;
    } else if (base::lower_ascii(text->substr(at, from.size())) == base::lower_ascii(from)) {
      return std::nullopt;  // the same in another case: is it meant?
    } else {
      answer.push_back((*text)[at++]);
    }
  }
  return string_solution(match, answer, fmt::format("\"{}\" replaced by \"{}\":", from, to));
}

std::optional<Solution> without_letters(const Match& match) {
  const auto text = exact_operand(match, 'a');
  if (!text.has_value()) return std::nullopt;
  const std::string_view kind = match.text('k');
  std::string answer;
  for (const char c : *text) {
    const bool vowel = std::string_view("aeiou").find(lower(c)) != std::string_view::npos;
    const bool gone = kind == "vowels" ? vowel : (kind == "spaces" ? c == ' ' : c >= '0' && c <= '9');
    if (!gone) answer.push_back(c);
  }
  if (kind != "vowels" && kind != "spaces" && kind != "digits") return std::nullopt;
  if (answer.empty() || answer == *text) return std::nullopt;
  return string_solution(match, answer, fmt::format("\"{}\" without {}:", *text, kind));
}

std::optional<Solution> concatenate(const Match& match) {
  const auto a = exact_operand(match, 'a');
  const auto b = exact_operand(match, 'b');
  if (!a.has_value() || !b.has_value()) return std::nullopt;
  return string_solution(match, *a + *b, fmt::format("\"{}\" + \"{}\":", *a, *b));
}

std::span<const Rule> string_rules() {
  static const std::vector<Rule> kRules = compile_rules(
      {
          {{"reverse [[the] (string|word|text|letters of|letters in|characters of|characters in|order of the letters "
            "in|"
            "order of the characters in|sequence of letters in|following string|following word|following text|phrase|"
            "sentence)] [the word|the string|of the word] [:] <q a>",
            "reverse [the] (word|letters of|letters in|letters of the word|letters in the word|string|characters of|"
            "characters in|characters of the string|characters of the word) [:] <word_or_q a>",
            "reverse [the|this|the following] (string|word|text) : <any a>",
            "(spell|write|print) [the word|the string] [:] <word_or_q a> (backwards|backward|in reverse|reversed|in "
            "reverse "
            "order)",
            "(what is|what's) [the word|the string] <word_or_q a> (spelled|written|spelt) (backwards|backward|in "
            "reverse)",
            "(what is|what's) [the word|the string] <q a> (backwards|reversed|in reverse)",
            "(what is|what's|give|write) the reverse of [the] (string|word) [:] <word_or_q a>",
            "(what is|what's|give|write) the (reverse|reversal) of <q a>",
            "how (do you|would you|do i) spell <word_or_q a> backwards"},
           reverse},
          {{"reverse the (order of the words|word order|order of words|sequence of the words) (in|of) [[the] "
            "(sentence|phrase|"
            "text|following sentence|following phrase|string|this sentence)] [:] <q a>",
            "reverse the (order of the words|word order|order of words) (in|of) [the|this|the following] "
            "(sentence|phrase|text|string) : <any a>",
            "(write|give|put) the words (of|in) <q a> in reverse order"},
           reverse_words},
          {{"(convert|change|turn|put|write|transform|make) [the|this|the following] "
            "[string|word|text|phrase|sentence] <q a> "
            "(to|into|in|using) [all] <any c>",
            "(convert|change|turn|put|write|transform) [the|this|the following] (string|word|text|phrase|sentence) "
            "<word_or_q a> (to|into|in|using) [all] <any c>",
            "(convert|change|turn|put|write|transform) <word_or_q a> (to|into|in) [all] <any c>",
            "(convert|change|turn|put|write|transform) [the|this|the following] [string|word|text|phrase|sentence] "
            "(to|into|"
            "in) [all] <any c> : <q a>",
            "(convert|change|turn|put|write|transform) [the|this|the following] (string|word|text|phrase|sentence) "
            "(to|into|"
            "in) [all] <any c> : <any a>",
            "what is [the word|the string] <q a> in [all] <any c>"},
           change_case},
          {{"(uppercase|upper - case) [the|this|the following] [string|word|text] [:] <q a>",
            "(uppercase|upper - case) [the|this] (string|word|text) [:] <word_or_q a>",
            "capitalize (all|every) (letters|letter|the letters|of the letters) (in|of) [the|this] [string|word|text] "
            "[:] "
            "<word_or_q a>"},
           to_upper},
          {{"(lowercase|lower - case) [the|this|the following] [string|word|text] [:] <q a>",
            "(lowercase|lower - case) [the|this] (string|word|text) [:] <word_or_q a>"},
           to_lower},
          {{"capitalize (the first letter of each|the first letter of every|each|every) word (in|of) [[the] (sentence|"
            "string|phrase|text)] [:] <q a>"},
           capitalise_words},
          {{"[WHAT|which letter is|which is|which character is] the <ordinal i> (<word k>) (of|in) [[the] (word|string|"
            "text)] <word_or_q a>",
            "(what|which) (letter|character) is (<word k>) <n n> (of|in) [[the] (word|string)] <word_or_q a>",
            "(what is|what's|give|which is) (<word k>) number <n n> (of|in) [[the] (word|string)] <word_or_q a>",
            "(what is|what's|give) the <word k> at position <n n> (of|in) [[the] (word|string)] <q a>",
            "(which|what) <word k> is (in position|at position|number) <n n> (of|in) [[the] (word|string)] <word_or_q "
            "a>"},
           nth_letter},
          {{"[WHAT|which is|which word is] the <ordinal i> word (of|in) [[the] (sentence|phrase|text|string|following "
            "sentence|following text|this sentence)] [:] <q a>",
            "[WHAT] the <ordinal i> word (of|in) (the|this|the following) (sentence|phrase|text|string) : <any a>"},
           nth_word},
          {{"[WHAT] the <word w> <n n> (<word k>) (of|in) [[the] (word|string|text)] <word_or_q a>"}, some_letters},
          {{"is [[the] (word|string|phrase|number|sentence)] [:] <word_or_q a> a palindrome",
            "is <word_or_q a> a palindrome or not", "is the following [word|string] a palindrome : <word_or_q a>",
            "check (if|whether) [[the] (word|string)] <word_or_q a> is a palindrome"},
           palindrome},
          {{"replace (every|all|each|all occurrences of|every occurrence of|each occurrence of|all instances of) "
            "[[the] "
            "(letter|letters|character|word|space)] <q f> (with|by) [[the] (letter|character|word|an|a)] <q t> in "
            "[[the] "
            "(string|word|sentence|text|phrase|following text|following sentence)] [:] <q a>"},
           replace},
          {{"(remove|delete|drop|strip) (all|every|all the|the) (<word k>) (from|in) [[the] "
            "(string|word|sentence|text|phrase)] "
            "[:] <q a>",
            "(remove|delete|drop) (all|all the|the) (<word k>) (from|in) the word <word_or_q a>"},
           without_letters},
          {{"(concatenate|join) [the strings|the words|the two strings] <q a> and <q b>"}, concatenate},
      },
      text_slots());
  return kRules;
}

}  // namespace

ToolRecord text_tool() {
  return {"text", "counting, sorting, reversing, picking, extracting and changing case in given text; set operations",
          "How many r's are in strawberry?", []() -> const Tool& {
            static constexpr RuleTable kTables[] = {text_count_rules, string_rules, text_list_rules};
            static const RulesTool kTool(kLimits, kTables);
            return kTool;
          }};
}

}  // namespace thalamus::tool
