"""docs/methods.md is what the built binary lists, so that no registered method is left out of it."""
import os
import sys

from common import main, read

sys.dont_write_bytecode = True
PAGE = "docs/methods.md"


def methods_page(root):
    sys.path.insert(0, os.path.join(root, "tools"))
    import methods_page as tool
    return tool


def first_difference(have, want):
    """Line number and text of the first line of `want` that `have` lacks in its place; None where they are equal."""
    if have == want:
        return None
    old, new = have.split("\n"), want.split("\n")
    at = next((i for i, pair in enumerate(zip(old, new)) if pair[0] != pair[1]), min(len(old), len(new)))
    return at + 1, new[at] if at < len(new) else "the end of the page"


def check(arguments):
    binary = os.path.join(arguments.build, "thalamus")
    if not arguments.build or not os.path.exists(binary):
        print(f"skipped: there is no binary {binary}")
        return []
    tool = methods_page(arguments.root)
    have = read(arguments.root, PAGE) if os.path.exists(os.path.join(arguments.root, PAGE)) else ""
    found = first_difference(have, tool.page(tool.listed(binary)))
    if found is None:
        return []
    return [f"{PAGE}:{found[0]}: the binary says: {found[1]}\n"
            f"write the page again: python3 tools/methods_page.py --thalamus {binary}"]


def self_test():
    tool = methods_page(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    option = {"name": "k", "type": "integer", "default": "5", "allowed": "1..9", "help": "many"}
    row = {"level": "route", "name": "one", "help": "a|b", "source": "arXiv:2505.12601", "latency_class_us": 1000,
           "needs": "", "options": [option]}
    text = tool.page([row])
    assert r"| `one` | a\|b | [arXiv:2505.12601](https://arxiv.org/abs/2505.12601) | 1 ms |" in text, text
    assert "| `one` | `k` | integer | `5` | 1..9 | many |" in text, text
    more = tool.page([row, {**row, "name": "two"}])
    assert first_difference(text, text) is None
    assert "`two`" in first_difference(text, more)[1]
    assert first_difference("", text)[0] == 1


if __name__ == "__main__":
    main(check, self_test)
