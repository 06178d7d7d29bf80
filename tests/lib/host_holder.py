# SPDX-License-Identifier: MIT
"""host_holder.py FOLDER [net]: PID 1 of one host of sshd.py, in namespaces of its own, and parent of its sshd. A line on the input:
"restart": kill sshd and its sessions where they live, start another one; "end": end, and with PID 1 everything on the host ends.
End of the input: the test has died; the folder around all hosts is removed as well.
Says "sshd PID" when it listens, "sshd 0" when it could not."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import procs

PLACE = pathlib.Path("/run/sshd")


def take_the_dead(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def own_files(folder):
    """What is temporary, and root's home, belongs to the host alone, so that nothing is there which nobody brought; and what sshd
    reads stands there."""
    kept = {path.name: path.read_bytes() for path in (folder / "etc").iterdir()}
    home = pathlib.Path(os.path.expanduser("~root"))
    for path in ("/run", "/tmp", "/var/tmp", str(home)):
        if os.path.isdir(path):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=" + ("1777" if path.endswith("tmp") else "755"), "host", path], check=True)
    PLACE.mkdir(mode=0o755)
    for name, data in kept.items():
        (PLACE / name).write_bytes(data)
        (PLACE / name).chmod(0o600)
    if os.path.exists("/etc/ssh/sshd_config"):  # so that `sshd -T` tells of this one
        subprocess.run(["mount", "--bind", PLACE / "config", "/etc/ssh/sshd_config"], check=True)


def start(log):
    """sshd's pid, 0 when it has ended. It writes its pid file when it listens."""
    (PLACE / "pid").unlink(missing_ok=True)
    # pylint: disable=consider-using-with
    pid = subprocess.Popen([shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or "sshd", "-D", "-e", "-f", PLACE / "config"],
                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True).pid
    while not (PLACE / "pid").exists():
        if not procs.alive(pid):
            return 0
        time.sleep(0.005)  # there is nothing that tells
    return pid


def end_sshd():
    while True:
        there = [pid for pid in procs.all_pids() if procs.comm(pid).startswith("sshd") and procs.alive(pid)]
        for pid in there:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        if not there:
            return
        time.sleep(0.005)  # the handler takes them


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, take_the_dead)
    folder = pathlib.Path(sys.argv[1])
    os.environ.clear()
    os.environ.update(PATH="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LANG="C.UTF-8")
    with open(folder / "log", "ab") as log:
        if sys.argv[2:]:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        above = os.open(folder.parent.parent, os.O_RDONLY)  # soon out of sight
        own_files(folder)
        print("sshd", start(log), flush=True)
        for line in sys.stdin:
            if line == "end\n":
                return
            end_sshd()
            print("sshd", start(log), flush=True)
    os.fchdir(above)
    shutil.rmtree(folder.parent.name, ignore_errors=True)


main()
