#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""25: Bad durations: 0, -1, 1e18, 10 parsecs, a number that overflows.

Each is refused with its line before anything starts; none fires at once, or never, by accident."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

BAD = ["0", "0s", "-1", "-1s", "+5s", "1e18", "1e3", "10 parsecs", "10parsecs", "∞", "inf", "nan", "0x10", "1h-5m", "s",
       "m5", "5 5", "1..5s", ".", "1.5.5s", "99999999999999999999", "99999999999h", "400d", "9000h1", "10,5s", "1:30",
       "10S0", "ten", "10s;", "2y"]
GOOD = ["1", "10", "10s", "0.5", "1.5m", "250ms", "1h30m", "1d", "365d", "none"]


class Durations(Case):
    def test_bad_ones_are_all_named(self):
        text = "".join(f"[step s{n}]\ntimeout = {value}\ncommand = true\n" for n, value in enumerate(BAD))
        ended = self.refused(text)
        for n, value in enumerate(BAD):
            line = f"ci.ini:{n * 3 + 2}:"
            self.assertIn(line, ended.err, value)

    def test_good_ones_pass(self):
        for value in GOOD:
            with self.subTest(value=value):
                self.passes(f"[step s]\ntimeout = {value}\ncommand = true\n", "-n")

    def test_every_duration_is_read_by_the_same_parser(self):
        for key in ("timeout", "start_timeout", "grace", "slow", "retry_delay"):
            with self.subTest(key=key):
                self.refused(f"[step s]\ncommand = true\n{key} = 10 parsecs\n", "ci.ini:3:")
        self.refused("[ciplug]\nrun_timeout = 10 parsecs\n[step s]\ncommand = true\n", "ci.ini:2:")

    def test_half_a_second_is_neither_nothing_nor_never(self):
        ended = self.ci("[step s]\ntimeout = 0.5\ngrace = 1s\ncommand = sleep 600\n[step t]\nneeds =\ntimeout = 250ms\ncommand = true\n", "--keep-going")
        self.assertEqual(ended.status, 1)
        self.assertEqual(self.outcomes("s"), ["timeout"])
        self.assertGreaterEqual(self.run_of().one("s")["duration_ns"], 0.45e9)


if __name__ == "__main__":
    main(controls={"no_zero_duration": "Durations.test_bad_ones_are_all_named",
                   "bounded_durations": "Durations.test_bad_ones_are_all_named"})
