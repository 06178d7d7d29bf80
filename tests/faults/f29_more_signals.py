#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""29: A second and a third signal.

The second kills at once and leaves each cleanup step five seconds; the third leaves at once, and nothing survives."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import Case, main  # noqa: E402

DEAF = "trap '' INT TERM HUP; : > up.{number}; while :; do sleep 0.05; done"


class More(Case):
    def begin(self, cleanup="touch cleaned"):
        running = self.start(f"[ciplug]\ngrace = 5m\n[step s]\ncount = 4\nworkers = 4\ncommand = {DEAF}\n"
                             f"[cleanup c]\ncommand = {cleanup}\n")
        for number in range(1, 5):
            self.wait_file(f"up.{number}")
        return running

    def test_the_second_kills_at_once_and_cleans_up(self):
        running = self.begin()
        running.send(signal.SIGINT)
        time.sleep(0.5)  # the grace is five minutes: it must still be there
        self.assertIsNone(running.process.poll())
        began = time.monotonic()
        running.send(signal.SIGINT)
        ended = running.wait()
        self.assertLess(time.monotonic() - began, 20, "it waited for the grace")
        self.assertEqual(ended.status, 130)
        self.assertTrue((self.dir / "cleaned").exists())
        self.assert_ledger(cancelled=4)

    def test_after_the_second_a_cleanup_has_five_seconds(self):
        running = self.begin("touch cleaning; trap '' TERM; sleep 600; sleep 600")
        running.send(signal.SIGINT)
        running.send(signal.SIGTERM)
        self.wait_file("cleaning")
        began = time.monotonic()
        self.assertEqual(running.wait().status, 130)
        self.assertLess(time.monotonic() - began, 30)
        self.assertNotEqual(self.outcomes("c"), ["passed"])

    def test_the_third_leaves_now_and_nothing_survives(self):
        running = self.begin("touch cleaning; trap '' TERM INT; while :; do sleep 0.05; done")
        running.send(signal.SIGINT)
        running.send(signal.SIGTERM)
        self.wait_file("cleaning")
        began = time.monotonic()
        running.send(signal.SIGHUP)
        self.assertEqual(running.wait().status, 130)
        self.assertLess(time.monotonic() - began, 4, "it did not leave at once")
        self.assertEqual(procs.settle(self.marker, seconds=2, helpers=False), [])
        self.assertEqual(self.run_of().records()[0]["event"], "run_started")
        self.assertEqual(self.verb("report", "--to", "console").status, 0)

    def test_three_within_a_moment(self):
        running = self.begin()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            running.send(number)  # of a kind each: two of one that pend at once are one
        self.assertIn(running.wait().status, (129, 130, 143))
        self.assertEqual(procs.settle(self.marker, seconds=2, helpers=False), [])
        self.run_of().records()


if __name__ == "__main__":
    main(controls={"second_signal_kills": "More.test_the_second_kills_at_once_and_cleans_up",
                   "third_signal_leaves": "More.test_the_third_leaves_now_and_nothing_survives",
                   "hurried_cleanup": "More.test_after_the_second_a_cleanup_has_five_seconds"})
