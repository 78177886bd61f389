/// Everyday stories with numbers; one, two, or three and more steps.
#include <fmt/format.h>

#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

struct Story {
  std::string text;
  std::int64_t answer = 0;
};

Story one_step(base::Rng& rng) {
  const auto names = sample(rng, first_names(), 2);
  const std::string item = rng.pick(goods());
  const std::int64_t a = rng.between(5, 60);
  const std::int64_t b = rng.between(2, 40);
  const std::int64_t c = rng.between(2, 12);
  switch (rng.below(6)) {
    case 0:
      return {fmt::format("{} has {} {} and buys {} more. How many {} does {} have now?", names[0], a, item, b, item,
                          names[0]),
              a + b};
    case 1:
      return {fmt::format("{} had {} {} and gave {} of them to {}. How many {} are left?", names[0], a + b, item, b,
                          names[1], item),
              a};
    case 2:
      return {fmt::format("There are {} boxes with {} {} in each. How many {} are there in all?", c, b, item, item),
              c * b};
    case 3:
      return {fmt::format("{} shares {} {} equally among {} friends. How many does each friend get?", names[0], b * c,
                          item, c),
              b};
    case 4: return {fmt::format("One ticket costs {} dollars. How many dollars do {} tickets cost?", b, c), b * c};
    default:
      return {
          fmt::format("{} is {} years old. {} is {} years older. How old is {}?", names[0], a, names[1], b, names[1]),
          a + b};
  }
}

Story two_steps(base::Rng& rng) {
  const auto names = sample(rng, first_names(), 2);
  const std::string item = rng.pick(goods());
  const std::int64_t a = rng.between(12, 80);
  const std::int64_t b = rng.between(3, 25);
  const std::int64_t c = rng.between(3, 12);
  const std::int64_t d = rng.between(2, 9);
  switch (rng.below(6)) {
    case 0:
      return {fmt::format("{} buys {} packs of {} {} and gives {} of the {} to {}. How many {} does {} keep?", names[0],
                          c, b, item, d, item, names[1], item, names[0]),
              c * b - d};
    case 1:
      return {fmt::format("A shop sells {} {} on Monday and {} times as many on Tuesday. How many does it sell on both "
                          "days together?",
                          a, item, d),
              a + a * d};
    case 2:
      return {fmt::format("{} pays for {} {} at {} dollars each with a {}-dollar voucher. How many dollars of the "
                          "voucher are left?",
                          names[0], c, item, d, c * d + b),
              b};
    case 3:
      return {fmt::format(
                  "A bus carries {} people. At a stop {} get off and {} get on. How many people are on the bus now?",
                  a + b, b, c),
              a + c};
    case 4:
      return {fmt::format("{} reads {} pages a day for {} days and then {} more pages. How many pages is that?",
                          names[0], b, c, a),
              b * c + a};
    default:
      return {fmt::format("{} has {} {}. {} has {} fewer. How many do they have together?", names[0], a + b, item,
                          names[1], b),
              2 * a + b};
  }
}

Story many_steps(base::Rng& rng) {
  const auto names = sample(rng, first_names(), 3);
  const std::string item = rng.pick(goods());
  const std::int64_t a = rng.between(14, 60);
  const std::int64_t b = rng.between(3, 15);
  const std::int64_t c = rng.between(4, 12);
  const std::int64_t d = rng.between(2, 8);
  switch (rng.below(6)) {
    case 0: {
      const std::int64_t bag = c + d;  // more than the rest that is left over
      const std::int64_t all = c * d * (b + 5);
      const std::int64_t broken = (all - d) % bag + bag;
      return {fmt::format("A farm packs {} crates with {} {} each. It throws away {} broken ones, and sells the others "
                          "in bags of {}, with {} left over. How many full bags does it sell?",
                          c * d, b + 5, item, broken, bag, d),
              (all - broken - d) / bag};
    }
    case 1:
      return {fmt::format("{} earns {} dollars an hour and works {} hours a day, {} days a week. After paying {} "
                          "dollars of rent a week, how many dollars are left after {} weeks?",
                          names[0], a, d, 5, b * 10, c),
              (a * d * 5 - b * 10) * c};
    case 2:
      return {fmt::format("{} has twice as many {} as {}. {} has {} more than {}. {} has {}. How many {} do the three "
                          "have together?",
                          names[0], item, names[1], names[1], b, names[2], names[2], a, item),
              3 * (a + b) + a};
    case 3:
      return {fmt::format("A tank holds {} litres. One pipe fills it at {} litres a minute while a leak loses {} "
                          "litres a minute. It already holds {} litres. After how many minutes is it full?",
                          c * (b + 2) + a, b + 2 + d, d, a),
              c};
    case 4:
      return {fmt::format("A coat costs {} dollars. It is reduced by {} percent, and {} then uses a voucher of {} "
                          "dollars. How many dollars does {} pay for {} such coats, with one voucher for each?",
                          a * 20, b * 5, names[0], c, names[0], d),
              (a * 20 - a * b - c) * d};
    default:
      return {fmt::format("A train leaves with {} passengers. At each of {} stops {} get off and {} get on. At the "
                          "last stop a third of those on board get off. How many stay on board?",
                          3 * a + c * (b + d) - c * b, c, b + d, b),
              2 * a};
  }
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  if (difficulty == Difficulty::kEasy) {
    const Story story = one_step(rng);
    return number_question(rng, story.text, story.answer, 32);
  }
  constexpr std::array<std::string_view, 3> kEndings = {"End with 'Answer: ' and the number.",
                                                        "Think in short steps, then write 'Answer: ' and the number.",
                                                        "Keep it brief and finish with a line 'Answer: <number>'."};
  const Story story = difficulty == Difficulty::kMedium ? two_steps(rng) : many_steps(rng);
  return number_task(fmt::format("{} {}", story.text, rng.pick(kEndings)), std::to_string(story.answer), 120);
}

}  // namespace

FamilyRecord word_problems_family();
FamilyRecord word_problems_family() {
  return {"word_problems", "everyday stories with numbers, of one to four steps", false, &generate};
}

}  // namespace thalamus::check
