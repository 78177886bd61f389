#!/usr/bin/env python3
"""The learning verbs held to their contract from outside: what `route` may read, which models are kept, which keys an
evaluation has, what bad data are answered with, what an interruption leaves, and that a seed gives the same bytes."""

import gzip
import json
import math
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from rig import THALAMUS

METHOD_KEYS = {"name", "quality", "quality_ci95", "cost_usd_per_1k", "delta_task_lookup", "delta_task_lookup_ci95",
               "delta_best_single", "delta_best_single_ci95", "cost_ratio_at_best_single_quality", "aiq", "brier",
               "ece", "route_us_p50", "route_us_p99"}
MODELS = {"small": 1e-4, "medium": 1e-3, "large": 8e-3}
MEMORY_MAX = 1 << 30  # address space of a process that is given a line of 1 GiB


def run(*arguments, code=0, **how):
    done = subprocess.run([THALAMUS, *map(str, arguments)], capture_output=True, text=True, timeout=300, **how)
    if done.returncode != code:
        raise AssertionError(f"{arguments} ended with {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}")
    return done


def rows_of(count, seed):
    """Two kinds of prompt; `large` is good at both, `small` at one of them, some cells are missing."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        hard = rng.random() < 0.5
        words = ["integral", "matrix", "prove", "lemma"] if hard else ["poem", "story", "rhyme", "letter"]
        prompt = " ".join(rng.choice(words) for _ in range(6)) + f" number {rng.randrange(10 ** 6)}"
        good = {"small": 0.3 if hard else 0.9, "medium": 0.6, "large": 0.85}
        outcomes = {name: {"quality": float(rng.random() < good[name]), "cost": cost * rng.uniform(0.5, 2),
                           "input_tokens": 20, "output_tokens": 30, "latency_s": 0.5}
                    for name, cost in MODELS.items() if rng.random() < 0.95}
        rows.append({"id": f"r{i}", "task": "maths" if hard else "arts", "prompt": prompt, "outcomes": outcomes})
    return rows


def write(path, rows):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


class Learning(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="thalamus-learning-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.rows = rows_of(120, seed=2)
        cls.table = write(cls.folder / "train.jsonl.gz", rows_of(240, seed=1))
        cls.test = write(cls.folder / "test.jsonl", cls.rows)

    def path(self, name):
        return self.folder / name


class Route(Learning):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.snapshot = cls.folder / "auto.snapshot"
        run("train", "--data", cls.table, "--out", cls.snapshot, "--quiet")

    def decisions(self, rows, *options):
        return run("route", "--snapshot", self.snapshot, "--requests", write(self.path("requests.jsonl"), rows),
                   *options).stdout

    def test_nothing_but_the_request_is_read(self):
        expected = self.decisions(self.rows)
        self.assertEqual(len(expected.splitlines()), len(self.rows))
        rng = random.Random(7)
        other = self.rows[:]
        rng.shuffle(other)
        bare = [{key: row[key] for key in ("id", "prompt")} for row in self.rows]
        for name, rows in {
                "permuted": [{**row, "task": o["task"], "outcomes": o["outcomes"]} for row, o in zip(self.rows, other)],
                "bare": bare,
                "in another order of keys": [dict(reversed(row.items())) for row in self.rows],
                "with other fields": [{**row, "subtask": "x", "contaminated": True, "label": [1, {"a": None}],
                                       "metadata": {"task": "maths"}, "expected": "42"} for row in bare],
                "with outcomes that no table may have": [
                    {**row, "task": 7, "subtask": [], "contaminated": "perhaps",
                     "outcomes": {"large": {"quality": 2}, "": {}}} for row in bare],
                "with outcomes of another kind": [{**row, "outcomes": "none"} for row in bare]}.items():
            with self.subTest(name):
                self.assertEqual(self.decisions(rows), expected)

    def test_a_prompt_is_one_message_of_the_user(self):
        as_messages = [{"id": row["id"], "messages": [{"role": "user", "content": row["prompt"]}]} for row in self.rows]
        self.assertEqual(self.decisions(as_messages), self.decisions(self.rows))

    def test_a_line_has_the_target_and_an_estimate_for_each_model(self):
        for line, row in zip(self.decisions(self.rows).splitlines(), self.rows):
            decision = json.loads(line)
            self.assertEqual((decision["id"], set(decision["estimates"])), (row["id"], set(MODELS)))
            self.assertIn(decision["target"], MODELS)
            for estimate in decision["estimates"].values():
                self.assertTrue(0 <= estimate["quality"] <= 1 and estimate["cost_usd"] > 0, estimate)

    def test_a_limit_that_no_model_keeps_gives_no_target(self):
        for line in self.decisions(self.rows, "--max-cost-usd", "1e-9").splitlines():
            self.assertIsNone(json.loads(line)["target"])

    def test_decisions_go_to_a_file_as_to_standard_output(self):
        out = self.path("decisions.jsonl")
        run("route", "--snapshot", self.snapshot, "--requests", self.test, "--out", out)
        self.assertEqual(out.read_text(), self.decisions(self.rows))


class Models(Learning):
    def test_named_columns_are_kept_in_train_and_eval(self):
        listed = self.path("models.txt")
        listed.write_text("large\r\n\n  small\n")
        snapshots = []
        for names in ("large,small", f"@{listed}"):
            with self.subTest(names):
                snapshot = self.path("two.snapshot")
                run("train", "--data", self.table, "--method", "ridge", "--models", names, "--out", snapshot, "--quiet")
                snapshots.append(snapshot.read_bytes())
                line = run("route", "--snapshot", snapshot, "--requests", self.test).stdout.splitlines()[0]
                self.assertEqual(list(json.loads(line)["estimates"]), ["large", "small"])
                out = json.loads(run("eval", "--train", self.table, "--test", self.test, "--models", names,
                                     "--methods", "ridge", "--resamples", "100", "--json").stdout)
                self.assertEqual(out["models"], ["large", "small"])
                self.assertEqual({name for name in out["baselines"] if name.startswith("single:")},
                                 {"single:large", "single:small"})
        self.assertEqual(*snapshots)

    def test_bad_lists_are_refused(self):
        empty = self.path("none.txt")
        empty.write_text("\n")
        for names, words in [("large,larg", "did you mean 'large'"), ("large,large", "twice"),
                             (f"@{empty}", "name at least one"), (",", "name at least one"),
                             (f"@{self.path('absent.txt')}", "absent.txt")]:
            with self.subTest(names):
                self.assertIn(words, run("train", "--data", self.table, "--models", names, "--out",
                                         self.path("never"), code=2).stderr)
                run("eval", "--data", self.table, "--models", names, "--methods", "ridge", code=2)
        self.assertFalse(self.path("never").exists())


class Eval(Learning):
    def test_the_json_has_every_key_and_finite_numbers(self):
        methods = ["auto", "ridge", "knn", "random", "task_lookup", "routellm_sw"]
        out = json.loads(run("eval", "--train", self.table, "--test", self.test, "--methods", ",".join(methods),
                             "--resamples", "200", "--json").stdout)
        self.assertLessEqual({"table", "n_train", "n_test", "models", "baselines", "methods"}, set(out))
        self.assertEqual((out["table"], out["n_train"], out["n_test"]), (str(self.test), 240, 120))
        self.assertEqual(set(out["models"]), set(MODELS))
        self.assertLessEqual({"random", "best_single", "task_lookup", "dataset_oracle", "oracle", "oracle_free",
                              "zero_router", *("single:" + name for name in MODELS)}, set(out["baselines"]))
        for name, row in out["baselines"].items():
            with self.subTest(name):
                self.assertTrue(0 <= row["quality"] <= 1 and math.isfinite(row["cost_usd_per_1k"]), row)
        self.assertEqual([row["name"] for row in out["methods"]], methods)
        for row in out["methods"]:
            with self.subTest(row["name"]):
                self.assertLessEqual(METHOD_KEYS, set(row))
                # A direct policy has no probability to be scored, and a quality may never be reached.
                unknown = {"cost_ratio_at_best_single_quality"}
                unknown |= set() if row["estimates"] else {"brier", "ece"}
                for key in METHOD_KEYS - {"name"}:
                    values = row[key] if key.endswith("_ci95") else [row[key]]
                    self.assertEqual(len(values), 2 if key.endswith("_ci95") else 1)
                    for value in values:
                        if value is not None or key not in unknown:
                            self.assertTrue(isinstance(value, (int, float)) and math.isfinite(value), (key, value))
                low, high = row["quality_ci95"]
                self.assertTrue(low <= row["quality"] <= high)
                for baseline in ("task_lookup", "best_single"):
                    delta = row["quality"] - out["baselines"][baseline]["quality"]
                    self.assertAlmostEqual(row[f"delta_{baseline}"], delta, 9)

    def test_a_table_without_costs_has_null_where_cost_matters(self):
        rows = [{**row, "outcomes": {name: {"quality": cell["quality"]} for name, cell in row["outcomes"].items()}}
                for row in self.rows]
        out = json.loads(run("eval", "--data", write(self.path("free.jsonl"), rows), "--methods", "ridge",
                             "--resamples", "100", "--json").stdout)
        row = out["methods"][0]
        self.assertLessEqual(METHOD_KEYS, set(row))
        self.assertIsNone(row["aiq"])
        self.assertIsNone(row["cost_ratio_at_best_single_quality"])
        for key in ("cost_usd_per_1k", "arena", "opt_cost", "cost_of_pass_usd", "tep", "seconds"):
            self.assertIsNone(row[key], key)
        for name, baseline in out["baselines"].items():
            self.assertIsNone(baseline["cost_usd_per_1k"], name)
        text = run("eval", "--data", self.path("free.jsonl"), "--methods", "ridge", "--resamples", "100").stdout
        self.assertRegex(text, r"best_single +0\.\d+ +0\.\d+ +- +-\n")

    def test_a_snapshot_that_cannot_be_read_is_an_error_before_any_work(self):
        for methods in ("snapshot:absent", "ridge,snapshot:absent"):
            done = run("eval", "--train", self.table, "--test", self.test, "--methods", methods, code=2)
            self.assertIn("absent", done.stderr)
            self.assertEqual(done.stdout, "")

    def test_an_unknown_method_is_refused_before_any_work(self):
        for methods, nearest in (("mlp,rigde", "'ridge'"), ("aut", "'auto'")):
            error = run("eval", "--train", self.path("absent"), "--methods", methods, code=2).stderr
            self.assertIn(f"'{methods.split(',')[-1]}', did you mean {nearest}", error)

    def test_a_snapshot_of_other_models_is_an_error(self):
        rows = [{**row, "outcomes": {"x" + name: cell for name, cell in row["outcomes"].items()}} for row in self.rows]
        other = self.path("other.snapshot")
        run("train", "--data", write(self.path("other.jsonl"), rows), "--method", "ridge", "--out", other, "--quiet")
        error = run("eval", "--data", self.table, "--methods", f"ridge,snapshot:{other}", code=2).stderr
        self.assertIn("knows none", error)
        self.assertIn(str(other), error)

    def test_rows_that_are_in_both_tables_are_counted(self):
        training = [json.loads(line) for line in gzip.decompress(self.table.read_bytes()).decode().splitlines()]
        rows = [{**row, "id": f"t{i}"} for i, row in enumerate(self.rows)]
        rows[0]["prompt"] = "  " + training[5]["prompt"].upper()
        rows[1]["id"] = "r7"
        done = run("eval", "--train", self.table, "--test", write(self.path("leak.jsonl"), rows), "--methods",
                   "global_mean", "--resamples", "100")
        for said in (done.stderr, done.stdout):
            self.assertIn("2 of 120 test rows are also in the training data (1 by prompt, 1 by id alone)", said)
        twice = run("eval", "--train", f"{self.table},{self.test}", "--methods", "global_mean", "--resamples", "100")
        self.assertIn("120 of 360 training rows have the id of an earlier row", twice.stderr)

    def test_test_rows_without_any_outcome_are_left_out_and_counted(self):
        how = ("--methods", "ridge", "--resamples", "100", "--json")
        gaps = self.rows + [{"id": "none", "prompt": "x", "outcomes": {"large": None}}]
        out = json.loads(run("eval", "--train", self.table, "--test", write(self.path("gap.jsonl"), gaps), *how).stdout)
        whole = json.loads(run("eval", "--train", self.table, "--test", self.test, *how).stdout)
        self.assertEqual((out["n_test"], out["n_test_unrecorded"]), (120, 1))
        self.assertEqual(out["methods"][0]["quality"], whole["methods"][0]["quality"])
        self.assertIn("1 test rows without any recorded quality are left out", " ".join(out["notes"]))

    def test_elasticity_and_intelligence_per_watt(self):
        how = ("eval", "--train", self.table, "--test", self.test, "--methods", "ridge", "--resamples", "100")
        watts = ("--watts", "small=20,medium=100,large=400")
        out = json.loads(run(*how, *watts, "--json").stdout)
        row, single = out["methods"][0], out["baselines"]["single:small"]
        chosen = row["chosen"]
        power = sum(count * {"small": 20, "medium": 100, "large": 400}[name] for name, count in chosen.items()) / 120
        self.assertAlmostEqual(row["intelligence_per_watt"], row["quality"] / power)
        self.assertAlmostEqual(row["tep"], (row["quality"] / single["quality"] - 1) /
                               (row["cost_usd_per_1k"] / single["cost_usd_per_1k"] - 1))
        self.assertIn("intelligence per watt", run(*how, *watts).stdout)
        self.assertIsNone(json.loads(run(*how, "--json").stdout)["methods"][0]["intelligence_per_watt"])
        for bad in ("small", "small=0", "small=nan", "smal=5", "=5", "small=1,small=2"):
            run(*how, "--watts", bad, code=2)


class Options(Learning):
    def test_numbers_that_are_none_are_refused(self):
        data = {"train": ("--data", self.table, "--out", self.path("never"), "--method", "global_mean"),
                "eval": ("--data", self.table, "--methods", "global_mean"),
                "route": ("--snapshot", "absent", "--requests", self.test)}
        for verb, option in (("train", "--answer-usd"), ("train", "--second-usd"), ("eval", "--answer-usd"),
                             ("eval", "--second-usd"), ("route", "--answer-usd"), ("route", "--second-usd"),
                             ("route", "--max-cost-usd")):
            for value in ("nan", "inf", "-inf", "-1", "1e999", "x"):
                with self.subTest(verb=verb, option=option, value=value):
                    error = run(verb, *data[verb], f"{option}={value}", code=2).stderr
                    self.assertIn(option, error)
                    self.assertIn(f"'{value}'", error)
                    self.assertLess(len(error), 200)
        self.assertIn("above 0", run("route", *data["route"], "--max-cost-usd", "0", code=2).stderr)
        for verb in ("train", "eval"):
            self.assertIn("'-1'", run(verb, *data[verb], "--seed=-1", code=2).stderr)
            self.assertIn("--models", run(verb, *data[verb], "--models", "", code=2).stderr)
        self.assertIn("--answer-usd USD", run("train", *data["train"], "--second-usd", "1", code=2).stderr)
        self.assertFalse(self.path("never").exists())

    def test_a_snapshot_has_no_routes(self):
        self.assertIn("--route", run("explain", "--snapshot", "s", "--route", "foo", "hello", code=2).stderr)

    def test_outputs_are_checked_before_the_work(self):
        absent = self.path("nowhere") / "file"
        for bad in (absent, self.folder):
            for arguments in (("train", "--data", "absent", "--out", bad),
                              ("eval", "--data", "absent", "--json", bad), ("eval", "--data", "absent", "--html", bad),
                              ("import", "--format", "routellm", "--in", "absent", "--out", bad),
                              ("route", "--snapshot", "absent", "--requests", "absent", "--out", bad)):
                with self.subTest(arguments):
                    self.assertIn(f"{bad}: cannot write there", run(*arguments, code=3).stderr)

    def test_the_result_is_printed_though_the_file_cannot_be_written(self):
        done = run("eval", "--data", self.table, "--methods", "global_mean", "--resamples", "100",
                   "--json", "/dev/full", code=3)
        self.assertIn("/dev/full", done.stderr)
        self.assertIn("best_single", done.stdout)

    def test_errors_about_a_table_name_its_file(self):
        rows = [{**row, "outcomes": {"large": row["outcomes"].get("large")}} for row in self.rows]
        other = write(self.path("large_only.jsonl"), rows)
        error = run("eval", "--train", self.table, "--test", other, "--methods", "ridge", code=2).stderr
        self.assertIn(f"{other}: the table has no model", error)
        one = self.path("one.jsonl")
        one.write_text(row() + "\n")
        for verb in (("train", "--out", self.path("never")), ("eval", "--methods", "ridge")):
            self.assertIn(f"{one}: the table has one row", run(*verb, "--data", one, code=2).stderr)


def row(**changes):
    """One sound line, changed."""
    return json.dumps({"id": "a", "prompt": "x", "outcomes": {"m": {"quality": 1}, "n": {"quality": 0}}} | changes)


BAD_LINES = {
    # line: (words that say which field, words that say what is wrong)
    row(id=None): ("'id'", "null"),
    row(id=[1]): ("'id'", "array"),
    row(prompt=7): ("'prompt'", "a string"),
    row(messages="x"): ("'messages'", "an array"),
    row(messages=[{"content": "x"}]): ("'messages[0].role'", "missing"),
    row(messages=[{"role": "user", "content": 3}]): ("'messages[0].content'", "a string"),
    row(tools=[7]): ("'tools[0]'", "an object"),
    row(task=3): ("'task'", "a string"),
    row(outcomes=[]): ("'outcomes'", "an object"),
    row(outcomes={"m": 1}): ("'outcomes.m'", "an object"),
    row(outcomes={"m": {"quality": "good"}}): ("'outcomes.m.quality'", "good"),
    row(outcomes={"m": {"quality": True}}): ("'outcomes.m.quality'", "true"),
    row(outcomes={"m": {"quality": 1.01}}): ("'outcomes.m.quality'", "1.01"),
    row(outcomes={"m": {"quality": -0.1}}): ("'outcomes.m.quality'", "-0.1"),
    row(outcomes={"m": {"quality": float("nan")}}): ("'outcomes.m.quality'", "NaN"),
    row(outcomes={"m": {"quality": float("inf")}}): ("'outcomes.m.quality'", "Infinity"),
    row(outcomes={"m": {"quality": 1}}).replace("1}", "1e999}"): ("'outcomes.m.quality'", "1e999"),
    row(outcomes={"m": {"cost": -1}}): ("'outcomes.m.cost'", "-1"),
    row(outcomes={"m": {"cost": 1e15}}): ("'outcomes.m.cost'", "0 to 1e+09, got 1e+15"),
    row(outcomes={"m": {"latency_s": []}}): ("'outcomes.m.latency_s'", "array"),
    row(outcomes={"": {"quality": 1}}): ("'outcomes'", "empty name"),
    '{"prompt":"x","outcomes":{"m":{"quality":1}}}': ("'id'", "missing"),
    '{"id":"a","outcomes":{"m":{"quality":1}}}': ("'prompt'", "missing"),
    '{"id":"a","prompt":"x"}': ("'outcomes'", "missing"),
    '{"id":"a","id":"b","prompt":"x","outcomes":{}}': ("'id'", "twice"),
    row()[:-1]: ("", "JSON"),
    row() + "}": ("", "JSON"),
    "[1]": ("", "JSON object"),
    '{"id":"a","prompt":"\udcff"}': ("", "UTF-8"),
    "{" + '"a":{' * 3000: ("", "JSON"),
}


class BadData(Learning):
    def refused(self, path, *options, **how):
        out = self.path("never.snapshot")
        error = run("train", "--data", path, "--method", "ridge", "--out", out, "--quiet", *options, code=2,
                    **how).stderr
        self.assertFalse(out.exists())
        self.assertEqual(len(error.splitlines()), 1, error)
        return error

    def test_a_bad_line_is_named_with_its_field(self):
        for line, (field, words) in BAD_LINES.items():
            with self.subTest(line[:80]):
                path = self.path("bad.jsonl")
                good = row(id="first")
                path.write_bytes(f"{good}\n\n{line}\n".encode("utf-8", "surrogateescape"))
                error = self.refused(path)
                self.assertIn(f"{path}:3: ", error)
                self.assertIn(field, error)
                self.assertIn(words, error)
                run("eval", "--data", path, "--methods", "ridge", code=2)

    def test_an_id_that_is_there_already_names_both_lines(self):
        path = self.path("twice.jsonl")
        path.write_text(row() + "\n" + row(id="b") + "\n" + row() + "\n")
        error = self.refused(path)
        self.assertIn(f"{path}:3: field 'id'", error)
        self.assertIn("line 1", error)

    def test_too_little_is_refused_and_said(self):
        for text, words in [("", "empty"), ("\n \n", "blank"), (row() + "\n", "one row"),
                            (row(outcomes={"m": None}) + "\n" + row(id="b", outcomes={"m": {}}) + "\n", "quality"),
                            (row(outcomes={}) + "\n", "'outcomes'")]:
            with self.subTest(text):
                path = self.path("little.jsonl")
                path.write_text(text)
                self.assertIn(words, self.refused(path))

    def test_one_model_trains_and_the_report_says_so(self):
        out = json.loads(run("train", "--data", self.table, "--models", "large", "--out", self.path("one"),
                             "--json").stdout)
        self.assertIn("one model", " ".join(out["warnings"]))
        found = json.loads(run("eval", "--data", self.table, "--models", "large", "--methods", "all", "--resamples",
                               "100", "--json").stdout)
        self.assertEqual(found["models"], ["large"])
        for method in found["methods"]:
            self.assertEqual(method["quality"], found["baselines"]["best_single"]["quality"], method["name"])

    def test_one_row_is_an_error_of_eval_too(self):
        path = self.path("row.jsonl")
        path.write_text(row() + "\n")
        self.assertIn("row", run("eval", "--data", path, "--methods", "ridge", code=2).stderr)
        run("eval", "--train", path, "--test", self.test, "--methods", "ridge", code=2)

    def test_rows_that_are_left_out_are_counted(self):
        rows = [json.dumps(row) for row in rows_of(60, seed=3)]
        rows.insert(5, "")
        rows.insert(9, row(id="unrecorded", outcomes={"large": None}))
        path = self.path("gaps.jsonl")
        path.write_text("\n".join(rows) + "\n")
        done = run("train", "--data", path, "--method", "ridge", "--out", self.path("gaps.snapshot"))
        self.assertIn("1 blank lines skipped", done.stderr)
        self.assertIn("1 rows without any recorded quality", done.stdout)

    def test_truncated_compression_is_an_error(self):
        rows = rows_of(3000, seed=4)
        whole = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
        gz = self.path("cut.jsonl.gz")
        for cut in (len(whole) - 1, len(whole) - 8, len(whole) // 2, 11, 5, 1):
            with self.subTest(cut):
                gz.write_bytes(whole[:cut])
                self.assertRegex(self.refused(gz), r"cut\.jsonl\.gz.*(truncated|not gzip)")
        damaged = bytearray(whole)
        damaged[len(whole) // 2] ^= 0x55
        gz.write_bytes(damaged)
        self.assertIn(str(gz), self.refused(gz))
        zst = self.path("whole.jsonl.zst")
        source = self.path("mmlu_rivers.csv")
        source.write_text("prompt,small,large\n" + "".join(f"Where is {i}?,True,False\n" for i in range(5000)))
        run("import", "--format", "routellm", "--in", source, "--out", zst)
        run("train", "--data", zst, "--method", "global_mean", "--out", self.path("zst.snapshot"), "--quiet")
        whole = zst.read_bytes()
        cut_zst = self.path("cut.jsonl.zst")
        for cut in (len(whole) - 1, len(whole) // 2, 6, 2):
            with self.subTest(zst=cut):
                cut_zst.write_bytes(whole[:cut])
                self.assertRegex(self.refused(cut_zst), r"cut\.jsonl\.zst.*(truncated|not zstd)")

    def test_a_line_of_a_gibibyte_is_refused_in_bounded_memory(self):
        path = self.path("long.jsonl.gz")
        piece = b"x" * (1 << 20)
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(row(id="first").encode() + b'\n{"id":"b","outcomes":{},"prompt":"')
            for _ in range(1024):
                file.write(piece)
            file.write(b'"}\n')
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
        error = self.refused(path, preexec_fn=limit)
        self.assertIn(f"{path}:2: ", error)
        self.assertIn("longer than the limit", error)

    def test_no_bytes_crash_the_reader(self):
        seed = random.randrange(2 ** 32)
        rng = random.Random(seed)
        whole = ("\n".join(json.dumps(row) for row in rows_of(4, seed=5)) + "\n").encode()
        path = self.path("any.jsonl")
        for turn in range(60):
            data = bytearray(whole)
            for _ in range(rng.randrange(1, 4)):
                at = rng.randrange(len(data))
                data[at:at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
            path.write_bytes(data)
            done = subprocess.run([THALAMUS, "train", "--data", path, "--method", "global_mean", "--out",
                                   self.path("any.snapshot"), "--quiet"], capture_output=True, text=True, timeout=60)
            self.assertIn(done.returncode, (0, 2), f"seed {seed}, turn {turn}: {bytes(data)!r}\n{done.stderr}")


def seconds_used(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Training(Learning):
    def test_an_interruption_leaves_what_was_there(self):
        folder = self.path("interrupted")
        folder.mkdir()
        out = folder / "auto.snapshot"
        out.write_text("the earlier one")
        table = write(self.path("large.jsonl"), rows_of(20000, seed=6))
        process = subprocess.Popen([THALAMUS, "train", "--data", table, "--out", out], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            while process.poll() is None and seconds_used(process.pid) < 1.5:
                time.sleep(0.01)
            self.assertIsNone(process.poll(), "it was done before it could be interrupted")
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
        self.assertEqual(process.returncode, 3, error)
        self.assertIn("interrupted", error)
        self.assertEqual([path.name for path in folder.iterdir()], ["auto.snapshot"])
        self.assertEqual(out.read_text(), "the earlier one")

    def test_a_seed_gives_the_same_bytes_on_one_core_and_on_all(self):
        cores = os.sched_getaffinity(0)
        one_core = lambda: os.sched_setaffinity(0, {min(cores)})
        for method in ("auto", "mlp", "boosted_trees", "uniroute"):
            with self.subTest(method):
                found = []
                for how in ({}, {}, {"preexec_fn": one_core}):
                    out = self.path("again.snapshot")
                    run("train", "--data", self.table, "--method", method, "--seed", "3", "--out", out, "--quiet",
                        **how)
                    found.append(out.read_bytes())
                self.assertEqual(found[0], found[1])
                self.assertEqual(found[0], found[2])

    def test_another_seed_gives_another_snapshot(self):
        found = set()
        for seed in ("3", "4"):
            out = self.path("seed.snapshot")
            run("train", "--data", self.table, "--method", "mlp", "--seed", seed, "--out", out, "--quiet")
            found.add(out.read_bytes())
        self.assertEqual(len(found), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
