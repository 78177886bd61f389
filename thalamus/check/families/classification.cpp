/// Naming the topic of a generated sentence, or whether a review is pleased.
#include <fmt/format.h>

#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

struct Topic {
  std::string_view name;
  Strings subjects;
  Strings actions;
  Strings endings;
};

const std::vector<Topic>& topics() {
  static const std::vector<Topic> kTopics = {
      {"sports",
       {"The goalkeeper", "The home team", "A young sprinter", "The swimmer", "The coach", "The tennis player"},
       {"trained hard", "won the final", "scored twice", "missed the start", "set a new record", "lost the match"},
       {"in front of a full stadium", "before the season ended", "after a long injury", "against last year's champions",
        "in extra time"}},
      {"cooking",
       {"The chef", "My aunt", "The recipe", "The baker", "A kitchen helper", "The cookbook"},
       {"adds garlic and butter", "lets the dough rest", "calls for fresh basil", "roasts the vegetables",
        "simmers the sauce", "whips the cream"},
       {"for twenty minutes", "until it turns golden", "on a low flame", "before serving", "with a pinch of salt"}},
      {"weather",
       {"The forecast", "A cold front", "The storm", "The morning fog", "Heavy rain", "The heat wave"},
       {"moves in from the west", "brings strong wind", "covers the valley", "lasts all week", "weakens slowly",
        "breaks a record"},
       {"by Thursday evening", "along the coast", "with gusts and hail", "until the weekend", "in the northern hills"}},
      {"music",
       {"The pianist", "The orchestra", "A street violinist", "The choir", "The drummer", "The young composer"},
       {"rehearsed the second movement", "tuned up", "released a new album", "played three encores",
        "sang in two languages", "changed the tempo"},
       {"before the concert", "to loud applause", "in the old hall", "with a guest soloist", "for the festival"}},
      {"travel",
       {"The tourists", "Our guide", "The night train", "The family", "A backpacker", "The airline"},
       {"booked a hotel", "crossed the border", "lost two suitcases", "reached the island", "missed the ferry",
        "changed the itinerary"},
       {"on the way to Lisbon", "after a long flight", "without a map", "for the summer holidays",
        "at the last minute"}},
      {"medicine",
       {"The surgeon", "A nurse", "The patient", "The clinic", "The vaccine study", "The pharmacist"},
       {"checked the blood pressure", "prescribed antibiotics", "recovered from the operation",
        "reported few side effects", "examined the X-ray", "changed the dose"},
       {"within three days", "after the second visit", "in the intensive care unit", "before discharge",
        "with good results"}},
  };
  return kTopics;
}

std::string sentence(base::Rng& rng, const Topic& topic) {
  const std::string subject = rng.pick(topic.subjects);
  const std::string action = rng.pick(topic.actions);
  return fmt::format("{} {} {}.", subject, action, rng.pick(topic.endings));
}

Task topic_task(base::Rng& rng, std::size_t sentences, std::size_t options) {
  const auto order = sample(rng, topics(), options);
  std::string text = sentence(rng, order[0]);
  for (std::size_t i = 1; i < sentences; ++i) text += " " + sentence(rng, order[0]);
  Strings names;
  for (const auto& topic : order) names.emplace_back(topic.name);
  Strings shown = names;
  rng.shuffle(shown);
  constexpr std::array<std::string_view, 4> kForms = {
      "What is this text about: {1}?\n{0}", "Text: {0}\nWhich topic fits best: {1}?",
      "Classify the text as one of: {1}.\n{0}", "{0}\nChoose the topic from: {1}."};
  return text_question(rng, fmt::format(fmt::runtime(rng.pick(kForms)), text, join(shown)), "topic", names[0], 24);
}

const Strings& praised() {
  static const Strings kList = {"works perfectly",        "looks lovely",
                                "was worth every cent",   "arrived early and well packed",
                                "is better than I hoped", "makes me smile every day"};
  return kList;
}
const Strings& blamed() {
  static const Strings kList = {"broke after a day",          "smells awful",
                                "was a waste of money",       "arrived late and scratched",
                                "is far worse than promised", "drives me mad"};
  return kList;
}

/// Reviews; harder ones begin with the opposite of what they conclude, or deny it.
Task review_task(base::Rng& rng, Difficulty difficulty) {
  const bool pleased = rng.below(2) == 0;
  const std::string thing = rng.pick(portable());
  const std::string verdict = rng.pick(pleased ? praised() : blamed());
  const std::string opposite = rng.pick(pleased ? blamed() : praised());
  const std::string who = rng.pick(first_names());
  std::string text;
  if (difficulty == Difficulty::kEasy) {
    text = fmt::format("The {} {}.", thing, verdict);
    if (rng.below(2) == 0) text += pleased ? " I recommend it." : " I want my money back.";
  } else if (difficulty == Difficulty::kMedium) {
    text = fmt::format("My last {0} {1}, but this one {2}.", thing, opposite, verdict);
  } else {
    text = fmt::format("{0} told me the {1} {2}. I wish I could say that {0} was {3}, but it would be {4}.", who, thing,
                       opposite, pleased ? "right to complain" : "right",
                       pleased ? "unfair to such a fine thing" : "a lie");
  }
  constexpr std::array<std::string_view, 4> kForms = {"Is this review positive or negative? {}",
                                                      "Review: {}\nIs it positive or negative?",
                                                      "Label the writer's opinion as positive or negative: {}",
                                                      "{}\nIs the writer's own opinion positive or negative?"};
  return text_question(rng, fmt::format(fmt::runtime(rng.pick(kForms)), text), "label",
                       pleased ? "positive" : "negative", 24);
}

/// How many of several short reviews are positive.
Task count_reviews(base::Rng& rng) {
  std::string text;
  std::int64_t positive = 0;
  const auto things = sample(rng, portable(), 5);
  for (const auto& thing : things) {
    const bool pleased = rng.below(2) == 0;
    positive += pleased ? 1 : 0;
    text += fmt::format("- The {} {}.\n", thing, rng.pick(pleased ? praised() : blamed()));
  }
  return number_question(rng, fmt::format("{}How many of these five reviews are positive?", text), positive, 24);
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  if (difficulty == Difficulty::kEasy) return rng.below(2) == 0 ? topic_task(rng, 2, 2) : review_task(rng, difficulty);
  if (difficulty == Difficulty::kMedium)
    return rng.below(2) == 0 ? topic_task(rng, 1, 5) : review_task(rng, difficulty);
  return rng.below(2) == 0 ? count_reviews(rng) : review_task(rng, difficulty);
}

}  // namespace

FamilyRecord classification_family();
FamilyRecord classification_family() {
  return {"classification", "the topic of a sentence, the opinion of a review", false, &generate};
}

}  // namespace thalamus::check
