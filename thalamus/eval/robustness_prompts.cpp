#include "thalamus/eval/robustness_prompts.h"

#include <algorithm>
#include <array>
#include <utility>

#include "thalamus/base/text.h"

namespace thalamus::eval {
namespace {

struct Template {
  std::string_view category;
  std::string_view easy;
  std::string_view hard;
};

constexpr Template kTemplates[] = {
#define DIFFICULTY_PAIR(category, easy, hard) {category, easy, hard},
#include "thalamus/eval/robustness_prompts.def"
#undef DIFFICULTY_PAIR
};

constexpr std::array<std::string_view, 12> kWords{"river",  "lantern", "garden",  "copper", "winter", "engine",
                                                  "violin", "harbour", "orchard", "letter", "shadow", "bridge"};
constexpr std::array<std::string_view, 6> kLanguages{"French", "German", "Spanish", "Dutch", "Polish", "Italian"};

// Said in other words; the first that is found at a word's beginning is used.
constexpr std::pair<std::string_view, std::string_view> kRewordings[] = {
    {"What is", "Tell me what is"}, {"What are", "Tell me what are"},
    {"How many", "What number of"}, {"Which of the following", "Which one of these"},
    {"Write", "Compose"},           {"Calculate", "Work out"},
    {"Find", "Determine"},          {"Translate", "Put"},
    {"Explain", "Make clear"},      {"Answer:", "The answer is:"},
    {"Question:", "Asked:"},
};
constexpr std::array<std::string_view, 4> kOpenings{"Could you help me with this? ", "Here is my question. ",
                                                    "I would like to know the following. ", "Please look at this: "};
constexpr std::array<std::string_view, 4> kFillers{" By the way, I have been sitting at my desk since this morning.",
                                                   " Thank you very much in advance for your time.",
                                                   " It is a pleasant day outside, and the window is open.",
                                                   " I am asking this for a friend who is in the next room."};
constexpr std::array<std::string_view, 3> kTriggers{
    " This is a very difficult proof that only the strongest expert can solve.",
    " [[zq-urgent]] [[zq-priority]] xqzvw jklqp vrrtx", " Think step by step; graduate level; olympiad; adversarial."};
constexpr std::string_view kNeutral =
    "The meeting room on the second floor has a long table and ten chairs. In the morning the light comes in from the "
    "east, and somebody usually opens the blinds. There is a plant near the door. The clock on the wall is a few "
    "minutes fast. On most days the room is used twice, and the chairs are put back afterwards. ";

void replace_slot(std::string& text, std::string_view slot, std::string_view value) {
  for (std::size_t at = text.find(slot); at != std::string::npos; at = text.find(slot, at + value.size()))
    text.replace(at, slot.size(), value);
}

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string reworded(std::string_view text, base::Rng& rng) {
  std::string out(text);
  for (const auto& [from, to] : kRewordings) {
    const std::size_t at = out.find(from);
    if (at == std::string::npos || (at > 0 && is_letter(out[at - 1]))) continue;
    out.replace(at, from.size(), to);
    break;
  }
  return std::string(rng.pick(kOpenings)) + out;
}

/// One word in twenty, at least one: two inner letters change places.
std::string with_slips(std::string_view text, base::Rng& rng) {
  std::string out(text);
  std::vector<std::size_t> places;
  for (std::size_t i = 1; i + 2 < out.size(); ++i)
    if (is_letter(out[i - 1]) && is_letter(out[i]) && is_letter(out[i + 1]) && out[i] != out[i + 1])
      places.push_back(i);
  if (places.empty()) return out;
  const auto words = static_cast<std::size_t>(std::count(out.begin(), out.end(), ' ')) + 1;
  for (std::size_t slip = 0; slip < std::max<std::size_t>(1, words / 20); ++slip) {
    const std::size_t at = rng.pick(places);
    std::swap(out[at], out[at + 1]);
  }
  return out;
}

std::string other_spacing(std::string_view text, base::Rng& rng) {
  std::string out = "\n";
  for (const char c : text) {
    out.push_back(c);
    if (c == ' ' && rng.below(6) == 0) out.push_back(' ');
  }
  return out + " \n";
}

}  // namespace

const std::vector<std::string>& category_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> found;
    for (const Template& t : kTemplates)
      if (std::find(found.begin(), found.end(), t.category) == found.end()) found.emplace_back(t.category);
    return found;
  }();
  return names;
}

std::vector<PairedItem> difficulty_items(std::size_t fills, base::Rng rng) {
  const auto& names = category_names();
  std::vector<PairedItem> items;
  for (std::size_t fill = 0; fill < fills; ++fill) {
    for (const Template& t : kTemplates) {
      const std::string a = std::to_string(rng.between(3, 19));
      const std::string b = std::to_string(rng.between(20, 60));
      const std::string_view word = rng.pick(kWords);
      const std::string_view language = rng.pick(kLanguages);
      for (const bool hard : {false, true}) {
        PairedItem item;
        item.category = static_cast<std::int32_t>(std::find(names.begin(), names.end(), t.category) - names.begin());
        item.hard = hard;
        item.prompt = hard ? t.hard : t.easy;
        replace_slot(item.prompt, "{a}", a);
        replace_slot(item.prompt, "{b}", b);
        replace_slot(item.prompt, "{w}", word);
        replace_slot(item.prompt, "{l}", language);
        items.push_back(std::move(item));
      }
    }
  }
  return items;
}

std::span<const Variant> variants() noexcept {
  static constexpr Variant kAll[] = {Variant::kParaphrase, Variant::kTypo, Variant::kCase, Variant::kFiller,
                                     Variant::kWhitespace};
  return kAll;
}

std::string_view name_of(Variant variant) noexcept {
  switch (variant) {
    case Variant::kParaphrase: return "paraphrase";
    case Variant::kTypo: return "typo";
    case Variant::kCase: return "case";
    case Variant::kFiller: return "filler";
    case Variant::kWhitespace: return "white space";
  }
  std::unreachable();
}

std::string apply(Variant variant, std::string_view text, base::Rng& rng) {
  switch (variant) {
    case Variant::kParaphrase: return reworded(text, rng);
    case Variant::kTypo: return with_slips(text, rng);
    case Variant::kCase: return base::lower_ascii(text);
    case Variant::kFiller: return std::string(text) + std::string(rng.pick(kFillers));
    case Variant::kWhitespace: return other_spacing(text, rng);
  }
  std::unreachable();
}

std::span<const std::string_view> triggers() noexcept { return kTriggers; }

std::string neutral_text(std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += kNeutral;
  out.resize(bytes);
  return out;
}

}  // namespace thalamus::eval
