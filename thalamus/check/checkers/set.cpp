/// Compares the items of the answer with the expected ones: without order as sets, with order as lists.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "thalamus/base/text.h"
#include "thalamus/check/checker.h"
#include "thalamus/check/normalise.h"
#include "thalamus/check/numbers.h"
#include "thalamus/check/reading.h"

namespace thalamus::check {
namespace {

constexpr std::size_t kItemsMax = 2048;
using Items = std::vector<std::string>;

/// One item as it is compared: normalised, numbers in one form, without surrounding marks.
std::string canonical_item(std::string_view text) {
  std::string item = normalise(text);
  const auto is_mark = [](char c) { return std::string_view("'\"()[]{}<>`*").find(c) != std::string_view::npos; };
  while (!item.empty() && is_mark(item.front())) item.erase(item.begin());
  while (!item.empty() && is_mark(item.back())) item.pop_back();
  const auto numbers = find_numbers(item);
  if (numbers.size() == 1 && numbers[0].begin == 0 && numbers[0].end == item.size() && !numbers[0].percent)
    return numbers[0].digits.empty() ? fmt::format("{}", numbers[0].value) : numbers[0].digits;
  return item;
}

Items split_at(std::string_view text, std::string_view separator) {
  Items pieces;
  while (pieces.size() < kItemsMax) {
    const auto at = text.find(separator);
    pieces.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) break;
    text.remove_prefix(at + separator.size());
  }
  return pieces;
}

Items canonical_items(const Items& pieces) {
  Items items;
  for (const auto& piece : pieces)
    if (std::string item = canonical_item(piece); !item.empty()) items.push_back(std::move(item));
  return items;
}

bool only_numbers(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.- \n") == std::string_view::npos;
}

enum class Conjunction : std::uint8_t { kKept, kSplits };

/// Splits one stretch of text at the strongest separator that it has; "and" before the last item where asked.
Items split_items(std::string_view text, Conjunction conjunction) {
  Items pieces{std::string(text)};
  bool separated = false;
  for (const std::string_view separator : {";", ",", " | ", "\n", "->", " < ", " > "}) {
    pieces = split_at(text, separator);
    separated = pieces.size() > 1;
    if (separated) break;
  }
  if (!separated && only_numbers(base::trim(text))) pieces = split_at(base::trim(text), " ");
  if (conjunction == Conjunction::kKept) return canonical_items(pieces);
  Items split;
  for (const auto& piece : pieces) {
    std::string_view rest = base::trim(piece);
    if (rest.starts_with("and ")) rest.remove_prefix(4);
    for (auto& part : split_at(rest, " and ")) split.push_back(std::move(part));
  }
  return canonical_items(split);
}

/// What follows an introduction ("The sorted list is:"), and the inside of brackets around all items.
std::string_view without_introduction(std::string_view text) noexcept {
  text = base::trim(text);
  for (const auto& [open, close] : {std::pair{'{', '}'}, std::pair{'[', ']'}}) {
    const auto begin = text.rfind(open);
    const auto end = text.rfind(close);
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) continue;
    // Nothing but an end of sentence may follow, or the brackets are not the answer.
    if (text.size() - end > 2) continue;
    return text.substr(begin + 1, end - begin - 1);
  }
  for (const std::string_view link : {": ", " is ", " are ", " = "}) {
    const auto at = text.rfind(link);
    if (at != std::string_view::npos) return base::trim(text.substr(at + link.size()));
  }
  return text;
}

bool says_empty(std::string_view text) {
  const std::string lower = normalise(text);
  if (lower.empty() || lower == "{}") return lower == "{}";
  constexpr std::array<std::string_view, 12> kForms = {
      "empty",        "none",     "empty set",          "the empty set",  "no elements", "nothing",
      "an empty set", "no items", "no common elements", "there are none", "empty list",  "{ }"};
  return std::ranges::find(kForms, lower) != kForms.end();
}

/// The stretch of the answer that lists the items.
std::string listing(const Reading& reading) {
  if (!reading.marked.empty()) return std::string(without_introduction(reading.marked.back()));
  std::string bullets;
  std::size_t bullet_count = 0;
  bool all_short = reading.lines.size() > 1;
  std::string short_lines;
  for (const auto& line : reading.lines) {
    bool bullet = false;
    const auto item = without_bullet(line, bullet);
    if (bullet) bullets.append(item).append("\n"), ++bullet_count;
    if (line.ends_with(':') && short_lines.empty()) continue;
    all_short = all_short && std::ranges::count(line, ' ') < 4 && line.find_first_of(",:;=") == std::string::npos;
    short_lines.append(line).append("\n");
  }
  if (bullet_count > 1) return bullets;
  if (all_short) return short_lines;
  if (reading.fenced.size() == 1) return std::string(without_introduction(plain_text(reading.fenced.front())));
  return reading.lines.empty() ? std::string() : std::string(without_introduction(reading.lines.back()));
}

Items in_comparison_form(Items items, bool ordered) {
  if (ordered) return items;
  std::ranges::sort(items);
  items.erase(std::ranges::unique(items).begin(), items.end());
  return items;
}

std::string show(const Items& items) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

class SetChecker final : public Checker {
 public:
  Result<Grade> grade(std::string_view answer, const Expectation& expected) const override {
    Items wanted = expected.values;
    if (wanted.empty() && !expected.value.empty())
      wanted = split_items(without_introduction(expected.value), Conjunction::kKept);
    for (auto& item : wanted) {
      std::string form = canonical_item(item);
      if (form.empty())
        return fail(ErrorKind::kInvalidInput, "expected: checker 'set' got the item {}, which has nothing to compare",
                    excerpt(item));
      item = std::move(form);
    }
    wanted = in_comparison_form(std::move(wanted), expected.ordered);
    const Reading reading = read_answer(answer);
    Grade grade;
    if (reading.conflicting() && !agree(reading, expected.ordered)) {
      grade.normalised = normalise(reading.marked.back());
      grade.reason = fmt::format("{} different final answers are given", reading.marked.size());
      return grade;
    }
    const std::string text = listing(reading);
    if (wanted.empty()) return grade_empty(std::move(grade), reading, text);
    Items items;
    for (const auto conjunction : {Conjunction::kSplits, Conjunction::kKept}) {
      items = in_comparison_form(split_items(text, conjunction), expected.ordered);
      if (items == wanted) break;
    }
    grade.normalised = show(items);
    grade.quality = items == wanted ? 1 : 0;
    grade.reason = grade.quality > 0 ? "the items are the expected ones" : difference(items, wanted);
    return grade;
  }

 private:
  static bool agree(const Reading& reading, bool ordered) {
    const auto form = [&](const std::string& text) {
      return in_comparison_form(split_items(without_introduction(text), Conjunction::kSplits), ordered);
    };
    const Items first = form(reading.marked.front());
    return std::ranges::all_of(reading.marked, [&](const auto& other) { return form(other) == first; });
  }

  static Grade grade_empty(Grade grade, const Reading& reading, const std::string& text) {
    const bool braces =
        !reading.lines.empty() && (reading.lines.back().ends_with("{}") || reading.lines.back().ends_with("{}.") ||
                                   reading.lines.back().ends_with("[]"));
    grade.quality = braces || says_empty(text) ? 1 : 0;
    grade.normalised = grade.quality > 0 ? "{}" : normalise(text);
    grade.reason = grade.quality > 0 ? "the answer is the empty set" : "the answer has items, expected none";
    return grade;
  }

  static std::string difference(const Items& items, const Items& wanted) {
    const auto has = [](const Items& in, const std::string& item) { return std::ranges::find(in, item) != in.end(); };
    for (const auto& item : wanted)
      if (!has(items, item)) return fmt::format("the item {} is missing", excerpt(item));
    for (const auto& item : items)
      if (!has(wanted, item)) return fmt::format("the item {} does not belong", excerpt(item));
    return "the items are the expected ones, but their order or number is not";
  }
};

const Checker& instance() {
  static const SetChecker kChecker;
  return kChecker;
}

}  // namespace

CheckerRecord set_checker();
CheckerRecord set_checker() {
  return {"set", "the listed items equal the expected ones, in any order unless `ordered` is set", &instance};
}

}  // namespace thalamus::check
