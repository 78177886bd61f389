#!/usr/bin/env python3
"""What a second should be worth on the default route: for each method and worth, held-out quality and speed on the
families that no tool covers, by five-fold cross-validation on the training table alone.

usage: choose_worth.py TABLE [--methods A,B] [--seconds 0.001,0.002] [--thalamus FILE]

"faster overall" counts the covered families too, where a tool answers in no time. Standard library only."""

import argparse
import json
import random
import subprocess
import tempfile
from pathlib import Path

from first_run import COVERED, rows_of

FOLDS = 5
ANSWER_USD = 0.02


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def family(row):
    return row["task"].split("/")[0]


def make_folds(rows, folder, seed):
    """Train and test files of each fold; only uncovered families are tested."""
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    folds = []
    for k in range(FOLDS):
        held = set(order[k::FOLDS])
        train, test = folder / f"train{k}.jsonl", folder / f"test{k}.jsonl"
        write(train, [row for i, row in enumerate(rows) if i not in held])
        write(test, [row for i, row in enumerate(rows) if i in held and family(row) not in COVERED])
        folds.append((train, test))
    return folds


def evaluate(thalamus, folds, method, second_usd):
    """Mean quality and summed seconds of the method over the held-out uncovered rows."""
    quality = seconds = count = 0
    for train, test in folds:
        done = subprocess.run(
            [thalamus, "eval", "--train", train, "--test", test, "--methods", method, "--models", "small,large",
             "--answer-usd", str(ANSWER_USD), "--second-usd", second_usd, "--json"],
            capture_output=True, text=True, check=True)
        report = json.loads(done.stdout)
        row = next(entry for entry in report["methods"] if entry["name"] == method)
        quality += row["quality"] * report["n_test"]
        seconds += row["seconds"] * report["n_test"]
        count += report["n_test"]
    return quality / count, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--methods", default="knn,task_lookup,kmeans,ridge")
    parser.add_argument("--seconds", default="0.001,0.0015,0.002,0.0025,0.003")
    parser.add_argument("--thalamus", default="build/release/thalamus")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    rows = rows_of(options.table)
    uncovered = [row for row in rows if family(row) not in COVERED]
    large = [row["outcomes"]["large"] for row in uncovered]
    large_seconds = sum(cell["latency_s"] for cell in large)
    all_seconds = sum(row["outcomes"]["large"]["latency_s"] for row in rows)
    large_quality = sum(cell["quality"] for cell in large) / len(large)
    print(f"large always: quality {large_quality:.3f} on {len(large)} uncovered rows")
    print(f"{'method':12} {'second_usd':>10} {'quality':>8} {'faster':>7} {'faster overall':>15} {'utility, USD':>13}")
    with tempfile.TemporaryDirectory() as name:
        folds = make_folds(rows, Path(name), options.seed)
        for method in options.methods.split(","):
            for second_usd in options.seconds.split(","):
                quality, seconds = evaluate(options.thalamus, folds, method, second_usd)
                utility = ANSWER_USD * quality - float(second_usd) * seconds / len(uncovered)
                print(f"{method:12} {second_usd:>10} {quality:8.3f} {large_seconds / seconds:7.2f} "
                      f"{all_seconds / seconds:15.2f} {utility:13.5f}")


if __name__ == "__main__":
    main()
