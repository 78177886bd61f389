#!/usr/bin/env python3
"""The verbs as a user types them: probe, train, route, eval, explain, methods, check, simulate, trace export."""

import gzip
import json
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

from rig import SOURCE, THALAMUS, Gateway, Upstream, routes_config


def run(*arguments, code=0):
    done = subprocess.run([THALAMUS, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if done.returncode != code:
        raise AssertionError(f"{arguments} ended with {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}")
    return done


def toy_table(path, rows=160, seed=5):
    """Two models, each good at one kind of prompt."""
    rng = random.Random(seed)
    with gzip.open(path, "wt") as f:
        for i in range(rows):
            kind = rng.randrange(2)
            words = ["integral", "matrix", "prove"] if kind else ["poem", "story", "rhyme"]
            prompt = f"{rng.choice(words)} {rng.choice(words)} number {rng.randrange(10000)}"
            cell = lambda good, cost: {"quality": float(rng.random() < (0.9 if good else 0.2)), "cost": cost,
                                       "input_tokens": 20, "output_tokens": 30,
                                       "latency_s": 0.5 if cost < 1e-3 else 2.0}
            f.write(json.dumps({"id": f"r{i}", "task": ["arts", "maths"][kind], "prompt": prompt,
                                "outcomes": {"cheap": cell(kind == 0, 1e-4), "dear": cell(kind == 1, 5e-3)}}) + "\n")


class Binary(unittest.TestCase):
    def test_it_needs_the_c_library_and_nothing_else(self):
        listed = subprocess.run(["ldd", THALAMUS], capture_output=True, text=True, check=True).stdout
        names = {line.split()[0].rsplit("/", 1)[-1].split(".so")[0] for line in listed.splitlines() if line.strip()}
        own = {"linux-vdso", "ld-linux-x86-64", "libc", "libm", "libdl", "libpthread", "librt"}
        self.assertLessEqual(names, own, listed)


class Verbs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="thalamus-verbs-"))
        cls.table = cls.folder / "table.jsonl.gz"
        cls.test = cls.folder / "test.jsonl.gz"
        cls.snapshot = cls.folder / "auto.snapshot"
        toy_table(cls.table)
        toy_table(cls.test, rows=120, seed=6)
        run("train", "--data", cls.table, "--out", cls.snapshot, "--quiet")

    def test_training_is_repeatable_and_says_what_the_data_support(self):
        again = self.folder / "again.snapshot"
        out = run("train", "--data", self.table, "--out", again, "--json").stdout
        self.assertEqual(self.snapshot.read_bytes(), again.read_bytes())
        self.assertTrue(json.loads(out)["words"])

    def test_every_listed_method_trains(self):
        methods = [m["name"] for m in json.loads(run("methods", "--json").stdout) if m["level"] == "route"]
        self.assertIn("knn", methods)
        for method in methods:
            with self.subTest(method=method):
                options = ["--options", "model=cheap"] if method == "single" else []
                run("train", "--data", self.table, "--method", method, *options, "--out", self.folder / "m.snapshot",
                    "--quiet")

    def test_routing_reads_neither_task_nor_outcomes(self):
        rows = [json.loads(line) for line in gzip.open(self.test, "rt")]
        mixed = self.folder / "mixed.jsonl"
        with open(mixed, "w") as f:
            for row, other in zip(rows, rows[1:] + rows[:1]):
                f.write(json.dumps({**row, "task": other["task"], "outcomes": other["outcomes"]}) + "\n")
        one = run("route", "--snapshot", self.snapshot, "--requests", self.test).stdout
        two = run("route", "--snapshot", self.snapshot, "--requests", mixed).stdout
        self.assertEqual(one, two)
        first = json.loads(one.splitlines()[0])
        self.assertEqual(set(first), {"id", "target", "estimates"})
        self.assertEqual(set(first["estimates"]), {"cheap", "dear"})

    def test_worth_and_limits_move_the_choice(self):
        def share(*options):
            lines = run("route", "--snapshot", self.snapshot, "--requests", self.test, *options).stdout.splitlines()
            return sum(json.loads(line)["target"] == "dear" for line in lines) / len(lines)

        self.assertGreater(share(), 0.3)
        self.assertLess(share("--answer-usd", "0.001"), 0.05)
        self.assertEqual(share("--max-cost-usd", "0.001"), 0)

    def test_evaluation_reports_baselines_and_intervals(self):
        out = json.loads(run("eval", "--train", self.table, "--test", self.test, "--methods", "auto,knn,global_mean",
                             "--json").stdout)
        for name in ("random", "best_single", "task_lookup", "oracle"):
            self.assertIn(name, out["baselines"])
        scores = {m["name"]: m for m in out["methods"]}
        self.assertGreater(scores["auto"]["delta_best_single_ci95"][0], 0)
        self.assertLessEqual(scores["auto"]["quality"], out["baselines"]["oracle"]["quality"])

    def test_eval_divides_one_table_and_writes_json_and_a_page(self):
        json_file, page = self.folder / "eval.json", self.folder / "eval.html"
        said = run("eval", "--data", self.table, "--methods", "global_mean,ridge", "--json", json_file, "--html", page,
                   "--resamples", "200").stdout
        self.assertIn("protocol id", said)
        out = json.loads(json_file.read_text())
        self.assertEqual(out["n_train"] + out["n_test"], 160)
        self.assertTrue(page.read_text().startswith("<!DOCTYPE html>"))
        self.assertNotIn("<script", page.read_text())
        run("eval", "--data", self.table, "--protocol", "given", code=2)
        run("eval", "--data", self.table, "--test", self.test, "--protocol", "lodo", code=2)

    def test_public_formats_are_imported(self):
        source, out = self.folder / "mmlu_rivers.csv", self.folder / "imported.jsonl"
        source.write_text('prompt,small,large\n"Which,\nthen?",True,False\nWhere?,False,True\n')
        self.assertIn("2 rows, 2 models", run("import", "--format", "routellm", "--in", source, "--out", out).stdout)
        row = json.loads(out.read_text().splitlines()[0])
        self.assertEqual((row["prompt"], row["outcomes"]["small"]["quality"]), ("Which,\nthen?", 1))
        source.write_text("prompt,small,large\nWhere?,False,perhaps\n")
        self.assertIn("mmlu_rivers.csv:2", run("import", "--format", "routellm", "--in", source, "--out", out,
                                               code=2).stderr)

    def test_explaining_names_signals_estimates_and_flips(self):
        out = json.loads(run("explain", "--snapshot", self.snapshot, "--json", "prove the matrix integral").stdout)
        self.assertEqual(out["target"], "dear")
        self.assertTrue(out["reason"])
        self.assertIn("signals", out)

    def test_explaining_asks_the_tools_first_and_needs_no_router(self):
        config = self.folder / "order.yaml"
        config.write_text("version: 1\nproviders: { up: { base_url: 'http://127.0.0.1:9/v1' } }\n"
                          "models:\n  - { name: sums, tool: arithmetic }\n  - { name: a, provider: up }\n"
                          "  - { name: b, provider: up }\nroutes: [{ name: auto, targets: [sums, b, a] }]\n")
        said = run("explain", "--config", config, "What is 347 * 29?").stdout
        self.assertIn("sums is certain of it and answers: 10063", said)
        as_json = json.loads(run("explain", "--json", "--config", config, "What is 347 * 29?").stdout)
        self.assertEqual((as_json["claimed_by"], as_json["otherwise"]["order"]), ("sums", ["b", "a"]))
        said = run("explain", "--config", config, "Tell me of rivers").stdout
        self.assertIn("tried in their order: b, a", said)
        self.assertNotIn("certain", said)

    def test_negative_limits_are_refused(self):
        for option in ("--max-cost-usd", "--answer-usd", "--second-usd"):
            run("route", "--snapshot", "x", "--requests", "y", option, "-1", code=2)

    def test_bad_tables_are_refused_with_line_and_field(self):
        for text, words in [('{"id":"a","prompt":"x","outcomes":{"m":{"quality":1.5}}}\n', "quality"),
                            ('{"id":"a","prompt":"x","outcomes":{"m":{"quality":"x"}}}\n', "quality"),
                            ('{"id":"a","prompt":"x"\n', ":1"), ("", "empty")]:
            path = self.folder / "bad.jsonl"
            path.write_text(text)
            with self.subTest(text=text):
                self.assertIn(words, run("train", "--data", path, "--out", self.folder / "x", code=2).stderr)

    def test_unknown_names_get_a_suggestion(self):
        error = run("train", "--data", self.table, "--method", "kn", "--out", self.folder / "x", code=2).stderr
        self.assertIn("knn", error)
        error = run("train", "--data", self.table, "--models", "cheep", "--out", self.folder / "x", code=2).stderr
        self.assertIn("cheap", error)
        run("frobnicate", code=2)

    def test_the_simulator_reproduces_a_seed(self):
        one, two = (run("simulate", "--seed", "3", "--json").stdout for _ in range(2))
        self.assertEqual(one, two)
        self.assertNotEqual(one, run("simulate", "--seed", "4", "--json").stdout)

    def test_configurations_of_the_repository_check(self):
        hosted = subprocess.run([THALAMUS, "check", SOURCE / "configs/hosted.yaml"], capture_output=True, text=True,
                                env={"OPENAI_API_KEY": "sk-x", "HOME": str(self.folder)})
        self.assertNotEqual(hosted.returncode, 3, hosted.stderr)


class Probe(unittest.TestCase):
    def test_a_probe_resumes_and_writes_a_table_that_trains(self):
        upstream = Upstream()
        gateway = Gateway(routes_config(upstream.port, {"fine": ["ok"]}))
        folder = Path(tempfile.mkdtemp(prefix="thalamus-probe-"))
        tasks = folder / "tasks.jsonl"
        tasks.write_text("".join(json.dumps({"id": f"t{i}", "prompt": f"say {i}", "expected": ["scripted"],
                                             "checker": "contains"}) + "\n" for i in range(20)))
        try:
            common = ["probe", "--base-url", gateway.base_url, "--targets", "t-ok,calculator", "--tasks", tasks,
                      "--out", folder / "table.jsonl", "--quiet", "--json"]
            report = json.loads(run(*common).stdout)
            self.assertTrue(report["complete"])
            target = {t["name"]: t for t in report["targets"]}
            self.assertEqual((target["t-ok"]["answered"], target["t-ok"]["quality"]), (20, 1.0))
            self.assertEqual(target["calculator"]["declined"], 20)
            rows = [json.loads(line) for line in open(folder / "table.jsonl")]
            self.assertEqual(len(rows), 20)
            self.assertEqual(rows[0]["outcomes"]["t-ok"]["output_tokens"], 5)
        finally:
            gateway.close()
            upstream.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
