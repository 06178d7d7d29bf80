#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""55: The exit code of a container's client says something else than the command's.

The status comes from the guard beside the command: its own codes 125, 126, 127, 137 and 255 are failures with that code; where
the container goes away in the middle, or never was, the outcome is an error and says so."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from engine import EngineCase  # noqa: E402
from far_engine import FarCase  # noqa: E402
from harness import main, wait_for  # noqa: E402

HEAD = "[ciplug]\nplugins = shell docker\n[docker]\ncontainer = box\nimage = ci-busybox:1\n"


class Codes(EngineCase):
    def check(self, uses):
        codes = (1, 125, 126, 127, 137, 143, 255)
        ended = self.ci(HEAD + f"[step s]\nuses = {uses}\nitems = {' '.join(map(str, codes))}\nworkers = 3\ncommand = exit {{item}}\n",
                        "--keep-going", "-j", "3")
        self.assertEqual(ended.status, 1, ended.all)
        seen = {record["item"]: (record["outcome"], record["exit_code"]) for record in self.run_of().final("s").values()}
        self.assertEqual(seen, {str(code): ("failed", code) for code in codes})

    def test_of_exec(self):
        self.box()
        self.check("docker.exec")

    def test_of_run(self):
        self.check("docker.run")

    def test_signals_and_what_is_not_there(self):
        self.box()
        self.ci(HEAD + "[step kill]\nuses = docker.exec\ncommand = kill -9 $$\n"
                "[step none]\nneeds =\nuses = docker.exec\nshell = none\ncommand = no-such-program\n", "--keep-going")
        self.assertEqual(self.run_of().one("kill")["outcome"], "failed")
        self.assertEqual(self.run_of().one("kill")["exit_code"], 137)
        self.assertEqual((self.run_of().one("none")["outcome"], self.run_of().one("none")["exit_code"]), ("failed", 127))

    def test_a_client_that_is_told_to_end_and_says_0(self):
        """Newer clients end with 0 after SIGTERM: here one that does so at once."""
        self.box()
        self.write("docker", "#!/bin/sh\nexit 0\n").chmod(0o755)
        ended = self.ci(HEAD + f"[step s]\nuses = docker.exec\ndocker.binary = {self.dir}/docker\ncommand = echo\n")
        self.assertNotEqual(ended.status, 0, ended.all)
        self.assertEqual(self.run_of().one("s")["outcome"], "error")


class Lost(EngineCase):
    def test_container_is_removed_in_the_middle(self):
        self.box()
        ciplug = self.start(HEAD + "[step s]\nuses = docker.exec\ncommand = echo begun; sleep 55001\n")
        wait_for(lambda: self.engine.processes("sleep 55001"), "the command")
        self.engine.docker("rm", "-f", "box")
        ended = ciplug.wait()
        record = self.run_of().one("s")
        self.assertEqual((ended.status, record["outcome"]), (3, "error"), record)
        self.assertIn("container box", record["reason"])
        self.assertEqual(self.run_of().text("s"), "begun\n")

    def test_container_was_never_there(self):
        ended = self.ci(HEAD + "[step s]\nuses = docker.exec\ncommand = true\n")
        record = self.run_of().one("s")
        self.assertEqual((ended.status, record["outcome"]), (3, "error"), record)
        self.assertRegex(record["reason"].lower(), "no such container.*box")


class FarCodes(FarCase, Codes):
    """On an engine of another [host]."""

    test_a_client_that_is_told_to_end_and_says_0 = test_signals_and_what_is_not_there = test_of_run = None


class FarLost(FarCase, Lost):
    """A container that is gone is no host that is lost."""


if __name__ == "__main__":
    main(controls={"guard_in_front": ["Lost.test_container_is_removed_in_the_middle", "FarLost.test_container_is_removed_in_the_middle",
                                      "Codes.test_a_client_that_is_told_to_end_and_says_0"]})
