#!/usr/bin/env python3
"""The verb annotate from outside: mixes proposed, measured and given back, budgets kept, bad input named."""

import json
import random
import unittest

from test_learning_verbs import Learning, run, write


class Annotate(Learning):
    """Who labels each item: proposed mixes come back measured, a plan keeps its budget, bad input is named."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = random.Random(5)
        cls.items = [{"id": f"q{i}", "human_usd": rng.randrange(5, 60) / 100,
                      "features": {"safety": rng.random() < 0.3, "length": rng.randrange(2000),
                                   "subject": rng.choice(["law", "art", "code"])}} for i in range(80)]
        cls.file = write(cls.folder / "items.jsonl", cls.items)
        proposed = cls.folder / "mixes.jsonl"
        said = run("annotate", "--items", cls.file, "--propose", proposed, "--options", "simulations=60,items=50")
        assert "60 mixes from 80 items" in said.stdout, said.stdout
        cls.mixes = [json.loads(line) for line in proposed.read_text().splitlines()]
        # A human label of a matter of safety is worth 3, one of law costs 1, whatever the rest.
        worth = {row["id"]: 3 * row["features"]["safety"] - (row["features"]["subject"] == "law") for row in cls.items}
        for mix in cls.mixes:
            mix["score"] = 0.4 + sum(worth[name] for name in mix["human"]) / 50 + rng.gauss(0, 0.005)
        cls.worth = worth
        cls.measured = write(cls.folder / "measured.jsonl.gz", cls.mixes)

    def plan(self, *options):
        out = self.path("plan.jsonl")
        done = run("annotate", "--items", self.file, "--mixes", self.measured, "--out", out, *options)
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        self.assertEqual([row["id"] for row in rows], [row["id"] for row in self.items])
        self.assertLessEqual({row["annotator"] for row in rows}, {"human", "model"})
        return rows, done.stdout

    def test_what_is_proposed_can_be_measured(self):
        self.assertEqual(len(self.mixes), 60)
        known = {row["id"] for row in self.items}
        for mix in self.mixes:
            self.assertEqual(len(set(mix["items"])), 50)
            self.assertLessEqual(set(mix["human"]), set(mix["items"]))
            self.assertLessEqual(set(mix["items"]), known)
        self.assertGreater(len({len(mix["human"]) for mix in self.mixes}), 20)

    def test_a_share_goes_to_the_items_of_most_gain(self):
        for share in (0, 0.05, 0.25, 1):
            rows, text = self.plan("--share", share)
            humans = [row for row in rows if row["annotator"] == "human"]
            self.assertLessEqual(len(humans), share * 80)
            self.assertIn(f"{len(humans)} of 80 items to humans", text)
            for row in humans:
                self.assertGreater(row["gain"], 0)
                self.assertGreaterEqual(self.worth[row["id"]], 0)
            if share == 0.05:
                self.assertEqual([self.worth[row["id"]] for row in humans], [3, 3, 3, 3])

    def test_money_is_kept_to_the_cent(self):
        cost = {row["id"]: row["human_usd"] for row in self.items}
        for budget in (0, 0.3, 1.1, 7, 1000):
            rows, text = self.plan("--budget-usd", budget, "--json")
            cents = sum(round(100 * cost[row["id"]]) for row in rows if row["annotator"] == "human")
            self.assertLessEqual(cents, round(100 * budget))
            summary = json.loads(text)
            self.assertEqual((summary["unit"], summary["budget"]), ("usd", budget))
            self.assertAlmostEqual(summary["cost"], cents / 100, 9)
            for row in rows:
                self.assertEqual(row["cost_usd"], cost[row["id"]] if row["annotator"] == "human" else 0)

    def test_the_same_seed_gives_the_same_bytes_on_either_output(self):
        how = ("annotate", "--items", self.file, "--mixes", self.measured, "--options", "form=quadratic", "--seed", 3)
        first, second = run(*how), run(*how)
        self.assertEqual(first.stdout, second.stdout)
        self.assertIn("items to humans", first.stderr)
        self.plan("--options", "form=quadratic", "--seed", 3)
        self.assertEqual(self.path("plan.jsonl").read_text(), first.stdout)

    def test_what_contradicts_itself_is_refused(self):
        items = ("annotate", "--items", self.file)
        for options, words in (((), "one of --mixes FILE"),
                               (("--mixes", self.measured, "--propose", self.path("m")), "one of --mixes FILE"),
                               (("--propose", self.path("m"), "--share", 0.5), "--propose writes mixes to measure"),
                               (("--mixes", self.measured, "--share", 0.5, "--budget-usd", 1), "two budgets"),
                               (("--mixes", self.measured, "--share", 0.5, "--options", "share=0.2"), "two budgets"),
                               (("--mixes", self.measured, "--share", 1.5), "from 0 to 1, got '1.5'"),
                               (("--mixes", self.measured, "--share", "nan"), "from 0 to 1, got 'nan'"),
                               (("--mixes", self.measured, "--budget-usd", -1), "got '-1'"),
                               (("--mixes", self.measured, "--options", "form=cubic"), "cubic"),
                               (("--mixes", self.measured, "--options", "simulatoins=9"), "simulations")):
            with self.subTest(options):
                self.assertIn(words, run(*items, *options, code=2).stderr)
        self.assertIn("does not exist", run(*items, "--mixes", self.measured, "--out", "/nowhere/plan", code=3).stderr)

    def test_bad_lines_name_file_line_field_and_way_out(self):
        unmeasured = write(self.path("unmeasured.jsonl"), [self.mixes[0], {**self.mixes[1], "score": None}])
        error = run("annotate", "--items", self.file, "--mixes", unmeasured, code=2).stderr
        self.assertIn(f"{unmeasured}:2: mix.score: missing or null; train on the mix, measure it", error)
        stranger = write(self.path("stranger.jsonl"), [{"human": ["q1", "q800"], "score": 1}])
        error = run("annotate", "--items", self.file, "--mixes", stranger, "--json", code=2)
        self.assertIn('mix.human[1]: there is no item "q800"', error.stderr)
        self.assertEqual(json.loads(error.stdout)["error"]["kind"], "invalid_input")
        twice = write(self.path("twice.jsonl"), [self.items[0], self.items[0]])
        error = run("annotate", "--items", twice, "--mixes", self.measured, code=2).stderr
        self.assertIn(f'{twice}:2: item.id: "q0" is the id of an earlier item', error)
        free = write(self.path("free.jsonl"), [{**row, "human_usd": None} for row in self.items])
        error = run("annotate", "--items", free, "--mixes", self.measured, "--budget-usd", 1, code=2).stderr
        self.assertIn('item "q0" has no human_usd', error)


if __name__ == "__main__":
    unittest.main(verbosity=2)
