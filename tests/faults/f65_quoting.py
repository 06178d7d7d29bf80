#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""65: Words and values go through ssh and the shell of the other machine, and an address may look like an option.

Every byte of items and variables arrives, whatever shells think of it, with a guard and without; nothing in them is ever run. An
address that begins with `-` or holds what no address has is refused before anything starts, and `--` stands in front of it."""
import os
import pathlib
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import main  # noqa: E402
from sshd import HostCase  # noqa: E402

PATIENCE = 120
STRINGS = int(os.environ.get("CIPLUG_TEST_STRINGS", "10000"))
BATCH = 250
# What shells, ssh and INI files give a meaning to.
HOSTILE = [b"'", b"\"", b"\\", b"`", b"$", b"$(touch injected)", b";touch injected;", b"|touch injected", b"&", b"\t", b" ", b"*", b"~", b"!",
           b"{item}", b"%s", b"\x01", b"\x1e", b"\x7f", b"\x80", b"\xff", b"\xc3", b"\xe2\x82\xac", b"#", b"=", b"-", b"-oProxyCommand=touch injected",
           b"\\n", b"\\0101", b"<", b">", b"(", b")", b"[", b"]", b"^", b"\x1b[31m", b"\r"]


def strings(number, without=b"\n\0"):
    """As many different ones as that, the same each time but for CIPLUG_TEST_SEED. None of white space alone, or with it at an end:
    a line of a file does not promise that."""
    source, made = random.Random(int(os.environ.get("CIPLUG_TEST_SEED", "65"))), {}
    while len(made) < number:
        one = HOSTILE[len(made)] if len(made) < len(HOSTILE) else b"".join(
            source.choice(HOSTILE) if source.random() < 0.4 else bytes([source.randrange(1, 256)]) for _ in range(source.randrange(1, 24)))
        one = bytes(byte for byte in one if byte not in without).strip() or b"x%d" % len(made)
        made[one if one not in made else one + b"%d" % len(made)] = True
    return list(made)


class Quoting(HostCase):
    """The server takes every variable: without a guard it is the one that decides."""

    machines, server = 1, "AcceptEnv *\n"

    def setUp(self):
        super().setUp()
        self.sent = strings(STRINGS)
        self.write("strings", b"\n".join(self.sent) + b"\n")

    def arrived(self):
        run = self.run_of()
        return b"".join(run.log("s", number) for number in sorted(run.final("s"))).split(b"\0")[:-1]

    def check(self, keys):
        self.passes(self.ini(f"items_file = strings\nbatch = {BATCH}\n{keys}\n", workers=2), patience=PATIENCE)
        got = self.arrived()
        lost = len(set(self.sent) ^ set(got))
        self.count(repeats=len(self.sent), losses=lost)
        self.assertEqual(len(self.sent), STRINGS)
        self.assertEqual(sorted(set(self.sent) ^ set(got))[:10], [])
        self.assertEqual(len(got), len(self.sent))
        self.nothing_was_run()

    def nothing_was_run(self):
        home = pathlib.Path(os.path.expanduser("~root")).relative_to("/")
        for folder in self.dir, self.hosts[0].root, self.hosts[0].root / home, self.hosts[0].root / "tmp":
            self.assertFalse((folder / "injected").exists(), f"{folder}/injected")

    def test_items_by_the_guard(self):
        self.check("command = printf '%s\\0' {items}")

    def test_items_as_words(self):
        """Without a shell of ours."""
        self.check("shell = none\ncommand = printf '%s\\0' {items}")

    def test_items_without_a_guard(self):
        """Everything stands in the command line that ssh takes along."""
        self.check("ssh.guard = no\ncommand = printf '%s\\0' {items}")

    def test_items_as_words_without_a_guard(self):
        self.check("ssh.guard = no\nshell = none\ncommand = printf '%s\\0' {items}")

    def test_variables(self):
        """With line ends, too, where the value is the caller's. Without a guard they are the server's to take, and it takes no
        more than 128."""
        lines = {"L0": b"two\nlines\n", "L1": b"\n\n\nbegin", "L2": b"a\r\nb\r\n\r\n"}
        for guard, most in ("auto", 400), ("no", 80):
            values = {f"V{number}": value for number, value in enumerate(one for one in strings(most, b"\0") if len(one) >= 6)} | lines
            names = " ".join(values)
            with self.subTest(guard=guard):
                env = "".join(f"env.{name} = {{env:{name}}}\n" for name in values)
                self.passes(self.ini(f"{env}ssh.guard = {guard}\n"
                                     f"command = for name in {names}; do eval \"printf '%s\\0' \\\"\\$$name\\\"\"; done\n"),
                            env={name: os.fsdecode(value) for name, value in values.items()})
                got = dict(zip(values, self.arrived()))
                bad = {name: (value, got.get(name)) for name, value in values.items() if got.get(name) != value}
                self.count(repeats=len(values), losses=len(bad))
                self.assertEqual(dict(list(bad.items())[:5]), {})
                self.nothing_was_run()

    def test_a_long_command(self):
        """Beyond what one argument may hold, through the guard's input."""
        text = "x" * 60000
        self.passes(self.ini(f"env.A = {text}\nenv.B = {text}\nenv.C = {text}\ncommand = printf %s \"$A$B$C\" | wc -c; : {text}\n"))
        self.assertEqual(self.run_of().text("s").strip(), "180000")


class Addresses(HostCase):
    machines = 1

    def test_that_are_options(self):
        for address in ("-oProxyCommand=touch injected", "-oProxyCommand=touch${IFS}injected", "-Fx", "--", "-", "root@-oX=y",
                        "a b", "a;touch injected", "$(touch injected)", "`touch injected`", "a\tb", "a'b"):
            with self.subTest(address=address):
                self.refused(f"[ciplug]\nplugins = shell ssh\n[host a]\nuses = ssh\nssh.address = {address}\n"
                             "[step s]\nhosts = a\ncommand = true\n", "ssh.address")
                self.count(repeats=1, losses=len(list(self.dir.glob("injected*"))))
                self.assertFalse((self.dir / "injected").exists())

    def test_from_a_variable(self):
        ended = self.ci("[ciplug]\nplugins = shell ssh\n[step s]\nuses = ssh\nssh.address = {env:WHERE}\ncommand = true\n",
                        env={"WHERE": "-oProxyCommand=touch injected"})
        self.assertNotEqual(ended.status, 0, ended.all)
        self.assertFalse((self.dir / "injected").exists())

    def test_dashes_stand_in_front(self):
        """As seen in what ciplug starts."""
        tool = self.write("bin/ssh", f"#!/bin/sh\nprintf '%s\\n' \"$@\" END >>{self.dir}/words\nexec {self.hosts.folder}/bin/ssh \"$@\"\n")
        tool.chmod(0o755)
        self.passes(self.ini("command = true\n"), env={"PATH": f"{self.dir}/bin:{os.environ['PATH']}"})
        calls = [call.splitlines() for call in self.read("words").split("END\n")[:-1]]
        self.assertGreater(len(calls), 0)
        for words in calls:
            self.assertIn("h1", words)
            self.assertEqual(words[words.index("h1") - 1], "--", words)


if __name__ == "__main__":
    main(controls={"ssh_addresses": "Addresses.test_that_are_options"})
