#!/usr/bin/env python3
"""Trains `auto` (or another method) on the recorded tables and prints what it gives on their test parts: the figures
of docs/quality.md.

    python3 tools/quality.py DATA [--thalamus build/release/thalamus] [--method auto] [--tables routerdc,bfcl,...]

DATA is the folder with the recorded tables (routerdc-7llm, mmlu-pro-29llm, routellm-pair, bfcl-2024-08-11,
routerbench-3task). Everything is chosen on the training part; no task label is given on the test part."""

import argparse
import bisect
import gzip
import hashlib
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

CHAT_MODELS = [
    "gemini-1.5-pro-002", "gemini-1.5-flash-002", "Meta-Llama-3_1-70B-Instruct", "Meta-Llama-3_1-8B-Instruct",
    "jamba-1.5-large", "Qwen1.5-72B-Chat", "Qwen1.5-7B-Chat", "Mixtral-8x7B-Instruct-v0.1",
    "Mistral-7B-Instruct-v0.2", "Phi-3-mini-4k-instruct", "Yi-6b-Chat", "c4ai-command-r-v01", "mathstral-7B"]
RATE_FOLDS, RATES = 3, 240  # of the exchange rate chosen on training rows
STRONG, WEAK = "gpt-4-1106-preview", "mistralai/Mixtral-8x7B-Instruct-v0.1"


def rows_of(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def priced_models(path):
    """Models with a recorded cost, in the order of the table."""
    names = {}
    for row in rows_of(path):
        for name, outcome in row["outcomes"].items():
            names.setdefault(name, False)
            names[name] |= bool(outcome) and outcome.get("cost") is not None
    return [name for name, priced in names.items() if priced]


def split_pair(data, folder):
    """Both tables without contaminated rows, 70/30 by SHA-1 of the id mod 10."""
    paths = folder / "pair_train.jsonl.gz", folder / "pair_test.jsonl.gz"
    with gzip.open(paths[0], "wt", encoding="utf-8") as train, gzip.open(paths[1], "wt", encoding="utf-8") as test:
        for name in ("mmlu", "gsm8k"):
            for row in rows_of(data / "routellm-pair" / f"{name}.jsonl.gz"):
                if row.get("contaminated"):
                    continue
                first = int(hashlib.sha1(row["id"].encode()).hexdigest(), 16) % 10 < 7
                (train if first else test).write(json.dumps(row, ensure_ascii=False) + "\n")
    return paths


class Estimates:
    """Estimates of a snapshot on a test table beside what was recorded there."""

    def __init__(self, binary, snapshot, test, folder):
        """`snapshot` may be None: then nothing is there yet, and `append` fills it."""
        self.models, self.quality, self.cost, self.estimated, self.estimated_cost = [], [], [], [], []
        if snapshot is None:
            return
        out = folder / "decisions.jsonl"
        subprocess.run([binary, "route", "--snapshot", snapshot, "--requests", test, "--out", out], check=True,
                       stdout=subprocess.DEVNULL)
        with open(out, encoding="utf-8") as file:
            decisions = [json.loads(line) for line in file]
        self.models = list(decisions[0]["estimates"])
        recorded = [row["outcomes"] for row in rows_of(test)]
        cell = lambda outcomes, name, key: (outcomes.get(name) or {}).get(key) or 0.0
        self.quality = [[cell(o, m, "quality") for m in self.models] for o in recorded]
        self.cost = [[cell(o, m, "cost") for m in self.models] for o in recorded]
        self.estimated = [[d["estimates"][m]["quality"] for m in self.models] for d in decisions]
        self.estimated_cost = [[d["estimates"][m]["cost_usd"] for m in self.models] for d in decisions]

    def append(self, other):
        """The rows of another one with the same models, behind its own."""
        self.models = self.models or other.models
        if self.models != other.models:
            sys.exit(f"folds have different models: {self.models}, {other.models}")
        for name in ("quality", "cost", "estimated", "estimated_cost"):
            getattr(self, name).extend(getattr(other, name))

    def choices(self, rate):
        """Per row the model of the highest estimated quality - rate * estimated cost."""
        models = range(len(self.models))
        return [max(models, key=lambda m: (quality[m] - rate * cost[m], -cost[m], -m))
                for quality, cost in zip(self.estimated, self.estimated_cost)]

    def best_single(self):
        return max(range(len(self.models)), key=lambda m: self.mean(self.quality, m))

    def mean(self, table, model):
        return sum(row[model] for row in table) / len(table)

    def given(self, rate):
        """(mean cost, mean quality) of the choices at a rate."""
        chosen = self.choices(rate)
        rows = len(chosen)
        return sum(self.cost[i][m] for i, m in enumerate(chosen)) / rows, \
            sum(self.quality[i][m] for i, m in enumerate(chosen)) / rows

    def curve(self):
        """Points (cost, quality) of argmax quality - rate * cost over a geometric sweep of the rate."""
        return hull([self.given(rate) for rate in rates(1500)])


def rates(count):
    """Zero and a geometric sweep of units of quality per USD."""
    return [0.0] + [10 ** (6 * step / (count - 1)) for step in range(count)]


def hull(points):
    """Non-decreasing convex hull (RouterBench)."""
    out = []
    best = -1.0
    for cost, quality in sorted(set(points), key=lambda p: (p[0], -p[1])):
        if quality <= best:
            continue
        best = quality
        while len(out) > 1 and (out[-1][1] - out[-2][1]) * (cost - out[-2][0]) <= \
                (quality - out[-2][1]) * (out[-1][0] - out[-2][0]):
            out.pop()
        out.append((cost, quality))
    return out


def height(curve, cost):
    at = bisect.bisect_right([c for c, _ in curve], cost)
    if at == 0:
        return curve[0][1]
    if at == len(curve):
        return curve[-1][1]
    (a, b), (x, y) = curve[at - 1], curve[at]
    return b + (y - b) * (cost - a) / (x - a)


def area(curve, low, high, steps=20000):
    return sum(height(curve, low + (high - low) * (i + 0.5) / steps) for i in range(steps)) / steps


def cost_facts(estimates):
    """AIQ from the cheapest single model's cost to the best one's and to the dearest one's, quality at a tenth of the
    best one's cost, and the share of its cost at which its quality is reached on the test part's own curve, which is
    hindsight."""
    models = range(len(estimates.models))
    quality = [estimates.mean(estimates.quality, m) for m in models]
    cost = [estimates.mean(estimates.cost, m) for m in models]
    best = max(models, key=lambda m: quality[m])
    curve = estimates.curve()
    reached = [c for c in (cost[best] * i / 2000 for i in range(2401)) if height(curve, c) >= quality[best] - 1e-12]
    return {"best single": f"{estimates.models[best]} {quality[best]:.4f}",
            "AIQ cheapest..best": round(area(curve, min(cost), cost[best]), 4),
            "AIQ cheapest..dearest": round(area(curve, min(cost), max(cost)), 4),
            "quality at 10% of its cost": round(height(curve, 0.1 * cost[best]), 4),
            "share of its cost at its quality, in hindsight": round(min(reached) / cost[best], 3) if reached else None}


def paired_interval(differences, seed, resamples=10000):
    """95 % percentile bootstrap of the mean."""
    rng = random.Random(seed)
    rows = len(differences)
    means = sorted(sum(rng.choices(differences, k=rows)) / rows for _ in range(resamples))
    return means[int(0.025 * resamples)], means[int(0.975 * resamples)]


def hindsight_facts(estimates, seed):
    """What the choices gain over the single model that is best on the test part itself, paired over its rows; of
    interest where that is another one than the best of the training part."""
    best = estimates.best_single()
    differences = [estimates.quality[i][m] - estimates.quality[i][best] for i, m in enumerate(estimates.choices(0.0))]
    low, high = paired_interval(differences, seed)
    return {"best single in hindsight": f"{estimates.models[best]} {estimates.mean(estimates.quality, best):.4f} "
                                        f"{sum(differences) / len(differences):+.4f} [{low:+.4f}, {high:+.4f}]"}


def trained_rate(arguments, train, keep, folder):
    """The highest exchange rate at which rows that took no part in training keep the best single model's quality:
    folds of the training table, one snapshot for each, their held-out estimates together."""
    rows = rows_of(train)
    held = Estimates(None, None, None, None)
    for fold in range(RATE_FOLDS):
        paths = folder / "fold_train.jsonl.gz", folder / "fold_held.jsonl.gz"
        with gzip.open(paths[0], "wt", encoding="utf-8") as fitted, gzip.open(paths[1], "wt", encoding="utf-8") as out:
            for row in rows:
                mine = int(hashlib.sha1(row["id"].encode()).hexdigest(), 16) % RATE_FOLDS == fold
                (out if mine else fitted).write(json.dumps(row, ensure_ascii=False) + "\n")
        snapshot = folder / "fold.snapshot"
        train_snapshot(arguments, paths[0], keep, snapshot)
        held.append(Estimates(arguments.thalamus, snapshot, paths[1], folder))
    single = held.best_single()
    enough = held.mean(held.quality, single)
    chosen = 0.0
    for rate in rates(RATES):
        cost, quality = held.given(rate)
        if quality >= enough:
            chosen = rate
    cost, quality = held.given(chosen)
    return chosen, held.models[single], cost / held.mean(held.cost, single), quality - enough


def rate_facts(arguments, estimates, train, keep, folder):
    """What the rate that training rows choose gives on the test part."""
    rate, single, held_share, held_gain = trained_rate(arguments, train, keep, folder)
    best = estimates.models.index(single)
    chosen = estimates.choices(rate)
    differences = [estimates.quality[i][m] - estimates.quality[i][best] for i, m in enumerate(chosen)]
    cost = sum(estimates.cost[i][m] for i, m in enumerate(chosen)) / len(chosen)
    low, high = paired_interval(differences, int(arguments.seed))
    return {"rate chosen on training rows": f"{rate:.4g} quality/USD (held out: {held_share:.1%} of the cost of "
                                            f"{single} at {held_gain:+.4f})",
            "on the test part": f"{cost / estimates.mean(estimates.cost, best):.1%} of its cost at "
                                f"{sum(differences) / len(differences):+.4f} [{low:+.4f}, {high:+.4f}]"}


def pair_facts(estimates):
    """APGR over all thresholds of the difference of the two estimates."""
    strong, weak = (estimates.models.index(name) for name in (STRONG, WEAK))
    rows = sorted(range(len(estimates.quality)),
                  key=lambda i: estimates.estimated[i][weak] - estimates.estimated[i][strong])
    low, high = estimates.mean(estimates.quality, weak), estimates.mean(estimates.quality, strong)
    total = low * len(rows)
    heights = [low]
    for i in rows:
        total += estimates.quality[i][strong] - estimates.quality[i][weak]
        heights.append(total / len(rows))
    gained = [(h - low) / (high - low) for h in heights]
    return {"APGR": round(sum((a + b) / 2 for a, b in zip(gained, gained[1:])) / (len(gained) - 1), 4)}


def train_snapshot(arguments, table, keep, snapshot):
    options = ["--options", arguments.options] if arguments.options else []
    subprocess.run([arguments.thalamus, "train", "--data", table, "--method", arguments.method, *options, *keep,
                    "--seed", arguments.seed, "--quiet", "--out", snapshot], check=True, stdout=subprocess.DEVNULL)


def tables_of(data, folder, chosen):
    """name -> (train, tests, models, facts)"""
    bfcl = data / "bfcl-2024-08-11"
    rdc, pro, rb = data / "routerdc-7llm", data / "mmlu-pro-29llm", data / "routerbench-3task"
    if "routerdc" in chosen:
        yield "routerdc", rdc / "train.jsonl.gz", [rdc / "test.jsonl.gz", rdc / "ood.jsonl.gz"], None, None
    if "mmlu-pro" in chosen:
        yield "mmlu-pro", pro / "train.jsonl.gz", [pro / "test.jsonl.gz"], CHAT_MODELS, cost_facts
    if "routellm" in chosen:
        train, test = split_pair(data, folder)
        yield "routellm", train, [test], None, pair_facts
    if "bfcl" in chosen:
        train = bfcl / "train.jsonl.gz"
        yield "bfcl", train, [bfcl / "test.jsonl.gz"], priced_models(train), cost_facts
    if "routerbench" in chosen:
        yield "routerbench", rb / "train.jsonl.gz", [rb / "test.jsonl.gz"], None, cost_facts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--thalamus", default="build/release/thalamus")
    parser.add_argument("--method", default="auto")
    parser.add_argument("--options", default="")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--no-rate", action="store_true", help="skip the exchange rate chosen on training rows")
    parser.add_argument("--tables", default="routerdc,mmlu-pro,routellm,bfcl,routerbench")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"{arguments.data} is not a folder; give the folder that holds routerdc-7llm and the others")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for table, train, tests, models, facts in tables_of(arguments.data, folder, arguments.tables.split(",")):
            keep = []
            if models:
                (folder / "models.txt").write_text("\n".join(models) + "\n", encoding="utf-8")
                keep = ["--models", f"@{folder / 'models.txt'}"]
            snapshot = folder / f"{table}.snapshot"
            train_snapshot(arguments, train, keep, snapshot)
            for test in tests:
                report = folder / "report.json"
                subprocess.run([arguments.thalamus, "eval", "--train", train, "--test", test, *keep, "--methods",
                                f"snapshot:{snapshot}", "--json", report], check=True, stdout=subprocess.DEVNULL)
                found = json.loads(report.read_text(encoding="utf-8"))
                row = found["methods"][0]
                base = found["baselines"]
                interval = lambda key: "[{:+.4f}, {:+.4f}]".format(*row[key])
                print(f"{table} {test.name.split('.')[0]}: quality {row['quality']:.4f} "
                      f"[{row['quality_ci95'][0]:.4f}, {row['quality_ci95'][1]:.4f}], "
                      f"macro {row.get('quality_macro', math.nan):.4f}; best single "
                      f"{base['best_single']['quality']:.4f} "
                      f"{interval('delta_best_single_ci95')}; told the task {base['task_lookup']['quality']:.4f} "
                      f"{interval('delta_task_lookup_ci95')}; ece {row['ece']:.3f}; "
                      f"{row['route_us_p50']:.0f} us p50, {row['route_us_p99']:.0f} us p99")
                estimates = Estimates(arguments.thalamus, snapshot, test, folder)
                found = {}
                if estimates.mean(estimates.quality, estimates.best_single()) > base["best_single"]["quality"] + 1e-9:
                    found |= hindsight_facts(estimates, int(arguments.seed))
                if facts:
                    found |= facts(estimates)
                if facts is cost_facts and not arguments.no_rate:
                    found |= rate_facts(arguments, estimates, train, keep, folder)
                if found:
                    print("   " + ", ".join(f"{key} {value}" for key, value in found.items()))
                sys.stdout.flush()


if __name__ == "__main__":
    main()
