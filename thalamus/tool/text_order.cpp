#include "thalamus/tool/text_order.h"

#include <algorithm>

#include "thalamus/base/text.h"
#include "thalamus/tool/phrase.h"

namespace thalamus::tool {
namespace {

/// One order a line, its words in no particular order between spaces.
constexpr std::string_view kOrders[] = {
    " zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion "
    "dozen half quarter once twice thrice single double triple quadruple few many several pair none ",
    " first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth primary secondary tertiary "
    "last next previous final initial beginning middle end early late ",
    " monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun ",
    " january february march april may june july august september october november december jan feb mar apr jun jul "
    "aug sep sept oct nov dec ",
    " spring summer autumn fall winter ",
    " tiny small smaller smallest little medium mid big bigger biggest large larger largest huge giant enormous mini "
    "micro nano xs s m l xl xxl xxxl short tall grande venti long compact regular ",
    " low lower lowest high higher highest moderate medium normal minimal minor major critical severe urgent mild "
    "serious extreme none average trivial blocker info debug trace warning warn error fatal ",
    " easy hard harder difficult simple advanced beginner intermediate novice expert junior senior lead principal "
    "apprentice journeyman master ",
    " bad worse worst poor fair good better best great excellent outstanding satisfactory ok okay terrible awful ",
    " cold cool warm hot freezing boiling lukewarm ",
    " slow slower slowest fast faster fastest ",
    " young old ancient modern new child teenager teen adult baby infant toddler elderly ",
    " mercury venus earth mars jupiter saturn uranus neptune pluto ",
    " alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi "
    "chi psi omega ",
    " bronze silver gold platinum diamond ",
    " freshman sophomore junior senior kindergarten elementary preschool undergraduate graduate bachelor bachelors "
    "master masters doctorate phd postdoc ",
    " private corporal sergeant lieutenant captain major colonel general admiral ",
    " jack queen king ace pawn knight bishop rook ",
    " nanosecond microsecond millisecond second seconds minute minutes hour hours day days week weeks month months "
    "year "
    "years decade century millennium ",
    " millimetre millimeter centimetre centimeter metre meter kilometre kilometer inch foot yard mile gram kilogram "
    "tonne ton byte kilobyte megabyte gigabyte terabyte petabyte ",
    " breakfast lunch dinner supper ",
    " dawn morning noon midday afternoon evening dusk night midnight yesterday today tomorrow past present future ",
    " never rarely seldom occasionally sometimes often usually frequently always ",
    " village town city hamlet metropolis state country continent ",
    " atom molecule cell tissue organ organism ",
    " do re mi fa sol la ti ",
    " red orange yellow green blue indigo violet ",
};

/// Is one of the item's words in the order?
bool belongs_to(std::string_view order, const std::string& item) {
  std::string word = " ";
  for (const char c : item + " ") {
    const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    if (small >= 'a' && small <= 'z') {
      word.push_back(small);
    } else if (word.size() > 1) {
      word.push_back(' ');
      if (order.find(word) != std::string_view::npos) return true;
      word = " ";
    }
  }
  return false;
}

bool is_roman(const std::string& item) {
  return !item.empty() && base::lower_ascii(item).find_first_not_of("ivxlcdm") == std::string::npos;
}

/// "twenty-one", "21st", "3rd".
bool is_ordinal_or_number(const std::string& item) {
  const auto phrase = Phrase::read(item);
  if (!phrase.has_value() || phrase->size() == 0) return false;
  const auto size = static_cast<std::uint32_t>(phrase->size());
  const auto number = match_number(*phrase, 0, size);
  const auto ordinal = match_ordinal(*phrase, 0, size);
  return number.has_value() || ordinal.has_value();
}

}  // namespace

bool have_own_order(const Items& items) {
  const auto two = [&](auto&& belongs) { return std::count_if(items.begin(), items.end(), belongs) >= 2; };
  if (two(is_roman) || two(is_ordinal_or_number)) return true;
  return std::any_of(std::begin(kOrders), std::end(kOrders), [&](std::string_view order) {
    return two([&](const std::string& item) { return belongs_to(order, item); });
  });
}

}  // namespace thalamus::tool
