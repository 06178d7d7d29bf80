#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""33: Signals to ciplug and its process group while it starts commands.

However SIGTSTP, SIGCONT and SIGUSR1 fall between fork and exec, nothing hangs, and each command has its own verdict."""
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

COUNT = max(20, min(2000, 5 * int(os.environ.get("CIPLUG_TEST_REPEATS", "40"))))
EXPECTED = {0: ("passed", 0, None), 1: ("failed", 7, None), 2: ("signaled", None, 11)}


class Hammer(Case):
    def test_every_start_is_right(self):
        self.hammer(lambda: os.setpgid(0, 0))

    def test_in_an_orphaned_group_too(self):
        self.hammer(os.setsid)

    def hammer(self, group):
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        running = self.start(f"[step s]\ncount = {COUNT}\nworkers = 8\ncommand = case $(({{number}} % 3)) in 1) exit 7 ;; 2) kill -SEGV $$ ;; esac\n"
                             "[step t]\nneeds =\ncommand = : > up; until [ -e go ]; do sleep 0.02; done\n", "--keep-going", "--output=none", "-j", "9",
                             preexec=group)
        self.wait_file("up")
        while len(self.run_of().finished("s")) < COUNT * 0.95:
            for _ in range(20):
                os.killpg(running.pid, signal.SIGTSTP)
                time.sleep(chance.choice((0, 0, 0.001, chance.uniform(0, 0.004))))
                os.killpg(running.pid, signal.SIGCONT)
                os.killpg(running.pid, signal.SIGUSR1)
                time.sleep(chance.uniform(0, 0.004))
        for _ in range(50):  # the last word has SIGCONT, at once
            os.killpg(running.pid, signal.SIGTSTP)
            os.killpg(running.pid, signal.SIGCONT)
            time.sleep(0.001)
        self.count(repeats=COUNT)
        self.write("go", "")
        self.assertEqual(running.wait().status, 1, seed)
        final = self.run_of().final("s")
        self.assertEqual(len(final), COUNT)
        wrong = [record for number, record in final.items()
                 if (record["outcome"], record["exit_code"], record["signal"]) != EXPECTED[number % 3]]
        self.count(losses=len(wrong))
        self.assertEqual(wrong, [], seed)


if __name__ == "__main__":
    main(controls={"own_session": "Hammer.test_every_start_is_right"})
