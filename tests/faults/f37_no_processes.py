#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""37: No new process can be made for a moment, or ever.

A command for which there is no process (EAGAIN, ENOMEM of fork and clone) is tried again with growing pauses, then it
is an `error` with that reason and the run ends with status 3. No slot hangs, and a service that waits for the command
does not make it wait for good."""
import errno
import os
import pathlib
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import inject  # noqa: E402
from harness import CIPLUG, PATIENCE, Case, main, wait_for  # noqa: E402

CALLS = "clone fork"
ROUNDS = max(3, min(15, int(os.environ.get("CIPLUG_TEST_REPEATS", "15"))))


def own_processes():
    return sum(path.stat().st_uid == os.getuid() for path in pathlib.Path("/proc").glob("[0-9]*") if path.exists())


class Few(Case):
    def injected(self, ini, *args, **how):
        injection = inject.Injection(self.dir, CIPLUG, CALLS, **how)
        ended = self.ci(ini, *args, env=injection.env, patience=120)
        return ended, injection.read()

    def test_a_moment_costs_nothing(self):
        """Twice EAGAIN, at each process in turn: hands by the keeper's fork, commands by the hand's clone."""
        for number in range(1, ROUNDS + 1):
            error = errno.EAGAIN if number % 2 else errno.ENOMEM
            with self.subTest(number=number):
                ended, done = self.injected(
                    "[step s]\ncount = 6\nworkers = 2\ncommand = echo said {number}\n[cleanup c]\ncommand = touch cleaned\n",
                    at=number + 1, count=2, error=error)
                self.count(repeats=1)
                self.assertEqual(ended.status, 0, f"{done.where}\n{ended.all}")
                self.assertEqual([self.run_of().text("s", n) for n in range(1, 7)], [f"said {n}\n" for n in range(1, 7)])

    def test_never_again_is_an_error(self):
        ended, done = self.injected("[step s]\ncount = 3\nworkers = 3\ncommand = touch ran.{number}\n",
                                    role="hand", at=2, count=0, error=errno.EAGAIN)
        self.assertGreater(done.injected, 3, "it was not tried again")
        self.assertEqual(ended.status, 3, ended.all)
        ran = len(list(self.dir.glob("ran.*")))
        self.assertEqual(sorted(self.outcomes("s")), sorted(["passed"] * ran + ["error"] * (3 - ran)))
        self.assertLess(ran, 3)
        self.assertIn("no new process can be made: Resource temporarily unavailable", ended.all)
        self.assert_ledger(passed=ran, error=3 - ran)

    def test_a_service_keeps_nobody_waiting(self):
        """It runs until the step that needs it has ended, which waits for a process."""
        ended, _ = self.injected("[step up]\nready = true\ncommand = touch up; exec sleep 600\n"
                                 "[step s]\ncommand = touch ran\n", "-j", "2", role="hand", at=3, count=0, error=errno.EAGAIN)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertEqual(self.run_of().one("s")["outcome"], "error")
        self.assertLess(ended.seconds, 60)


class Limited(Case):
    """A limit of the kernel: the pids controller, which root can use, or RLIMIT_NPROC, which does not bind root."""

    LIMIT = 7  # runner with two threads, keeper, two hands, two commands

    def group(self):
        """A folder that holds the processes written to it to LIMIT, or None."""
        for mount in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
            folder = pathlib.Path(mount) / f"ciplug-test-{self.marker[:8]}"
            try:
                folder.mkdir()
            except OSError:
                continue
            self.addCleanup(wait_for, lambda: self.removed(folder), f"{folder} to be empty")
            try:
                (folder / "pids.max").write_text(str(self.LIMIT))
                return folder
            except OSError:
                continue
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

    def limit(self):
        if os.geteuid() != 0:
            most = own_processes() + self.LIMIT
            return lambda: resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
        folder = self.group()
        if not folder:
            self.skipTest("no pids controller to be had")
        return lambda: (folder / "cgroup.procs").write_text(str(os.getpid()))

    def test_commands_take_turns_or_are_errors(self):
        ended = self.ci("[step s]\ncount = 12\nworkers = 6\ncommand = echo said {number}\n", "-j", "6",
                        preexec=self.limit(), patience=max(PATIENCE, 120))
        self.assertIn(ended.status, (0, 3), ended.all)
        if not self.runs():
            return  # there was room for nobody, and it was said
        for record in self.run_of().finished("s"):
            if record["outcome"] == "passed":
                self.assertEqual(self.run_of().text("s", record["number"]), f"said {record['number']}\n")
            else:
                self.assertEqual(record["outcome"], "error")
                self.assertIn("no new process can be made", record["reason"])
        self.assertEqual(sorted(self.run_of().final("s")), list(range(1, 13)))


if __name__ == "__main__":
    main(controls={"wait_for_descriptors": "Few.test_a_moment_costs_nothing",
                   "bounded_spawn_tries": "Few.test_a_service_keeps_nobody_waiting"})
