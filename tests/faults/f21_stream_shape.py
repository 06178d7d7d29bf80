#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""21: Bytes come in any shape: split characters, no line end, NUL, both streams at once.

Logs hold exactly the bytes that were written, to the last one."""
import hashlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Shape(Case):
    def log_of(self, data, *, pieces):
        """What a program that writes `data` in such pieces leaves in its log."""
        self.write("data", data)
        self.write("write.py", "import os, sys\ndata = open('data', 'rb').read()\nstep = int(sys.argv[1])\n"
                   "for at in range(0, len(data), step):\n    os.write(1, data[at:at + step])\n")
        self.passes(f"[step s]\nshell = none\ncommand = {sys.executable} -BS write.py {pieces}\n", "--output=live")
        return self.run_of().log("s")

    def test_single_bytes_of_utf8_and_crlf(self):
        data = "grüße \U0001f600\r\nzwei\rdrei\n\n\0end".encode() * 50
        self.assertEqual(self.log_of(data, pieces=1), data)

    def test_odd_pieces_of_noise(self):
        data = os.urandom(2_000_003)
        self.assertEqual(hashlib.sha256(self.log_of(data, pieces=4093)).digest(), hashlib.sha256(data).digest())

    def test_one_line_without_end(self):
        data = b"x" * 5_000_000
        self.assertEqual(self.log_of(data, pieces=65536), data)

    def test_to_the_last_byte_on_a_slow_disk(self):
        """More than a mebibyte, where reading stops for a while: the end of it is in the pipe when the command ends."""
        self.write("out", data := os.urandom((1 << 20) + 110_007))
        self.passes("[step s]\ncommand = cat out\n", env=self.shim("slowlog.c", CIPLUG_TEST_SLOWLOG_US="40000"))
        self.assertEqual(hashlib.sha256(self.run_of().log("s")).digest(), hashlib.sha256(data).digest())

    def test_both_streams_at_once(self):
        self.passes("[step s]\ncommand =\n    seq 1 100000 &\n    seq 1 100000 >&2\n    wait\n")
        wanted = "".join(f"{n}\n" for n in range(1, 100001)).encode()
        self.assertEqual(self.run_of().log("s"), wanted)
        self.assertEqual(self.run_of().log("s", stream="err"), wanted)

    def test_a_partial_last_line_is_shown_with_an_end(self):
        ended = self.passes("[step a]\ncommand = printf 'no end-%s' 7\n[step b]\ncommand = printf 'next-%s' 8\n")
        self.assertTrue(any(line.rstrip().endswith("no end-7") for line in ended.out.splitlines()), ended.out)


if __name__ == "__main__":
    main(controls={"drain": "Shape.test_to_the_last_byte_on_a_slow_disk"})
