#!/usr/bin/env python3
"""Writes docs/methods.md, the reference of everything that is registered, from `thalamus methods --json`.

    python3 tools/methods_page.py [--thalamus build/release/thalamus] [--check]

--check writes nothing and exits with 1 where the page is not what the binary says."""

import argparse
import json
import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs/methods.md"
# What each level is, where its record lives, and how it is chosen; a level that is not here fails.
LEVELS = {
    "route": ("Routing methods", "`thalamus/route/methods.def`. `train --method NAME --options a=1,b=2`; `auto` "
              "compares and blends several of them by held-out evidence. How they compare: [quality.md](quality.md)."),
    "feature": ("Features", "`thalamus/feature/features.def`. `train --features NAME,...`; without it each method "
                "takes its own."),
    "strategy": ("Strategies", "`thalamus/compose/strategies.def`. How a plan becomes calls."),
    "policy": ("Dispatch policies", "`thalamus/dispatch/policies.def`. When a call may start."),
    "batch": ("Batch methods", "`thalamus/learn/batch_methods.def`. They decide about many items at once."),
    "tool": ("Exact tools", "`thalamus/tool/tools.def`. A target of a configuration: `{ name: sums, tool: NAME }`. "
             "They answer in process what they are certain of, and decline the rest."),
    "checker": ("Checkers", "`thalamus/check/checkers.def`. `checker` of a task: how an answer gets its quality."),
    "family": ("Families of generated tasks", "`thalamus/check/families.def`. `probe --families NAME,...`."),
    "format": ("Wire formats", "`thalamus/wire`. What the gateway speaks with clients and providers."),
}
# What a build without an optional library adds to a help text; the page is the same for all builds.
BUILD_NOTE = re.compile(r"; not built in: .*$")


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def latency(microseconds):
    if not microseconds:
        return ""
    return f"{microseconds / 1000:g} ms" if microseconds >= 1000 else f"{microseconds} us"


def source(text):
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", cell(text))


def option_rows(rows):
    yield "| of | option | type | default | allowed | meaning |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        for option in row["options"]:
            default = f"`{cell(option['default'])}`" if option["default"] else ""
            yield (f"| `{row['name']}` | `{option['name']}` | {option['type']} | {default} | "
                   f"{cell(option['allowed'])} | {cell(option['help'])} |")


def level_lines(level, rows):
    title, where = LEVELS[level]
    columns = [("name", lambda row: f"`{row['name']}`"), ("what", lambda row: cell(BUILD_NOTE.sub("", row["help"])))]
    if any(row["source"] for row in rows):
        columns.append(("source", lambda row: source(row["source"])))
    if any(row["latency_class_us"] for row in rows):
        columns.append(("latency class", lambda row: latency(row["latency_class_us"])))
    if any(row["needs"] for row in rows):
        columns.append(("needs", lambda row: cell(row["needs"])))
    yield from (f"## {title}", "", where, "")
    yield "| " + " | ".join(name for name, _ in columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(value(row) for _, value in columns) + " |"
    if any(row["options"] for row in rows):
        yield ""
        yield from option_rows(rows)
    yield ""


def page(rows):
    """The page as text. `rows` is what `thalamus methods --json` prints."""
    unknown = sorted({row["level"] for row in rows} - set(LEVELS))
    if unknown:
        sys.exit(f"tools/methods_page.py: say in LEVELS what {', '.join(unknown)} is")
    lines = ["# Every registered method", "",
             "Written by `python3 tools/methods_page.py` from `thalamus methods --json`; do not edit it, run that",
             "again. The latency class is the order of magnitude that a decision may cost with it; measured times are",
             "in [quality.md](quality.md#time-and-memory). An option without limits takes any value of its type.",
             ""]
    for level in LEVELS:
        found = [row for row in rows if row["level"] == level]
        if found:
            lines += level_lines(level, found)
    return "\n".join(lines)


def listed(binary):
    return json.loads(subprocess.run([binary, "methods", "--json"], check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thalamus", default="build/release/thalamus")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = page(listed(arguments.thalamus))
    if not arguments.check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit(f"docs/methods.md is not what {arguments.thalamus} lists; run this without --check")


if __name__ == "__main__":
    main()
