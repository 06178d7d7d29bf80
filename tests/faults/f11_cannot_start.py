#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""11: A command cannot be started: folder, program, format, arguments.

The outcome is `error` and the reason names what was wrong: the folder, the program or the arguments; a file without a known format is never given to a shell; cleanup steps run."""
import os
import pathlib
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class CannotStart(Case):
    def reason(self, step, *needles, status=3):
        ended = self.ci(f"[step s]\n{step}\n[cleanup c]\ncommand = touch cleaned\n")
        record = self.run_of().one("s")
        self.assertEqual(record["outcome"], "error", record)
        for needle in needles:
            self.assertIn(needle, record["reason"])
            self.assertIn(needle, ended.all)
        self.assertEqual(ended.status, status)
        self.assertTrue((self.dir / "cleaned").exists(), "the cleanup did not run")
        return record

    def test_missing_program(self):
        self.reason("shell = none\ncommand = /no/such/tool --x", "/no/such/tool")

    def test_missing_program_on_the_path(self):
        self.reason("shell = none\ncommand = no-such-tool-anywhere", "no-such-tool-anywhere")

    def test_missing_folder_is_told_from_a_missing_program(self):
        record = self.reason("shell = none\ncwd = not/there\ncommand = true", "not/there")
        self.assertNotIn("true", record["reason"].replace("not/there", ""))

    def test_folder_that_is_a_file(self):
        self.write("file", "")
        self.reason("cwd = file\ncommand = true", "file")

    def test_program_that_is_a_folder(self):
        self.reason("shell = none\ncommand = /usr", "/usr")

    def test_program_that_may_not_be_run(self):
        self.write("plain", "echo x\n")
        self.reason("shell = none\ncommand = ./plain", "plain")

    def test_a_text_without_an_interpreter_line_is_not_given_to_a_shell(self):
        self.write("text", "touch ran-by-a-shell\n").chmod(0o755)
        self.reason("shell = none\ncommand = ./text", "text")
        self.assertFalse((self.dir / "ran-by-a-shell").exists())

    def test_program_of_another_machine(self):
        header = bytearray((pathlib.Path("/bin/true")).read_bytes())
        header[18:20] = b"\x16\x00" if header[18:20] != b"\x16\x00" else b"\x3e\x00"
        self.write("foreign", bytes(header)).chmod(0o755)
        self.reason("shell = none\ncommand = ./foreign", "foreign")

    def test_argument_that_is_too_long(self):
        self.write("long", "x" * 200_000 + "\n")
        self.reason("items_file = long\nshell = none\ncommand = true {item}")

    def test_the_others_run(self):
        self.write("here/x", "")
        self.ci("[step s]\nitems = here gone here2\ncwd = {item}\ncommand = true\n")
        final = self.run_of().final("s")
        self.assertEqual([final[n]["outcome"] for n in (1, 2, 3)], ["passed", "error", "error"])


if __name__ == "__main__":
    main(controls={
        "folder_is_told": "CannotStart.test_missing_folder_is_told_from_a_missing_program",
        "no_shell_for_texts": "CannotStart.test_a_text_without_an_interpreter_line_is_not_given_to_a_shell",
    })
