#!/usr/bin/env python3
"""Compares a routed route with single targets on a held-back probe table: quality and seconds with paired intervals.

usage: first_run.py TABLE [--route auto] [--large large] [--single NAME ...]

TABLE is what `thalamus probe --targets auto,small,large --seed SEED ...` wrote. Tool-covered families are those of
`thalamus methods`' tools: arithmetic, dates, units, string_operations, sorting_and_sets. Intervals: 95 % percentile
bootstrap over tasks, paired, 10,000 resamples, seed 1. Standard library only.
"""

import argparse
import gzip
import json
import random

COVERED = {"arithmetic", "dates", "units", "string_operations", "sorting_and_sets"}


def rows_of(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def bootstrap(values, resamples=10_000, seed=1):
    rng = random.Random(seed)
    n = len(values)
    means = sorted(sum(rng.choices(values, k=n)) / n for _ in range(resamples))
    return means[int(0.025 * resamples)], means[int(0.975 * resamples) - 1]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(title, rows, names, route, large):
    print(f"\n{title}: {len(rows)} tasks")
    print(f"  {'target':10} {'quality':>8} {'95 % interval':>17} {'mean s':>8} {'p95 s':>8}")
    column = {name: [row["outcomes"][name] for row in rows] for name in names}
    for name in names:
        quality = [cell["quality"] for cell in column[name]]
        seconds = [cell["latency_s"] for cell in column[name]]
        low, high = bootstrap(quality)
        print(f"  {name:10} {sum(quality) / len(rows):8.3f}   [{low:.3f}, {high:.3f}] {sum(seconds) / len(rows):8.2f}"
              f" {percentile(seconds, 0.95):8.2f}")
    for name in names:
        if name == route:
            continue
        difference = [a["quality"] - b["quality"] for a, b in zip(column[route], column[name])]
        low, high = bootstrap(difference)
        print(f"  {route} - {name}: quality {sum(difference) / len(rows):+.3f} [{low:+.3f}, {high:+.3f}]")
    ratio = sum(c["latency_s"] for c in column[large]) / sum(c["latency_s"] for c in column[route])
    print(f"  mean seconds, {large} / {route}: {ratio:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--route", default="auto")
    parser.add_argument("--large", default="large")
    parser.add_argument("--single", nargs="*", default=["small", "large"])
    options = parser.parse_args()
    names = [options.route, *options.single]
    rows = [row for row in rows_of(options.table)
            if all((row["outcomes"].get(name) or {}).get("quality") is not None for name in names)]
    report("all families", rows, names, options.route, options.large)
    report("families that no tool covers", [r for r in rows if r["task"].split("/")[0] not in COVERED], names,
           options.route, options.large)
    report("families that a tool covers", [r for r in rows if r["task"].split("/")[0] in COVERED], names,
           options.route, options.large)


if __name__ == "__main__":
    main()
