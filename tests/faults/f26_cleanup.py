#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""26: A cleanup step hangs, fails or is interrupted.

Cleanup steps run exactly once whatever happened, each with a timeout, a kill and a verdict of its own; a second signal shortens them and skips none."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import Case, main, wait_for  # noqa: E402


class Cleanup(Case):
    def test_one_that_hangs_is_ended_and_the_next_runs(self):
        ended = self.passes("[step s]\ncommand = true\n[cleanup a]\ntimeout = 1s\ngrace = 500ms\ncommand = trap '' TERM; sleep 600; sleep 600\n"
                            "[cleanup b]\ncommand = echo b >> ran\n")
        self.assertEqual(self.outcomes("a"), ["timeout"])
        self.assertEqual(self.read("ran"), "b\n")
        self.assertLess(ended.seconds, 20)

    def test_what_one_leaves_is_swept(self):
        self.passes("[step s]\ncommand = true\n[cleanup a]\ncommand = setsid sh -c 'trap \"\" TERM HUP; : > up; while :; do sleep 0.1; done' >/dev/null 2>&1 & "
                    "until [ -e up ]; do sleep 0.02; done\n")
        self.assertEqual(procs.settle(self.marker, seconds=0), [])

    def test_exactly_once_whatever_happened(self):
        for name, command in {"passed": "true", "failed": "false", "timeout": "sleep 600", "signaled": "kill -9 $$",
                              "error": "true\ncwd = nowhere"}.items():
            with self.subTest(name=name):
                self.ci(f"[step s]\ntimeout = 1s\ngrace = 1s\ncommand = {command}\n[cleanup c]\ncommand = echo {name} >> ran.{name}\n")
                self.assertEqual(self.outcomes("s"), [name])
                self.assertEqual(self.read(f"ran.{name}"), f"{name}\n")

    def test_exactly_once_after_a_cancel(self):
        running = self.start("[step s]\ncommand = : > up; exec sleep 600\n[cleanup c]\ncommand = echo x >> ran\n")
        self.wait_file("up")
        running.send(signal.SIGINT)
        self.assertEqual(running.wait().status, 130)
        self.assertEqual(self.read("ran"), "x\n")

    def test_interrupted_it_is_shortened_not_skipped(self):
        running = self.start("[step s]\ncommand = true\n[cleanup a]\ncommand = : > up; exec sleep 600\n[cleanup b]\ncommand = echo b >> ran\n")
        self.wait_file("up")
        running.send(signal.SIGINT)
        running.send(signal.SIGTERM)  # another one: two of a kind that pend at once are one
        wait_for(lambda: (self.dir / "ran").exists(), "the next cleanup")
        self.assertEqual(running.wait().status, 130)
        self.assertEqual(self.read("ran"), "b\n")

    def test_its_failure_changes_no_verdict(self):
        self.passes("[step s]\ncommand = true\n[cleanup c]\ncommand = exit 9\n")
        self.assertEqual(self.ci("[step s]\ncommand = exit 1\n[cleanup c]\ncommand = true\n").status, 1)


if __name__ == "__main__":
    main(controls={"cleanup_steps_run": "Cleanup.test_one_that_hangs_is_ended_and_the_next_runs",
                   "cleanup_has_five_seconds": "Cleanup.test_interrupted_it_is_shortened_not_skipped"})
