#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""35: A signal while a report is written.

At each system call of the writing, TERM, INT and KILL leave the old report or the new one, whole; in a run that is being
reported a soft signal changes nothing any more."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import junit  # noqa: E402
from harness import Case, main  # noqa: E402

INI = "[ciplug]\nplugins = junit\n[step s]\ncount = 6\ncommand = seq 1 900; test {number} != 3\n"
OLD = "<testsuites name='old'/>\n"
# Of each kind of system call.
MOST = min(6, max(2, int(os.environ.get("CIPLUG_TEST_REPEATS", "6"))))
# What a report may end with beside its own status: killed by the signal that was sent.
FATAL = {"TERM": -signal.SIGTERM, "INT": -signal.SIGINT, "KILL": -signal.SIGKILL}


def can_trace():
    return os.system("strace -o /dev/null true >/dev/null 2>&1") == 0


class Sweep(Case):
    """Each moment: (system call, the how-manieth of its kind)."""

    def setUp(self):
        super().setUp()
        if not can_trace():
            self.skipTest("strace cannot trace here")
        self.env["ASAN_OPTIONS"] = "detect_leaks=0"  # its leak check wants to trace, too

    def traced(self, *options):
        return ["strace", "-qq", "-o", "trace", *options]

    def moments(self, needle):
        """From the first call that names `needle` to the end, but those that end the process; of many of one kind some
        that are far from each other, and the first and the last."""
        seen, kinds, begun = {}, {}, False
        for line in self.read("trace").splitlines():
            name = re.match(r"(\w+)\(", line)
            if not name:
                continue
            name = name[1]
            seen[name] = seen.get(name, 0) + 1
            begun = begun or needle in line
            if begun and name not in ("exit_group", "exit", "munmap", "mprotect", "brk"):
                kinds.setdefault(name, []).append(seen[name])
        self.assertLessEqual({"openat", "close"}, set(kinds), "nothing was written?")
        return [(name, whens[i * (len(whens) - 1) // max(1, min(MOST, len(whens)) - 1)])
                for name, whens in kinds.items() for i in range(min(MOST, len(whens)))]

    def sweep(self, to, path):
        self.assertEqual(self.ci(INI, "-q").status, 1)
        report = ("report", "--to", f"{to}={path}")
        self.assertEqual(self.verb(*report, wrap=self.traced()).status, 0)
        new = self.read(path)
        moments = self.moments(f'"{path}"')
        report_file = self.dir / path
        for number, (call, when) in enumerate(moments):
            name = ("TERM", "INT", "KILL")[number % 3]
            self.count(repeats=1)
            with self.subTest(call=call, when=when, signal=name):
                report_file.write_text(OLD)
                ended = self.verb(*report, wrap=self.traced("-e", f"inject={call}:signal={name}:when={when}"))
                self.assertIn(ended.returncode, (0, 128 - FATAL[name], FATAL[name]), ended.all)
                left = report_file.read_text()
                self.assertIn(left, (OLD, new), "neither the old report nor the new one")
                if ended.returncode == 0:
                    self.assertEqual(left, new)

    def test_junit(self):
        self.sweep("junit", "report.xml")

    def test_console_into_a_file(self):
        self.sweep("console", "report.txt")

    def test_in_a_run(self):
        self.assertEqual(self.ci(INI, "-q", wrap=self.traced()).status, 1)
        moments = [one for one in self.moments(".ciplug-") if one[0] in ("openat", "pread64", "write", "fsync", "renameat", "close")]
        for number, (call, when) in enumerate(moments[::2]):
            name = ("TERM", "INT")[number % 2]
            self.count(repeats=1)
            with self.subTest(call=call, when=when, signal=name):
                # How often a call was made before that varies from run to run: the moment is near, not exact.
                ended = self.ci(INI, "-q", wrap=self.traced("-e", f"inject={call}:signal={name}:when={when}"))
                self.assertIn(ended.status, (1, 128 + signal.Signals[f"SIG{name}"]), ended.all)
                self.assertEqual(junit.complaints(self.dir / "junit.xml"), "")
                report = junit.Report(self.dir / "junit.xml")
                self.assertEqual(report.root.find(".//property").get("value"), self.run_of().folder.name)
                self.assertEqual(report.count(), 6)


if __name__ == "__main__":
    main(controls={"atomic_report": ["Sweep.test_junit", "Sweep.test_console_into_a_file"]})
