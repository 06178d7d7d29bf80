#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""54: The client of a command in a container dies, and the command lives on.

What a command started in a container is gone after a timeout, a death of the client and a death of ciplug: by the guard, where
that is gone by its marker, and where there is no shell with the whole container."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from dead import kill_all_of  # noqa: E402
from engine import EngineCase  # noqa: E402
from far_engine import FarCase  # noqa: E402
from harness import main, wait_for  # noqa: E402

# One ignores signals, one has left the group, one both; all carry a number that nothing else has.
TREE = ("trap '' TERM INT HUP; (exec sleep 54001) & setsid sleep 54001 & "
        "setsid sh -c \"trap '' TERM HUP; sleep 54001\" & sleep 54001; sleep 54001")


class Client(EngineCase):
    def ini(self, keys=""):
        return f"[ciplug]\nplugins = shell docker\n[step s]\nuses = docker.exec\ndocker.container = box\n{keys}\ncommand = {TREE}\n"

    def running(self, keys="", count=4):
        self.box()
        ciplug = self.start(self.ini(keys))
        wait_for(lambda: len(self.engine.processes("sleep 54001")) >= count, "the tree in the container")
        return ciplug

    def ended(self, ciplug, *outcomes):
        """Its reason; nothing is left inside."""
        self.assertIn(ciplug.wait().status, (1, 3))
        record = self.run_of().one("s")
        self.none_left()
        self.assertIn(record["outcome"], outcomes, record)
        return record["reason"]

    def none_left(self):
        left = self.inside("sleep 54001")
        self.count(survivors=len(left))
        self.assertEqual(left, [])
        self.assertEqual(self.engine.docker("inspect", "-f", "{{.State.Running}}", "box"), "true")

    def client(self):
        return wait_for(lambda: [pid for pid, line in procs.with_marker(self.marker) if "docker exec" in line], "the client")[0]

    def test_timeout(self):
        reason = self.ended(self.running("timeout = 3s\ngrace = 1s"), "timeout")
        self.assertIn("ended by its guard", reason)

    def test_client_is_killed(self):
        ciplug = self.running()
        os.kill(self.client(), signal.SIGKILL)
        self.ended(ciplug, "error")

    def test_ciplug_is_killed(self):
        ciplug = self.running()
        ciplug.send(signal.SIGKILL)
        ciplug.wait()
        self.none_left()

    def test_all_of_ciplug_is_killed(self):
        """Not even the hand can say anything any more: the guard sees the end of its input."""
        ciplug = self.running()
        kill_all_of(ciplug)
        self.none_left()

    def kill_the_guard(self):
        for pid, _ in self.engine.processes("ciplug-guard"):
            os.kill(pid, signal.SIGKILL)

    def test_guard_is_killed(self):
        """Then the plugin finds them by their marker."""
        ciplug = self.running()
        self.kill_the_guard()
        reason = self.ended(ciplug, "error", "failed", "signaled")
        self.assertIn("processes were killed", reason)


class Far(FarCase, Client):
    """The same on an engine of another [host]."""

    test_guard_is_killed = None

    def client(self):
        return wait_for(lambda: [pid for pid, line in procs.with_marker(self.marker) if "docker exec" in line], "the client")[0]

    def ended(self, ciplug, *outcomes):
        """A client that was killed is no lost host: the engine answers."""
        reason = super().ended(ciplug, *outcomes)
        self.assertNotIn("is lost", reason)
        return reason


class WithoutShell(EngineCase):
    def test_the_container_is_killed(self):
        """Of docker.run and docker.exec: what cannot be ended alone goes with its container."""
        self.box(name="bare", image=self.bare())
        ended = self.ci("""
[ciplug]
plugins = shell docker
timeout = 2s
grace = 1s
shell = none
[step exec]
uses = docker.exec
docker.container = bare
command = /sleep 54002
[step run]
needs =
uses = docker.run
docker.image = ci-bare:1
command = /sleep 54002
""", "--keep-going", "-j", "2")
        self.assertEqual(ended.status, 1, ended.all)
        left = self.inside("sleep 54002")
        self.count(survivors=len(left))
        self.assertEqual(left, [])
        for step in "exec", "run":
            record = self.run_of().one(step)
            self.assertEqual(record["outcome"], "timeout", record)
        self.assertIn("container bare was killed as a whole", self.run_of().one("exec")["reason"])

    def bare(self):
        """An image of one program."""
        if self.engine.docker("image", "inspect", "ci-bare:1", check=False).returncode:
            self.engine.docker("build", "-t", "ci-bare:1", "-", data=b"FROM ci-busybox:1 AS all\nFROM scratch\n"
                               b"COPY --from=all /bin/busybox /sleep\nCMD [\"/sleep\", \"100000\"]\n")
        return "ci-bare:1"

    def box(self, *options, name="box", words=("/sleep", "100000"), image=None):
        return super().box(*options, name=name, words=words, image=image)


if __name__ == "__main__":
    main(controls={"guard_in_front": ["Client.test_timeout", "Far.test_timeout"],
                   "ended_at_its_place": ["Client.test_guard_is_killed", "WithoutShell.test_the_container_is_killed"]})
