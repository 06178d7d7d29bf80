#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""38: Memory runs out, or the kernel's OOM killer comes.

When ciplug finds no memory it ends with status 3 and one line, without a crash, and nothing that it started lives on;
keeper and hands answer with an error and go on. Commands are the first to go, by 500 more points for the OOM killer; one
that it took is `signaled` with signal 9, never passed, and the run goes on."""
import errno
import os
import pathlib
import random
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import inject  # noqa: E402
from harness import CIPLUG, Case, main, wait_for  # noqa: E402

CALLS = "malloc calloc realloc"
RUN = "[step s]\ncount = 2\nworkers = 2\ncommand = echo said {number}\n[cleanup c]\ncommand = touch cleaned\n"
ROUNDS = max(3, min(15, int(os.environ.get("CIPLUG_TEST_REPEATS", "15"))))
MEMORY = 64 << 20
EATER = f"x = b'x' * {MEMORY * 4}"


class Allocations(Case):
    """A sample; torture.py tries them all."""

    def run_with(self, **how):
        injection = inject.Injection(self.dir, CIPLUG, CALLS, error=errno.ENOMEM, **how)
        ended = self.ci(RUN, "-j", "2", env=injection.env)
        done = injection.read()
        self.count(repeats=1)
        self.assertEqual(done.crash, 0, f"{done.crashed_at}\n{ended.all}")
        self.assertGreaterEqual(ended.returncode, 0, ended.all)
        return ended, done

    def test_the_runner_ends_with_status_3(self):
        seed = int(os.environ.get("CIPLUG_TEST_SEED", "38"))
        print(f"CIPLUG_TEST_SEED={seed}")
        chance = random.Random(seed)
        total = self.run_with(role="runner", at=0)[1].calls
        self.assertGreater(total, 100)
        for number in sorted(chance.sample(range(1, total), ROUNDS)):
            with self.subTest(number=number):
                ended, done = self.run_with(role="runner", at=number, count=0)
                if done.injected:
                    self.assertIn(ended.status, (2, 3), f"{done.where}\n{ended.all}")
                    self.assertTrue(ended.err)

    def test_keeper_and_hands_answer(self):
        for role in ("keeper", "hand"):
            for number in range(1, ROUNDS + 1):
                with self.subTest(role=role, number=number):
                    ended, done = self.run_with(role=role, at=number)
                    self.assertIn(ended.status, (0, 3), f"{done.where}\n{ended.all}")
                    if ended.status == 0:
                        self.assertEqual([self.run_of().text("s", n) for n in (1, 2)], ["said 1\n", "said 2\n"])

    def test_an_order_that_finds_no_memory_is_sent_again(self):
        """The first two messages of the runner ask for a hand and start the command; the third one stops it."""
        injection = inject.Injection(self.dir, CIPLUG, "sendmsg", at=3, error=errno.ENOBUFS, role="runner")
        running = self.start("[step s]\ncommand = : > up; exec sleep 600\n", env=injection.env)
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        self.assertEqual(injection.read().injected, 1)
        self.assertEqual(self.outcomes("s"), ["cancelled"])


class Killer(Case):
    def test_commands_are_the_first_to_go(self):
        own = int(pathlib.Path("/proc/self/oom_score_adj").read_text())
        self.passes("[step s]\ncommand = cat /proc/self/oom_score_adj\n")
        self.assertEqual(int(self.run_of().text("s")), min(1000, own + 500))

    def group(self):
        """A memory cgroup of MEMORY bytes without swap, or None: the v1 hierarchy, or the v2 one."""
        for mount, files in (("/sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")),
                             ("/sys/fs/cgroup", ("memory.max", "memory.swap.max"))):
            folder = pathlib.Path(mount) / f"ciplug-test-{self.marker[:8]}"
            try:
                folder.mkdir()
            except OSError:
                continue
            self.addCleanup(wait_for, lambda at=folder: self.removed(at), f"{folder} to be empty")
            try:
                (folder / files[0]).write_text(str(MEMORY))
            except OSError:
                continue
            try:
                (folder / files[1]).write_text(str(MEMORY) if "memsw" in files[1] else "0")
            except OSError:
                pass  # no swap is accounted here
            return folder
        return None

    @staticmethod
    def removed(folder):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def test_what_it_took_is_signaled(self):
        folder = self.group()
        if not folder:
            self.skipTest("no memory controller to be had")
        ended = self.ci(f"[step s]\ncommand =\n    echo $$ > {folder}/cgroup.procs\n    touch in\n    exec python3 -c \"{EATER}\"\n"
                        "[step other]\nneeds =\ncommand = echo said\n[cleanup c]\ncommand = touch cleaned\n")
        self.assertTrue((self.dir / "in").exists(), ended.all)
        self.assertEqual(ended.status, 1, ended.all)
        record = self.run_of().one("s")
        self.assertEqual((record["outcome"], record["signal"]), ("signaled", 9))
        self.assertEqual(self.run_of().one("other")["outcome"], "passed")
        self.assertTrue((self.dir / "cleaned").exists())


if __name__ == "__main__":
    main(controls={"first_to_go": "Killer.test_commands_are_the_first_to_go",
                   "orders_arrive": "Allocations.test_an_order_that_finds_no_memory_is_sent_again"})
