#include "thalamus/feature/word_classes.h"

#include <array>
#include <string_view>

#include "thalamus/base/hash.h"

namespace thalamus::feature {
namespace {

struct WordList {
  WordClass bit;
  std::string_view words;
};

constexpr std::array<WordList, kWordClassCount> kLists{{
    {kInstruction,
     "write explain describe list give find tell show make create generate provide answer choose select complete "
     "fill identify determine name state rewrite translate summarize summarise classify compare convert compute "
     "calculate solve implement return reply respond"},
    {kQuestion, "what who whom whose where when which why how many much whether"},
    {kReasoning,
     "prove proof derive show step steps reason reasoning therefore hence theorem lemma probability equation integral "
     "derivative sum product total average mean median remainder divided multiply multiplied plus minus times twice "
     "half percent ratio solve calculate compute value"},
    {kCode,
     "python function code program class method array string int integer float variable loop recursion algorithm "
     "javascript java rust sql query regex compile debug output print return stdout api script bash html css"},
    {kExtraction,
     "extract json schema yaml csv xml format fields field keys key table row rows column columns record records "
     "document passage text following according parse"},
    {kString,
     "letters letter characters character word words reverse reversed sort sorted order alphabetical uppercase "
     "lowercase vowels vowel consonants palindrome anagram spell count substring concatenate occurrences"},
    {kDate,
     "day days week weeks month months year years date monday tuesday wednesday thursday friday saturday sunday "
     "january "
     "february march april june july august september october november december today tomorrow yesterday leap hours "
     "minutes hour minute noon midnight"},
    {kUnit,
     "km kilometers kilometres kilometer miles mile meters metres meter metre feet foot inch inches cm mm kg kilograms "
     "kilogram grams gram pounds pound ounces ounce liters litres liter gallons gallon celsius fahrenheit kelvin mph "
     "kmh speed distance weight length area volume"},
    {kMoney,
     "dollar dollars cents euro euros price prices cost costs pay paid buy bought sell sold profit discount tax "
     "interest percent percentage salary budget"},
    {kNegation, "not no never none neither nor except incorrect false without cannot isn don doesn wrong least"},
    {kLogic,
     "if then unless either or all some every each exactly only least most always implies follows true false must "
     "between left right immediately taller shorter older younger knight knave liar"},
}};

constexpr std::size_t kSlots = 1024;  // well above twice the words

struct Table {
  std::array<std::uint64_t, kSlots> hash{};
  std::array<std::uint16_t, kSlots> bits{};

  Table() noexcept {
    for (const WordList& list : kLists) {
      std::string_view rest = list.words;
      while (!rest.empty()) {
        const auto space = rest.find(' ');
        add(base::hash64(rest.substr(0, space)), list.bit);
        rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
      }
    }
  }
  void add(std::uint64_t key, WordClass bit) noexcept {
    std::size_t slot = key % kSlots;
    while (bits[slot] != 0 && hash[slot] != key) slot = (slot + 1) % kSlots;
    hash[slot] = key;
    bits[slot] = static_cast<std::uint16_t>(bits[slot] | bit);
  }
};

const Table& table() noexcept {
  static const Table instance;
  return instance;
}

}  // namespace

std::uint16_t word_class(std::uint64_t token_hash) noexcept {
  const Table& words = table();
  std::size_t slot = token_hash % kSlots;
  while (words.bits[slot] != 0) {
    if (words.hash[slot] == token_hash) return words.bits[slot];
    slot = (slot + 1) % kSlots;
  }
  return 0;
}

std::uint64_t word_class_hash() noexcept {
  std::uint64_t hash = 0;
  for (const WordList& list : kLists) hash = base::hash64(list.words, hash + list.bit);
  return hash;
}

}  // namespace thalamus::feature
