#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""17: Started with descriptor 0, 1 or 2 closed.

Everything works as always; no file of ciplug ever becomes one of the three."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Closed(Case):
    INI = "[step s]\ncommand = cat; echo out; echo err >&2; echo more > file\n[step t]\nitems = a b c\ncommand = echo {item}\n"

    def test_every_combination(self):
        for closed in ("0<&-", "1>&-", "2>&-", "0<&- 1>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"):
            with self.subTest(closed=closed):
                ended = self.start(self.INI, wrap=["sh", "-c", f'exec "$@" {closed}', "sh"]).wait()
                self.assertEqual(ended.status, 0, ended.err)
                run = self.run_of()
                self.assertEqual((run.log("s"), run.log("s", stream="err")), (b"out\n", b"err\n"))
                self.assertEqual([run.text("t", n) for n in (1, 2, 3)], ["a\n", "b\n", "c\n"])
                self.assertEqual(self.read("file"), "more\n")
                self.assert_ledger(passed=4)
                self.assertTrue(run.records()[-1]["event"] == "run_finished")


if __name__ == "__main__":
    main(controls={"open_0_1_2": "Closed.test_every_combination"})
