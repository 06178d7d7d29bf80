#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""on_failure: a look at what failed, while it is still there."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import LIB, Case, main  # noqa: E402


class OnFailure(Case):
    def text(self, attempt=1):
        return self.run_of().text("s", attempt=attempt) + self.run_of().text("s", stream="err", attempt=attempt)

    def test_the_process_of_a_timeout_lives(self):
        """CI_PID is the program itself where the shell gave way to it."""
        for command in ("command = exec sleep 612", "shell = none\ncommand = sleep 612"):
            with self.subTest(command=command):
                self.ci(f"[step s]\ntimeout = 1s\ngrace = 1s\n{command}\n"
                        "on_failure = grep State: /proc/$CI_PID/status; tr '\\0' ' ' </proc/$CI_PID/cmdline; echo; echo \"$CI_OUTCOME\"\n")
                self.assertRegex(self.text(), r"State:\s+S")
                self.assertIn("sleep 612", self.text())
                self.assertIn("timeout\n", self.text())
                self.assertEqual(self.outcomes("s"), ["timeout"])

    def test_its_own_tree_goes_with_it(self):
        self.ci(f"[step s]\ncommand = exit 3\non_failure = {sys.executable} -BS {LIB}/tree.py 3 up\n")
        self.assertTrue((self.dir / "up").exists())
        self.assertEqual(procs.settle(self.marker, seconds=0), [])
        self.assertEqual(self.run_of().one("s")["flags"], [], "what it left is not the command's")

    def test_its_output_is_masked_and_joins_the_attempt(self):
        self.ci("[ciplug]\nmask = SECRET\n[step s]\nretries = 1\nretry_delay = 1ms\ncommand = exit 3\n"
                "on_failure = echo \"attempt $CI_ATTEMPT $SECRET\"\n", env={"SECRET": "s3cr3t-word"})
        for attempt in (1, 2):
            self.assertIn(f"attempt {attempt} ***\n", self.text(attempt))

    def test_its_own_failure_changes_no_verdict(self):
        ended = self.ci("[step s]\ncommand = exit 3\non_failure = exit 9\n")
        record = self.run_of().one("s")
        self.assertEqual((record["outcome"], record["exit_code"]), ("failed", 3))
        self.assertIn("on_failure did not work", ended.all)

    def hangs(self, ini):
        running = self.start(f"[step s]\n{ini}\non_failure = : > looking; trap '' TERM INT; sleep 600; sleep 600\n[cleanup c]\ncommand = touch cleaned\n")
        self.wait_file("looking")
        running.send(signal.SIGINT)
        running.send(signal.SIGTERM)
        began = time.monotonic()
        self.assertEqual(running.wait().status, 130)
        self.assertLess(time.monotonic() - began, 20)
        self.assertTrue((self.dir / "cleaned").exists())
        return self.run_of().one("s")

    def test_the_second_signal_ends_one_that_hangs(self):
        self.assertEqual(self.hangs("timeout = 300ms\ncommand = exec sleep 600")["outcome"], "timeout")

    def test_also_after_a_failure(self):
        record = self.hangs("command = exit 3")
        self.assertEqual((record["outcome"], record["exit_code"]), ("failed", 3))

    def test_it_is_not_for_what_was_cancelled(self):
        running = self.start("[step s]\ncommand = : > up; exec sleep 600\non_failure = touch called\n")
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        self.assertFalse((self.dir / "called").exists())

    def test_nor_when_there_is_no_time_any_more(self):
        """After the second signal a cleanup step that fails is not looked at."""
        running = self.start("[ciplug]\ngrace = 5m\n[step s]\ncommand = trap '' INT TERM; : > up; while :; do sleep 0.05; done\n"
                             "[cleanup c]\ncommand = touch tried; exit 1\non_failure = touch called\n")
        self.wait_file("up")
        running.send(signal.SIGINT)
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 130)
        self.assertTrue((self.dir / "tried").exists())
        self.assertFalse((self.dir / "called").exists())


if __name__ == "__main__":
    main()
