"""Turns one class of features into tests, one for each feature and upstream, and writes down how each ended.

A class states `client`; its methods `feature_NAME(self, up)` are run for each upstream protocol, its methods
`once_NAME(self)` once. CONFORMANCE_FAST leaves one upstream for each feature, a different one from feature to feature.
"""

import json
import os
import re
import sys
import time
import unittest
import urllib.request

UPSTREAMS = ("openai", "responses", "anthropic")
BASE = os.environ["CONFORMANCE_BASE"]
ADMIN = os.environ["CONFORMANCE_ADMIN"]
GUARDED = os.environ["CONFORMANCE_GUARDED"]
KEY = os.environ["CONFORMANCE_KEY"]
FAST = bool(os.environ.get("CONFORMANCE_FAST"))

TEXT = "The scripted answer."
STREAMED = "piece 0 piece 1 piece 2 "
CITIES = ("Utrecht", "Bonn")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPhfDwAChAGA6oyyZwAAAABJRU5ErkJggg=="
PIXEL_URL = "data:image/png;base64," + PIXEL
IMAGE_URL = "https://example.com/cat.png"
CANCELLED_WITHIN_S = 0.1


def model(command, up):
    return f"{command}@{up}"


def metric(name, **labels):
    """The sum over the series of that name which have all of these labels."""
    with urllib.request.urlopen(ADMIN + "/metrics", timeout=10) as answer:
        text = answer.read().decode()
    total = 0.0
    for line in text.splitlines():
        found = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
        if found and found[1] == name and all(f'{k}="{v}"' in (found[2] or "") for k, v in labels.items()):
            total += float(found[3])
    return total


def calls(target):
    """How often the gateway called that target."""
    return metric("thalamus_target_calls_total", target=target)


def cancelled(target):
    return metric("thalamus_target_calls_total", target=target, result="cancelled")


def wait_for_call(target, before, limit=3.0):
    """Until the gateway counts a call more than `before`, however it ended."""
    start = time.monotonic()
    while calls(target) <= before:
        if time.monotonic() - start > limit:
            raise AssertionError(f"the call of {target} did not end within {limit} s")
        time.sleep(0.005)


def seconds_until_cancelled(target, before, limit=3.0):
    """From now until the gateway counts one more cancelled call of that target."""
    start = time.monotonic()
    while time.monotonic() - start < limit:
        if cancelled(target) > before:
            return time.monotonic() - start
        time.sleep(0.005)
    raise AssertionError(f"the call of {target} was not cancelled within {limit} s")


# The Python clients say in this header when they will give up; "None" is what they say for never.
SILENT = {"x-stainless-read-timeout": "None"}


class Conformance(unittest.TestCase):
    client = ""
    maxDiff = None

    def assert_times_out(self, target, ask, own_class):
        """`ask(headers)` waits 0.3 s for an answer that takes longer. Told of that by the client's own header, the
        gateway may say first that it is over (504); not told, it learns from the client's leaving."""
        before = calls(target)
        with self.assertRaises(Exception) as raised:
            ask({})
        error = raised.exception
        self.assertTrue(isinstance(error, own_class) or getattr(error, "status_code", 0) == 504, repr(error))
        wait_for_call(target, before)
        before = cancelled(target)
        with self.assertRaises(own_class):
            ask(SILENT)
        seconds_until_cancelled(target, before)

    def assert_cancels(self, target, leave):
        """`leave` starts a stream and goes away; the best of three counts, as other work shares this machine."""
        best = 9.0
        for _ in range(3):
            before = cancelled(target)
            leave()
            best = min(best, seconds_until_cancelled(target, before))
            if best <= CANCELLED_WITHIN_S:
                return
        self.fail(f"the upstream call ended {best * 1000:.0f} ms after the client had gone")

    def assert_calls(self, target, expected, work):
        before = calls(target)
        work()
        # A call is counted once its answer has left, when the client may have read it already.
        start = time.monotonic()
        while calls(target) - before < expected and time.monotonic() - start < 3.0:
            time.sleep(0.005)
        self.assertEqual(calls(target) - before, expected, f"calls of {target}")


def _for_upstream(method, up):
    return lambda self: method(self, up)


def expand(case):
    """Class decorator: the tests of the features."""
    position = 0
    for name in [n for n in vars(case) if n.startswith(("feature_", "once_"))]:
        kind, feature = name.split("_", 1)
        method = getattr(case, name)
        ups = UPSTREAMS if kind == "feature" else ("-",)
        if FAST and kind == "feature":
            ups = (UPSTREAMS[(position + 1) % len(UPSTREAMS)],)
        position += 1
        for up in ups:
            test = method if kind == "once" else _for_upstream(method, up)
            made = (lambda run: lambda self: run(self))(test)
            made.feature = (feature.replace("_", " "), up)
            made.__doc__ = None
            setattr(case, f"test_{feature}__{up if up != '-' else 'once'}", made)
    return case


class _Recorder(unittest.TextTestResult):
    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def _write(self, test, outcome, reason=""):
        file = os.environ.get("CONFORMANCE_RESULTS")
        method = getattr(test, getattr(test, "_testMethodName", ""), None)
        if not file:
            return
        # A failure outside a test, such as in setUpClass, has no feature.
        feature, up = method.feature if method is not None else (str(test), "-")
        with open(file, "a") as out:
            out.write(json.dumps({"client": getattr(test, "client", ""), "feature": feature, "upstream": up,
                                  "outcome": outcome, "reason": reason,
                                  "seconds": round(time.monotonic() - getattr(self, "began", 0), 3)}) + "\n")

    def addSuccess(self, test):
        super().addSuccess(test)
        self._write(test, "pass")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._write(test, "fail", f"{err[1]}"[:600])

    def addError(self, test, err):
        super().addError(test, err)
        self._write(test, "fail", f"{err[0].__name__}: {err[1]}"[:600])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._write(test, "skip", reason)


def main():
    runner = unittest.TextTestRunner(resultclass=_Recorder, verbosity=2)
    sys.exit(not unittest.main(module="__main__", testRunner=runner, exit=False).result.wasSuccessful())
