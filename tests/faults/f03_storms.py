#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""3: Fork storms, and comets that fork a successor in a new session and leave, while they are being killed.

They are killed at one stroke by cgroup and process group, and else in rounds until no child is left. It is bounded: what has
not ended 5 s after SIGKILL is recorded as unkillable. Who kills runs ahead of them, where that is allowed: each session has a
fair share of the processors, and there may be hundreds."""
import os
import pathlib
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import LIB, Case, main, wait_for  # noqa: E402

REPEATS = min(50, int(os.environ.get("CIPLUG_TEST_REPEATS", "50")))


class Storms(Case):
    def end(self, kind, number, wrap=(), repeats=REPEATS):
        """Start and kill `repeats` of them; none may count on once its result is there."""
        word = "storm" + self.marker
        self.write("word", word)
        program = self.compiled("storm.c")
        self.ci(f"[step s]\ncount = {repeats}\nworkers = 4\ntimeout = 200ms\ngrace = 50ms\nenv.STORM = {word}\n"
                f"command = exec {program} {kind} {number} counter.{{number}}\n"
                f"[cleanup look]\ncommand = cat counter.* > before; {sys.executable} -BS {LIB}/look.py word\n",
                "-j", "4", "--keep-going", wrap=wrap, patience=250)
        final = self.run_of().final("s")
        found = self.run_of().text("look").splitlines() + procs.settle(self.marker, seconds=0)
        moved = self.read("before") != "".join(self.read(path.name) for path in sorted(self.dir.glob("counter.*")))
        self.count(repeats=repeats - 1, survivors=len(found) + moved)
        self.assertEqual(found, [], "alive when the step had ended")
        self.assertFalse(moved, "somebody goes on counting")
        self.assertEqual([record["outcome"] for record in final.values()], ["timeout"] * repeats)
        self.assertEqual([record["flags"] for record in final.values()], [[]] * repeats)
        forks = [struct.unpack("I", path.read_bytes()[:4])[0] for path in self.dir.glob("counter.*")]
        self.assertGreater(sum(forks), 5 * repeats, "that was no storm")

    def test_comets(self):
        self.end("comets", 8)

    def test_a_storm_in_one_group(self):
        self.end("group", 40)

    def test_a_storm_that_leaves_its_group(self):
        self.end("mixed", 40)

    def test_a_few_comets(self):
        self.end("comets", 4, repeats=2)


class WithoutCgroup(Storms):
    def end(self, kind, number, wrap=(), repeats=REPEATS):
        wrap = ("unshare", "-m", "sh", "-c", 'umount -R -l /sys/fs/cgroup 2>/dev/null; exec "$@"', "sh")
        if os.geteuid() != 0:
            wrap = ()  # an ordinary user rarely has one anyway
        elif subprocess.run([*wrap, "true"], check=False, capture_output=True).returncode:
            self.skipTest("no mount namespace for this user")
        super().end(kind, number, wrap=wrap, repeats=repeats)


GROUPS = pathlib.Path("/sys/fs/cgroup")


class Crowd(Case):
    """More sessions than a fair share can deal with, and no cgroup for ciplug. One of the test's own ends them if ciplug
    does not, and another keeps them from taking all numbers of processes from everybody."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("an ordinary user runs nothing ahead of others")
        whole = (GROUPS / "cgroup.controllers").exists()
        self.groups = [GROUPS / root / f"ciplug-{self.marker}" for root in (("",) if whole else ("unified", "pids"))]
        try:
            for group in self.groups:
                group.mkdir()
                self.addCleanup(group.rmdir)
            (self.groups[-1] / "pids.max").write_text("6000")
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        except OSError as error:
            self.skipTest(f"no cgroups of its own for this test, or no real time: {error}")
        self.addCleanup(self.end_all)

    def end_all(self):
        (self.groups[0] / "cgroup.kill").write_text("1")
        wait_for(lambda: "populated 0" in (self.groups[0] / "cgroup.events").read_text(), "the end of the storm")

    def test_hundreds_of_comets(self):
        program = self.compiled("storm.c")
        join = "".join(f"echo $$ >{group}/cgroup.procs; " for group in self.groups)
        ended = self.ci(f"[step s]\ncount = 4\nworkers = 4\ntimeout = 300ms\ngrace = 50ms\ncommand = exec {program} comets 64 counter.{{number}}\n",
                        "-j", "4", "--keep-going", wrap=("unshare", "-m", "sh", "-c", join + 'umount -R -l /sys/fs/cgroup; exec "$@"', "sh"))
        final = self.run_of().final("s").values()
        self.assertEqual([record["outcome"] for record in final], ["timeout"] * 4, ended.all)
        self.assertEqual([record["flags"] for record in final], [[]] * 4, ended.all)
        self.assertLess(max(record["duration_ns"] for record in final), 3e9)


if __name__ == "__main__":
    main(controls={"kill_by_cgroup,kill_by_subreaper": "Storms.test_a_few_comets",
                   "ahead_of_what_it_kills": "Crowd.test_hundreds_of_comets"})
