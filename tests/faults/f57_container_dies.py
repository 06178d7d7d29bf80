#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""57: The container dies in the middle: out of memory, killed, restarted.

The outcome's reason says what happened to the container; a death of the command's place is never a verdict on the command."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from engine import EngineCase  # noqa: E402
from far_engine import FarCase  # noqa: E402
from harness import main, wait_for  # noqa: E402

EXEC = ("[ciplug]\nplugins = shell docker\n[step s]\nuses = docker.exec\ndocker.container = box\n"
        "command = echo begun; sleep 57001; echo never\n")
# Takes all the memory that there is.
GREEDY = "tail /dev/zero"


class Dies(EngineCase):
    def dies(self, *words, options=()):
        """The command's record when this was done to its container in the middle."""
        self.box(*options)
        ciplug = self.start(EXEC)
        wait_for(lambda: self.engine.processes("sleep 57001"), "the command")
        self.engine.docker(*words)
        ended = ciplug.wait()
        record = self.run_of().one("s")
        self.assertEqual((ended.status, record["outcome"]), (3, "error"), record)
        self.assertEqual(self.run_of().text("s"), "begun\n")
        self.assertIn(record["reason"], ended.out)
        return record["reason"]

    def test_killed(self):
        self.assertIn("exited with 137", self.dies("kill", "box"))

    def test_restarted(self):
        self.assertIn("restarted in the middle", self.dies("restart", "-t", "0", "box"))

    def test_comes_back_by_its_restart_policy(self):
        self.box("--restart", "always")
        ciplug = self.start(EXEC)
        wait_for(lambda: self.engine.processes("sleep 57001"), "the command")
        # Its first process dies; an order by the engine's own kill would be obeyed for good.
        self.engine.docker("exec", "box", "kill", "-TERM", "1")
        ciplug.wait()
        record = self.run_of().one("s")
        self.assertEqual(record["outcome"], "error", record)
        self.assertRegex(record["reason"], "restarted in the middle|exited with 143")

    def test_out_of_memory_in_exec(self):
        """Only the greedy one is killed: that is a failure of the command, and the reason says why."""
        self.box("--memory", "24m")
        ended = self.ci(f"[ciplug]\nplugins = shell docker\n[step s]\nuses = docker.exec\ndocker.container = box\ncommand = {GREEDY}\n")
        record = self.run_of().one("s")
        self.assertEqual((ended.status, record["outcome"], record["exit_code"]), (1, "failed", 137), record)
        self.assertIn("out of memory", record["reason"])

    def test_out_of_memory_in_run(self):
        ended = self.ci(f"[ciplug]\nplugins = shell docker\n[step s]\nuses = docker.run\ndocker.image = {self.image}\n"
                        f"docker.memory = 24m\ncommand = {GREEDY}\n")
        record = self.run_of().one("s")
        self.assertIn((ended.status, record["outcome"]), ((1, "failed"), (3, "error")), record)
        self.assertIn("out of memory", record["reason"])


class Far(FarCase, Dies):
    """On an engine of another [host]."""

    test_comes_back_by_its_restart_policy = test_out_of_memory_in_run = None


if __name__ == "__main__":
    main(controls={"guard_in_front": ["Dies.test_killed", "Dies.test_restarted", "Far.test_killed"]})
