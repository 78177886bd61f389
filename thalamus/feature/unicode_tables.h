/// The Unicode data that basic tokenisation needs, beyond ASCII, each table ascending. Made by tools/unicode_tables.py.
#pragma once

#include <cstddef>
#include <cstdint>

namespace thalamus::feature {

/// Both ends included.
struct CodeRange {
  std::uint32_t first;
  std::uint32_t last;
};
/// `first`, `first + step`, ... `last` become `target`, `target + step`, ...: decomposed, without marks, lower-cased.
struct FoldRun {
  std::uint32_t first;
  std::uint32_t last;
  std::uint32_t step;
  std::uint32_t target;
};
/// One code point that becomes several; unused ones are 0.
struct FoldSeveral {
  std::uint32_t code_point;
  std::uint32_t target[3];
};

extern const CodeRange kPunctuation[];  ///< general categories P*
extern const std::size_t kPunctuationSize;
extern const CodeRange kMarks[];  ///< Mn
extern const std::size_t kMarksSize;
extern const CodeRange kControls[];  ///< Cc, Cf, Co
extern const std::size_t kControlsSize;
extern const FoldRun kFolds[];
extern const std::size_t kFoldsSize;
extern const FoldSeveral kFoldsSeveral[];
extern const std::size_t kFoldsSeveralSize;
// What the compatibility ideographs become.
inline constexpr std::uint32_t kIdeographsFirst = 0xF900;
inline constexpr std::uint32_t kIdeographsLast = 0xFAD9;
extern const std::uint32_t kIdeographs[];
inline constexpr std::uint32_t kIdeographsSupplementFirst = 0x2F800;
inline constexpr std::uint32_t kIdeographsSupplementLast = 0x2FA1D;
extern const std::uint32_t kIdeographsSupplement[];

}  // namespace thalamus::feature
