#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""49: The file of a plugin is for another machine, truncated, empty, a folder, a FIFO, or not there.

It is looked at before it is loaded and refused in one clear line with status 2; nothing is started, and no file, however
short, crashes ciplug."""
import os
import random
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import plugin  # noqa: E402
from harness import Case, main  # noqa: E402

SHOP = plugin.Workshop()
unittest.addModuleCleanup(SHOP.close)
LENGTHS = int(os.environ.get("CIPLUG_TEST_REPEATS", "40"))


def setUpModule():  # pylint: disable=invalid-name
    SHOP.build("constructor.c", "good")


class BadFiles(Case):
    def setUp(self):
        super().setUp()
        self.env["CIPLUG_TEST_TOUCH"] = str(self.dir / "touched")

    def good(self):
        return (SHOP.dir / "good.so").read_bytes()

    def plant(self, data):
        path = self.write("bad.so", data)
        path.chmod(0o755)
        return path

    def rejects(self, *texts, name=None):
        """In one line, by both ways to name it, and nothing is started."""
        self.count(repeats=1)
        ended = self.ci(f"[ciplug]\nplugins = shell {name or self.dir / 'bad.so'}\n[step s]\ncommand = touch ran\n")
        self.assertEqual(ended.status, 2, ended.all)
        self.assertEqual(len(ended.err.splitlines()), 1, ended.err)
        self.assertTrue(ended.err.startswith("ci.ini:2: plugin '"), ended.err)
        for text in texts:
            self.assertIn(text, ended.err)
        self.assertEqual((self.runs(), (self.dir / "ran").exists()), ([], False))
        self.assertFalse((self.dir / "touched").exists(), "its constructor ran")
        return ended

    def test_another_machine(self):
        for machine, name in ((183, "aarch64"), (40, "arm"), (8, "mips"), (62, "x86_64"), (4711, "number 4711")):
            if machine == struct.unpack_from("<H", self.good(), 18)[0]:
                continue
            with self.subTest(machine=name):
                self.plant(self.good()[:18] + struct.pack("<H", machine) + self.good()[20:])
                self.rejects(f"file is for machine {name}")

    def test_another_class_and_byte_order(self):
        data = bytearray(self.good())
        data[4] = 3 - data[4]
        self.plant(bytes(data))
        self.rejects("bit, this program is")
        data = bytearray(self.good())
        data[5] = 3 - data[5]
        self.plant(bytes(data))
        self.rejects("file is for machine")

    def test_no_shared_object(self):
        for data, text in ((b"", "empty"), (b"x", "not a shared object"), (b"#!/bin/sh\ntouch ran\n" * 50, "not a shared object"),
                           (b"\x7fELF", "truncated"), (b"\0" * 5000, "not a shared object")):
            with self.subTest(text=text):
                self.plant(data)
                self.rejects(text)

    def test_a_program_and_an_object_file(self):
        for kind, text in ((1, "not linked"), (2, "a program"), (4, "core dump"), (77, "unknown type")):
            with self.subTest(kind=kind):
                self.plant(self.good()[:16] + struct.pack("<H", kind) + self.good()[18:])
                self.rejects(text)

    def test_truncated_anywhere(self):
        """Never by SIGBUS: what reaches beyond the end of the file is not mapped."""
        data, chance = self.good(), random.Random(49)
        lengths = {1, 4, 16, 51, 52, 63, 64, 65, 4096, 8192, len(data) - 1, len(data) // 2}
        while len(lengths) < LENGTHS:
            lengths.add(chance.randrange(1, len(data)))
        crashed = []
        for length in sorted(lengths):
            self.plant(data[:length])
            ended = self.ci(f"[ciplug]\nplugins = shell {self.dir}/bad.so\n[step s]\ncommand = touch ran\n")
            self.count(repeats=1)
            if ended.status != 2 or len(ended.err.splitlines()) != 1 or (self.dir / "touched").exists():
                crashed.append((length, ended.status, ended.err))
        self.count(losses=len(crashed))
        self.assertEqual(crashed, [])

    def test_damaged_anywhere(self):
        """Bytes of the headers are others: refused, or loaded as what it is; never a crash of ciplug's own looking."""
        data, chance = self.good(), random.Random(50)
        for _ in range(LENGTHS):
            bad = bytearray(data)
            for _ in range(chance.randrange(1, 4)):
                bad[chance.choice([*range(16, 24), *range(32, 64)])] = chance.randrange(256)
            self.plant(bytes(bad))
            self.count(repeats=1)
            ended = self.verb("plugins", str(self.dir / "bad.so"))
            self.assertIn(ended.status, (0, 2), (bad[:64], ended.all))

    def test_folder_fifo_device_and_nothing(self):
        path = self.dir / "bad.so"
        path.mkdir()
        self.rejects("folder")
        path.rmdir()
        os.mkfifo(path)
        self.rejects("not a regular file")
        path.unlink()
        self.rejects("No such file or directory")
        path.symlink_to(path)
        self.rejects("cannot be opened")
        path.unlink()
        path.symlink_to("/dev/null")
        self.rejects("bad.so")
        self.rejects("not found; searched", name="bad")

    def test_all_of_them_at_once(self):
        """Each in a line of its own."""
        names = []
        for number in range(5):
            self.write(f"bad{number}.so", b"x").chmod(0o755)
            names.append(f"{self.dir}/bad{number}.so")
        ended = self.refused(f"[ciplug]\nplugins = shell {' '.join(names)}\n[step s]\ncommand = true\n")
        self.assertEqual(len(ended.err.splitlines()), 5, ended.err)


if __name__ == "__main__":
    main(controls={"whole_plugin_file": "BadFiles.test_truncated_anywhere"})
