# SPDX-License-Identifier: MIT
"""Calls of ciplug that fail: tells tests/faults/inject.c what to do, and reads what came of it."""
import functools
import os
import pathlib
import re
import struct
import sys

# Of struct state in inject.c.
HEAD = struct.Struct("=QQII")
TEXT = 512
CALLS_MOST = 100
SIZE = HEAD.size + 3 * TEXT + 3 * CALLS_MOST * 8
ROLES = ("runner", "keeper", "hand")


def shim():
    """The shared object; `make check` builds it, by hand: make -C tests faults/inject.la"""
    build = pathlib.Path(os.environ.get("CIPLUG_BUILDDIR", "."))
    path = build / "tests" / "faults" / ".libs" / "inject.so"
    if not path.is_file():
        sys.exit(f"{path} is missing: make -C tests faults/inject.la")
    return str(path.resolve())


@functools.lru_cache(None)
def names():
    """The functions that the shim knows, in its order."""
    text = (pathlib.Path(__file__).parent.parent / "faults" / "inject.c").read_text()
    return re.findall(r"X\((\w+)\)", text[text.index("#define CALLS(X)"):text.index("enum call")])


class Injection:
    """env is what ciplug has to be started with. calls: names of functions, space-separated."""

    def __init__(self, folder, program, calls, at=0, error=0, count=1, **how):
        self.path = pathlib.Path(folder) / "inject.state"
        self.path.write_bytes(bytes(SIZE))
        self.env = {"LD_PRELOAD": shim(), "INJECT_EXE": program, "INJECT_STATE": str(self.path),
                    "INJECT_AT": str(at), "INJECT_ERRNO": str(error), "INJECT_COUNT": str(count)}
        if calls:
            self.env["INJECT_CALLS"] = calls
        for name in ("role", "path", "short", "delay"):
            if how.get(name):
                self.env["INJECT_" + name.upper()] = str(int(how[name]) if name in ("short", "delay") else how[name])

    def read(self):
        return Done(self.path.read_bytes())


class Done:
    """calls: that matched; injected: that failed; where: the first that did, with a trace; crash: the signal."""

    def __init__(self, data):
        self.calls, self.injected, self.crash, self.loaded = HEAD.unpack_from(data)
        texts = [data[HEAD.size + i * TEXT:HEAD.size + (i + 1) * TEXT].split(b"\0")[0] for i in range(3)]
        self.where, self.crashed_at, self.cgroup = [text.decode("utf-8", "replace") for text in texts]
        self.all = struct.unpack_from(f"={3 * CALLS_MOST}Q", data, HEAD.size + 3 * TEXT)

    def count(self, calls, role):
        """How many there were, when nothing was injected and `calls` of Injection was None."""
        base = ROLES.index(role) * CALLS_MOST
        return sum(self.all[base + names().index(call)] for call in calls.split())
