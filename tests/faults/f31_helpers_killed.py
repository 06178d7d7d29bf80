#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""31: somebody kills the runner's helpers, not the runner."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import LIB, Case, main, wait_for  # noqa: E402

WAIT = "until [ -e go ]; do sleep 0.02; done"


def helpers(pid, name):
    return [other for other in procs.descendants(pid) if procs.status_field(other, "Name") == name]


class Keeper(Case):
    def kill_keeper(self, running):
        keepers = helpers(running.pid, "ci-keeper")
        self.assertEqual(len(keepers), 1)
        os.kill(keepers[0], signal.SIGKILL)
        wait_for(lambda: "keeper has died" in running.out() + running.err(), "the notice")

    def test_the_other_cleanup_steps_run(self):
        running = self.start(f"[step s]\ncommand = true\n[cleanup a]\ncommand = : > cleaning; {WAIT}\n"
                             "[cleanup b]\ncommand = touch ran.b\n[cleanup c]\ncommand = touch ran.c\n")
        self.wait_file("cleaning")
        self.kill_keeper(running)
        self.write("go", "")
        self.assertEqual(running.wait().status, 3)
        self.assertTrue((self.dir / "ran.b").exists() and (self.dir / "ran.c").exists())

    def test_so_they_do_when_it_dies_in_a_step(self):
        running = self.start(f"[step s]\ncommand = : > up; {WAIT}\n[step t]\ncommand = touch ran.t\n"
                             "[cleanup c]\ncommand = touch ran.c\n")
        self.wait_file("up")
        self.kill_keeper(running)
        self.assertEqual(running.wait().status, 3)
        self.assertTrue((self.dir / "ran.c").exists())
        self.assertFalse((self.dir / "ran.t").exists())


class All(Case):
    # Neither environment nor group, session or politeness leads to them; the marker is an argument.
    COMMANDS = {"setsid": "setsid sh -c ': > up; while :; do sleep 0.1; done' $CIPLUG_TEST & wait",
                "deaf": f"exec {sys.executable} -BS {LIB}/tree.py --stay 4 up",
                "bare": "setsid env -i sh -c 'trap \"\" TERM HUP; : > up; while :; do /bin/sleep 0.1; done' $CIPLUG_TEST & wait"}

    def killed_with_all_hands(self, command):
        running = self.start(f"[step s]\ncommand = {command}\n")
        self.wait_file("up")
        all_helpers = helpers(running.pid, "ci-keeper") + helpers(running.pid, "ci-hand")
        self.assertGreaterEqual(len(all_helpers), 2)
        # Stopped first: none of them sees another one die.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in all_helpers:
                os.kill(pid, number)
        ended = running.wait()
        self.assertEqual(procs.settle(self.marker, seconds=0), [], "alive after the end")
        self.assertEqual(ended.status, 3, ended.all)

    def test_a_session_of_its_own(self):
        self.killed_with_all_hands(self.COMMANDS["setsid"])

    def test_deaf_daemons(self):
        self.killed_with_all_hands(self.COMMANDS["deaf"])

    def test_no_environment(self):
        self.killed_with_all_hands(self.COMMANDS["bare"])


if __name__ == "__main__":
    main()
