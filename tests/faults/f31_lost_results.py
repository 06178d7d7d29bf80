#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""31: SIGKILL of ciplug at any moment: results that were shown.

A result is in the journal before it is on the screen: none that was shown is lost, and `report` works on what is left."""
import os
import random
import re
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import Case, main, wait_for  # noqa: E402

# CIPLUG_TEST_KILLS: as many as the figures in the documentation need, 500.
KILLS = int(os.environ.get("CIPLUG_TEST_KILLS", min(25, int(os.environ.get("CIPLUG_TEST_REPEATS", "25")))))
WORDS = {"PASS": "passed", "FAIL": "failed", "FLAKY": "passed", "SKIP": "skipped"}
STEPS = """
    [step s]
    items = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40
    workers = 4
    skip_codes = 77
    command =
        echo output-{item}
        if [ $(({number} % 5)) = 4 ]; then setsid sh -c 'exec sleep 600' >/dev/null 2>&1 & fi
        exit $(({number} % 7 == 3 ? 1 : {number} % 11 == 5 ? 77 : 0))
    [step t]
    command = exec sleep 600
"""


def results(text):
    """{(number, outcome)} of the lines that tell a result."""
    found = re.findall(r"^ *(PASS|FAIL|FLAKY|SKIP) s (\d+)[ :]", text, re.MULTILINE)
    return {(int(number), WORDS[word]) for word, number in found}


class Lost(Case):
    def recorded(self, state):
        records = self.run_of(state).finished("s")
        return {(record["number"], record["outcome"]) for record in records}

    def test_no_shown_result(self):
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        shown = recorded = 0
        for number in range(KILLS):
            with self.subTest(round=number, seed=seed):
                self.count(repeats=1)
                counts = self.one_round(f"state{number}", chance)
                shown, recorded = shown + counts[0], recorded + counts[1]
        print(f"{KILLS} kills: {shown} results shown, {recorded} in the journals")
        self.assertGreater(shown, 0)

    def one_round(self, state, chance):
        output = chance.choice(("group", "live"))
        running = self.start(STEPS, "--state-dir", state, "--keep-going", "--output", output)
        wait_for(lambda: list(self.dir.glob(f"{state}/runs/*/journal.jsonl")), "the journal")
        time.sleep(chance.uniform(0.0, 0.5))  # a random moment is what is tested
        running.send(signal.SIGKILL)
        running.wait()
        shown, recorded = results(running.out()), self.recorded(state)
        left = procs.settle(self.marker, seconds=2, helpers=False)
        self.count(losses=len(shown - recorded), survivors=len(left))
        self.assertEqual(shown - recorded, set(), "shown, but not in the journal")
        self.assertEqual(left, [], "alive 2 s after the kill")
        said = self.verb("report", "latest", "--state-dir", state, "--to", "console=report")
        self.assertIn(said.status, (0, 3), said.all)
        self.assertEqual(results(self.read("report")), recorded)
        procs.settle(self.marker, seconds=20)
        return len(shown), len(recorded)

    def test_the_last_that_was_shown(self):
        """Nothing else happens after it, so nothing else can have flushed it."""
        running = self.start("[step s]\ncount = 2\nworkers = 2\ncommand = [ {number} = 1 ] || exec sleep 600\n")
        wait_for(lambda: results(running.out()), "the result")
        running.send(signal.SIGKILL)
        running.wait()
        lost = results(running.out()) - self.recorded(".ciplug")
        self.count(losses=len(lost))
        self.assertEqual(lost, set())


if __name__ == "__main__":
    main(controls={"record_before_report": "Lost.test_the_last_that_was_shown"})
