"""Every line of a .def list has a source of that name beside it and a test that mentions it; no name is there twice."""
import os
import re

from common import files, hide, main, read

ENTRY = re.compile(r"^([A-Z][A-Z_]*)\((\w+)\s*[,)]", re.MULTILINE)
# Lists of values, not of methods: they name enumerators, not files.
VALUES = {"SIGNAL"}
# Kinds without a behaviour of their own to state: their suite walks over the registry by this call.
SUITE_IS_ENOUGH = {"FAMILY": "families()"}


def entries(text):
    return [(kind, name) for kind, name in ENTRY.findall(hide(text)) if kind not in VALUES]


def problems_of(path, text, sources, tests):
    """`sources`: names of the folder's .cpp files without suffix; `tests`: the text of the folder's tests."""
    problems = []
    seen = set()
    for kind, name in entries(text):
        if name in seen:
            problems.append(f"{path}:1: {kind}({name}) is there twice")
        seen.add(name)
        if name not in sources:
            problems.append(f"{path}:1: {kind}({name}) has no {name}.cpp in its folder")
        if SUITE_IS_ENOUGH.get(kind, "\0") in tests:
            continue
        if not re.search(rf"(?<![A-Za-z0-9]){name}(?![A-Za-z0-9])", tests):
            problems.append(f"{path}:1: {kind}({name}) is mentioned by no test of its folder")
    return problems


def check(arguments):
    root = arguments.root
    problems = []
    for path in files(root, (".def",), "thalamus"):
        folder = path.split("/")[1]
        sources = {os.path.basename(p)[:-4] for p in files(root, (".cpp",), f"thalamus/{folder}")}
        tests = files(root, (".cpp", ".h"), f"tests/{folder}")
        mentions = "\n".join([os.path.basename(p) for p in tests] + [read(root, p) for p in tests])
        problems += problems_of(path, read(root, path), sources, mentions)
    return problems


def self_test():
    assert not problems_of("a.def", "// X(name)\nX(one)\nX(two, 3)\n", {"one", "two"}, '"one" test_two.cpp')
    assert problems_of("a.def", "X(one)\n", set(), "one")
    assert problems_of("a.def", "X(one)\n", {"one"}, "someone")
    assert problems_of("a.def", "X(one)\nX(one)\n", {"one"}, "one")
    assert not problems_of("a.def", "FAMILY(one)\n", {"one"}, "for (auto& f : families())")
    assert problems_of("a.def", "FAMILY(one)\n", {"one"}, "")
    assert not problems_of("a.def", "SIGNAL(kName, 1)\n", set(), "")


if __name__ == "__main__":
    main(check, self_test)
