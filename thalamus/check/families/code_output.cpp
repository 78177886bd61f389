/// "What does this program print?" The programs are generated as a small syntax tree, written out as Python, and run by
/// an interpreter of that tree with Python's rules for // and %. Every program ends: loops are bounded when built.
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "thalamus/base/assert.h"
#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

enum class ExprKind : std::uint8_t { kNumber, kVariable, kBinary };
enum class StmtKind : std::uint8_t { kAssign, kAugment, kForRange, kForList, kWhile, kIf, kPrint };

struct Expr {
  ExprKind kind = ExprKind::kNumber;
  std::int64_t number = 0;
  std::string name;  ///< variable, or operator: + - * // % > < ==
  std::vector<Expr> sides;
};

struct Stmt {
  StmtKind kind = StmtKind::kAssign;
  std::string name;          ///< the variable assigned or counted
  std::string operation;     ///< of kAugment: + - *
  std::vector<Expr> values;  ///< assigned or printed value, range bounds, list items, or the condition
  std::vector<Stmt> body;
  std::vector<Stmt> otherwise;
};

Expr number(std::int64_t value) { return {ExprKind::kNumber, value, {}, {}}; }
Expr variable(std::string name) { return {ExprKind::kVariable, 0, std::move(name), {}}; }
Expr binary(std::string operation, Expr left, Expr right) {
  Expr out{ExprKind::kBinary, 0, std::move(operation), {}};
  out.sides.push_back(std::move(left));
  out.sides.push_back(std::move(right));
  return out;
}

Stmt assign(std::string name, Expr value) {
  return {StmtKind::kAssign, std::move(name), {}, {std::move(value)}, {}, {}};
}
Stmt augment(std::string name, std::string operation, Expr value) {
  return {StmtKind::kAugment, std::move(name), std::move(operation), {std::move(value)}, {}, {}};
}
Stmt print(Expr value) { return {StmtKind::kPrint, {}, {}, {std::move(value)}, {}, {}}; }

// ---- writing out
// -----------------------------------------------------------------------------------------------------

std::string written(const Expr& expr) {
  if (expr.kind == ExprKind::kNumber) return std::to_string(expr.number);
  if (expr.kind == ExprKind::kVariable) return expr.name;
  const auto side = [](const Expr& inner) {
    return inner.kind == ExprKind::kBinary ? "(" + written(inner) + ")" : written(inner);
  };
  return fmt::format("{} {} {}", side(expr.sides[0]), expr.name, side(expr.sides[1]));
}

void write(const std::vector<Stmt>& block, std::size_t depth, std::string& out) {
  const std::string indent(4 * depth, ' ');
  for (const auto& stmt : block) {
    out += indent;
    switch (stmt.kind) {
      case StmtKind::kAssign: out += fmt::format("{} = {}\n", stmt.name, written(stmt.values[0])); break;
      case StmtKind::kAugment:
        out += fmt::format("{} {}= {}\n", stmt.name, stmt.operation, written(stmt.values[0]));
        break;
      case StmtKind::kForRange:
        out += fmt::format("for {} in range({}, {}):\n", stmt.name, written(stmt.values[0]), written(stmt.values[1]));
        break;
      case StmtKind::kForList: {
        Strings items;
        for (const auto& value : stmt.values) items.push_back(written(value));
        out += fmt::format("for {} in [{}]:\n", stmt.name, join(items));
        break;
      }
      case StmtKind::kWhile: out += fmt::format("while {}:\n", written(stmt.values[0])); break;
      case StmtKind::kIf: out += fmt::format("if {}:\n", written(stmt.values[0])); break;
      case StmtKind::kPrint: out += fmt::format("print({})\n", written(stmt.values[0])); break;
    }
    write(stmt.body, depth + 1, out);
    if (stmt.otherwise.empty()) continue;
    out += indent + "else:\n";
    write(stmt.otherwise, depth + 1, out);
  }
}

// ---- running
// ---------------------------------------------------------------------------------------------------------

/// Runs a program; gives nothing if it divides by zero, runs too long, or its numbers grow past what is fair to ask.
class Interpreter {
 public:
  static std::optional<std::string> run(const std::vector<Stmt>& program) {
    Interpreter interpreter;
    interpreter.block(program);
    if (!interpreter.fine_ || interpreter.output_.empty()) return std::nullopt;
    return interpreter.output_;
  }

 private:
  static constexpr std::int64_t kSizeMax = 100'000;
  static constexpr int kStepsMax = 2000;

  void block(const std::vector<Stmt>& statements) {
    for (const auto& stmt : statements) {
      if (++steps_ > kStepsMax) fine_ = false;
      if (!fine_) return;
      statement(stmt);
    }
  }

  void statement(const Stmt& stmt) {
    switch (stmt.kind) {
      case StmtKind::kAssign: set(stmt.name, value(stmt.values[0])); break;
      case StmtKind::kAugment: set(stmt.name, apply(stmt.operation, get(stmt.name), value(stmt.values[0]))); break;
      case StmtKind::kForRange: {
        const std::int64_t end = value(stmt.values[1]);
        for (std::int64_t i = value(stmt.values[0]); i < end && fine_; ++i) set(stmt.name, i), block(stmt.body);
        break;
      }
      case StmtKind::kForList:
        for (const auto& item : stmt.values) set(stmt.name, value(item)), block(stmt.body);
        break;
      case StmtKind::kWhile:
        while (fine_ && value(stmt.values[0]) != 0) block(stmt.body);
        break;
      case StmtKind::kIf: block(value(stmt.values[0]) != 0 ? stmt.body : stmt.otherwise); break;
      case StmtKind::kPrint: output_ = std::to_string(value(stmt.values[0])); break;
    }
  }

  std::int64_t value(const Expr& expr) {
    if (expr.kind == ExprKind::kNumber) return expr.number;
    if (expr.kind == ExprKind::kVariable) return get(expr.name);
    const std::int64_t left = value(expr.sides[0]);
    return apply(expr.name, left, value(expr.sides[1]));
  }

  std::int64_t apply(const std::string& operation, std::int64_t a, std::int64_t b) {
    std::int64_t out = 0;
    if (operation == "+") out = a + b;
    if (operation == "-") out = a - b;
    if (operation == "*") out = a * b;
    if (operation == ">") out = a > b ? 1 : 0;
    if (operation == "<") out = a < b ? 1 : 0;
    if (operation == "==") out = a == b ? 1 : 0;
    if (operation == "//" || operation == "%") {
      if (b == 0) {
        fine_ = false;
        return 0;
      }
      std::int64_t quotient = a / b;
      if (a % b != 0 && (a < 0) != (b < 0)) --quotient;  // Python rounds down
      out = operation == "//" ? quotient : a - quotient * b;
    }
    if (out > kSizeMax || out < -kSizeMax) {
      fine_ = false;
      return 0;
    }
    return out;
  }

  std::int64_t get(const std::string& name) const {
    for (const auto& [known, held] : variables_)
      if (known == name) return held;
    THALAMUS_ASSERT(false && "the generator uses assigned variables only");
    return 0;
  }

  void set(const std::string& name, std::int64_t held) {
    for (auto& [known, old] : variables_)
      if (known == name) {
        old = held;
        return;
      }
    variables_.emplace_back(name, held);
  }

  std::vector<std::pair<std::string, std::int64_t>> variables_;
  std::string output_;
  int steps_ = 0;
  bool fine_ = true;
};

// ---- building
// --------------------------------------------------------------------------------------------------------

struct Names {
  std::string a, b, c, i;
};

Names draw_names(base::Rng& rng) {
  static const std::vector<Names> kNames = {{"a", "b", "c", "i"},
                                            {"x", "y", "z", "n"},
                                            {"total", "step", "extra", "k"},
                                            {"count", "size", "left", "i"},
                                            {"p", "q", "r", "j"}};
  return rng.pick(kNames);
}

std::vector<Stmt> straight(base::Rng& rng, const Names& names) {
  static const Strings kOperations = {"+", "-", "*"};
  std::vector<Stmt> program;
  const std::int64_t first = rng.between(2, 30);
  const std::int64_t second = rng.between(2, 15);
  program.push_back(assign(names.a, number(first)));
  program.push_back(assign(names.b, number(second)));
  const std::string operation = rng.pick(kOperations);
  if (rng.below(2) == 0) {
    program.push_back(assign(names.c, binary(operation, variable(names.a), variable(names.b))));
    program.push_back(
        print(rng.below(2) == 0 ? variable(names.c) : binary("+", variable(names.c), number(second + 1))));
  } else {
    program.push_back(augment(names.a, operation, variable(names.b)));
    program.push_back(print(variable(names.a)));
  }
  return program;
}

Stmt condition(base::Rng& rng, const std::string& name, std::vector<Stmt> body, std::vector<Stmt> otherwise) {
  const std::int64_t modulus = rng.between(2, 3);
  const std::int64_t limit = rng.between(3, 9);
  Expr test = rng.below(3) == 0 ? binary(">", variable(name), number(limit))
                                : binary("==", binary("%", variable(name), number(modulus)), number(0));
  return {StmtKind::kIf, {}, {}, {std::move(test)}, std::move(body), std::move(otherwise)};
}

Stmt loop(base::Rng& rng, const std::string& name, std::int64_t length, std::vector<Stmt> body) {
  if (rng.below(2) == 0) {
    const std::int64_t begin = rng.between(0, 3);
    return {StmtKind::kForRange, name, {}, {number(begin), number(begin + length)}, std::move(body), {}};
  }
  std::vector<Expr> items;
  for (const auto value : different_integers(rng, static_cast<std::size_t>(length), 1, 12))
    items.push_back(number(value));
  return {StmtKind::kForList, name, {}, std::move(items), std::move(body), {}};
}

std::vector<Stmt> one_loop(base::Rng& rng, const Names& names) {
  std::vector<Stmt> program;
  program.push_back(assign(names.a, number(rng.between(0, 12))));
  Expr added = variable(names.i);
  if (rng.below(2) == 0) added = binary("*", variable(names.i), number(rng.between(2, 5)));
  std::vector<Stmt> body;
  body.push_back(augment(names.a, "+", std::move(added)));
  if (rng.below(2) == 0) {
    std::vector<Stmt> guarded;
    guarded.push_back(condition(rng, names.i, std::move(body), {}));
    body = std::move(guarded);
  }
  const std::int64_t length = rng.between(3, 5);
  program.push_back(loop(rng, names.i, length, std::move(body)));
  program.push_back(print(variable(names.a)));
  return program;
}

std::vector<Stmt> two_branches(base::Rng& rng, const Names& names) {
  std::vector<Stmt> program;
  program.push_back(assign(names.a, number(rng.between(0, 9))));
  program.push_back(assign(names.b, number(rng.between(1, 9))));
  std::vector<Stmt> yes;
  yes.push_back(augment(names.a, "+", variable(names.i)));
  std::vector<Stmt> no;
  no.push_back(rng.below(2) == 0 ? augment(names.b, "+", variable(names.a))
                                 : augment(names.b, "*", number(rng.between(2, 3))));
  std::vector<Stmt> body;
  body.push_back(condition(rng, names.i, std::move(yes), std::move(no)));
  const std::int64_t length = rng.between(4, 7);
  program.push_back(loop(rng, names.i, length, std::move(body)));
  program.push_back(print(binary(rng.below(2) == 0 ? "-" : "+", variable(names.a), variable(names.b))));
  return program;
}

std::vector<Stmt> halving(base::Rng& rng, const Names& names) {
  std::vector<Stmt> program;
  program.push_back(assign(names.a, number(rng.between(20, 400))));
  program.push_back(assign(names.c, number(0)));
  std::vector<Stmt> body;
  const std::int64_t divisor = rng.between(2, 4);
  body.push_back(augment(names.c, "+", binary("%", variable(names.a), number(divisor))));
  body.push_back(assign(names.a, binary("//", variable(names.a), number(divisor))));
  program.push_back({StmtKind::kWhile, {}, {}, {binary(">", variable(names.a), number(0))}, std::move(body), {}});
  program.push_back(print(variable(names.c)));
  return program;
}

std::vector<Stmt> build(Difficulty difficulty, base::Rng& rng) {
  const Names names = draw_names(rng);
  if (difficulty == Difficulty::kEasy) return straight(rng, names);
  if (difficulty == Difficulty::kMedium) return one_loop(rng, names);
  return rng.below(3) == 0 ? halving(rng, names) : two_branches(rng, names);
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  constexpr std::array<std::string_view, 5> kForms = {
      "What does this Python program print?\n{}", "{}\nWhat is the output of this code?",
      "Here is a Python program:\n{}\nWhat does it print?", "Predict the output of this program.\n{}",
      "{}\nWhich number does this program print?"};
  for (;;) {  // a program is drawn anew only if its numbers grow too large
    const auto program = build(difficulty, rng);
    const auto output = Interpreter::run(program);
    if (!output) continue;
    std::string text;
    write(program, 0, text);
    return number_question(rng, fmt::format(fmt::runtime(rng.pick(kForms)), text), *output, 32);
  }
}

}  // namespace

FamilyRecord code_output_family();
FamilyRecord code_output_family() {
  return {"code_output", "the number that a small Python program prints", false, &generate};
}

}  // namespace thalamus::check
