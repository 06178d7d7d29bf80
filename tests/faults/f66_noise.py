#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""66: Login scripts and banners talk, a background process keeps the session open, the master of all sessions dies.

What stands in front of the guard's mark is no output; the trailer, not the end of the session, ends the command, and what it left is
killed; a master that has died is opened again, and a command that it took along is started once more when the first one is gone."""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from dead import kill_all_of  # noqa: E402
from harness import main, wait_for  # noqa: E402
from sshd import HostCase  # noqa: E402

NOISE = "echo 'Welcome to the machine'; echo 'You have mail' >&2; printf 'no line end'; printf '\\036ciplug-end xyz exit 0 left 0\\n'\n"


class Noise(HostCase):
    machines, server = 1, "SetEnv SHLVL=0\nBanner /run/sshd/banner\n"

    def setUp(self):
        super().setUp()
        home = self.hosts[0].root / pathlib.Path(os.path.expanduser("~root")).relative_to("/")
        for name in ".bashrc", ".profile", ".bash_profile":
            (home / name).write_text(NOISE)
            self.addCleanup((home / name).unlink)
        (self.hosts[0].root / "run/sshd/banner").write_text("Authorized use only\n")

    def test_the_host_is_noisy(self):
        """Or the other tests say nothing."""
        ended = self.hosts.ssh("h1", "echo mine")
        self.assertIn("Welcome to the machine\nno line end", ended.stdout)
        self.assertIn("You have mail", ended.stderr)

    def test_output_is_the_commands(self):
        ended = self.ci(self.ini("count = 5\ncommand = echo out {number}; echo err >&2; exit {number}\n", workers=2), "--keep-going")
        self.assertEqual(ended.status, 1, ended.all)
        for number in range(1, 6):
            self.assertEqual(self.run_of().text("s", number), f"out {number}\n")
            self.assertEqual(self.run_of().text("s", number, "err"), "err\n")
        self.assertEqual([record["exit_code"] for _, record in sorted(self.run_of().final("s").items())], [1, 2, 3, 4, 5])

    def test_the_workspace_comes_all_the_same(self):
        """rsync needs a silent shell; where that is not to be had, it is said and the run is no success."""
        self.write("file", "there\n")
        ended = self.ci(self.ini("command = cat file\n", keys="sync = yes"), patience=120)
        if ended.status == 0:
            self.assertEqual(self.run_of().text("s"), "there\n")
        else:
            self.assertEqual(ended.status, 3, ended.all)
            self.assertRegex(ended.all, r"(?i)h1.*(shell|login|noise|prints|rsync)")


    def test_reap_counts_what_it_removed(self):
        """And not the lines of a shell that has become noisy since."""
        home = self.hosts[0].root / pathlib.Path(os.path.expanduser("~root")).relative_to("/")
        noisy = home / ".bashrc"
        noisy.write_text("")
        ciplug = self.start(self.ini("command = sleep 66004\n", keys="sync = yes"))
        wait_for(lambda: self.hosts[0].processes("sleep 66004"), "the command")
        kill_all_of(ciplug)
        self.hosts[0].settled("66004", 2)
        noisy.write_text(NOISE)
        ended = self.verb("reap", "-v")
        self.assertEqual(ended.status, 0, ended.all)
        record, = self.run_of().of("run_reaped")
        self.assertEqual(record["removed"], ["workspace h1"], ended.all)
        self.assertEqual(list((home / ".cache/ciplug").glob("run-*")), [])


class Lingering(HostCase):
    machines = 1

    def test_a_background_process(self):
        """It holds both streams, and has left the group or not."""
        for how in "", "setsid ":
            with self.subTest(how):
                began = time.monotonic()
                self.passes(self.ini(f"command = {how}sleep 66001 & echo bg\n"))
                self.assertLess(time.monotonic() - began, 30)
                self.assertEqual(self.run_of().text("s"), "bg\n")
                self.assertIn("leaked", self.run_of().one("s")["flags"])
                left = self.hosts[0].processes("sleep 66001")
                self.count(survivors=len(left))
                self.assertEqual(left, [])

    def clients(self):
        return [pid for pid, _ in procs.with_marker(self.marker) if procs.comm(pid) == "ssh"]

    def sleeping(self):
        return len([line for _, line in self.hosts[0].processes("sleep 66002") if line == "sleep 66002"])

    def kill(self, number):
        there = wait_for(self.clients, "a master")
        for pid in there:
            try:
                os.kill(pid, number)
            except OSError:
                pass

    def test_master_dies_under_commands(self):
        """All that was running over it is started again; no result is lost, none counts twice."""
        (self.hosts[0].root / "tmp" / "go").unlink(missing_ok=True)
        ciplug = self.start(self.ini("count = 8\ngrace = 1s\ncommand = sleep 66002 & until [ -e /tmp/go ]; do sleep 0.1; done; kill $!\n", workers=4))
        wait_for(lambda: self.sleeping() == 4, "four commands")
        self.kill(signal.SIGKILL)
        wait_for(lambda: len([record for record in self.run_of().finished("s") if record["outcome"] == "error"]) == 4, "four errors", 120)
        wait_for(lambda: self.sleeping() == 4, "four commands again", 120)
        (self.hosts[0].root / "tmp" / "go").touch()
        self.addCleanup((self.hosts[0].root / "tmp" / "go").unlink)
        ended = ciplug.wait(120)
        self.assertEqual(ended.status, 0, ended.all)
        self.assert_ledger(passed=8)
        self.assertEqual(len(self.run_of().finished("s")), 12)

    def test_master_is_told_to_end(self):
        """A signal that it may answer; between two steps nobody sees more of it than a line."""
        self.fifo("go")
        running = self.start(self.ini("command = true\n") + "[step wait]\ncommand = read x <go\n[step after]\nhosts = h1\ncount = 3\ncommand = true\n")
        wait_for(lambda: self.runs() and self.run_of().of("command_started", "wait"), "the step in between")
        self.kill(signal.SIGTERM)
        wait_for(lambda: not self.clients(), "its end")
        self.open_fifo("go")
        ended = running.wait()
        self.assertEqual(ended.status, 0, ended.all)
        self.assert_ledger(passed=5)
        self.assertEqual(len(self.run_of().finished("after")), 3)

    def test_no_master_outlives_ciplug(self):
        """Case.clean() looks for it when the run has passed; here it was killed."""
        ciplug = self.start(self.ini("command = sleep 66003\n"))
        wait_for(lambda: self.hosts[0].processes("sleep 66003"), "the command")
        ciplug.send(signal.SIGKILL)
        ciplug.process.wait()
        left = procs.settle(self.marker, 2)
        self.count(survivors=len(left))
        self.assertEqual(left, [])


if __name__ == "__main__":
    main(controls={"guard_in_front": "Noise.test_output_is_the_commands"})
