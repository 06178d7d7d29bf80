#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""63: ssh ends, and what it had started on the other machine does not.

Whatever a command started on a host is gone after its timeout, after the death of its client and within two seconds after that of
ciplug, without a terminal there: also what ignores signals, and what has left its session. What a command leaves is flagged."""
import contextlib
import os
import random
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from dead import kill_all_of  # noqa: E402
from harness import main, wait_for  # noqa: E402
from sshd import HostCase  # noqa: E402

REPEATS = int(os.environ.get("CIPLUG_TEST_REPEATS", "10"))
TREE = ("trap '' TERM INT HUP; (exec sleep 63001) & setsid sleep 63001 & "
        "setsid sh -c \"trap '' TERM HUP; setsid sleep 63001; sleep 63001\" & sleep 63001; sleep 63001")


# With processes of its own, ciplug sees none of those on the hosts: what it does to them, it does through ssh.
APART = ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", "\"$@\"; exit $?", "sh"]


class Survivors(HostCase):
    def none_left(self, seconds=0):
        left = [one for host in self.hosts for one in host.settled("63001", seconds)]
        self.count(survivors=len(left))
        self.assertEqual(left, [])

    def running(self, keys="", tree=4, **how):
        ciplug = self.start(self.ini(f"per = host\n{keys}\ncommand = {TREE}\n"), **how)
        wait_for(lambda: all(len(host.processes("sleep 63001")) >= tree for host in self.hosts), "the trees")
        return ciplug

    def test_timeouts(self):
        ended = self.ci(self.ini(f"count = {4 * REPEATS}\ntimeout = 700ms\ngrace = 100ms\ncommand = {TREE}\n", workers=2), "--keep-going",
                        patience=300)
        self.none_left()
        self.assertEqual(ended.status, 1, ended.all)
        self.assertEqual(self.outcomes("s"), ["timeout"] * 4 * REPEATS)
        self.count(repeats=4 * REPEATS)

    def test_ciplug_sees_none_of_them(self):
        ended = self.ci(self.ini(f"count = 4\ntimeout = 3s\ngrace = 100ms\ncommand = {TREE}\n", workers=2), "--keep-going",
                        wrap=APART)
        self.none_left()
        self.assertEqual(ended.status, 1, ended.all)
        self.assertEqual(self.outcomes("s"), ["timeout"] * 4)

    def test_client_is_killed(self):
        """By each of the signals of which ssh dies."""
        for number in signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
            with self.subTest(signal=number):
                ciplug = self.running("on_host_loss = fail\ngrace = 500ms")
                for pid, _ in procs.with_marker(self.marker):
                    if procs.comm(pid) == "ssh":
                        os.kill(pid, number)
                ended = ciplug.wait(120)
                self.none_left(20)
                self.assertEqual(ended.status, 3, ended.all)
                self.assertEqual(self.outcomes("s"), ["error"] * 2)

    def test_ciplug_is_killed(self):
        """At any moment."""
        for number in range(REPEATS):
            state, many = f"state{number}", random.randint(1, 12)
            ciplug = self.start(self.ini(f"count = 40\ntimeout = 300ms\ngrace = 100ms\ncommand = {TREE}\n", workers=2), "--keep-going",
                                "--state-dir", state)
            wait_for(lambda s=state, n=many: self.runs(s) and len(self.run_of(s).of("command_started")) >= n, "some commands")
            ciplug.send(signal.SIGKILL)
            ciplug.process.wait()
            self.none_left(2)
        self.count(repeats=REPEATS)

    def test_all_of_ciplug_is_killed(self):
        """Nobody here can say anything any more: the guards see the end of their input."""
        ciplug = self.running()
        kill_all_of(ciplug)
        self.none_left(2)

    def test_what_is_left_behind(self):
        self.passes(self.ini("per = host\ncommand = setsid sleep 63001 </dev/null >/dev/null 2>&1 & echo done\n"))
        self.none_left()
        for record in self.run_of().final("s").values():
            self.assertIn("leaked", record["flags"])

    def test_guard_is_killed(self):
        """Then they are looked for on the host by their marker."""
        ciplug = self.running("on_host_loss = fail\ngrace = 500ms\ntimeout = 20s", wrap=APART)
        for host in self.hosts:
            for pid, _ in host.processes("ciplug-guard"):
                with contextlib.suppress(ProcessLookupError):  # it went with the one before
                    os.kill(pid, signal.SIGKILL)
        ciplug.wait(120)
        self.none_left()
        self.assertNotIn("passed", self.outcomes("s"))


if __name__ == "__main__":
    main(controls={"guard_in_front": ["Survivors.test_timeouts", "Survivors.test_all_of_ciplug_is_killed"],
                   "ended_at_its_place": "Survivors.test_guard_is_killed"})
