#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""42: All threads of libuv's pool are stuck.

No kill, timeout or journal step depends on that pool: ciplug never gives it work, so that no dead file server or name
server holds up a deadline. Its own threads are three, for logs, for the screen, and to see a plugin that
does not return."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import inject  # noqa: E402
import procs  # noqa: E402
from harness import CIPLUG, Case, main, wait_for  # noqa: E402

WORK = ("uv_queue_work", "uv_fs_", "uv_getaddrinfo", "uv_getnameinfo", "uv_random")


class Pool(Case):
    def test_nothing_is_given_to_the_pool(self):
        names = subprocess.run(["nm", "-D", "--undefined-only", CIPLUG], check=True, capture_output=True, text=True).stdout
        self.assertIn("uv_run", names)
        self.assertEqual([name for name in names.split() if name.startswith(WORK)], [])

    def test_the_threads_are_three(self):
        """While a command runs, another is at its deadline, and artifacts were copied."""
        self.fifo("go")
        running = self.start("[step a]\nartifacts = made\ncommand = touch made\n"
                             "[step s]\nneeds = a\ntimeout = 60s\ncommand = echo x; touch up; read -r x < go\n")
        self.wait_file("up")
        wait_for(lambda: procs.status_field(running.pid, "Threads") == "4", "four threads, the loop's with them")
        self.open_fifo("go")
        self.assertEqual(running.wait().status, 0)

    def test_no_thread_can_be_made_for_a_pool(self):
        """After those three every pthread_create fails; timeouts, kills, journal go on."""
        injection = inject.Injection(self.dir, CIPLUG, "pthread_create", at=4, count=0, error=11)
        ended = self.ci("[step s]\ntimeout = 300ms\ngrace = 1ms\ncommand = echo said; sleep 600\n[cleanup c]\ncommand = touch cleaned\n",
                        env=injection.env)
        self.assertEqual(ended.status, 1, ended.all)
        self.assertEqual(injection.read().calls, 3)
        record = self.run_of().one("s")
        self.assertEqual(record["outcome"], "timeout")
        self.assertLess(record["duration_ns"], 30e9)
        self.assertTrue((self.dir / "cleaned").exists())


if __name__ == "__main__":
    main(controls={"hands_keep_deadlines": "Pool.test_no_thread_can_be_made_for_a_pool"})
