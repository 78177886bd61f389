"""What the checks of the repository share: finding files, hiding comments and strings, reporting."""
import argparse
import os
import re
import sys

SKIPPED_FOLDERS = {".git", "build", ".cache", "__pycache__", "node_modules", ".venv"}


def files(root, suffixes, below=""):
    """Paths relative to `root`, sorted, of the files that end in one of `suffixes`."""
    found = []
    for folder, folders, names in os.walk(os.path.join(root, below)):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(names):
            if name.endswith(suffixes):
                found.append(os.path.relpath(os.path.join(folder, name), root))
    return found


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def _blank(text):
    return "".join(c if c == "\n" else " " for c in text)


def _raw_string_end(text, start):
    """`start` is at the quote of R"delimiter(...)delimiter"."""
    opening = text.find("(", start)
    if opening < 0:
        return len(text)
    close = text.find(")" + text[start + 1:opening] + '"', opening)
    return len(text) if close < 0 else close + (opening - start) + 1


def _quoted_end(text, start):
    i = start + 1
    while i < len(text) and text[i] != text[start] and text[i] != "\n":
        i += 2 if text[i] == "\\" else 1
    return min(i + 1, len(text))


def hide(text, strings=True):
    """C++ source with comments (and the contents of strings) turned into blanks; every line keeps its length."""
    out = []
    i = 0
    while i < len(text):
        c = text[i]
        before = re.search(r"\w*$", text[max(0, i - 4):i]).group()
        if text.startswith("//", i):
            end = text.find("\n", i)
            end = len(text) if end < 0 else end
        elif text.startswith("/*", i):
            end = text.find("*/", i)
            end = len(text) if end < 0 else end + 2
        elif c == '"' and before in ("R", "LR", "uR", "UR", "u8R"):
            end = _raw_string_end(text, i)
        elif c == '"' or (c == "'" and before in ("", "u8", "u", "U", "L")):  # 1'000 is a number
            end = _quoted_end(text, i)
        else:
            out.append(c)
            i += 1
            continue
        if c in "\"'":
            out.append(c + _blank(text[i + 1:end - 1]) + c if strings else text[i:end])
        else:
            out.append(_blank(text[i:end]))
        i = end
    return "".join(out)


def hide_directives(text):
    """The same for preprocessor lines, continued ones whole; `text` is hidden already."""
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", lambda match: _blank(match.group()), text, flags=re.MULTILINE)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def main(check, self_test):
    """Runs the self-test, then `check(arguments)`, which returns a list of "path:line: what"."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    parser.add_argument("--build", default="")
    arguments = parser.parse_args()
    arguments.root = os.path.realpath(arguments.root)
    self_test()
    problems = check(arguments)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problem(s)" if problems else "ok")
    sys.exit(1 if problems else 0)
