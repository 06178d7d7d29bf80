#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Signals to ciplug."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
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

    def dumped(self, running, text):
        def asked():
            running.send(signal.SIGUSR1)
            return text in running.out()
        wait_for(asked, text)
        return running.out()

    def test_in_every_mode_masked_and_harmless(self):
        for mode in ("group", "live", "failures", "none"):
            with self.subTest(mode=mode):
                running = self.start("[ciplug]\nmask = SECRET\n[step s]\ncommand = echo \"key $SECRET\"; printf 'bell\\007 %s last-%s' \"$SECRET\" $((6 * 7)); "
                                     f": > up.{mode}; until [ -e go.{mode} ]; do sleep 0.02; done\n", f"--output={mode}", env={"SECRET": "s3cr3t-word"})
                self.wait_file(f"up.{mode}")
                said = self.dumped(running, "bell^G *** last-42")
                self.assertNotIn("s3cr3t", said)
                self.assertNotIn("\007", said)
                self.assertRegex(said, r"s for \d+s since \d\d:\d\d:\d\d \(worker 1\): ")
                self.write(f"go.{mode}", "")
                self.assertEqual(running.wait().status, 0)

    def test_an_if_that_hangs_is_named(self):
        running = self.start("[step s]\nif = : > up; until [ -e go ]; do sleep 0.02; done\ncommand = true\n")
        self.wait_file("up")
        self.dumped(running, "if of s for ")
        self.write("go", "")
        self.assertEqual(running.wait().status, 0)

    def test_it_never_ends_a_run(self):
        """Not before there is one, not when it has ended."""
        for _ in range(10):
            running = self.start("[step s]\ncount = 3\ncommand = true\n")
            wait_for(lambda: signal.SIGUSR1 in signals_ignored(running.pid) or running.process.poll() is not None, "its start")
            while running.process.poll() is None:
                running.send(signal.SIGUSR1)
            self.assertEqual(running.wait().status, 0)


def signals_ignored(pid):
    """Those that ciplug ignores, catches or blocks."""
    fields = (procs.status_field(pid, name) for name in ("SigIgn", "SigCgt", "SigBlk"))
    mask = 0
    for field in fields:
        mask |= int(field or "0", 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


if __name__ == "__main__":
    main()
