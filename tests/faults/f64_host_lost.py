#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""64: A host is cut off in the middle, and nobody tells.

That is noticed within 20 s. What ran there is an error of that attempt, is dead there within 15 s and its grace, and only then is
started again, once, on another host; the run passes. With no host left the status is 3 and the ledger still adds up."""
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dead import kill_all_of  # noqa: E402
from harness import main, wait_for  # noqa: E402
from sshd import HostCase  # noqa: E402

NOTICED, LEASE, GRACE = 20, 15, 2
SLACK = float(os.environ.get("CIPLUG_TEST_SLACK", "3"))  # of a busy machine


class Watch(threading.Thread):
    """When the last process on a host has gone."""

    def __init__(self, host, text):
        super().__init__(daemon=True)
        self.host, self.text, self.gone = host, text, None
        self.start()

    def run(self):
        while self.host.processes(self.text):
            time.sleep(0.05)
        self.gone = time.monotonic()


class Cut(HostCase):
    apart = True
    tree = "sleep 64001 & setsid sleep 64001 & trap '' TERM HUP; until [ -e /tmp/go ]; do sleep 0.1; done; kill $!; echo {host}"

    def setUp(self):
        super().setUp()
        for host in self.hosts:
            (host.root / "tmp" / "go").unlink(missing_ok=True)

    def go(self, *hosts):
        """Commands on these may end."""
        for host in hosts:
            (host.root / "tmp" / "go").touch()

    def begun(self, keys="", names=None, **how):
        ciplug = self.start(self.ini(f"grace = {GRACE}s\ntimeout = 10m\n{keys}\ncommand = {self.tree}\n", names=names, **how))
        wait_for(lambda: all(host.processes("sleep 64001") for host in self.hosts if names is None or host.name in names), "the commands")
        return ciplug

    def test_in_the_middle(self):
        first, second = self.hosts
        ciplug = self.begun("count = 6\non_leak = kill")
        first.cut()
        self.addCleanup(first.join)
        cut, watch = time.monotonic(), Watch(first, "sleep 64001")
        self.go(second)
        errors = wait_for(lambda: [record for record in self.run_of().finished("s") if record["outcome"] == "error"],
                          "the loss to be noticed", 120)
        noticed = time.monotonic() - cut
        self.assertEqual(len(errors), 1, errors)
        lost = errors[0]["number"]
        again = wait_for(lambda: [record for record in self.run_of().of("command_started", "s")
                                  if record["number"] == lost and record["attempt"] > 1], "the second attempt", 120)
        restarted = time.monotonic()
        ended = ciplug.wait(120)
        watch.join(60)
        print(f"noticed after {noticed:.1f} s, dead there after {watch.gone - cut:.1f} s, started again after {restarted - cut:.1f} s")
        self.count(survivors=len(first.processes()))
        self.assertEqual(ended.status, 0, ended.all)
        self.assertLess(noticed, NOTICED + GRACE + SLACK)
        self.assertLess(watch.gone - cut, LEASE + GRACE + SLACK)
        self.assertLess(watch.gone, restarted + 0.2, "two of one command at the same time")
        self.assertEqual(len(again), 1)
        self.assert_ledger(passed=6)
        finals = self.run_of().final("s")
        self.count(losses=6 - len(finals))
        self.assertEqual({record["host"] for record in finals.values()}, {"h2"})
        self.assertEqual([len(self.run_of().finished("s", number)) for number in sorted(finals)],
                         [2 if number == lost else 1 for number in sorted(finals)])
        self.assertEqual(self.run_of().final("s")[lost]["attempt"], 2)
        self.assertIn("h1", errors[0]["reason"] + ended.all)

    def test_and_comes_back(self):
        """It is tried again after a while, and used."""
        first, second = self.hosts
        ciplug = self.begun("count = 4")
        first.cut()
        self.addCleanup(first.join)
        wait_for(lambda: [record for record in self.run_of().finished("s") if record["outcome"] == "error"], "the loss to be noticed", 120)
        first.join()
        self.go(first)
        wait_for(lambda: [record for record in self.run_of().finished("s") if record["host"] == "h1" and record["outcome"] == "passed"],
                 "its return", 180)
        self.go(second)
        ended = ciplug.wait(120)
        self.assertEqual(ended.status, 0, ended.all)
        self.assert_ledger(passed=4)

    def test_the_only_one(self):
        ciplug = self.begun("count = 3\n", names=["h1"])
        self.hosts[0].cut()
        self.addCleanup(self.hosts[0].join)
        watch = Watch(self.hosts[0], "sleep 64001")
        ended = ciplug.wait(300)
        watch.join(60)
        self.assertEqual(ended.status, 3, ended.all)
        ledger = self.run_of().last("run_finished")["ledger"]
        self.assertEqual((ledger["planned"], ledger["passed"], ledger["failed"]), (3, 0, 0))
        self.assertEqual(sum(self.run_of().counted().values()), 3)

    def test_on_host_loss_fail(self):
        ciplug = self.begun("per = host\non_host_loss = fail")
        self.hosts[0].cut()
        self.addCleanup(self.hosts[0].join)
        self.go(self.hosts[1])
        ended = ciplug.wait(120)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertEqual(self.outcomes("s"), ["error", "passed"])
        self.assertEqual(self.hosts[0].settled("64001", LEASE), [])

    def test_cut_off_and_ciplug_killed(self):
        """Nothing reaches the guard any more, not even an end of file."""
        ciplug = self.begun("per = host")
        self.hosts[0].cut()
        self.addCleanup(self.hosts[0].join)
        cut = time.monotonic()
        kill_all_of(ciplug)
        self.assertEqual(self.hosts[1].settled("64001", 2), [])
        left = self.hosts[0].settled("64001", LEASE + SLACK)
        print(f"dead after {time.monotonic() - cut:.1f} s")
        self.count(survivors=len(left))
        self.assertEqual(left, [])

    def test_silence_is_no_loss(self):
        """A command that says nothing for longer than the lease."""
        self.passes(self.ini(f"per = host\ncommand = sleep {LEASE + 4}; echo {{host}}\n"), patience=LEASE + 60)
        self.assertEqual(len(self.run_of().finished("s")), 2)
        self.assertEqual([self.run_of().text("s", number) for number in (1, 2)], ["h1\n", "h2\n"])

    def test_signal_while_cut_off(self):
        """A host that does not answer holds nobody up."""
        ciplug = self.begun("per = host")
        self.hosts[0].cut()
        self.addCleanup(self.hosts[0].join)
        ciplug.send(signal.SIGTERM)
        ended = ciplug.wait(60)
        self.assertEqual(ended.status, 143, ended.all)
        self.assertEqual(self.hosts[0].settled("64001", LEASE + GRACE), [])


class Frozen(HostCase):
    """The network is there, but sshd does not answer."""

    def test_session_stands_still(self):
        first, second = self.hosts
        ciplug = self.start(self.ini("count = 4\ngrace = 1s\ncommand = [ {host} = h2 ] || sleep 64002; echo {host}\n"))
        wait_for(lambda: first.processes("sleep 64002"), "the command")
        frozen = time.monotonic()
        first.freeze()
        self.addCleanup(first.thaw)
        wait_for(lambda: [record for record in self.run_of().finished("s") if record["outcome"] == "error"], "the loss to be noticed", 120)
        noticed = time.monotonic() - frozen
        ended = ciplug.wait(120)
        print(f"noticed after {noticed:.1f} s")
        self.assertLess(noticed, NOTICED + 1 + SLACK)
        self.assertEqual(ended.status, 0, ended.all)
        self.assert_ledger(passed=4)
        self.assertEqual({record["host"] for record in self.run_of().final("s").values()}, {second.name})
        self.assertEqual(first.settled("64002", LEASE), [])


class Sick(HostCase):
    def test_it_does_not_drain_the_queue(self):
        """One of two hosts fails everything, and faster than the other passes: it is put aside."""
        both = "[step both]\nhosts = h1 h2\nper = host\ncommand = true\n[step s]"  # are there when it begins
        ended = self.ci(self.ini("count = 60\ncommand = [ {host} = h2 ] && sleep 0.1\n").replace("[step s]", both, 1), "--keep-going", "-q")
        self.assertEqual(ended.status, 1, ended.all)
        failed = [record for record in self.run_of().final("s").values() if record["outcome"] == "failed"]
        self.count(losses=max(0, len(failed) - 20))
        self.assertLess(len(failed), 20, ended.all)
        self.assertEqual({record["host"] for record in failed}, {"h1"})
        self.assert_ledger(failed=len(failed), passed=62 - len(failed))
        self.assertRegex(ended.all, r"\bh1 was put aside.*\n\Z")  # in the last line
        self.assertIn("host h1 is put aside", "".join(record["text"] for record in self.run_of().of("run_notice")))

    def test_a_command_that_fails_everywhere_is_no_hosts_fault(self):
        ended = self.ci(self.ini("count = 40\ncommand = exit 1\n"), "--keep-going")
        self.assertEqual(ended.status, 1, ended.all)
        self.assert_ledger(failed=40)
        self.assertEqual({record["host"] for record in self.run_of().final("s").values()}, {"h1", "h2"})


if __name__ == "__main__":
    main(controls={"guard_heartbeat": "Cut.test_silence_is_no_loss", "requeue_lost": "Cut.test_in_the_middle",
                   "sick_hosts_rest": "Sick.test_it_does_not_drain_the_queue"})
