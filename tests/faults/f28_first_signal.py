#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""28: SIGINT, SIGTERM or SIGHUP to ciplug, by kill or from the terminal.

Every tree gets the same signal and its grace, nothing new starts, cleanup steps run, the status is 128 and the signal."""
import fcntl
import os
import signal
import sys
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import Case, main  # noqa: E402

INI = """
    [ciplug]
    grace = 10s
    [step s]
    count = 28
    workers = 8
    command = trap 'echo heard >&2; exit 0' {signal}; : > up.{number}; while :; do sleep 0.05; done
    [cleanup c]
    command = touch cleaned
"""


class First(Case):
    def check(self, running, number):
        ended = running.wait()
        self.assertEqual(ended.status, 128 + number, ended.all)
        self.assertEqual(procs.settle(self.marker, seconds=0), [])
        self.assert_ledger(cancelled=28)
        run = self.run_of()
        for n in range(1, 9):
            self.assertIn("heard\n", run.text("s", n, "err"), "the soft signal did not arrive")
        started = [record["number"] for record in run.of("command_started", "s")]
        self.assertEqual(sorted(started), list(range(1, 9)), "something was started after the signal")
        self.assertTrue((self.dir / "cleaned").exists())

    def all_up(self):
        for number in range(1, 9):
            self.wait_file(f"up.{number}")

    def test_by_kill(self):
        for number, name in ((signal.SIGINT, "INT"), (signal.SIGTERM, "TERM"), (signal.SIGHUP, "HUP")):
            with self.subTest(name=name):
                for path in [*self.dir.glob("up.*"), *self.dir.glob("cleaned")]:
                    path.unlink()
                running = self.start(INI.replace("{signal}", "INT TERM HUP"))
                self.all_up()
                running.send(number)
                self.check(running, number)

    def test_by_the_terminal(self):
        master, slave = os.openpty()
        self.addCleanup(os.close, master)

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        running = self.start(INI.replace("{signal}", "INT TERM HUP"), "--progress=none", stdin=slave, preexec=own_terminal)
        os.close(slave)
        self.all_up()
        os.write(master, b"\x03")
        self.check(running, signal.SIGINT)

    def test_nothing_ran_yet(self):
        running = self.start("[step s]\nif = : > up; until [ -e never ]; do sleep 0.02; done\ncommand = touch ran\n")
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        self.assertFalse((self.dir / "ran").exists())


if __name__ == "__main__":
    main(controls={"first_signal_cancels": "First.test_by_the_terminal"})
