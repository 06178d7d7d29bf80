#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`results` of commands on other machines."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from cases import GREEN, TOOL  # noqa: E402
from harness import main  # noqa: E402
from sshd import HostCase  # noqa: E402


class Hosts(HostCase):
    def setUp(self):
        super().setUp()
        self.write("tool", TOOL)
        self.write("green", GREEN)

    def test_of_the_workspace(self):
        ended = self.ci(self.ini("items = a bad b c\nbatch = 2\nresults = out/{number}.xml\ncommand = mkdir -p out; sh tool out/{number}.xml {items}\n",
                                 keys="sync = yes"), "--keep-going")
        self.assertEqual(ended.status, 1, ended.all)
        self.assert_ledger(passed=3, failed=1)
        self.assertEqual(sorted(case["item"] for case in self.run_of().of("test_finished")), ["a", "b", "bad", "bad", "c"])

    def test_that_came_along_with_the_workspace(self):
        self.write("r.xml", GREEN)
        ended = self.ci(self.ini("results = r.xml\ncommand = true\n", names=["h1"], keys="sync = yes"))
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("r.xml was there before", ended.all)

    def test_by_absolute_names(self):
        self.passes(self.ini(f"results = /tmp/r.xml\ncommand = echo '{GREEN.strip()}' >/tmp/r.xml\n", names=["h1"]))
        ended = self.ci(self.ini("results = /tmp/r.xml\ncommand = true\n", names=["h1"]))
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("r.xml was there before", ended.all)

    def test_missing(self):
        ended = self.ci(self.ini("results = r.xml\ncommand = true\n", names=["h1"]))
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("no file matches r.xml", ended.all)


if __name__ == "__main__":
    main()
