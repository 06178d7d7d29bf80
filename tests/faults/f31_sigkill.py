#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""31: SIGKILL of ciplug.

Whatever the commands started is dead within two seconds, however deaf it is, and no result that was shown is lost."""
import os
import random
import re
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import LIB, Case, main, wait_for  # noqa: E402

ROUNDS = min(15, int(os.environ.get("CIPLUG_TEST_REPEATS", "15")))


class Killed(Case):
    def test_at_random_moments(self):
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        for number in range(ROUNDS):
            with self.subTest(round=number, seed=seed):
                self.one_round(chance.uniform(0.0, 0.6))

    def one_round(self, delay):
        running = self.start(f"[step s]\ncount = 200\nworkers = 8\ncommand =\n"
                             f"    case $(({{number}} % 4)) in\n"
                             f"    0) exec {sys.executable} -BS {LIB}/tree.py --stay 4 ;;\n"
                             "    1) setsid sh -c 'trap \"\" TERM HUP; sleep 600' >/dev/null 2>&1 & ;;\n"
                             "    esac\n    echo ok-{number}\n", "--state-dir", "state")
        wait_for(lambda: list(self.dir.glob("state/runs/*/journal.jsonl")), "the journal")
        time.sleep(delay)  # a random moment is what is tested
        shown = running.out()
        running.send(signal.SIGKILL)
        running.wait()
        left = procs.settle(self.marker, seconds=2, helpers=False)
        self.count(repeats=1, survivors=len(left))
        self.assertEqual(left, [], "alive 2 s after the kill")
        recorded = {f"ok-{r['number']}" for r in self.run_of("state").finished("s") if r["outcome"] == "passed"}
        said = set(re.findall(r"^ok-\d+$", shown, re.MULTILINE))
        self.count(losses=len(said - recorded))
        self.assertLessEqual(said, recorded, "shown, but not in the journal")

    def gone(self):
        """Commands within 2 s; keeper and hands, on a busy machine, a little later."""
        self.assertEqual(procs.settle(self.marker, seconds=2, helpers=False), [])
        self.assertEqual(procs.settle(self.marker, seconds=20), [])

    def test_two_hundred_processes_in_many_jobs(self):
        running = self.start(f"[step s]\ncount = 16\nworkers = 16\ncommand = exec {sys.executable} -BS {LIB}/tree.py --stay 12 up.{{number}}\n")
        for number in range(1, 17):
            self.wait_file(f"up.{number}")
        running.send(signal.SIGKILL)
        running.wait()
        self.gone()
        self.assertEqual(self.verb("report", "--to", "console").status, 0)

    def test_while_a_cleanup_runs(self):
        running = self.start(f"[step s]\ncommand = true\n[cleanup c]\ncommand = exec {sys.executable} -BS {LIB}/tree.py --stay 5 up\n")
        self.wait_file("up")
        running.send(signal.SIGKILL)
        running.wait()
        self.gone()
        self.assertEqual(self.outcomes("s"), ["passed"])

    def test_what_was_kept_dies_too(self):
        running = self.start(f"[step s]\non_leak = keep\ncommand = {sys.executable} -BS {LIB}/tree.py 3 up\n"
                             "[step t]\ncommand = : > second; exec sleep 600\n")
        self.wait_file("second")
        running.send(signal.SIGKILL)
        running.wait()
        self.gone()


if __name__ == "__main__":
    main(controls={"end_of_file_kills": "Killed.test_two_hundred_processes_in_many_jobs"})
