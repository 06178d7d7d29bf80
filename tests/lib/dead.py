# SPDX-License-Identifier: MIT
"""Runs that were killed with all that could have cleaned up after them, and bystanders."""
import os
import signal
import subprocess

import procs


def helpers(pid):
    """The keeper and hands of a runner."""
    return [other for other in procs.descendants(pid)
            if procs.status_field(other, "Name") in ("ci-keeper", "ci-hand")]


def kill_all_of(running):
    """SIGKILL of runner, keeper and hands, stopped first: none of them sees another one die."""
    everybody = [running.pid, *helpers(running.pid)]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in everybody:
            os.kill(pid, number)
    running.process.wait()


class Bystander:
    """A process with this in its environment, that must not be touched."""

    def __init__(self, case, **env):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(["sleep", "600"], env=dict(case.env, **env), start_new_session=True)
        case.addCleanup(self.end)

    def alive(self):
        return self.process.poll() is None

    def end(self):
        self.process.kill()
        self.process.wait()


def cgroup_root():
    """Where cgroup v2 is mounted, or None."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            if " - cgroup2 " in line:
                return line.split()[4]
    return None
