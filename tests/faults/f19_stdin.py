#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""19: A command reads the caller's input, or prompts on the terminal.

Standard input is /dev/null and there is no controlling terminal: what asks fails at once, nothing of the caller's is read."""
import fcntl
import os
import sys
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Stdin(Case):
    def test_read_ends_at_once(self):
        with open(self.write("caller", "precious\n"), "rb") as file:
            ended = self.start("[step s]\ncommand = read x || echo $?\n", stdin=file).wait()
            self.assertEqual(ended.status, 0)
            self.assertEqual(os.lseek(file.fileno(), 0, os.SEEK_CUR), 0, "something was read of the caller's input")
        self.assertEqual(self.run_of().text("s"), "1\n")

    def test_a_prompt_fails_at_once_though_there_is_a_terminal(self):
        master, slave = os.openpty()
        self.addCleanup(os.close, master)

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        running = self.start("[step s]\ncommand = if (: </dev/tty) 2>/dev/null; then exit 9; fi\n"
                             "timeout = 10s\n", stdin=slave, preexec=own_terminal)
        os.close(slave)
        ended = running.wait()
        self.assertEqual(ended.status, 0, ended.all)

    def test_every_command_has_the_same_empty_input(self):
        self.passes("[step s]\ncount = 3\ncommand = test \"$(readlink /proc/self/fd/0)\" = /dev/null\n")


if __name__ == "__main__":
    main(controls={
        "empty_stdin": "Stdin.test_read_ends_at_once",
        "own_session": "Stdin.test_a_prompt_fails_at_once_though_there_is_a_terminal",
    })
