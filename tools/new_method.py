#!/usr/bin/env python3
"""`make new KIND=router NAME=foo`: writes the three pieces of a new method - its source, its line in the registry, its
test. What it writes compiles and passes the contract suite of its kind; from there on the method is yours.

Standard library only. Exit codes: 0 done, 2 wrong arguments, 3 the tree could not be written.
"""
import argparse
import difflib
import os
import re
import sys

# kind: (registry, macro, source, test); {0} is the name.
KINDS = {
    "router": ("thalamus/route/methods.def", "ROUTER", "thalamus/route/{0}.cpp", "tests/route/test_{0}.cpp"),
    "strategy": ("thalamus/compose/strategies.def", "STRATEGY", "thalamus/compose/{0}.cpp",
                 "tests/compose/test_{0}.cpp"),
    "policy": ("thalamus/dispatch/policies.def", "POLICY", "thalamus/dispatch/{0}.cpp", "tests/dispatch/test_{0}.cpp"),
    "tool": ("thalamus/tool/tools.def", "TOOL", "thalamus/tool/{0}.cpp", "tests/tool/test_{0}.cpp"),
    "checker": ("thalamus/check/checkers.def", "CHECKER", "thalamus/check/checkers/{0}.cpp",
                "tests/check/test_{0}.cpp"),
    "family": ("thalamus/check/families.def", "FAMILY", "thalamus/check/families/{0}.cpp",
               "tests/check/test_{0}_family.cpp"),
    "feature": ("thalamus/feature/features.def", "FEATURE", "thalamus/feature/{0}.cpp",
                "tests/feature/test_{0}.cpp"),
}
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
NAME_LENGTH_MAX = 40
KEYWORDS = set("""and auto bool break case catch char class concept const continue default delete do double else enum
explicit export extern false float for friend goto if inline int long mutable namespace new not operator or private
protected public register requires return short signed sizeof static struct switch template this throw true try
typedef union unsigned using virtual void volatile while xor""".split())


def refuse(message):
    print(f"new_method: {message}", file=sys.stderr)
    sys.exit(2)


def check_arguments(root, kind, name):
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1)
        hint = f", did you mean '{near[0]}'?" if near else ""
        refuse(f"KIND: expected one of {'|'.join(KINDS)}, got '{kind}'{hint}")
    if not NAME.fullmatch(name) or len(name) > NAME_LENGTH_MAX or name in KEYWORDS:
        refuse(f"NAME: expected snake_case, at most {NAME_LENGTH_MAX} letters and no C++ keyword, got '{name}'")
    registry, macro, source, test = KINDS[kind]
    if not os.path.isfile(os.path.join(root, registry)):
        refuse(f"{registry} is not there; run this in a checkout of Thalamus")
    with open(os.path.join(root, registry), encoding="utf-8") as file:
        if re.search(rf"^{macro}\({name}\)", file.read(), re.MULTILINE):
            refuse(f"NAME: {registry} has {macro}({name}) already")
    for path in (source.format(name), test.format(name)):
        if os.path.exists(os.path.join(root, path)):
            refuse(f"NAME: {path} is there already")


def fill(template, name):
    templates = os.path.join(os.path.dirname(os.path.abspath(__file__)), "new_method")
    with open(os.path.join(templates, template), encoding="utf-8") as file:
        text = file.read()
    camel = "".join(word.capitalize() for word in name.split("_"))
    return text.replace("@name@", name).replace("@Name@", camel)


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "x", encoding="utf-8") as file:
        file.write(text)


def register(root, registry, line):
    path = os.path.join(root, registry)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + ("" if not text or text.endswith("\n") else "\n") + line + "\n")


def main():
    parser = argparse.ArgumentParser(description="Writes source, registry line and test of a new method.")
    parser.add_argument("kind", help="|".join(KINDS))
    parser.add_argument("name", help="snake_case; what users will type")
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    arguments = parser.parse_args()
    root, kind, name = os.path.realpath(arguments.root), arguments.kind, arguments.name
    check_arguments(root, kind, name)
    registry, macro, source, test = KINDS[kind]
    source, test = source.format(name), test.format(name)
    try:
        write(root, source, fill(f"{kind}.cpp.in", name))
        write(root, test, fill(f"{kind}_test.cpp.in", name))
        register(root, registry, f"{macro}({name})")
    except OSError as error:
        print(f"new_method: {error}", file=sys.stderr)
        sys.exit(3)
    print(f"wrote {source}\nwrote {test}\nadded {macro}({name}) to {registry}")
    print("next: say in the source what it is for, and test what only it promises; then `make release` and\n"
          "`python3 tools/methods_page.py`, which writes docs/methods.md anew (a test compares it); then `make test`")


if __name__ == "__main__":
    main()
