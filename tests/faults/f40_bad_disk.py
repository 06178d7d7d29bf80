#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""40: A disk that fails or is slow.

An error of write, fsync, close or rename of a report, a log or the journal is status 3 and said; an old report stays as it
was, and fsync is not asked again as if nothing had been. Deadlines are kept by other processes, so that a slow disk
delays none, and what a command wrote is read however late."""
import errno
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import inject  # noqa: E402
from harness import CIPLUG, Case, main  # noqa: E402

RUN = "[step s]\ncount = 3\ncommand = echo said {number}\n[cleanup c]\ncommand = touch cleaned\n"


class Bad(Case):
    def injected(self, calls, ini=RUN, args=(), **how):
        injection = inject.Injection(self.dir, CIPLUG, calls, **how)
        ended = self.ci(ini, *args, env=injection.env)
        return ended, injection.read()

    def report(self, calls, **how):
        injection = inject.Injection(self.dir, CIPLUG, calls, error=errno.EIO, at=1, count=1, **how)
        ended = self.verb("report", "--to", "console=report", env=injection.env)
        self.assertEqual(injection.read().injected, 1, "the call was not reached")
        return ended

    def test_a_report_is_whole_or_the_old_one(self):
        self.passes(RUN)
        self.write("report", "the old one\n")
        for calls, path in (("fsync", ".tmp"), ("write", ".tmp"), ("close", ".tmp"), ("rename renameat", ".tmp")):
            with self.subTest(calls=calls):
                ended = self.report(calls, path=path)
                self.count(repeats=1)
                self.assertEqual(ended.status, 3, ended.all)
                self.assertIn("Input/output error", ended.err)
                self.assertEqual(self.read("report"), "the old one\n")
                self.assertEqual([p.name for p in self.dir.iterdir() if p.name.endswith(".tmp")], [])

    def test_a_bad_log_is_no_success(self):
        for calls in ("writev", "close"):
            with self.subTest(calls=calls):
                ended, done = self.injected(calls, at=1, error=errno.EIO, path="/logs/s/1.out")
                self.count(repeats=1)
                self.assertEqual((ended.status, done.injected), (3, 1), ended.all)
                self.assertIn("truncated", self.run_of().final("s")[1]["flags"])
                self.assertIn("its log is not whole: Input/output error", ended.all)
                self.assertTrue((self.dir / "cleaned").exists())

    def test_a_bad_journal_is_no_success(self):
        for at in (1, 2, 5, 9):
            with self.subTest(at=at):
                ended, done = self.injected("write", at=at, error=errno.EIO, path="journal.jsonl")
                self.count(repeats=1)
                self.assertEqual((ended.status, done.injected), (3, 1), ended.all)
                self.assertIn("the journal cannot be written: Input/output error", ended.err)

    def test_a_slow_journal_delays_no_deadline(self):
        """Each record takes 400 ms, on the loop."""
        ended, done = self.injected("write", at=1, count=0, delay=400, path="journal.jsonl", ini=(
            "[step s]\nitems = 1 2\nworkers = 2\ntimeout = 500ms\ngrace = 1ms\ncommand = touch up.$CI_ITEM; exec sleep 600\n"), args=("-j", "2"))
        self.assertGreater(done.injected, 5)
        self.assertEqual(ended.status, 1, ended.all)
        for record in self.run_of().final("s").values():
            self.assertEqual(record["outcome"], "timeout")
            self.assertLess(record["duration_ns"], 5e9)

    def test_a_slow_log_delays_no_deadline(self):
        ended, _ = self.injected("writev", at=1, count=1, delay=3000, path="/logs/s/1.out", ini=(
            "[step s]\nitems = 1 2\nworkers = 2\ntimeout = 500ms\ngrace = 1ms\ncommand = echo said; exec sleep 600\n"), args=("-j", "2"))
        self.assertEqual(ended.status, 1, ended.all)
        for number, record in self.run_of().final("s").items():
            self.assertEqual(record["outcome"], "timeout")
            self.assertLess(record["duration_ns"], 2.9e9)
            self.assertEqual(self.run_of().text("s", number), "said\n")

    def test_what_was_written_is_read_however_late(self):
        """The runner stands in a record for longer than the time in which pipes are drained."""
        ended, _ = self.injected("write", at=1, count=0, delay=600, path="journal.jsonl", ini=(
            "[step s]\nitems = 1 2\nworkers = 2\ncommand = head -c 60000 /dev/zero | tr '\\0' x\n"), args=("-j", "2"))
        self.assertEqual(ended.status, 0, ended.all)
        lost = sum(60000 - len(self.run_of().log("s", number)) for number in (1, 2))
        self.count(losses=lost)
        self.assertEqual(lost, 0)


if __name__ == "__main__":
    main(controls={"synced_report": "Bad.test_a_report_is_whole_or_the_old_one",
                   "truncated_logs": "Bad.test_a_bad_log_is_no_success"})
