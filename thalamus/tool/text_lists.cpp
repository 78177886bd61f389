/// The text tool, part two: sorting, removing repetitions, reversing and combining lists.
#include <fmt/core.h>

#include <algorithm>
#include <unordered_set>

#include "thalamus/base/text.h"
#include "thalamus/tool/rules_tool.h"
#include "thalamus/tool/text_items.h"
#include "thalamus/tool/text_order.h"

namespace thalamus::tool {
namespace {

std::string letters_only(std::string_view text) {
  std::string letters;
  for (const char c : base::lower_ascii(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) letters.push_back(c);
  }
  return letters;
}

/// The items in the order of their keys; equal keys keep their places.
template <class Key>
Items sorted_by(const Items& items, const std::vector<Key>& keys, bool descending) {
  std::vector<std::size_t> order(items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto compared = keys[a] <=> keys[b];
    if (compared == 0) return a < b;
    return descending ? compared > 0 : compared < 0;
  });
  Items sorted;
  for (const std::size_t index : order) sorted.push_back(items[index]);
  return sorted;
}

std::optional<Items> sorted_words(const Items& items, bool descending) {
  std::vector<std::string> texts;
  std::vector<std::string> letters;
  for (const std::string& item : items) {
    const bool has_digit = item.find_first_of("0123456789") != std::string::npos;
    if (!is_ascii(item) || has_digit) return std::nullopt;  // item10 and item9: two orders are in use
    texts.push_back(base::lower_ascii(item));
    letters.push_back(letters_only(item));
    if (letters.back().empty()) return std::nullopt;
  }
  // Word by word and letter by letter must agree, and so must upper and lower case.
  Items sorted = sorted_by(items, texts, descending);
  if (sorted != sorted_by(items, letters, descending)) return std::nullopt;
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i - 1] != sorted[i] && letters_only(sorted[i - 1]) == letters_only(sorted[i])) return std::nullopt;
  }
  return sorted;
}

std::optional<Items> sorted_numbers(const Items& items, bool descending) {
  const auto numbers = numbers_of(items);
  if (!numbers.has_value()) return std::nullopt;
  return sorted_by(items, *numbers, descending);
}

std::optional<Items> sorted_by_length(const Items& items, bool descending) {
  std::vector<std::size_t> lengths;
  for (const std::string& item : items) {
    if (!is_ascii(item) || letters_only(item).size() != item.size()) return std::nullopt;
    lengths.push_back(item.size());
  }
  return sorted_by(items, lengths, descending);
}

/// What the words of slots k (kind) and o (order) say.
enum class SortKey : std::uint8_t { kUnsaid, kAlphabet, kNumber, kLength };
struct SortOrder {
  SortKey key = SortKey::kUnsaid;
  bool descending = false;
};

std::optional<SortOrder> order_of(std::string_view raw) {
  std::string text;
  for (const char c : base::lower_ascii(raw)) {
    if (c == '(' || c == ')' || c == ',' || c == '-') {
      if (!text.empty() && text.back() != ' ') text.push_back(' ');
    } else if (c != ' ' || (!text.empty() && text.back() != ' ')) {
      text.push_back(c == '\n' ? ' ' : c);
    }
  }
  struct Entry {
    std::string_view words;
    SortOrder order;
  };
  constexpr Entry kOrders[] = {
      {"alphabetically", {SortKey::kAlphabet, false}},
      {"in alphabetical order", {SortKey::kAlphabet, false}},
      {"into alphabetical order", {SortKey::kAlphabet, false}},
      {"in ascending alphabetical order", {SortKey::kAlphabet, false}},
      {"alphabetically from a to z", {SortKey::kAlphabet, false}},
      {"from a to z", {SortKey::kAlphabet, false}},
      {"in alphabetical order a z", {SortKey::kAlphabet, false}},
      {"in reverse alphabetical order", {SortKey::kAlphabet, true}},
      {"into reverse alphabetical order", {SortKey::kAlphabet, true}},
      {"reverse alphabetically", {SortKey::kAlphabet, true}},
      {"in descending alphabetical order", {SortKey::kAlphabet, true}},
      {"from z to a", {SortKey::kAlphabet, true}},
      {"alphabetically from z to a", {SortKey::kAlphabet, true}},
      {"in ascending order", {SortKey::kUnsaid, false}},
      {"into ascending order", {SortKey::kUnsaid, false}},
      {"ascending", {SortKey::kUnsaid, false}},
      {"in increasing order", {SortKey::kNumber, false}},
      {"in order from smallest to largest", {SortKey::kNumber, false}},
      {"from smallest to largest", {SortKey::kNumber, false}},
      {"from lowest to highest", {SortKey::kNumber, false}},
      {"from least to greatest", {SortKey::kNumber, false}},
      {"in order from least to greatest", {SortKey::kNumber, false}},
      {"smallest to largest", {SortKey::kNumber, false}},
      {"in ascending order smallest first", {SortKey::kNumber, false}},
      {"in ascending order smallest to largest", {SortKey::kNumber, false}},
      {"numerically", {SortKey::kNumber, false}},
      {"in numerical order", {SortKey::kNumber, false}},
      {"in descending order", {SortKey::kUnsaid, true}},
      {"into descending order", {SortKey::kUnsaid, true}},
      {"descending", {SortKey::kUnsaid, true}},
      {"in decreasing order", {SortKey::kNumber, true}},
      {"from largest to smallest", {SortKey::kNumber, true}},
      {"from highest to lowest", {SortKey::kNumber, true}},
      {"from greatest to least", {SortKey::kNumber, true}},
      {"in order from largest to smallest", {SortKey::kNumber, true}},
      {"largest to smallest", {SortKey::kNumber, true}},
      {"in descending order largest first", {SortKey::kNumber, true}},
      {"in descending order largest to smallest", {SortKey::kNumber, true}},
      {"by length", {SortKey::kLength, false}},
      {"by length from shortest to longest", {SortKey::kLength, false}},
      {"from shortest to longest", {SortKey::kLength, false}},
      {"by length shortest first", {SortKey::kLength, false}},
      {"from longest to shortest", {SortKey::kLength, true}},
      {"by length from longest to shortest", {SortKey::kLength, true}},
      {"by length longest first", {SortKey::kLength, true}},
      {"in order", {SortKey::kNumber, false}},
  };
  const std::string_view trimmed = base::trim(text);
  if (trimmed.empty()) return SortOrder{};
  for (const Entry& entry : kOrders) {
    if (entry.words == trimmed) return entry.order;
  }
  return std::nullopt;
}

std::optional<Items> list_operand(const Match& match, char slot) {
  auto items = items_in(match, slot);
  if (!items.has_value() || items->size() < 2) return std::nullopt;
  return items;
}

std::optional<Solution> sort(const Match& match) {
  const auto order = order_of(match.text('o'));
  const auto items = list_operand(match, 'l');
  if (!order.has_value() || !items.has_value()) return std::nullopt;
  std::optional<Items> sorted;
  switch (order->key) {
    case SortKey::kAlphabet: sorted = sorted_words(*items, order->descending); break;
    case SortKey::kNumber: sorted = sorted_numbers(*items, order->descending); break;
    case SortKey::kLength: sorted = sorted_by_length(*items, order->descending); break;
    case SortKey::kUnsaid:
      if (numbers_of(*items).has_value()) {
        sorted = sorted_numbers(*items, order->descending);
      } else if (match.span('o').empty() && !have_own_order(*items)) {
        sorted = sorted_words(*items, false);
      }
      break;
  }
  if (!sorted.has_value()) return std::nullopt;
  return items_solution(match.style(), *sorted, fmt::format("{} items, sorted:", sorted->size()));
}

Items unique(const Items& items) {
  Items kept;
  std::unordered_set<std::string> seen;
  for (const std::string& item : items) {
    if (seen.insert(item).second) kept.push_back(item);
  }
  return kept;
}

/// Items that differ in case or in how a number is written could be meant as equal.
bool has_near_equals(const Items& items) {
  Items once = unique(items);
  auto numbers = numbers_of(once);
  if (numbers.has_value()) {
    std::sort(numbers->begin(), numbers->end());
    return std::adjacent_find(numbers->begin(), numbers->end()) != numbers->end();
  }
  for (std::string& item : once) item = base::lower_ascii(item);
  std::sort(once.begin(), once.end());
  return std::adjacent_find(once.begin(), once.end()) != once.end();
}

std::optional<Solution> deduplicate(const Match& match) {
  const auto items = list_operand(match, 'l');
  if (!items.has_value() || has_near_equals(*items)) return std::nullopt;
  const Items kept = unique(*items);
  return items_solution(match.style(), kept, fmt::format("{} of {} items are different:", kept.size(), items->size()));
}

std::optional<Solution> reverse_list(const Match& match) {
  auto items = list_operand(match, 'l');
  if (!items.has_value()) return std::nullopt;
  std::reverse(items->begin(), items->end());
  return items_solution(match.style(), *items, fmt::format("{} items in reverse order:", items->size()));
}

bool asks_for_order(const Question& question) {
  for (std::uint32_t at = question.begin; at < question.end; ++at) {
    if (question.phrase.is(at, "sorted") || question.phrase.is(at, "sort")) return true;
  }
  return false;
}

enum class SetOperation : std::uint8_t { kUnion, kIntersection, kDifference, kSymmetric };

std::optional<Solution> combine(const Match& match, SetOperation operation) {
  auto a = items_in(match, 'a');
  auto b = items_in(match, 'b');
  if (!a.has_value() || !b.has_value()) return std::nullopt;
  Items all = *a;
  all.insert(all.end(), b->begin(), b->end());
  if (has_near_equals(all)) return std::nullopt;
  const std::unordered_set<std::string> first(a->begin(), a->end());
  const std::unordered_set<std::string> second(b->begin(), b->end());
  Items result;
  for (const std::string& item : unique(all)) {
    const bool in_a = first.contains(item);
    const bool in_b = second.contains(item);
    const bool kept = operation == SetOperation::kUnion          ? true
                      : operation == SetOperation::kIntersection ? in_a && in_b
                      : operation == SetOperation::kDifference   ? in_a && !in_b
                                                                 : in_a != in_b;
    if (kept) result.push_back(item);
  }
  if (result.empty()) return std::nullopt;
  // A set has no order of its own: numbers go up, words stay as they came, unless an order is asked for.
  const auto order = order_of(match.text('o'));
  if (!order.has_value()) return std::nullopt;
  const bool numeric = numbers_of(result).has_value();
  std::optional<Items> sorted = result;
  if (numeric && order->key != SortKey::kAlphabet) {
    sorted = sorted_numbers(result, order->descending);
  } else if (!match.span('o').empty()) {
    sorted = order->key == SortKey::kAlphabet ? sorted_words(result, order->descending) : std::nullopt;
  } else if (asks_for_order(match.question)) {
    return std::nullopt;  // "the union, sorted": by what?
  }
  if (!sorted.has_value()) return std::nullopt;
  return items_solution(match.style(), *sorted, fmt::format("{} elements:", sorted->size()));
}
std::optional<Solution> set_union(const Match& match) { return combine(match, SetOperation::kUnion); }
std::optional<Solution> set_intersection(const Match& match) { return combine(match, SetOperation::kIntersection); }
std::optional<Solution> set_difference(const Match& match) { return combine(match, SetOperation::kDifference); }
std::optional<Solution> set_symmetric(const Match& match) { return combine(match, SetOperation::kSymmetric); }

/// "in b but not in a": the difference the other way round.
std::optional<Solution> set_difference_reversed(const Match& match) {
  Captures swapped = match.captures;
  swapped.set('a', match.span('b'));
  swapped.set('b', match.span('a'));
  return combine(Match{match.question, swapped, match.context}, SetOperation::kDifference);
}

/// The one longest, shortest, largest or smallest item.
std::optional<Solution> extreme(const Match& match) {
  const auto items = list_operand(match, 'l');
  if (!items.has_value()) return std::nullopt;
  const std::string word = base::lower_ascii(match.text('w'));
  const bool by_length = word == "longest" || word == "shortest";
  const bool wants_most = word == "longest" || word == "largest" || word == "biggest" || word == "greatest" ||
                          word == "highest" || word == "maximum";
  const bool wants_least =
      word == "shortest" || word == "smallest" || word == "lowest" || word == "least" || word == "minimum";
  if (!wants_most && !wants_least) return std::nullopt;
  const auto sorted = by_length ? sorted_by_length(*items, wants_most) : sorted_numbers(*items, wants_most);
  if (!sorted.has_value() || (by_length && (*sorted)[0].size() == (*sorted)[1].size())) return std::nullopt;
  if (!match.style().is_unrounded() || !match.style().allows({"word", "number", "item", "element", "name"})) {
    return std::nullopt;
  }
  return solution(match.style(), (*sorted)[0], fmt::format("the {} of {} items", word, items->size()));
}

std::optional<Solution> join(const Match& match) {
  const auto items = list_operand(match, 'l');
  const std::string name = base::lower_ascii(match.text('s'));
  constexpr std::pair<std::string_view, std::string_view> kSigns[] = {
      {"hyphen", "-"}, {"hyphens", "-"}, {"dash", "-"},       {"dashes", "-"},      {"comma", ","},
      {"space", " "},  {"spaces", " "},  {"underscore", "_"}, {"underscores", "_"}, {"semicolon", ";"},
      {"slash", "/"},  {"pipe", "|"},    {"semicolons", ";"}};
  std::optional<std::string> sign;
  for (const auto& [word, text] : kSigns) {
    if (name == word) sign = std::string(text);
  }
  if (is_quoted(match, 's')) sign = operand(match, 's');
  if (!items.has_value() || !sign.has_value() || match.style().separator.has_value()) return std::nullopt;
  Style style = match.style();
  style.separator = *sign;
  return items_solution(style, *items, fmt::format("{} items joined:", items->size()));
}

}  // namespace

std::span<const Rule> text_list_rules() {
  static const std::vector<Rule> kRules = compile_rules(
      {
          {{"(sort|order|arrange|put|rank) [the following|these|this|the] [list of] [words|numbers|names|list|items|"
            "integers|values|fruits|animals|cities|strings|decimals] <ordering o> : <any l>",
            "sort [the following|these|this|the] [list of] [words|numbers|names|list|items|integers|values|strings] : "
            "<any l>",
            "(sort|order|arrange|put) [the following|these|this|the] [list of] "
            "[words|numbers|names|list|items|integers|"
            "values|list :|decimals] [:] <set l> <ordering o>",
            "(sort|order|arrange|put) (the|these|the following|this list of) (numbers|words|names|integers|values) [:] "
            "<any l> [,] <ordering o>",
            "(sort|order|arrange|put) (the|these|the following) (numbers|words|names) <ordering o> : <any l>",
            "(sort|order) <any l> <ordering o>",
            "(sort|order|arrange|put) [the following|these|this|the] [list of] "
            "[words|numbers|names|list|items|integers|"
            "values] : <any l> [:|,|.|-] <ordering o>",
            "list [the following|these] (words|names|numbers|items) <ordering o> : <any l>"},
           sort},
          {{"(remove|delete|drop|eliminate) [the|all|all the|any] (duplicates|duplicate (items|elements|words|numbers|"
            "values|entries)|repeated (items|elements|words|numbers|values)) from [the following|this|the] [list] [of "
            "words|of numbers] : <any l>",
            "(deduplicate|dedupe|de - duplicate) [this|the|the following] [list] : <any l>",
            "(what are|list|find|give|give me|return) [all] the (unique|distinct) "
            "(elements|items|values|words|numbers|names) "
            "(in|of|from) [the following list|this list|the list] : <any l>",
            "(remove|delete|drop|eliminate) [the|all|all the|any] (duplicates|duplicate (items|elements|words|numbers|"
            "values|entries)|repeated (items|elements|words|numbers|values)) from [the following|this|the] [list] [of "
            "words|of numbers] [:] <set l>",
            "(remove|delete|drop) [the|all|any] duplicates from [this list|the list|the following list|the following "
            "words|the following numbers] [, keeping the first occurrence [of each]|, keeping the order|, keeping the "
            "original order|while keeping the order|while preserving the order|and keep the order|, preserving the "
            "order|, preserving order] : <any l>",
            "(deduplicate|dedupe|de - duplicate) [this|the|the following] [list] [:] <set l>",
            "(what are|list|find|give|give me|return) [all] the (unique|distinct) "
            "(elements|items|values|words|numbers|names) "
            "(in|of|from) [the following list|this list|the list] [:] <set l>"},
           deduplicate},
          {{"reverse [the order of] [the following|this|the] list [of words|of numbers|of items] : <any l>",
            "reverse [the order of] [the following|this|the] list [of words|of numbers|of items] <set l>",
            "reverse the order of (these|the following|the) (items|words|numbers|elements|names) : <any l>"},
           reverse_list},
          {{"[WHAT|compute|give] [the] union of [the sets|the lists|the two sets|sets|the set] [a =|list a :] <set a> "
            "[,|;] and [the set] [b =|list b :] <set b> [,|{] [sorted|sort the result|in] [<ordering o>] [}]",
            "<set a> ∪ <set b>", "[WHAT] <set a> ∪ <set b>",
            "[let|if|given] [set] a = <set a> (and|,|;) [set] b = <set b> [,|.|;] [WHAT] [the] (union of a and b|a "
            "union "
            "b|a ∪ b)",
            "[let|if|given] (set|list) a [is|:|=] <set a> [and|,|;|.] [and] (set|list) b [is|:|=] <set b> [,|.|;] "
            "[then] "
            "[WHAT] [the] (union of a and b|a union b|a ∪ b|union)"},
           set_union},
          {{"[WHAT|compute|give] [the] intersection of [the sets|the lists|the two sets|sets|the set] [a =|list a :] "
            "<set a> [,|;] and [the set] [b =|list b :] <set b> [,|{] [sorted|sort the result|in] [<ordering o>] [}]",
            "[WHAT] <set a> ∩ <set b>", "<set a> ∩ <set b>",
            "[let|if|given] [set] a = <set a> (and|,|;) [set] b = <set b> [,|.|;] [WHAT] [the] (intersection of a and "
            "b|a "
            "intersection b|a intersect b|a ∩ b)",
            "[let|if|given] (set|list) a [is|:|=] <set a> [and|,|;|.] [and] (set|list) b [is|:|=] <set b> [,|.|;] "
            "[then] "
            "[WHAT] [the] (intersection of a and b|a ∩ b|intersection|elements common to both)",
            "(which|what) (elements|items|numbers|words|names|values) (are|appear|occur) (in|common to) both [the "
            "lists|"
            "the sets|lists|sets|of the lists|of these lists] <set a> and <set b>",
            "(set|list) a [is|:|=] <set a> [and|,|;|.] [and] (set|list) b [is|:|=] <set b> [,|.|;] (which|what) "
            "(elements|"
            "items|numbers|words|names|values) (are|appear|occur) in both [lists|sets|a and b]",
            "[let|if|given] a = <set a> [and|,|;|.] b = <set b> [,|.|;] (which|what) (elements|items|numbers|words) "
            "(are|"
            "appear) in both [lists|sets|a and b]"},
           set_intersection},
          {{"[WHAT|compute|give] [the] [set] difference of [the sets|the lists|sets] <set a> and <set b>",
            "[WHAT|compute] [the] set difference <set a> (-|minus|\\) <set b>", "[WHAT] <set a> (minus|\\|-) <set b>",
            "[let|if|given] [set] a = <set a> (and|,|;) [set] b = <set b> [,|.|;] [WHAT] [the] ([set] difference a - "
            "b|a - "
            "b|a minus b|a \\ b|difference of a and b|set difference of a and b)",
            "(which|what) (elements|items|numbers|words|names|values) (are|appear|occur) in <set a> but (not|are "
            "not|do "
            "not appear) in <set b>",
            "[let|if|given] [set|list] a [is|:|=] <set a> [and|,|;|.] [and] [set|list] b [is|:|=] <set b> [,|.|;] "
            "(which|"
            "what) (elements|items|numbers|words|names|values) (are|appear|occur) in [set|list] a but (not|not in|are "
            "not in) [in] [set|list] b"},
           set_difference},
          {{"[let|if|given] [set|list] a [is|:|=] <set a> [and|,|;|.] [and] [set|list] b [is|:|=] <set b> [,|.|;] "
            "(which|"
            "what) (elements|items|numbers|words|names|values) (are|appear|occur) in [set|list] b but (not|not in|are "
            "not in) [in] [set|list] a",
            "[let|if|given] [set] a = <set a> (and|,|;) [set] b = <set b> [,|.|;] [WHAT] [the] ([set] difference b - "
            "a|b - "
            "a|b minus a|b \\ a)"},
           set_difference_reversed},
          {{"[WHAT] [the] symmetric difference of [the sets|the lists|sets] <set a> and <set b>",
            "[let|if|given] [set] a = <set a> (and|,|;) [set] b = <set b> [,|.|;] [WHAT] [the] symmetric difference "
            "[of a "
            "and b]"},
           set_symmetric},
          {{"(what is|what's|find|give) the (<word w>) of (these|the following) (words|numbers|values|items|integers) "
            ": <any l>",
            "(what|which) is the (<word w>) (word|number|item|element|name|value|integer) (in|of|among) [this list|the "
            "list|"
            "the following list|these words|these numbers|the following words|the following numbers|the "
            "following|these] "
            ": <any l>",
            "(find|what is|what's|give) the (<word w>) (word|number|item|element|name|value|integer) "
            "(in|of|among|from) [the "
            "list|this list|the following list] <set l>",
            "(find|give) the (<word w>) (word|number|item|element|name|value) (in|of|among|from) [this list|the "
            "list|the "
            "following list|these words|these numbers|the following words|the following numbers|the following] : <any "
            "l>",
            "which [of these|of the following] (word|number|words|numbers) is [the] (<word w>) : <any l>"},
           extreme},
          {{"(join|concatenate|combine) [these|the following|the] [words|strings|items|letters] (with|using|by) [a|an] "
            "<word_or_q s> [between them|as separator|as the separator] : <any l>"},
           join},
      },
      text_slots());
  return kRules;
}

}  // namespace thalamus::tool
