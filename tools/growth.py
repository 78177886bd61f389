#!/usr/bin/env python3
"""Time and memory of `train` and `eval` as an outcome table grows: the table "Growth" of docs/quality.md.

    python3 tools/growth.py [--thalamus build/release/thalamus] [--sizes 200x7,3000x71:0.3,1000000x3] [--keep FOLDER]

A size is ROWSxMODELS[:MISSING SHARE]. The tables are made up from the seed: prompts of about 100 bytes on twelve
topics, each model with its own strengths, so that routing has something to gain. `eval` is given a tenth as many rows
beside them to score on, at most 20,000."""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

TOPICS = 12
WORDS_OF_A_TOPIC = 40
COMMON_WORDS = 300
WORDS = 14
TEST_ROWS_MAX = 20_000


def words(rng, count):
    syllables = ["ba", "der", "fin", "go", "hal", "ker", "lo", "mir", "nu", "pas", "ri", "sto", "tu", "ven", "zi"]
    return ["".join(rng.choice(syllables) for _ in range(rng.randrange(2, 5))) for _ in range(count)]


class Maker:
    """Rows of a table: the chance that a model answers well depends on the topic and on how long the prompt is."""

    def __init__(self, models, missing, seed):
        rng = random.Random(seed)
        self.rng = rng
        self.missing = missing
        self.common = words(rng, COMMON_WORDS)
        self.topics = [words(rng, WORDS_OF_A_TOPIC) for _ in range(TOPICS)]
        self.names = [f"model-{m:02}" for m in range(models)]
        self.price = [1e-5 * 10 ** (3 * m / max(1, models - 1)) for m in range(models)]
        level = [0.45 + 0.35 * m / max(1, models - 1) for m in range(models)]
        self.chance = [[min(0.98, max(0.05, base + rng.gauss(0, 0.12))) for base in level] for _ in range(TOPICS)]

    def line(self, name):
        rng = self.rng
        topic = rng.randrange(TOPICS)
        length = rng.randrange(WORDS - 6, WORDS + 7)
        prompt = " ".join(rng.choice(self.topics[topic]) if rng.random() < 0.3 else rng.choice(self.common)
                          for _ in range(length))
        cells = []
        for m, model in enumerate(self.names):
            if self.missing and rng.random() < self.missing:
                continue
            quality = 1 if rng.random() < self.chance[topic][m] - 0.01 * (length - WORDS) else 0
            tokens = rng.randrange(20, 200)
            cells.append(f'"{model}":{{"quality":{quality},"cost":{self.price[m] * tokens / 100:.9f},'
                         f'"input_tokens":{length * 2},"output_tokens":{tokens},'
                         f'"latency_s":{0.2 + 0.01 * tokens:.2f}}}')
        return (f'{{"id":"{name}-{rng.getrandbits(48):x}","task":"topic-{topic}","prompt":"{prompt}",'
                f'"outcomes":{{{",".join(cells)}}}}}\n')

    def write(self, path, rows, name):
        with open(path, "w", encoding="utf-8") as file:
            for _ in range(rows):
                file.write(self.line(name))


def measured(command):
    """("seconds (processor seconds), MiB at the peak", standard output) of a child process."""
    with tempfile.TemporaryFile() as out:
        begun = time.monotonic()
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begun
        if status != 0:
            sys.exit(f"{' '.join(map(str, command))} ended with status {status}")
        out.seek(0)
        spent = usage.ru_utime + usage.ru_stime
        return f"{seconds:.1f} ({spent:.1f}), {usage.ru_maxrss / 1024:.0f}", out.read().decode()


def parse_size(text):
    shape, _, missing = text.partition(":")
    rows, models = shape.split("x")
    return int(rows), int(models), float(missing or 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thalamus", default="build/release/thalamus")
    parser.add_argument("--sizes", default="200x7,3000x71:0.3,20000x3,1000000x3")
    parser.add_argument("--methods", default="auto", help="of eval; train always takes auto")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the tables instead of a temporary one")
    arguments = parser.parse_args()
    print("rows x models (missing) | table MiB | train auto: s (processor s), MiB | snapshot MiB | held-out gain | "
          f"eval {arguments.methods}: the same | p50 us")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for size in arguments.sizes.split(","):
            rows, models, missing = parse_size(size)
            train, test, snapshot = (folder / f"{rows}x{models}{end}" for end in (".jsonl", ".test.jsonl", ".snapshot"))
            maker = Maker(models, missing, arguments.seed)
            if not test.exists():
                maker.write(train, rows, "train")
                maker.write(test, min(TEST_ROWS_MAX, max(20, rows // 10)), "test")
            training, said = measured([arguments.thalamus, "train", "--data", train, "--out", snapshot, "--quiet",
                                       "--json"])
            report = json.loads(said)
            evaluation, said = measured([arguments.thalamus, "eval", "--train", train, "--test", test, "--methods",
                                         arguments.methods, "--json"])
            method = json.loads(said)["methods"][0]
            low, high = report["gain_ci95"]
            print(f"{rows} x {models} ({missing:.0%}) | {train.stat().st_size / 2 ** 20:.0f} | "
                  f"{training} | "
                  f"{snapshot.stat().st_size / 2 ** 20:.1f} | {report['gain']:+.4f} [{low:+.4f}, {high:+.4f}] | "
                  f"{evaluation} | {method['route_us_p50']:.0f}", flush=True)


if __name__ == "__main__":
    main()
