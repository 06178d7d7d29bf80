#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""44: Duplicate or unknown sections, keys and names.

Errors with file, line and the nearest name, all at once, and nothing runs."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Names(Case):
    def test_duplicate_section_names_both_lines(self):
        ended = self.refused("[step a]\ncommand = true\n[step a]\ncommand = true\n", "ci.ini:3:")
        self.assertRegex(ended.err, r"ci\.ini:1\b|line 1\b")

    def test_a_step_and_a_cleanup_of_one_name(self):
        self.refused("[step a]\ncommand = true\n[cleanup a]\ncommand = true\n", "ci.ini:3:")

    def test_duplicate_key_names_both_lines(self):
        ended = self.refused("[step a]\ncommand = true\ncommand = false\n", "ci.ini:3:")
        self.assertRegex(ended.err, r"ci\.ini:2\b|line 2\b")

    def test_unknown_key_with_the_nearest(self):
        self.refused("[step a]\ncommand = true\ntimout = 3s\n", "ci.ini:3:", "timout", "did you mean 'timeout'?")

    def test_wrong_case(self):
        self.refused("[step a]\nCommand = true\n", "ci.ini:2:", "did you mean 'command'?")

    def test_unknown_section_kind(self):
        self.refused("[stp a]\ncommand = true\n[step b]\ncommand = true\n", "ci.ini:1:")

    def test_unknown_key_of_the_run(self):
        self.refused("[ciplug]\nworker = 3\n[step a]\ncommand = true\n", "ci.ini:2:", "did you mean 'workers'?")

    def test_keys_that_a_cleanup_or_a_step_cannot_have(self):
        self.refused("[step a]\ncommand = true\nwhen = always\n", "ci.ini:3:")
        self.refused("[ciplug]\ncommand = true\n[step a]\ncommand = true\n", "ci.ini:2:")

    def test_unknown_builder_and_plugin(self):
        self.refused("[step a]\nuses = shel\ncommand = true\n", "ci.ini:2:", "did you mean 'shell'?")
        self.refused("[ciplug]\nplugins = shel\n[step a]\ncommand = true\n", "ci.ini:2:", "shel")

    def test_unknown_need(self):
        self.refused("[step build]\ncommand = true\n[step t]\nneeds = biuld\ncommand = true\n", "ci.ini:4:", "did you mean 'build'?")

    def test_names_with_other_characters(self):
        for name in ("a b", "a/b", "../x", "a.b", "ä", "a:b"):
            with self.subTest(name=name):
                self.refused(f"[step {name}]\ncommand = true\n", "ci.ini:1:")

    def test_a_step_without_anything_to_run(self):
        self.refused("[step a]\ntimeout = 3s\n", "ci.ini:1:")

    def test_everything_at_once_in_order_and_nothing_runs(self):
        ended = self.refused("[step a]\ncommand = touch ran\ntimout = 3s\nretries = many\n[step a]\ncommand = true\n"
                             "[step c]\nneeds = nowhere\ncommand = echo \"{item}\"\nitems = x\non_leak = drop\n")
        lines = [int(n) for n in re.findall(r"^(?:ciplug: )?ci\.ini:(\d+):", ended.err, re.MULTILINE)]
        self.assertEqual(lines, sorted(lines))
        for line in (3, 4, 5, 8, 9, 11):
            self.assertIn(line, lines)
        self.assertFalse((self.dir / "ran").exists())


if __name__ == "__main__":
    main(controls={
        "unique_names": ["Names.test_duplicate_section_names_both_lines", "Names.test_duplicate_key_names_both_lines"],
        "unknown_keys": "Names.test_unknown_key_with_the_nearest",
    })
