#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""34: Ciplug inherits a hostile signal state: SIGCHLD ignored, everything blocked, an alarm pending.

It works as ever, and commands start with default dispositions and an empty mask, but for a SIGHUP that nohup ignores. What
the caller wanted of the scheduler (nice, chrt) holds for commands, too."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main, wait_for  # noqa: E402

INI = "[step s]\nworkers = 1\ncount = 3\ncommand =\n    case {number} in\n    2) exit 7 ;;\n    3) kill -SEGV $$ ;;\n    esac\n"
ALL = set(range(1, 65)) - {signal.SIGKILL, signal.SIGSTOP, 32, 33}


class Hostile(Case):
    def outcome_of(self, preexec):
        ended = self.start(INI, preexec=preexec).wait()
        self.assertEqual(ended.status, 1, ended.all)
        final = self.run_of().final("s")
        self.assertEqual([(final[n]["outcome"], final[n]["exit_code"], final[n]["signal"]) for n in (1, 2)],
                         [("passed", 0, None), ("failed", 7, None)])
        self.assertEqual((final[3]["outcome"], final[3]["signal"]), ("signaled", 11))

    def test_sigchld_ignored(self):
        self.outcome_of(lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))

    def test_everything_blocked(self):
        self.outcome_of(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ALL))

    def test_an_alarm_is_pending(self):
        def alarm():
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            os.kill(os.getpid(), signal.SIGALRM)
        self.outcome_of(alarm)

    def test_everything_ignored(self):
        def ignore():
            for number in ALL - {signal.SIGHUP}:
                signal.signal(number, signal.SIG_IGN)
        self.outcome_of(ignore)

    def test_commands_get_defaults_and_an_empty_mask(self):
        def hostile():
            for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGUSR2, signal.SIGTERM, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, ALL)
        self.start("[step s]\nshell = none\ncommand = cat /proc/self/status\n", preexec=hostile).wait()
        status = self.run_of().text("s")
        for field in ("SigBlk", "SigIgn", "SigCgt", "SigPnd"):
            self.assertEqual(int(re.search(rf"^{field}:\s*(\w+)", status, re.MULTILINE)[1], 16), 0, field)

    def test_commands_have_the_callers_priority(self):
        def modest():
            os.nice(7)
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        show = f"{sys.executable} -Sc 'import os; print(os.nice(0), os.sched_getscheduler(0))'"
        for preexec, want in ((None, f"{os.nice(0)} {os.sched_getscheduler(0)}\n"), (modest, f"{min(19, os.nice(0) + 7)} {os.SCHED_BATCH}\n")):
            self.assertEqual(self.start(f"[step s]\ncommand = {show}\n", preexec=preexec).wait().status, 0)
            self.assertEqual(self.run_of().text("s"), want)

    def test_a_blocked_term_still_ends_it(self):
        running = self.start("[step s]\ncommand = : > up; exec sleep 600\n",
                             preexec=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT}))
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)

    def test_a_blocked_question_is_answered(self):
        running = self.start("[step s]\noutput = none\ncommand = echo last-$((6 * 7)); : > up; until [ -e go ]; do sleep 0.02; done\n",
                             preexec=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}))
        self.wait_file("up")

        def asked():
            running.send(signal.SIGUSR1)
            return "last-42" in running.out() + running.err()
        wait_for(asked, "the answer")
        self.write("go", "")
        self.assertEqual(running.wait().status, 0)

    def test_nohup_stays_deaf_to_hup_and_so_do_its_commands(self):
        running = self.start("[step s]\ncommand = : > up; until [ -e go ]; do sleep 0.02; done; grep SigIgn /proc/self/status\n",
                             preexec=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.wait_file("up")
        running.send(signal.SIGHUP)
        self.write("go", "")
        self.assertEqual(running.wait().status, 0)
        self.assertEqual(int(self.run_of().text("s").split()[1], 16) & 1, 1)


if __name__ == "__main__":
    main(controls={"empty_signal_mask": "Hostile.test_a_blocked_question_is_answered",
                   "default_signals": "Hostile.test_commands_get_defaults_and_an_empty_mask",
                   "usual_priority": "Hostile.test_commands_have_the_callers_priority"})
