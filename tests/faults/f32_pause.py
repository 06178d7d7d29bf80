#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""32: SIGTSTP and SIGCONT, by kill and by Ctrl-Z.

Every tree stops, also what left its session, with every deadline: the time until SIGCONT counts nowhere. A SIGCONT that
overtakes the stop is not lost; a signal that comes meanwhile is answered afterwards; SIGKILL of ciplug leaves nothing."""
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import CIPLUG, LIB, Case, main, wait_for  # noqa: E402

LIMIT = 6  # seconds: what the deadlines below have
PAUSE = LIMIT + 0.5
PAIRS = max(20, min(2000, int(os.environ.get("CIPLUG_TEST_REPEATS", "200"))))
WAIT = "until [ -e go ]; do sleep 0.02; done"
TREE = f"{sys.executable} -BS {LIB}/tree.py --stay 4"
NO_CGROUP = ("unshare", "-m", "sh", "-c",
             'for dir in $(sed -n "s/^[^-]* \\(\\/[^ ]*\\) [^-]* - cgroup2 .*/\\1/p" /proc/self/mountinfo); do umount -l "$dir"; done; exec "$@"', "sh")


class Pausing(Case):
    def start(self, *args, **how):
        """In a process group of its own, as a shell with job control does it: an orphaned one cannot be stopped."""
        how.setdefault("preexec", lambda: os.setpgid(0, 0))
        return super().start(*args, **how)

    def stop(self, running, number=signal.SIGTSTP):
        running.send(number)
        wait_for(lambda: procs.stat(running.pid)[0] == "T", "ciplug to stop")

    def wait_still(self, running):
        wait_for(lambda: all(procs.stands(pid) for pid in procs.commands(self.marker, but=[running.pid])),
                 "every process of the commands to stop", patience=10)

    def config(self, name, text):
        """For several runs in one folder."""
        return self.write(name, text), f"--state-dir={name}.state"


class Trees(Pausing):
    INI = f"[step s]\ncommand = {TREE} up\n[step t]\nneeds =\ncommand = : > up2; {WAIT}\n"

    def every_tree(self, wrap=()):
        running = self.start(self.INI, wrap=wrap)
        self.wait_file("up", "up")
        self.wait_file("up2")
        self.stop(running)
        pids = procs.commands(self.marker, but=[running.pid])
        self.assertGreaterEqual(len(pids), 6)
        self.wait_still(running)
        running.send(signal.SIGCONT)
        wait_for(lambda: not any(procs.stands(pid) for pid in pids if procs.alive(pid)), "every process to go on")
        self.write("go", "")
        running.send(signal.SIGTERM)
        running.send(signal.SIGINT)
        self.assertIn(running.wait().status, (130, 143))

    def test_every_process_stops_and_goes_on(self):
        self.every_tree()

    def test_without_cgroups_too(self):
        if subprocess.run([*NO_CGROUP, "true"], check=False, capture_output=True).returncode:
            raise unittest.SkipTest("no right to hide the cgroups")
        self.every_tree(NO_CGROUP)

    def test_in_an_orphaned_group_too(self):
        """Nobody is there to stop ciplug itself for: it waits, and so does all that it runs."""
        running = self.start(self.INI, preexec=os.setsid)
        self.wait_file("up", "up")
        self.wait_file("up2")
        running.send(signal.SIGTSTP)
        self.wait_still(running)
        running.send(signal.SIGTSTP)
        running.send(signal.SIGTERM)
        time.sleep(0.2)
        self.wait_still(running)
        self.write("go", "")
        running.send(signal.SIGCONT)
        wait_for(lambda: "SIGTERM" in running.out() + running.err(), "the answer")
        running.send(signal.SIGINT)
        self.assertEqual(running.wait().status, 143)

    def test_what_was_kept_stops_too(self):
        running = self.start(f"[step s]\non_leak = keep\ncommand = {sys.executable} -BS {LIB}/tree.py 3 up\n"
                             f"[step t]\ncommand = : > up2; {WAIT}\n")
        self.wait_file("up2")
        self.stop(running)
        self.wait_still(running)
        self.write("go", "")
        running.send(signal.SIGCONT)
        self.assertEqual(running.wait().status, 0)

    def test_so_does_what_runs_beside(self):
        """`if`, `ready` and on_failure, and what the failed command left."""
        running = self.start(f"[step a]\nif = : > up1; {WAIT}\ncommand = true\n"
                             f"[step b]\nneeds =\nready = : > up2; {WAIT}\ncommand = exec sleep 600\n"
                             f"[step c]\nneeds =\non_failure = : > up3; {WAIT}\ncommand = sleep 600 & exit 3\n"
                             f"[step d]\nneeds = b\ncommand = true\n", "--keep-going")
        for number in (1, 2, 3):
            self.wait_file(f"up{number}")
        self.stop(running)
        self.wait_still(running)
        self.write("go", "")
        running.send(signal.SIGCONT)
        self.assertEqual(running.wait().status, 1)
        self.assertEqual([self.outcomes(step) for step in "abcd"], [["passed"], ["passed"], ["failed"], ["passed"]])

    def test_what_dies_meanwhile_wakes_nobody(self):
        """A stranger kills the first process: the others stay as they are, and are swept afterwards."""
        running = self.start(f"[step s]\ncommand = echo $$ > pid; {sys.executable} -BS {LIB}/tree.py 3 up; exec sleep 600\n"
                             f"[step t]\nneeds =\ncommand = {WAIT}\n", "--keep-going")
        self.wait_file("up", "up")
        wait_for(lambda: "sleep 600" in str(procs.with_marker(self.marker)), "the exec")
        self.stop(running)
        self.wait_still(running)
        first = int(self.read("pid"))
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: not procs.alive(first), "its end")
        time.sleep(0.3)
        left = procs.commands(self.marker, but=[running.pid])
        self.assertGreaterEqual(len(left), 4)
        self.assertTrue(all(procs.stands(pid) for pid in left), "somebody was woken")
        self.write("go", "")
        running.send(signal.SIGCONT)
        self.assertEqual(running.wait().status, 1)
        self.assertEqual(self.outcomes("s"), ["signaled"])
        self.assertEqual(procs.settle(self.marker, seconds=0), [])

    def test_nothing_runs(self):
        running = self.start("[step s]\nretries = 1\nretry_delay = 2s\ncommand = [ -e second ] || { : > second; exit 1; }\n")
        wait_for(lambda: self.runs() and self.run_of().finished("s"), "the first attempt")
        self.stop(running)
        running.send(signal.SIGCONT)
        self.assertEqual(running.wait().status, 0)

    def test_sigkill_of_the_stopped_leaves_nothing(self):
        for wrap in ((), NO_CGROUP):
            with self.subTest(wrap=wrap):
                running = self.start(self.INI, wrap=wrap)
                self.wait_file("up", "up")
                self.wait_file("up2")
                self.stop(running)
                self.wait_still(running)
                running.send(signal.SIGKILL)
                running.wait()
                left = procs.settle(self.marker, seconds=2, helpers=False)
                self.count(survivors=len(left))
                self.assertEqual(left, [])
                self.assertEqual(procs.settle(self.marker, seconds=20), [])
                for name in ("up", "up2"):
                    (self.dir / name).unlink()

    def test_a_signal_meanwhile_is_answered_afterwards(self):
        running = self.start(f"[ciplug]\ngrace = 20s\n[step s]\ncommand = trap 'touch heard; exit 0' TERM; : > up; {WAIT}\n")
        self.wait_file("up")
        self.stop(running)
        running.send(signal.SIGTSTP)  # a second one changes nothing
        running.send(signal.SIGUSR1)
        running.send(signal.SIGTERM)
        time.sleep(0.3)
        self.assertFalse((self.dir / "heard").exists())
        running.send(signal.SIGCONT)
        self.assertEqual(running.wait().status, 143)
        self.assertTrue((self.dir / "heard").exists())
        self.assertEqual(self.outcomes("s"), ["cancelled"])


class Overtaken(Pausing):
    def test_a_sigcont_right_behind_is_not_lost(self):
        running = self.start(f"[step s]\ncount = 32\nworkers = 32\ncommand = : > up.{{number}}; {WAIT}\n", "-j", "32")
        for number in range(1, 33):
            self.wait_file(f"up.{number}")
        for number in range(PAIRS):
            running.send(signal.SIGTSTP)
            time.sleep(number % 20 * 2e-5)
            running.send(signal.SIGCONT)
            time.sleep(0.003)
            wait_for(lambda: procs.stat(running.pid)[0] != "T", "it to go on", patience=3)
        self.count(repeats=PAIRS)
        self.write("go", "")
        wait_for(lambda: running.process.poll() is not None or procs.stat(running.pid)[0] == "Z", "its end", patience=20)
        self.assertEqual(running.wait().status, 0)


class Timers(Pausing):
    def test_none_goes_on(self):
        """One pause for all of them, longer than each."""
        steps, steps_state = self.config("steps.ini", f"""
[ciplug]
run_timeout = {LIMIT + 60}s
workers = 12
[step timeout]
timeout = {LIMIT}s
command = : > up1; {WAIT}
[step slow]
needs =
slow = {LIMIT}s
command = : > up2; {WAIT}
[step start]
needs =
start_timeout = {LIMIT}s
ready = : > up3; [ -e go ]
command = exec sleep 600
[step asks]
needs =
timeout = {LIMIT}s
if = : > up4; {WAIT}
command = true
[step grace]
needs =
timeout = 300ms
grace = {LIMIT}s
command = trap ': > up5; {WAIT}; touch tidied; exit 0' TERM; while :; do sleep 0.02; done
[step retry]
needs =
retries = 1
retry_delay = {LIMIT}s
command = : > up6; exit 1
[step user]
needs = start
command = true
""")
        whole, whole_state = self.config("whole.ini", f"[ciplug]\nrun_timeout = {LIMIT}s\n[step s]\ncommand = : > up7; {WAIT}\n")
        cleanup, cleanup_state = self.config("cleanup.ini", "[step s]\ncommand = true\n[cleanup c]\n"
                                             f"timeout = {LIMIT}s\ncommand = : > up8; {WAIT}\n")
        rush, rush_state = self.config("rush.ini", f"[step s]\ncommand = : > up9; exec sleep 600\n[cleanup c]\ncommand = : > up10; {WAIT}\n")
        hurried = self.start(rush, rush_state)
        self.wait_file("up9")
        hurried.send(signal.SIGINT)
        self.wait_file("up10")
        hurried.send(signal.SIGTERM)
        wait_for(lambda: "killing at once" in hurried.out() + hurried.err(), "the notice")
        runs = [hurried, *(self.start(ini, state, "--keep-going") for ini, state in
                           ((steps, steps_state), (whole, whole_state), (cleanup, cleanup_state)))]
        for number in range(1, 9):
            self.wait_file(f"up{number}")
        wait_for(lambda: self.run_of("steps.ini.state").finished("retry"), "the first attempt")
        for running in runs:
            self.stop(running)
        time.sleep(PAUSE)
        for running in runs:
            running.send(signal.SIGCONT)
        self.write("go", "")
        record = self.run_of("steps.ini.state")
        wait_for(lambda: all(record.finished(step) for step in ("timeout", "slow", "asks", "grace", "user")), "the ends")
        self.assertEqual(len(record.of("command_started", "retry")), 1, "the retry's delay went on")
        runs[1].send(signal.SIGTERM)
        ends = [running.wait() for running in runs]
        outcome = {step: record.one(step)["outcome"] for step in ("timeout", "slow", "start", "asks", "grace")}
        self.assertEqual(outcome, {"timeout": "passed", "slow": "passed", "start": "passed", "asks": "passed",
                                   "grace": "timeout"})
        self.assertTrue((self.dir / "tidied").exists(), "the grace went on")
        self.assertNotIn("has been running for", ends[1].all)
        for step in ("timeout", "slow", "start", "grace"):
            self.assertLess(record.one(step)["duration_ns"], PAUSE * 1e9, step)
        self.assertEqual([end.status for end in ends], [130, 143, 0, 0], ends[2].all)
        self.assertEqual(self.outcomes("c", state="rush.ini.state"), ["passed"])
        self.assertEqual(self.outcomes("c", state="cleanup.ini.state"), ["passed"])

    def test_what_starts_in_that_moment_is_not_charged(self):
        """ciplug has asked for the start and is stopped before it hears of it."""
        running = self.start(f"[step s]\ncount = 2\nworkers = 2\ncommand = : > up.{{number}}; [ {{number}} = 1 ] || {WAIT}\n"
                             f"[step t]\nworkers = 1\ncommand = : > late; until [ -e go2 ]; do sleep 0.02; done\n")
        self.wait_file("up.2")
        wait_for(lambda: self.runs() and self.run_of().finished("s", 1), "the end of the first")
        keeper = next(pid for pid in procs.children(running.pid) if procs.comm(pid) == "ci-keeper")
        idle = wait_for(lambda: [pid for pid in procs.children(keeper) if not procs.children(pid)], "an idle hand")
        self.assertEqual(len(idle), 1)
        os.kill(idle[0], signal.SIGSTOP)
        self.write("go", "")
        wait_for(lambda: self.run_of().of("step_started", "t"), "the next step")
        wait_for(lambda: procs.stat(running.pid)[0] == "S", "ciplug to wait")
        self.stop(running)
        os.kill(idle[0], signal.SIGCONT)
        time.sleep(1.5)
        self.write("go2", "")
        running.send(signal.SIGCONT)
        self.assertEqual(running.wait().status, 0)
        self.assertLess(self.run_of().one("t")["duration_ns"], 1.5e9)


class Terminal(Pausing):
    def shell_job(self, master):
        """Under a terminal of its own, a shell with job control, which starts ciplug."""
        pid = os.fork()
        if pid:
            return pid
        os.setsid()
        fcntl.ioctl(master[1], termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(master[1], fd)
        os.chdir(self.dir)
        os.execve("/bin/bash", ["bash", "--norc", "-c",
                                f"set -m; {CIPLUG} -c ci.ini --progress=none; echo stopped=$? >&2; jobs; read x; fg; echo ended=$? >&2"], self.env)

    def said(self, master, seen, text):
        def look():
            try:
                seen[0] += os.read(master, 65536)
            except (BlockingIOError, OSError):
                pass
            return text in seen[0]
        wait_for(look, text.decode())

    def test_ctrl_z_and_fg(self):
        master = pty.openpty()
        self.addCleanup(os.close, master[0])
        os.set_blocking(master[0], False)
        self.write("ci.ini", f"[ciplug]\nrun_timeout = {LIMIT}s\n[step s]\ncommand = {sys.executable} -BS {LIB}/tree.py 2 up; {WAIT}\n")
        shell, seen = self.shell_job(master), [b""]
        self.addCleanup(os.waitpid, shell, 0)
        os.close(master[1])
        self.wait_file("up", "up")
        os.write(master[0], b"\x1a")
        self.said(master[0], seen, b"stopped=")
        ciplug = next(pid for pid in procs.children(shell))
        self.assertEqual(procs.stat(ciplug)[0], "T")
        wait_for(lambda: all(procs.stands(pid) for pid in procs.commands(self.marker, but=[ciplug, shell])), "the tree to stop")
        time.sleep(PAUSE)
        self.write("go", "")
        os.write(master[0], b"x\n")
        self.said(master[0], seen, b"ended=0")
        self.assertEqual(self.outcomes("s"), ["passed"])


if __name__ == "__main__":
    main(controls={"trees_are_paused": "Trees.test_every_process_stops_and_goes_on",
                   "run_clock_stands_still": "Timers.test_none_goes_on",
                   "deadlines_stand_still": "Timers.test_none_goes_on",
                   "continue_takes_the_stop_away": "Overtaken.test_a_sigcont_right_behind_is_not_lost"})
