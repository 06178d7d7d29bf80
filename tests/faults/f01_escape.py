#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""1: what leaves the process group by setsid or a double fork is ended all the same."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import LIB, Case, main  # noqa: E402

TREE = f"{sys.executable} -BS {LIB}/tree.py"


class Escape(Case):
    """In every way to end: none of 200 daemons is left."""

    def ended(self, step, *args):
        ended = self.ci(step, *args)
        self.assertEqual(procs.settle(self.marker, seconds=0), [], "alive when ciplug had ended")
        return ended

    def test_passed(self):
        self.assertEqual(self.ended(f"[step s]\ncommand = {TREE} 200\n").status, 0)
        self.assertIn("leaked", self.run_of().one("s")["flags"])

    def test_failed(self):
        self.assertEqual(self.ended(f"[step s]\ncommand = {TREE} 200; exit 3\n").status, 1)
        self.assertEqual(self.run_of().one("s")["exit_code"], 3)

    def test_timeout(self):
        self.ended(f"[step s]\ntimeout = 3s\ngrace = 300ms\ncommand = exec {TREE} --stay 200\n")
        self.assertEqual(self.outcomes("s"), ["timeout"])

    def test_cancelled(self):
        running = self.start(f"[ciplug]\ngrace = 300ms\n[step s]\ncommand = exec {TREE} --stay 200 up\n")
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        self.assertEqual(procs.settle(self.marker, seconds=0), [])

    def test_fifty_times(self):
        one = "(setsid sh -c 'trap \"\" TERM HUP INT; sleep 600' >/dev/null 2>&1 &)"
        self.assertEqual(self.ended(f"[step s]\ncount = 50\nworkers = 2\ncommand = {one}; {one}; {one}\n").status, 0)
        self.assert_ledger(passed=50)


class Descendants(Case):
    def test_a_fork_chain_that_changes_its_session_each_time(self):
        self.write("comet.sh", "n=$1\n[ $n -gt 0 ] || exit 0\nsetsid sh comet.sh $((n - 1)) >/dev/null 2>&1 &\n")
        self.ci("[step s]\ntimeout = 1s\ngrace = 100ms\ncommand = sh comet.sh 100000; sleep 600\n")
        self.assertEqual(procs.settle(self.marker, seconds=0), [])


if __name__ == "__main__":
    main()
