#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""45: Steps need each other in a circle, or what is not there.

Found before anything runs, with the way round; long chains cost no stack."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


def chain(count, closed):
    """Steps in file order, each needing the next; closed: the last needs the first."""
    steps = []
    for n in range(count):
        need = f"s{n + 1}" if n + 1 < count else ("s0" if closed else "")
        steps.append(f"[step s{n}]\nneeds = {need}\ncommand = true\n")
    return "".join(steps)


class Cycles(Case):
    def test_itself(self):
        self.refused("[step a]\nneeds = a\ncommand = true\n", "ci.ini:", "a -> a")

    def test_two(self):
        self.refused("[step a]\nneeds = b\ncommand = true\n[step b]\nneeds = a\ncommand = true\n", "->")

    def test_three_shows_the_way(self):
        ended = self.refused("[step a]\nneeds = c\ncommand = true\n[step b]\nneeds = a\ncommand = true\n[step c]\nneeds = b\ncommand = true\n")
        self.assertRegex(ended.err, r"\b[abc] -> [abc] -> [abc] -> [abc]\b")

    def test_a_thousand(self):
        ended = self.refused(chain(1000, True), "ci.ini:")
        self.assertLess(ended.seconds, 20)

    def test_through_items_from(self):
        self.refused("[step a]\nneeds = b\ncommand = true\n[step b]\nitems_from = a\nneeds =\ncommand = echo {item}\n", "->")

    def test_a_long_chain_is_no_cycle_and_no_stack_overflow(self):
        ended = self.passes(chain(20000, False), "-n", patience=120)
        self.assertEqual(self.runs(), [])
        self.assertTrue(ended.out)

    def test_a_need_on_what_is_not_there(self):
        self.refused("[step a]\nneeds = ghost\ncommand = true\n", "ci.ini:2:", "ghost")

    def test_a_need_on_a_cleanup(self):
        self.refused("[step a]\nneeds = c\ncommand = true\n[cleanup c]\ncommand = true\n", "ci.ini:2:")


if __name__ == "__main__":
    main(controls={"no_circles": "Cycles.test_three_shows_the_way"})
