#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""59: Two runs of one folder at the same time.

Each worker of each run has a project of its own: its containers, its networks with subnets that nobody else has. What one
run takes down is never another's."""
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from engine import EngineCase  # noqa: E402
from far_engine import FarCase  # noqa: E402
from harness import main  # noqa: E402

FILE = """services:
  web:
    image: ci-busybox:1
    command: ["sleep", "1000"]
    stop_grace_period: 0s
    volumes: ["data:/data"]
volumes: {data: {}}
"""
INI = """
    [ciplug]
    plugins = shell compose
    workers = 2

    [compose]
    service = web

    [step up]
    uses = compose.up
    per = worker

    [step write]
    uses = compose.exec
    per = worker
    command = hostname; ip -4 addr show eth0 | awk '/inet/ {print $2}'; echo $PROJECT_NAME >>/data/mine

    [step read]
    uses = compose.exec
    per = worker
    command = cat /data/mine

    [cleanup down]
    uses = compose.down
    per = worker
"""


class Projects(EngineCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("docker-compose"):
            raise unittest.SkipTest("no docker-compose (./bootstrap --tests installs it)")
        super().setUpClass()

    def test_two_runs_at_once(self):
        self.write("docker-compose.yml", FILE)
        running = [self.start(INI, "--state-dir", f"state{n}") for n in (1, 2)]
        ended = [one.wait(600) for one in running]
        self.count(repeats=1)
        hosts, addresses = [], []
        for number, one in zip((1, 2), ended):
            self.assertEqual(one.status, 0, one.all)
            run = self.runs(f"state{number}")[0]
            for worker in (1, 2):
                logs = f"state{number}/latest/logs"
                host, address = self.read(f"{logs}/write/{worker}.out").split()
                hosts.append(host)
                addresses.append(address)
                slot = self.run_of(state=f"state{number}").final("read")[worker]["worker"]
                self.assertEqual(self.read(f"{logs}/read/{worker}.out"), f"ci{run}w{slot}\n")
        self.assertEqual(len(set(hosts)), 4, hosts)
        self.assertEqual(len(set(addresses)), 4, addresses)


class Far(FarCase, Projects):
    """On an engine of another [host]."""


if __name__ == "__main__":
    main(controls={"own_project": ["Projects.test_two_runs_at_once", "Far.test_two_runs_at_once"]})
