#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""56: The container engine is killed, hangs, or is restarted in the middle.

Every question to an engine has a limit: the command that runs in it is an error that says so, the run ends, and nothing is left
when the engine is back."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from engine import Engine, EngineCase  # noqa: E402
from far_engine import Relay  # noqa: E402
from harness import PATIENCE, Case, main, wait_for  # noqa: E402

INI = """
[ciplug]
plugins = shell docker
[docker]
container = box
[step s]
uses = docker.exec
{keys}
command = echo begun; sleep 56001
[step here]
needs =
command = echo this machine is still there
"""


class Lost(EngineCase):
    @classmethod
    def setUpClass(cls):
        """An engine of its own for each test: what has been lost does not come back as it was."""

    def setUp(self):
        Case.setUp(self)
        try:
            self.engine = Engine().start()
        except unittest.SkipTest as reason:
            self.skipTest(str(reason))
        self.addCleanup(self.engine.close)
        self.env.update(self.engine.env())
        self.image = self.engine.image_busybox()
        self.engine.docker("run", "-d", "--init", "--name", "box", self.image, "sleep", "100000")

    def running(self, keys=""):
        ciplug = self.start(INI.format(keys=keys), "--keep-going", "-j", "2")
        wait_for(lambda: self.engine.processes("sleep 56001"), "the command")
        return ciplug

    def lost(self, ciplug, *outcomes, seconds):
        ended = ciplug.wait(seconds + 60)
        self.assertLess(ended.seconds, seconds, ended.all)
        record = self.run_of().one("s")
        self.assertIn(record["outcome"], outcomes, record)
        self.assertEqual(self.run_of().one("here")["outcome"], "passed")
        return record["reason"]

    def nothing_left(self, patience=5):
        left = self.inside("sleep 56001", patience)
        self.count(survivors=len(left))
        self.assertEqual(left, [])

    def test_killed(self):
        ciplug = self.running()
        self.engine.kill()
        reason = self.lost(ciplug, "error", seconds=40)
        self.assertRegex(reason, "[Cc]annot connect|does not answer|is not running")
        # The engine's own processes hold the guard's input open: it hears nothing for 15 s.
        self.nothing_left(25)
        self.engine.restart()
        self.nothing_left()

    def test_restarted(self):
        ciplug = self.running()
        self.engine.restart()
        self.lost(ciplug, "error", seconds=60)
        self.nothing_left()

    def test_hangs(self):
        """Without a timeout of its own, too: the place is asked whether it answers."""
        ciplug = self.running()
        self.engine.stop()
        reason = self.lost(ciplug, "error", seconds=75)
        self.assertIn("answer", reason)
        self.engine.cont()
        self.nothing_left()

    def test_hangs_at_a_timeout(self):
        ciplug = self.running("timeout = 3s\ngrace = 1s")
        self.engine.stop()
        self.lost(ciplug, "timeout", "error", seconds=75)
        self.engine.cont()
        self.nothing_left()


class OfAHost(Lost):
    """Two engines, each a [host]: what the lost one was doing is done by the other one, and that is the verdict."""

    test_killed = test_restarted = test_hangs = test_hangs_at_a_timeout = None

    def setUp(self):
        super().setUp()
        self.other = Engine().start()
        self.addCleanup(self.other.close)
        self.other.image_busybox()
        self.relays = [Relay(engine) for engine in (self.engine, self.other)]
        for relay in self.relays:
            self.addCleanup(relay.close)
        self.env.pop("DOCKER_HOST")

    def requeued(self, lose, command):
        """Commands of both, the first one's engine is lost."""
        hosts = "".join(f"[host {name}]\nenv.DOCKER_HOST = {relay.address}\n" for name, relay in zip("ab", self.relays))
        ciplug = self.start(f"[ciplug]\nplugins = shell docker\nhosts = a b\n{hosts}[step s]\nuses = docker.run\ncount = 2\n"
                            f"docker.image = ci-busybox:1\ngrace = 1s\ncommand = {command}\n")
        wait_for(lambda: self.engine.processes("sleep 56003"), "the command")
        lose()
        ended = ciplug.wait(1.5 * PATIENCE)
        records = sorted((record["host"], record["attempt"], record["outcome"]) for record in self.run_of().finished("s"))
        self.assertEqual((ended.status, records), (0, [("a", 1, "error"), ("b", 1, "passed"), ("b", 2, "passed")]), ended.all)
        self.assertRegex(ended.all, "host a is lost")

    def test_killed_and_done_elsewhere(self):
        self.requeued(self.engine.kill, "[ $CI_HOST = b ] || sleep 56003")
        self.restarted()

    def test_hangs_and_is_done_elsewhere(self):
        self.requeued(self.engine.stop, "[ $CI_HOST = b ] || sleep 56003")
        self.engine.cont()
        self.nothing_of_it()

    def test_cut_off_and_done_elsewhere(self):
        """Nothing comes through any more: nobody is told."""
        self.requeued(self.relays[0].cut, "[ $CI_HOST = b ] || sleep 56003")
        self.relays[0].join()
        self.nothing_of_it()

    def restarted(self):
        self.engine.restart()
        self.nothing_of_it()

    def nothing_of_it(self):
        left = self.inside("sleep 56003", 25)
        self.count(survivors=len(left))
        self.assertEqual(left, [])


if __name__ == "__main__":
    main(controls={"places_are_probed": ["Lost.test_hangs", "OfAHost.test_cut_off_and_done_elsewhere"],
                   "lost_hosts_are_known": "OfAHost.test_killed_and_done_elsewhere"})
