#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The example hosts does what it says, over three real ones, and with one of them cut off at a third of the way."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import EXAMPLES, main, wait_for  # noqa: E402
from sshd import HostCase  # noqa: E402

INI = EXAMPLES / "hosts" / "ci.ini"
COMMANDS = 300
PATIENCE = 300


class Example(HostCase):
    machines, apart = 3, True

    def setUp(self):
        super().setUp()
        self.env.update(HOST_A="h1", HOST_B="h2", HOST_C="h3")

    def all_once(self, finals):
        """Each command has one final record, it passed, and its log is of that attempt's host."""
        run = self.run_of()
        self.count(losses=COMMANDS - len(finals))
        self.assertEqual(sorted(finals), list(range(1, COMMANDS + 1)))
        self.assertEqual({record["outcome"] for record in finals.values()}, {"passed"})
        records = [record for record in run.finished("short") if record.get("final", True)]
        self.assertEqual(len(records), COMMANDS, "more than one final record of a command")
        for number, record in finals.items():
            self.assertEqual(run.text("short", number, attempt=record["attempt"]), f"number {number} of {COMMANDS}, on {record['host']}\n")

    def test_three_hosts(self):
        ended = self.ci(INI, patience=PATIENCE)
        self.assertEqual(ended.status, 0, ended.all)
        finals = self.run_of().final("short")
        self.all_once(finals)
        self.assertEqual({record["host"] for record in finals.values()}, {"a", "b", "c"})
        self.assertEqual(len(self.run_of().finished("short")), COMMANDS)
        self.assert_ledger(passed=COMMANDS)

    def test_one_is_cut_off(self):
        """Its commands are told apart from the others by their records: errors there, passed elsewhere, nothing twice."""
        ciplug = self.start(INI)
        wait_for(lambda: self.runs() and len(self.run_of().finished("short")) >= COMMANDS // 3, "a third of the commands", PATIENCE)
        self.hosts[1].cut()
        self.addCleanup(self.hosts[1].join)
        cut = time.monotonic()
        ended = ciplug.wait(PATIENCE)
        print(f"ended {time.monotonic() - cut:.1f} s after the cut")
        self.assertEqual(ended.status, 0, ended.all)
        run = self.run_of()
        self.all_once(run.final("short"))
        self.assert_ledger(passed=COMMANDS)
        others = [record for record in run.finished("short") if not record.get("final", True)]
        self.assertTrue(1 <= len(others) <= 2, others)
        self.assertEqual({(record["outcome"], record["host"]) for record in others}, {("error", "b")})
        self.assertEqual(len({record["number"] for record in others}), len(others), "a command was lost more than once")
        for record in others:
            self.assertIn(run.final("short")[record["number"]]["host"], ("a", "c"))
        self.assertEqual(self.hosts[1].settled("", 15), [])


if __name__ == "__main__":
    main()
