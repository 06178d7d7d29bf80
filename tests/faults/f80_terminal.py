#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""80: Output and names hold sequences that steer a terminal.

On the screen control characters, C1 bytes, broken UTF-8 and what turns the direction of writing are made visible; only colours
of a command's own output may pass, on a terminal. Logs keep every byte."""
import os
import pty
import re
import select
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import CIPLUG, PATIENCE, Case, main  # noqa: E402

EVIL = {"clipboard": b"\x1b]52;c;ZXZpbA==\x07", "title": b"\x1b]0;pwned\x1b\\", "cursor up": b"\x1b[1A\x1b[2K PASS", "overwrite": b"bad\rgood",
        "C1 CSI": b"\x9b31m", "C1 OSC": b"\x9d52;c;x\x9c", "UTF-8 C1": "\u009b2J".encode(), "DCS": b"\x1bP+q\x1b\\", "backspace": b"x\x08\x08y",
        "screen": b"\x1b[?1049h", "answerback": b"\x05\x1b[c", "invalid": b"\xff\xfe\xc0\xaf", "bidi": "\u202egnp\u2066".encode(),
        "charset": b"\x0e\x1b(0", "long": b"\x1b[" + b"1;" * 100 + b"m", "NUL": b"a\0b", "link": b"\x1b]8;;http://x\x07y"}
# What may come to a terminal: text, newlines, tabs, and of sequences those of colour.
COLOUR = re.compile(rb"\x1b\[[0-9;:]{0,29}m")
# And what ciplug itself draws its status lines with.
OWN = re.compile(rb"\x1b\[[0-9]*[AJK]|\x1b\[\?(25|7|2026)[hl]|\r\n|\r")


def steering(data, own=False):
    """What of `data` a terminal would act on."""
    data = (OWN.sub(b"", data) if own else data)
    data = COLOUR.sub(b"", data)
    text = data.decode("utf-8", "surrogateescape")
    return [char for char in text if ord(char) < 32 and char not in "\n\t" or 0x7f <= ord(char) < 0xa0 or 0xd800 <= ord(char) < 0xe000
            or 0x202a <= ord(char) <= 0x202e or 0x2066 <= ord(char) <= 0x2069]


class Plain(Case):
    def check(self, ended):
        self.count(repeats=1)
        for name, data in (("out", ended.raw_out), ("err", ended.raw_err)):
            found = steering(data)
            self.count(losses=len(found))
            self.assertEqual(found, [], (name, data[-2000:]))

    def print_all(self):
        self.write("evil", b"".join(what + b" " + name.encode() + b"\n" for name, what in EVIL.items()))

    def test_output(self):
        self.print_all()
        for mode in ("group", "live", "failures"):
            for color in ("always", "never"):
                with self.subTest(mode=mode, color=color):
                    ended = self.ci("[step s]\ncommand = cat evil; cat evil >&2; exit 1\n", "--output", mode, "--color", color)
                    self.check(ended)
                    self.assertEqual(self.run_of().log("s"), (self.dir / "evil").read_bytes())
                    self.check(self.verb("report", "--color", color))

    def test_output_in_pieces(self):
        """A sequence that comes byte by byte is none the less one."""
        self.print_all()
        self.write("slow.py", "import os, time\nfor b in open('evil', 'rb').read():\n    os.write(1, bytes([b])); time.sleep(0.001)\n")
        ended = self.ci(f"[step s]\ncommand = {sys.executable} slow.py\n", "--output", "live")
        self.check(ended)
        self.assertIn("clipboard", ended.out)

    def names(self):
        self.write("names", b"".join(what.replace(b"\0", b"").replace(b"\r", b"") + name.encode() + b"\n" for name, what in EVIL.items()))

    def test_names(self):
        self.names()
        ini = "[step s]\nitems_file = names\ncommand = test {item} = x\n[step t]\nneeds =\nmatrix.a = \x1b]0;x\x07 y\x9b\ncommand = false\n"
        for args in (["-v"], ["--output", "live"], ["-q"], ["--keep-going", "--color", "always"]):
            with self.subTest(args=args):
                self.check(self.ci(ini.encode("latin-1"), *args))
        for verb in (["list", "-v"], ["list", "--json"], ["check"], ["report"], ["report", "-v"]):
            with self.subTest(verb=verb):
                self.check(self.verb(*verb))

    def test_messages(self):
        """About what stands in the file, on the command line, in the environment."""
        evil = "\x1b]0;x\x07\x9b2J"
        for text in (f"[step s]\n{evil} = 1\n", f"[step {evil}]\ncommand = x\n", f"[{evil}]\nx = y\n", f"[step s]\nneeds = {evil}\n",
                     f"[step s]\nuses = {evil}\ncommand = x\n", f"[step s]\ntimeout = {evil}\n", f"{evil}\n", f"[step s]\nenv.{evil} = x\n",
                     f"[ciplug]\nplugins = {evil}\n", f"[ciplug]\nplugins = ./{evil}.so\n", f"[step s]\ncwd = {evil}\ncommand = true\n",
                     f"[step s]\nstdin = {evil}\ncommand = true\n", f"[step s]\nshell = none\ncommand = {evil}\n"):
            for encoding in ("utf-8", "latin-1"):
                with self.subTest(text=text, encoding=encoding):
                    self.check(self.ci(text.encode(encoding)))
        self.write("ci.ini", "[step s]\ncommand = true\n")
        for args in ([evil], [f"--{evil}"], ["-c", evil], ["-j", evil], ["-s", evil], ["--output", evil], ["report", evil], ["reap", evil],
                     ["report", "--to", evil], ["plugins", evil], ["--resume", "--state-dir", evil], ["s:" + evil]):
            with self.subTest(args=args):
                self.check(self.verb(*args))

    def test_what_was_left_behind_and_reasons(self):
        self.write("evil.sh", "sleep 600 >/dev/null 2>&1 &\n")
        self.check(self.ci("[step s]\ncommand = sh -c 'exec -a \"$(printf \"\\033]0;x\\007\\233\")\" sleep 600 >/dev/null 2>&1 &' ; "
                           "bash -c 'exec -a \"$(printf \"\\033]0;x\\007\")\" sleep 600 >/dev/null 2>&1 &'; sleep 0.2\n"
                           "[step if]\nneeds =\nif = printf '\\033]0;x\\007\\n'; exit 3\ncommand = true\n"))


class Terminal(Case):
    """On a real one, with the status lines."""

    def on_terminal(self, *args, until=None):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execve(CIPLUG, [CIPLUG, *args], dict(self.env, TERM="xterm"))
        self.addCleanup(os.close, fd)
        seen, deadline = b"", time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if not select.select([fd], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
            if until and until in seen:
                os.kill(pid, signal.SIGTERM)
                until = None
        os.waitpid(pid, 0)
        return seen

    def check(self, seen):
        found = steering(seen, own=True)
        self.count(repeats=1, losses=len(found))
        self.assertEqual(found, [], seen[-3000:])

    def test_status_lines_and_output(self):
        evil = [what.replace(b"\0", b"").replace(b"\r", b"") + name.encode() for name, what in EVIL.items()]
        self.write("names", b"\n".join(evil) + b"\n")
        self.write("ci.ini", "[step s]\nitems_file = names\nworkers = 2\ncommand = printf '%s\\n' \"$CI_ITEM\"; sleep 0.1\n")
        seen = self.on_terminal()
        self.check(seen)
        self.assertIn(b"clipboard", seen)

    def test_a_dry_run(self):
        evil = [what.replace(b"\0", b"").replace(b"\r", b"") + name.encode() for name, what in EVIL.items()]
        self.write("names", b"\n".join(evil) + b"\n")
        self.write("ci.ini", "[step s]\nitems_file = names\ncommand = echo {item}\n")
        self.check(self.on_terminal("-n"))
        piped = self.verb("-n")
        self.assertIn(EVIL["clipboard"], piped.raw_out, "to be pasted it has to be what it is")

    def test_a_command_that_draws_on_the_terminal_itself(self):
        """It has none: what it writes to /dev/tty goes nowhere."""
        self.write("ci.ini", "[step s]\ncommand = (printf '\\033]0;x\\007' > /dev/tty) 2>/dev/null || echo none\n")
        seen = self.on_terminal()
        self.check(seen)
        self.assertIn(b"none", seen)


if __name__ == "__main__":
    main(controls={"harmless_output": "Plain.test_output", "harmless_messages": "Plain.test_messages"})
