#include "thalamus/tool/question.h"

#include <algorithm>

#include "thalamus/tool/instruction.h"

namespace thalamus::tool {
namespace {

bool is_terminator(const Phrase& phrase, std::uint32_t at) {
  return phrase.is(at, ".") || phrase.is(at, "?") || phrase.is(at, "!");
}

/// Does a sentence begin at `at`?
bool begins_sentence(const Phrase& phrase, std::uint32_t at) {
  const Token& token = phrase[at];
  if (token.new_line) return true;
  if (at == 0 || !token.spaced || !is_terminator(phrase, at - 1)) return false;
  const char first = phrase.text()[token.begin];
  return (first >= 'A' && first <= 'Z') || phrase.is(at - 1, "?") || token.kind == TokenKind::kQuoted;
}

std::uint32_t without_terminators(const Phrase& phrase, std::uint32_t begin, std::uint32_t end) {
  while (end > begin && is_terminator(phrase, end - 1)) --end;
  return end;
}

bool has_colon(const Question& question) {
  for (std::uint32_t at = question.begin; at < question.end; ++at) {
    if (question.phrase.is(at, ":") && (at + 1 >= question.end || question.phrase[at + 1].spaced)) return true;
  }
  return false;
}

bool peel_last_sentence(Question& question) {
  for (std::uint32_t at = question.end; at-- > question.begin + 1;) {
    if (!begins_sentence(question.phrase, at)) continue;
    if (question.end - at > 40) return false;
    Style style = question.style;
    if (!read_instruction(question.phrase, at, without_terminators(question.phrase, at, question.end), style)) {
      return false;
    }
    question.style = std::move(style);
    question.end = at;
    return true;
  }
  return false;
}

bool peel_first_sentence(Question& question) {
  const std::uint32_t limit = std::min(question.end, question.begin + 40);
  for (std::uint32_t at = question.begin + 1; at < limit; ++at) {
    if (!begins_sentence(question.phrase, at)) continue;
    Style style = question.style;
    if (!read_instruction(question.phrase, question.begin, without_terminators(question.phrase, question.begin, at),
                          style)) {
      return false;
    }
    question.style = std::move(style);
    question.begin = at;
    return true;
  }
  return false;
}

/// "(answer with only the number)", ", just the number please" at the end.
bool peel_last_clause(Question& question) {
  const Phrase& phrase = question.phrase;
  const std::uint32_t end = without_terminators(phrase, question.begin, question.end);
  const bool bracketed = end > question.begin && phrase.is(end - 1, ")");
  const std::uint32_t lowest = std::max(question.begin, end > 24 ? end - 24 : 0);
  for (std::uint32_t at = end; at-- > lowest + 1;) {
    const bool opens = bracketed ? phrase.is(at, "(") : phrase.is(at, ",") || phrase.is(at, ";") || phrase.is(at, "—");
    if (!opens) continue;
    Style style = question.style;
    if (!read_instruction(phrase, at + 1, bracketed ? end - 1 : end, style) || !style.terse) return false;
    question.style = std::move(style);
    question.end = at;
    return true;
  }
  return false;
}

void peel(Question& question) {
  constexpr int kRoundsMax = 12;
  for (int round = 0; round < kRoundsMax; ++round) {
    if (peel_last_sentence(question) || peel_first_sentence(question)) continue;
    if (peel_opening(question.phrase, question.begin, question.end)) continue;
    if (!has_colon(question) && peel_last_clause(question)) continue;
    const std::uint32_t end = without_terminators(question.phrase, question.begin, question.end);
    const std::uint32_t shorter =
        peel_suffix(question.phrase, question.begin, end, has_colon(question), question.style);
    if (shorter == end) break;
    question.end = shorter;
  }
  const std::uint32_t end = without_terminators(question.phrase, question.begin, question.end);
  question.tail = std::string(question.phrase.slice(end, question.end));
  question.end = end;
}

/// Words that may point to an earlier turn.
bool refers_back(const Phrase& phrase) {
  constexpr std::string_view kWords[] = {"that",     "it",    "this",   "those",      "these",   "them",   "they",
                                         "previous", "above", "again",  "same",       "instead", "result", "earlier",
                                         "last",     "then",  "former", "latter",     "its",     "now",    "also",
                                         "too",      "and",   "ok",     "what about", "how",     "answer"};
  if (phrase.size() < 4) return true;
  const std::string& first = phrase[0].lower;
  if (first == "and" || first == "now" || first == "how" || first == "then" || first == "ok") {
    if (phrase.is(1, "about")) return true;
  }
  for (std::uint32_t at = 0; at < phrase.size(); ++at) {
    if (phrase[at].kind != TokenKind::kWord) continue;
    for (const std::string_view word : kWords) {
      const bool common = word == "and" || word == "how";  // only at the beginning do they refer back
      if (phrase[at].lower == word && (!common || (at == 0 && word == "and"))) return true;
    }
  }
  return false;
}

/// The cheap part of may_answer, before the text is read at all.
bool is_permitted(const core::Request& request) {
  return request.tools.empty() && request.response_format == core::ResponseFormat::kText && !request.messages.empty() &&
         request.messages.back().role == core::Role::kUser;
}

bool fits(const core::Message& message, TextLimits limits) {
  std::size_t bytes = 0;
  for (const core::Part& part : message.parts) bytes += part.text.size() + 1;
  if (bytes > limits.bytes_max) return false;
  if (bytes <= limits.letters_max) return true;
  std::size_t letters = 0;
  for (const core::Part& part : message.parts) {
    letters += static_cast<std::size_t>(std::count_if(
        part.text.begin(), part.text.end(), [](char c) { return static_cast<unsigned char>((c | 0x20) - 'a') < 26; }));
  }
  return letters <= limits.letters_max;
}

}  // namespace

bool Style::allows(std::initializer_list<std::string_view> nouns_allowed) const {
  return std::all_of(nouns.begin(), nouns.end(), [&](const std::string& noun) {
    return std::find(nouns_allowed.begin(), nouns_allowed.end(), noun) != nouns_allowed.end();
  });
}

std::optional<Question> read_question(const core::Request& request, TextLimits limits) {
  if (!is_permitted(request) || !fits(request.messages.back(), limits)) return std::nullopt;
  auto phrase = Phrase::read(request.last_user_text());
  if (!phrase.has_value() || phrase->size() < 2) return std::nullopt;
  const bool conversation = std::count_if(request.messages.begin(), request.messages.end(),
                                          [](const auto& message) { return message.role != core::Role::kSystem; }) > 1;
  if (conversation && refers_back(*phrase)) return std::nullopt;
  Question question;
  question.end = static_cast<std::uint32_t>(phrase->size());
  question.phrase = *std::move(phrase);
  peel(question);
  if (question.begin >= question.end) return std::nullopt;
  return question;
}

std::optional<Solution> apply(std::span<const Rule> rules, const Question& question, const Context& context) {
  std::optional<Solution> found;
  const Token& first = question.phrase[question.begin];
  for (const Rule& rule : rules) {
    if (!rule.pattern.may_begin(first)) continue;
    const bool taken = rule.pattern.match(question.phrase, question.begin, question.end, [&](const Captures& captures) {
      found = rule.handler(Match{question, captures, context});
      return found.has_value();
    });
    if (taken) return found;
  }
  return std::nullopt;
}

Solution solution(const Style& style, std::string answer, std::string working) {
  if (style.terse) working.clear();
  return {std::move(answer), std::move(working)};
}

}  // namespace thalamus::tool
