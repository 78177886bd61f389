/// The text tool, part three: counting and extracting.
#include <fmt/core.h>

#include <algorithm>

#include "thalamus/base/text.h"
#include "thalamus/tool/rules_tool.h"
#include "thalamus/tool/text_items.h"

namespace thalamus::tool {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<Solution> count_solution(const Match& match, std::size_t count, std::string working) {
  const Style& style = match.style();
  if (!style.is_unrounded() || style.separator.has_value()) return std::nullopt;
  if (!style.allows({"number", "integer", "count", "numeric", "digit", "total", "digits", "whole", "value"})) {
    return std::nullopt;
  }
  return solution(style, std::to_string(count), std::move(working));
}

/// Occurrences of a letter, if upper and lower case make no difference.
std::optional<Solution> letter_count(const Match& match) {
  const char letter = letter_in(match, 'x');
  // "How many m in mile?" asks for metres: a bare letter needs a word that is marked as one.
  const Span letter_span = match.span('x');
  const Token& token = match.phrase()[letter_span.begin];
  const bool bare = token.kind == TokenKind::kWord && token.lower.size() == 1 &&
                    (letter_span.begin == 0 || match.phrase()[letter_span.begin - 1].lower.find("letter") != 0);
  if (bare && !is_named(match, 'a')) return std::nullopt;
  const std::string text = operand(match, 'a');
  if (!is_ascii(text) || static_cast<unsigned char>(letter) >= 0x80 || letter == '\0' || text.size() < 2) {
    return std::nullopt;
  }
  const std::string lowered = base::lower_ascii(text);
  const auto small = std::count(lowered.begin(), lowered.end(), is_letter(letter) ? letter | 0x20 : letter);
  const auto exact = std::count(text.begin(), text.end(), letter);
  const bool any_case = !match.span('z').empty();
  if (small != exact && !any_case) return std::nullopt;
  std::string working;
  if (text.size() <= 60 && small > 0) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (lowered[i] == (is_letter(letter) ? letter | 0x20 : letter)) {
        working += fmt::format("{}{}", working.empty() ? "at places " : ", ", i + 1);
      }
    }
    working = fmt::format("'{}' stands in \"{}\" {}.", letter, text, working);
  } else {
    working = fmt::format("'{}' in the {} characters given:", letter, text.size());
  }
  return count_solution(match, static_cast<std::size_t>(small), working);
}

std::optional<Solution> letters(const Match& match) {
  if (!is_named(match, 'a')) return std::nullopt;  // "how many letters are in Hawaiian": in its alphabet
  const std::string text = operand(match, 'a');
  if (!is_ascii(text) || text.find('\n') != std::string::npos) return std::nullopt;
  const auto count = std::count_if(text.begin(), text.end(), is_letter);
  if (count == 0 || text.find_first_of("0123456789") != std::string::npos) return std::nullopt;
  return count_solution(match, static_cast<std::size_t>(count), fmt::format("the letters of \"{}\"", text));
}

std::optional<Solution> characters(const Match& match) {
  const std::string text = operand(match, 'a');
  const bool unclear = text.find_first_of(" \t\n") != std::string::npos && match.span('z').empty();
  if (!is_ascii(text) || text.find('\n') != std::string::npos || (!is_quoted(match, 'a') && unclear)) {
    return std::nullopt;
  }
  return count_solution(match, text.size(), fmt::format("all characters of \"{}\", spaces included", text));
}

std::optional<Solution> characters_without_spaces(const Match& match) {
  const std::string text = operand(match, 'a');
  if (!is_ascii(text)) return std::nullopt;
  const auto spaces = std::count(text.begin(), text.end(), ' ');
  return count_solution(match, text.size() - static_cast<std::size_t>(spaces),
                        fmt::format("{} characters, {} of them spaces", text.size(), spaces));
}

/// a, e, i, o, u; where there is a y, it could be one.
std::optional<Solution> vowels(const Match& match) {
  if (!is_named(match, 'a')) return std::nullopt;
  const std::string text = base::lower_ascii(operand(match, 'a'));
  if (!is_ascii(text)) return std::nullopt;
  const std::string_view kind = match.text('k');
  const bool defined = !match.span('z').empty();
  if ((kind != "vowels" && kind != "consonants") || (text.find('y') != std::string::npos && !defined)) {
    return std::nullopt;
  }
  const auto is_vowel = [](char c) { return std::string_view("aeiou").find(c) != std::string_view::npos; };
  const auto all = std::count_if(text.begin(), text.end(), is_letter);
  const auto count = std::count_if(text.begin(), text.end(), is_vowel);
  const auto result = kind == "vowels" ? count : all - count;
  std::string found;
  for (const char c : text) {
    if (is_letter(c) && is_vowel(c) == (kind == "vowels") && found.size() < 120) found += fmt::format("{} ", c);
  }
  return count_solution(match, static_cast<std::size_t>(result), fmt::format("{}({})", found, kind));
}

/// Words between spaces; a part without a letter or digit leaves it open what a word is.
std::optional<Items> clear_words(std::string_view text) {
  Items words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n", at);
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(text.find_first_of(" \t\r\n", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    const bool solid = std::any_of(word.begin(), word.end(), [](char c) {
      return is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80;
    });
    const bool joined = word.find('/') != std::string_view::npos || word.find("--") != std::string_view::npos ||
                        word.find("—") != std::string_view::npos || word.find("–") != std::string_view::npos;
    if (!solid || joined || word.find('-') != std::string_view::npos) return std::nullopt;
    words.emplace_back(word);
    at = end;
  }
  return words;
}

std::optional<Solution> words(const Match& match) {
  const auto found = clear_words(operand(match, 'a'));
  if (!found.has_value() || found->empty()) return std::nullopt;
  return count_solution(match, found->size(), "the words between the spaces");
}

std::string bare_word(std::string_view word) {
  while (!word.empty() && !is_letter(word.front()) && !is_digit(word.front())) word.remove_prefix(1);
  while (!word.empty() && !is_letter(word.back()) && !is_digit(word.back())) word.remove_suffix(1);
  return std::string(word);
}

std::optional<Solution> word_count(const Match& match) {
  const std::string wanted = operand(match, 'x');
  const std::string text = operand(match, 'a');
  const auto all = clear_words(text);
  if (!all.has_value() || !is_ascii(text) || wanted.empty() || bare_word(wanted) != wanted ||
      wanted.find(' ') != std::string::npos) {
    return std::nullopt;
  }
  std::size_t exact = 0;
  std::size_t any_case = 0;
  for (const std::string& word : *all) {
    const std::string bare = bare_word(word);
    exact += bare == wanted ? 1 : 0;
    any_case += base::lower_ascii(bare) == base::lower_ascii(wanted) ? 1 : 0;
    const bool part = base::lower_ascii(bare).find(base::lower_ascii(wanted)) != std::string::npos;
    if (part && base::lower_ascii(bare) != base::lower_ascii(wanted) && bare.find('\'') != std::string::npos) {
      return std::nullopt;
    }
  }
  if (exact != any_case && match.span('z').empty()) return std::nullopt;
  return count_solution(match, any_case, fmt::format("\"{}\" among {} words:", wanted, all->size()));
}

std::optional<Solution> digits(const Match& match) {
  const std::string text = operand(match, 'a');
  const auto count = std::count_if(text.begin(), text.end(), is_digit);
  if (count == 0 || text.find('.') != std::string::npos) return std::nullopt;
  return count_solution(match, static_cast<std::size_t>(count), fmt::format("the digits of {}", text));
}

std::optional<Solution> item_count(const Match& match) {
  const auto items = items_in(match, 'l');
  if (!items.has_value() || items->size() < 2) return std::nullopt;
  return count_solution(match, items->size(), "the items of the list");
}

/// Numbers that stand alone: not inside words, dates, times, versions.
std::optional<Items> plain_numbers(std::string_view text) {
  Items found;
  for (std::size_t i = 0; i < text.size();) {
    if (!is_digit(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
      ++end;
      while (end < text.size() && is_digit(text[end])) ++end;
    }
    const char before = i == 0 ? ' ' : text[i - 1];
    const char after = end == text.size() ? ' ' : text[end];
    const char beyond = end + 1 >= text.size() ? ' ' : text[end + 1];
    const bool sentence_end = (after == '.' || after == ',') && !is_digit(beyond);
    const bool clear_before = before == ' ' || before == '\n' || before == '(';
    const bool clear_after =
        after == ' ' || after == '\n' || after == ')' || after == ';' || after == '?' || after == '!' || sentence_end;
    if (!clear_before || !clear_after) return std::nullopt;
    found.emplace_back(text.substr(i, end - i));
    i = end;
  }
  return found;
}

std::optional<Items> emails(std::string_view text) {
  Items found;
  for (std::size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    const auto inside = [](char c) {
      return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '%';
    };
    std::size_t begin = at;
    while (begin > 0 && inside(text[begin - 1])) --begin;
    std::size_t end = at + 1;
    while (end < text.size() && inside(text[end])) ++end;
    while (end > at + 1 && (text[end - 1] == '.' || text[end - 1] == '-')) --end;
    const std::string_view host = text.substr(at + 1, end - at - 1);
    if (begin == at || text[begin] == '.' || host.find('.') == std::string_view::npos || host.front() == '.') {
      return std::nullopt;
    }
    found.emplace_back(text.substr(begin, end - begin));
  }
  return found;
}

std::optional<Solution> extract(const Match& match) {
  const std::string text = operand(match, 'a');
  const std::string_view kind = match.text('k');
  const bool numbers = kind == "numbers";
  const auto found = numbers ? plain_numbers(text) : emails(text);
  if (!found.has_value() || found->empty()) return std::nullopt;
  return items_solution(match.style(), *found, fmt::format("{} found:", found->size()));
}

std::span<const Rule> counting_rules() {
  static const std::vector<Rule> kRules = compile_rules(
      {
          {{"how many [times does|times do] [the letter|letter|the letters] <letter x> [letters|characters] "
            "(are|is|appear|"
            "appears|occur|occurs) [there] in [[the] (word|string|sentence|phrase|text)] [:] <word_or_q a>",
            "how many times (does|do) [the letter|the character] <letter x> (appear|occur|show up) in [[the] "
            "(word|string|"
            "sentence|phrase|text|following text|following sentence)] [:] <word_or_q a> [<q z>]",
            "how many <letter x> (are|is) in [[the] (word|string)] <word_or_q a>",
            "how often (does|do) [the letter|the character] <letter x> (appear|occur|show up) in [[the] "
            "(word|string|sentence|"
            "phrase|text)] [:] <word_or_q a>",
            "how many <letter x> [are there] in [[the] (word|string)] <word_or_q a>",
            "how many (letters|letter) <letter x> (are|is) [there] in [[the] (word|string)] <word_or_q a>",
            "how many <letter x> (does|do) [the word] <word_or_q a> (have|contain)",
            "how many times is [the letter] <letter x> (used|present) in [[the] (word|string|sentence)] <word_or_q a>",
            "(count|find|give|what is) [the number of|the occurrences of|occurrences of|how many|the count of] [times] "
            "[the "
            "letter|occurrences of the letter|letter|times the letter] <letter x> [letters|appears|occurs|is|are] "
            "(in|within) "
            "[[the] (word|string|sentence)] [:] <word_or_q a>",
            "count [the] <letter x> in [[the] (word|string)] <word_or_q a>"},
           letter_count},
          {{"how many letters (are|is) [there] in [[the] (word|name)] <word_or_q a>",
            "how many letters (does|do) [[the] (word|name)] <word_or_q a> (have|contain)",
            "how many letters (long is|in) [the word] <word_or_q a>",
            "(count|what is) [the number of|the] letters in [the] word <word_or_q a>",
            "what is the number of letters in [the word] <word_or_q a>",
            "how many letters (make up|form) [the word] <word_or_q a>"},
           letters},
          {{"how many characters (are|is) [there] in [[the] (string|word|text)] [:] <q a>",
            "how many characters (does|do) [[the] (string|word|text)] <q a> (have|contain)",
            "(what is|compute|find) the length of the string <q a>", "how long is the string <q a> [,] [in characters]",
            "how many characters are in the word <word_or_q a>",
            "(what is|count) the number of characters in [[the] (string|word|text)] [:] <q a>"},
           characters},
          {{"how many characters (are|is) [there] in [[the] (string|text|sentence)] [:] <q a> [,] (not counting "
            "spaces|without "
            "spaces|excluding spaces|ignoring spaces)"},
           characters_without_spaces},
          {{"how many (<word k>) (are|is) [there] in [[the] (word|string|sentence|phrase|text)] [:] <word_or_q a>",
            "how many (<word k>) (does|do) [[the] (word|string|sentence|phrase)] <word_or_q a> (have|contain)",
            "how many (<word k>) in [the word] <word_or_q a>",
            "(count|what is) the [number of] (<word k>) in [[the] (word|string|sentence|phrase)] [:] <word_or_q a>",
            "how many (<word k>) (are|is) [there] in [[the] "
            "(word|string|sentence|phrase)] [:] <word_or_q a>"},
           vowels},
          {{"how many words (are|is) [there] in [[the] (sentence|phrase|text|following sentence|following "
            "text|string|this "
            "sentence)] [:] <q a>",
            "how many words (are|is) [there] in (the|this|the following) (sentence|phrase|text) : <any a>",
            "how many words (does|do) [[the] (sentence|phrase|text)] <q a> (have|contain)",
            "count the [number of] words in [[the] (sentence|phrase|text|following sentence|following text)] [:] <q a>",
            "count the [number of] words in (the|this|the following) (sentence|phrase|text) : <any a>",
            "count the [number of] words : <q a>",
            "(what is|give) the word count of [[the] (sentence|text)] [:] <q a>"},
           words},
          {{"how many times (does|do) the word <word_or_q x> (appear|occur|show up) in [[the] "
            "(sentence|phrase|text|following "
            "sentence|following text|this sentence)] [:] <q a>",
            "how many times (does|do) the word <word_or_q x> (appear|occur|show up) in (the|this|the following) "
            "(sentence|"
            "phrase|text) : <any a>",
            "count the (occurrences|number of occurrences) of [the word] <q x> in [[the] (sentence|"
            "phrase|text|following sentence)] [:] <q a>"},
           word_count},
          {{"how many digits (are|is) [there] in [the number] <word_or_q a>",
            "how many digits does [the number] <word_or_q a> have"},
           digits},
          {{"how many (items|elements|entries|numbers|words|names) (are|is) [there] in (the|this|the following) list : "
            "<any l>",
            "how many (items|elements|entries|numbers|words|names) (are|is) [there] in (the|this|the following) list "
            "<set l>"},
           item_count},
          {{"(extract|list|find|return|give|give me|pull out) [all] [the] (<word k>) [that appear|contained|mentioned] "
            "(from|in) "
            "[[the] (text|string|sentence|following text|following sentence|this text|this sentence)] [:] <q a>",
            "(extract|list|find|return|pull out) [all] [the] (<word k>) (from|in) (the|this|the following) "
            "(text|string|"
            "sentence) : <any a>"},
           extract},
          {{"(extract|list|find|return) [all] [the] (email|e - mail) addresses (from|in) : <any a>",
            "(extract|list|find|return|give|give me) [all] [the] (email|e - mail) addresses (from|in) [[the] "
            "(text|string|"
            "sentence|following text|this text)] [:] <q a>",
            "(extract|list|find|return) [all] [the] (email|e - mail) addresses (from|in) (the|this|the following) "
            "(text|"
            "string|sentence) : <any a>"},
           extract},
      },
      text_slots());
  return kRules;
}

}  // namespace

std::span<const Rule> text_count_rules() { return counting_rules(); }

}  // namespace thalamus::tool
