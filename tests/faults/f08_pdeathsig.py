#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""8: PR_SET_PDEATHSIG alone is no safety net.

It comes too late for a parent that died before the call, ends with the thread that forked, and does not reach grandchildren. It
only speeds things up here: the child looks whether its parent still lives, keeper and hands have one thread, and the keeper kills
what a dead hand leaves."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import LIB, Case, main, wait_for  # noqa: E402


class Unborn(Case):
    """Between clone and prctl."""

    def setUp(self):
        super().setUp()
        # keeper=: only their children are held up; the runner never calls it.
        self.running = self.start("[step s]\ncommand = : > ran\n", env=self.shim("slow_birth.c", BIRTH=str(self.dir)))
        self.wait_file("unborn")
        self.child = int(self.read("unborn"))
        self.hand = procs.stat(self.child)[1]
        self.keeper = procs.stat(self.hand)[1]

    def gone(self, seconds):
        left = procs.settle(self.marker, seconds=seconds)
        self.assertEqual(left, [], "alive after the end")
        self.assertFalse((self.dir / "ran").exists(), "the command ran")

    def test_the_hand_dies(self):
        os.kill(self.hand, signal.SIGKILL)
        wait_for(lambda: not procs.alive(self.child), "the child to be killed", patience=5)
        self.assertEqual(self.running.wait().status, 3)
        self.gone(seconds=0)

    def test_the_hand_dies_and_nobody_is_there_to_kill(self):
        """The keeper is stopped meanwhile: only the child itself can know."""
        os.kill(self.keeper, signal.SIGSTOP)
        wait_for(lambda: procs.stat(self.keeper)[0] == "T", "the keeper to stop")
        os.kill(self.hand, signal.SIGKILL)
        self.write("go", "")
        wait_for(lambda: not procs.alive(self.child), "the child to leave", patience=5)
        self.assertFalse((self.dir / "ran").exists(), "the command ran")
        self.assertEqual(self.running.wait().status, 3)
        self.gone(seconds=5)

    def test_the_runner_dies(self):
        self.running.send(signal.SIGKILL)
        self.running.wait()
        left = procs.settle(self.marker, seconds=2)
        self.count(survivors=len(left))
        self.assertEqual(left, [], "alive 2 s after the kill")
        self.gone(seconds=0)


class Born(Case):
    def test_one_thread_each(self):
        """So that it cannot end before its process."""
        running = self.start("[step s]\ncommand = : > up; until [ -e go ]; do sleep 0.02; done\n")
        self.wait_file("up")
        helpers = [pid for pid in procs.descendants(running.pid) if procs.status_field(pid, "Name").startswith("ci-")]
        self.assertEqual(len(helpers), 2)
        self.assertEqual([len(os.listdir(f"/proc/{pid}/task")) for pid in helpers], [1, 1])
        self.write("go", "")
        self.assertEqual(running.wait().status, 0)

    def test_grandchildren(self):
        """The hand dies: its child gets the signal, the daemons of that do not."""
        word = "tree" + self.marker
        running = self.start(f"[step s]\nenv.TREE = {word}\ncommand = exec {sys.executable} -BS {LIB}/tree.py --stay 8 up\n"
                             "[cleanup c]\ncommand = : > cleaning; until [ -e go ]; do sleep 0.02; done\n")
        self.wait_file("up")
        os.kill(procs.stat(procs.with_marker(word)[0][0])[1], 0)  # there is a tree
        hands = [pid for pid in procs.descendants(running.pid) if procs.status_field(pid, "Name") == "ci-hand"]
        os.kill(hands[0], signal.SIGKILL)
        self.wait_file("cleaning")
        left = procs.settle(word, seconds=2)
        self.count(survivors=len(left))
        self.assertEqual(left, [], "alive 2 s after the hand's end")
        self.write("go", "")
        self.assertEqual(running.wait().status, 3)


if os.environ.get("SANITIZER", "no") not in ("", "no"):
    del Unborn  # its shim would come behind a sanitizer's own calls: the plain builds have it


if __name__ == "__main__":
    main(controls={"parent_is_looked_at": "Unborn.test_the_hand_dies_and_nobody_is_there_to_kill",
                   "keeper_kills_orphans": "Unborn.test_the_hand_dies",
                   "hung_starts_are_killed": "Unborn.test_the_runner_dies",
                   "keeper_kills_orphans,keeper_kills_leaf": "Born.test_grandchildren"})
