#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""58: `compose up` fails half-way, or is killed.

compose.down leaves no container, network or volume of the project, whatever `up` had come to and whether the compose file
is still valid. It goes by labels and looks again; what cannot be removed fails the step and is named."""
import json
import os
import shutil
import sys
import textwrap
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from engine import Connection, EngineCase  # noqa: E402
from far_engine import FarCase  # noqa: E402
from harness import main, wait_for  # noqa: E402

POINTS = min(20, int(os.environ.get("CIPLUG_TEST_REPEATS", "5")))
FILE = """
    services:
      one:
        image: ci-busybox:1
        command: ["sleep", "1000"]
        stop_grace_period: 0s
        volumes: ["data:/data", "/anonymous"]
      two:
        image: ci-busybox:1
        command: ["sleep", "1000"]
        stop_grace_period: 0s
        depends_on: [one]
        networks: [default, front]
    networks: {front: {}}
    volumes: {data: {}}
"""
INI = """
    [ciplug]
    plugins = shell compose
    workers = 1

    [step up]
    uses = compose.up
    grace = 100ms
    %s

    [cleanup down]
    uses = compose.down

    [cleanup look]
    command =
        docker ps -aq --filter label=com.docker.compose.project={project}
        docker network ls -q --filter label=com.docker.compose.project={project}
        docker volume ls -q
"""


class HalfUp(EngineCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("docker-compose"):
            raise unittest.SkipTest("no docker-compose (./bootstrap --tests installs it)")
        super().setUpClass()

    def left(self, more="", file=FILE):
        """What is left behind a run's compose.down, which has to pass."""
        self.write("docker-compose.yml", textwrap.dedent(file))
        ended = self.ci(INI % more, patience=600)
        records = self.run_of().final("down")
        self.assertEqual([record["outcome"] for record in records.values()], ["passed"], ended.all)
        return ended, self.read(".ciplug/latest/logs/look/1.out").split()

    def test_killed_at_points(self):
        began = time.monotonic()
        ended, left = self.left()
        self.assertEqual((ended.status, left), (0, []), ended.all)
        whole = time.monotonic() - began
        self.count(repeats=POINTS)
        for point in range(POINTS):
            milliseconds = int(1000 * whole * (point + 1) / (POINTS + 1))
            with self.subTest(milliseconds=milliseconds):
                ended, left = self.left(f"timeout = {milliseconds}ms")
                self.count(losses=len(left))
                self.assertEqual(left, [], ended.all)

    def test_half_failed(self):
        bad = """
      bad:
        image: ci-busybox:1
        depends_on: [two]
        entrypoint: ["/nowhere"]
      two:"""
        ended, left = self.left(file=FILE.replace("\n      two:", bad))
        self.assertEqual((ended.status, left), (1, []))
        self.assertIn("/nowhere", self.read(".ciplug/latest/logs/up/1.err"))

    def make_network(self, name, project):
        """By the engine's own interface, which lets two have the same name."""
        connection = Connection(self.engine.folder / "sock", 60)
        body = json.dumps({"Name": name, "Labels": {"com.docker.compose.project": project, "com.docker.compose.network": "default"}})
        connection.request("POST", "/networks/create", body, {"Content-Type": "application/json"})
        self.assertEqual(connection.getresponse().status, 201)
        connection.close()

    def test_made_twice_and_no_file(self):
        """As two clients at once leave it: docker-compose finds two networks of a name and gives up."""
        self.write("docker-compose.yml", textwrap.dedent(FILE))
        self.fifo("go")
        running = self.start((INI % "").replace("    [cleanup down]", """    [step twice]
    command = touch here; read x <go; echo broken: [ >docker-compose.yml

    [cleanup down]"""))
        wait_for((self.dir / "here").exists, "the step", 600)
        project = f"ci{self.runs()[0]}w1"
        self.make_network(f"{project}_default", project)
        self.open_fifo("go")
        ended = running.wait(600)
        self.assertEqual([record["outcome"] for record in self.run_of().final("down").values()], ["passed"], ended.all)
        self.assertEqual(self.read(".ciplug/latest/logs/look/1.out").split(), [])


class Far(FarCase, HalfUp):
    """On an engine of another [host]."""

    test_killed_at_points = None


if __name__ == "__main__":
    main(controls={"down_by_label": ["HalfUp.test_made_twice_and_no_file", "Far.test_made_twice_and_no_file"]})
