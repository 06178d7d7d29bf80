#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""containers.py [survivors|killed|many|exec|up]...: what containers cost, and what is left in them. survivors: after 200 timeouts of
hostile trees; killed: of runs that got SIGKILL at a random moment, after `ciplug reap` (a fourth as many); many: 40 clusters at once; exec: a compose.exec command against a bare docker exec, medians; up: until five clusters of the example are healthy,
with several values of `ramp`, against a shell loop with & and wait. CIPLUG_TEST_REPEATS: fewer rounds."""
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import images  # noqa: E402
import journal  # noqa: E402
from engine import BUSYBOX, Engine, docker_compose  # noqa: E402
from harness import CIPLUG, EXAMPLES, clean_environment  # noqa: E402

REPEATS = int(os.environ.get("CIPLUG_TEST_REPEATS", "200"))
RAMPS = os.environ.get("CIPLUG_BENCH_RAMPS", "1 2 3 5").split()
BOX = f"services:\n  box:\n    image: {BUSYBOX}\n    init: true\n    stop_grace_period: 0s\n    command: sleep 100000\n"
TREE = ("trap '' TERM HUP; (exec sleep 54200) & setsid sleep 54200 & setsid sh -c \"trap '' TERM; sleep 54200\" & sleep 54200; "
        "sleep 54200")


class Bench:
    def __init__(self, engine, folder):
        self.engine, self.folder = engine, pathlib.Path(folder)
        self.env = dict(clean_environment("bench"), **engine.env())

    def ciplug(self, ini, *args):
        (self.folder / "ci.ini").write_text(ini)
        subprocess.run([CIPLUG, "-q", "--output", "none", *args], cwd=self.folder, env=self.env, check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return journal.Run((self.folder / ".ciplug/latest").resolve())

    def survivors(self):
        self.engine.image_busybox()
        self.engine.docker("run", "-d", "--init", "--name", "box", BUSYBOX, "sleep", "100000")
        run = self.ciplug("[ciplug]\nplugins = shell docker\nworkers = 4\n[step s]\nuses = docker.exec\ndocker.container = box\n"
                          f"timeout = 500ms\ngrace = 200ms\ncount = {REPEATS}\ncommand = {TREE}\n", "--keep-going")
        outcomes = [record["outcome"] for record in run.final("s").values()]
        deadline = time.monotonic() + 5
        while self.engine.processes("54200") and time.monotonic() < deadline:
            time.sleep(0.05)
        print(f"{len(outcomes)} commands, {outcomes.count('timeout')} timeouts, {len(self.engine.processes('54200'))} survivors")
        self.engine.clean()

    def killed(self):
        self.engine.image_busybox()
        (self.folder / "docker-compose.yml").write_text(BOX + "    volumes: ['data:/data']\nvolumes: {data: {}}\n")
        (self.folder / "ci.ini").write_text(
            "[ciplug]\nplugins = shell compose docker\nworkers = 3\n[compose]\nservice = box\n[docker]\nimage = " + BUSYBOX +
            "\n[step up]\nuses = compose.up\nper = worker\n[step in]\nuses = compose.exec\nper = worker\ncommand = sleep 54201\n"
            "[step own]\nneeds = up\nuses = docker.run\ncount = 2\ncommand = sleep 54201\n")
        chance, before, after, rounds = random.Random(REPEATS), 0, 0, max(2, REPEATS // 4)
        for _ in range(rounds):
            # pylint: disable=consider-using-with
            run = subprocess.Popen([CIPLUG, "-q", "--output", "none"], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.5, 14))
            run.kill()
            run.wait()
            before += len(self.engine.leftovers())
            subprocess.run([CIPLUG, "reap"], cwd=self.folder, env=self.env, check=False, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            after += len(self.engine.leftovers()) + len(self.engine.processes("54201"))
        print(f"{rounds} killed runs: {before} containers, networks and volumes there before `ciplug reap`, {after} after it")
        self.engine.clean()

    def many(self):
        self.engine.image_busybox()
        (self.folder / "docker-compose.yml").write_text(BOX)
        plugins = self.folder / "config/cli-plugins"
        plugins.mkdir(parents=True)
        if docker_compose():
            (plugins / "docker-compose").symlink_to(docker_compose())
            self.env["DOCKER_CONFIG"] = str(plugins.parent)
        begun = time.monotonic()
        run = self.ciplug("[ciplug]\nplugins = shell compose\nworkers = 40\n[compose]\nservice = box\n[step up]\nuses = compose.up\nper = worker\n"
                          "[step count]\nworkers = 1\ncommand = docker network inspect -f '{{.IPAM.Config}}' "
                          "$(docker network ls -q --filter label=ciplug.run=$CI_RUN_ID) | sort -u | wc -l\n"
                          "[cleanup down]\nuses = compose.down\nper = worker\n")
        passed = [record["outcome"] for record in run.final("up").values()].count("passed")
        print(f"40 clusters at once, with {'version 2' if docker_compose() else 'version 1'}: {passed} up, in {self.took(run):.0f} s, "
              f"{run.text('count').strip()} different subnets, all over after {time.monotonic() - begun:.0f} s, "
              f"{len(self.engine.leftovers())} things left")
        self.engine.clean()

    def exec(self):
        self.engine.image_busybox()
        rounds = max(5, REPEATS // 5)
        (self.folder / "docker-compose.yml").write_text(BOX)
        head = "[ciplug]\nplugins = shell compose\nworkers = 1\n[compose]\nservice = box\n[step up]\nuses = compose.up\n"
        run = self.ciplug(f"{head}[step s]\nuses = compose.exec\ncount = {rounds + 1}\ncommand = true\n")
        self.engine.docker("run", "-d", "--init", "--name", "bare", BUSYBOX, "sleep", "100000")
        began = []
        for record in sorted(run.finished("s"), key=lambda one: one["number"]):
            clock = record["started"].split("T")[1].rstrip("Z").split(":")
            began.append(int(clock[0]) * 3600 + int(clock[1]) * 60 + float(clock[2]))
        ours = statistics.median(after - before for before, after in zip(began, began[1:]))
        bare = []
        for _ in range(rounds):
            start = time.monotonic()
            subprocess.run(["docker", "exec", "bare", "sh", "-ec", "true"], env=self.env, check=True, stdin=subprocess.DEVNULL)
            bare.append(time.monotonic() - start)
        print(f"compose.exec {ours * 1000:.0f} ms a command, docker exec {statistics.median(bare) * 1000:.0f} ms, {rounds} rounds each")
        self.engine.clean()

    def up(self):
        """In turn, so that what else the machine does is the same for all."""
        self.env.update(images.cluster(self.engine))
        example = EXAMPLES / "compose-cluster"
        loop = ("for n in 1 2 3 4 5; do (docker-compose -p l$n up -d && until [ \"$(docker inspect -f '{{.State.Health.Status}}' "
                "l${n}_web_1)\" = healthy ]; do sleep 0.3; done) & done; wait")
        for number in range(1, 6):
            subprocess.run(["docker-compose", "-p", f"l{number}", "build", "-q"], cwd=example, env=self.env, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took = {}
        for _ in range(max(1, REPEATS // 66)):
            for ramp in RAMPS:
                subprocess.run([CIPLUG, "-q", "--output", "none", "-c", example / "ci.ini", "-s", f"compose.ramp={ramp}", "up"],
                               cwd=self.folder, env=self.env, check=True, stdout=subprocess.DEVNULL)
                took.setdefault(f"ramp {ramp}", []).append(self.took(journal.Run((self.folder / ".ciplug/latest").resolve())))
            begun = time.monotonic()
            subprocess.run(["sh", "-c", loop], cwd=example, env=self.env, check=True, stderr=subprocess.DEVNULL)
            took.setdefault("shell loop", []).append(time.monotonic() - begun)
            self.engine.clean()
        for what, seconds in took.items():
            print(f"five clusters up and healthy, {what}: median {statistics.median(seconds):.1f} s of {len(seconds)} "
                  f"({min(seconds):.1f} to {max(seconds):.1f})")

    @staticmethod
    def took(run):
        """From the first start of `up` to its last end, by the monotonic durations and the starts of the records."""
        spans = []
        for record in run.finished("up"):
            clock = record["started"].split("T")[1].rstrip("Z").split(":")
            start = int(clock[0]) * 3600 + int(clock[1]) * 60 + float(clock[2])
            spans.append((start, start + record["duration_ns"] / 1e9))
        return max(end for _, end in spans) - min(start for start, _ in spans)


def main():
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    with Engine() as engine, tempfile.TemporaryDirectory(prefix="ciplug-bench-") as folder:
        for what in sys.argv[1:] or ("survivors", "killed", "many", "exec", "up"):
            getattr(Bench(engine, folder), what)()


main()
