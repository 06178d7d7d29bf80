#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""16: The reader of the screen goes away, or the disk behind it is full.

The run goes on and its record is complete; what could not be shown for lack of space makes status 3; commands have the default SIGPIPE."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Closed(Case):
    def test_the_run_goes_on_without_a_screen(self):
        read_end, write_end = os.pipe()
        running = self.start("[step s]\ncount = 30\nworkers = 2\ncommand = echo {number}\n[cleanup c]\ncommand = touch cleaned\n",
                             "--output=live", stdout=write_end)
        os.close(write_end)
        os.read(read_end, 1)
        os.close(read_end)
        ended = running.wait()
        self.assertEqual(ended.status, 0, ended.err)
        self.assert_ledger(passed=30)
        self.assertTrue((self.dir / "cleaned").exists())

    def test_failures_are_still_failures(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        running = self.start("[step s]\ncommand = exit 1\n", stdout=write_end)
        os.close(write_end)
        self.assertEqual(running.wait().status, 1)

    def test_a_full_disk_behind_the_screen_is_status_3(self):
        with open("/dev/full", "wb") as full:
            self.assertEqual(self.start("[step s]\ncommand = true\n", stdout=full).wait().status, 3)
        self.assert_ledger(passed=1)

    def test_the_journal_ends_with_what_came_of_a_full_screen(self):
        with open("/dev/full", "wb") as full:
            self.assertEqual(self.start("[step s]\ncommand = echo said\n", stdout=full).wait().status, 3)
        records = self.run_of().records()
        last = records[-1]
        said = last["exit_status"] if last["event"] == "run_finished" else int(last["text"].rpartition(" ")[2])
        self.assertEqual(said, 3, last)
        self.assertEqual([record["seq"] for record in records], list(range(1, len(records) + 1)))

    def test_commands_have_the_default_sigpipe(self):
        self.passes("[step s]\ncommand = yes | head -n 1\n")
        self.assertEqual(self.run_of().text("s"), "y\n")
        self.assertEqual(self.run_of().text("s", stream="err"), "")


if __name__ == "__main__":
    main(controls={
        "ignore_sigpipe": "Closed.test_the_run_goes_on_without_a_screen",
        "default_sigpipe": "Closed.test_commands_have_the_default_sigpipe",
        "unseen_is_no_pass": "Closed.test_a_full_disk_behind_the_screen_is_status_3",
    })
