#!/usr/bin/env python3
"""Every case of tests/scenario on real sockets: the same text, requests and expectations as in the simulator."""

import concurrent.futures
import subprocess
import sys
import time
import unittest

from rig import BUILD, SOURCE, THALAMUS

SPEED = 5           # seconds of a case in one real second
REQUESTS_MAX = 400  # of a case in one real second; a busier one runs slower, so that the machine is not what is tested
AT_A_TIME = 5
DISTURBED = 3       # scenario-run: something does not hold, but the machine stood still for longer than the case bears
SLOWER = (2, 2, 5)  # times, alone, one after the other, while something does not hold
AGAIN_FOR_S = 300   # from the start; later nothing is run again
CASES = sorted((SOURCE / "tests/scenario").glob("*.scn"))


def request_options(case):
    for line in case.read_text().splitlines():
        if line.startswith("requests "):
            return dict(word.split("=") for word in line.split("#")[0].split()[1:])
    return {}


def speed_of(case):
    return min(SPEED, REQUESTS_MAX / float(request_options(case).get("rate", 10)))


def real_seconds(case):
    return float(request_options(case).get("seconds", 10)) / speed_of(case)


def carry_out(case, speed):
    done = subprocess.run([BUILD / "scenario-run", THALAMUS, case, str(speed)], capture_output=True, text=True,
                          timeout=120 + 4 * real_seconds(case))
    return done.returncode, done.stdout + done.stderr


class Scenarios(unittest.TestCase):
    """All run beside each other. One that does not hold then is run again alone and slower, which is said: beside
    others, or on a machine that stands still, a time-out proves nothing. What does not hold alone on a machine that
    kept up is a failure; where the machine never kept up the test says so and is skipped."""

    @classmethod
    def setUpClass(cls):
        cls.begun = time.monotonic()
        longest_first = sorted(CASES, key=real_seconds, reverse=True)
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            results = list(pool.map(lambda case: carry_out(case, speed_of(case)), longest_first))
        cls.results = dict(zip(longest_first, results))
        print(f"{len(CASES)} cases beside each other, {time.monotonic() - cls.begun:.0f} s", file=sys.stderr)

    def check(self, case):
        code, said = self.results[case]
        for slower in SLOWER:
            if code == 0 or (code == DISTURBED and time.monotonic() - self.begun > AGAIN_FOR_S):
                break
            print(f"{case.stem}: again, alone and {slower} times slower; before it said\n{said}", file=sys.stderr)
            code, said = carry_out(case, speed_of(case) / slower)
            if code != DISTURBED:
                break
        print(said, end="", file=sys.stderr)
        if code == DISTURBED:
            self.skipTest("the machine stood still for too long, each time: " + said)
        self.assertEqual(code, 0, said)

    def test_there_are_cases_and_none_is_skipped(self):
        self.assertGreater(len(CASES), 10)
        for case in CASES:
            expected = sum(line.startswith("expect ") for line in case.read_text().splitlines())
            said = self.results[case][1]
            told = sum(line.startswith(("  holds ", "  BROKEN expect", "  not observable:")) for line in
                       said.splitlines())
            self.assertEqual(told, expected, said)
            self.assertNotIn("not observable:", said, "no case has an expectation that sockets do not show")


for a_case in CASES:
    setattr(Scenarios, f"test_{a_case.stem}", lambda self, case=a_case: self.check(case))


if __name__ == "__main__":
    unittest.main(verbosity=2)
