# SPDX-License-Identifier: MIT
"""core/guard.sh driven directly: preludes, orders, and what its marks say."""
import os
import re
import signal
import subprocess
import threading

from harness import PATIENCE, SRCDIR

NONCE = "n0nce"
RS = b"\036"
END = re.compile(rb"\036ciplug-end n0nce exit (0|[1-9][0-9]*) left (0|[1-9][0-9]*)\n\Z")


def text():
    """The guard as it travels (core/embed.awk)."""
    lines = (SRCDIR / "core/guard.sh").read_text(encoding="ascii").splitlines(keepends=True)
    return "".join(line for line in lines if not re.match(r"\s*(#|$)", line))


def line(letter, value):
    value = os.fsencode(value)
    if all(32 <= byte <= 126 and byte != 92 for byte in value):
        return letter.encode() + b" " + value + b"\n"
    return letter.upper().encode() + b" " + b"".join(b"\\0%03o" % byte for byte in value) + b"\n"


def prelude(words, env=None, odd=None, cwd=None, lease=0, merge=False):
    made = b"1 %s %d %d\n" % (NONCE.encode(), lease, merge)
    for letter, values in (("v", env), ("e", odd)):
        for name, value in (values or {}).items():
            made += line(letter, os.fsencode(name) + b"=" + os.fsencode(value))
    for word in words:
        made += line("w", word)
    return made + (line("d", cwd) if cwd else b"") + b"go\n"


class Stream:
    """One stream of the guard, read as it comes, and taken apart."""

    def __init__(self, file):
        self.file, self.raw = file, b""
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        fd = self.file.fileno()
        while True:
            data = os.read(fd, 65536)
            if not data:
                return
            self.raw += data

    def parse(self):
        """(begun, output, (code, left) or None)"""
        before, begin, rest = self.raw.partition(b"\036ciplug-begin n0nce\n")
        if not begin:
            return False, before, None
        end = END.search(rest)
        return True, rest[:end.start()] if end else rest, (int(end[1]), int(end[2])) if end else None


def hear_all():
    """Who started the tests may ignore signals (a shell's background, nohup); what is ignored is inherited."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class Guarded:
    """A guard that runs. Its input stays open until eof() or the end."""

    def __init__(self, argv, data=b"", **how):
        # pylint: disable=consider-using-with, subprocess-popen-preexec-fn
        how.setdefault("preexec_fn", hear_all)
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        bufsize=0, **how)
        self.out, self.err = Stream(self.process.stdout), Stream(self.process.stderr)
        self.say(data)

    def say(self, data):
        """Orders, or the prelude. It may have gone meanwhile."""
        try:
            while data:
                data = data[os.write(self.process.stdin.fileno(), data):]
        except BrokenPipeError:
            pass

    def eof(self):
        self.process.stdin.close()

    def end(self, patience=PATIENCE):
        """Both streams have ended, and so has it: (output, errors, (code, left) or None). Both trailers are the same."""
        for stream in (self.out, self.err):
            stream.thread.join(patience)
            if stream.thread.is_alive():
                raise AssertionError(f"a stream did not end within {patience} s: {self.out.raw!r} {self.err.raw!r}")
        self.process.wait(patience)
        self.close()
        out, err = self.out.parse(), self.err.parse()
        if out[0] and err[0] and out[2] != err[2]:
            raise AssertionError(f"two ends: {self.out.raw!r} {self.err.raw!r}")
        return out[1], err[1], out[2]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.process.stderr):
            file.close()
