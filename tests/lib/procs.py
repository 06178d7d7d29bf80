# SPDX-License-Identifier: MIT
"""Processes seen through /proc. Zombies are dead: PID 1 of a container may be slow to reap."""
import contextlib
import ctypes
import os
import signal
import time


def _read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def stat(pid):
    """(state, parent) or None."""
    text = _read(pid, "stat")
    if not text:
        return None
    fields = text.rpartition(b") ")[2].split()
    return fields[0].decode(), int(fields[1])


def alive(pid):
    found = stat(pid)
    return found is not None and found[0] not in "ZX"


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def with_marker(marker):
    """[(pid, command line)] of the living that have the marker in environment or arguments."""
    wanted, found = marker.encode(), []
    for pid in all_pids():
        if pid == os.getpid():
            continue
        if wanted in _read(pid, "environ") or wanted in _read(pid, "cmdline"):
            if alive(pid):
                found.append((pid, _read(pid, "cmdline").replace(b"\0", b" ").decode("utf-8", "replace")))
    return found


HELPERS = (b"ci-keeper\n", b"ci-hand\n")


def settle(marker, seconds, helpers=True):
    """Wait until none is left; those that are after `seconds`. helpers=False: keeper and hands, which go
    when all that they held is gone, are not counted."""
    deadline = time.monotonic() + seconds
    while True:
        left = with_marker(marker)
        if not helpers:
            left = [(pid, line) for pid, line in left if _read(pid, "comm") not in HELPERS]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


def kill_all(marker):
    """However fast they fork; stopped ones too."""
    for _ in range(100):
        left = with_marker(marker)
        if not left:
            return
        for pid, _ in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.01)


def comm(pid):
    return _read(pid, "comm").decode("utf-8", "replace").rstrip("\n")


def line(pid):
    """Its command line, as one text."""
    return _read(pid, "cmdline").replace(b"\0", b" ").decode("utf-8", "replace").rstrip()


def children(pid):
    return [other for other in all_pids() if (stat(other) or ("", 0))[1] == pid]


def descendants(pid):
    """By one look at all processes: those who wait ask a hundred times a second."""
    below = {}
    for other in all_pids():
        below.setdefault((stat(other) or ("", 0))[1], []).append(other)
    found, todo = [], [pid]
    while todo:
        nearest = below.get(todo.pop(), [])
        found += nearest
        todo += nearest
    return found


def zombies_below(pid):
    return [other for other in descendants(pid) if (stat(other) or ("", 0))[0] == "Z"]


def open_files(pid):
    """{fd: target}"""
    found = {}
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
            except OSError:
                pass
    except OSError:
        pass
    return found


def status_field(pid, name):
    for line in _read(pid, "status").decode("utf-8", "replace").splitlines():
        if line.startswith(name + ":"):
            return line.partition(":")[2].strip()
    return ""


def _cgroup_frozen(pid):
    """Whether its cgroup of version 2 is frozen."""
    path = next((line[3:] for line in _read(pid, "cgroup").decode().splitlines() if line.startswith("0::")), None)
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line.split()[4] for line in file if " - cgroup2 " in line]
    try:
        with open(f"{mounts[0]}{path}/cgroup.events", encoding="ascii") as file:
            return "frozen 1" in file.read()
    except (IndexError, OSError):
        return False


def stands(pid):
    """Stopped, or in a frozen cgroup, or dead, or waiting for its vforked child, which is one of these."""
    found = stat(pid)
    return (found is None or found[0] in "TZX" or _cgroup_frozen(pid)
            or found[0] == "D" and any(stands(child) for child in children(pid)))


def commands(marker, but=()):
    """The living with the marker that are neither keeper nor hands nor one of `but`."""
    return [pid for pid, _ in with_marker(marker) if _read(pid, "comm") not in HELPERS and pid not in but]


@contextlib.contextmanager
def held(pid):
    """The process does not run meanwhile, and no SIGCONT wakes it: a debugger has it."""
    seize, interrupt, detach, stopped = 0x4206, 0x4207, 17, 0x40000000 | os.WUNTRACED
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    for request in (seize, interrupt):
        if libc.ptrace(request, pid, None, None) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace({request:#x}) of {pid}")
    os.waitpid(pid, stopped)
    yield
    libc.ptrace(detach, pid, None, None)
