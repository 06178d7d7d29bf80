#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""78: Secrets of commands that run in containers.

They travel by the guard's input: the command has them, and they stand in no argument list on this machine or in the container,
not in what the engine tells of the container, not in its events, not in the run's files."""
import hashlib
import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from engine import EngineCase  # noqa: E402
from harness import main, wait_for  # noqa: E402

SECRET = "s3cr3t-Value'with\"quote and $blank\\0101"


class Secrets(EngineCase):
    def watch(self, stop, seen):
        while not stop.is_set():
            for pid in procs.all_pids():
                if SECRET[:12] in procs.line(pid):
                    seen.append(procs.line(pid))

    def check(self, uses, keys=""):
        self.env["TOKEN"] = SECRET
        stop, seen = threading.Event(), []
        watcher = threading.Thread(target=self.watch, args=(stop, seen))
        watcher.start()
        try:
            ciplug = self.start(f"[ciplug]\nplugins = shell docker\nmask = TOKEN\n[step s]\nuses = {uses}\n{keys}\n"
                                "command = printf %s \"$TOKEN\" | sha256sum; echo \"says $TOKEN\"; sleep 78001\n"
                                "timeout = 3s\ngrace = 1s\n")
            wait_for(lambda: self.engine.processes("sleep 78001"), "the command")
            told = json.dumps([self.engine.api(f"/containers/{item['Id']}/json") for item in self.engine.api("/containers/json")])
            for container in self.engine.api("/containers/json"):
                for one in self.engine.api(f"/containers/{container['Id']}/json")["ExecIDs"] or []:
                    told += json.dumps(self.engine.api(f"/exec/{one}/json"))
            ended = ciplug.wait()
        finally:
            stop.set()
            watcher.join()
        self.count(repeats=1, losses=len(seen) + told.count(SECRET[:12]))
        self.assertEqual(seen, [])
        self.assertNotIn(SECRET[:12], told)
        self.assertEqual(self.run_of().text("s").split(), [hashlib.sha256(SECRET.encode()).hexdigest(), "-", "says", "***"])
        files = b"".join(path.read_bytes() for path in (self.dir / ".ciplug").rglob("*") if path.is_file())
        self.assertNotIn(SECRET[:12].encode(), files + ended.raw_out + ended.raw_err)

    def test_docker_exec(self):
        self.box()
        self.check("docker.exec", "docker.container = box")

    def test_docker_run(self):
        self.check("docker.run", f"docker.image = {self.image}")


if __name__ == "__main__":
    main(controls={"guard_in_front": "Secrets.test_docker_run"})
