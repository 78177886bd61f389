/// Operands of the text tool: quoted or bare strings, lists and sets written inline.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/tool/question.h"

namespace thalamus::tool {

using Items = std::vector<std::string>;

/// The items of a slot. Unquoted and without brackets they must be of one kind: a long item among single words could be
/// an instruction that was not understood.
[[nodiscard]] std::optional<Items> items_in(const Match& match, char slot);
/// "a, b and c", "[3, 1, 2]", "{x; y}", one item a line, or words between spaces. Nothing where the commas could group
/// thousands or an item is empty.
[[nodiscard]] std::optional<Items> parse_items(std::string_view text);
/// Each item as a number.
[[nodiscard]] std::optional<std::vector<Rational>> numbers_of(const Items& items);
/// The content of a quotation, or the text of the slot as written. Empty if an unquoted text goes over the end of a
/// sentence: what follows could be an instruction.
[[nodiscard]] std::string operand(const Match& match, char slot);
/// Is the slot one quotation?
[[nodiscard]] bool is_quoted(const Match& match, char slot);
/// A quotation, or a bare word that the text calls a word, a string or the like just before it.
[[nodiscard]] bool is_named(const Match& match, char slot);
[[nodiscard]] bool is_ascii(std::string_view text) noexcept;
/// The items joined as the user asked, or by ", ".
[[nodiscard]] std::optional<Solution> items_solution(const Style& style, const Items& items, std::string working);
/// The slot types "word_or_q", "letter", "ordinal", "set", "ordering".
[[nodiscard]] std::span<const SlotType> text_slots();
/// The letter of a slot of that type.
[[nodiscard]] char letter_in(const Match& match, char slot);
/// 1 for first, -1 for last, -2 for the second to last; 0 if the slot is none.
[[nodiscard]] std::int64_t position_in(const Match& match, char slot);

[[nodiscard]] std::span<const Rule> text_list_rules();
[[nodiscard]] std::span<const Rule> text_count_rules();

}  // namespace thalamus::tool
