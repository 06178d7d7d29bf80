#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""2: The first process goes politely, a member of its group ignores TERM.

The whole tree is swept with SIGKILL after every end, also after status 0; the grace belongs to all of it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import Case, main  # noqa: E402


class Rude(Case):
    def test_the_group_is_swept_after_the_polite_leader(self):
        self.ci("[step s]\ntimeout = 1s\ngrace = 5s\n"
                "command =\n    trap 'exit 0' TERM\n    (trap '' TERM; echo up; exec sleep 600) &\n    wait\n")
        self.assertEqual(procs.settle(self.marker, seconds=0), [])
        self.assertEqual(self.outcomes("s"), ["timeout"])

    def test_also_after_a_clean_end(self):
        self.passes("[step s]\ncommand =\n    (trap '' TERM HUP INT; exec sleep 600) >/dev/null 2>&1 &\n    echo $! > rude\n"
                    "[step t]\ncommand = if kill -0 $(cat rude); then exit 1; fi\n")
        self.assertEqual(procs.settle(self.marker, seconds=0), [])
        self.assertIn("leaked", self.run_of().one("s")["flags"])

    def test_the_grace_is_not_cut_short_for_the_rest(self):
        """A group member that needs some of the grace gets it, though the leader has gone."""
        self.ci("[step s]\ntimeout = 1s\ngrace = 20s\ncommand =\n    trap 'exit 0' TERM\n"
                "    (trap 'sleep 0.5; touch tidied; exit 0' TERM; while :; do sleep 0.05; done) &\n    wait\n")
        self.assertTrue((self.dir / "tidied").exists())

    def test_nor_for_the_child_of_a_shell_that_died_of_the_signal(self):
        """`sh -c 'child; ...'`: the shell has no handler and is gone at once."""
        self.write("child", "trap 'sleep 0.5; touch tidied; exit 0' TERM; : > up; while :; do sleep 0.05; done\n")
        self.ci("[step s]\ntimeout = 2s\ngrace = 20s\ncommand = sh -c 'sh child; true'; true\n")
        self.assertEqual(self.outcomes("s"), ["timeout"])
        self.assertTrue((self.dir / "up").exists() and (self.dir / "tidied").exists())


if __name__ == "__main__":
    main(controls={"grace_of_the_tree": "Rude.test_the_grace_is_not_cut_short_for_the_rest",
                   "sweep_after_exit,nothing_is_left": "Rude.test_also_after_a_clean_end"})
