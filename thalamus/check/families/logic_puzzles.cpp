/// Puzzles with one answer: orders from clues, knights and knaves, who owns what. Every generated puzzle is checked by
/// searching all assignments: clues are added until one solution is left, then needless ones are dropped.
#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

using Assignment = std::vector<std::size_t>;

struct Clue {
  std::string text;
  std::function<bool(const Assignment&)> holds;
};

/// How many permutations of 0..count-1 satisfy all clues; stops counting at two.
std::size_t solutions(std::size_t count, const std::vector<Clue>& clues) {
  Assignment order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::size_t found = 0;
  do {
    if (std::ranges::all_of(clues, [&](const Clue& clue) { return clue.holds(order); })) ++found;
  } while (found < 2 && std::ranges::next_permutation(order).found);
  return found;
}

/// A random smallest selection of true clues that leaves one solution. `candidates` are true; together they suffice.
std::vector<Clue> sufficient(base::Rng& rng, std::size_t count, std::vector<Clue> candidates) {
  rng.shuffle(candidates);
  std::vector<Clue> chosen;
  for (auto& clue : candidates) {
    chosen.push_back(std::move(clue));
    if (solutions(count, chosen) == 1) break;
  }
  for (std::size_t i = 0; i < chosen.size();) {
    std::vector<Clue> fewer = chosen;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (solutions(count, fewer) == 1) {
      chosen = std::move(fewer);
    } else {
      ++i;
    }
  }
  return chosen;
}

std::string told(const std::vector<Clue>& clues) {
  std::string out;
  for (const auto& clue : clues) out += (out.empty() ? "" : " ") + clue.text;
  return out;
}

/// How a setting speaks of "further to the front": "taller than", "the tallest", ...
struct Setting {
  std::string_view opening;
  std::string_view more;
  std::string_view less;
  std::string_view most;
  std::string_view least;
};

constexpr std::array kSettings = {
    Setting{"{} compare their heights.", "is taller than", "is shorter than", "Who is the tallest?",
            "Who is the shortest?"},
    Setting{"{} compare their ages.", "is older than", "is younger than", "Who is the oldest?", "Who is the youngest?"},
    Setting{"{} ran a race.", "finished before", "finished after", "Who won the race?", "Who finished last?"},
    Setting{"{} stand in a queue.", "stands before", "stands behind", "Who is first in the queue?",
            "Who is last in the queue?"},
    Setting{"{} compare their savings.", "has more money than", "has less money than", "Who has the most money?",
            "Who has the least money?"},
};

/// True statements about who stands before whom in `place` (place[i] is the rank of person i).
std::vector<Clue> comparisons(base::Rng& rng, const Strings& names, const Assignment& place, const Setting& setting) {
  std::vector<Clue> clues;
  for (std::size_t i = 0; i < names.size(); ++i)
    for (std::size_t j = 0; j < names.size(); ++j) {
      if (place[i] >= place[j]) continue;
      const bool forward = rng.below(2) == 0;
      clues.push_back({forward ? fmt::format("{} {} {}.", names[i], setting.more, names[j])
                               : fmt::format("{} {} {}.", names[j], setting.less, names[i]),
                       [i, j](const Assignment& order) { return order[i] < order[j]; }});
    }
  return clues;
}

Assignment random_order(base::Rng& rng, std::size_t count) {
  Assignment order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  rng.shuffle(order);
  return order;
}

std::size_t at_place(const Assignment& place, std::size_t rank) {
  return static_cast<std::size_t>(std::ranges::find(place, rank) - place.begin());
}

Task ordering(base::Rng& rng, std::size_t count, bool extremes) {
  const auto names = sample(rng, first_names(), count);
  const Assignment place = random_order(rng, count);
  const Setting& setting = rng.pick(kSettings);
  std::vector<Clue> candidates = comparisons(rng, names, place, setting);
  const auto clues = sufficient(rng, count, std::move(candidates));
  const std::string opening = fmt::format(fmt::runtime(setting.opening), join_and(names));
  std::string question;
  std::size_t rank = 0;
  if (extremes) {
    rank = rng.below(2) == 0 ? 0 : count - 1;
    question = rank == 0 ? setting.most : setting.least;
  } else {
    rank = 1 + rng.below(count - 2);
    static const Strings kPlaces = {"first", "second", "third", "fourth", "fifth", "sixth"};
    question = fmt::format("Counted from the one who {} all others, who is {}?", setting.more, kPlaces[rank]);
  }
  return text_question(rng, fmt::format("{} {} {}", opening, told(clues), question), "name",
                       names[at_place(place, rank)], 48);
}

/// Seats in a row, with clues about neighbours and ends, which do not simply chain.
Task seating(base::Rng& rng, std::size_t count) {
  const auto names = sample(rng, first_names(), count);
  const Assignment place = random_order(rng, count);
  std::vector<Clue> candidates;
  for (std::size_t i = 0; i < count; ++i) {
    if (place[i] == 0 || place[i] + 1 == count) {
      candidates.push_back({fmt::format("{} sits at one end.", names[i]),
                            [i, count](const Assignment& order) { return order[i] == 0 || order[i] + 1 == count; }});
    } else {
      candidates.push_back({fmt::format("{} does not sit at an end.", names[i]),
                            [i, count](const Assignment& order) { return order[i] != 0 && order[i] + 1 != count; }});
    }
    for (std::size_t j = 0; j < count; ++j) {
      if (i == j) continue;
      if (place[i] + 1 == place[j])
        candidates.push_back({fmt::format("{} sits directly to the left of {}.", names[i], names[j]),
                              [i, j](const Assignment& order) { return order[i] + 1 == order[j]; }});
      if (place[i] < place[j])
        candidates.push_back({fmt::format("{} sits somewhere to the left of {}.", names[i], names[j]),
                              [i, j](const Assignment& order) { return order[i] < order[j]; }});
      if (i < j && place[i] + 1 != place[j] && place[j] + 1 != place[i])
        candidates.push_back(
            {fmt::format("{} and {} do not sit next to each other.", names[i], names[j]),
             [i, j](const Assignment& order) { return order[i] + 1 != order[j] && order[j] + 1 != order[i]; }});
    }
  }
  const auto clues = sufficient(rng, count, std::move(candidates));
  const std::size_t rank = rng.below(count);
  static const Strings kSeats = {"first", "second", "third", "fourth", "fifth"};
  return text_question(rng,
                       fmt::format("{} sit in a row of {} seats. {} Who sits on the {} seat from the left?",
                                   join_and(names), count, told(clues), kSeats[rank]),
                       "name", names[at_place(place, rank)], 64);
}

/// Each person owns one thing; the clues are who does not own what, or who owns what.
Task ownership(base::Rng& rng, std::size_t count) {
  const auto names = sample(rng, first_names(), count);
  const auto things = sample(rng, animals(), count);
  const Assignment owns = random_order(rng, count);
  const std::size_t open = count > 3 ? 1 : 0;  // clues that give a pair away directly
  std::vector<Clue> candidates;
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < count; ++j) {
      if (owns[i] != j)
        candidates.push_back({fmt::format("{} does not own the {}.", names[i], things[j]),
                              [i, j](const Assignment& order) { return order[i] != j; }});
      if (owns[i] == j && i < open)
        candidates.push_back({fmt::format("{} owns the {}.", names[i], things[j]),
                              [i, j](const Assignment& order) { return order[i] == j; }});
    }
  const auto clues = sufficient(rng, count, std::move(candidates));
  const std::size_t who = rng.below(count);
  Strings articles;
  for (const auto& thing : things) articles.push_back(with_article(thing));
  const std::string opening = fmt::format("{} own {}, one each.", join_and(names), join_and(articles));
  if (rng.below(2) == 0)
    return text_question(rng, fmt::format("{} {} Who owns the {}?", opening, told(clues), things[owns[who]]), "name",
                         names[who], 64);
  return text_question(rng, fmt::format("{} {} Which animal does {} own?", opening, told(clues), names[who]), "animal",
                       things[owns[who]], 64);
}

// ---- knights and knaves
// ----------------------------------------------------------------------------------------------

/// What one islander says; `truth` tells whether it holds when bit i says that islander i is a knight.
struct Saying {
  std::string text;
  std::function<bool(unsigned)> truth;
};

Saying saying(base::Rng& rng, const Strings& names, std::size_t speaker) {
  const std::size_t other = (speaker + 1 + rng.below(names.size() - 1)) % names.size();
  const auto knight = [](unsigned world, std::size_t who) { return ((world >> who) & 1U) != 0; };
  const std::string& me = names[speaker];
  const std::string& you = names[other];
  switch (rng.below(4)) {
    case 0:
      return {fmt::format("{} says: '{} is a knave.'", me, you), [=](unsigned world) { return !knight(world, other); }};
    case 1:
      return {fmt::format("{} says: '{} is a knight.'", me, you), [=](unsigned world) { return knight(world, other); }};
    case 2:
      return {fmt::format("{} says: '{} and I are of the same kind.'", me, you),
              [=](unsigned world) { return knight(world, other) == knight(world, speaker); }};
    default:
      return {fmt::format("{} says: 'At least one of {} and me is a knave.'", me, you),
              [=](unsigned world) { return !knight(world, other) || !knight(world, speaker); }};
  }
}

/// The only world in which exactly the knights' sayings are true, if there is one.
std::optional<unsigned> only_world(const std::vector<Saying>& sayings) {
  std::optional<unsigned> found;
  for (unsigned world = 0; world < (1U << sayings.size()); ++world) {
    bool possible = true;
    for (std::size_t i = 0; i < sayings.size(); ++i)
      possible = possible && sayings[i].truth(world) == (((world >> i) & 1U) != 0);
    if (!possible) continue;
    if (found) return std::nullopt;
    found = world;
  }
  return found;
}

Task knights(base::Rng& rng, std::size_t count) {
  const auto names = sample(rng, first_names(), count);
  for (;;) {  // more than one in ten draws has a single solution
    std::vector<Saying> sayings;
    for (std::size_t i = 0; i < count; ++i) sayings.push_back(saying(rng, names, i));
    const auto world = only_world(sayings);
    if (!world) continue;
    std::string said;
    for (const auto& one : sayings) said += " " + one.text;
    const std::size_t who = rng.below(count);
    const bool knight = ((*world >> who) & 1U) != 0;
    return text_question(
        rng,
        fmt::format("Knights always tell the truth, knaves always lie.{} Is {} a knight or a knave?", said, names[who]),
        "word", knight ? "knight" : "knave", 64, {knight ? "a knight" : "a knave"});
  }
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  const auto kind = rng.below(4);
  if (difficulty == Difficulty::kEasy) return kind == 0 ? knights(rng, 2) : ordering(rng, 3, true);
  if (difficulty == Difficulty::kMedium) {
    if (kind == 0) return knights(rng, 2);
    return kind == 1 ? ownership(rng, 3) : ordering(rng, 4, kind == 2);
  }
  if (kind == 0) return knights(rng, 3);
  if (kind == 1) return ownership(rng, 4);
  return kind == 2 ? seating(rng, 5) : ordering(rng, 6, false);
}

}  // namespace

FamilyRecord logic_puzzles_family();
FamilyRecord logic_puzzles_family() {
  return {"logic_puzzles", "orders from clues, knights and knaves, who owns what; one solution each", false, &generate};
}

}  // namespace thalamus::check
