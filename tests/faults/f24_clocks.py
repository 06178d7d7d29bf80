#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""24: The machine's clock jumps, or ciplug itself stands still.

Deadlines and durations use a clock that only goes forward; recorded times stay in order and true to each other. Deadlines
are kept by another process: they are on time also while ciplug is stopped or does not get to run."""
import os
import shlex
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import LIB, Case, main, wait_for  # noqa: E402


class Clock(Case):
    def library(self):
        path = self.dir / "clockjump.so"
        subprocess.run([*shlex.split(os.environ.get("CC", "cc")), "-shared", "-fPIC", "-o", path, LIB / "clockjump.c"], check=True)
        return path

    def jumps(self, seconds):
        env = {"LD_PRELOAD": str(self.library()), "CLOCK_JUMP": str(self.dir / "jump"),
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        running = self.start("[ciplug]\nrun_timeout = 10m\nworkers = 4\n"
                             "[step s]\ntimeout = 60s\ncommand = : > up; until [ -e go ]; do sleep 0.02; done\n"
                             "[step slow]\nneeds =\ntimeout = 1500ms\ngrace = 5s\ncommand = : > up2; exec sleep 600\n"
                             "[step again]\nneeds =\nretries = 1\nretry_delay = 300ms\ncommand = [ -e second ] || { : > second; exit 1; }\n"
                             "[step last]\nneeds = s\ncommand = true\n[cleanup c]\ntimeout = 60s\ncommand = true\n", "--keep-going", env=env)
        self.wait_file("up")
        self.wait_file("up2")
        self.write("jump.new", f"{seconds}\n").rename(self.dir / "jump")
        wait_for(lambda: self.run_of().finished("slow"), "the timeout")
        self.write("go", "")
        ended = running.wait()
        self.assertEqual(ended.status, 1, ended.all)
        self.assert_ledger(passed=3, timeout=1)
        record = self.run_of()
        for done in record.of("command_finished"):
            self.assertLess(done["duration_ns"], 120e9)
            self.assertGreaterEqual(done["duration_ns"], 0)
        self.assertGreater(record.one("slow")["duration_ns"], 1.4e9)
        times = [line["time"] for line in record.records() if "time" in line]
        self.assertGreater(len(times), 10)
        self.assertEqual(times, sorted(times), "the records' times go back")
        shown = ended.out.rpartition(" in ")[2].split(";")[0]
        self.assertNotIn("h", shown, "the run's time follows the jump")

    def test_an_hour_back(self):
        self.jumps(-3600)

    def test_an_hour_ahead(self):
        self.jumps(3600)


class Stopped(Case):
    def test_the_deadline_is_on_time_while_ciplug_is_stopped(self):
        running = self.start("[step s]\ntimeout = 1s\ngrace = 1s\ncommand = trap ': > soft' TERM; : > up; while :; do sleep 0.02 || :; done\n")
        self.wait_file("up")
        wait_for(lambda: self.run_of().of("command_started"), "its record")
        running.send(signal.SIGSTOP)
        began = time.monotonic()
        wait_for(lambda: not procs.commands(self.marker, but=[running.pid]), "its end", patience=20)
        self.assertLess(time.monotonic() - began, 10)
        self.assertTrue((self.dir / "soft").exists(), "the grace was not given")
        time.sleep(1)
        running.send(signal.SIGCONT)
        self.assertEqual(running.wait().status, 1)
        record = self.run_of().one("s")
        self.assertEqual(record["outcome"], "timeout")
        self.assertGreater(record["duration_ns"], 1.9e9)

    def test_output_that_waited_is_not_lost(self):
        """The command ends while ciplug stands still: what is in the pipes is read afterwards."""
        running = self.start("[step s]\ncommand = : > up; until [ -e go ]; do sleep 0.02; done; head -c 60000 /dev/zero; echo end\n")
        self.wait_file("up")
        wait_for(lambda: self.run_of().of("command_started"), "its record")
        running.send(signal.SIGSTOP)
        self.write("go", "")
        wait_for(lambda: not procs.commands(self.marker, but=[running.pid]), "its end", patience=20)
        time.sleep(0.4)
        running.send(signal.SIGCONT)
        self.assertEqual(running.wait().status, 0)
        self.assertEqual(len(self.run_of().log("s")), 60004)


if __name__ == "__main__":
    main(controls={"monotonic_clock": "Clock.test_an_hour_ahead", "steady_time_of_day": "Clock.test_an_hour_back"})
