#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""43: Odd bytes in the file: marks, line ends, NUL, long lines, noise.

What is meant is taken (byte-order mark, CRLF, 64 KiB values), the rest is refused with file and line before anything starts."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

GOOD = b"[step s]\ncommand = echo fine\n"


class Bytes(Case):
    def fine(self, data, wanted="fine\n"):
        self.passes(data)
        self.assertEqual(self.run_of().text("s"), wanted)

    def test_byte_order_mark(self):
        self.fine(b"\xef\xbb\xbf" + GOOD)

    def test_crlf(self):
        self.fine(GOOD.replace(b"\n", b"\r\n"))

    def test_crlf_in_a_script(self):
        self.fine(b"[step s]\r\ncommand =\r\n    if true; then\r\n    echo fine\r\n    fi\r\n")

    def test_no_final_newline(self):
        self.fine(GOOD.rstrip(b"\n"))

    def test_both_marks_at_once(self):
        self.fine(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n").rstrip(b"\r\n"))

    def test_a_line_of_60000_bytes(self):
        self.fine(b"[step s]\ncommand = printf %s " + b"x" * 60000 + b"\n", "x" * 60000)

    def test_a_value_of_many_lines_up_to_the_limit(self):
        lines = b"".join(b"    # %060d\n" % n for n in range(900))
        self.fine(b"[step s]\ncommand =\n" + lines + b"    echo fine\n")

    def test_semicolons_and_hashes_in_values(self):
        self.fine(b"[step s]\ncommand = echo a ; echo b # c ;d\n", "a\nb\n")

    def test_quotes_are_not_the_files_business(self):
        self.fine(b"[step s]\nenv.Q = \"q ; q\"\ncommand = printf '%s\\n' \"$Q\"\n", "\"q ; q\"\n")

    def test_equals_and_colons_in_values(self):
        self.fine(b"[step s]\nenv.U = http://h:1/?a=b\ncommand = echo $U\n", "http://h:1/?a=b\n")

    def test_indentation_of_the_first_line_is_removed_from_all(self):
        self.fine(b"[step s]\ncommand =\n    cat <<'END'\n      two\n    none\n    END\n", "  two\nnone\n")

    def test_a_key_after_a_script(self):
        self.fine(b"[step s]\ncommand =\n    echo \\\n      fine\n\n# comment\n; comment\nenv.X = y\n")

    def test_a_long_section_name(self):
        name = b"n" * 64
        self.passes(b"[step " + name + b"]\ncommand = true\n")
        self.assertEqual(self.outcomes(name.decode()), ["passed"])

    def test_nul_is_refused_with_its_line(self):
        self.refused(b"[step s]\ncommand = echo a\0b\n", "ci.ini:2:", "NUL")

    def test_nul_in_a_comment_too(self):
        self.refused(b"; \0\n[step s]\ncommand = true\n", "ci.ini:1:")

    def test_lone_carriage_returns(self):
        ended = self.ci(b"[step s]\rcommand = true\r")
        self.assertEqual(ended.status, 2, ended.all)

    def test_a_value_beyond_64_kib(self):
        self.refused(b"[step s]\ncommand = true " + b"x" * 70000 + b"\n", "ci.ini:2:")

    def test_a_line_of_ten_megabytes(self):
        self.refused(b"[step s]\ncommand = " + b"x" * 10_000_000 + b"\n", "ci.ini:2:")

    def test_bytes_that_are_no_utf8_are_passed_on(self):
        self.passes(b"[step s]\ncommand = printf '<\xff\xfe>'\n")
        self.assertEqual(self.run_of().log("s"), b"<\xff\xfe>")

    def test_broken_lines_are_all_named(self):
        self.refused("[step s]\ncommand = true\nno equals sign\n= no key\n[unclosed\n", "ci.ini:3:", "ci.ini:4:", "ci.ini:5:")

    def test_an_indented_first_line(self):
        self.refused("    command = true\n[step s]\ncommand = true\n", "ci.ini:1:")

    def test_keys_before_any_section(self):
        self.refused("command = true\n[step s]\ncommand = true\n", "ci.ini:1:")

    def test_an_empty_file(self):
        ended = self.ci(b"")
        self.assertIn(ended.status, (2, 4))
        self.assertTrue(ended.err)

    def test_noise_never_crashes(self):
        chance = random.Random(43)
        pieces = [b"[step a]", b"[", b"]", b"\n", b"\r", b" ", b"=", b";", b"#", b"command", b"\0", b"\xff", b"{item}", b"items = a",
                  b"\n  ", b"'", b'"', b"`", b"<<E", b"[cleanup a]", b"needs = a", b"\xef\xbb\xbf"]
        for _ in range(60):
            data = b"".join(chance.choice(pieces) for _ in range(chance.randrange(60)))
            ended = self.ci(data, "-n")
            self.assertIn(ended.returncode, (0, 2, 4), (data, ended.all))


if __name__ == "__main__":
    main(controls={
        "no_nul_in_the_file": "Bytes.test_nul_is_refused_with_its_line",
        "crlf_is_a_line_end": "Bytes.test_crlf_in_a_script",
    })
