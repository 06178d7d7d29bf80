#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cases of JUnit files (`results`) in all reports: nested under what wrote them, live and from the journal, and the ledger as it was."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import github  # noqa: E402
import htmlpage  # noqa: E402
import junit  # noqa: E402
import tap  # noqa: E402
import traces  # noqa: E402
from cases import TOOL  # noqa: E402
from harness import Case, main  # noqa: E402

STEPS = """
[step unit]
items = a bad skip flaky none
batch = 9
workers = 1
command = echo of the batch; sh tool r{number}.xml {items}
results = r{number}.xml
retries = 1
retry_delay = none
[step lint]
needs =
command = sh tool l.xml x y
results = l.xml
"""
REPORTS = ("junit", "tap", "trace", "html")
BAD = b"<script>alert(1)</script>]]>&amp;\x1b[31m # SKIP \xff\r::error::x ##[error]y"


class Cases(Case):
    def setUp(self):
        super().setUp()
        self.write("tool", TOOL)

    def both(self, steps=STEPS, status=1, **env):
        """A run with all reports, and the same again from its journal: byte by byte."""
        files = "".join(f"[{name}]\nfile = live.{name}\n" for name in REPORTS)
        ended = self.ci(f"[ciplug]\nplugins = {' '.join(REPORTS)} github\n{files}[github]\nfile = live.md\n{steps}", "--keep-going", env=env)
        self.assertEqual(ended.status, status, ended.all)
        for name in REPORTS:
            again = self.verb("report", "--to", f"{name}=again.{name}")
            self.assertEqual(again.status, 0, again.all)
            self.assertEqual((self.dir / f"live.{name}").read_bytes(), (self.dir / f"again.{name}").read_bytes(), name)
        return ended

    def junit(self, name="live.junit", ant=False):
        self.assertEqual(junit.complaints(self.dir / name), "")
        self.assertEqual(junit.misshapen(self.dir / name, ant), [])
        report = junit.Report(self.dir / name)
        self.assertEqual(report.wrong_sums(), [])
        return report


class Everywhere(Cases):
    def test_junit(self):
        self.both()
        report = self.junit()
        self.assertEqual({case.get("name"): report.kind(case) for case in report.cases if case.get("classname") == "unit"},
                         {"a": "passed", "bad": "failure", "skip": "skipped", "flaky": "passed", "none": "error"})
        self.assertEqual({name: report.kind(case) for name, case in report.nested("bad").items()}, {"first": "passed", "second": "failure"})
        failure = report.nested("bad")["second"].find("failure")
        self.assertEqual((failure.get("type"), failure.get("message"), failure.text), ("Mismatch", "1 is not 2", "bad.t:7\nbad.t:7 <trace>"))
        self.assertEqual(report.nested("skip")["later"].find("skipped").get("message"), "not today")
        self.assertIsNotNone(report.nested("flaky")["first"].find("flakyFailure"))
        self.assertEqual(list(report.nested("lint")), ["first"])  # both of that name
        self.assertEqual(report.nested("none"), {})

    def test_junit_of_ant(self):
        self.both()
        self.verb("report", "--to", "junit=ant.xml", "--set", "junit.flavour=ant")
        report = self.junit("ant.xml", ant=True)
        self.assertEqual({name: report.kind(case) for name, case in report.nested("unit.bad", ant=True).items()},
                         {"first": "passed", "second": "failure"})

    def test_tap(self):
        self.both()
        document = tap.Document((self.dir / "live.tap").read_text().splitlines())
        unit = document.step("unit").subtest
        self.assertEqual([(p.name, p.ok) for p in unit.points],
                         [("a", True), ("bad", False), ("skip", True), ("flaky", True), ("none", False)])
        second = unit.step("bad").subtest.points[1]
        self.assertEqual((second.name, second.red, second.diagnostic["message"], second.diagnostic["line"]), ("bad second", True, "1 is not 2", 7))
        self.assertEqual(unit.step("skip").subtest.points[0].directive, "SKIP")
        self.assertIsNone(unit.step("none").subtest)
        self.assertFalse(document.passes)

    def test_trace(self):
        self.both()
        trace = traces.read(self.dir / "live.trace")
        self.assertEqual(trace.overlaps(), [])
        self.assertEqual(trace.sums(), {"passed": 3, "failed": 1, "skipped": 1, "error": 1})
        self.assertEqual(sorted(event["name"] for event in trace.of("case")), ["first"] * 6 + ["later", "second", "second"])
        around = trace.of("command", "item")
        for event in trace.of("case"):
            self.assertEqual(event["args"]["start"], "assumed")
            inside = [one for one in around if (one["pid"], one["tid"]) == (event["pid"], event["tid"])
                      and one["ts"] <= event["ts"] and event["ts"] + event["dur"] <= one["ts"] + one["dur"]]
            self.assertTrue(inside, event)
        self.assertEqual(trace.counters("unit")[-1][1:], (0, 0))

    def test_html(self):
        self.both()
        page = htmlpage.Page((self.dir / "live.html").read_bytes())
        self.assertEqual(page.wrong, [])
        self.assertEqual((page.ledger()["planned"], page.ledger()["failed"]), (6, 1))
        self.assertEqual((page.texts["n-cases"], page.texts["n-bad-cases"]), ("9", "2"))
        attempts = page.attempts()
        owned = {}
        for row in page.data()["tests"]:
            owned.setdefault((attempts[row[0]]["step"], attempts[row[0]]["name"], attempts[row[0]]["attempt"]), []).append(row[4])
        self.assertEqual(owned[("unit", "bad", 1)], ["first", "second"])
        self.assertEqual(owned[("unit", "bad", 2)], ["first", "second"])
        self.assertEqual(owned[("lint", "", 1)], ["first", "first"])
        self.assertIn("bad.t:7 &lt;trace&gt;", page.raw)
        judged = [one for one in attempts if one["bits"] & 64]
        self.assertEqual({one["name"] for one in judged}, {"a", "bad", "skip", "flaky"})

    def test_github(self):
        self.write("bad.t", "x")
        ended = self.both(GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(self.dir))
        log = github.Log(ended.raw_out)
        self.assertEqual((log.faults, log.spoofed), ([], []))
        self.assertIn("::error file=bad.t,line=7,title=unit 3 [bad]::second: 1 is not 2\n", ended.out)

    def test_console(self):
        ended = self.both()
        again = self.verb("report")
        self.assertEqual(again.out.partition("failures:")[2], ended.out.partition("failures:")[2])


class Any(Cases):
    """Any bytes that XML can hold, in names and texts."""

    def test_bytes(self):
        bad = "&lt;script&gt;alert(1)&lt;/script&gt;]]&gt;&amp;amp; # SKIP &#13;&#10;::error::x ##[error]y &#x85;&#xfffe0;"
        self.write("given.xml", f'<testsuite name="{bad}"><testcase classname="{bad}" name="{bad}" file="{bad}" line="3"><failure type="{bad}" '
                                f'message="{bad}">{bad}</failure></testcase><testcase name="ok"/></testsuite>')
        ended = self.both("[step s]\ncommand = cat given.xml >r.xml\nresults = r.xml\n", GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(self.dir))
        report = self.junit()
        self.assertEqual(len(report.nested("s")), 2)
        self.assertEqual(len(tap.Document((self.dir / "live.tap").read_bytes().decode().split("\n")[:-1]).step("s").subtest.step("s").subtest.points), 2)
        self.assertEqual(len(traces.read(self.dir / "live.trace").of("case")), 2)
        page = htmlpage.Page((self.dir / "live.html").read_bytes())
        self.assertEqual(page.wrong, [])
        self.assertNotIn(b"<script>alert", (self.dir / "live.html").read_bytes())
        log = github.Log(ended.raw_out)
        self.assertEqual((log.faults, log.spoofed), ([], []))

    def test_prove(self):
        self.both()
        out = subprocess.run(["prove", "--exec", "cat", "live.tap"], cwd=self.dir, capture_output=True, text=True, check=False)
        self.assertIn("Failed test", out.stdout)


class Killed(Cases):
    def test_cases_of_what_has_ended(self):
        running = self.start("[step one]\ncommand = sh tool r.xml a bad\nresults = r.xml\nallow_failure = yes\n[step two]\ncommand = : >up; exec sleep 600\n")
        self.wait_file("up")
        running.send(9)
        running.wait()
        for name in REPORTS:
            self.assertEqual(self.verb("report", "--to", f"{name}=again.{name}").status, 0)
        self.assertEqual(len(self.junit("again.junit").nested("one")), 2)


if __name__ == "__main__":
    main()
