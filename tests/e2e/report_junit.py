#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reporter junit: cases, attempts and properties of every kind of step, two flavours that have the shape their schemas want
whatever bytes there are, runs that were stopped, several runs in one file, and what a reader makes of it."""
import json
import os
import random
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import junit  # noqa: E402
import reports  # noqa: E402
from harness import Case, main  # noqa: E402

ROUNDS = min(12, int(os.environ.get("CIPLUG_TEST_REPEATS", "12")))
HASH = "0123456789abcdef0123456789abcdef01234567"


class JunitCase(Case):
    def report(self, name="junit.xml", ant=False):
        """Read back, after a look at its shape and its sums."""
        self.assertEqual(junit.complaints(self.dir / name), "")
        self.assertEqual(junit.misshapen(self.dir / name, ant), [])
        report = junit.Report(self.dir / name)
        self.assertEqual(report.wrong_sums(), [])
        return report

    def reported(self, *runs, name="again.xml", options=(), ant=False):
        ended = self.verb("report", *runs, "--to", f"junit={name}", *options)
        self.assertEqual(ended.status, 0, ended.all)
        return self.report(name, ant)

    def same_again(self, *options, ant=False):
        """Live, and from the journal: byte by byte."""
        self.reported(options=options, ant=ant)
        self.assertEqual(self.read("again.xml"), self.read("junit.xml"))

    def everything(self, section=""):
        ini = reports.EVERYTHING.format(reporters="junit") + section
        self.assertEqual(self.ci(ini, "-q", "--keep-going").status, 1)


class Outcomes(JunitCase):
    def setUp(self):
        super().setUp()
        self.everything()
        self.document = self.report()

    def test_cases_of_items(self):
        kinds = {}
        for case in self.document.cases:
            kinds.setdefault(case.get("classname"), []).append((case.get("name"), junit.Report.kind(case)))
        kinds["batch"].sort()  # which batch was made first depends on how fast the other one ended
        passed, failure, error, skipped = "passed", "failure", "error", "skipped"
        self.assertEqual(kinds, {
            "good": [("a", passed), ("b", passed)], "bad": [("x", failure), ("y", failure)], "flaky": [("flaky", passed)],
            "killed": [("killed", failure)], "slow": [("slow", failure)], "broken": [("broken", error)], "allowed": [("p", passed), ("q", failure)],
            "skips": [("m", passed), ("n", skipped)], "unwanted": [("1", skipped), ("2", skipped)], "late": [("late", skipped)],
            "empty": [("said a", passed), ("said b", passed)],
            "batch": [("a", passed), ("b", failure), ("c", passed), ("d", passed), ("e", passed)],
            "cut": [("1", failure), ("2", error), ("3", error)]})
        self.assertEqual([suite.get("name") for suite in self.document.root if suite.get("name") == "tidy"], [], "a cleanup step")

    def test_types_are_outcomes(self):
        types = {name: self.document.case(name, name).find(kind).get("type")
                 for name, kind in (("killed", "failure"), ("slow", "failure"), ("broken", "error"))}
        self.assertEqual(types, {"killed": "signaled", "slow": "timeout", "broken": "error"})
        never = self.document.case("2", "cut").find("error")
        self.assertEqual((never.get("type"), never.get("message")), ("cancelled", "another command of the step failed"))

    def test_attempts_of_one_that_failed(self):
        case = self.document.case("x", "bad")
        self.assertEqual(junit.Report.others(case), [("rerunFailure", "failed", 2)])
        story = case.find("failure").text
        self.assertRegex(story, r"^failed: exit code 3\nattempt 1, worker \d of host local\n/.*/logs/bad/1\.out\nout x\n\n/.*/logs/bad/1\.err\nerr\n\n$")
        self.assertEqual((case.find("system-out").text, case.find("system-err").text), ("out x\n", "err\n"))
        rerun = case.find("rerunFailure")
        self.assertEqual((rerun.find("system-out").text, rerun.find("system-err").text), ("out x\n", "err\n"))
        self.assertIn("/logs/bad/1.2.out\n", rerun.find("stackTrace").text)

    def test_attempts_of_one_that_passed(self):
        case = self.document.case("flaky", "flaky")
        self.assertEqual(junit.Report.others(case), [("flakyFailure", "failed", 1), ("flakyFailure", "failed", 2)])

    def test_attempts_of_a_batch(self):
        others = {name: junit.Report.others(self.document.case(name, "batch")) for name in "abcde"}
        self.assertEqual(others, {"a": [("flakyFailure", "failed", 1)], "b": [("rerunFailure", "failed", 1), ("rerunFailure", "failed", 3)],
                                  "c": [("flakyFailure", "failed", 1)], "d": [], "e": []})
        self.assertIn("\nattempt 2,", self.document.case("b", "batch").find("failure").text)

    def test_properties(self):
        run = self.runs()[0]
        for suite in self.document.root:
            found = self.document.properties(suite.get("name"))
            self.assertEqual(found["run"], run)
            self.assertEqual(found.get("host"), None if suite.get("name") in ("unwanted", "late") else "local")
            self.assertEqual(suite.get("hostname"), "localhost")
        self.assertEqual(self.document.properties("flaky")["worker"].split(), sorted({str(record["worker"]) for record in
                                                                                     self.run_of().of("command_finished", "flaky")}))
        self.assertNotIn("worker", self.document.properties("late"))

    def test_same_from_the_journal(self):
        self.same_again()


class Attempts(JunitCase):
    def test_the_first_that_ended_like_the_last_is_shown(self):
        """What counts is how the last one ended."""
        self.assertEqual(self.ci("[ciplug]\nplugins = junit\nretry_delay = 10ms\n[step s]\nretries = 3\ncommand = echo said $CI_ATTEMPT;"
                                 " case $CI_ATTEMPT in 1|3) kill -9 $$;; *) exit 7;; esac\n", "-q").status, 1)
        case = self.report().case("s", "s")
        self.assertEqual((case.find("failure").get("type"), case.find("system-out").text), ("failed", "said 2\n"))
        self.assertEqual(junit.Report.others(case), [("rerunFailure", "signaled", 1), ("rerunFailure", "signaled", 3), ("rerunFailure", "failed", 4)])
        self.assertEqual(case.findall("rerunFailure")[2].find("system-out").text, "said 4\n")
        self.same_again()

    def test_error_and_failure(self):
        made = reports.Journal(self.dir / ".ciplug", "aaaaaaaa")
        made.add("step_started", step="s", planned=2)
        for number, outcomes in ((1, ("error", "failed", "error")), (2, ("error", "passed"))):
            for attempt, outcome in enumerate(outcomes, 1):
                command = made.command("s", number, [b"i%d" % number], 1, attempt)
                made.finish(command, outcome, made.start(command), final=attempt == len(outcomes))
        made.add("step_finished", step="s", outcome="error", reason="")
        made.end(3, {"error": 1, "passed": 1})
        report = self.reported("aaaaaaaa")
        self.assertEqual(junit.Report.others(report.case("i1", "s")), [("rerunFailure", "failed", 2), ("rerunError", "error", 3)])
        self.assertEqual(junit.Report.others(report.case("i2", "s")), [("flakyError", "error", 1)])

    def test_of_a_batch_that_failed(self):
        """Its output is not in the report once for each of its items; and an item that is in the list twice has its own attempts."""
        made = reports.Journal(self.dir / ".ciplug", "aaaaaaaa")
        made.add("step_started", step="s", planned=3)
        for number, units, attempt in ((1, [b"a", b"b"], 1), (2, [b"a"], 1), (3, [b"a"], 2), (4, [b"b"], 2)):
            command = made.command("s", number, units, 1, attempt)
            begun = made.start(command)
            (made.folder / begun["log_out"]).parent.mkdir(parents=True, exist_ok=True)
            (made.folder / begun["log_out"]).write_bytes(b"of %d\n" % number)
            made.finish(command, "failed" if number == 1 else "passed", begun, final=number > 1)
        made.add("step_finished", step="s", outcome="passed", reason="")
        made.end(0, {"passed": 3})
        report = self.reported("aaaaaaaa")
        self.assertEqual([(case.get("name"), junit.Report.others(case), case.find("system-out").text) for case in report.cases],
                         [("a", [], "of 2\n"), ("a", [("flakyFailure", "failed", 1)], "of 3\n"), ("b", [("flakyFailure", "failed", 1)], "of 4\n")])
        self.assertEqual([len(one) for one in report.root.iter("flakyFailure")], [1, 1], "nothing but how it ended")
        report = self.reported("aaaaaaaa", options=("--set", "junit.flavour=ant"), ant=True)
        passed, failed = "[{}, attempt {}: passed]\nof {}\n\n", "[{}, attempt 1: failed, it failed]\n"
        self.assertEqual(report.root.find("testsuite/system-out").text,
                         passed.format("a", 1, 2) + failed.format("a") + passed.format("a", 2, 3) + failed.format("b") + passed.format("b", 2, 4))

    def test_flaky_that_fails(self):
        self.assertEqual(self.ci("[ciplug]\nplugins = junit\nretry_delay = 10ms\n[step s]\nretries = 1\nflaky = fail\n"
                                 "command = test $CI_ATTEMPT = 2\n", "-q").status, 1)
        case = self.report().case("s", "s")
        self.assertEqual(case.find("failure").get("message"), "exit code 1")
        self.assertEqual(case.find("rerunFailure").get("message"), "passed only after a retry, and flaky = fail")


class Flavours(JunitCase):
    ANT = "[junit]\nflavour = ant\n"

    def test_ant(self):
        """The same cases, and nothing that Ant's schema does not know; what that has no place for stands at the suite's end."""
        self.everything(self.ANT)
        report = self.report(ant=True)
        out = {suite.get("name"): suite.find("system-out").text for suite in report.root}
        self.assertEqual(out["good"], "[a, attempt 1: passed]\nsaid a\n\n[b, attempt 1: passed]\nsaid b\n\n")
        self.assertEqual(out["flaky"], "[flaky, attempt 1: failed, exit code 1]\n[flaky, attempt 2: failed, exit code 1]\n")
        self.assertTrue(out["bad"].startswith("[x, attempt 1: failed, exit code 3]\nout x\n\n[x, attempt 2: failed, exit code 3]\nout x\n\n[y, "), out["bad"])
        self.assertEqual(out["late"], None)
        self.assertIn("out x\n", report.case("x", "bad").find("failure").text)
        self.same_again("--set", "junit.flavour=ant", ant=True)

    def test_simple_reports_are_the_same(self):
        """Where there is neither output nor a second attempt, one file has the shape that both schemas want."""
        ini = "[ciplug]\nplugins = junit\n[step s]\nitems = a b c\ncommand = test {item} = a\n[step t]\ncwd = none\nneeds =\ncommand = true\n"
        self.ci(ini, "-q")
        self.assertEqual(len(self.report(ant=True).cases), 4)

    def test_any_bytes(self):
        chance = random.Random(10)
        items = reports.names(chance, 40)
        self.write("names", b"\n".join(items) + b"\n")
        self.write("noise", reports.noise(chance, 800))
        for flavour in ("jenkins", "ant"):
            self.assertEqual(self.ci(f"[ciplug]\nplugins = junit\nretry_delay = 1ms\n[junit]\nflavour = {flavour}\n[step s]\nitems_file = names\n"
                                     "workers = 4\nretries = 1\ncommand = cat noise; printf '%s\\n' {item}; cat noise >&2; exit $(({number} % 2))\n", "-q").status, 1)
            self.assertEqual(self.report(ant=flavour == "ant").count(), len(items))

    def test_any_journal(self):
        for number in range(ROUNDS):
            seed = random.randrange(1 << 30)
            self.count(repeats=1)
            with self.subTest(round=number, seed=seed):
                chance, run = random.Random(seed), f"r{number:07}"
                counts, status = reports.random_journal(chance, self.dir / ".ciplug", run)
                report = self.reported(run)
                extra = len(report.names(suite="run"))
                self.assertEqual(report.count(), sum(counts.values()) + extra)
                self.assertEqual(report.count("passed"), counts["passed"])
                self.assertEqual(report.count("error"), counts["error"] + counts["cancelled"] + extra)
                self.assertEqual(report.count("failure") + report.count("error") == 0, status == 0)
                self.reported(run, options=("--set", "junit.flavour=ant", "-s", "junit.commit=" + "<&\"'"), ant=True)

    def test_places_that_nobody_has(self):
        """Names of a journal that was tampered with leave no attribute empty that may not be."""
        for run, host in (("aaaaaaaa", " "), ("bbbbbbbb", ""), ("cccccccc", "a b\n"), ("dddddddd", None)):
            made = reports.Journal(self.dir / ".ciplug", run)
            made.add("step_started", step="s", planned=1)
            command = made.command("s", 1, [b"i"], 1, 1, host=host)
            made.finish(command, "passed", made.start(command), final=True)
            made.end(0, {"passed": 1})
            self.reported(run, ant=True)


class Cases(JunitCase):
    """Of JUnit files, beside the cases of items; live ones are in report_cases.py."""

    def test_of_a_batch_and_its_items(self):
        reports.Journal(self.dir / ".ciplug", "aaaaaaaa").judged()
        wanted = {"a": {"a1": "passed"}, "b": {"b1": "passed", "b2": "passed"}, "c": {"c1": "skipped"}, "d": {"d1": "error"},
                  "a and more": {"nobody": "passed"}}
        for flavour in ("jenkins", "ant"):
            ant = flavour == "ant"
            report = self.reported("aaaaaaaa", options=("--set", f"junit.flavour={flavour}"), ant=ant)
            found = {suite.get("name"): {case.get("name"): junit.Report.kind(case) for case in suite.findall("testcase")}
                     for suite in report.root.iter("testsuite") if suite.get("name") != "s"}
            self.assertEqual(found, {("s." if ant else "") + name: cases for name, cases in wanted.items()})
            step = report.root.find("testsuite")
            own = {case.get("name"): junit.Report.kind(case) for case in step.findall("testcase")}
            self.assertEqual(own, {"a": "passed", "b": "passed", "c": "skipped", "d": "failure"}, "as the ledger")
            self.assertEqual([step.get(key) for key in ("tests", "failures", "errors", "skipped")], ["4", "1", "0", "1"] if ant else ["10", "1", "1", "2"])
            self.assertEqual(len(list(report.root.iter("flakyFailure"))), 0 if ant else 2, "of b, and of a1")
        self.assertIn("error", [child.tag for child in report.nested("s.d", ant=True)["d1"]])

    def test_any_bytes_of_cases(self):
        for number in range(ROUNDS):
            seed = random.randrange(1 << 30)
            with self.subTest(round=number, seed=seed):
                run = f"r{number:07}"
                cases = reports.Journal(self.dir / ".ciplug", run).noisy(random.Random(seed))
                for flavour in ("jenkins", "ant"):
                    report = self.reported(run, options=("--set", f"junit.flavour={flavour}"), ant=flavour == "ant")
                    self.assertEqual(len(list(report.root.iter("testcase"))), cases // 2 + cases)

    def test_junitparser(self):
        python = reports.python_with("junitparser")
        if not python:
            self.skipTest("there is no python3-junitparser (./bootstrap --tests installs it)")
        reports.Journal(self.dir / ".ciplug", "aaaaaaaa").judged()
        script = "import json, junitparser as j\nxml = j.JUnitXml.fromfile('again.xml')\ndef seen(s):\n" \
                 " return [[c.name for c in s], [seen(n) for n in s.testsuites()], [s.tests, s.failures, s.errors, s.skipped]]\n" \
                 "print(json.dumps([seen(s) for s in xml]))\n"
        self.reported("aaaaaaaa")
        ended = subprocess.run([python, "-c", script], cwd=self.dir, env=self.env, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        (names, nested, sums), = json.loads(ended.stdout)
        self.assertEqual((names[:4], sorted(names[4:]), sums), (list("dabc"), ["a1", "b1", "b2", "c1", "d1", "nobody"], [10, 1, 1, 2]), "it goes into them")
        self.assertEqual(sorted(one[0] for one in nested), [["a1"], ["b1", "b2"], ["c1"], ["d1"], ["nobody"]])


class Settings(JunitCase):
    """`report --set`: the options of a reporter, of which no file says anything then."""

    def setUp(self):
        super().setUp()
        self.passes("[ciplug]\nplugins = junit\n[step s]\ncommand = echo said\n")

    def test_of_each_its_own(self):
        self.reported(options=("-s", "junit.max_output=0", "-s", "tap.version=13", "--to", "tap=t.tap"))
        self.assertNotIn("said", self.read("again.xml"))
        self.assertTrue(self.read("t.tap").startswith("TAP version 13\n"))

    def test_file(self):
        ended = self.verb("report", "--to", "junit", "--set", "junit.file=set.xml")
        self.assertEqual((ended.status, ended.out), (0, ""), ended.all)
        self.assertEqual(self.read("set.xml"), self.read("junit.xml"))

    def test_what_is_wrong_with_them(self):
        for value, said in (("junit.flavour=aunt", "expected one of jenkins, ant, got 'aunt'"), ("junit.flavor=ant", "did you mean 'flavour'?"),
                            ("junit.max_output=-1", "expected a whole number from 0"), ("tap.version=13", "is for no reporter"),
                            ("junit.flavour", "expected STEP.KEY=VALUE"), ("console.x=1", "is for no reporter")):
            ended = self.verb("report", "--to", "junit=no.xml", "--set", value)
            self.assertEqual(ended.status, 2, ended.all)
            self.assertIn(said, ended.err)
            self.assertFalse((self.dir / "no.xml").exists())


class Output(JunitCase):
    def capped(self, most, *more):
        self.passes(f"[ciplug]\nplugins = junit\n[junit]\nmax_output = {most}\n[step s]\ncommand = seq 1 1000\n", *more)
        return self.report().case("s", "s").find("system-out")

    def test_is_capped_with_a_pointer(self):
        said = self.capped(100).text
        first, rest = said.split("\n", 1)
        log = self.run_of().folder / "logs/s/1.out"
        self.assertEqual(first, f"[{log.stat().st_size - 100} of {log.stat().st_size} bytes are left out here; all: {os.path.realpath(log)}]")
        self.assertTrue(rest.endswith("\n999\n1000\n"))
        self.assertLessEqual(len(rest), 100)
        self.assertRegex(rest, r"^\d{3}\n", "not cut within a line")

    def test_whole(self):
        self.assertEqual(self.capped(65536).text, "".join(f"{number}\n" for number in range(1, 1001)))

    def test_none(self):
        self.assertIsNone(self.capped(0))


class Commit(JunitCase):
    NAMES = ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "BUILDKITE_COMMIT", "CIRCLE_SHA1", "BITBUCKET_COMMIT", "TRAVIS_COMMIT", "DRONE_COMMIT_SHA",
             "BUILD_SOURCEVERSION")

    def setUp(self):
        super().setUp()
        for name in self.NAMES:
            self.env.pop(name, None)

    def commit(self, section="", env=None):
        self.passes(f"[ciplug]\nplugins = junit\n{section}[step s]\ncommand = true\n", env=env)
        return self.report().properties("s").get("commit")

    def test_of_services(self):
        for name in self.NAMES:
            self.assertEqual(self.commit(env={name: HASH}), HASH, name)

    def test_unknown(self):
        self.assertIsNone(self.commit())
        self.same_again()

    def test_what_is_no_hash_is_none(self):
        for value in ("", "abc", "hunter2secret", HASH + HASH):
            self.assertIsNone(self.commit(env={"GITHUB_SHA": value}), value)

    def test_option(self):
        self.assertEqual(self.commit("[junit]\ncommit = v1.2 <{env:MINE}>\n", env={"GITHUB_SHA": HASH, "MINE": "r7"}), "v1.2 <r7>")


class Stopped(JunitCase):
    INI = "[ciplug]\nplugins = junit\n[step s]\nitems = a b c\nworkers = 2\n" \
          "command = echo said-{item}; test {item} = a || { : > up.{item}; exec sleep 600; }\n[step t]\ncommand = true\n"

    def test_by_a_signal(self):
        running = self.start(self.INI)
        self.wait_file("up.b")
        self.wait_file("up.c")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        report = self.report()
        self.assertEqual((report.names("passed"), report.names("error")), (["a"], ["b", "c", "t"]))
        self.assertEqual(report.case("b", "s").find("error").get("type"), "cancelled")
        self.assertEqual(report.case("b", "s").find("system-out").text, "said-b\n")
        self.same_again()

    def test_twice(self):
        running = self.start(self.INI.replace("exec sleep", "trap '' TERM; while :; do sleep 1; done; exec sleep"))
        self.wait_file("up.b")
        self.wait_file("up.c")
        running.send(signal.SIGTERM)
        running.send(signal.SIGINT)
        self.assertGreater(running.wait().status, 128)
        self.assertEqual(self.report().names("error"), ["b", "c", "t"])
        self.assertEqual([name for name in os.listdir(self.dir) if ".ciplug-" in name], [], "something was left lying about")

    def test_runs_in_one_file(self):
        self.passes("[ciplug]\nplugins = junit\n[step s]\nitems = a b\ncommand = true\n")
        self.assertEqual(self.ci("[ciplug]\nplugins = junit\n[step s]\nitems = c d\ncommand = test {item} = c\n").status, 1)
        first, second = sorted(self.runs(), key=lambda run: self.run_of(run=run).of("run_started")[0]["time"])
        report = self.reported(first, second)
        self.assertEqual([(suite.get("name"), suite.get("id"), suite.find("properties/property").get("value")) for suite in report.root],
                         [("s", "0", first), ("s", "1", second)])
        self.assertEqual((report.names("passed"), report.names("failure")), (["a", "b", "c"], ["d"]))


class Readers(JunitCase):
    SCRIPT = "import json, junitparser as j\nxml = j.JUnitXml.fromfile('junit.xml')\n" \
             "print(json.dumps([[s.name, s.tests, s.failures, s.errors, s.skipped, [[c.name, c.classname, [r._tag for r in c.result], c.system_out]" \
             " for c in s]] for s in xml]))\nxml.update_statistics()\nprint(json.dumps([xml.tests, xml.failures, xml.errors, xml.skipped]))\n"

    def test_junitparser(self):
        python = reports.python_with("junitparser")
        if not python:
            self.skipTest("there is no python3-junitparser (./bootstrap --tests installs it)")
        for flavour in ("jenkins", "ant"):
            self.everything(f"[junit]\nflavour = {flavour}\n")
            report = self.report(ant=flavour == "ant")
            ended = subprocess.run([python, "-c", self.SCRIPT], cwd=self.dir, env=self.env, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            suites, sums = map(json.loads, ended.stdout.splitlines())
            self.assertEqual(sums, [report.count(kind) for kind in (None, "failure", "error", "skipped")])
            counted = self.run_of().counted()
            self.assertEqual(sums[1:], [counted["failed"] + counted["signaled"] + counted["timeout"], counted["error"] + counted["cancelled"],
                                        counted["skipped"]])
            cases = {(name, suite): (tags, out) for _, _, _, _, _, cases in suites for name, suite, tags, out in cases}
            self.assertEqual(cases["x", "bad"][0], ["failure"])
            self.assertEqual(cases["a", "good"], ([], "said a\n" if flavour == "jenkins" else None))


if __name__ == "__main__":
    main()
