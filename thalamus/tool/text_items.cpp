#include "thalamus/tool/text_items.h"

#include <algorithm>

#include "thalamus/base/text.h"

namespace thalamus::tool {
namespace {

constexpr std::size_t kItemsMax = 2000;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::string_view without_pair(std::string_view text, std::string_view pairs) {
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (text.size() >= 2 && text.front() == pairs[i] && text.back() == pairs[i + 1]) {
      return base::trim(text.substr(1, text.size() - 2));
    }
  }
  return text;
}

/// Commas inside quotations do not split.
std::vector<std::string_view> split_outside_quotes(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == separator && !quoted) {
      pieces.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

/// Could a comma of this list be a thousands separator?
bool has_unclear_comma(std::string_view text) {
  bool tight = false;
  bool loose = false;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] != ',') continue;
    const bool between_digits = i > 0 && is_digit(text[i - 1]) && is_digit(text[i + 1]);
    tight = tight || between_digits;
    loose = loose || text[i + 1] == ' ';
  }
  return tight && loose;
}

std::string_view without_bullet(std::string_view line) {
  line = base::trim(line);
  if (line.starts_with("- ") || line.starts_with("* ")) return base::trim(line.substr(2));
  if (line.starts_with("•")) return base::trim(line.substr(std::string_view("•").size()));
  return line;
}

bool is_one_word(std::string_view text) { return text.find(' ') == std::string_view::npos; }

/// "b and c" at the end of a list of single words; "and c".
std::optional<std::vector<std::string_view>> split_last(std::vector<std::string_view> pieces) {
  std::string_view last = pieces.back();
  if (last.starts_with("and ")) {
    if (pieces.size() < 2) return std::nullopt;
    pieces.back() = base::trim(last.substr(4));
    return pieces;
  }
  const auto middle = last.find(" and ");
  if (middle == std::string_view::npos) return pieces;
  const std::string_view left = base::trim(last.substr(0, middle));
  const std::string_view right = base::trim(last.substr(middle + 5));
  const bool single =
      is_one_word(left) && is_one_word(right) && std::all_of(pieces.begin(), pieces.end() - 1, is_one_word);
  if (!single) return std::nullopt;
  pieces.back() = left;
  pieces.push_back(right);
  return pieces;
}

/// Bare words that point to a text, or are part of a turn of phrase ("in all"), rather than being the text.
bool points_elsewhere(const Phrase& phrase, std::uint32_t at) {
  constexpr std::string_view kPointing[] = {
      "it",      "its",       "this",       "that",      "these", "those", "they",   "them",     "their",
      "he",      "him",       "his",        "she",       "her",   "i",     "me",     "my",       "mine",
      "you",     "your",      "we",         "us",        "our",   "all",   "total",  "there",    "here",
      "each",    "every",     "everything", "both",      "any",   "some",  "none",   "one",      "above",
      "below",   "following", "former",     "latter",    "same",  "which", "what",   "whom",     "whose",
      "general", "fact",      "question",   "answer",    "sum",   "short", "full",   "alphabet", "language",
      "english", "sentence",  "sentences",  "text",      "word",  "words", "string", "strings",  "name",
      "phrase",  "title",     "message",    "paragraph", "line",  "list",  "input",  "prompt",   "previous",
      "another", "itself",    "someone",    "something"};
  constexpr std::string_view kNaming[] = {"word", "string", "name", ":"};
  const auto holds = [](std::span<const std::string_view> words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  return holds(kPointing, phrase[at].lower) && !(at > 0 && holds(kNaming, phrase[at - 1].lower));
}

void ends_word_or_quoted(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit,
                         std::vector<std::uint32_t>& ends) {
  const Token& token = phrase[begin];
  if (token.kind == TokenKind::kQuoted || token.kind == TokenKind::kNumber) ends.push_back(begin + 1);
  if (token.kind != TokenKind::kWord || points_elsewhere(phrase, begin)) return;
  // A bare word touches nothing but spaces.
  const bool punctuated =
      begin + 2 < limit && (phrase.is(begin + 1, ":") || phrase.is(begin + 1, ",")) && phrase[begin + 2].spaced;
  if (begin + 1 < limit && !phrase[begin + 1].spaced && !punctuated) return;
  ends.push_back(begin + 1);
}

void ends_letter(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  const Token& token = phrase[begin];
  if (token.kind == TokenKind::kQuoted && token.lower.size() == 1) {
    if (begin + 1 < limit && phrase.is(begin + 1, "s") && !phrase[begin + 1].spaced) ends.push_back(begin + 2);
    if (begin + 2 < limit && phrase.is(begin + 1, "'") && phrase.is(begin + 2, "s")) ends.push_back(begin + 3);
    ends.push_back(begin + 1);
  }
  const bool single = token.lower.size() == 1 || (token.lower.size() == 3 && token.lower.ends_with("'s"));
  if (token.kind == TokenKind::kWord && single) ends.push_back(begin + 1);
}

void ends_ordinal(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  const auto ordinal = match_ordinal(phrase, begin, limit);
  std::uint32_t at = ordinal.has_value() ? ordinal->end : begin;
  if (at < limit && (phrase.is(at, "last") || phrase.is(at, "penultimate"))) ends.push_back(at + 1);
  if (!ordinal.has_value()) return;
  for (const bool hyphen : {false, true}) {
    std::uint32_t next = at;
    if (hyphen && phrase.is(next, "-")) ++next;
    if (!phrase.is(next, "to") && !phrase.is(next, "from")) continue;
    ++next;
    if (phrase.is(next, "-")) ++next;
    if (phrase.is(next, "the")) ++next;
    if (next < limit && (phrase.is(next, "last") || phrase.is(next, "end"))) ends.push_back(next + 1);
  }
  ends.push_back(ordinal->end);
}

/// "in ascending order", "alphabetically", "from A to Z": at most fourteen tokens from a word that begins an order.
void ends_ordering(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  constexpr std::string_view kFirst[] = {"in",      "into",     "from",    "by",          "ascending",     "descending",
                                         "reverse", "smallest", "largest", "numerically", "alphabetically"};
  if (std::find(std::begin(kFirst), std::end(kFirst), phrase[begin].lower) == std::end(kFirst)) return;
  for (std::uint32_t end = std::min(limit, begin + 14); end > begin; --end) ends.push_back(end);
}

/// {1, 2}, [a, b] or one quotation.
void ends_set(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  if (phrase[begin].kind == TokenKind::kQuoted) ends.push_back(begin + 1);
  constexpr std::pair<std::string_view, std::string_view> kPairs[] = {{"{", "}"}, {"[", "]"}};
  for (const auto& [open, close] : kPairs) {
    if (!phrase.is(begin, open)) continue;
    for (std::uint32_t at = begin + 1; at < limit; ++at) {
      if (phrase.is(at, open)) return;
      if (!phrase.is(at, close)) continue;
      ends.push_back(at + 1);
      return;
    }
  }
}

}  // namespace

std::optional<Items> parse_items(std::string_view text) {
  text = base::trim(text);
  text = without_pair(text, "[]{}()");
  std::vector<std::string_view> pieces;
  if (text.find('\n') != std::string_view::npos && text.find(',') == std::string_view::npos) {
    for (const std::string_view line : base::split(text, '\n')) pieces.push_back(without_bullet(line));
  } else if (text.find('\n') != std::string_view::npos) {
    return std::nullopt;
  } else if (text.find(';') != std::string_view::npos) {
    if (text.find(',') != std::string_view::npos) return std::nullopt;
    pieces = split_outside_quotes(text, ';');
  } else if (text.find(',') != std::string_view::npos) {
    if (has_unclear_comma(text)) return std::nullopt;
    pieces = split_outside_quotes(text, ',');
  } else {
    const bool quoted = text.find('"') != std::string_view::npos || text.find('\'') != std::string_view::npos;
    if (quoted) return std::nullopt;
    if (text.find(" and ") != std::string_view::npos) {
      pieces = {text};
    } else {
      for (const std::string_view piece : base::split(text, ' ')) {
        if (!piece.empty()) pieces.push_back(piece);
      }
    }
  }
  if (pieces.empty() || pieces.size() > kItemsMax) return std::nullopt;
  for (std::string_view& piece : pieces) piece = base::trim(piece);
  auto complete = split_last(std::move(pieces));
  if (!complete.has_value()) return std::nullopt;
  Items items;
  for (std::string_view piece : *complete) {
    piece = without_pair(piece, "\"\"''``");
    if (piece.empty()) return std::nullopt;
    items.emplace_back(piece);
  }
  return items;
}

std::optional<std::vector<Rational>> numbers_of(const Items& items) {
  std::vector<Rational> numbers;
  for (const std::string& item : items) {
    const std::string_view text = item.starts_with("−") ? std::string_view(item).substr(3) : std::string_view(item);
    if (text.find('/') != std::string_view::npos || text.size() > 40 || text.find_first_of("eE") != std::string::npos) {
      return std::nullopt;
    }
    auto number = Rational::parse(text);
    if (!number.has_value()) return std::nullopt;
    numbers.push_back(text.size() == item.size() ? *std::move(number) : -*number);
  }
  return numbers;
}

std::string operand(const Match& match, char slot) {
  const Span span = match.span(slot);
  const Phrase& phrase = match.phrase();
  if (is_quoted(match, slot)) return phrase[span.begin].lower;
  for (std::uint32_t at = span.begin; at + 1 < span.end; ++at) {
    const bool stop = phrase.is(at, ".") || phrase.is(at, "?") || phrase.is(at, "!");
    if (stop && phrase[at + 1].spaced) return {};
  }
  return std::string(match.text(slot));
}

std::optional<Items> items_in(const Match& match, char slot) {
  const std::string text = operand(match, slot);
  auto items = parse_items(text);
  const bool bounded = is_quoted(match, slot) || text.ends_with('}') || text.ends_with(']');
  if (!items.has_value() || bounded) return items;
  std::ptrdiff_t most = 0;
  std::ptrdiff_t least = 1000;
  for (const std::string& item : *items) {
    const auto spaces = std::count(item.begin(), item.end(), ' ');
    most = std::max(most, spaces);
    least = std::min(least, spaces);
  }
  if (most >= 2 && least == 0) return std::nullopt;
  return items;
}

bool is_quoted(const Match& match, char slot) {
  const Span span = match.span(slot);
  return span.end == span.begin + 1 && match.phrase()[span.begin].kind == TokenKind::kQuoted;
}

bool is_named(const Match& match, char slot) {
  if (is_quoted(match, slot)) return true;
  const Span span = match.span(slot);
  constexpr std::string_view kNames[] = {"word", "string", "name", "text", "phrase", "number", "sentence", ":"};
  return !span.empty() && span.begin > 0 &&
         std::find(std::begin(kNames), std::end(kNames), match.phrase()[span.begin - 1].lower) != std::end(kNames);
}

bool is_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::optional<Solution> items_solution(const Style& style, const Items& items, std::string working) {
  if (!style.is_unrounded() || style.number_only || items.empty()) return std::nullopt;
  if (!style.allows({"list", "numbers", "words", "items", "elements", "values", "sequence", "sorted", "reversed", "set",
                     "string", "letters", "integers", "item", "element", "number", "word", "name"})) {
    return std::nullopt;
  }
  const std::string separator = style.separator.value_or(", ");
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : separator) + item;
  return solution(style, std::move(text), std::move(working));
}

std::span<const SlotType> text_slots() {
  static constexpr SlotType kSlots[] = {{"word_or_q", ends_word_or_quoted},
                                        {"letter", ends_letter},
                                        {"ordinal", ends_ordinal},
                                        {"set", ends_set},
                                        {"ordering", ends_ordering}};
  return kSlots;
}

char letter_in(const Match& match, char slot) {
  const Span span = match.span(slot);
  if (span.empty()) return '\0';
  const std::string text = match.phrase()[span.begin].kind == TokenKind::kQuoted ? match.phrase()[span.begin].lower
                                                                                 : std::string(match.text(slot));
  return text.empty() ? '\0' : text.front();
}

std::int64_t position_in(const Match& match, char slot) {
  const Span span = match.span(slot);
  if (span.empty()) return 0;
  const Phrase& phrase = match.phrase();
  const auto ordinal = match_ordinal(phrase, span.begin, span.end);
  const bool from_end = phrase.is(span.end - 1, "last") || phrase.is(span.end - 1, "end");
  if (phrase.is(span.end - 1, "penultimate")) return ordinal.has_value() ? 0 : -2;
  if (!ordinal.has_value()) return from_end ? -1 : 0;
  const auto value = ordinal->value.to_int64();
  if (!value.has_value() || *value < 1 || *value > 100'000) return 0;
  return from_end ? -*value : *value;
}

}  // namespace thalamus::tool
