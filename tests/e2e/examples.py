#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The examples hello, pool and matrix do what they say."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import EXAMPLES, Case, main  # noqa: E402


class Hello(Case):
    def test_ends_well_with_every_part(self):
        ended = self.passes(EXAMPLES / "hello" / "ci.ini")
        self.assertLess(ended.seconds, 20)
        run = self.run_of()
        self.assertEqual(run.one("greet")["outcome"], "passed")
        self.assertEqual(self.outcomes("paint"), ["passed"] * 3)
        self.assertEqual({run.final("paint")[n]["item"] for n in (1, 2, 3)}, {"red", "green", "blue"})
        self.assertEqual(run.one("nap")["outcome"], "timeout")
        self.assertEqual(run.one("tidy")["outcome"], "passed")
        self.assert_ledger(passed=4, timeout=1)

    def test_nap_is_ended_after_its_second(self):
        self.passes(EXAMPLES / "hello" / "ci.ini", "nap", "--only")
        nap = self.run_of().one("nap")
        self.assertGreaterEqual(nap["duration_ns"], 0.9e9)
        self.assertLess(nap["duration_ns"], 10e9)
        self.assertIn(b"this would take", self.run_of().log("nap"))


class Pool(Case):
    def test_a_hundred_items_each_once(self):
        ended = self.passes(EXAMPLES / "pool" / "ci.ini")
        run = self.run_of()
        final = run.final("test")
        self.assertEqual(sorted(record["item"] for record in final.values()),
                         [f"item-{n:03}" for n in range(1, 101)])
        self.assertEqual(len(run.finished("test")), 100)
        self.assert_ledger(passed=101)
        self.assertEqual({record["worker"] for record in final.values()}, set(range(1, 11)))
        # one after another it would take more than the 2 + 10 * 0.4 + 10 * 0.1 s that are slept
        self.assertLess(ended.seconds, 30)

    def test_a_long_item_holds_up_one_worker_only(self):
        self.passes(EXAMPLES / "pool" / "ci.ini")
        run = self.run_of()
        order = [record["number"] for record in run.finished("test")]
        # 13 started among the first; most of the others ended before it did
        self.assertGreater(order.index(13), 50)

    def test_each_log_is_its_own(self):
        self.passes(EXAMPLES / "pool" / "ci.ini", "test:item-09?")
        run = self.run_of()
        final = run.final("test")
        self.assertEqual(len(final), 10)
        for number, record in final.items():
            self.assertTrue(run.text("test", number).startswith(record["item"] + " is number "))

    def test_two_workers_do_the_same_work(self):
        ended = self.passes(EXAMPLES / "pool" / "ci.ini", "-j", "2", "test:item-0[1-3]*")
        final = self.run_of().final("test")
        self.assertEqual({record["worker"] for record in final.values()}, {1, 2})
        self.assertEqual(len(final), 30)
        self.assertIn("workers", ended.all, "no notice that 10 workers were cut to 2")


class Matrix(Case):
    def test_every_cell_but_the_excluded(self):
        self.passes(EXAMPLES / "matrix" / "ci.ini")
        run = self.run_of()
        said = sorted(run.text("build", number).strip() for number in run.final("build"))
        cells = [(c, m) for c in ("gcc", "clang", "tcc") for m in ("debug", "release")
                 if (c, m) != ("tcc", "release")]
        self.assertEqual(said, sorted(f"building {item} with {c} for {m}" for c, m in cells
                                      for item in ("library", "program")))
        self.assert_ledger(passed=10)


if __name__ == "__main__":
    main()
