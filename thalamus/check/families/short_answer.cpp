/// Short stories in which people carry things about; the question asks where something is, or who has it. The story is
/// simulated while it is told, so the answer is known.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

class Story {
 public:
  Story(base::Rng& rng, std::size_t people, std::size_t things, std::size_t rooms)
      : names_(sample(rng, first_names(), people)),
        things_(sample(rng, portable(), things)),
        rooms_(sample(rng, places(), rooms)) {
    for (std::size_t i = 0; i < people; ++i) {
      at_.push_back(rng.below(rooms));
      tell(fmt::format("{} is in the {}.", names_[i], rooms_[at_[i]]));
    }
    for (std::size_t i = 0; i < things; ++i) {
      holder_.push_back(rng.below(people));
      lies_.push_back(0);
      tell(rng.below(2) == 0 ? fmt::format("{} has the {}.", names_[holder_[i]], things_[i])
                             : fmt::format("{} is holding the {}.", names_[holder_[i]], things_[i]));
    }
  }

  void move(base::Rng& rng, std::size_t who) {
    at_[who] = (at_[who] + 1 + rng.below(rooms_.size() - 1)) % rooms_.size();
    constexpr std::array<std::string_view, 4> kForms = {"{} goes to the {}.", "{} walks to the {}.",
                                                        "Then {} moves to the {}.", "{} goes into the {}."};
    tell(fmt::format(fmt::runtime(rng.pick(kForms)), names_[who], rooms_[at_[who]]));
  }

  void put_down(std::size_t thing) {
    const std::size_t who = holder_[thing];
    if (who == kNobody) return;
    lies_[thing] = at_[who];
    holder_[thing] = kNobody;
    tell(fmt::format("{} puts down the {}.", names_[who], things_[thing]));
  }

  void hand_over(std::size_t thing, std::size_t to) {
    const std::size_t who = holder_[thing];
    if (who == kNobody || who == to) return;
    if (at_[to] != at_[who]) {
      at_[to] = at_[who];
      tell(fmt::format("{} joins {}.", names_[to], names_[who]));
    }
    holder_[thing] = to;
    tell(fmt::format("{} gives the {} to {}.", names_[who], things_[thing], names_[to]));
  }

  [[nodiscard]] std::size_t holder(std::size_t thing) const { return holder_[thing]; }
  [[nodiscard]] const std::string& name(std::size_t who) const { return names_[who]; }
  [[nodiscard]] const std::string& thing(std::size_t index) const { return things_[index]; }
  [[nodiscard]] const std::string& room_of(std::size_t who) const { return rooms_[at_[who]]; }
  [[nodiscard]] const std::string& place(std::size_t thing) const {
    return rooms_[holder_[thing] == kNobody ? lies_[thing] : at_[holder_[thing]]];
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void tell(const std::string& sentence) { text_ += (text_.empty() ? "" : " ") + sentence; }

  Strings names_;
  Strings things_;
  Strings rooms_;
  std::vector<std::size_t> at_;
  std::vector<std::size_t> holder_;
  std::vector<std::size_t> lies_;
  std::string text_;
};

Task ask_room(base::Rng& rng, const std::string& text, const std::string& whose, const std::string& room) {
  constexpr std::array<std::string_view, 3> kForms = {"{} Where is {} now?", "{} In which room is {} now?",
                                                      "{} Where is {} at the end?"};
  return text_question(rng, fmt::format(fmt::runtime(rng.pick(kForms)), text, whose), "room", room, 24,
                       {"in the " + room, "on the " + room});
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  const std::size_t level = static_cast<std::size_t>(difficulty);
  Story story(rng, 2 + level / 2, 1 + level, 3 + level);
  const std::size_t people = 2 + level / 2;
  const std::size_t things = 1 + level;
  if (difficulty == Difficulty::kEasy) {
    const std::size_t who = rng.below(people);
    story.move(rng, who);
    if (rng.below(2) == 0) return ask_room(rng, story.text(), story.name(who), story.room_of(who));
    return ask_room(rng, story.text(), story.name(1 - who), story.room_of(1 - who));
  }
  const std::size_t turns = difficulty == Difficulty::kMedium ? 3 : 7;
  const std::size_t thing = rng.below(things);
  for (std::size_t turn = 0; turn < turns; ++turn) {
    const std::size_t who = rng.below(people);
    const auto action = rng.below(difficulty == Difficulty::kMedium ? 4U : 5U);
    if (action == 3) {
      story.put_down(rng.below(things));
    } else if (action == 4) {
      story.hand_over(thing, who);
    } else {
      story.move(rng, who);
    }
  }
  if (difficulty == Difficulty::kHard && story.holder(thing) != kNobody && rng.below(3) == 0)
    return text_question(rng, fmt::format("{} Who has the {} now?", story.text(), story.thing(thing)), "name",
                         story.name(story.holder(thing)), 24);
  return ask_room(rng, story.text(), "the " + story.thing(thing), story.place(thing));
}

}  // namespace

FamilyRecord short_answer_family();
FamilyRecord short_answer_family() {
  return {"short_answer", "where something is, or who has it, at the end of a short story", false, &generate};
}

}  // namespace thalamus::check
