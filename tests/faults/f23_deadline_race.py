#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""23: exit and deadline at the same moment: one verdict, never both, never none."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

COUNT = 100


class Race(Case):
    def test_each_is_exactly_one_of_both(self):
        self.ci(f"[step s]\ncount = {COUNT}\nworkers = 8\ntimeout = 300ms\ngrace = 2s\nshell = none\ncommand = sleep 0.299\n")
        records = self.run_of().finished("s")
        self.assertEqual(sorted(r["number"] for r in records), list(range(1, COUNT + 1)))
        for record in records:
            self.assertIn(record["outcome"], ("passed", "timeout"))
            if record["outcome"] == "passed":
                self.assertEqual((record["exit_code"], record["signal"]), (0, None))
        run = self.run_of()
        ledger = run.last("run_finished")["ledger"]
        self.assertEqual(ledger["passed"] + ledger["timeout"], COUNT)
        self.assertEqual({k: ledger[k] for k in run.counted()}, run.counted())

    def test_one_that_exited_before_the_deadline_keeps_its_code(self):
        """The leader has exited, its child holds the output: the deadline passes in between."""
        self.ci("[step s]\ntimeout = 2s\ncommand = sleep 600 & exit 5\n")
        record = self.run_of().one("s")
        self.assertEqual((record["outcome"], record["exit_code"]), ("failed", 5))


if __name__ == "__main__":
    main()
