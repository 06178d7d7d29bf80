#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""9: Somebody kills or stops the processes that hold the commands.

A hand that dies mid-command: its tree is killed at once, by the keeper, and the result says error. A keeper that dies: what runs
goes on, cleanup steps run, the exit status is 3. When all of them die, the runner kills what they held. A hand or keeper that is
stopped is woken, and deadlines are kept."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import LIB, Case, main, wait_for  # noqa: E402

WAIT = "until [ -e go ]; do sleep 0.02; done"


def helpers(pid, name):
    return [other for other in procs.descendants(pid) if procs.status_field(other, "Name") == name]


class Hand(Case):
    def setUp(self):
        super().setUp()
        self.word = "tree" + self.marker

    def start_tree(self, keys=""):
        running = self.start(f"[step s]\n{keys}env.TREE = {self.word}\ncommand = exec {sys.executable} -BS {LIB}/tree.py --stay 12 up\n"
                             f"[cleanup c]\ncommand = : > cleaning; {WAIT}\n", "-j", "1")
        self.wait_file("up")
        hands = helpers(running.pid, "ci-hand")
        self.assertEqual(len(hands), 1)
        return running, hands[0]

    def dead(self):
        """While the run goes on, in its cleanup step: nothing of the tree is there."""
        self.wait_file("cleaning")
        left = procs.settle(self.word, seconds=2)
        self.count(survivors=len(left))
        self.assertEqual(left, [], "alive 2 s after the hand's end")
        self.write("go", "")

    def test_killed(self):
        running, hand = self.start_tree()
        os.kill(hand, signal.SIGKILL)
        self.dead()
        self.assertEqual(running.wait().status, 3)
        record = self.run_of().one("s")
        self.assertEqual((record["outcome"], record["exit_code"]), ("error", None))
        self.assertIn("the process that held it died", record["reason"])

    def test_by_its_own_command(self):
        """And the daemons that it left behind go as well."""
        running = self.start(f"[step s]\nenv.TREE = {self.word}\ncommand = {sys.executable} -BS {LIB}/tree.py 6; kill -9 $PPID; sleep 600\n"
                             f"[cleanup c]\ncommand = : > cleaning; {WAIT}\n")
        self.dead()
        self.assertEqual(running.wait().status, 3)
        self.assertEqual(self.outcomes("s"), ["error"])

    def test_stopped(self):
        """Its command's deadline is kept all the same."""
        running, hand = self.start_tree("timeout = 3s\ngrace = 100ms\n")
        os.kill(hand, signal.SIGSTOP)
        self.dead()
        self.assertEqual(running.wait().status, 1)
        self.assertEqual(self.outcomes("s"), ["timeout"])

    def test_stopped_again_and_again(self):
        running, hand = self.start_tree("timeout = 3s\ngrace = 100ms\n")

        def stop():
            try:
                os.kill(hand, signal.SIGSTOP)
            except ProcessLookupError:
                pass
            return (self.dir / "cleaning").exists()
        wait_for(stop, "the deadline")
        self.dead()
        self.assertEqual(running.wait().status, 1)
        self.assertEqual(self.outcomes("s"), ["timeout"])


class Keeper(Case):
    def keeper(self, running):
        keepers = helpers(running.pid, "ci-keeper")
        self.assertEqual(len(keepers), 1)
        return keepers[0]

    def kill_keeper(self, running):
        os.kill(self.keeper(running), signal.SIGKILL)
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

    def test_stopped(self):
        """A second command needs a hand that only the keeper can make."""
        running = self.start(f"[step s]\ncommand = : > up; {WAIT}\n[step many]\ncount = 3\nworkers = 3\ncommand = true\n", "-j", "3")
        self.wait_file("up")
        os.kill(self.keeper(running), signal.SIGSTOP)
        self.write("go", "")
        self.assertEqual(running.wait(patience=20).status, 0)
        self.assert_ledger(passed=4)


class All(Case):
    # Neither environment nor group, session or politeness leads to them; the marker is an argument.
    COMMANDS = {"setsid": "setsid sh -c ': > up; while :; do sleep 0.1; done' $CIPLUG_TEST & wait",
                "deaf": f"exec {sys.executable} -BS {LIB}/tree.py --stay 4 up",
                "bare": "setsid env -i sh -c 'trap \"\" TERM HUP; : > up; while :; do /bin/sleep 0.1; done' $CIPLUG_TEST & wait"}

    def killed_with_all_hands(self, command):
        running = self.start(f"[step s]\ncommand = {command}\n")
        self.wait_file("up")
        # Keeper first, as it wakes hands. Stopped first: none of them sees another one die.
        all_helpers = helpers(running.pid, "ci-keeper") + helpers(running.pid, "ci-hand")
        self.assertGreaterEqual(len(all_helpers), 2)
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in all_helpers:
                os.kill(pid, number)
        ended = running.wait()
        left = procs.settle(self.marker, seconds=0)
        self.count(survivors=len(left))
        self.assertEqual(left, [], "alive after the end")
        self.assertEqual(ended.status, 3, ended.all)

    def test_a_session_of_its_own(self):
        self.killed_with_all_hands(self.COMMANDS["setsid"])

    def test_deaf_daemons(self):
        self.killed_with_all_hands(self.COMMANDS["deaf"])

    def test_no_environment(self):
        self.killed_with_all_hands(self.COMMANDS["bare"])


if __name__ == "__main__":
    main(controls={"keeper_kills_orphans,keeper_kills_leaf": ["Hand.test_killed", "Hand.test_by_its_own_command"],
                   "stopped_hands_are_woken": ["Hand.test_stopped", "Hand.test_stopped_again_and_again"],
                   "stopped_keeper_is_woken": "Keeper.test_stopped",
                   "runner_kills_strays": "All.test_no_environment"})
