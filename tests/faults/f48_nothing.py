#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""48: A filter or a list selects nothing.

Status 4, never green, unless `allow_empty` says so. What a step would run is not known: status 3."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Nothing(Case):
    def status_4(self, ini, *args):
        ended = self.ci(ini, *args)
        self.assertEqual(ended.status, 4, ended.all)
        self.assertTrue(ended.err.strip() or ended.out.strip())
        return ended

    def test_a_glob_without_files(self):
        self.status_4("[step s]\nitems = nothing/*.x\ncommand = echo {item}\n")

    def test_an_empty_file(self):
        self.write("names", "\n\n")
        self.status_4("[step s]\nitems_file = names\ncommand = echo {item}\n")

    def test_a_step_that_prints_nothing(self):
        self.status_4("[step l]\ncommand = true\n[step s]\nitems_from = l\ncommand = echo {item}\n")

    def test_a_selection_without_match(self):
        ended = self.status_4("[step s]\nitems = alpha beta\ncommand = echo {item}\n", "s:gamma*")
        self.assertEqual(self.runs(), [])
        self.assertIn("gamma", ended.err)

    def test_a_selection_of_printed_lines_without_match(self):
        self.status_4("[step l]\ncommand = echo alpha\n[step s]\nitems_from = l\ncommand = echo {item}\n", "s:alhpa")

    def test_a_matrix_with_every_cell_left_out(self):
        self.status_4("[step s]\nmatrix.a = 1\nmatrix_exclude = a=1\ncommand = echo {a}\n")

    def test_a_failure_elsewhere_is_still_a_failure(self):
        ended = self.ci("[step a]\ncommand = false\n[step s]\nneeds =\nitems = no/*\ncommand = echo {item}\n", "--keep-going")
        self.assertIn(ended.status, (1, 4))
        self.assertNotEqual(ended.status, 0)

    def test_allow_empty(self):
        self.passes("[step s]\nitems = nothing/*.x\nallow_empty = yes\ncommand = echo {item}\n[step t]\ncommand = true\n")
        self.assert_ledger(passed=1)

    def test_a_list_that_cannot_be_read(self):
        """Its commands are not known, so none is counted, and it is no pass."""
        ended = self.ci("[step l]\ncommand = echo alpha\nretries = 1\n[step s]\nif = exit 5\nitems_from = l\ncommand = echo {item}\n")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("if: exit code 5", ended.all)


if __name__ == "__main__":
    main(controls={"unopened_is_no_pass": "Nothing.test_a_list_that_cannot_be_read",
                   "nothing_is_no_pass": "Nothing.test_a_glob_without_files"})
