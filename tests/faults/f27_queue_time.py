#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""27: A command waits for its turn.

Waiting for a slot, a lock or a host is no time of the command: timeout and duration begin when it runs. start_timeout
bounds how long its start may take, for a service until it is ready."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import Case, main, wait_for  # noqa: E402


class Queue(Case):
    def test_waiting_is_not_timed(self):
        """Five times 0.9 s one after another, with 3.5 s for each."""
        limits = "count = 5\ntimeout = 3.5s\nstart_timeout = 3.5s\ncommand = sleep 0.9\n"
        ended = self.ci(f"[step slot]\nworkers = 1\n{limits}[step lock]\nneeds =\nlock = x\n{limits}"
                        f"[step host]\nneeds =\nhosts = other\n{limits}[host other]\nworkers = 1\n", "--keep-going", "-j", "8")
        self.assertEqual(ended.status, 0, ended.all)
        for step in ("slot", "lock", "host"):
            records = self.run_of().finished(step)
            self.assertEqual([record["outcome"] for record in records], ["passed"] * 5)
            self.assertLess(max(record["duration_ns"] for record in records), 3.5e9)
        self.assertGreater(ended.seconds, 4.5)

    def test_a_service_that_is_never_ready(self):
        ended = self.ci("[step s]\nready = false\nstart_timeout = 1s\ncommand = exec sleep 600\n[step t]\ncommand = true\n")
        self.assertEqual(ended.status, 1)
        record = self.run_of().one("s")
        self.assertEqual(record["outcome"], "timeout")
        self.assertIn("did not start within", record["reason"])

    def test_news_of_the_start_that_is_read_late(self):
        """ciplug itself stands still meanwhile: its timer is over, but the command has been running for long."""
        running = self.start("[step s]\ncount = 2\nworkers = 2\ncommand = : > up.{number}; [ {number} = 1 ] || until [ -e go ]; do sleep 0.02; done\n"
                             "[step t]\nworkers = 1\nstart_timeout = 1s\ncommand = : > late; until [ -e go2 ]; do sleep 0.02; done\n")
        self.wait_file("up.2")
        wait_for(lambda: self.runs() and self.run_of().finished("s", 1), "the end of the first")
        keeper = next(pid for pid in procs.children(running.pid) if procs.comm(pid) == "ci-keeper")
        idle = wait_for(lambda: [pid for pid in procs.children(keeper) if not procs.children(pid)], "an idle hand")
        with procs.held(idle[0]):
            self.write("go", "")
            wait_for(lambda: self.run_of().of("step_started", "t"), "the next step")
            wait_for(lambda: procs.stat(running.pid)[0] == "S", "ciplug to wait")
            running.send(signal.SIGSTOP)
        self.wait_file("late")
        time.sleep(1.2)  # longer than start_timeout: that is what is tested
        running.send(signal.SIGCONT)
        self.write("go2", "")
        self.assertEqual(running.wait().status, 0)


if __name__ == "__main__":
    main(controls={"a_service_starts_when_ready": "Queue.test_a_service_that_is_never_ready",
                   "late_news_count": "Queue.test_news_of_the_start_that_is_read_late"})
