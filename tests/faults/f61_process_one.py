#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""61: A container's process 1 ignores SIGTERM.

A container that is made for a command has an init in front, so that a soft signal ends what would end elsewhere, without
waiting for the grace to pass; and when the client is killed, the container is gone, too."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from engine import EngineCase  # noqa: E402
from harness import main, wait_for  # noqa: E402

STEP = "[ciplug]\nplugins = shell docker\n[step s]\nuses = docker.run\ndocker.image = ci-busybox:1\nshell = none\ncommand = sleep 701\n"


class ProcessOne(EngineCase):
    def test_a_soft_signal_is_enough(self):
        for guard in ("no", "auto"):
            with self.subTest(guard=guard):
                self.ci(f"{STEP}docker.guard = {guard}\ntimeout = 1s\ngrace = 45s\n", patience=120)
                record = self.run_of().one("s")
                self.assertEqual(record["outcome"], "timeout")
                self.assertLess(record["duration_ns"], 40e9)
                self.assertEqual(self.engine.processes("sleep 701"), [])

    def test_its_client_is_killed(self):
        for guard in ("no", "auto"):
            with self.subTest(guard=guard):
                running = self.start(f"{STEP}docker.guard = {guard}\n")
                wait_for(lambda: self.engine.processes("sleep 701"), "the command")
                name = self.engine.api("/containers/json")[0]["Names"][0].lstrip("/")
                clients = [pid for pid in procs.all_pids() if " run --rm --init " in procs.line(pid) and f" {name} " in procs.line(pid)]
                self.assertNotEqual(clients, [])
                for pid in clients:
                    os.kill(pid, signal.SIGKILL)
                running.wait()
                self.assertIn(self.run_of().one("s")["outcome"], ("error", "signaled"))
                self.assertEqual(self.engine.processes("sleep 701"), [])


if __name__ == "__main__":
    main(controls={"container_init": "ProcessOne.test_a_soft_signal_is_enough"})
