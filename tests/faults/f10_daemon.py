#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""10: A command leaves a daemon behind on purpose.

What still runs after the command's own end is flagged `leaked`, with pid and command line, also when it holds no pipe. `on_leak`
decides: `kill` it, `fail` the command as well, or `keep` it until after the cleanup steps."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import Case, main  # noqa: E402

DAEMON = "setsid sh -c 'echo $$ > tmp; mv tmp daemon; exec sleep 600' >/dev/null 2>&1 </dev/null & until [ -e daemon ]; do sleep 0.01; done"


class Daemon(Case):
    def leave(self, on_leak, status):
        """Whether the daemon lived in the next step and in the cleanup step; the record."""
        alive = "if kill -0 $(cat daemon); then echo alive; else echo dead; fi 2>/dev/null"
        ended = self.ci(f"[step s]\non_leak = {on_leak}\ncommand = {DAEMON}\n[step t]\ncommand = {alive}\n"
                        f"[cleanup c]\ncommand = {alive}\n", "--keep-going")
        self.assertEqual(ended.status, status, ended.all)
        run = self.run_of()
        record = run.one("s")
        self.assertIn("leaked", record["flags"])
        self.assertIn(f"pid {self.read('daemon').strip()} ", record["reason"])
        self.assertRegex(record["reason"], r"sleep 600|sh -c")
        self.assertEqual(procs.settle(self.marker, seconds=0), [], "alive when ciplug had ended")
        found = {step: run.text(step).strip() if run.one(step)["outcome"] == "passed" else None for step in ("t", "c")}
        return record, found

    def test_kill(self):
        record, found = self.leave("kill", 0)
        self.assertEqual(record["outcome"], "passed")
        self.assertIn("left 1 process behind (killed)", record["reason"])
        self.assertEqual(found, {"t": "dead", "c": "dead"})
        self.assertTrue(record["kill_via"])

    def test_fail(self):
        record, found = self.leave("fail", 1)
        self.assertEqual(record["outcome"], "failed")
        self.assertEqual(found, {"t": None, "c": "dead"})

    def test_keep(self):
        record, found = self.leave("keep", 0)
        self.assertEqual(record["outcome"], "passed")
        self.assertIn("left 1 process behind (kept)", record["reason"])
        self.assertEqual(found, {"t": "alive", "c": "alive"})
        self.assertNotIn("kill_via", record)

    def test_what_ends_by_itself_is_no_leak(self):
        self.passes("[step s]\ncount = 20\nworkers = 2\ncommand = (sleep 0.005 &) >/dev/null 2>&1; sh -c : & sh -c : &\n")
        self.assertEqual([record["flags"] for record in self.run_of().final("s").values()], [[]] * 20)


if __name__ == "__main__":
    main(controls={"leaks_are_named": ["Daemon.test_kill", "Daemon.test_fail", "Daemon.test_keep"]})
