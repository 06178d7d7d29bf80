#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""36: Too few descriptors.

Commands wait until others give theirs back; every result is right or an error, never passed by accident."""
import os
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

JOBS = 32


class Limits(Case):
    def test_every_result_is_right_or_an_error(self):
        for limit in (8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96):
            with self.subTest(limit=limit):
                self.one(limit)

    def one(self, limit):
        running = self.start(f"[step s]\ncount = {JOBS}\nworkers = {JOBS}\ncommand = echo said {{number}}; exit $(({{number}} % 3))\n"
                             "[cleanup c]\ncommand = true\n", "-j", JOBS, "--state-dir", f"state.{limit}",
                             preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        ended = running.wait()
        self.assertIn(ended.status, (1, 2, 3), ended.all)
        self.assertNotIn("core dumped", ended.all)
        self.assertGreaterEqual(ended.returncode, 0, f"died by a signal: {ended.all}")
        if not self.runs(f"state.{limit}"):
            self.assertNotEqual(ended.status, 0)
            self.assertTrue(ended.err)
            return
        run = self.run_of(f"state.{limit}")
        for record in run.finished("s"):
            number = record["number"]
            if record["outcome"] in ("error", "cancelled", "skipped"):
                self.assertTrue(record["reason"])
                continue
            self.assertEqual(record["exit_code"], number % 3)
            self.assertEqual(run.text("s", number), f"said {number}\n")

    def test_commands_wait_for_descriptors(self):
        """32 are too few for eight at once, not for forty one after the other."""
        ended = self.start("[step s]\ncount = 40\nworkers = 8\ncommand = echo said {number}\n[cleanup c]\ncommand = touch cleaned\n",
                           "-j", 8, preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))).wait()
        self.assertEqual(ended.status, 0, ended.all)
        self.assert_ledger(passed=40)
        self.assertEqual([self.run_of().text("s", n) for n in range(1, 41)], [f"said {n}\n" for n in range(1, 41)])
        self.assertTrue((self.dir / "cleaned").exists())

    def test_commands_get_the_callers_soft_limit_back(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        soft = 200
        if hard != resource.RLIM_INFINITY and hard <= soft:
            self.skipTest("the hard limit is too low")
        self.start("[step s]\ncommand = ulimit -n\n",
                   preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))).wait()
        self.assertEqual(self.run_of().text("s"), f"{soft}\n")

    def test_enough_for_many_jobs_at_a_low_soft_limit(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard != resource.RLIM_INFINITY and hard < 1000:
            self.skipTest("the hard limit is too low")
        ended = self.start(f"[step s]\ncount = 60\nworkers = 60\ncommand = : > up.{{number}}; until [ $(ls up.* | wc -l) -eq 60 ]; do sleep 0.05; done\n",
                           preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))).wait()
        self.assertEqual(ended.status, 0, ended.all)


if __name__ == "__main__":
    main(controls={"wait_for_descriptors": "Limits.test_commands_wait_for_descriptors"})
