#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""47: The configuration is a folder, a FIFO, a device, huge, or changes.

Only a regular file of at most 16 MiB is read, once, and nothing ever waits for it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Config(Case):
    def quickly(self, *args, status=2, **how):
        ended = self.verb(*args, patience=20, **how)
        self.assertEqual(ended.status, status, ended.all)
        self.assertTrue(ended.err.strip())
        self.assertEqual(self.runs(), [])
        return ended

    def test_a_folder(self):
        (self.dir / "folder").mkdir()
        self.assertIn("folder", self.quickly("-c", "folder").err)

    def test_a_fifo_without_writer(self):
        self.fifo("pipe")
        self.assertIn("pipe", self.quickly("-c", "pipe").err)

    def test_devices(self):
        for path in ("/dev/zero", "/dev/null", "/dev/urandom"):
            self.quickly("-c", path)

    def test_missing(self):
        self.assertIn("no-such.ini", self.quickly("-c", "no-such.ini").err)

    def test_unreadable(self):
        self.write("secret.ini", "[step s]\ncommand = true\n").chmod(0)
        if os.access(self.dir / "secret.ini", os.R_OK):
            # root reads everything; what root cannot read either
            self.quickly("-c", "/proc/self/mem")
        else:
            self.quickly("-c", "secret.ini")

    def test_more_than_16_mib(self):
        with open(self.dir / "big.ini", "wb") as file:
            file.write(b"[step s]\ncommand = true\n")
            file.truncate(17 << 20)
        self.quickly("-c", "big.ini")

    def test_more_than_16_mib_from_standard_input(self):
        with open("/dev/zero", "rb") as zero:
            self.quickly("-c", "-", stdin=zero)

    def test_empty_standard_input(self):
        ended = self.verb("-c", "-")
        self.assertIn(ended.status, (2, 4))

    def test_it_is_read_once(self):
        self.passes("[step a]\ncommand = printf '[step b]\\ncommand = touch changed\\n' > ci.ini\n[step b]\ncommand = touch as-it-was\n")
        self.assertTrue((self.dir / "as-it-was").exists())
        self.assertFalse((self.dir / "changed").exists())

    def test_items_file_that_is_no_file(self):
        self.fifo("pipe")
        for path in ("pipe", "/dev/zero", "nowhere", "."):
            with self.subTest(path=path):
                ended = self.ci(f"[step s]\nitems_file = {path}\ncommand = echo {{item}}\n", patience=20)
                self.assertNotEqual(ended.status, 0)
                self.assertIn(path, ended.all)


if __name__ == "__main__":
    main(controls={"no_waiting_open": "Config.test_a_fifo_without_writer", "regular_file": "Config.test_devices"})
