#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""73: Many runners use one state folder at the same time.

Each has a run of its own; what a dead run left is ended by one of them, once; `reap` and old runs' removal beside them touch no living run."""
import fcntl
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dead  # noqa: E402
import procs  # noqa: E402
from harness import Case, main, wait_for  # noqa: E402

STARTS = 20
WAIT = "[step s]\ncount = 2\ncommand = echo started-{number}; until [ -e go ]; do sleep 0.05; done\n"


class OneFolder(Case):
    def start_many(self, *args):
        self.write("ci.ini", WAIT)
        running = [self.start(None, *args) for _ in range(STARTS)]
        wait_for(lambda: len(self.runs()) >= STARTS, "all folders")
        return running

    def end_well(self, running):
        self.write("go", "")
        for one in running:
            ended = one.wait()
            self.assertEqual(ended.status, 0, ended.all)

    def whole(self, run):
        """All records of a run, counted without gaps."""
        records = self.run_of(run=run).records()
        self.assertEqual([record["seq"] for record in records], list(range(1, len(records) + 1)), run)
        return [record["event"] for record in records]

    def test_twenty_starts(self):
        running = self.start_many("--set", "ciplug.keep_runs=1")
        self.assertEqual(len(self.runs()), STARTS)
        self.end_well(running)
        for run in self.runs():
            events = self.whole(run)
            self.assertEqual((events[0], events[-1]), ("run_started", "run_finished"))
            self.assertEqual(events.count("command_finished"), 2)
            self.assertEqual([self.run_of(run=run).text("s", n) for n in (1, 2)], ["started-1\n", "started-2\n"])
        self.assertIn(self.run_of().folder.name, self.runs())

    def test_with_reap_beside_them(self):
        running = self.start_many()
        reaping = [self.start(None, "reap") for _ in range(5)]
        for one in reaping:
            ended = one.wait()
            self.assertEqual(ended.status, 0, ended.all)
        self.end_well(running)
        self.assertEqual([run for run in self.runs() if "run_reaped" in self.whole(run)], [])

    def test_not_while_somebody_else_is_at_it(self):
        one = self.start("[step s]\ncommand = setsid sh -c 'echo $$ > pid; exec sleep 600' & exec sleep 600\n")
        self.wait_file("pid", "\n")
        pid = int(self.read("pid"))
        dead.kill_all_of(one)
        run = self.run_of().folder.name
        with open(self.run_of().folder / "journal.jsonl", "ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.passes("[step s]\ncommand = true\n")
            self.assertTrue(procs.alive(pid))
            self.assertNotIn("run_reaped", self.whole(run))
        self.passes("[step s]\ncommand = true\n")
        self.assertFalse(procs.alive(pid))
        self.assertEqual(self.whole(run).count("run_reaped"), 1)

    def test_dead_runs_are_swept_by_one_of_them(self):
        died = []
        for number in range(3):
            one = self.start(f"[step s]\ncommand = setsid sh -c 'echo $$ > pid.{number}; exec sleep 600' & exec sleep 600\n")
            self.wait_file(f"pid.{number}", "\n")
            died.append((self.run_of().folder.name, int(self.read(f"pid.{number}")), one))
        for _, _, one in died:
            dead.kill_all_of(one)
        self.write("ci.ini", "[step s]\ncommand = true\n")
        running = [self.start(None, "--set", "ciplug.keep_runs=100") for _ in range(STARTS)]
        running += [self.start(None, "reap") for _ in range(5)]
        for one in running:
            ended = one.wait()
            self.assertEqual(ended.status, 0, ended.all)
        for run, pid, _ in died:
            self.assertFalse(procs.alive(pid))
            self.assertEqual(self.whole(run).count("run_reaped"), 1)
        for run in self.runs():
            self.whole(run)


if __name__ == "__main__":
    main(controls={"one_reaper": "OneFolder.test_not_while_somebody_else_is_at_it"})
