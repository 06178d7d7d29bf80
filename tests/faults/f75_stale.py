#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""75: The green report of an older run is read as this one's.

A run removes the report of an earlier one before its first command starts, so that one that dies early leaves none; the
report names its run. Only a regular file is removed, never a device, a FIFO or a folder."""
import os
import signal
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import junit  # noqa: E402
from harness import Case, main  # noqa: E402

GREEN = '<testsuites name="old" tests="1" failures="0" errors="0"/>\n'
INI = "[ciplug]\nplugins = junit\n[junit]\nfile = reports/junit.xml\n[step s]\ncommand = ls reports > seen; : > up; exec sleep 600\n"


class Stale(Case):
    def setUp(self):
        super().setUp()
        self.report = self.write("reports/junit.xml", GREEN)

    def killed(self, *signals):
        running = self.start(INI)
        for number in signals:
            self.wait_file("up")
            running.send(number)
        return running.wait()

    def test_killed_run(self):
        self.killed(signal.SIGKILL)
        self.assertFalse(self.report.exists(), "the old report is still there")

    def test_left_at_the_third_signal(self):
        running = self.start(INI + "[cleanup c]\ncommand = : > cleaning; exec sleep 600\n")
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.wait_file("cleaning")
        running.send(signal.SIGTERM)
        running.send(signal.SIGTERM)
        running.send(signal.SIGINT)
        self.assertGreaterEqual(running.wait().status, 128)
        self.assertNotIn("old", self.report.read_text() if self.report.exists() else "")

    def test_gone_before_the_first_command(self):
        self.killed(signal.SIGKILL)
        self.assertEqual(self.read("seen"), "")

    def test_the_new_one_names_its_run(self):
        self.assertEqual(self.killed(signal.SIGTERM).status, 143)
        self.assertEqual(junit.Report(self.report).root.find(".//property[@name='run']").get("value"), self.runs()[0])

    def test_report_of_the_killed_run(self):
        self.killed(signal.SIGKILL)
        self.assertEqual(self.verb("report", "--to", "junit=reports/junit.xml").status, 0)
        self.assertEqual(junit.Report(self.report).names("error"), ["s"])

    def test_by_a_link(self):
        (self.dir / "reports" / "link.xml").symlink_to("junit.xml")
        ini = INI.replace("reports/junit.xml", "reports/link.xml").replace("exec sleep 600", "true")
        self.passes(ini)
        self.assertTrue((self.dir / "reports" / "link.xml").is_symlink())
        self.assertEqual(junit.Report(self.report).count("passed"), 1)


class Others(Case):
    """What is no report of an earlier run stays."""

    def run_into(self, path):
        return self.ci(f"[ciplug]\nplugins = junit\n[junit]\nfile = {path}\n[step s]\ncommand = true\n")

    def test_device(self):
        before = os.stat("/dev/null")
        self.assertEqual(self.run_into("/dev/null").status, 0)
        after = os.stat("/dev/null")
        self.assertTrue(stat.S_ISCHR(after.st_mode))
        self.assertEqual((before.st_ino, before.st_rdev), (after.st_ino, after.st_rdev))

    def test_full_device(self):
        ended = self.run_into("/dev/full")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("plugin junit: cannot write /dev/full: No space left on device", ended.err)

    def test_fifo_that_nobody_reads(self):
        self.fifo("pipe")
        ended = self.run_into("pipe")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertTrue(stat.S_ISFIFO(os.stat(self.dir / "pipe").st_mode))

    def test_folder(self):
        self.write("reports/junit.xml/kept", "")
        ended = self.run_into("reports/junit.xml")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertTrue((self.dir / "reports/junit.xml/kept").exists())

    def test_standard_output_that_is_a_file(self):
        self.write("out", "kept\n")
        with open(self.dir / "out", "ab") as out:
            self.assertEqual(self.start("[ciplug]\nplugins = junit\n[junit]\nfile = /dev/stdout\n[step s]\ncommand = true\n", "-q", stdout=out).wait().status, 0)
        self.assertTrue(self.read("out").startswith("kept\n"))
        self.assertIn("<testsuites", self.read("out"))
        self.assertEqual(os.readlink("/dev/stdout"), "/proc/self/fd/1")


if __name__ == "__main__":
    main(controls={"no_stale_report": ["Stale.test_killed_run", "Stale.test_gone_before_the_first_command"]})
