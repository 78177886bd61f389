/// A small table of common facts of our own: capitals, currencies, languages, chemical symbols, authors, animals,
/// planets. Each relation carries its wordings; each fact a level, by how widely it is known.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thalamus::check {

struct Fact {
  const char* subject;
  const char* object;
  std::uint8_t level;        ///< 0 widely known, 1 school knowledge, 2 seldom asked
  const char* further = "";  ///< other accepted objects, separated by '|'
};

struct Relation {
  const char* name;
  const char* what;                      ///< of the object: "city"
  const char* reverse_what;              ///< of the subject: "country"
  std::span<const char* const> forward;  ///< questions with {} for the subject
  std::span<const char* const> reverse;  ///< questions with {} for the object; empty where several subjects share one
  std::span<const Fact> facts;
};

[[nodiscard]] std::span<const Relation> relations() noexcept;

}  // namespace thalamus::check
