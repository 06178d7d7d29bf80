#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""5: A process does not die of SIGKILL: a dead file server, a frozen cgroup, a debugger that holds it.

5 s after SIGKILL the command is recorded with the flag `unkillable` and a reason that names pid, state and wchan. Its worker
is free again, the others go on, the exit status is 3, and ciplug ends."""
import ctypes
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main, wait_for  # noqa: E402

FREEZER = "/sys/fs/cgroup/freezer"
PTRACE_SEIZE = 0x4206
WALL = 0x40000000


class Unkillable(Case):
    def setUp(self):
        super().setUp()
        self.fifo("hold")

    def run_with(self, hold, release):
        """Command 1 leaves a process that is held; it is to be recorded, and 2 to 6 run on the same worker."""
        running = self.start("""
            [step s]
            count = 6
            workers = 1
            command =
                if [ {number} = 1 ]; then
                    setsid sh -c 'echo $$ > tmp; mv tmp victim; exec sleep 600' >/dev/null 2>&1 &
                    read go < hold
                fi
                echo ran-{number}
            [step after]
            command = true
            [cleanup c]
            command = true
        """)
        self.wait_file("victim")
        victim = int(self.read("victim"))
        try:
            hold(victim)
            self.open_fifo("hold")
            ended = running.wait()
        finally:
            release()
        final = self.run_of().final("s")
        self.assertEqual([final[n]["outcome"] for n in range(1, 7)], ["passed"] * 6)
        self.assertIn("unkillable", final[1]["flags"])
        self.assertRegex(final[1]["reason"], rf"1 process cannot be killed: pid {victim} state [DZ] wchan \S+ ")
        self.assertEqual([final[n]["worker"] for n in range(1, 7)], [1] * 6)
        self.assertEqual(self.outcomes("after"), ["passed"])
        self.assertEqual(self.outcomes("c"), ["passed"])
        self.assertEqual(ended.status, 3, ended.all)
        self.assertLess(ended.seconds, 50)

    def test_a_frozen_one(self):
        folder = f"{FREEZER}/ciplug-test-{os.getpid()}"
        try:
            os.mkdir(folder)
        except OSError:
            self.skipTest("no freezer of cgroup v1 here; the debugger's test does it")

        def freeze(pid):
            for name, text in (("cgroup.procs", str(pid)), ("freezer.state", "FROZEN")):
                with open(f"{folder}/{name}", "w", encoding="ascii") as file:
                    file.write(text)

        def thaw():
            if not os.path.isdir(folder):
                return
            with open(f"{folder}/freezer.state", "w", encoding="ascii") as file:
                file.write("THAWED")

            def removed():
                try:
                    os.rmdir(folder)
                except OSError:
                    return False
                return True
            wait_for(removed, "the thawed process to die", patience=10)
        self.run_with(freeze, thaw)

    def test_one_that_a_debugger_holds(self):
        """It has ended, but its parent may not reap it before the debugger has."""
        libc = ctypes.CDLL(None, use_errno=True)
        held = []

        def seize(pid):
            if libc.ptrace(PTRACE_SEIZE, pid, None, None) < 0:
                self.skipTest("this user may not trace")
            held.append(pid)

        def let_go():
            while held:
                pid = held.pop()
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, WALL)
        self.run_with(seize, let_go)


if __name__ == "__main__":
    main(controls={"killing_has_an_end": "Unkillable.test_one_that_a_debugger_holds"})
