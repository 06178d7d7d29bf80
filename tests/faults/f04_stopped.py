#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""4: the command is stopped when it is told to end."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Stopped(Case):
    def test_term_is_followed_by_cont(self):
        ended = self.ci("[step s]\ntimeout = 1s\ngrace = 30s\ncommand = trap 'touch heard; exit 0' TERM; kill -STOP $$; sleep 600\n")
        self.assertEqual(self.outcomes("s"), ["timeout"])
        self.assertLess(ended.seconds, 20, "it waited for the grace: the stopped one was not woken")

    def test_a_stopped_child_too(self):
        ended = self.ci("[step s]\ntimeout = 1s\ngrace = 30s\ncommand = sleep 600 & kill -STOP $!; wait\n")
        self.assertEqual(self.outcomes("s"), ["timeout"])
        self.assertLess(ended.seconds, 20)


if __name__ == "__main__":
    main()
