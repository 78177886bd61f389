#!/usr/bin/env python3
"""Instructions that the gateway executes for one buffered 2 KB request, routing and records on, counted by callgrind:
the difference between a long and a short run, so that start and stop cancel. Counts do not depend on what else the
machine does, so this is what gates: exit code 1 above INSTRUCTIONS_MAX. The kernel's are not in it; overhead.py sees
its time.

    python3 bench/instructions.py --build build/release [--method task_lookup] [--max N]

Exit codes: 0 within the limit, 1 above it, 2 usage, 3 something is missing or does not start."""

import argparse
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import overhead

INSTRUCTIONS_MAX = 160_000  # a request, by task_lookup
SHORT, LONG = 200, 600


def count(build, folder, upstream, method, requests):
    """Instructions of a whole run with so many requests."""
    folder.mkdir()
    output = folder / "callgrind.out"
    log = folder / "valgrind.log"
    wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", f"--log-file={log}"]
    server, chosen = overhead.start_gateway(build, folder, upstream, method, wrapper)
    try:
        body = overhead.write_body(folder, "ok", False)
        load = ("instructions", "", "ok", False, 1, 1.0)
        overhead.drive(build, server, body, load, requests)
    finally:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
    found = re.search(r"^(?:summary|totals): (\d+)", output.read_text(), re.MULTILINE)
    if not found:
        raise overhead.Missing(f"callgrind wrote no total: {log.read_text()}")
    return int(found.group(1)), chosen


def run(options, folder):
    build = options.build.resolve()
    if shutil.which("valgrind") is None:
        raise overhead.Missing("valgrind is not installed; tools/setup.sh --for test installs it")
    for name in ("thalamus", "scripted-upstream", "load-driver"):
        if not (build / name).exists():
            raise overhead.Missing(f"{build / name} is not there; build the release preset with THALAMUS_BENCH=ON")
    upstream = overhead.start_upstream(build, folder)
    try:
        short, _ = count(build, folder / "short", upstream.port, options.method, SHORT)
        long, chosen = count(build, folder / "long", upstream.port, options.method, LONG)
    finally:
        upstream.close()
    each = (long - short) / (overhead.requests_of(LONG) - overhead.requests_of(SHORT))
    print(f"{each:.0f} instructions a buffered 2 KB request by {chosen}, at most {options.max}")
    return each <= options.max


def main():
    parser = argparse.ArgumentParser(description="Instructions the gateway takes for one request.")
    parser.add_argument("--build", type=Path, required=True, help="with thalamus, scripted-upstream, load-driver")
    parser.add_argument("--method", default="task_lookup")
    parser.add_argument("--max", type=int, default=INSTRUCTIONS_MAX)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="thalamus-instructions-"))
    try:
        return 0 if run(options, folder) else 1
    except overhead.Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
