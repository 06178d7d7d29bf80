#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is left of the cleanup after a second signal, and of everything after a third."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import LIB, Case, main, wait_for  # noqa: E402

WAIT = "until [ -e go ]; do sleep 0.02; done"
STEP = "[step s]\ncommand = : > up; exec sleep 600\n"


class Second(Case):
    def first_signal(self, ini, up="up"):
        running = self.start(ini)
        self.wait_file(up)
        running.send(signal.SIGINT)
        return running

    def hurried(self, running, began):
        """It did not have the 30 s of an `if`, and the next step did run."""
        self.assertEqual(running.wait().status, 130)
        took = time.monotonic() - began
        self.assertGreater(took, 1, "it has 5 s")
        self.assertLess(took, 20)
        self.assertEqual(self.outcomes("a"), ["error"])
        self.assertEqual(self.outcomes("b"), ["passed"])

    def test_an_if_that_runs_is_hurried(self):
        running = self.first_signal(STEP + "[cleanup a]\nif = : > asking; exec sleep 600\ncommand = true\n"
                                    "[cleanup b]\ncommand = true\n")
        self.wait_file("asking")
        began = time.monotonic()
        running.send(signal.SIGTERM)
        self.hurried(running, began)

    def test_an_if_that_comes_later_is_hurried(self):
        running = self.first_signal("[ciplug]\ngrace = 5m\n[step s]\ncommand = trap '' INT TERM; : > up; "
                                    "while :; do sleep 0.05; done\n"
                                    "[cleanup a]\nif = : > asking; exec sleep 600\ncommand = true\n"
                                    "[cleanup b]\ncommand = true\n")
        running.send(signal.SIGTERM)
        self.wait_file("asking")
        self.hurried(running, time.monotonic())

    def late(self, ini):
        """The second signal comes in cleanup step a, b begins 2.7 s later."""
        running = self.first_signal(f"{STEP}[cleanup a]\ncommand = : > cleaning; {WAIT}\n[cleanup b]\n{ini}")
        self.wait_file("cleaning")
        running.send(signal.SIGTERM)
        wait_for(lambda: "killing at once" in running.out() + running.err(), "the notice")
        time.sleep(2.7)  # more than half of the time that step a has: that is what is tested
        self.write("go", "")
        self.assertEqual(running.wait().status, 130)
        self.assertEqual((self.outcomes("a"), self.outcomes("b")), (["passed"], ["passed"]))

    def test_the_next_step_has_five_seconds_of_its_own(self):
        self.late("command = sleep 2.7\n")

    def test_so_has_its_if(self):
        self.late("if = sleep 2.7\ncommand = true\n")


class Third(Case):
    INI = (f"[ciplug]\ngrace = 5m\n[step s]\ncount = 2\nworkers = 2\n"
           f"command = exec {sys.executable} -BS {LIB}/tree.py --stay 4 up.{{number}}\n")

    def test_leaves_now_and_nothing_survives(self):
        """Daemons, deaf to all that is polite."""
        running = self.start(self.INI)
        self.wait_file("up.1", "up")
        self.wait_file("up.2", "up")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            running.send(number)  # of a kind each: two of one that pend at once are one
        began = time.monotonic()
        self.assertIn(running.wait().status, (129, 130, 143), "128 and the first one that it saw")
        self.assertLess(time.monotonic() - began, 4)
        self.assertEqual(procs.settle(self.marker, seconds=2, helpers=False), [])

    def test_the_status_is_of_the_first(self):
        running = self.start(self.INI)
        self.wait_file("up.1", "up")
        running.send(signal.SIGTERM)
        wait_for(lambda: "SIGTERM" in running.out() + running.err(), "the first notice")
        running.send(signal.SIGINT)
        running.send(signal.SIGHUP)
        self.assertEqual(running.wait().status, 143)


if __name__ == "__main__":
    main()
