#!/usr/bin/env python3
"""Runs the official clients against a live gateway and prints what each can do over each upstream protocol.

usage: run.py [--fast] [--only WORD] [--build FOLDER] [--deps FOLDER] [--page FILE] [--verbose]

Exit codes: 0 all as expected, 1 a failure that known_failures.json does not state (or one of its lines that no longer
fails), 3 the clients or the executables are not there.
"""

import argparse
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
UPSTREAMS = ("openai", "responses", "anthropic")
SUITE_TIMEOUT_S = 300
TABLE_BEGIN, TABLE_END = "<!-- table: written by tests/conformance/run.py --page -->", "<!-- end of table -->"

# Name, environment in the folder of dependencies, program.
SUITES = (
    ("openai-python-chat", "python", "test_openai_chat.py"),
    ("openai-python-responses", "python", "test_openai_responses.py"),
    ("anthropic-python", "python", "test_anthropic.py"),
    ("langchain", "python-langchain", "test_langchain.py"),
    ("openai-node", "node", "openai.test.mjs"),
    ("anthropic-node", "node", "anthropic.test.mjs"),
    ("ai-sdk", "node", "ai_sdk.test.mjs"),
)
PYTHON_PACKAGES = (("python", "openai"), ("python", "anthropic"), ("python-langchain", "langchain-openai"))
NODE_PACKAGES = ("openai", "@anthropic-ai/sdk", "ai", "@ai-sdk/openai-compatible", "@ai-sdk/anthropic")


def default_deps():
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("THALAMUS_DEPS_DIR") or Path(cache) / "thalamus/deps")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="one upstream for each client and feature")
    parser.add_argument("--only", default="", metavar="WORD", help="suites whose name contains it")
    parser.add_argument("--build", type=Path, default=Path(os.environ.get("THALAMUS_BUILD", SOURCE / "build/release")))
    parser.add_argument("--deps", type=Path, default=default_deps())
    parser.add_argument("--page", type=Path, help="write the table into this page, between its marks")
    parser.add_argument("--verbose", action="store_true", help="show what the test programs print")
    return parser.parse_args()


def missing(options):
    """What is not installed, and how to get it."""
    out = [f"{program}: build it (make conformance does)" for program in
           (options.build / "thalamus", options.build / "scripted-upstream") if not program.exists()]
    wanted = {environment for name, environment, _ in SUITES if options.only in name}
    for environment in sorted(wanted):
        result = options.deps / environment / ("node_modules/ai" if environment == "node" else "bin/python")
        if not result.exists():
            out.append(f"{result}: tools/setup.sh --for conformance")
    python = options.deps / "python/bin/python"
    if "python" in wanted and python.exists() and not package_version(options, "python", "anthropic"):
        out.append(f"package anthropic of {python}: tools/setup.sh --for conformance")
    if "node" in wanted and shutil.which("node") is None:
        out.append("node (Node.js 18 or newer): apt-get install nodejs npm")
    return out


def package_version(options, environment, package):
    if environment == "node":
        return json.loads((options.deps / "node/node_modules" / package / "package.json").read_text())["version"]
    code = f"import importlib.metadata as m; print(m.version('{package}'))"
    run = subprocess.run([options.deps / environment / "bin/python", "-c", code], capture_output=True, text=True)
    return run.stdout.strip()


def versions(options):
    """Client and version, one a line."""
    lines = [f"{package} (Python) {package_version(options, environment, package)}"
             for environment, package in PYTHON_PACKAGES if (options.deps / environment).exists()]
    if (options.deps / "node").exists():
        lines += [f"{package} (Node.js) {package_version(options, 'node', package)}" for package in NODE_PACKAGES]
        lines.append("Node.js " + subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip())
    return lines


def prepare_node(options, folder):
    """Modules look for others beside themselves: the programs are copied beside the installed ones."""
    for file in (HERE / "node").glob("*.mjs"):
        shutil.copy(file, folder)
    (folder / "node_modules").symlink_to(options.deps / "node/node_modules")


def run_suite(options, suite, node_folder, environment):
    name, where, program = suite
    if where == "node":
        command, folder = ["node", "--test", "--test-reporter=spec", program], node_folder
    else:
        command, folder = [options.deps / where / "bin/python", "-B", program], HERE / "python"
    results = node_folder / f"{name}.jsonl"
    environment = {**os.environ, **environment, "CONFORMANCE_RESULTS": str(results)}
    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        environment.pop(proxy, None)
        environment.pop(proxy.upper(), None)
    began = time.monotonic()
    try:
        run = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, timeout=SUITE_TIMEOUT_S)
        code, output = run.returncode, run.stdout
    except subprocess.TimeoutExpired as late:
        code, output = 124, (late.stdout or b"").decode(errors="replace")
    found = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    if not found or (code != 0 and not any(r["outcome"] == "fail" for r in found)):
        found.append({"client": name, "feature": "the program itself", "upstream": "-", "outcome": "fail",
                      "reason": f"ended with {code}: ...{output[-1500:]}", "seconds": 0})
    if options.verbose:
        print(output)
    slowest = max(found, key=lambda result: result["seconds"])
    print(f"{name}: {len(found)} cases in {time.monotonic() - began:.0f} s, the longest {slowest['seconds']:.1f} s "
          f"({slowest['feature']})", flush=True)
    return found


def judge(results, known):
    """Marks what is stated in the list of known failures; gives the lines of what is wrong."""
    wrong = []
    for result in results:
        line = next((k for k in known if all(fnmatch.fnmatchcase(result[key], k[key])
                                             for key in ("client", "feature", "upstream"))), None)
        place = f"{result['client']} | {result['feature']} | {result['upstream']}"
        if line is not None and result["outcome"] == "fail":
            result["outcome"], result["why"] = "known", line["reason"]
        elif result["outcome"] == "fail":
            wrong.append(f"FAIL {place}\n     {result['reason']}")
        elif line is not None and result["outcome"] == "pass":
            result["outcome"] = "fixed"
            wrong.append(f"FIXED {place}\n     it passes: delete its line in known_failures.json")
    return wrong


def by_client(results):
    table = {}
    for result in results:
        table.setdefault(result["client"], {}).setdefault(result["feature"], {})[result["upstream"]] = result
    return table


def print_table(results):
    for client, features in by_client(results).items():
        print(f"\n{client:<34} {'openai':<10} {'responses':<10} {'anthropic':<10} once")
        for feature, row in features.items():
            cells = [row.get(up, {}).get("outcome", "") for up in (*UPSTREAMS, "-")]
            print(f"  {feature:<32} " + " ".join(f"{cell:<10}" for cell in cells).rstrip())
    seen = {}
    for result in results:
        if result["outcome"] in ("known", "skip"):
            text = result.get("why") or result["reason"]
            seen.setdefault((result["outcome"], text), []).append(
                f"{result['client']} | {result['feature']} | {result['upstream']}")
    for (outcome, text), places in sorted(seen.items()):
        print(f"\n{outcome}: {text}\n  " + "\n  ".join(places))


def cell_of(row):
    """A cell of the page: the outcomes over the upstreams in their order, or of what is run once."""
    marks = {"pass": "✓", "fail": "✗", "known": "k", "skip": "s", "fixed": "!"}
    return "".join(marks[row[up]["outcome"]] for up in (*UPSTREAMS, "-") if up in row) if row else ""


def page_table(options, results, seconds):
    table = by_client(results)
    features = list(dict.fromkeys(feature for client in table.values() for feature in client))
    lines = [TABLE_BEGIN, "", f"{len(results)} cases in {seconds:.0f} s.", "",
             "| feature | " + " | ".join(table) + " |", "|---" * (len(table) + 1) + "|"]
    for feature in features:
        lines.append(f"| {feature} | " + " | ".join(cell_of(table[c].get(feature)) for c in table) + " |")
    reasons = {}
    for result in results:
        if result["outcome"] in ("known", "skip"):
            key = ("k" if result["outcome"] == "known" else "s", result.get("why") or result["reason"])
            place = f"{result['client']}: {result['feature']}"
            reasons.setdefault(key, {}).setdefault(place, []).append(result["upstream"])
    if reasons:
        lines += ["", "| | why | where |", "|---|---|---|"]
    for (mark, text), places in sorted(reasons.items()):
        where = "; ".join(place + ("" if ups == ["-"] else f" ({', '.join(ups)})") for place, ups in places.items())
        lines.append(f"| {mark} | {text} | {where} |")
    lines += ["", "Versions: " + ", ".join(versions(options)) + ".", "", TABLE_END]
    return "\n".join(lines)


def write_page(options, results, seconds):
    text = options.page.read_text()
    head, rest = text.split(TABLE_BEGIN)
    options.page.write_text(head + page_table(options, results, seconds) + rest.split(TABLE_END)[1])


def main():
    options = arguments()
    options.build = options.build.resolve()
    lacking = missing(options)
    if lacking:
        print("conformance: not there:", *lacking, sep="\n  ", file=sys.stderr)
        return 3
    os.environ["THALAMUS_BUILD"] = str(options.build)
    sys.path.insert(0, str(HERE))
    import fixture  # reads THALAMUS_BUILD

    began = time.monotonic()
    live = fixture.Live()
    folder = Path(tempfile.mkdtemp(prefix="thalamus-conformance-"))
    try:
        prepare_node(options, folder)
        environment = live.environment() | ({"CONFORMANCE_FAST": "1"} if options.fast else {})
        results = [result for suite in SUITES if options.only in suite[0]
                   for result in run_suite(options, suite, folder, environment)]
        alive = live.gateway.process.poll() is None and live.guarded.process.poll() is None
    finally:
        live.close()
        shutil.rmtree(folder, ignore_errors=True)
    wrong = judge(results, json.loads((HERE / "known_failures.json").read_text()))
    if not alive:
        wrong.append("FAIL a gateway ended while the clients were running")
    seconds = time.monotonic() - began
    print_table(results)
    if options.page:
        write_page(options, results, seconds)
    counts = {word: sum(r["outcome"] == word for r in results) for word in ("pass", "known", "skip", "fail", "fixed")}
    print("\n" + "\n".join(wrong) if wrong else "")
    print(f"{len(results)} cases in {seconds:.0f} s: " + ", ".join(f"{n} {word}" for word, n in counts.items() if n))
    print("clients: " + ", ".join(versions(options)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
