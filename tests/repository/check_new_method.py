"""`make new` writes the three pieces of every kind, in the house style, and refuses what it cannot do."""
import os
import shutil
import subprocess
import sys
import tempfile

import check_forbidden
import check_includes
import check_layout
import check_registries
from common import files, hide, main, read

KINDS = ("router", "strategy", "policy", "tool", "checker", "family", "feature")
NAME = "brand_new"


def run(root, script, *arguments):
    return subprocess.run([sys.executable, "-B", script, *arguments, "--root", root], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def copy_of(root, scratch):
    """The registries alone: enough for the tool, and quick."""
    for path in files(root, (".def",), "thalamus"):
        os.makedirs(os.path.join(scratch, os.path.dirname(path)), exist_ok=True)
        shutil.copy(os.path.join(root, path), os.path.join(scratch, path))


def style(root, path):
    text = read(root, path)
    return (check_layout.long_lines(path, text) + check_layout.long_file(path, text)
            + check_layout.long_functions(path, text) + check_forbidden.words(path, text)
            + check_forbidden.calls(path, hide(text))
            + (check_includes.own_includes(path, text) if path.startswith("thalamus/") else []))


def check_kind(root, script, kind):
    with tempfile.TemporaryDirectory() as scratch:
        copy_of(root, scratch)
        before = set(files(scratch, ("",)))
        made = run(scratch, script, kind, NAME)
        if made.returncode != 0:
            return [f"tools/new_method.py:1: {kind}: {made.stdout.strip()}"]
        new = sorted(set(files(scratch, ("",))) - before)
        problems = []
        if len(new) != 2 or not new[0].startswith("tests/") or not new[1].startswith("thalamus/"):
            problems.append(f"tools/new_method.py:1: {kind}: expected a source and a test, got {new}")
        listed = [p for p in before if p.endswith(".def") and f"({NAME})\n" in read(scratch, p)]
        if len(listed) != 1:
            problems.append(f"tools/new_method.py:1: {kind}: expected one line in one .def, got {listed}")
        for path in new:
            problems += style(scratch, path)
            if "@" in read(scratch, path):
                problems.append(f"tools/new_method.py:1: {kind}: a placeholder is left in {path}")
        tests = "\n".join(read(scratch, p) for p in new if p.startswith("tests/"))
        for path in listed:
            entries = [line for line in read(scratch, path).split("\n") if NAME in line]
            problems += check_registries.problems_of(path, "\n".join(entries), {NAME}, tests)
        again = run(scratch, script, kind, NAME)
        if again.returncode != 2 or "already" not in again.stdout:
            problems.append(f"tools/new_method.py:1: {kind}: does not refuse a name that is taken")
        return problems


def check_refusals(root, script):
    problems = []
    with tempfile.TemporaryDirectory() as scratch:
        copy_of(root, scratch)
        before = files(scratch, ("",))
        refusals = [(("rooter", NAME), "did you mean 'router'?"), (("router", "CamelCase"), "snake_case"),
                    (("router", "../x"), "snake_case"), (("router", "switch"), "keyword"),
                    (("", ""), "expected one of")]
        for arguments, expected in refusals:
            refused = run(scratch, script, *arguments)
            if refused.returncode != 2 or expected not in refused.stdout:
                problems.append(f"tools/new_method.py:1: {arguments}: expected '{expected}', got: {refused.stdout}")
        if files(scratch, ("",)) != before:
            problems.append("tools/new_method.py:1: a refusal leaves something behind")
    return problems


def check(arguments):
    script = os.path.join(arguments.root, "tools", "new_method.py")
    problems = check_refusals(arguments.root, script)
    for kind in KINDS:
        problems += check_kind(arguments.root, script, kind)
    return problems


def self_test():
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(os.path.join(root, "thalamus/route"))
        with open(os.path.join(root, "thalamus/route/methods.def"), "w", encoding="utf-8") as file:
            file.write("ROUTER(one)\n")
        script = os.path.join(root, "broken.py")
        with open(script, "w", encoding="utf-8") as file:
            file.write("print('does nothing')\n")
        assert check_kind(root, script, "router")
        assert check_refusals(root, script)


if __name__ == "__main__":
    main(check, self_test)
