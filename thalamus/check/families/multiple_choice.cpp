/// Passages about several people and what they do; one of four options answers the question.
#include <algorithm>

#include <fmt/format.h>

#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

struct Person {
  std::string name, job, city, pet, hobby;
};

std::vector<Person> people(base::Rng& rng, std::size_t count) {
  const auto names = sample(rng, first_names(), count);
  const auto work = sample(rng, jobs(), count);
  const auto towns = sample(rng, cities(), count);
  const auto pets = sample(rng, animals(), count);
  const auto free_time = sample(rng, hobbies(), count);
  std::vector<Person> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back({names[i], work[i], towns[i], pets[i], free_time[i]});
  return out;
}

std::string sentence(base::Rng& rng, const Person& person) {
  switch (rng.below(4)) {
    case 0:
      return fmt::format("{} is {} in {} and has {}.", person.name, with_article(person.job), person.city,
                         with_article(person.pet));
    case 1:
      return fmt::format("{} works as {} in {} and keeps {}.", person.name, with_article(person.job), person.city,
                         with_article(person.pet));
    case 2:
      return fmt::format("In {} lives {}, {} with {}.", person.city, person.name, with_article(person.job),
                         with_article(person.pet));
    default:
      return fmt::format("{} lives in {}, owns {} and earns a living as {}.", person.name, person.city,
                         with_article(person.pet), with_article(person.job));
  }
}

/// The options: the right one first, then others of the passage, filled up from `pool`.
Strings options(base::Rng& rng, const std::string& right, Strings others, const Strings& pool) {
  Strings out{right};
  rng.shuffle(others);
  for (const auto& extra : sample(rng, pool, pool.size())) others.push_back(extra);
  for (const auto& other : others)
    if (out.size() < 4 && std::ranges::find(out, other) == out.end()) out.push_back(other);
  return out;
}

Strings all(const std::vector<Person>& group, std::string Person::* member) {
  Strings out;
  for (const auto& person : group) out.push_back(person.*member);
  return out;
}

std::string passage(base::Rng& rng, const std::vector<Person>& group) {
  std::string text;
  for (const auto& person : group) {
    if (!text.empty()) text += " ";
    text += sentence(rng, person);
  }
  return text;
}

Task easy(base::Rng& rng) {
  const auto group = people(rng, 2);
  const std::string text = passage(rng, group);
  const Person& who = rng.pick(group);
  switch (rng.below(4)) {
    case 0: {
      const auto four = options(rng, who.job, all(group, &Person::job), jobs());
      return choice_task(rng, fmt::format("{}\nWhat is {}'s job?", text, who.name), four, 24);
    }
    case 1: {
      const auto four = options(rng, who.city, all(group, &Person::city), cities());
      return choice_task(rng, fmt::format("{}\nIn which city does {} live?", text, who.name), four, 24);
    }
    case 2: {
      const auto four = options(rng, who.pet, all(group, &Person::pet), animals());
      return choice_task(rng, fmt::format("{}\nWhich animal does {} have?", text, who.name), four, 24);
    }
    default: {
      const auto four = options(rng, who.name, all(group, &Person::name), first_names());
      return choice_task(rng, fmt::format("{}\nWho has the {}?", text, who.pet), four, 24);
    }
  }
}

/// The fact is reached through another one: the passage names the pet's owner, the question asks for the owner's city.
Task medium(base::Rng& rng) {
  const auto group = people(rng, 4);
  const std::string text = passage(rng, group);
  const Person& who = rng.pick(group);
  switch (rng.below(4)) {
    case 0: {
      const auto four = options(rng, who.city, all(group, &Person::city), cities());
      return choice_task(rng, fmt::format("{}\nIn which city does the owner of the {} live?", text, who.pet), four, 24);
    }
    case 1: {
      const auto four = options(rng, who.job, all(group, &Person::job), jobs());
      return choice_task(rng, fmt::format("{}\nWhat does the person in {} work as?", text, who.city), four, 24);
    }
    case 2: {
      const auto four = options(rng, who.pet, all(group, &Person::pet), animals());
      return choice_task(rng, fmt::format("{}\nWhich animal does the {} have?", text, who.job), four, 24);
    }
    default: {
      const auto four = options(rng, who.name, all(group, &Person::name), first_names());
      return choice_task(rng, fmt::format("{}\nWho lives in {}?", text, who.city), four, 24);
    }
  }
}

Task hard(base::Rng& rng) {
  const auto group = people(rng, 4);
  std::string text = passage(rng, group);
  const auto pair = sample(rng, group, 2);
  switch (rng.below(3)) {
    case 0: {
      text += fmt::format(" Last week {} and {} swapped animals.", pair[0].name, pair[1].name);
      const auto four = options(rng, pair[1].pet, all(group, &Person::pet), animals());
      return choice_task(rng, fmt::format("{}\nWhich animal does {} have now?", text, pair[0].name), four, 24);
    }
    case 1: {
      text += fmt::format(" The {} later moved to the city of the {}.", pair[0].job, pair[1].job);
      const auto four = options(rng, pair[1].city, all(group, &Person::city), cities());
      return choice_task(rng, fmt::format("{}\nIn which city does the owner of the {} live now?", text, pair[0].pet),
                         four, 24);
    }
    default: {
      // Three of four like a hobby; the question asks for the one left over.
      const std::string hobby = rng.pick(hobbies());
      auto order = sample(rng, group, 4);
      text += fmt::format(" The {}, the owner of the {} and {} all like {}; the fourth of them does not.", order[0].job,
                          order[1].pet, order[2].name, hobby);
      const auto four = options(rng, order[3].name, all(group, &Person::name), first_names());
      return choice_task(rng, fmt::format("{}\nWho does not like {}?", text, hobby), four, 24);
    }
  }
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  if (difficulty == Difficulty::kEasy) return easy(rng);
  return difficulty == Difficulty::kMedium ? medium(rng) : hard(rng);
}

}  // namespace

FamilyRecord multiple_choice_family();
FamilyRecord multiple_choice_family() {
  return {"multiple_choice", "one of four options about a generated passage", false, &generate};
}

}  // namespace thalamus::check
