#include "thalamus/tool/arithmetic_expression.h"

#include <algorithm>
#include <array>

#include "thalamus/base/text.h"

namespace thalamus::tool {
namespace {

constexpr int kDepthMax = 48;

struct PrefixWords {
  std::string_view words;
  Fold fold;
};
constexpr PrefixWords kFolds[] = {
    {"sum of", Fold::kSum},
    {"product of", Fold::kProduct},
    {"difference between", Fold::kDifference},
    {"difference of", Fold::kDifference},
    {"quotient of", Fold::kQuotient},
    {"average of", Fold::kMean},
    {"mean of", Fold::kMean},
    {"arithmetic mean of", Fold::kMean},
    {"median of", Fold::kMedian},
    {"gcd of", Fold::kGcd},
    {"gcf of", Fold::kGcd},
    {"hcf of", Fold::kGcd},
    {"greatest common divisor of", Fold::kGcd},
    {"greatest common factor of", Fold::kGcd},
    {"highest common factor of", Fold::kGcd},
    {"lcm of", Fold::kLcm},
    {"least common multiple of", Fold::kLcm},
    {"lowest common multiple of", Fold::kLcm},
    {"minimum of", Fold::kMin},
    {"smallest of", Fold::kMin},
    {"maximum of", Fold::kMax},
    {"largest of", Fold::kMax},
};

enum class Unary : std::uint8_t {
  kSquareRoot,
  kCubeRoot,
  kSquare,
  kCube,
  kFactorial,
  kAbsolute,
  kHalf,
  kDouble,
  kTriple,
  kReciprocal,
  kFloor,
  kCeiling,
};
struct UnaryWords {
  std::string_view words;
  Unary operation;
};
constexpr UnaryWords kUnaries[] = {
    {"square root of", Unary::kSquareRoot},
    {"cube root of", Unary::kCubeRoot},
    {"square of", Unary::kSquare},
    {"cube of", Unary::kCube},
    {"factorial of", Unary::kFactorial},
    {"absolute value of", Unary::kAbsolute},
    {"half of", Unary::kHalf},
    {"double", Unary::kDouble},
    {"twice", Unary::kDouble},
    {"triple", Unary::kTriple},
    {"reciprocal of", Unary::kReciprocal},
    {"floor of", Unary::kFloor},
    {"ceiling of", Unary::kCeiling},
};

/// A parsed part of an expression.
struct Item {
  Value value;
  bool percent = false;
  bool open = false;  ///< ends in the bare operand of a word: "the square root of 16"; what follows could belong to it
};

class Parser {
 public:
  Parser(const Phrase& phrase, Span span, Evaluator& evaluator)
      : phrase_(phrase), at_(span.begin), end_(span.end), evaluator_(evaluator) {}

  std::optional<Item> expression() {
    if (++depth_ > kDepthMax) return std::nullopt;
    auto left = term();
    while (left.has_value() && at_ < end_) {
      const std::uint32_t start = at_;
      const bool plus = take("+") || take_words("plus") || take_words("added to");
      if (!plus && !take("-") && !take_words("minus")) break;
      count_operation(start);
      if (left->open || left->percent) return std::nullopt;
      const auto right = term();
      if (!right.has_value() || right->percent) return std::nullopt;
      const auto value =
          plus ? evaluator_.add(left->value, right->value) : evaluator_.subtract(left->value, right->value);
      if (!value.has_value()) return std::nullopt;
      left = Item{*value, false, right->open};
      other_operations_ = true;
    }
    --depth_;
    return left;
  }

  std::optional<Item> operand() { return unary(); }

  /// "3, 4 and 9". Inside another list only "a and b".
  std::optional<std::vector<Value>> list(bool nested) {
    if (list_depth_ == 0) list_depth_ = 1;
    std::vector<Value> values;
    bool inner_list = false;
    while (true) {
      const std::uint32_t lists_before = lists_;
      auto item = unary();
      if (!item.has_value() || item->percent) return std::nullopt;
      inner_list = lists_ != lists_before;
      values.push_back(std::move(item->value));
      if (values.size() > 200 || (nested && values.size() == 2)) break;
      const std::uint32_t before = at_;
      const bool comma = !nested && take(",");
      const bool word = take("and");
      if (!comma && !word) break;
      if (inner_list && word && values.size() > 1) return std::nullopt;
      if (comma && !word && at_ < end_ && !phrase_[at_].spaced) tight_commas_ = true;
      if (at_ >= end_) {
        at_ = before;
        break;
      }
    }
    if (values.size() < 2 || (grouped_ && tight_commas_)) return std::nullopt;
    return values;
  }

  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
  [[nodiscard]] std::uint32_t operations() const noexcept { return operations_; }
  [[nodiscard]] bool has_word_operator() const noexcept { return word_operator_; }
  [[nodiscard]] Preference preference() const noexcept {
    const bool fractions = tight_fractions_ > 0 && !loose_division_ && !decimals_ && (other_operations_ || mixed_);
    return fractions ? Preference::kFraction : Preference::kDecimal;
  }

 private:
  bool take(std::string_view symbol) {
    if (at_ >= end_ || !phrase_.is(at_, symbol)) return false;
    ++at_;
    return true;
  }

  bool take_words(std::string_view words) {
    std::uint32_t at = at_;
    for (const std::string_view word : base::split(words, ' ')) {
      if (at >= end_ || !phrase_.is(at, word)) return false;
      ++at;
    }
    at_ = at;
    word_operator_ = true;
    return true;
  }

  void count_operation(std::uint32_t) { ++operations_; }

  bool take_times() {
    if (take("*") || take_words("times") || take_words("multiplied by")) return true;
    return at_ > 0 && at_ + 1 < end_ && phrase_.is(at_, "x") && phrase_[at_].spaced && phrase_[at_ + 1].spaced &&
           take("x");
  }

  /// A % between two operands is the remainder only if both sides are spaced alike.
  bool take_modulo() {
    if (take_words("mod") || take_words("modulo")) return true;
    if (at_ + 1 >= end_ || !phrase_.is(at_, "%") || !starts_operand(at_ + 1)) return false;
    if (phrase_[at_].spaced != phrase_[at_ + 1].spaced) return false;
    return take("%");
  }

  [[nodiscard]] bool starts_operand(std::uint32_t at) const {
    return at < end_ && (phrase_[at].kind == TokenKind::kNumber || phrase_.is(at, "("));
  }

  enum class Operator : std::uint8_t { kNone, kTimes, kDivide, kModulo, kImplicit, kOf };

  Operator take_operator(const Item& left) {
    const std::uint32_t start = at_;
    if (left.percent) {
      if (take("of")) return Operator::kOf;
      return take_times() ? Operator::kTimes : Operator::kNone;
    }
    if (take_times()) return Operator::kTimes;
    if (take("/")) {
      const bool tight = !phrase_[start].spaced && at_ < end_ && !phrase_[at_].spaced &&
                         phrase_[start - 1].kind == TokenKind::kNumber && phrase_[at_].kind == TokenKind::kNumber;
      (tight ? tight_fractions_ : loose_divisions_) += 1;
      loose_division_ = loose_divisions_ > 0;
      return Operator::kDivide;
    }
    if (take_words("divided by") || take_words("over")) {
      loose_division_ = true;
      return Operator::kDivide;
    }
    if (take_modulo()) return Operator::kModulo;
    const bool after_value = at_ > 0 && (phrase_.is(at_ - 1, ")") || phrase_[at_ - 1].kind == TokenKind::kNumber);
    if (after_value && at_ < end_ && phrase_.is(at_, "(")) return Operator::kImplicit;
    return Operator::kNone;
  }

  std::optional<Item> term() {
    auto left = unary();
    bool divided = false;
    while (left.has_value() && at_ < end_) {
      const std::uint32_t start = at_;
      const Operator operation = take_operator(*left);
      if (operation == Operator::kNone) break;
      count_operation(start);
      if (left->open) return std::nullopt;
      // a / b(c): whether b(c) or a / b goes first, people disagree.
      if (operation == Operator::kImplicit && divided) return std::nullopt;
      const auto right = unary();
      if (!right.has_value()) return std::nullopt;
      if (right->percent && operation != Operator::kTimes) return std::nullopt;
      std::optional<Value> value;
      switch (operation) {
        case Operator::kDivide: value = evaluator_.divide(left->value, right->value); break;
        case Operator::kModulo: value = evaluator_.modulo(left->value, right->value); break;
        default: value = evaluator_.multiply(left->value, right->value); break;
      }
      if (!value.has_value()) return std::nullopt;
      divided = divided || operation == Operator::kDivide || operation == Operator::kModulo;
      other_operations_ = other_operations_ || operation != Operator::kDivide;
      left = Item{*value, false, right->open || operation == Operator::kOf};
    }
    return left;
  }

  std::optional<Item> unary() {
    if (++depth_ > kDepthMax) return std::nullopt;
    bool negative = false;
    const std::uint32_t start = at_;
    std::optional<Item> item;
    if (take("-") || take("minus") || take("negative")) {
      negative = true;
      item = unary();
    } else if (take("+")) {
      item = unary();
    } else {
      item = powered();
    }
    --depth_;
    if (!item.has_value()) return std::nullopt;
    if (negative && power_in_words(start)) return std::nullopt;
    if (negative) item->value = Value(-item->value.high, -item->value.low);
    return item;
  }

  /// "negative 5 squared": of the number or of its negative? Said in signs (-5^2), the power goes first.
  [[nodiscard]] bool power_in_words(std::uint32_t start) const {
    int depth = 0;
    bool power = false;
    bool in_words = phrase_[start].kind == TokenKind::kWord;
    for (std::uint32_t at = start; at < at_; ++at) {
      depth += phrase_.is(at, "(") ? 1 : (phrase_.is(at, ")") ? -1 : 0);
      if (depth > 0) continue;
      const bool said = phrase_.is(at, "squared") || phrase_.is(at, "cubed") || phrase_.is(at, "power") ||
                        phrase_.is(at, "raised") || phrase_.is(at, "to");
      power = power || said || phrase_.is(at, "^") || phrase_.is(at, "²") || phrase_.is(at, "³");
      in_words = in_words || said;
    }
    return power && in_words;
  }

  std::optional<Item> powered() {
    auto base = postfix();
    if (!base.has_value()) return std::nullopt;
    const std::uint32_t start = at_;
    std::optional<Item> exponent;
    if (take("^") || take_words("to the power of") || take_words("raised to the power of") ||
        take_words("to the power")) {
      exponent = unary();
    } else if (take_words("raised to the") || take_words("to the")) {
      const auto ordinal = match_ordinal(phrase_, at_, end_);
      if (!ordinal.has_value()) return std::nullopt;
      at_ = ordinal->end;
      (void)take("power");
      exponent = Item{ordinal->value};
    } else if (take_words("raised to")) {
      exponent = unary();
    } else {
      return base;
    }
    count_operation(start);
    other_operations_ = true;
    if (!exponent.has_value() || base->percent || exponent->percent || base->open || mixed_) return std::nullopt;
    const auto value = evaluator_.raise(base->value, exponent->value);
    if (!value.has_value()) return std::nullopt;
    return Item{*value, false, exponent->open};
  }

  std::optional<Item> postfix() {
    auto item = primary();
    while (item.has_value() && at_ < end_) {
      const std::uint32_t start = at_;
      std::optional<Value> value;
      if (take("!") || take_words("factorial")) {
        value = evaluator_.factorial(item->value);
      } else if (take("²") || take_words("squared")) {
        value = evaluator_.raise(item->value, Value(2));
      } else if (take("³") || take_words("cubed")) {
        value = evaluator_.raise(item->value, Value(3));
      } else if ((phrase_.is(at_, "%") && !starts_modulo()) || phrase_.is(at_, "percent") || phrase_.is(at_, "per") ||
                 phrase_.is(at_, "pct")) {
        if (take("per") && !phrase_.is(at_, "cent")) return std::nullopt;
        if (item->percent) return std::nullopt;
        ++at_;
        count_operation(start);
        const auto hundredth = evaluator_.divide(item->value, Value(100));
        if (!hundredth.has_value()) return std::nullopt;
        item = Item{*hundredth, true, item->open};
        loose_division_ = true;
        continue;
      } else {
        return item;
      }
      count_operation(start);
      other_operations_ = true;
      if (!value.has_value() || item->open || item->percent) return std::nullopt;
      item = Item{*value};
    }
    return item;
  }

  [[nodiscard]] bool starts_modulo() const {
    return starts_operand(at_ + 1) && phrase_[at_].spaced == phrase_[at_ + 1].spaced;
  }

  std::optional<Item> primary() {
    if (at_ >= end_) return std::nullopt;
    if (phrase_.is(at_, "(") || phrase_.is(at_, "[")) return bracketed();
    if (take("√") || take("∛")) {
      const std::uint32_t degree = phrase_.is(at_ - 1, "√") ? 2 : 3;
      count_operation(at_);
      const auto argument = primary();
      if (!argument.has_value() || argument->open) return std::nullopt;
      return wrap(evaluator_.root(argument->value, degree), false);
    }
    if (phrase_[at_].kind == TokenKind::kNumber) return number();
    if (phrase_[at_].kind != TokenKind::kWord) return std::nullopt;
    if (at_ + 1 < end_ && phrase_.is(at_ + 1, "(") && !phrase_.is(at_, "the")) return call();
    if (auto words = match_number_words(phrase_, at_, end_); words.has_value()) {
      return number_words(*words);
    }
    return word_prefix();
  }

  static std::optional<Item> wrap(std::optional<Value> value, bool open) {
    if (!value.has_value()) return std::nullopt;
    return Item{*std::move(value), false, open};
  }

  std::optional<Item> bracketed() {
    const std::string_view close = phrase_.is(at_, "(") ? ")" : "]";
    ++at_;
    auto inside = expression();
    if (!inside.has_value() || !take(close)) return std::nullopt;
    if (inside->percent) return std::nullopt;
    inside->open = false;
    return inside;
  }

  std::optional<Item> number() {
    const std::string& text = phrase_[at_].lower;
    if (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9') return std::nullopt;
    auto value = Rational::parse(text);
    if (!value.has_value()) return std::nullopt;
    decimals_ = decimals_ || text.find_first_of(".e") != std::string::npos;
    grouped_ = grouped_ || text.find(',') != std::string::npos;
    const std::uint32_t start = at_++;
    Rational total = *std::move(value);
    // "2 1/2": a mixed number.
    if (at_ + 2 < end_ && phrase_[at_].kind == TokenKind::kNumber && phrase_[at_].spaced && phrase_.is(at_ + 1, "/") &&
        !phrase_[at_ + 1].spaced && phrase_[at_ + 2].kind == TokenKind::kNumber && !phrase_[at_ + 2].spaced) {
      const auto mixed = match_number(phrase_, start, end_);
      if (!mixed.has_value() || mixed->end != start + 4) return std::nullopt;
      at_ = mixed->end;
      tight_fractions_ += 1;
      mixed_ = true;
      return Item{mixed->value};
    }
    for (const auto& [word, scale] : {std::pair<std::string_view, std::int64_t>{"hundred", 100},
                                      {"thousand", 1000},
                                      {"million", 1'000'000},
                                      {"billion", 1'000'000'000},
                                      {"trillion", 1'000'000'000'000}}) {
      if (take(word)) return Item{total * Rational(scale)};
    }
    return Item{total};
  }

  /// Number words, or a fraction of something: "two thirds of 90".
  std::optional<Item> number_words(const NumberMatch& words) {
    const auto part = match_ordinal(phrase_, words.end, end_);
    const bool single = words.value == Rational(1);
    std::uint32_t next = words.end;
    Rational size(0);
    constexpr std::pair<std::string_view, int> kParts[] = {
        {"half", 2},   {"halves", 2}, {"thirds", 3},   {"quarter", 4}, {"quarters", 4}, {"fourths", 4},
        {"fifths", 5}, {"sixths", 6}, {"sevenths", 7}, {"eighths", 8}, {"ninths", 9},   {"tenths", 10}};
    for (const auto& [word, denominator] : kParts) {
      if (next < end_ && phrase_.is(next, word)) size = Rational(denominator);
    }
    if (!size.is_zero()) {
      ++next;
    } else if (part.has_value() && single) {
      size = part->value;
      next = part->end;
    }
    // "the product of two hundred and five and seven": two numbers or three?
    for (std::uint32_t at = at_; at < words.end && list_depth_ > 0; ++at) {
      if (phrase_.is(at, "and")) return std::nullopt;
    }
    at_ = words.end;
    if (size.is_zero()) return Item{words.value};
    at_ = next;
    return share(words.value / size);
  }

  /// "... of X" after a fraction in words.
  std::optional<Item> share(const Rational& part) {
    if (!take("of")) return std::nullopt;
    word_operator_ = true;
    count_operation(at_);
    const auto whole = unary();
    if (!whole.has_value() || whole->percent) return std::nullopt;
    return wrap(evaluator_.multiply(part, whole->value), true);
  }

  std::optional<Item> word_prefix() {
    if (++depth_ > kDepthMax) return std::nullopt;
    const std::uint32_t start = at_;
    (void)take("the");
    for (const PrefixWords& entry : kFolds) {
      if (!take_words(entry.words)) continue;
      count_operation(start);
      const bool nested = list_depth_ > 0;
      ++list_depth_;
      ++lists_;
      const auto values = list(nested);
      --list_depth_;
      if (!values.has_value()) return std::nullopt;
      --depth_;
      other_operations_ = true;
      return wrap(fold(entry.fold, *values, evaluator_), true);
    }
    for (const UnaryWords& entry : kUnaries) {
      if (!take_words(entry.words)) continue;
      count_operation(start);
      const bool bracket = at_ < end_ && phrase_.is(at_, "(");
      const auto argument = unary();
      if (!argument.has_value() || argument->percent) return std::nullopt;
      --depth_;
      other_operations_ = true;
      return wrap(apply_unary(entry.operation, argument->value), !bracket);
    }
    if (phrase_.is(at_, "a") || phrase_.is(at_, "one")) ++at_;
    if (take("half")) return share(Rational(BigInt(1), BigInt(2)));
    if (take("quarter")) return share(Rational(BigInt(1), BigInt(4)));
    if (const auto ordinal = match_ordinal(phrase_, at_, end_); ordinal.has_value()) {
      at_ = ordinal->end;
      if (!take_words("root of")) return share(Rational(1) / ordinal->value);
      count_operation(start);
      const auto degree = ordinal->value.to_int64();
      const auto argument = unary();
      if (!argument.has_value() || !degree.has_value() || *degree < 2 || *degree > 12) return std::nullopt;
      --depth_;
      return wrap(evaluator_.root(argument->value, static_cast<std::uint32_t>(*degree)), true);
    }
    return std::nullopt;
  }

  std::optional<Value> apply_unary(Unary operation, const Value& value) {
    switch (operation) {
      case Unary::kSquareRoot: return evaluator_.root(value, 2);
      case Unary::kCubeRoot: return evaluator_.root(value, 3);
      case Unary::kSquare: return evaluator_.raise(value, Value(2));
      case Unary::kCube: return evaluator_.raise(value, Value(3));
      case Unary::kFactorial: return evaluator_.factorial(value);
      case Unary::kHalf: return evaluator_.divide(value, Value(2));
      case Unary::kDouble: return evaluator_.multiply(value, Value(2));
      case Unary::kTriple: return evaluator_.multiply(value, Value(3));
      case Unary::kReciprocal: return evaluator_.divide(Value(1), value);
      case Unary::kAbsolute:
        if (!value.high.is_negative() && !value.low.is_negative()) return value;
        return Value(-value.high, -value.low);
      case Unary::kFloor:
        if (value.low.floor() != value.high.floor()) return std::nullopt;
        return Value(Rational(value.low.floor()));
      case Unary::kCeiling:
        if (value.low.ceiling() != value.high.ceiling()) return std::nullopt;
        return Value(Rational(value.low.ceiling()));
    }
    return std::nullopt;
  }

  /// name(arguments)
  std::optional<Item> call() {
    const std::string name = phrase_[at_].lower;
    at_ += 2;
    const std::uint32_t first = at_;
    std::vector<Value> arguments;
    do {
      const auto argument = expression();
      if (!argument.has_value() || argument->percent || arguments.size() >= 64) return std::nullopt;
      arguments.push_back(argument->value);
    } while (take(","));
    const bool one_token = at_ == first + 1;
    if (!take(")")) return std::nullopt;
    count_operation(at_);
    other_operations_ = true;
    const bool grouped = grouped_;
    if (name == "sqrt") return one(arguments, Unary::kSquareRoot);
    if (name == "cbrt") return one(arguments, Unary::kCubeRoot);
    if (name == "abs") return one(arguments, Unary::kAbsolute);
    if (name == "floor") return one(arguments, Unary::kFloor);
    if (name == "ceil" || name == "ceiling") return one(arguments, Unary::kCeiling);
    if (name == "factorial") return one(arguments, Unary::kFactorial);
    if (grouped && one_token && arguments.size() == 1) {
      // gcd(120,180): the comma cannot group thousands, for one argument alone makes no sense.
      arguments.clear();
      for (const std::string_view piece : base::split(phrase_[first].lower, ',')) {
        if (piece.size() > 1 && piece.front() == '0') return std::nullopt;
        const auto value = Rational::parse(piece);
        if (!value.has_value()) return std::nullopt;
        arguments.emplace_back(*value);
      }
      grouped_ = false;
    } else if (grouped) {
      return std::nullopt;
    }
    if (arguments.size() < 2) return std::nullopt;
    if (name == "gcd" || name == "hcf" || name == "gcf") return wrap(fold(Fold::kGcd, arguments, evaluator_), false);
    if (name == "lcm") return wrap(fold(Fold::kLcm, arguments, evaluator_), false);
    if (name == "min") return wrap(fold(Fold::kMin, arguments, evaluator_), false);
    if (name == "max") return wrap(fold(Fold::kMax, arguments, evaluator_), false);
    if (arguments.size() != 2) return std::nullopt;
    if (name == "pow") return wrap(evaluator_.raise(arguments[0], arguments[1]), false);
    if (name == "mod") return wrap(evaluator_.modulo(arguments[0], arguments[1]), false);
    return std::nullopt;
  }

  std::optional<Item> one(const std::vector<Value>& arguments, Unary operation) {
    if (arguments.size() != 1) return std::nullopt;
    return wrap(apply_unary(operation, arguments[0]), false);
  }

  const Phrase& phrase_;
  std::uint32_t at_;
  std::uint32_t end_;
  Evaluator& evaluator_;
  int depth_ = 0;
  int list_depth_ = 0;
  std::uint32_t lists_ = 0;
  std::uint32_t operations_ = 0;
  int tight_fractions_ = 0;
  int loose_divisions_ = 0;
  bool loose_division_ = false;
  bool other_operations_ = false;
  bool decimals_ = false;
  bool mixed_ = false;
  bool grouped_ = false;
  bool tight_commas_ = false;
  bool word_operator_ = false;
};

}  // namespace

std::optional<Expression> parse_expression(const Phrase& phrase, Span span, Evaluator& evaluator, Tightness tightness) {
  if (span.empty()) return std::nullopt;
  Parser parser(phrase, span, evaluator);
  const auto item = tightness == Tightness::kWhole ? parser.expression() : parser.operand();
  if (!item.has_value() || !parser.at_end()) return std::nullopt;
  return Expression{item->value, parser.operations(), parser.preference(), item->percent, parser.has_word_operator()};
}

std::optional<std::vector<Value>> parse_list(const Phrase& phrase, Span span, Evaluator& evaluator) {
  if (span.empty()) return std::nullopt;
  Parser parser(phrase, span, evaluator);
  auto values = parser.list(false);
  if (!values.has_value() || !parser.at_end()) return std::nullopt;
  return values;
}

}  // namespace thalamus::tool
