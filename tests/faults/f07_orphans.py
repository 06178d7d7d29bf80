#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""7: Orphans are adopted, and have to be reaped.

A command's orphans come to the hand that runs it, which reaps each as it ends; no zombies gather. No waiting for any child
can take a command's exit code away."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import Case, main, wait_for  # noqa: E402


class Orphans(Case):
    def hold(self, ini):
        """Run until the last command waits; then no zombie may be left."""
        running = self.start(ini)
        self.wait_file("up")
        wait_for(lambda: not procs.zombies_below(running.pid), "the last orphans to be reaped", patience=10)
        # ciplug, keeper, at most one hand a slot and a few to spare, and the command
        self.assertLess(len(procs.descendants(running.pid)), 12)
        self.write("go", "")
        self.assertEqual(running.wait().status, 0)

    def test_no_zombies_under_ciplug_after_hundreds_of_orphans(self):
        self.hold("""
            [step s]
            count = 150
            workers = 2
            on_leak = kill
            command = (sleep 0 & sleep 0 & sleep 0 &) >/dev/null 2>&1
            [step hold]
            command = : > up; until [ -e go ]; do sleep 0.02; done
        """)
        self.assert_ledger(passed=151)

    def test_no_zombies_beside_a_command_that_goes_on(self):
        self.hold("""
            [step s]
            command =
                for i in $(seq 300); do (sleep 0 &) >/dev/null 2>&1; done
                : > up
                until [ -e go ]; do sleep 0.02; done
        """)

    def test_exit_codes_are_right_beside_orphans(self):
        self.ci("[step s]\ncount = 50\nworkers = 4\ncommand = (sleep 0 &) >/dev/null 2>&1; exit $(({number} % 5))\n")
        final = self.run_of().final("s")
        self.assertEqual([final[n]["exit_code"] for n in range(1, 51)], [n % 5 for n in range(1, 51)])


if __name__ == "__main__":
    main(controls={"orphans_are_reaped": "Orphans.test_no_zombies_beside_a_command_that_goes_on"})
