"""Every relative link of a Markdown page leads to a file, and every #anchor to a heading."""
import os
import re
import tempfile

from common import files, line_of, main, read

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def anchors(text):
    """GitHub's names of the headings."""
    names = set()
    for heading in re.findall(r"^#{1,6}\s+(.*)$", text, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        names.add(name)
    return names


def broken(root, path):
    text = read(root, path)
    visible = CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    problems = []
    for match in LINK.finditer(visible):
        target = match.group(1)
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        file, _, anchor = target.partition("#")
        there = os.path.normpath(os.path.join(root, os.path.dirname(path), file)) if file else os.path.join(root, path)
        line = line_of(visible, match.start())
        if not os.path.exists(there):
            problems.append(f"{path}:{line}: no such file: {target}")
        elif anchor and there.endswith(".md"):
            with open(there, encoding="utf-8") as page:
                if anchor not in anchors(page.read()):
                    problems.append(f"{path}:{line}: no such heading: {target}")
    return problems


def check(arguments):
    root = arguments.root
    return [problem for path in files(root, (".md",)) for problem in broken(root, path)]


def self_test():
    with tempfile.TemporaryDirectory() as root:
        with open(os.path.join(root, "a.md"), "w", encoding="utf-8") as page:
            page.write("# One thing\n[a](a.md#one-thing) [b](https://x.org) `[c](none)` [d](#one-thing)\n")
        assert not broken(root, "a.md")
        for link in ("[x](none.md)", "[x](a.md#none)", "![x](none.png)"):
            with open(os.path.join(root, "b.md"), "w", encoding="utf-8") as page:
                page.write("text\n" + link + "\n")
            assert len(broken(root, "b.md")) == 1 and broken(root, "b.md")[0].startswith("b.md:2"), link


if __name__ == "__main__":
    main(check, self_test)
