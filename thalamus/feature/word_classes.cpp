#include "thalamus/feature/word_classes.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "thalamus/base/hash.h"
#include "thalamus/feature/text_hash.h"

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

// A token is looked up with one comparison: words of a group share a shift that leads each of them to a slot of its own
// (hash and displace). The tables are made at compile time.
constexpr std::size_t kSlots = 1024;
constexpr std::size_t kGroups = 256;
constexpr std::size_t kMixesMax = 64;  // different sets of classes that one word has
constexpr unsigned kFieldBits = 10;
constexpr unsigned kFieldsPacked = 6;
constexpr std::size_t kTokensPacked = (1U << kFieldBits) - 1;

struct Word {
  std::uint64_t hash = 0;
  std::uint16_t bits = 0;
};

struct Table {
  std::array<std::uint16_t, kGroups> shift{};
  std::array<std::uint64_t, kSlots> hash{};
  std::array<std::uint8_t, kSlots> mix{};  ///< index into `bits` and `packed`; 0 has no class
  std::array<std::uint16_t, kMixesMax> bits{};
  std::array<std::array<std::uint64_t, 2>, kMixesMax> packed{};
  bool complete = false;
};

constexpr std::size_t group_of(std::uint64_t hash) { return hash % kGroups; }
constexpr std::size_t slot_of(std::uint64_t hash, std::uint16_t shift) { return ((hash >> 8) ^ shift) % kSlots; }

constexpr std::size_t words_max() {
  std::size_t count = 0;
  for (const WordList& list : kLists) {
    ++count;
    for (const char c : list.words) count += c == ' ' ? 1 : 0;
  }
  return count;
}

struct Words {
  std::array<Word, words_max()> words{};
  std::size_t count = 0;
};

constexpr Words all_words() {
  Words all;
  for (const WordList& list : kLists) {
    std::string_view rest = list.words;
    while (!rest.empty()) {
      const auto space = rest.find(' ');
      const std::uint64_t hash = token_hash(rest.substr(0, space));
      std::size_t at = 0;
      while (at < all.count && all.words[at].hash != hash) ++at;
      all.words[at].hash = hash;
      all.words[at].bits = static_cast<std::uint16_t>(all.words[at].bits | list.bit);
      all.count = std::max(all.count, at + 1);
      rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
    }
  }
  return all;
}

constexpr std::uint8_t mix_of(Table& table, std::uint16_t bits) {
  std::uint8_t mix = 1;
  while (table.bits[mix] != 0 && table.bits[mix] != bits) ++mix;
  table.bits[mix] = bits;
  for (unsigned k = 0; k < kWordClassCount; ++k)
    table.packed[mix][k / kFieldsPacked] |= std::uint64_t{(bits >> k) & 1U} << (kFieldBits * (k % kFieldsPacked));
  return mix;
}

// Places a group's words; false if two of them meet or a slot is taken.
constexpr bool place(Table& table, std::span<const Word> group, std::uint16_t shift) {
  for (std::size_t i = 0; i < group.size(); ++i) {
    const std::size_t slot = slot_of(group[i].hash, shift);
    if (table.mix[slot] != 0) return false;
    for (std::size_t k = 0; k < i; ++k)
      if (slot_of(group[k].hash, shift) == slot) return false;
  }
  for (const Word& word : group) {
    const std::size_t slot = slot_of(word.hash, shift);
    table.hash[slot] = word.hash;
    table.mix[slot] = mix_of(table, word.bits);
  }
  return true;
}

constexpr Table make_table() {
  Table table;
  Words all = all_words();
  const std::span<Word> words(all.words.data(), all.count);
  std::sort(words.begin(), words.end(),
            [](const Word& a, const Word& b) { return group_of(a.hash) < group_of(b.hash); });
  for (std::size_t begin = 0; begin < words.size();) {
    const std::size_t group = group_of(words[begin].hash);
    std::size_t end = begin;
    while (end < words.size() && group_of(words[end].hash) == group) ++end;
    std::uint16_t shift = 0;
    while (shift < kSlots && !place(table, words.subspan(begin, end - begin), shift)) ++shift;
    if (shift == kSlots) return table;
    table.shift[group] = shift;
    begin = end;
  }
  table.complete = true;
  return table;
}

constexpr Table kTable = make_table();
static_assert(kTable.complete, "two words of one group have the same slots; another seed of token_hash will do");

// Without a branch, which no processor could guess.
std::size_t find(std::uint64_t token) noexcept {
  const std::size_t slot = slot_of(token, kTable.shift[group_of(token)]);
  return kTable.mix[slot] & (std::size_t{0} - static_cast<std::size_t>(kTable.hash[slot] == token));
}

}  // namespace

std::uint16_t word_class(std::uint64_t token) noexcept { return kTable.bits[find(token)]; }

std::array<std::uint32_t, kWordClassCount> count_word_classes(std::span<const std::uint64_t> tokens) noexcept {
  std::array<std::uint32_t, kWordClassCount> counts{};
  while (!tokens.empty()) {
    const auto part = tokens.first(std::min<std::size_t>(tokens.size(), kTokensPacked));
    tokens = tokens.subspan(part.size());
    std::array<std::uint64_t, 2> packed{};
    for (const std::uint64_t token : part) {
      const auto& one = kTable.packed[find(token)];
      packed[0] += one[0];
      packed[1] += one[1];
    }
    for (unsigned k = 0; k < kWordClassCount; ++k)
      counts[k] += static_cast<std::uint32_t>(packed[k / kFieldsPacked] >> (kFieldBits * (k % kFieldsPacked))) &
                   ((1U << kFieldBits) - 1);
  }
  return counts;
}

std::uint64_t word_class_hash() noexcept {
  std::uint64_t hash = 0;
  for (const WordList& list : kLists) hash = base::hash64(list.words, hash + list.bit);
  return hash;
}

}  // namespace thalamus::feature
