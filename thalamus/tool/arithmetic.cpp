/// The arithmetic tool: expressions in signs and words, percentages, lists, rounding.
#include <fmt/core.h>

#include <algorithm>

#include "thalamus/tool/arithmetic_expression.h"
#include "thalamus/tool/arithmetic_facts.h"
#include "thalamus/tool/rules_tool.h"

namespace thalamus::tool {
namespace {

constexpr TextLimits kLimits = {.bytes_max = 2048, .letters_max = 600};

bool is_integer(const Token& token) {
  return token.kind == TokenKind::kNumber && token.lower.find_first_not_of("0123456789") == std::string::npos;
}

/// a-b, a/b, axb without spaces can be a score, a date, a ratio, a blood pressure, a tyre, an aeroplane or a screen:
/// 9/11, 24/7, 120/80, 205/55, 2020/21, 737-800, 0-60, 4x4, 1920x1080, 555-1234, 2024-02-29. The sign * is no label's.
bool looks_like_a_label(const Phrase& phrase, Span span) {
  std::size_t longest = 0;
  for (std::uint32_t at = span.begin; at < span.end; ++at) {
    const bool operand = (at - span.begin) % 2 == 0;
    const bool label_sign =
        phrase.is(at, "-") || phrase.is(at, "/") || (phrase.is(at, "*") && phrase.slice(at, at + 1) != "*");
    if (operand ? !is_integer(phrase[at]) : !label_sign) return false;
    if (at > span.begin && phrase[at].spaced) return false;
    longest = std::max(longest, phrase[at].lower.size());
  }
  const std::uint32_t size = span.end - span.begin;
  if (size < 3 || size % 2 == 0) return false;
  // Numbers of five digits with one stroke between them label nothing that is well known.
  return size != 3 || !phrase.is(span.begin + 1, "/") || longest <= 4;
}

bool is_asked_to_simplify(const Match& match) { return match.phrase().is(match.question.begin, "simplify"); }

/// "Simplify" asks for an exact form: a fraction for a fraction. Decimals and percentages have no one simplest form.
bool simplifies_plainly(const Phrase& phrase, Span span, const Value& value) {
  if (!value.is_exact()) return false;
  if (value.low.is_integer()) return true;
  for (std::uint32_t at = span.begin; at < span.end; ++at) {
    const bool decimal = phrase[at].kind == TokenKind::kNumber && phrase[at].lower.find('.') != std::string::npos;
    if (decimal || phrase.is(at, "%") || phrase.is(at, "percent") || phrase.is(at, "point")) return false;
  }
  return true;
}

enum class Frame : std::uint8_t { kNone, kAsk, kCommand };

/// "5!" at the end may be an exclamation: it is a factorial where it stands alone or is not the first one.
std::optional<Span> with_factorial(const Match& match, Span span, Frame frame) {
  const std::string& tail = match.question.tail;
  if (span.end != match.question.end || tail.empty() || tail.front() != '!') return span;
  if (tail.size() > 2) return std::nullopt;
  bool other = false;
  for (std::uint32_t at = span.begin; at < span.end; ++at) other = other || match.phrase().is(at, "!");
  // A bare "5!" is one; what is left of "give me 5!" is not.
  if (frame == Frame::kNone && match.question.begin != 0) return std::nullopt;
  const bool sole = span.end - span.begin == 1 && match.phrase()[span.begin].kind == TokenKind::kNumber;
  if (!sole && !other) {
    if (tail == "!" || tail == "!?") return std::nullopt;
    if (tail != "!.") return std::nullopt;
  }
  return Span{span.begin, span.end + 1};
}

std::optional<Solution> expression_solution(const Match& match, Frame frame) {
  const Phrase& phrase = match.phrase();
  const auto span = with_factorial(match, match.span('e'), frame);
  if (!span.has_value()) return std::nullopt;
  Evaluator evaluator;
  const auto expression = parse_expression(phrase, *span, evaluator);
  if (!expression.has_value()) return std::nullopt;
  Style style = match.style();
  if (is_asked_to_simplify(match) && style.is_unrounded()) {
    if (!simplifies_plainly(phrase, *span, expression->value)) return std::nullopt;
    style.form = Form::kFraction;
  }
  const bool shaped = !style.is_unrounded();
  if (expression->percent && style.form == Form::kDefault) return std::nullopt;
  if (expression->operations == 0 && !shaped) return std::nullopt;
  if (expression->operations == 0 && frame == Frame::kNone) return std::nullopt;
  // Without a frame, two small numbers with a dash between them are a score or a range.
  if (frame == Frame::kNone && span->end - span->begin == 3 && phrase.is(span->begin + 1, "-") &&
      !phrase[span->begin + 1].spaced) {
    return std::nullopt;
  }
  if (frame != Frame::kCommand && style.form == Form::kDefault && looks_like_a_label(phrase, *span)) {
    return std::nullopt;
  }
  return number_solution(style, expression->value, phrase.slice(span->begin, span->end), expression->preference);
}

std::optional<Solution> asked(const Match& match) { return expression_solution(match, Frame::kAsk); }
std::optional<Solution> commanded(const Match& match) { return expression_solution(match, Frame::kCommand); }
std::optional<Solution> bare(const Match& match) { return expression_solution(match, Frame::kNone); }

/// Both slots as operands, combined by `combine`; the working names the operation.
template <class Combine>
std::optional<Solution> two_operands(const Match& match, char left, char right, std::string_view sign,
                                     Combine combine) {
  Evaluator evaluator;
  const auto a = parse_expression(match.phrase(), match.span(left), evaluator, Tightness::kOperand);
  const auto b = parse_expression(match.phrase(), match.span(right), evaluator, Tightness::kOperand);
  if (!a.has_value() || !b.has_value() || a->percent || b->percent) return std::nullopt;
  const std::optional<Value> value = combine(evaluator, a->value, b->value);
  if (!value.has_value()) return std::nullopt;
  return number_solution(match.style(), *value, fmt::format("{} {} {}", match.text(left), sign, match.text(right)));
}

std::optional<Solution> add(const Match& match) {
  return two_operands(match, 'a', 'b', "+", [](Evaluator& e, const Value& a, const Value& b) { return e.add(a, b); });
}
std::optional<Solution> subtract(const Match& match) {
  return two_operands(match, 'b', 'a', "-",
                      [](Evaluator& e, const Value& a, const Value& b) { return e.subtract(a, b); });
}
std::optional<Solution> multiply(const Match& match) {
  return two_operands(match, 'a', 'b', "*",
                      [](Evaluator& e, const Value& a, const Value& b) { return e.multiply(a, b); });
}
std::optional<Solution> divide(const Match& match) {
  return two_operands(match, 'a', 'b', "/",
                      [](Evaluator& e, const Value& a, const Value& b) { return e.divide(a, b); });
}
std::optional<Solution> remainder(const Match& match) {
  return two_operands(match, 'a', 'b', "mod",
                      [](Evaluator& e, const Value& a, const Value& b) { return e.modulo(a, b); });
}
std::optional<Solution> goes_into(const Match& match) {
  return two_operands(match, 'b', 'a', "/", [](Evaluator& e, const Value& a, const Value& b) {
    auto value = e.divide(a, b);
    if (value.has_value() && !(value->is_exact() && value->low.is_integer())) value.reset();
    return value;
  });
}

std::optional<Solution> add_list(const Match& match) {
  Evaluator evaluator;
  const auto values = parse_list(match.phrase(), match.span('l'), evaluator);
  if (!values.has_value()) return std::nullopt;
  const auto sum = fold(Fold::kSum, *values, evaluator);
  if (!sum.has_value()) return std::nullopt;
  return number_solution(match.style(), *sum, fmt::format("the sum of {}", match.text('l')));
}

/// Two exact numbers of a percent question.
struct PercentInput {
  Rational a;
  Rational b;
};
std::optional<PercentInput> two_numbers(const Match& match) {
  auto a = match.number('a');
  auto b = match.number('b');
  if (!a.has_value() || !b.has_value() || a->numerator().limbs() > 8 || b->numerator().limbs() > 8 ||
      a->denominator().limbs() > 8 || b->denominator().limbs() > 8) {
    return std::nullopt;
  }
  return PercentInput{*std::move(a), *std::move(b)};
}

/// b as a percentage of a.
std::optional<Solution> what_percent(const Match& match) {
  const auto input = two_numbers(match);
  if (!input.has_value() || input->a.is_zero()) return std::nullopt;
  Style style = match.style();
  if (style.form != Form::kDefault && style.form != Form::kPercent) return std::nullopt;
  style.form = Form::kDefault;
  return number_solution(style, Value(input->b * Rational(100) / input->a),
                         fmt::format("{} / {} × 100", match.text('b'), match.text('a')), Preference::kDecimal, "%");
}

std::optional<Solution> out_of(const Match& match) {
  return match.style().form == Form::kPercent ? what_percent(match) : std::nullopt;
}

std::optional<Solution> change_by(const Match& match, int sign) {
  const auto input = two_numbers(match);
  if (!input.has_value()) return std::nullopt;
  const Rational factor = Rational(1) + Rational(sign) * input->b / Rational(100);
  return number_solution(
      match.style(), Value(input->a * factor),
      fmt::format("{} {} {}% of {}", match.text('a'), sign > 0 ? "+" : "-", match.text('b'), match.text('a')));
}
std::optional<Solution> increase(const Match& match) { return change_by(match, 1); }
std::optional<Solution> decrease(const Match& match) { return change_by(match, -1); }

/// b is a percent of what?
std::optional<Solution> whole_of(const Match& match) {
  const auto input = two_numbers(match);
  if (!input.has_value() || input->a.is_zero()) return std::nullopt;
  return number_solution(match.style(), Value(input->b * Rational(100) / input->a),
                         fmt::format("{} / {}%", match.text('b'), match.text('a')));
}

std::optional<Solution> percent_change(const Match& match) {
  const auto input = two_numbers(match);
  if (!input.has_value() || input->a.is_zero() || input->a.is_negative()) return std::nullopt;
  const Rational change = (input->b - input->a) * Rational(100) / input->a;
  const bool decrease_asked =
      match.span('d').end > match.span('d').begin && match.phrase().is(match.span('d').begin, "decrease");
  const bool increase_asked = match.phrase().is(match.span('d').begin, "increase");
  if ((decrease_asked && !change.is_negative()) || (increase_asked && change.is_negative())) return std::nullopt;
  return number_solution(match.style(), Value(decrease_asked ? -change : change),
                         fmt::format("({} - {}) / {} × 100", match.text(decrease_asked ? 'a' : 'b'),
                                     match.text(decrease_asked ? 'b' : 'a'), match.text('a')),
                         Preference::kDecimal, "%");
}

std::optional<Solution> more_than(const Match& match) { return add(match); }
std::optional<Solution> less_than(const Match& match) { return subtract(match); }

std::optional<Solution> converted(const Match& match, Form form) {
  Question question = match.question;
  if (question.style.form != Form::kDefault && question.style.form != form) return std::nullopt;
  question.style.form = form;
  return expression_solution(Match{question, match.captures, match.context}, Frame::kCommand);
}
std::optional<Solution> to_fraction(const Match& match) { return converted(match, Form::kFraction); }
std::optional<Solution> to_decimal(const Match& match) { return converted(match, Form::kDecimal); }
std::optional<Solution> to_percent(const Match& match) { return converted(match, Form::kPercent); }

/// "round 3.14159 to two decimal places": the rounding itself was read as style.
std::optional<Solution> round_it(const Match& match) {
  if (match.style().is_unrounded()) return std::nullopt;
  return commanded(match);
}
std::optional<Solution> shaped(const Match& match) {
  return match.style().form == Form::kDefault ? std::nullopt : commanded(match);
}

std::span<const Rule> expression_rules() {
  static const std::vector<Rule> kRules = compile_rules({
      {{"add <any a> (and|to) <any b> [together]", "what do you get (when|if) you add <any a> (and|to) <any b>"}, add},
      {{"add [up|together] [the numbers|these numbers] [:] <any l> [together|up]"}, add_list},
      {{"[WHAT] [the (result|value) of] (subtract|subtracting) <any a> from <any b>",
        "take [away] <any a> from <any b>", "what do you get (when|if) you (subtract|take) <any a> from <any b>",
        "WHAT <any b> take away <any a>"},
       subtract},
      {{"[WHAT] [the result of] (multiply|multiplying) <any a> (by|and|with) <any b> [together]",
        "what do you get (when|if) you multiply <any a> (by|and|with) <any b>"},
       multiply},
      {{"[WHAT] [the result of] (divide|dividing) <any a> by <any b>",
        "what do you get (when|if) you divide <any a> by <any b>"},
       divide},
      {{"[WHAT] the remainder (when|if) <any a> (is divided|divided|is being divided) by <any b>",
        "[WHAT] the remainder (of|from|when dividing|from dividing) <any a> (divided by|by|/) <any b>",
        "[WHAT] the remainder (of|from) <any a> when [it is] divided by <any b>",
        "what (remainder is left|is left over) when <any a> is divided by <any b>"},
       remainder},
      {{"how many times (does|will|can) <any a> (go|fit|divide) into <any b>"}, goes_into},
      {{"[WHAT] what (percent|percentage|%) of <n a> is <n b>", "what (percent|percentage|%) is <n b> of <n a>",
        "<n b> is what (percent|percentage|%) of <n a>", "[WHAT] <n b> as a (percent|percentage) of <n a>",
        "[WHAT] the percentage of <n b> out of <n a>", "express <n b> as a (percent|percentage) of <n a>"},
       what_percent},
      {{"[WHAT|express|write] <n b> out of <n a>"}, out_of},
      {{"[WHAT] (increase|raise) <n a> by <n b> (%|percent)", "[WHAT] <n a> (increased|raised) by <n b> (%|percent)"},
       increase},
      {{"[WHAT] (decrease|reduce|lower) <n a> by <n b> (%|percent)",
        "[WHAT] <n a> (decreased|reduced|lowered) by <n b> (%|percent)", "[WHAT] <n b> (%|percent) off [of] <n a>"},
       decrease},
      {{"<n b> is <n a> (%|percent) of what [number]", "<n a> (%|percent) of what [number] is <n b>",
        "[WHAT] the number (if|when) <n a> (%|percent) of it is <n b>"},
       whole_of},
      {{"[WHAT] the (percentage|percent) (<word d>) from <n a> to <n b>",
        "[WHAT] the (percentage|percent) (<word d>) (if|when) <n a> (becomes|changes to|goes to) <n b>"},
       percent_change},
      {{"WHAT <any a> more than <any b>"}, more_than},
      {{"WHAT <any a> less than <any b>"}, less_than},
      {{"(convert|change|turn|write|express) [the (decimal|percentage|number)] <any e> (to|into|as) a "
        "[simplified|reduced] "
        "fraction"},
       to_fraction},
      {{"(convert|change|turn|write|express) [the (fraction|percentage)] <any e> (to|into|as) a decimal [number]"},
       to_decimal},
      {{"(convert|change|turn|write|express) [the (fraction|decimal|number)] <any e> (to|into|as) a "
        "(percentage|percent)"},
       to_percent},
      {{"round <any e>", "round the number <any e>"}, round_it},
      {{"(write|express|convert|change) <any e>"}, shaped},
  });
  return kRules;
}

std::span<const Rule> frame_rules() {
  static const std::vector<Rule> kRules = compile_rules({
      {{"(calculate|compute|evaluate|work out|solve|simplify|how much is|what does) [:] [the (result|value) of|"
        "the expression|the following|the following expression|this|this expression|the answer to|the sum|"
        "the product|the calculation] [:] <any e> [=|equal|equals|equal to|come to|make]",
        "<any e> ="},
       commanded},
      {{"(what is|what's|whats|what are|what would be) [:] [the (result|value|answer) of|the value of|the answer to|"
        "the result of the expression|the value of the expression] [:] <any e> [=|equal to|equals]",
        "what <any e> (is|equals|equal|makes|comes to)", "[the] (result|value) of <any e>",
        "how much (does|do) <any e> "
        "(make|equal|come to)",
        "give [the (result|value) of] <any e>", "what do you get for <any e>",
        "(determine|figure out|get|i need|find) [:] [the (result|value) of] <any e>"},
       asked},
      {{"<any e>"}, bare},
  });
  return kRules;
}

}  // namespace

ToolRecord arithmetic_tool() {
  return {"arithmetic", "exact arithmetic: expressions in signs and words, percentages, roots, primes, number bases",
          "What is 17 * 23?", []() -> const Tool& {
            static constexpr RuleTable kTables[] = {arithmetic_fact_rules, expression_rules, frame_rules};
            static const RulesTool kTool(kLimits, kTables);
            return kTool;
          }};
}

}  // namespace thalamus::tool
