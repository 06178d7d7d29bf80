#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""46: Numbers such as 08, 0x10, 1e3, 4294967296.

One strict parser refuses them and names the range."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

BAD = ["08x", "0x10", "+5", "1e3", "4294967296", "99999999999999999999", "-1", "five", "1.0", "1,000", "1 2", "٣", "--"]


class Numbers(Case):
    def test_bad_ones_in_every_numeric_key(self):
        text, lines = "", []
        number = 0
        for key in ("retries", "count", "weight", "split"):
            for value in BAD:
                text += f"[step s{number}]\ncommand = true\nitems = a b\n{key} = {value}\n" if key == "split" else \
                    f"[step s{number}]\ncommand = true\n\n{key} = {value}\n"
                lines.append((number * 4 + 4, key, value))
                number += 1
        ended = self.refused(text)
        for line, key, value in lines:
            self.assertIn(f"ci.ini:{line}:", ended.err, (key, value))

    def test_zero_where_it_makes_no_sense(self):
        for key in ("weight", "split", "batch"):
            with self.subTest(key=key):
                self.refused(f"[step s]\nitems = a b\ncommand = true\n{key} = 0\n", "ci.ini:")

    def test_workers(self):
        for value in ("0", "2-1", "0-3", "-3", "1-2-3", "a", "1-b", "4294967297"):
            with self.subTest(value=value):
                self.refused(f"[step s]\ncommand = true\nworkers = {value}\n", "ci.ini:3:")

    def test_the_option_j(self):
        for value in ("0", "-1", "x", "1.5", "0x4", "+2", "4294967296", "", "2 "):
            with self.subTest(value=value):
                self.refused("[step s]\ncommand = true\n", args=[f"-j{value}"] if value else ["-j", ""])

    def test_booleans(self):
        for value in ("maybe", "ja", "2", "YES!", ""):
            with self.subTest(value=value):
                self.refused(f"[step s]\ncommand = true\nfail_fast = {value}\n", "ci.ini:3:")

    def test_choices(self):
        for key, value in (("on_leak", "drop"), ("output", "loud"), ("stderr", "join"), ("per", "core"), ("flaky", "maybe")):
            with self.subTest(key=key):
                self.refused(f"[step s]\ncommand = true\n{key} = {value}\n", "ci.ini:3:")

    def test_skip_codes(self):
        for value in ("256", "-1", "77x", "0x1"):
            with self.subTest(value=value):
                self.refused(f"[step s]\ncommand = true\nskip_codes = {value}\n", "ci.ini:3:")

    def test_the_message_says_what_was_expected(self):
        ended = self.refused("[step s]\ncommand = true\nretries = many\n", "retries", "many")
        self.assertRegex(ended.err, r"\d")


if __name__ == "__main__":
    main(controls={"strict_numbers": "Numbers.test_bad_ones_in_every_numeric_key"})
