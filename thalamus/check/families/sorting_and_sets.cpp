/// Sorting numbers and words; union, intersection, difference; largest, smallest, median.
#include <algorithm>

#include <fmt/format.h>

#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

Strings shown(const std::vector<std::int64_t>& values) {
  Strings out;
  for (const auto value : values) out.push_back(std::to_string(value));
  return out;
}

Task sort_numbers(base::Rng& rng, std::size_t count, std::int64_t low, std::int64_t high) {
  auto values = different_integers(rng, count, low, high);
  const bool rising = rng.below(3) != 0;
  const std::string order = rising ? "ascending" : "descending";
  const std::string given = join(shown(values));
  std::ranges::sort(values);
  if (!rising) std::ranges::reverse(values);
  std::string text;
  switch (rng.below(4)) {
    case 0: text = fmt::format("Sort these numbers {}: {}.", order, given); break;
    case 1: text = fmt::format("Sort {} in {} order.", given, order); break;
    case 2: text = fmt::format("Put these numbers in {} order: {}.", order, given); break;
    default: text = fmt::format("Sort the list [{}] in {} order.", given, order); break;
  }
  return list_question(rng, text, "numbers, separated by commas", shown(values), true,
                       static_cast<std::uint32_t>(24 + 6 * count));
}

Task sort_words(base::Rng& rng, std::size_t count) {
  auto values = sample(rng, rng.below(2) == 0 ? fruits() : words(), count);
  const std::string given = join(values);
  std::ranges::sort(values);
  const std::string text = rng.below(2) == 0 ? fmt::format("Sort these words alphabetically: {}.", given)
                                             : fmt::format("Put these words in alphabetical order: {}.", given);
  return list_question(rng, text, "words, separated by commas", std::move(values), true,
                       static_cast<std::uint32_t>(24 + 6 * count));
}

enum class Operation : std::uint8_t { kUnion, kIntersection, kDifference, kSymmetric };

Strings apply(Operation operation, const Strings& a, const Strings& b) {
  const auto has = [](const Strings& in, const std::string& item) { return std::ranges::find(in, item) != in.end(); };
  Strings out;
  for (const auto& item : a) {
    if (operation == Operation::kUnion || has(b, item) == (operation == Operation::kIntersection)) out.push_back(item);
  }
  if (operation == Operation::kUnion || operation == Operation::kSymmetric)
    for (const auto& item : b)
      if (!has(a, item)) out.push_back(item);
  return out;
}

Task set_question(base::Rng& rng, std::size_t size, Operation operation, bool of_words) {
  const std::size_t common = static_cast<std::size_t>(rng.between(1, static_cast<std::int64_t>(size) - 1));
  const Strings pool =
      of_words ? sample(rng, fruits(), 2 * size - common) : shown(different_integers(rng, 2 * size - common, 1, 60));
  const auto middle = static_cast<std::ptrdiff_t>(size);
  Strings a(pool.begin(), pool.begin() + middle);
  Strings b(pool.end() - middle, pool.end());
  rng.shuffle(a);
  rng.shuffle(b);
  const std::string left = "{" + join(a) + "}";
  const std::string right = "{" + join(b) + "}";
  std::string text;
  switch (operation) {
    case Operation::kUnion: text = fmt::format("What is the union of {} and {}?", left, right); break;
    case Operation::kIntersection:
      text = rng.below(2) == 0 ? fmt::format("What is the intersection of {} and {}?", left, right)
                               : fmt::format("Which elements are in both {} and {}?", left, right);
      break;
    case Operation::kDifference: text = fmt::format("What is the set difference {} minus {}?", left, right); break;
    case Operation::kSymmetric:
      text = fmt::format("What is the symmetric difference of {} and {}?", left, right);
      break;
  }
  return list_question(rng, text, "elements, separated by commas", apply(operation, a, b), false,
                       static_cast<std::uint32_t>(24 + 6 * size));
}

Task pick_one(base::Rng& rng, std::size_t count, std::int64_t low, std::int64_t high, bool middle) {
  auto values = different_integers(rng, count, low, high);
  const std::string given = join(shown(values));
  std::ranges::sort(values);
  if (middle) return number_question(rng, fmt::format("What is the median of {}?", given), values[count / 2], 24);
  const bool largest = rng.below(2) == 0;
  return number_question(rng,
                         fmt::format("What is the {} of these numbers: {}?", largest ? "largest" : "smallest", given),
                         largest ? values.back() : values.front(), 24);
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  const auto kind = rng.below(5);
  if (difficulty == Difficulty::kEasy) {
    if (kind < 2) return sort_numbers(rng, 4, 1, 50);
    if (kind == 2) return sort_words(rng, 3);
    return kind == 3 ? pick_one(rng, 5, 1, 99, false)
                     : set_question(rng, 3, Operation::kIntersection, rng.below(2) == 0);
  }
  if (difficulty == Difficulty::kMedium) {
    if (kind == 0) return sort_numbers(rng, 8, -40, 99);
    if (kind == 1) return sort_words(rng, 7);
    if (kind == 2) return pick_one(rng, 7, 10, 999, true);
    return set_question(rng, 5, kind == 3 ? Operation::kUnion : Operation::kIntersection, rng.below(2) == 0);
  }
  if (kind == 0) return sort_numbers(rng, 12, -500, 999);
  if (kind == 1) return sort_words(rng, 10);
  if (kind == 2) return pick_one(rng, 11, -300, 999, true);
  return set_question(rng, 8, kind == 3 ? Operation::kDifference : Operation::kSymmetric, rng.below(2) == 0);
}

}  // namespace

FamilyRecord sorting_and_sets_family();
FamilyRecord sorting_and_sets_family() {
  return {"sorting_and_sets", "sorting numbers and words, set operations, extremes and medians", true, &generate};
}

}  // namespace thalamus::check
