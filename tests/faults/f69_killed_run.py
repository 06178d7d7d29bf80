#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""69: The runner is killed and there is no report.

A report is made from the journal alone: after SIGKILL at any moment `ciplug report` lists what had ended, and what had
begun as an error, interrupted. It replaces the old report as a whole, synced, or leaves it as it was: with a full disk
too, which is status 3."""
import os
import random
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import junit  # noqa: E402
from harness import CIPLUG, Case, main, wait_for  # noqa: E402

ROUNDS = min(20, int(os.environ.get("CIPLUG_TEST_REPEATS", "20")))
OLD = "<testsuites name='old'/>\n"
INI = "[ciplug]\nplugins = junit\n[step s]\nitems = a b c d\nworkers = 2\ncommand = echo said-{item}; test {item} = a || { : > up.{item}; exec sleep 600; }\n"


class Killed(Case):
    def test_at_random_moments(self):
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        for number in range(ROUNDS):
            self.count(repeats=1)
            with self.subTest(round=number, seed=seed):
                self.one_round(chance.uniform(0, 0.4))

    def one_round(self, delay):
        known = set(self.runs())
        running = self.start("[ciplug]\nplugins = junit\n[step s]\ncount = 200\nworkers = 4\nretries = 1\nretry_delay = 50ms\n"
                             "command = echo said-{number}; sleep 0.0$(({number} % 4)); test $(({number} % 7)) != 0\n", "-q")
        fresh = wait_for(lambda: set(self.runs()) - known, "the run").pop()
        run = self.run_of(run=fresh)
        wait_for(lambda: run.of("run_started"), "the journal")
        self.pause(delay)
        running.send(signal.SIGKILL)
        running.wait()
        ended = self.verb("report", fresh, "--to", "junit=killed.xml", "--to", "console=killed.txt")
        self.assertEqual(ended.status, 0, ended.all)
        self.compare(run)

    @staticmethod
    def pause(delay):
        signal.sigtimedwait([], delay)  # a random moment is what is tested

    def compare(self, run):
        """The report has everything that has ended, and what had not as interrupted."""
        final = run.final("s")
        begun = {record["number"] for record in run.of("command_started", "s")} - set(final)
        self.assertEqual(junit.complaints(self.dir / "killed.xml"), "")
        report = junit.Report(self.dir / "killed.xml")
        self.assertEqual(report.wrong_sums(), [])
        ended = {name: sum(record["outcome"] == outcome for record in final.values())
                 for name, outcome in (("passed", "passed"), ("failure", "failed"))}
        losses = sum(abs(report.count(kind) - number) for kind, number in ended.items())
        self.count(losses=losses)
        self.assertEqual(losses, 0, "results that are not in the report")
        if begun or report.count("failure"):
            self.assertEqual(sorted(report.names("error")), sorted(map(str, begun)), "what had begun and not ended")
        if "run_finished" not in [record["event"] for record in run.records()]:
            self.assertGreater(report.count("error") + report.count("failure"), 0, "a killed run is not green")
            self.assertIn("has not finished", self.read("killed.txt"))

    def test_between_two_commands_it_is_not_green(self):
        made = junit.Journal(self.dir / ".ciplug", "aaaaaaaa")
        made.add("step_started", step="s", planned=2)
        made.add("command_finished", step="s", number=1, attempt=1, outcome="passed", final=True, flags=[], reason="")
        made.write()
        self.assertEqual(self.verb("report", "aaaaaaaa", "--to", "junit=r.xml").status, 0)
        self.assertEqual(junit.Report(self.dir / "r.xml").names("error"), ["run"])

    def test_what_was_running(self):
        running = self.start(INI)
        for name in "bc":
            self.wait_file(f"up.{name}")
        for number in (2, 3):
            self.wait_file(f".ciplug/latest/logs/s/{number}.out", "said-")
        living = self.verb("report", "--to", "junit=living.xml")
        self.assertEqual(living.status, 0, living.all)
        self.assertIn("still goes on", living.err)
        self.assertEqual(junit.Report(self.dir / "living.xml").names("passed"), ["a"])
        self.assertEqual(junit.Report(self.dir / "living.xml").names("error"), ["run"])
        running.send(signal.SIGKILL)
        running.wait()
        ended = self.verb("report", "--to", "console", "--to", "junit=killed.xml")
        self.assertEqual(ended.status, 0, ended.all)
        report = junit.Report(self.dir / "killed.xml")
        self.assertEqual((report.names("passed"), report.names("error")), (["a"], ["b", "c"]))
        case = report.cases[1]
        self.assertIn("interrupted", case.find("error").get("message"))
        self.assertEqual(case.find("system-out").text, "said-b\n")
        self.assertRegex(ended.out, r"ERROR s 2 \[b\]: interrupted")
        self.assertIn("1 of 4 commands ended", ended.out)

    def test_a_run_that_nobody_knows_makes_no_report(self):
        self.write("r.xml", OLD)
        self.assertEqual(self.verb("report", "nosuchrn", "--to", "junit=r.xml").status, 2)
        self.assertEqual(self.read("r.xml"), OLD)


class Writing(Case):
    def setUp(self):
        super().setUp()
        self.assertEqual(self.ci("[step s]\ncount = 20\ncommand = seq 1 1000; test {number} != 7\n", "-q").status, 1)

    def test_full_disk(self):
        probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "ciplug-test", "/mnt"], check=False,
                               stdin=subprocess.DEVNULL, capture_output=True)
        if os.geteuid() != 0 or probe.returncode:
            self.skipTest("cannot mount a small disk here")
        self.write("old", OLD)
        script = "mkdir small && mount -t tmpfs -o size=16k ciplug-test small || exit 99\n" \
                 f"cp old small/report\n\"{CIPLUG}\" report --to \"$1=small/report\"\nstatus=$?\n" \
                 "cat small/report > left; ls -A small > names\nexit $status\n"
        for name in ("junit", "tap", "console"):
            with self.subTest(to=name):
                ended = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", name], cwd=self.dir, env=self.env, check=False,
                                       stdin=subprocess.DEVNULL, capture_output=True, text=True)
                self.assertEqual(ended.returncode, 3, ended.stderr)
                self.assertIn("small/report: No space left on device", ended.stderr)
                self.assertEqual(self.read("left"), OLD)
                self.assertEqual(self.read("names"), "report\n", "something was left lying about")
                os.rmdir(self.dir / "small")

    def test_synced_before_it_is_renamed(self):
        if os.system("strace -o /dev/null true >/dev/null 2>&1"):
            self.skipTest("strace cannot trace here")
        self.env["ASAN_OPTIONS"] = "detect_leaks=0"
        for name in ("junit", "tap", "trace", "console"):
            with self.subTest(to=name):
                ended = self.verb("report", "--to", f"{name}=report", wrap=["strace", "-qq", "-o", "trace"])
                self.assertEqual(ended.status, 0, ended.all)
                calls = re.findall(r"^(openat|write|fsync|close|renameat)\((.*)", self.read("trace"), re.MULTILINE)
                made = next(i for i, call in enumerate(calls) if ".ciplug-" in call[1])
                order = [call[0] for call in calls[made:] if call[0] in ("fsync", "renameat")]
                self.assertEqual(order, ["fsync", "renameat", "fsync"])

    def test_in_a_run_it_is_status_3(self):
        self.fifo("pipe")
        ended = self.ci("[ciplug]\nplugins = junit\n[junit]\nfile = pipe\n[step s]\ncommand = true\n")
        self.assertEqual(ended.status, 3, ended.all)


if __name__ == "__main__":
    main(controls={"interrupted_commands": ["Killed.test_what_was_running", "Killed.test_at_random_moments"],
                   "atomic_report": "Writing.test_full_disk",
                   "synced_report": "Writing.test_synced_before_it_is_renamed"})
