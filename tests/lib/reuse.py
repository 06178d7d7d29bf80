# SPDX-License-Identifier: MIT
"""reuse.py CIPLUG COUNT: PID 1 of a PID namespace. Runs ciplug; as soon as a command's process number is free,
a bystander takes it, as leader of a group of that number. Prints hits and how many of them lived on."""
import os
import signal
import subprocess
import sys


def take(number):
    """Fork a bystander that gets this process number, if nobody is quicker. Its number, or 0."""
    with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
        file.write(str(number - 1))
    pid = os.fork()
    if not pid:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        while True:
            signal.pause()
    if pid == number:
        return pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return 0


def main():
    program, count = sys.argv[1], int(sys.argv[2])
    bystanders = []
    with subprocess.Popen([program, "-q", "-j", "2"], stdin=subprocess.DEVNULL) as process:
        waiting = set(range(1, count + 1))
        while waiting:
            ended = process.poll() is not None
            for number in sorted(waiting):
                try:
                    with open(f"pid.{number}", encoding="ascii") as file:
                        pid = int(file.read() or 0)
                except OSError:
                    pid = -1
                if pid > 0 and not os.path.exists(f"/proc/{pid}"):
                    waiting.discard(number)
                    if take(pid):
                        bystanders.append(pid)
                elif ended:
                    waiting.discard(number)
        status = process.wait()
    lived = sum(os.waitpid(pid, os.WNOHANG) == (0, 0) for pid in bystanders)
    print(f"status={status} hits={len(bystanders)} lived={lived}")


main()
