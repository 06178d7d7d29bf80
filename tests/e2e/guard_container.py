#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guard (docs/guard.md) in containers of a real engine: as PID 1, below an init, in what `docker exec` starts."""
import io
import os
import shutil
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import engine  # noqa: E402
import guarded  # noqa: E402
from harness import main, wait_for  # noqa: E402

REPEATS = max(2, int(os.environ.get("CIPLUG_TEST_REPEATS", "60")) // 30)
# Deaf, with two daemons that are deaf as well: one in the session, one in its own.
DEAF = "trap '' TERM INT HUP; (while :; do sleep 1; done) & setsid sh -c 'while :; do sleep 1; done' & echo up; while :; do sleep 1; done"


def with_shell(shell, name):
    """The busybox image with another `sh` and its libraries; None where there is none here."""
    binary = shutil.which(shell)
    if not binary:
        return None
    tar = tarfile.open(fileobj=io.BytesIO(engine.busybox_tar()))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as new:
        for item in tar:
            if item.name != "bin/sh":
                new.addfile(item, tar.extractfile(item) if item.isreg() else None)
        linked = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
        for word in {word for word in linked.split() if word.startswith("/")}:
            new.add(os.path.realpath(word), word.lstrip("/"))
        new.add(os.path.realpath(binary), "bin/sh")
    engine.shared().docker("import", "-", name, data=made.getvalue())
    return name


class InContainers:
    shell = ""

    def setUp(self):
        super().setUp()
        name = f"ci-{self.shell}:1"
        if self.shell != "busybox" and self.engine.docker("image", "inspect", name, check=False).returncode:
            if not with_shell(self.shell, name):
                self.skipTest(f"no {self.shell}")
        self.image = name
        self.words = ["sh", "-c", guarded.text(), "ciplug-guard"]

    def guard(self, before, script, **how):
        data = guarded.prelude(["sh", "-c", script], env={"CIPLUG_JOB": f"{self.marker}.1"}, **how)
        guard = guarded.Guarded(["docker", *before, *self.words], data, env=dict(self.env))
        self.addCleanup(guard.close)
        return guard

    def place(self, *options):
        """A container that waits."""
        name = self.engine.docker("run", "-d", *options, "-l", f"test={self.marker}", self.image, "sleep", "6000")
        self.addCleanup(self.engine.docker, "rm", "-f", name)
        return name

    def up(self, guard):
        wait_for(lambda: b"up\n" in guard.out.raw, f"the command, after {guard.out.raw!r} {guard.err.raw!r}")
        return guard

    def alive(self, name):
        """What lives in a container, but for what it was started with."""
        top = self.engine.docker("top", name, "-eo", "pid,stat,args").splitlines()[1:]
        return [line for line in top if "sleep 6000" not in line and " Z" not in line and "docker-init" not in line]

    def check(self, before):
        """How a command ends, and all ways to end one."""
        out, err, end = self.guard(before, "echo out; echo err >&2; exit 5").end()
        self.assertEqual((out, err, end), (b"out\n", b"err\n", (5, 0)))
        guard = self.up(self.guard(before, "trap 'echo bye; exit 6' TERM; echo up; while :; do sleep 0.02; done"))
        guard.say(b"s TERM\n")
        self.assertEqual(guard.end()[2], (6, 0))
        self.assertEqual(self.guard(before, "setsid sleep 600 & sleep 600 & exit 7").end()[2], (7, 2))
        for end in [lambda guard: guard.say(b"k\n")] * REPEATS + [lambda guard: guard.eof(), lambda guard: None]:
            guard = self.up(self.guard(before, DEAF, lease=2))
            end(guard)
            self.assertEqual(guard.end()[2][0], 137)
            self.count(repeats=1)

    def test_exec(self):
        for options in ((), ("--init",)):
            name = self.place(*options)
            self.check(["exec", "-i", name])
            self.assertEqual(self.alive(name), [])

    def test_first_process(self):
        self.check(["run", "--rm", "-i", self.image])

    def test_below_an_init(self):
        self.check(["run", "--rm", "-i", "--init", self.image])

    def test_the_client_is_killed(self):
        """The far side gets end of file."""
        name = self.place()
        guard = self.up(self.guard(["exec", "-i", name], DEAF))
        guard.process.kill()
        wait_for(lambda: not self.alive(name), "the end of all")

    def test_other_commands_of_the_container_stay(self):
        name = self.place()
        other = guarded.Guarded(["docker", "exec", "-i", name, *self.words],
                                guarded.prelude(["sh", "-c", DEAF], env={"CIPLUG_JOB": f"{self.marker}.12"}), env=dict(self.env))
        self.addCleanup(other.close)
        self.up(other)
        before = len(self.alive(name))
        guard = self.up(self.guard(["exec", "-i", name], DEAF))
        guard.say(b"k\n")
        self.assertEqual(guard.end()[2][0], 137)
        # At least: it may have been still coming up when it was counted.
        self.assertGreaterEqual(len(self.alive(name)), before)
        other.eof()
        self.assertEqual(other.end()[2][0], 137)
        self.assertEqual(self.alive(name), [])

    def test_variables(self):
        name = self.place("-e", "FROM_PLACE=1", "-e", "line=x", "-e", "LC_ALL=C.UTF-8")
        data = guarded.prelude(["env", "-0"], env={"CIPLUG_JOB": "x.1", "ALL": bytes(range(1, 256))}, odd={"a.b": "c", "UID": "9"}, cwd="/etc")
        guard = guarded.Guarded(["docker", "exec", "-i", name, *self.words], data, env=dict(self.env))
        self.addCleanup(guard.close)
        out, err, end = guard.end()
        self.assertEqual((err, end), (b"", (0, 0)))
        found = dict(item.split(b"=", 1) for item in out.split(b"\0")[:-1])
        want = {b"FROM_PLACE": b"1", b"line": b"x", b"LC_ALL": b"C.UTF-8", b"ALL": bytes(range(1, 256)), b"a.b": b"c", b"UID": b"9"}
        self.assertEqual({name: found.get(name) for name in want}, want)
        self.assertIn(b"/bin", found[b"PATH"])
        self.assertFalse([name for name in found if name.startswith(b"g_")])


class Busybox(InContainers, engine.EngineCase):
    shell = "busybox"


class Dash(InContainers, engine.EngineCase):
    shell = "dash"


class Bash(InContainers, engine.EngineCase):
    shell = "bash"


if __name__ == "__main__":
    main()
