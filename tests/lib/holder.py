# SPDX-License-Identifier: MIT
"""holder.py FOLDER ADDRESS [WORD...]: parent of the dockerd of engine.py, with these words for it, and subreaper of all that it
starts. Runs in network and mount namespaces of its own. A line on the input: kill dockerd where it lives, start another one.
End of the input: kill everything, remove the folder. Says the pid of each dockerd that it starts."""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import procs

CGROUPS = pathlib.Path("/sys/fs/cgroup")


def below(folder):
    """Mount points below a folder, the innermost first."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        points = [line.split()[1].encode().decode("unicode_escape") for line in file]
    return [point for point in reversed(points) if point.startswith(str(folder) + "/")]


def remove_cgroups(name):
    for top in CGROUPS.glob(f"*/{name}"):
        for path, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(path)
            except OSError:
                pass


def take_the_dead(*_):
    """Who asks whether a zombie lives is told that it does. False: there are no children at all."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def know_no_names():
    """Answers every question for a name with NXDOMAIN, at ADDRESS, which all containers reach: without an answer they would
    wait for 10 s each time."""
    place = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    place.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND: dockerd makes the address later
    place.bind((sys.argv[2], 53))
    while True:
        question, address = place.recvfrom(4096)
        place.sendto(question[:2] + b"\x81\x83" + question[4:6] + bytes(6) + question[12:], address)


class Holder:
    def __init__(self, folder, options):
        self.folder, self.options, self.daemon = folder, options, 0
        libc = ctypes.CDLL(None, use_errno=True)
        self.mount, self.umount = libc.mount, libc.umount2
        libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        # Sockets of the shims, the lock of iptables, the engine's key, folders that a container mounts and that are not there: none
        # of these on the machine.
        for path in (b"/run", b"/etc/docker", os.path.expanduser("~root/.cache").encode()):
            if os.path.isdir(path):
                self.mount(b"tmpfs", path, b"tmpfs", 0, b"mode=755")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        threading.Thread(target=know_no_names, daemon=True).start()

    def start(self):
        folder = self.folder
        (folder / "pid").unlink(missing_ok=True)
        argv = ["dockerd", "--config-file", folder / "daemon.json", "--data-root", folder / "root", "--exec-root", folder / "exec",
                "--pidfile", folder / "pid", "-H", f"unix://{folder}/sock", "--userland-proxy=false",
                "--cgroup-parent", f"/{folder.name}", *self.options]
        with open(folder / "log", "ab") as log:
            # pylint: disable=consider-using-with
            self.daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/").pid
        print(self.daemon, flush=True)

    def end_daemon(self):
        """Wait for it and for its containerd; what they had started lives on."""
        try:
            os.kill(self.daemon, signal.SIGKILL)
        except OSError:
            pass  # it was killed before
        while any(procs.comm(pid) in ("dockerd", "containerd") for pid in procs.children(os.getpid())):
            time.sleep(0.01)  # the handler takes them

    def end(self):
        """Everything is thrown away, so that there is nothing to be gentle about."""
        while True:
            for pid in procs.descendants(os.getpid()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            if not take_the_dead():
                break
            time.sleep(0.01)
        for point in below(self.folder):
            self.umount(point.encode(), 2)  # MNT_DETACH
        shutil.rmtree(self.folder, ignore_errors=True)
        remove_cgroups(self.folder.name)


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    holder = Holder(pathlib.Path(sys.argv[1]), sys.argv[3:])
    signal.signal(signal.SIGCHLD, take_the_dead)
    try:
        holder.start()
        for _ in sys.stdin:
            holder.end_daemon()
            holder.start()
    finally:
        holder.end()


main()
