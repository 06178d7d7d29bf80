#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""4: A command is stopped when it is told to end.

The soft signal is followed by SIGCONT to the same processes, so that what is stopped hears it within its grace."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Stopped(Case):
    def heard(self, command):
        """It ends by the soft signal, and does not wait for the hard one."""
        ended = self.ci(f"[step s]\ntimeout = 3s\ngrace = 30s\ncommand = {command}\n")
        self.assertEqual(self.outcomes("s"), ["timeout"])
        self.assertLess(ended.seconds, 27, "it waited for the grace: the stopped one was not woken")
        self.assertNotIn("kill_via", self.run_of().one("s"))

    def test_term_is_followed_by_cont(self):
        self.heard("trap 'touch heard; exit 0' TERM; kill -STOP $$; sleep 600")
        self.assertTrue((self.dir / "heard").exists())

    def test_a_stopped_child_too(self):
        self.heard("sleep 600 & kill -STOP $!; wait")

    def test_and_one_in_a_session_of_its_own(self):
        self.heard("setsid sh -c 'kill -STOP $$; sleep 600' & wait")


if __name__ == "__main__":
    main(controls={"cont_after_term": ["Stopped.test_term_is_followed_by_cont", "Stopped.test_and_one_in_a_session_of_its_own"]})
