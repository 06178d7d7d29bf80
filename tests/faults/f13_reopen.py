#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""13: A command opens /dev/stdout again.

Standard output and error are pipes, so `/dev/stdout`, `/dev/stderr` and `/proc/self/fd/1` can be opened and written."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Reopen(Case):
    def test_dev_stdout_and_dev_stderr(self):
        self.passes("[step s]\ncommand = echo a >/dev/stdout; echo b >/dev/stderr; echo c >/proc/self/fd/1; echo d >>/dev/fd/2\n")
        self.assertEqual(self.run_of().text("s"), "a\nc\n")
        self.assertEqual(self.run_of().text("s", stream="err"), "b\nd\n")

    def test_merged(self):
        self.passes("[step s]\nstderr = merge\ncommand = echo a >/dev/stdout; echo b >/dev/stderr; echo c\n")
        self.assertEqual(self.run_of().text("s"), "a\nb\nc\n")

    def test_they_are_pipes(self):
        self.passes("[step s]\ncommand = test -p /dev/stdout; test -p /dev/stderr\n")


if __name__ == "__main__":
    main(controls={"pipes_not_sockets": "Reopen.test_dev_stdout_and_dev_stderr"})
