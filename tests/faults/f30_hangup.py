#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""30: The terminal is closed.

SIGHUP ends the run like any first signal, with status 129. Where it was ignored at the start (nohup), ciplug and its
commands stay deaf to it, and a run whose terminal has gone runs to its end."""
import fcntl
import os
import signal
import sys
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

INI = """
    [step s]
    command = grep SigIgn /proc/self/status; : > up; until [ -e go ]; do sleep 0.02; done
    [step t]
    command = touch second
    [cleanup c]
    command = touch cleaned
"""


class Hangup(Case):
    def start_on_terminal(self, ignore=False, **how):
        self.master, slave = os.openpty()

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            if ignore:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
        running = self.start(INI, stdin=slave, stdout=slave, preexec=own_terminal, **how)
        os.close(slave)
        self.wait_file("up")
        return running

    def close_terminal(self):
        os.close(self.master)

    def completes(self, running):
        self.write("go", "")
        ended = running.wait()
        self.assertEqual(ended.status, 0, ended.all)
        self.assert_ledger(passed=2)
        self.assertTrue((self.dir / "second").exists() and (self.dir / "cleaned").exists())
        self.assertEqual(int(self.run_of().text("s").split()[1], 16) & 1, 1, "its commands hear it")

    def test_it_ends_the_run(self):
        running = self.start_on_terminal()
        self.close_terminal()
        self.assertEqual(running.wait().status, 129)
        self.assert_ledger(cancelled=2)
        self.assertTrue((self.dir / "cleaned").exists())

    def test_under_nohup_it_does_not(self):
        running = self.start_on_terminal(wrap=("nohup",))
        self.close_terminal()
        self.completes(running)
        self.assertIn("2 passed", self.read("nohup.out"))

    def test_ignored_with_the_screen_gone_it_does_not(self):
        """Every write to the terminal fails from now on."""
        running = self.start_on_terminal(ignore=True)
        self.close_terminal()
        running.send(signal.SIGUSR1)
        self.completes(running)

    def test_ignored_it_may_come_often(self):
        running = self.start(INI, preexec=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.wait_file("up")
        for _ in range(5):
            running.send(signal.SIGHUP)
        self.completes(running)


if __name__ == "__main__":
    main(controls={"hangup_stays_ignored": "Hangup.test_ignored_it_may_come_often",
                   "commands_stay_deaf_to_hangup": "Hangup.test_ignored_it_may_come_often"})
