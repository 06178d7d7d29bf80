#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""12: A grandchild keeps the output open after its parent's end.

The command ends with its first process and the sweep, not with the pipe; every byte written before is in the log, and what was left behind is flagged."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class HeldOpen(Case):
    def ends(self, command, wanted=b"done\n"):
        ended = self.passes(f"[step s]\ncommand = {command}\n", patience=30)
        self.assertLess(ended.seconds, 15)
        record = self.run_of().one("s")
        self.assertEqual(self.run_of().log("s"), wanted)
        self.assertIn("leaked", record["flags"])
        self.assertLess(record["duration_ns"], 10e9)

    def test_background(self):
        self.ends("sleep 600 & echo done")

    def test_session_of_its_own(self):
        self.ends("setsid sleep 600 & echo done")

    def test_deaf(self):
        self.ends("(trap '' TERM HUP INT; exec sleep 600) & echo done")

    def test_a_mebibyte_written_just_before_the_end_is_whole(self):
        self.write("data", bytes(range(256)) * 4096)
        self.ends("setsid sleep 600 & cat data", bytes(range(256)) * 4096)

    def test_on_a_slow_disk_too(self):
        """Reading stops while a mebibyte waits for the disk; what comes then is still in the pipe when the command has
        ended."""
        size = (1 << 20) + 110_007
        self.write("data", bytes(size))
        self.passes("[step s]\ncommand = cat data\n",
                    env=self.shim("slowlog.c", CIPLUG_TEST_SLOWLOG_US="40000"))
        self.count(losses=size - len(self.run_of().log("s")))
        self.assertEqual(len(self.run_of().log("s")), size)

    def test_standard_error_only(self):
        self.ends("sleep 600 >/dev/null & echo done")

    def test_one_that_goes_on_writing(self):
        ended = self.passes("[step s]\ncommand = (trap '' TERM; while :; do echo more; done) & echo done\n", patience=30)
        self.assertLess(ended.seconds, 15)
        self.assertIn(b"done\n", self.run_of().log("s"))

    def test_one_that_is_kept_holds_nothing_up(self):
        ended = self.passes("[step s]\non_leak = keep\ncommand = sleep 600 & echo done\n[step t]\ncommand = true\n", patience=30)
        self.assertLess(ended.seconds, 15)
        self.assertEqual(self.run_of().log("s"), b"done\n")


if __name__ == "__main__":
    main(controls={
        "drain": "HeldOpen.test_on_a_slow_disk_too",
        "drain_limit": "HeldOpen.test_one_that_is_kept_holds_nothing_up",
    })
