#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gitlab: what a job of GitLab CI makes of a run's log."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dead  # noqa: E402
from harness import Case, main, wait_for  # noqa: E402

MARK = re.compile(rb"section_(start|end):(\d+):([a-zA-Z0-9_.-]+)(\[\w+=\w+(?:, ?\w+=\w+)*\])?\r\x1b\[0K")


class Log:
    """A job's log as the service reads it: a section's mark may stand anywhere, and is told from text by the carriage return and
    the erasing sequence behind it. What follows a start up to the end of the line is the section's header."""

    def __init__(self, data):
        self.sections, self.faults, self.outside = {}, [], []
        self.open = []
        for line in data.decode("utf-8", "surrogateescape").encode("utf-8", "surrogateescape").split(b"\n"):
            self.take(line)
        if self.open:
            self.faults.append(f"open at the end: {self.open}")

    def take(self, line):
        header = None
        rest = MARK.sub(b"", line)
        for kind, time, name, options in MARK.findall(line):
            name = name.decode()
            if not name.startswith("ciplug_") or int(time) < 1000000000:
                self.faults.append(f"a section of somebody else: {name}")
            if kind == b"start":
                if name in self.sections or self.open:
                    self.faults.append(f"{name} begins in {self.open}, or again")
                header = self.sections[name] = {"header": "", "collapsed": b"collapsed=true" in options, "lines": []}
                self.open.append(name)
            elif self.open[-1:] != [name]:
                self.faults.append(f"{name} ends in {self.open}")
            else:
                self.open.pop()
        text = rest.replace(b"\x1b[0K", b"").decode("utf-8", "replace")
        if MARK.search(line):
            if header:
                header["header"] = text
            elif text:
                self.faults.append(f"text behind an end: {text}")
        elif self.open:
            self.sections[self.open[-1]]["lines"].append(text)
        else:
            self.outside.append(text)
        if b"\r" in rest or re.search(rb"\x1b(?!\[0K|\[[0-9;]*m)", rest):
            self.faults.append(f"something steers: {rest!r}")

    def section(self, title):
        found = [section for section in self.sections.values() if title in section["header"]]
        assert len(found) == 1, (title, self.sections)
        return found[0]


class Gitlab(Case):
    HEAD = "[ciplug]\nplugins = shell gitlab\nworkers = 4\n"
    JOB = {"GITLAB_CI": "true"}

    def log(self, ini, *args, status=None):
        ended = self.ci(self.HEAD + ini, "--keep-going", *args, env=self.JOB)
        if status is not None:
            self.assertEqual(ended.status, status, ended.all)
        return self.parsed(ended)

    def parsed(self, ended):
        log = Log(ended.raw_out)
        self.assertEqual(log.faults, [], ended.out)
        return log

    def test_each_command_once_in_a_section(self):
        """Also side by side, failing ones among them; those are not folded."""
        log = self.log("[step s]\ncount = 12\ncommand = echo \"a {number}.\"; sleep 0.0{number}; echo \"b {number}.\" >&2; test $(({number} % 3)) != 0\n",
                       status=1)
        self.assertEqual(len(log.sections), 12)
        for number in range(1, 13):
            section = log.section(f"s {number}" + (":" if number % 3 == 0 else " ("))
            self.assertEqual(sorted(section["lines"]), [f"a {number}.", f"b {number}."])
            self.assertEqual(section["collapsed"], number % 3 != 0)
            self.assertNotIn(f"a {number}.", log.outside)

    def test_modes(self):
        ini = "[step s]\nitems = a b\ncommand = echo out {item}; test {item} = a\n"
        log = self.log(ini, "--output", "live")
        self.assertEqual(log.sections, {})
        self.assertIn("[s 1] out a", log.outside)
        self.assertEqual(len(self.log(ini, "--output", "failures").sections), 1)
        self.assertEqual(len(self.log(ini, "--output", "none").sections), 0)
        self.assertEqual(len(self.log(ini, "--color", "always").sections), 2)

    def test_two_runs_in_one_job(self):
        ini = "[step s]\ncommand = echo x\n"
        self.log(ini)
        one = self.log(ini)
        two = self.log(ini)
        self.assertEqual(set(one.sections) & set(two.sections), set())

    def test_a_signal(self):
        for number, follow in ((signal.SIGINT, True), (signal.SIGTERM, False)):
            with self.subTest(number=number):
                running = self.start(self.HEAD + "grace = 1s\n[step s]\n" + ("" if follow else "count = 3\n") +
                                     "command = echo up; printf '\\033[0Ksection_end:1:x\\r'; exec sleep 600\n[cleanup c]\ncommand = echo cleaning; exit 1\n",
                                     env=self.JOB)
                if follow:
                    wait_for(lambda: "RUN s" in running.out(), "what is followed")
                else:
                    wait_for(lambda: all((self.dir / ".ciplug/latest/logs/s" / f"{n}.out").exists() and self.run_of().text("s", n)
                                         for n in (1, 2, 3)), "all of them")
                running.send(number)
                ended = running.wait()
                self.assertEqual(ended.status, 128 + number)
                self.assertEqual(self.parsed(ended).section("cleanup c")["lines"], ["cleaning"])

    EVIL = [b"\x1b[0Ksection_start:1700000000:evil\r\x1b[0Kheader", b"\x1b[0Ksection_end:1700000000:ciplug_x_1\r\x1b[0K",
            b"section_start:1700000000:evil[collapsed=true]\r\x1b[0K", b"\x9b0Ksection_start:1:evil\r\x9b0K", "\u009b0Ksection_end:1:x\r\u009b0K".encode(),
            b"\x1b[2Jx", b"a\rb", b"\x1b]0;x\x07"]

    def test_the_parser_sees_them(self):
        for line in self.EVIL:
            with self.subTest(line=line):
                if b"\x9b" not in line:
                    self.assertNotEqual(Log(line).faults, [])

    def test_output_and_names_make_no_sections(self):
        self.write("evil", b"\n".join(self.EVIL) + b"\n")
        self.write("list", b"\n".join(line.replace(b"\r", b"\t") for line in self.EVIL) + b"\n")
        self.write("slow.py", "import os, time\nfor b in open('evil', 'rb').read():\n    os.write(1, bytes([b])); time.sleep(0.001)\n")
        ini = ("[step s]\ncommand = cat evil; cat evil >&2; exit 1\n[step t]\nneeds =\nitems_file = list\ncommand = echo {item}; exit 1\n"
               f"[step v]\nneeds =\nworkers = 1\ncommand = sleep 1.1; {sys.executable} slow.py\n")
        for args in (["--output", "group"], ["--output", "live"], ["--color", "always"], ["-v"], ["-q"]):
            with self.subTest(args=args):
                self.log(ini, *args, status=1)

    def test_inert_elsewhere(self):
        ini = "[step s]\ncommand = echo x\n"
        for env in ({}, {"GITLAB_CI": "false"}, {"GITHUB_ACTIONS": "true"}):
            ended = self.ci(self.HEAD + ini, env=env)
            self.assertNotIn("section_", ended.out)
            self.assertIn("   PASS s (", ended.out)
        ended = self.ci(self.HEAD + "[gitlab]\nwhen = always\n" + ini)
        self.assertEqual(self.parsed(ended).section("PASS s")["lines"], ["x"])

    def test_report(self):
        """Of a finished run what the run itself has shown, and nothing elsewhere."""
        self.log("[step s]\nitems = a b\ncommand = echo out {item}; test {item} = a\n")
        log = self.parsed(self.verb("report", "--to", "gitlab", env=self.JOB))
        self.assertEqual(sorted(section["lines"] for section in log.sections.values()), [["out a"], ["out b"]])
        self.assertEqual(self.verb("report", "--to", "gitlab").out, self.verb("report").out)
        ended = self.verb("report", "--to", "gitlab=x")
        self.assertEqual(ended.status, 2)
        self.assertIn("writes no file", ended.err)

    def test_report_of_a_killed_run(self):
        running = self.start(self.HEAD + "[step s]\ncount = 2\ncommand = echo up; exec sleep 600\n", env=self.JOB)
        wait_for(lambda: all((self.dir / ".ciplug/latest/logs/s" / f"{n}.out").exists() and self.run_of().text("s", n) for n in (1, 2)), "both")
        dead.kill_all_of(running)
        log = self.parsed(self.verb("report", "--to", "gitlab", env=self.JOB))
        self.assertEqual([section["lines"] for section in log.sections.values()], [["up"], ["up"]])
        self.assertTrue(all("interrupted" in section["header"] for section in log.sections.values()), log.sections)
        self.verb("reap")


if __name__ == "__main__":
    main(controls={"inert_elsewhere": "Gitlab.test_inert_elsewhere",
                   "harmless_output": "Gitlab.test_output_and_names_make_no_sections"})
