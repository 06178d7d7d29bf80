#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""6: process numbers are used again: only living commands are signalled."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import CIPLUG, LIB, Case, main  # noqa: E402

COUNT = 60


class Reuse(Case):
    def test_a_bystander_with_the_number_of_an_ended_command_lives(self):
        can = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "test", "-w",
                              "/proc/sys/kernel/ns_last_pid"], check=False, capture_output=True)
        if can.returncode:
            self.skipTest("no PID namespace with ns_last_pid for this user")
        self.write("ci.ini", f"[step s]\ncount = {COUNT}\ncommand = echo $$ > tmp.{{number}}; mv tmp.{{number}} pid.{{number}}\n")
        ended = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-B",
                                LIB / "reuse.py", CIPLUG, str(COUNT)], cwd=self.dir, env=self.env, check=False,
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        found = re.search(r"status=(\d+) hits=(\d+) lived=(\d+)", ended.stdout)
        self.assertTrue(found, ended.stdout + ended.stderr)
        status, hits, lived = map(int, found.groups())
        self.assertEqual(status, 0, ended.stdout + ended.stderr)
        self.assertGreater(hits, COUNT // 4, "the test did not get the numbers it wanted")
        self.assertEqual(lived, hits)


if __name__ == "__main__":
    main()
