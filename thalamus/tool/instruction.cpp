#include "thalamus/tool/instruction.h"

#include <algorithm>
#include <array>

namespace thalamus::tool {
namespace {

using Words = std::span<const std::string_view>;

bool contains(Words words, std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); }

constexpr std::string_view kStarters[] = {
    "answer", "reply",  "respond",  "give",    "return",  "output", "write",    "provide", "print", "state",
    "show",   "report", "express",  "only",    "just",    "no",     "don't",    "do",      "round", "please",
    "thanks", "thank",  "use",      "keep",    "include", "your",   "the",      "format",  "think", "present",
    "leave",  "skip",   "i",        "nothing", "without", "say",    "list",     "submit",  "hi",    "hello",
    "hey",    "reduce", "simplify", "make",    "be",      "name",   "separate", "express", "put"};
/// Words that say nothing beyond "the answer, alone or with working".
constexpr std::string_view kNeutral[] = {
    "answer",  "reply",      "respond",     "give",     "return",    "output",     "write",       "provide",
    "print",   "state",      "show",        "report",   "express",   "submit",     "type",        "say",
    "present", "keep",       "include",     "do",       "not",       "don't",      "with",        "your",
    "the",     "a",          "an",          "single",   "one",       "final",      "exact",       "result",
    "value",   "solution",   "response",    "please",   "thanks",    "thank",      "you",         "me",
    "in",      "of",         "as",          "is",       "it",        "for",        "to",          "and",
    "or",      "nor",        "any",         "working",  "work",      "step",       "steps",       "by",
    "all",     "extra",      "additional",  "other",    "text",      "commentary", "explanation", "explanations",
    "explain", "explaining", "reasoning",   "full",     "short",     "brief",      "correct",     "only",
    "just",    "no",         "nothing",     "else",     "without",   "alone",      "itself",      "simply",
    "plain",   "need",       "i",           "that",     "want",      "think",      "carefully",   "accurate",
    "must",    "should",     "be",          "very",     "much",      "advance",    "on",          "own",
    "line",    "its",        "punctuation", "format",   "form",      "formatting", "here",        "hi",
    "hello",   "hey",        "there",       "using",    "clear",     "concise",    "precise",     "precisely",
    "exactly", "leave",      "out",         "skip",     "put",       "when",       "necessary",   "if",
    "words",   "so",         "math",        "question", "quick",     "have",       "asked",       "make",
    "sure",    "add",        "anything",    "quotes",   "quotation", "marks",      "surrounding"};
/// Words that name the kind of thing the answer must be; the tool checks that its answer is one.
constexpr std::string_view kNouns[] = {
    "number",      "numbers",   "integer",   "integers",   "digit",      "digits",   "date",      "day",
    "weekday",     "week",      "time",      "word",       "letter",     "letters",  "list",      "string",
    "name",        "yes",       "character", "elements",   "items",      "sum",      "product",   "total",
    "numeric",     "numerical", "whole",     "expression", "true",       "false",    "year",      "month",
    "days",        "hours",     "minutes",   "seconds",    "weeks",      "months",   "years",     "set",
    "values",      "amount",    "count",     "quantity",   "difference", "quotient", "remainder", "duration",
    "element",     "item",      "uppercase", "lowercase",  "reversed",   "sorted",   "sequence",  "converted",
    "measurement", "percentage"};

std::optional<Rational> nearest_unit(std::string_view word) {
  if (word == "integer" || word == "whole" || word == "unit" || word == "one") return Rational(1);
  if (word == "ten") return Rational(10);
  if (word == "hundred") return Rational(100);
  if (word == "thousand") return Rational(1000);
  if (word == "million") return Rational(1'000'000);
  if (word == "tenth") return rational("0.1");
  if (word == "hundredth" || word == "cent") return rational("0.01");
  if (word == "thousandth") return rational("0.001");
  return std::nullopt;
}

/// Reads one phrase with a meaning at `at`; the next token, or `at` if there is none.
class InstructionReader {
 public:
  InstructionReader(const Phrase& phrase, std::uint32_t end, Style& style)
      : phrase_(phrase), end_(end), style_(style) {}

  bool read(std::uint32_t at) {
    if (forbids_the_answer(at)) return false;
    bool alone = false;
    while (at < end_) {
      const Token& token = phrase_[at];
      const std::uint32_t next = read_meaning(at);
      if (next == kRejected) return false;
      if (next != at) {
        at = next;
        continue;
      }
      if (token.kind == TokenKind::kSymbol) {
        if (token.lower.size() != 1 || std::string_view(",:;-().!").find(token.lower) == std::string_view::npos) {
          return false;
        }
      } else if (token.kind != TokenKind::kWord || !read_word(token.lower, alone)) {
        return false;
      }
      ++at;
    }
    if (alone) {
      style_.terse = true;
      for (const std::string& noun : style_.nouns) {
        const bool number =
            noun == "number" || noun == "digits" || noun == "numeric" || noun == "numerical" || noun == "integer";
        style_.number_only = style_.number_only || number;
      }
    }
    return true;
  }

 private:
  static constexpr std::uint32_t kRejected = ~0U;

  /// "Do not give the answer", "don't round", "just show the steps", "explain it": instructions that a tool cannot
  /// keep.
  [[nodiscard]] bool forbids_the_answer(std::uint32_t at) const {
    constexpr std::string_view kNegations[] = {"not", "don't", "no", "nor", "without", "skip", "leave"};
    constexpr std::string_view kClauseEnds[] = {",", ";", ":", ".", "—", "just", "only", "but"};
    constexpr std::string_view kNeeded[] = {"answer",  "result",  "solution",   "value",   "final",       "number",
                                            "numbers", "reply",   "respond",    "decimal", "decimals",    "fraction",
                                            "round",   "rounded", "rounding",   "nearest", "significant", "percent",
                                            "comma",   "commas",  "percentage", "spaces",  "simplify"};
    constexpr std::string_view kDispensable[] = {
        "anything", "else",  "other",      "extra", "additional", "explanation", "explanations", "text",       "words",
        "working",  "steps", "commentary", "units", "unit",       "work",        "quotes",       "punctuation"};
    constexpr std::string_view kOnlyDenied[] = {"explain", "explaining", "explanation", "explanations", "commentary",
                                                "quotes",  "quotation",  "marks",       "punctuation",  "words"};
    constexpr std::string_view kWorking[] = {"steps", "step", "work", "working", "reasoning"};
    bool denied = false;      // a negation before in the sentence
    bool negated = false;     // a negation in this clause, not yet used up
    bool restricted = false;  // "only", "just" before
    for (; at < end_; ++at) {
      const std::string& word = phrase_[at].lower;
      if (contains(kClauseEnds, word)) negated = false;
      restricted = restricted || word == "only" || word == "just";
      if (contains(kNegations, word)) {
        negated = true;
        denied = true;
      } else if (negated && contains(kDispensable, word)) {
        negated = false;
      } else if (negated && contains(kNeeded, word)) {
        return true;
      } else if (!denied && !(word == "words" && phrase_.is(at - 1, "the")) &&
                 (contains(kOnlyDenied, word) || (restricted && contains(kWorking, word)))) {
        return true;
      }
    }
    return false;
  }

  bool read_word(const std::string& word, bool& alone) {
    constexpr std::string_view kAlone[] = {"only", "just", "nothing", "alone", "simply", "without", "no"};
    alone = alone || contains(kAlone, word);
    if (contains(kNeutral, word)) return true;
    if (!contains(kNouns, word)) return false;
    style_.nouns.push_back(word);
    return true;
  }

  std::uint32_t read_meaning(std::uint32_t at) {
    if (phrase_.is(at, "in") && (phrase_.is(at + 1, "words") || phrase_.is(at + 1, "word"))) return kRejected;
    if (phrase_.is(at, "nearest") && at + 1 < end_) {
      style_.nearest = nearest_unit(phrase_[at + 1].lower);
      if (!style_.nearest.has_value()) return kRejected;
      return phrase_.is(at + 1, "whole") && phrase_.is(at + 2, "number") ? at + 3 : at + 2;
    }
    if (phrase_.is(at, "round") || phrase_.is(at, "rounded") || phrase_.is(at, "rounding")) {
      if (phrase_.is(at + 1, "up") || phrase_.is(at + 1, "down")) return kRejected;
      return at + 1;
    }
    if (phrase_.is(at, "units") || phrase_.is(at, "unit")) return read_units(at);
    if (phrase_.is(at, "comma") || phrase_.is(at, "commas")) return separator(at, ", ");
    if (phrase_.is(at, "spaces") || (phrase_.is(at, "space") && !phrase_.is(at + 1, "between"))) {
      return separator(at, " ");
    }
    if (phrase_.is(at, "one") && phrase_.is(at + 1, "per") && phrase_.is(at + 2, "line")) {
      style_.separator = "\n";
      return at + 3;
    }
    if (phrase_.is(at, "yyyy") && phrase_.is(at + 1, "-") && phrase_.is(at + 2, "mm") && phrase_.is(at + 3, "-") &&
        phrase_.is(at + 4, "dd")) {
      style_.nouns.emplace_back("date");
      return at + 5;
    }
    if (phrase_.is(at, "iso") && (phrase_.is(at + 1, "format") || phrase_.is(at + 1, "date"))) {
      style_.nouns.emplace_back("date");
      return at + 2;
    }
    if (phrase_.is(at, "day") && phrase_.is(at + 1, "of") && phrase_.is(at + 2, "the") && phrase_.is(at + 3, "week")) {
      style_.nouns.emplace_back("weekday");
      return at + 4;
    }
    return read_number_form(at);
  }

  /// "separated by commas", "comma-separated": the words around the sign are taken with it.
  std::uint32_t separator(std::uint32_t at, std::string_view sign) {
    if (phrase_.is(at - 1, "no") || phrase_.is(at - 1, "without") || phrase_.is(at - 1, "or")) return kRejected;
    style_.separator = std::string(sign);
    if (phrase_.is(at + 1, "-") && phrase_.is(at + 2, "separated")) return at + 3;
    return phrase_.is(at + 1, "separated") ? at + 2 : at + 1;
  }

  std::uint32_t read_units(std::uint32_t at) {
    const bool none = at > 0 && (phrase_.is(at - 1, "no") || phrase_.is(at - 1, "without") ||
                                 phrase_.is(at - 1, "or") || phrase_.is(at - 1, "any"));
    (none ? style_.number_only : style_.keep_units) = true;
    return at + 1;
  }

  std::uint32_t read_number_form(std::uint32_t at) {
    if (phrase_.is(at, "fraction") || (phrase_.is(at, "lowest") && phrase_.is(at + 1, "terms"))) {
      style_.form = Form::kFraction;
      return phrase_.is(at, "fraction") ? at + 1 : at + 2;
    }
    if (phrase_.is(at, "simplest") || phrase_.is(at, "simplified") || phrase_.is(at, "reduced")) {
      style_.form = Form::kFraction;
      return at + 1;
    }
    if ((phrase_.is(at, "percentage") || phrase_.is(at, "percent")) && at > 1 && phrase_.is(at - 1, "a") &&
        phrase_.is(at - 2, "as")) {
      style_.form = Form::kPercent;
      return at + 1;
    }
    if (phrase_.is(at, "decimal") || phrase_.is(at, "decimals")) {
      style_.form = Form::kDecimal;
      return at + 1;
    }
    if (phrase_.is(at, "separated") && phrase_.is(at + 1, "by")) return at + 2;
    if (phrase_.is(at, "one") && !phrase_.is(at + 1, "decimal")) return at;
    const auto count = at < end_ ? match_number(phrase_, at, end_) : std::nullopt;
    if (!count.has_value()) return at;
    const auto places = count->value.to_int64();
    if (!places.has_value() || *places < 0 || *places > 40) return kRejected;
    const std::uint32_t next = count->end;
    const auto digits = static_cast<std::uint32_t>(*places);
    if (phrase_.is(next, "decimals") || phrase_.is(next, "dp") ||
        (phrase_.is(next, "decimal") && (next + 1 >= end_ || phrase_[next + 1].kind == TokenKind::kSymbol)))
      return set(style_.decimals, digits, next + 1);
    if (phrase_.is(next, "decimal") &&
        (phrase_.is(next + 1, "places") || phrase_.is(next + 1, "place") || phrase_.is(next + 1, "digits"))) {
      return set(style_.decimals, digits, next + 2);
    }
    if (phrase_.is(next, "digits") && phrase_.is(next + 1, "after") && phrase_.is(next + 2, "the") &&
        phrase_.is(next + 3, "decimal") && phrase_.is(next + 4, "point")) {
      return set(style_.decimals, digits, next + 5);
    }
    if (digits > 0 && phrase_.is(next, "significant")) return set(style_.significant, digits, next + 2);
    if (digits > 0 && phrase_.is(next, "sig") && (phrase_.is(next + 1, "figs") || phrase_.is(next + 1, "fig"))) {
      return set(style_.significant, digits, next + 2);
    }
    return kRejected;
  }

  std::uint32_t set(std::optional<std::uint32_t>& field, std::uint32_t value, std::uint32_t next) {
    if (next > end_) return kRejected;
    field = value;
    return next;
  }

  const Phrase& phrase_;
  std::uint32_t end_;
  Style& style_;
};

struct Suffix {
  Pattern pattern;
  bool courtesy;
};

const std::vector<Pattern>& openings() {
  static const std::vector<Pattern> kPatterns = [] {
    std::vector<Pattern> patterns;
    for (const char* source :
         {"(hi|hello|hey|hi there|hello there|good morning|good evening) [,|!|.|-]", "(please|kindly|pls) [,]",
          "(can|could|would|will) you [please|kindly] [help me to|help me]", "(tell|show|give) me [please|,]",
          "let me know", "help me [to]", "do you know", "could i know",
          "i (need|want|would like|'d like) (to know|you to|to find out|to calculate)", "i'd like (to know|you to)",
          "i (was|am) wondering [,]", "i'm wondering [,]", "quick (question|one|math question) [:|,|-|—]",
          "[math] (question|q|problem|task|exercise) [:]", "(ok|okay|so|now|well) ,", "just tell me"}) {
      patterns.emplace_back(source);
    }
    return patterns;
  }();
  return kPatterns;
}

const std::vector<Suffix>& suffixes() {
  static const std::vector<Suffix> kSuffixes = [] {
    std::vector<Suffix> patterns;
    for (const char* source :
         {"[,] [and] [rounded|rounding|round|round it|round the answer|round the result|correct|accurate] (to|off to) "
          "<n n> (decimal places|decimal place|decimals|decimal|dp|digits after the decimal point|decimal digits)",
          "[,] [and] [rounded|rounding|round|round it|round the answer|round the result|correct|accurate] to <n n> "
          "(significant figures|significant digits|significant figure|sig figs)",
          "[,] [and] [rounded|rounding|round|round it|round the answer|round the result|correct|accurate] to the "
          "nearest (integer|whole number|ten|hundred|thousand|million|tenth|hundredth|thousandth|cent|unit)",
          "[,] [expressed|written] as a [simplified|reduced] fraction [in (simplest|lowest) (form|terms)|in its "
          "simplest form]",
          "[,] in (simplest form|lowest terms|fraction form|its simplest form)",
          "[,] [expressed|written] (as a decimal [number]|in decimal form)",
          "[,] [expressed|written] as a percentage"}) {
      patterns.push_back({Pattern(source), false});
    }
    for (const char* source : {"[,] please", "[,] exactly", "for me [please]", "[,] (thanks|thank you|cheers)",
                               "[,] step by step", "in total"}) {
      patterns.push_back({Pattern(source), true});
    }
    return patterns;
  }();
  return kSuffixes;
}

}  // namespace

bool read_instruction(const Phrase& phrase, std::uint32_t begin, std::uint32_t end, Style& style) {
  if (begin >= end || phrase[begin].kind != TokenKind::kWord || !contains(kStarters, phrase[begin].lower)) return false;
  constexpr std::string_view kAloneAllowed[] = {"please", "thanks", "hi", "hello", "hey"};
  if (end - begin < 2 && !contains(kAloneAllowed, phrase[begin].lower)) return false;
  return InstructionReader(phrase, end, style).read(begin);
}

bool peel_opening(const Phrase& phrase, std::uint32_t& begin, std::uint32_t end) {
  const std::uint32_t limit = std::min(end, begin + 9);
  for (const Pattern& pattern : openings()) {
    const auto stop = pattern.match_prefix(phrase, begin, limit);
    if (!stop.has_value() || *stop == end || *stop == begin) continue;
    begin = *stop;
    return true;
  }
  return false;
}

std::uint32_t peel_suffix(const Phrase& phrase, std::uint32_t begin, std::uint32_t end, bool has_operand,
                          Style& style) {
  const std::uint32_t lowest = std::max(begin + 1, end > 14 ? end - 14 : 0);
  for (const Suffix& suffix : suffixes()) {
    if (suffix.courtesy && has_operand) continue;
    for (std::uint32_t at = lowest; at < end; ++at) {
      if (!suffix.pattern.match(phrase, at, end, [](const Captures&) { return true; })) continue;
      if (suffix.courtesy) return at;
      Style changed = style;
      std::uint32_t first = at;
      while (first < end &&
             (phrase.is(first, ",") || phrase.is(first, "and") || phrase.is(first, "to") || phrase.is(first, "off") ||
              phrase.is(first, "accurate") || phrase.is(first, "written") || phrase.is(first, "expressed"))) {
        ++first;
      }
      if (!InstructionReader(phrase, end, changed).read(first)) continue;
      style = std::move(changed);
      return at;
    }
  }
  return end;
}

}  // namespace thalamus::tool
