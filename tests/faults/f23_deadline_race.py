#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""23: A command ends at the very moment of its deadline.

It has one verdict, never both and never none: what had ended before the first signal keeps its own."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import Case, main, wait_for  # noqa: E402

COUNT = max(50, min(2000, int(os.environ.get("CIPLUG_TEST_REPEATS", "200"))))


class Race(Case):
    def test_each_is_exactly_one_of_both(self):
        self.ci(f"[step s]\ncount = {COUNT}\nworkers = 8\ntimeout = 300ms\ngrace = 2s\nshell = none\ncommand = sleep 0.299\n")
        records = self.run_of().finished("s")
        self.count(repeats=COUNT, losses=COUNT - len(records))
        self.assertEqual(sorted(r["number"] for r in records), list(range(1, COUNT + 1)))
        for record in records:
            self.assertIn(record["outcome"], ("passed", "timeout"))
            if record["outcome"] == "passed":
                self.assertEqual((record["exit_code"], record["signal"]), (0, None))
        run = self.run_of()
        ledger = run.last("run_finished")["ledger"]
        self.assertEqual(ledger["passed"] + ledger["timeout"], COUNT)
        self.assertEqual({k: ledger[k] for k in run.counted()}, run.counted())

    def test_the_end_comes_before_a_deadline_that_is_noticed_late(self):
        """The hand does not get to run between the two."""
        running = self.start("[step s]\ntimeout = 1500ms\non_failure = touch called\ncommand = : > up; until [ -e go ]; do sleep 0.02; done; exit 5\n")
        self.wait_file("up")
        keeper = next(pid for pid in procs.children(running.pid) if procs.comm(pid) == "ci-keeper")
        hand = wait_for(lambda: procs.children(keeper), "the hand")[0]
        leader = procs.children(hand)[0]
        with procs.held(hand):
            self.write("go", "")
            wait_for(lambda: not procs.alive(leader), "its end")
            time.sleep(1.6)  # until the deadline is over
        self.assertEqual(running.wait().status, 1)
        record = self.run_of().one("s")
        self.assertEqual((record["outcome"], record["exit_code"]), ("failed", 5))

    def test_one_that_exited_before_the_deadline_keeps_its_code(self):
        """The leader has exited, its child holds the output: the deadline passes in between."""
        self.ci("[step s]\ntimeout = 2s\ncommand = sleep 600 & exit 5\n")
        record = self.run_of().one("s")
        self.assertEqual((record["outcome"], record["exit_code"]), ("failed", 5))


if __name__ == "__main__":
    main(controls={"ends_before_deadlines": "Race.test_the_end_comes_before_a_deadline_that_is_noticed_late"})
