/// Questions from our own small table of common facts, in both directions where the answer is unique.
#include <fmt/format.h>

#include "thalamus/base/text.h"
#include "thalamus/check/families/family.h"
#include "thalamus/check/knowledge.h"

namespace thalamus::check {
namespace {

struct Pick {
  const Relation* relation;
  const Fact* fact;
};

std::vector<Pick> facts_of(std::size_t level) {
  std::vector<Pick> out;
  for (const auto& relation : relations())
    for (const auto& fact : relation.facts)
      if (fact.level == level) out.push_back({&relation, &fact});
  return out;
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  static const std::array kByLevel = {facts_of(0), facts_of(1), facts_of(2)};
  const auto& [relation, fact] = rng.pick(kByLevel[static_cast<std::size_t>(difficulty)]);
  const bool backwards = !relation->reverse.empty() && rng.below(3) == 0;
  const auto& forms = backwards ? relation->reverse : relation->forward;
  const std::string question = fmt::format(fmt::runtime(rng.pick(forms)), backwards ? fact->object : fact->subject);
  if (backwards) return text_question(rng, question, relation->reverse_what, fact->subject, 24);
  if (base::parse_number<int>(fact->object)) return number_question(rng, question, std::string(fact->object), 24);
  Strings further;
  for (const auto form : base::split(fact->further, '|'))
    if (!form.empty()) further.emplace_back(form);
  return text_question(rng, question, relation->what, fact->object, 32, std::move(further));
}

}  // namespace

FamilyRecord general_knowledge_family();
FamilyRecord general_knowledge_family() {
  return {"general_knowledge", "capitals, symbols, currencies, languages, authors, animals, planets", false, &generate};
}

}  // namespace thalamus::check
