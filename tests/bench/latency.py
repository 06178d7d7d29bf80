#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""latency.py [ROUNDS [COMMANDS...]]: how long it takes until the last process of every tree is gone, p50, p99 and max in ms:
after the grace of a timeout, and after SIGKILL of ciplug; with 1, 8 and 32 commands of 7 hostile processes each, which ignore
TERM, HUP and INT, and of which 6 have left session and group. CLOCK_MONOTONIC, a pidfd for every process."""
import datetime
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import journal  # noqa: E402
import procs  # noqa: E402
from harness import CIPLUG, LIB, clean_environment  # noqa: E402

GRACE = 0.5


def watch(word):
    """An epoll that tells of the end of every process of the trees, and how many these are."""
    poll, count = select.epoll(), 0
    for pid, line in procs.with_marker(word):
        if "tree.py" not in line:
            continue
        poll.register(os.pidfd_open(pid), select.EPOLLIN)
        count += 1
    return poll, count


def last_end(poll, count):
    """CLOCK_MONOTONIC when the last of them had ended."""
    while count:
        for fd, _ in poll.poll(60):
            poll.unregister(fd)
            os.close(fd)
            count -= 1
    return time.monotonic()


def one(commands, kill):
    """Milliseconds of one round."""
    word = "t" + uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="ciplug-bench-") as name:
        folder = pathlib.Path(name)
        limit = 60 if kill else 4 + commands // 4
        (folder / "ci.ini").write_text(f"[step s]\ncount = {commands}\nworkers = {commands}\ntimeout = {limit}s\ngrace = {GRACE}s\n"
                                       f"command = exec {sys.executable} -BSE {LIB}/tree.py --stay 6 up.{{number}}\n")
        with subprocess.Popen([CIPLUG, "-q", "-j", str(commands)], cwd=folder, env=clean_environment(word),
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            while len(list(folder.glob("up.*"))) < commands:
                time.sleep(0.01)
            poll, count = watch(word)
            assert count == 7 * commands, (count, commands)
            if kill:
                began = time.monotonic()
                process.send_signal(signal.SIGKILL)
                return (last_end(poll, count) - began) * 1000
            ended = last_end(poll, count)
            process.wait()
        finished = journal.Run((folder / ".ciplug/latest").resolve()).of("command_finished")
        begun = max(datetime.datetime.fromisoformat(record["started"].replace("Z", "+00:00")).timestamp() for record in finished)
        return (ended - (begun - (time.time() - time.monotonic())) - limit - GRACE) * 1000


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, {rounds} rounds")
    for commands in map(int, sys.argv[2:] or ("1", "8", "32")):
        for kill, name in ((False, "after the grace"), (True, "after SIGKILL of ciplug")):
            took = sorted(one(commands, kill) for _ in range(rounds))
            p50, p99 = took[len(took) // 2], took[min(len(took) - 1, int(len(took) * 0.99))]
            print(f"{commands:3} commands, {7 * commands:3} processes, {name}: p50 {p50:.1f} p99 {p99:.1f} max {took[-1]:.1f} ms",
                  flush=True)


main()
