#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""41: A limit of the file size binds ciplug itself.

SIGXFSZ ends nobody: a log that may not grow is flagged `truncated`, a journal that may not grow stops the run, both with
status 3, and nothing that was lost counts as a success. Commands get the signal's default back."""
import os
import resource
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Limited(Case):
    def limited(self, size, ini, *args):
        return self.start(ini, *args, preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))).wait()

    def test_a_log_that_may_not_grow_is_flagged(self):
        ended = self.limited(16 << 10, "[step s]\ncommand = head -c 100000 /dev/zero; touch ran\n"
                                       "[step never]\ncommand = touch never\n[cleanup c]\ncommand = touch cleaned\n")
        self.assertGreaterEqual(ended.returncode, 0, "died by a signal")
        self.assertEqual(ended.status, 3, ended.all)
        record = self.run_of().one("s")
        self.assertIn("truncated", record["flags"])
        self.assertIn("File too large", record["reason"])
        self.assertEqual(len(self.run_of().log("s")), 16 << 10, "what fits is there")
        self.assertTrue((self.dir / "ran").exists())
        self.assertTrue((self.dir / "cleaned").exists())
        self.assertFalse((self.dir / "never").exists(), "nothing new is started")

    def test_a_journal_that_may_not_grow_is_no_success(self):
        """At every size: 0 means that all of it is there."""
        for size in (0, 1, 500, 1000, 2000, 3000, 4000, 6000, 8000, 1 << 20):
            with self.subTest(size=size):
                state = f"state.{size}"
                ended = self.limited(size, "[step s]\ncount = 3\ncommand = :\n[cleanup c]\ncommand = :\n", "--state-dir", state)
                self.count(repeats=1)
                self.assertGreaterEqual(ended.returncode, 0, "died by a signal")
                self.assertIn(ended.status, (0, 2, 3), ended.all)
                if ended.status == 0:
                    run = self.run_of(state)
                    self.assertEqual(run.records()[-1]["event"], "run_finished")
                    self.assertEqual(run.counted()["passed"], 3)
                elif size >= 500:  # below, the message finds no room either
                    self.assertIn("File too large", ended.all)

    def test_commands_have_the_default_back(self):
        ended = self.limited(8 << 10, "[step s]\nshell = none\ncommand = head -c 20000 /dev/zero\nstdin = /dev/null\n"
                                      "[step w]\nneeds =\ncommand = exec dd if=/dev/zero of=big bs=20000 count=1\n")
        self.assertNotEqual(ended.status, 0, ended.all)
        record = self.run_of().one("w")
        self.assertEqual((record["outcome"], record["signal"]), ("signaled", signal.SIGXFSZ))


if __name__ == "__main__":
    main(controls={"ignore_file_size_signal": "Limited.test_a_journal_that_may_not_grow_is_no_success"})
