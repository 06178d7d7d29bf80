#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The engine that other tests use starts, loses itself on demand, and leaves nothing."""
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from engine import CGROUPS, Engine, missing  # noqa: E402
from harness import LIB, main, wait_for  # noqa: E402

SLEEP = "exec sleep 1234"
ALONE = f"""
import sys, time
sys.path.insert(0, {str(LIB)!r})
from engine import Engine
engine = Engine().start()
engine.docker("run", "-d", engine.image_busybox(), "sh", "-c", {SLEEP!r})
print(engine.folder, engine.holder.pid, flush=True)
time.sleep(600)
"""


class Lab(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = missing()
        if reason:
            raise unittest.SkipTest(reason)

    def gone(self, folder, holder):
        wait_for(lambda: not procs.alive(holder), "the holder's end")
        self.assertFalse(os.path.exists(folder))
        self.assertEqual([pid for pid in procs.all_pids() if os.path.basename(folder) in procs.line(pid)], [])
        self.assertEqual(list(CGROUPS.glob(f"*/{os.path.basename(folder)}")), [])
        with open("/proc/self/mounts", encoding="utf-8") as file:
            self.assertNotIn(folder, file.read())

    def test_two_at_once_know_nothing_of_each_other(self):
        with Engine() as one, Engine() as two:
            for engine in one, two:
                engine.docker("run", "-d", "--init", "--name", "same", "-v", "some:/x", engine.image_busybox(), "sh", "-c", SLEEP)
                engine.docker("network", "create", "net")
                self.assertEqual(engine.leftovers(), ["container same", "network net", "volume some"])
                self.assertEqual([line for _, line in engine.processes(SLEEP[5:])][-1], SLEEP[5:])
            one.clean()
            self.assertEqual(one.leftovers(), [])
            self.assertEqual(len(two.leftovers()), 3)
            places = [(str(engine.folder), engine.holder.pid) for engine in (one, two)]
        for folder, holder in places:
            self.gone(folder, holder)

    def test_lost_and_found(self):
        with Engine() as engine:
            engine.docker("run", "-d", "--init", "--name", "lost", engine.image_busybox(), "sh", "-c", SLEEP)
            engine.stop()
            self.assertFalse(engine.answers(0.2))
            engine.cont()
            self.assertTrue(engine.answers(10))
            engine.kill()
            self.assertFalse(engine.answers())
            self.assertTrue(engine.processes(SLEEP[5:]), "the container went with its engine")
            engine.restart()
            self.assertTrue(engine.answers())
            self.assertEqual(engine.processes(), [])
            place = str(engine.folder), engine.holder.pid
        self.gone(*place)

    def test_a_killed_test_leaves_nothing(self):
        with subprocess.Popen([sys.executable, "-B", "-c", ALONE], stdout=subprocess.PIPE, text=True) as test:
            words = test.stdout.readline().split()
            test.send_signal(signal.SIGKILL)
        self.assertEqual(len(words), 2, words)
        self.gone(words[0], int(words[1]))


if __name__ == "__main__":
    main()
