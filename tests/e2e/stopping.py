#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Signals to ciplug."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main, wait_for  # noqa: E402


class Signals(Case):
    INI = """
        [ciplug]
        grace = 5s
        [step s]
        count = 6
        workers = 2
        command = trap 'touch soft.{number}; exit 0' TERM INT HUP; : > up.{number}; while :; do sleep 0.02; done
        [cleanup c]
        command = touch cleaned
    """

    def stopped_by(self, number):
        running = self.start(self.INI, "-j", "2")
        self.wait_file("up.1")
        self.wait_file("up.2")
        running.send(number)
        ended = running.wait()
        self.assertEqual(ended.status, 128 + number, ended.all)
        self.assertTrue((self.dir / "soft.1").exists() and (self.dir / "soft.2").exists())
        self.assertTrue((self.dir / "cleaned").exists())
        self.assert_ledger(cancelled=6)

    def test_term(self):
        self.stopped_by(signal.SIGTERM)

    def test_int(self):
        self.stopped_by(signal.SIGINT)

    def test_hup(self):
        self.stopped_by(signal.SIGHUP)

    def test_grace_is_given_and_then_the_hard_kill(self):
        running = self.start("[ciplug]\ngrace = 1s\n[step s]\ncommand = trap '' TERM; : > up; while :; do sleep 0.05; done\n")
        self.wait_file("up")
        began = time.monotonic()
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertEqual(self.outcomes("s"), ["cancelled"])

    def test_a_run_that_is_idle_in_cleanup_ends_too(self):
        running = self.start("[step s]\ncommand = true\n[cleanup c]\ncommand = : > up; until [ -e go ]; do sleep 0.02; done\n")
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.write("go", "")
        self.assertEqual(running.wait().status, 143)
        self.assertEqual(self.outcomes("c"), ["passed"])

    def test_a_failure_stays_one_though_its_retry_never_came(self):
        running = self.start("[step s]\nretries = 1\nretry_delay = 60s\ncommand = exit 5\n[cleanup c]\ncommand = touch cleaned\n")
        wait_for(lambda: self.runs() and self.run_of().finished("s"), "the first attempt")
        running.send(signal.SIGINT)
        self.assertEqual(running.wait().status, 130)
        self.assertEqual([r["outcome"] for r in self.run_of().finished("s") if r.get("final", True)], ["failed"])
        self.assert_ledger(failed=1)
        self.assertTrue((self.dir / "cleaned").exists())


class Usr1(Case):
    def test_says_what_runs_and_its_last_line(self):
        running = self.start("[step s]\nitems = lazy\noutput = none\ncommand = echo nearly; echo last-$((6 * 7)); : > up; until [ -e go ]; do sleep 0.02; done\n")
        self.wait_file("up")
        wait_for(lambda: b"last-42" in self.run_of().log("s"), "the log")
        said = []

        def asked():
            running.send(signal.SIGUSR1)
            said[:] = [running.out() + running.err()]
            return "last-42" in said[0]
        wait_for(asked, "the answer")
        self.assertIn("lazy", said[0])
        self.write("go", "")
        self.assertEqual(running.wait().status, 0)


if __name__ == "__main__":
    main()
