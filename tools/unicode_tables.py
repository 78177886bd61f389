#!/usr/bin/env python3
"""Writes thalamus/feature/unicode_tables.cpp from this interpreter's Unicode data.

Run it by hand when the tables should follow a newer Unicode version, and raise the schema of the feature encoder then:
  python3 tools/unicode_tables.py > thalamus/feature/unicode_tables.cpp
"""

import unicodedata

FIRST = 0x80
HANGUL = range(0xAC00, 0xD7A4)  # decomposed by arithmetic
SURROGATES = range(0xD800, 0xE000)
# Compatibility ideographs move by no common distance: a table of their targets is the shortest form.
IDEOGRAPHS = (range(0xF900, 0xFADA), range(0x2F800, 0x2FA1E))


def without_marks(text):
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def fold(code_point):
    return without_marks(without_marks(chr(code_point)).lower())


def folds():
    for code_point in range(FIRST, 0x110000):
        if any(code_point in left_out for left_out in (HANGUL, SURROGATES, *IDEOGRAPHS)):
            continue
        if unicodedata.category(chr(code_point)) == "Mn":
            continue
        folded = fold(code_point)
        if folded != chr(code_point):
            yield code_point, [ord(c) for c in folded]


def runs_of(single):
    """(first, last, step, target of first): runs of code points that all move by the same distance."""
    runs, i = [], 0
    while i < len(single):
        best, best_step = 1, 1
        for step in (1, 2):
            j = i + 1
            while (j < len(single) and single[j][0] == single[j - 1][0] + step
                   and single[j][1] - single[j][0] == single[i][1] - single[i][0]):
                j += 1
            if j - i > best:
                best, best_step = j - i, step
        runs.append((single[i][0], single[i + best - 1][0], best_step, single[i][1]))
        i += best
    return runs


def ranges_of(holds):
    ranges, first = [], None
    for code_point in range(FIRST, 0x110001):
        inside = code_point < 0x110000 and holds(unicodedata.category(chr(code_point)))
        if inside and first is None:
            first = code_point
        if not inside and first is not None:
            ranges.append((first, code_point - 1))
            first = None
    return ranges


def print_table(kind, name, rows):
    print(f"const {kind} {name}[] = {{")
    line = "   "
    for row in rows:
        cells = [hex(value) for value in row]
        if kind == "FoldRun":
            cells[2] = str(row[2])
        if kind == "FoldSeveral":
            cells[1:] = ["{" + ", ".join(cells[1:]) + "}"]
        text = " {" + ", ".join(cells) + "},"
        if len(line) + len(text) > 118:
            print(line)
            line = "   "
        line += text
    print(line)
    print("};")
    print(f"const std::size_t {name}Size = std::size({name});\n")


def print_targets(name, code_points):
    print(f"const std::uint32_t {name}[] = {{")
    line = "   "
    for code_point in code_points:
        text = f" {ord(fold(code_point)):#x},"
        if len(line) + len(text) > 118:
            print(line)
            line = "   "
        line += text
    print(f"{line}\n}};\n")


def main():
    single, several = [], []
    for code_point, target in folds():
        if len(target) == 1:
            single.append((code_point, target[0]))
        else:
            several.append((code_point, *(target + [0, 0])[:3]))
    print("// Made by tools/unicode_tables.py from Unicode " + unicodedata.unidata_version + "; not edited by hand.")
    print("// clang-format off")
    print('#include "thalamus/feature/unicode_tables.h"\n\n#include <iterator>\n')
    print("namespace thalamus::feature {\n")
    print_table("CodeRange", "kPunctuation", ranges_of(lambda category: category.startswith("P")))
    print_table("CodeRange", "kMarks", ranges_of(lambda category: category == "Mn"))
    print_table("CodeRange", "kControls", ranges_of(lambda category: category in ("Cc", "Cf", "Co")))
    print_table("FoldRun", "kFolds", runs_of(single))
    print_table("FoldSeveral", "kFoldsSeveral", several)
    print_targets("kIdeographs", IDEOGRAPHS[0])
    print_targets("kIdeographsSupplement", IDEOGRAPHS[1])
    print("}  // namespace thalamus::feature")


if __name__ == "__main__":
    main()
