#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""62: The status 255 of ssh may mean anything.

A command that exits with 255, or that a signal ended, is a failure with that code, by the word of the guard on the other side; what
ssh could not reach is an error of the place, with ssh's own reason, and never the command's."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import main, wait_for  # noqa: E402
from sshd import HostCase, keygen  # noqa: E402


class Codes(HostCase):
    machines = 1

    def test_of_commands(self):
        codes = (1, 125, 126, 127, 137, 143, 254, 255)
        ended = self.ci(self.ini(f"items = {' '.join(map(str, codes))}\ncommand = exit {{item}}\n", workers=3), "--keep-going")
        self.assertEqual(ended.status, 1, ended.all)
        seen = {record["item"]: (record["outcome"], record["exit_code"]) for record in self.run_of().final("s").values()}
        self.assertEqual(seen, {str(code): ("failed", code) for code in codes})
        self.assertEqual(len(self.run_of().finished("s")), len(codes), "started more than once")

    def test_by_a_signal(self):
        self.ci(self.ini("command = kill -9 $$\n"))
        records = self.run_of().finished("s")
        self.assertEqual([(record["outcome"], record["exit_code"]) for record in records], [("failed", 137)])

    def test_not_there(self):
        self.ci(self.ini("shell = none\ncommand = no-such-program\n"))
        self.assertEqual((self.run_of().one("s")["outcome"], self.run_of().one("s")["exit_code"]), ("failed", 127))

    def test_the_session_dies(self):
        """In the middle of a command that exits with 0 when it is left alone: sshd is killed, and only that."""
        running = self.start(self.ini("on_host_loss = fail\ngrace = 1s\ncommand = trap 'exit 0' TERM HUP; sleep 62001 & wait\n"))
        host = self.hosts[0]
        wait_for(lambda: host.processes("sleep 62001"), "the command")
        host.restart()
        ended = running.wait(120)
        self.count(survivors=len(host.settled("62001", 20)))
        self.assertEqual(host.processes("62001"), [])
        self.assertEqual(ended.status, 3, ended.all)
        self.assert_ledger(error=1)

    def test_the_client_dies(self):
        running = self.start(self.ini("on_host_loss = fail\ngrace = 1s\ncommand = sleep 62002\n"))
        wait_for(lambda: self.hosts[0].processes("sleep 62002"), "the command")
        for pid, _ in procs.with_marker(self.marker):
            if procs.comm(pid) == "ssh":
                os.kill(pid, signal.SIGKILL)
        ended = running.wait(120)
        self.assertEqual(ended.status, 3, ended.all)
        self.assert_ledger(error=1)


class Unreachable(HostCase):
    """Each is the only host: nothing was run, so that the status is 3, and the reason is said."""

    machines = 1

    def lost(self, *reasons):
        ended = self.ci(self.ini("count = 2\ncommand = exit 255\n"), patience=120)
        self.assertEqual(ended.status, 3, ended.all)
        ledger = self.run_of().last("run_finished")["ledger"]
        self.assertEqual((ledger["planned"], ledger["passed"], ledger["failed"]), (2, 0, 0))
        self.assertEqual(sum(self.run_of().counted().values()), 2)
        said = [line for line in ended.all.splitlines() if re.search(r"\bh1\b", line) and re.search("(?i)" + "|".join(reasons), line)]
        self.assertNotEqual(said, [], ended.all)

    def test_refused(self):
        self.hosts[0].stop()
        self.addCleanup(self.hosts[0].restart)
        self.lost("connection refused")

    def test_another_host_key(self):
        known = self.hosts.folder / "known_hosts"
        self.addCleanup(known.write_text, known.read_text())
        keygen(self.dir / "other")
        known.write_text(known.read_text().split(" ")[0] + " " + (self.dir / "other.pub").read_text())
        self.lost("host key")

    def test_a_key_that_is_not_let_in(self):
        keys = self.hosts[0].root / "run/sshd/keys"
        self.addCleanup(keys.write_text, keys.read_text())
        keys.write_text("")
        self.lost("permission denied")

    def test_a_name_that_is_none(self):
        config = self.hosts.folder / "ssh_config"
        self.addCleanup(config.write_text, config.read_text())
        config.write_text(config.read_text().replace(f"HostName {self.hosts[0].address}", "HostName no-such-host.invalid"))
        self.lost("resolve")

    def test_nobody_logs_in(self):
        """sshd answers and says nothing more."""
        self.hosts[0].freeze()
        self.addCleanup(self.hosts[0].thaw)
        self.lost("timed out", "timeout", "no answer")


if __name__ == "__main__":
    main(controls={"guard_in_front": ["Codes.test_of_commands", "Codes.test_by_a_signal"]})
