#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""60: A run dies with all that could have cleaned up, and leaves containers, networks and volumes.

The next start, or `reap`, removes what the dead run had created in the engine, and nothing that is another's: not the containers
of a living run, not those that only look alike."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dead import kill_all_of  # noqa: E402
from engine import EngineCase  # noqa: E402
from harness import main, wait_for  # noqa: E402

COMPOSE = """
services:
  box:
    image: ci-busybox:1
    init: true
    stop_grace_period: 0s
    command: sleep 60002
    volumes:
      - some:/some
volumes:
  some:
"""
INI = """
[ciplug]
plugins = shell docker compose
workers = 1
[compose]
file = docker-compose.yml
service = box
[step up]
uses = compose.up
[step s]
uses = docker.run
docker.image = ci-busybox:1
command = sleep 60001
[cleanup down]
uses = compose.down
"""


class Orphans(EngineCase):
    def running(self, state=".ciplug"):
        self.write("docker-compose.yml", COMPOSE)
        before = len(self.engine.processes("sleep 60001"))
        ciplug = self.start(INI, "--state-dir", state)
        wait_for(lambda: len(self.engine.processes("sleep 60001")) > before, "the command")
        return ciplug, self.runs(state)[0]

    def test_reap_removes_the_dead_runs_and_nothing_else(self):
        foreign = [self.box(name="foreign"), self.box("--label", "ciplug.run=zzzzzzzz", name="ciplike_box_1")]
        dead, run = self.running("one")
        living, other = self.running("two")
        kill_all_of(dead)
        self.assertGreaterEqual(len(self.engine.leftovers(run)), 3)
        theirs = self.engine.leftovers(other)
        reaped = self.verb("reap", "--state-dir", "one", patience=120)
        self.assertEqual(reaped.status, 0, reaped.all)
        left = self.engine.leftovers(run)
        self.count(losses=len(left))
        self.assertEqual(left, [])
        self.assertEqual(self.engine.leftovers(other), theirs)
        self.assertEqual([name for name in foreign if f"container {name}" not in self.engine.leftovers()], [])
        living.send(2)
        self.assertEqual(living.wait(120).status, 130)
        self.assertEqual(self.engine.leftovers(other), [])

    def test_the_next_start_does_too(self):
        dead, run = self.running()
        kill_all_of(dead)
        self.assertGreaterEqual(len(self.engine.leftovers(run)), 3)
        self.ci("[ciplug]\nplugins = shell docker compose\n[step s]\ncommand = true\n", patience=120)
        left = self.engine.leftovers(run)
        self.count(losses=len(left))
        self.assertEqual(left, [])


if __name__ == "__main__":
    main(controls={"sweep_at_start": "Orphans.test_the_next_start_does_too"})
