#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""18: The caller has descriptors open, a lock among them.

Commands see 0, 1 and 2 and nothing else; all that ciplug opens is close-on-exec."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import Case, main  # noqa: E402


class Inheritance(Case):
    WRAP = ["sh", "-c", "exec 3</etc/passwd 4>x4 5>>x5 6</ 7</etc/group 8>x8 9>x9; exec \"$@\"", "sh"]

    def seen(self, run, step="s", number=1):
        """ls has one more: the folder that it reads."""
        return run.text(step, number).split()

    def test_a_command_sees_0_1_2_only(self):
        self.passes("[step s]\ncount = 8\nworkers = 4\nshell = none\ncommand = ls /proc/self/fd\n", wrap=self.WRAP)
        for number in range(1, 9):
            self.assertEqual(self.seen(self.run_of(), number=number), ["0", "1", "2", "3"])

    def test_hooks_too(self):
        self.ci("[step s]\nif = exec ls -l /proc/self/fd > if.out\ncommand = exit 1\non_failure = exec ls -l /proc/self/fd > hook.out\n",
                wrap=self.WRAP)
        for name in ("if.out", "hook.out"):
            numbers = [line.split()[8] for line in self.read(name).splitlines() if " -> " in line]
            self.assertEqual(numbers, ["0", "1", "2", "3"], self.read(name))

    def test_a_lock_of_the_caller_is_not_held_by_what_a_command_left(self):
        """on_leak = keep: the orphan lives until the end, but has nothing of ours."""
        ended = self.passes("[step s]\non_leak = keep\ncommand = setsid sh -c 'ls -l /proc/self/fd; echo end' > fds 2>&1 < /dev/null &\n"
                            "[step t]\ncommand = until grep -q end fds; do sleep 0.02; done\n", wrap=self.WRAP)
        self.assertNotIn("x9", self.read("fds"), ended.all)
        self.assertNotIn("journal", self.read("fds"))

    def test_ciplug_opens_everything_close_on_exec(self):
        running = self.start("[step s]\ncommand = : > up; until [ -e go ]; do sleep 0.02; done\n")
        self.wait_file("up")
        open_ones = []
        for fd in procs.open_files(running.pid):
            with open(f"/proc/{running.pid}/fdinfo/{fd}", encoding="ascii") as info:
                flags = int(next(line for line in info if line.startswith("flags")).split()[1], 8)
            if fd > 2 and not flags & os.O_CLOEXEC:
                open_ones.append((fd, procs.open_files(running.pid).get(fd)))
        self.write("go", "")
        self.assertEqual(running.wait().status, 0)
        self.assertEqual(open_ones, [])


if __name__ == "__main__":
    main(controls={"close_inherited": "Inheritance.test_a_command_sees_0_1_2_only"})
