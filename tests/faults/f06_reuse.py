#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""6: Process numbers are used again.

The first process of a command is reaped last, so that its number, which is that of its process group, can be nobody else's
while anything is signalled. Others are held by pidfd, and looked at again, before they are signalled."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import CIPLUG, LIB, Case, main  # noqa: E402

COUNT = 60
OWN = ["unshare", "--pid", "--fork", "--mount-proc"]


class Reuse(Case):
    def bystanders(self, rest):
        """Bystanders take the numbers of commands as soon as they are free, and lead groups of these numbers."""
        can = subprocess.run([*OWN, "test", "-w", "/proc/sys/kernel/ns_last_pid"], check=False, capture_output=True)
        if can.returncode:
            self.skipTest("no PID namespace with ns_last_pid for this user")
        self.write("ci.ini", f"[step s]\ncount = {COUNT}\ncommand = echo $$ > tmp.{{number}}; mv tmp.{{number}} pid.{{number}}{rest}\n")
        ended = subprocess.run([*OWN, "--kill-child", sys.executable, "-B", LIB / "reuse.py", CIPLUG, str(COUNT)],
                               cwd=self.dir, env=self.env, check=False, stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, timeout=120)
        found = re.search(r"status=(\d+) hits=(\d+) lived=(\d+)", ended.stdout)
        self.assertTrue(found, ended.stdout + ended.stderr)
        status, hits, lived = map(int, found.groups())
        self.count(repeats=hits, losses=hits - lived)
        self.assertEqual(status, 0, ended.stdout + ended.stderr)
        self.assertGreater(hits, COUNT // 4, "the test did not get the numbers it wanted")
        self.assertEqual(lived, hits, "bystanders were killed")

    def test_a_bystander_with_the_number_of_an_ended_command_lives(self):
        self.bystanders("")

    def test_also_while_leftovers_of_that_command_are_killed(self):
        self.bystanders("; setsid sleep 600 >/dev/null 2>&1 &")


if __name__ == "__main__":
    main(controls={"leader_is_reaped_last": "Reuse.test_also_while_leftovers_of_that_command_are_killed"})
