#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who runs when, and beside whom."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Needs(Case):
    def test_without_needs_the_step_above_comes_first(self):
        self.passes("[step a]\ncommand = touch a\n[step b]\ncommand = test -e a && touch b\n"
                    "[step c]\ncommand = test -e b\n")

    def test_steps_whose_needs_are_met_run_side_by_side(self):
        self.passes("""
            [step first]
            command = true
            [step a]
            needs = first
            command = touch a; until [ -e b ]; do sleep 0.02; done
            timeout = 30s
            [step b]
            needs = first
            command = touch b; until [ -e a ]; do sleep 0.02; done
            timeout = 30s
            [step last]
            needs = a b
            command = test -e a && test -e b
        """, "-j", "2")

    def test_a_failed_need_skips(self):
        ended = self.ci("[step a]\ncommand = false\n[step b]\ncount = 3\ncommand = true\n")
        self.assertEqual(ended.status, 1)
        self.assert_ledger(failed=1, skipped=3)
        self.assertTrue(all("a" in r["reason"] for r in self.run_of().final("b").values()))

    def test_where_slots_are_short_file_order_decides(self):
        steps = "".join(f"[step s{n}]\nneeds =\ncommand = echo {n} >> order\n" for n in range(6))
        self.passes(steps, "-j", "1")
        self.assertEqual(self.read("order").split(), list("012345"))

    def test_workers_pull_from_one_queue_and_keep_their_numbers(self):
        self.passes("""
            [step up]
            per = worker
            command = mkdir place.{worker}
            [step s]
            count = 30
            command = mkdir place.$CI_WORKER_NUMBER/busy; sleep 0.01; rmdir place.{worker}/busy
        """, "-j", "4")

    def test_ranges_of_workers(self):
        self.passes("[ciplug]\nworkers = 4\n"
                    "[step a]\nworkers = 2-3\ncount = 10\ncommand = sleep 0.02\n"
                    "[step b]\nworkers = 4-\ncount = 3\ncommand = true\n"
                    "[step c]\nworkers = 1\ncount = 3\ncommand = true\n")
        used = {step: {r["worker"] for r in self.run_of().final(step).values()} for step in "abc"}
        self.assertEqual(used, {"a": {2, 3}, "b": {4}, "c": {1}})


class Locks(Case):
    def test_a_lock_is_held_by_one_command_across_steps(self):
        body = "command = mkdir held; sleep 0.05; rmdir held\n"
        self.passes(f"[step a]\nneeds =\ncount = 5\nlock = db\n{body}"
                    f"[step b]\nneeds =\ncount = 5\nlock = other db\n{body}", "-j", "4")

    def test_locks_take_placeholders(self):
        self.passes("[step a]\nitems = x y x y\nlock = lock-{item}\nworkers = 4\n"
                    "command = mkdir held.{item}; sleep 0.05; rmdir held.{item}\n")

    def test_locks_in_any_order_do_not_deadlock(self):
        self.passes("[step a]\nneeds =\ncount = 10\nlock = x y\ncommand = true\n"
                    "[step b]\nneeds =\ncount = 10\nlock = y x\ncommand = true\n", "-j", "4")

    def test_weight_takes_slots(self):
        self.passes("[step a]\ncount = 6\nweight = 2\n"
                    "command = mkdir one 2>/dev/null && d=one || { mkdir two; d=two; }; sleep 0.05; rmdir $d\n",
                    "-j", "4")

    def test_weight_beyond_the_slots_is_cut_with_a_notice(self):
        ended = self.passes("[step a]\nweight = 5\ncommand = true\n", "-j", "2")
        self.assertIn("weight", ended.all)


class If(Case):
    def test_zero_runs_one_skips_and_satisfies(self):
        self.passes("[step a]\nif = test 1 = 1\ncommand = true\n"
                    "[step b]\nif = test 1 = 2\ncommand = touch ran\n"
                    "[step c]\ncommand = true\n")
        self.assertEqual([self.outcomes(s) for s in "abc"], [["passed"], ["skipped"], ["passed"]])
        self.assertFalse((self.dir / "ran").exists())

    def test_anything_else_is_an_error(self):
        ended = self.ci("[step a]\nif = exit 7\ncommand = true\n")
        self.assertEqual(self.outcomes("a"), ["error"])
        self.assertEqual(ended.status, 3)

    def test_it_runs_once_per_step(self):
        self.passes("[step a]\nif = echo x >> asked\ncount = 5\ncommand = true\n")
        self.assertEqual(self.read("asked"), "x\n")


class Services(Case):
    def test_it_lives_as_long_as_it_is_needed(self):
        self.passes("""
            [step db]
            ready = test -e db.up
            command = echo $$ > db.pid; touch db.up; exec sleep 600
            [step use]
            command = kill -0 $(cat db.pid)
            [step again]
            needs = use db
            command = kill -0 $(cat db.pid)
            [step apart]
            needs =
            timeout = 30s
            command =
                until [ -e db.up ]; do sleep 0.02; done
                while kill -0 $(cat db.pid) 2>/dev/null; do sleep 0.02; done
        """, "-j", "3")
        self.assertEqual(self.outcomes("db"), ["passed"])
        self.assert_ledger(passed=4)

    def test_its_early_death_fails_it_and_cancels_those_that_need_it(self):
        ended = self.ci("""
            [step db]
            ready = test -e up
            command = touch up; until [ -e used ]; do sleep 0.02; done; exit 5
            [step use]
            command = touch used; exec sleep 600
            grace = 1s
        """, "-j", "2")
        self.assertEqual(ended.status, 1)
        self.assertEqual(self.outcomes("db"), ["failed"])
        self.assertEqual(self.outcomes("use"), ["cancelled"])
        self.assertLess(ended.seconds, 30)

    def test_never_ready_runs_into_the_timeout(self):
        ended = self.ci("[step db]\nready = false\nstart_timeout = 1s\ntimeout = 2s\ngrace = 1s\n"
                        "command = exec sleep 600\n[step use]\ncommand = true\n")
        self.assertNotEqual(ended.status, 0)
        self.assertEqual(self.outcomes("db"), ["timeout"])
        self.assertEqual(self.outcomes("use"), ["skipped"])

    def test_never_ready_is_bounded_by_start_timeout(self):
        ended = self.ci("[step db]\nstart_timeout = 1s\ngrace = 1s\nready = false\ncommand = exec sleep 600\n"
                        "[step use]\nneeds = db\ncommand = true\n[cleanup c]\ncommand = touch cleaned\n")
        self.assertEqual(ended.status, 1, ended.all)
        self.assertEqual((self.outcomes("db"), self.outcomes("use")), (["timeout"], ["skipped"]))
        self.assertTrue((self.dir / "cleaned").exists())

    def test_start_timeout_does_not_end_one_that_is_ready(self):
        self.passes("[step db]\nstart_timeout = 1s\nready = true\ncommand = exec sleep 600\n"
                    "[step use]\nneeds = db\ncommand = sleep 1.5\n")
        self.assertEqual(self.outcomes("use"), ["passed"])


class Cleanups(Case):
    def test_in_file_order_one_after_another_whatever_failed(self):
        ended = self.ci("[step s]\ncommand = false\n[cleanup a]\ncommand = echo a >> order; exit 1\n"
                        "[cleanup b]\ncommand = echo b >> order\n[cleanup c]\ncommand = echo c >> order\n")
        self.assertEqual(ended.status, 1)
        self.assertEqual(self.read("order").split(), list("abc"))
        self.assert_ledger(failed=1)

    def test_a_failing_one_changes_no_verdict_and_is_reported(self):
        ended = self.passes("[step s]\ncommand = true\n[cleanup a]\ncommand = exit 6\n")
        self.assertIn("a", ended.out)
        self.assertEqual(self.outcomes("a"), ["failed"])

    def test_when(self):
        for command, ran in (("true", ["always", "success"]), ("false", ["always", "failure"])):
            self.ci(f"[step s]\ncommand = rm -f ran.*; {command}\n" + "".join(
                f"[cleanup {w}]\nwhen = {w}\ncommand = touch ran.{w}\n"
                for w in ("always", "success", "failure")))
            self.assertEqual(sorted(p.name for p in self.dir.glob("ran.*")), [f"ran.{w}" for w in ran])

    def test_needs_means_only_if_it_was_started(self):
        self.ci("[step a]\ncommand = false\n[step b]\ncommand = true\n"
                "[cleanup for-a]\nneeds = a\ncommand = touch for-a\n"
                "[cleanup for-b]\nneeds = b\ncommand = touch for-b\n")
        self.assertTrue((self.dir / "for-a").exists())
        self.assertFalse((self.dir / "for-b").exists())


class FailFast(Case):
    def test_of_a_step(self):
        ended = self.ci("[step s]\nfail_fast = yes\nitems = bad long\nworkers = 2\ngrace = 1s\n"
                        "command = test {item} = long || { until [ -e up ]; do sleep 0.02; done; exit 1; }; "
                        "touch up; exec sleep 600\n")
        self.assertEqual(ended.status, 1)
        self.assert_ledger(failed=1, cancelled=1)

    def test_queued_ones_are_cancelled(self):
        ended = self.ci("[step s]\ncount = 50\nworkers = 1\ncommand = test {number} != 2\n", "--fail-fast")
        self.assertEqual(ended.status, 1)
        self.assert_ledger(passed=1, failed=1, cancelled=48)


if __name__ == "__main__":
    main()
