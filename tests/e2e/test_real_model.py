#!/usr/bin/env python3
"""The default configuration with the real models, if they are in the models folder (`tools/setup.sh --models`)."""

import json
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from rig import BUILD, SOURCE, THALAMUS, Gateway

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "thalamus/models"
MODELS = [CACHE / "qwen2.5-coder-0.5b.gguf", CACHE / "qwen2.5-coder-1.5b.gguf"]


@unittest.skipUnless(all(model.exists() for model in MODELS) and (BUILD / "thalamus-host").exists(),
                     "the default models are not here; fetch them with tools/setup.sh --models")
class RealModels(unittest.TestCase):
    def test_three_questions_go_to_three_kinds_of_target(self):
        folder = Path(tempfile.mkdtemp(prefix="thalamus-real-"))
        snapshot = folder / "auto.snapshot"
        subprocess.run([THALAMUS, "train", "--data", SOURCE / "data/probe-default.jsonl.gz", "--models", "small,large",
                        "--method", "knn", "--out", snapshot, "--quiet"], check=True, capture_output=True)
        config = (SOURCE / "configs/default.yaml").read_text()
        config = config.replace("../data/auto.snapshot", str(snapshot))
        config = config.replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:8081", "127.0.0.1:0")
        gateway = Gateway(config)
        try:
            until = time.monotonic() + 120
            while not json.loads(gateway.request("GET", "/readyz")[2])["ready"] and time.monotonic() < until:
                time.sleep(0.2)
            table = [
                ("What is 347 * 29?", "arithmetic", "10063"),
                ("Ivan Petrov is 47 years old and lives in Utrecht. Give the facts as a JSON object with the keys "
                 "name, age and city. Answer with only the JSON.", "small", "Utrecht"),
                ("What is the symbol of the element caesium? Reply with just the symbol.", "large", "Cs"),
            ]
            for ask, target, words in table:
                with self.subTest(ask=ask):
                    body = {"model": "auto", "temperature": 0, "max_tokens": 80,
                            "messages": [{"role": "user", "content": ask}]}
                    status, headers, data = gateway.request("POST", "/v1/chat/completions", json.dumps(body),
                                                            {"x-thalamus-explain": "true"}, timeout=240)
                    self.assertEqual((status, headers["x-thalamus-target"]), (200, target), data)
                    self.assertIn(words, json.loads(data)["choices"][0]["message"]["content"])
                    self.assertTrue(headers["x-thalamus-reason"])
            self.assertEqual(gateway.stop(timeout=15), 0)
        finally:
            gateway.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
