#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reporter tap: every outcome, any bytes, runs that were killed, several runs in one file, and what harnesses make of it."""
import collections
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import journal  # noqa: E402
import reports  # noqa: E402
from harness import Case, main, wait_for  # noqa: E402

try:
    import tap  # noqa: E402
except ImportError as missing:
    other = reports.python_with("yaml")
    if other and not os.environ.get("CIPLUG_TEST_OTHER_PYTHON"):
        os.environ["CIPLUG_TEST_OTHER_PYTHON"] = other
        os.execvp(other, [other, "-B", *sys.argv])
    print(f"SKIP: no {missing.name} for this python3 (./bootstrap --tests installs python3-yaml)")
    sys.exit(1 if os.environ.get("CIPLUG_TEST_NO_SKIP") else 77)

ROUNDS = min(20, int(os.environ.get("CIPLUG_TEST_REPEATS", "20")))
BAD = ("failed", "signaled", "timeout", "error", "cancelled")


class TapCase(Case):
    def tap(self, name="ciplug.tap"):
        return tap.read(self.dir / name)

    def reported(self, *runs, name="again.tap"):
        ended = self.verb("report", *runs, "--to", f"tap={name}")
        self.assertEqual(ended.status, 0, ended.all)
        return self.tap(name)

    def same_again(self):
        """Live, and from the journal: byte by byte."""
        self.reported()
        self.assertEqual(self.read("again.tap"), self.read("ciplug.tap"))


class Outcomes(TapCase):
    def setUp(self):
        super().setUp()
        self.assertEqual(self.ci(reports.EVERYTHING.format(reporters="tap"), "-q", "--keep-going").status, 1)
        self.document = self.tap()

    def leaves(self, step):
        return self.document.step(step).subtest.points

    def test_points_of_items(self):
        kinds = {step.name: [(leaf.name, leaf.ok, leaf.directive) for leaf in step.subtest.points] for step in self.document.points}
        self.assertEqual(kinds, {
            "good": [("a", True, None), ("b", True, None)], "bad": [("x", False, None), ("y", False, None)],
            "flaky": [("flaky", True, None)], "killed": [("killed", False, None)], "slow": [("slow", False, None)],
            "broken": [("broken", False, None)], "allowed": [("p", True, None), ("q", False, "TODO")],
            "skips": [("m", True, None), ("n", True, "SKIP")], "unwanted": [("1", True, "SKIP"), ("2", True, "SKIP")],
            "late": [("late", True, "SKIP")], "empty": [("said a", True, None), ("said b", True, None)],
            "batch": [("a", True, None), ("b", False, None), ("c", True, None), ("d", True, None), ("e", True, None)],
            "cut": [("1", False, None), ("2", False, None), ("3", False, None)]})
        self.assertFalse(self.document.passes)

    def test_points_of_steps(self):
        steps = {step.name: (step.ok, step.directive) for step in self.document.points}
        self.assertEqual(steps, {
            "good": (True, None), "bad": (False, None), "flaky": (True, None), "killed": (False, None), "slow": (False, None),
            "broken": (False, None), "allowed": (False, "TODO"), "skips": (True, None), "unwanted": (True, "SKIP"), "late": (True, "SKIP"),
            "batch": (False, None), "empty": (True, None), "cut": (False, None)})
        self.assertEqual(self.document.step("late").reason, "needs bad, which did not pass")
        for step in self.document.points:
            self.assertEqual(step.subtest.plan, step.diagnostic["planned"])
            self.assertEqual(step.diagnostic["run"], self.runs()[0])

    def test_diagnostics(self):
        bad = self.leaves("bad")[0].diagnostic
        self.assertEqual((bad["outcome"], bad["exit_code"], bad["attempt"], bad["host"], bad["reason"]), ("failed", 3, 2, "local", "exit code 3"))
        self.assertEqual((bad["stdout"], bad["stderr"]), (["out x"], ["err"]))
        self.assertTrue(pathlib.Path(bad["log_out"]).samefile(self.dir / ".ciplug/latest/logs/bad/1.2.out"))
        self.assertIn(bad["worker"], (1, 2, 3, 4))
        self.assertGreater(bad["duration_ms"], 0)
        self.assertEqual([(one["attempt"], one["outcome"], one["exit_code"]) for one in bad["earlier_attempts"]], [(1, "failed", 3)])
        self.assertEqual(self.leaves("killed")[0].diagnostic["signal"], 9)
        self.assertEqual(self.leaves("slow")[0].diagnostic["outcome"], "timeout")
        self.assertEqual(self.leaves("allowed")[1].diagnostic["flags"], ["allowed"])
        flaky = self.leaves("flaky")[0].diagnostic
        self.assertEqual((flaky["flags"], [one["attempt"] for one in flaky["earlier_attempts"]]), (["flaky"], [1, 2]))

    def test_a_batch_that_failed_is_an_earlier_attempt_of_its_items(self):
        attempts = {leaf.name: [one["attempt"] for one in leaf.diagnostic.get("earlier_attempts", [])] for leaf in self.leaves("batch")}
        self.assertEqual(attempts, {"a": [1], "b": [1, 2], "c": [1], "d": [], "e": []})

    def test_what_never_started_says_why(self):
        never = self.leaves("cut")[1].diagnostic
        self.assertEqual((never["outcome"], never["reason"]), ("cancelled", "another command of the step failed"))
        self.assertNotIn("duration_ms", never)

    def test_cleanup_steps_are_comments(self):
        self.assertIn("# cleanup tidy: failed", self.document.comments)
        self.assertIn("# cleanup tidy: exit code 5", self.document.comments)

    def test_same_from_the_journal(self):
        self.same_again()


class Cases(TapCase):
    """Of JUnit files; live ones are in report_cases.py."""

    def test_of_a_batch_and_its_items(self):
        reports.Journal(self.dir / ".ciplug", "aaaaaaaa").judged()
        step = self.reported("aaaaaaaa").step("s").subtest
        self.assertEqual([(point.name, point.ok, [(one.name, one.ok) for one in point.subtest.points]) for point in step.points],
                         [("d", False, [("d1", False)]), ("a", True, [("a1", True)]), ("b", True, [("b1", True), ("b2", True)]),
                          ("c", True, [("c1", True)])])
        skipped = step.step("c").subtest.points[0]
        self.assertEqual((skipped.directive, skipped.reason), ("SKIP", "not today # SKIP"))
        self.assertEqual(step.step("a").subtest.points[0].diagnostic["flags"], ["flaky"])

    def test_any_bytes(self):
        for number in range(ROUNDS):
            seed = random.randrange(1 << 30)
            with self.subTest(round=number, seed=seed):
                run = f"r{number:07}"
                cases = reports.Journal(self.dir / ".ciplug", run).noisy(random.Random(seed))
                points = self.reported(run).leaves()
                self.assertEqual(sum(len(point.subtest.points) for point in points), cases)

    def test_a_case_that_says_no_more_than_its_name(self):
        made = reports.Journal(self.dir / ".ciplug", "aaaaaaaa")
        made.add("step_started", step="s", planned=1)
        command = made.command("s", 1, [b"i"], 1, 1)
        begun = made.start(command)
        made.case(command, "plain")
        made.finish(command, "passed", begun)
        made.end(0, {"passed": 1})
        self.assertIn("\n        ok 1 - plain\n", self.reported("aaaaaaaa") and self.read("again.tap"))


class Verdicts(TapCase):
    """No document passes whose run did not."""

    def test_green(self):
        self.passes("[ciplug]\nplugins = tap\n[step s]\ncommand = true\n")
        self.assertTrue(self.tap().passes)
        self.same_again()

    def test_no_verdict_is_a_bail_out_behind_all_that_is_known(self):
        ended = self.ci("[ciplug]\nplugins = tap\n[step s]\nitems = a b\ncommand = true\n[step gone]\nneeds =\ncwd = none\ncommand = true\n")
        self.assertEqual(ended.status, 3, ended.all)
        document = self.tap()
        self.assertIn("status 3", document.bail_out)
        self.assertEqual([leaf.name for leaf in document.leaves()], ["a", "b", "gone"])
        self.same_again()

    def test_nothing_to_run(self):
        ended = self.ci("[ciplug]\nplugins = tap\n[step s]\nitems = *.nothing\ncommand = true\n")
        self.assertEqual(ended.status, 4, ended.all)
        self.assertFalse(self.tap().passes)
        self.assertIsNone(self.tap().bail_out)
        self.same_again()

    def test_empty_is_allowed(self):
        self.passes("[ciplug]\nplugins = tap\n[step s]\ncommand = true\n[step e]\nitems = *.nothing\nallow_empty = yes\ncommand = true\n")
        self.assertTrue(self.tap().passes)
        self.assertEqual((self.tap().step("e").directive, self.tap().step("e").subtest.plan), ("SKIP", 0))

    def test_signal(self):
        running = self.start("[ciplug]\nplugins = tap\n[step s]\nitems = a b c\nworkers = 2\n"
                             "command = test {item} = a || { : > up.{item}; exec sleep 600; }\n[step t]\ncommand = true\n")
        self.wait_file("up.b")
        self.wait_file("up.c")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        document = self.tap()
        self.assertEqual([(leaf.name, leaf.ok) for leaf in document.step("s").subtest.points], [("a", True), ("b", False), ("c", False)])
        self.assertFalse(document.step("t").ok)
        self.assertIsNone(document.bail_out)
        self.same_again()

    def test_signal_when_all_had_passed(self):
        running = self.start("[ciplug]\nplugins = tap\n[step s]\ncommand = true\n[cleanup c]\ncommand = : > up; read line < go\n")
        self.fifo("go")
        self.wait_file("up")
        running.send(signal.SIGINT)
        wait_for(lambda: "SIGINT" in running.err() + running.out(), "its word")
        self.open_fifo("go")
        self.assertEqual(running.wait().status, 130)
        document = self.tap()
        self.assertEqual([(point.name, point.ok) for point in document.points], [("s", True), ("run", False)])
        self.assertEqual(document.points[1].diagnostic["exit_status"], 130)
        self.same_again()

    def test_what_a_resumed_run_carries_is_skipped(self):
        ini = "[ciplug]\nplugins = tap\n[step s]\nitems = a b\ncommand = test {item} = a -o -e there\n"
        self.assertEqual(self.ci(ini).status, 1)
        first = self.runs()[0]
        self.write("there", "")
        self.passes(ini, "--resume")
        self.assertEqual([(leaf.name, leaf.ok, leaf.directive, leaf.reason) for leaf in self.tap().leaves()],
                         [("a", True, "SKIP", f"passed in run {first}"), ("b", True, None, None)])
        self.assertTrue(self.tap().passes)
        self.same_again()

    def test_an_old_report_is_gone_before_the_first_command(self):
        self.write("ciplug.tap", "TAP version 14\n1..1\nok 1\n")
        self.passes("[ciplug]\nplugins = tap\n[step s]\ncommand = test ! -e ciplug.tap\n")


class Killed(TapCase):
    INI = "[ciplug]\nplugins = tap\n[step s]\nitems = a b c d\nworkers = 2\ncommand = test {item} = a || { : > up.{item}; exec sleep 600; }\n" \
          "[step t]\ncommand = true\n"

    def killed(self):
        running = self.start(self.INI)
        self.wait_file("up.b")
        self.wait_file("up.c")
        wait_for(lambda: len(self.run_of().of("command_started", "s")) == 3, "three starts in the journal")
        running.send(signal.SIGKILL)
        running.wait()

    def test_what_is_known_and_what_not(self):
        self.killed()
        self.assertFalse((self.dir / "ciplug.tap").exists())
        document = self.reported()
        step = document.step("s")
        self.assertEqual([(leaf.name, leaf.ok, leaf.diagnostic.get("flags")) for leaf in step.subtest.points],
                         [("a", True, None), ("b", False, ["interrupted"]), ("c", False, ["interrupted"])])
        self.assertEqual((step.subtest.plan, step.diagnostic["without_result"], step.ok), (4, 1, False))
        self.assertEqual(step.subtest.comments, ["# 1 of 4 planned have no result"])
        self.assertEqual(document.bail_out, f"run {self.runs()[0]} has no verdict: the run has not finished")

    def test_while_it_goes_on(self):
        running = self.start(self.INI)
        self.wait_file("up.b")
        self.wait_file("up.c")
        wait_for(lambda: self.run_of().of("command_finished", "s"), "an end in the journal")
        document = self.reported()
        self.assertEqual([leaf.name for leaf in document.leaves()], ["a"])
        self.assertEqual((document.step("s").diagnostic["outcome"], document.step("s").ok), ("unknown", False))
        self.assertIn("has not finished", document.bail_out)
        running.send(signal.SIGTERM)
        running.wait()

    def test_shards_in_one_file(self):
        self.killed()
        self.passes("[ciplug]\nplugins = tap\n[step s]\nitems = x y\ncommand = true\n")
        first, second = sorted(self.runs(), key=lambda run: self.run_of(run=run).of("run_started")[0]["time"])
        document = self.reported(first, second)
        self.assertEqual([(point.name, point.diagnostic["run"]) for point in document.points], [("s", first), ("s", second)])
        self.assertEqual([leaf.name for leaf in document.leaves()], ["a", "b", "c", "x", "y"])
        self.assertIn(first, document.bail_out)
        self.assertNotIn(second, document.bail_out)
        self.assertTrue(self.reported(second, second).passes)

    def test_before_the_first_step(self):
        reports.Journal(self.dir / ".ciplug", "aaaaaaaa").write()
        document = self.reported("aaaaaaaa")
        self.assertEqual([(point.name, point.ok) for point in document.points], [("run", False)])
        self.assertIsNotNone(document.bail_out)


class Bytes(TapCase):
    def test_of_a_run(self):
        chance = random.Random(14)
        items = reports.names(chance, 60)
        self.write("names", b"\n".join(items) + b"\n")
        self.write("noise", reports.noise(chance, 800))
        ended = self.ci("[ciplug]\nplugins = tap\n[step s]\nitems_file = names\nworkers = 4\n"
                        "command = cat noise; printf '%s\\n' {item}; cat noise >&2; exit $(({number} % 2))\n"
                        "[step broken]\nneeds =\nitems_file = names\ncwd = none/{item}\ncommand = true\n", "-q", "--keep-going")
        self.assertEqual(ended.status, 1, ended.all)
        document = self.tap()
        self.assertEqual([step.subtest.plan for step in document.points], [len(items)] * 2)
        for name in ("s", "broken"):
            self.assertEqual([leaf.ok for leaf in document.step(name).subtest.points],
                             [name == "s" and number % 2 == 0 for number in range(1, len(items) + 1)])
        self.same_again()

    def test_names_come_back(self):
        names = ["a # SKIP b", "a \\# TODO b", "\\", "\\\\#", "#", "ok 1", "not ok 2 - x", "1..3", "Bail out! no", "# Subtest: x", "- a", "5", "x # y",
                 "tail\\", "a: b", "é😀", "# todo", "---"]
        self.write("names", "".join(name + "\n" for name in names))
        self.passes("[ciplug]\nplugins = tap\n[step s]\nitems_file = names\ncommand = true\n")
        document = self.tap()
        self.assertEqual([leaf.name for leaf in document.leaves()], names)
        self.assertEqual([leaf.directive for leaf in document.leaves()], [None] * len(names))

    def test_names_in_quotes(self):
        made = reports.Journal(self.dir / ".ciplug", "aaaaaaaa")
        made.pool(random.Random(1), "s", [[b" a"], [b"a "], [b"\x1b[0m"], [b"a {"], [b"a\nb\tc"], [b"\xff\x01"]])
        made.end(0, {"passed": 6})
        self.assertEqual([leaf.name for leaf in self.reported("aaaaaaaa").leaves()], ['" a"', '"a "', '""', '"a {"', "a b c", "\ufffd\ufffd"])

    def test_output_is_readable(self):
        self.ci(r"""
            [ciplug]
            plugins = tap
            [step s]
            command = printf '\033[1;31mred\033[0m \351 "]]>" \\ </script>\r\n\nBail out!\tno\000\302\205.\342\200\250'; exit 1
        """)
        self.assertEqual(self.tap().leaves()[0].diagnostic["stdout"], ['red \ufffd "]]>" \\ </script>', "", "Bail out!\tno\ufffd\x85.\u2028"])

    def test_of_any_journal(self):
        for number in range(ROUNDS):
            seed = random.randrange(1 << 30)
            self.count(repeats=1)
            with self.subTest(round=number, seed=seed):
                self.one_journal(random.Random(seed), f"r{number:07}")

    def one_journal(self, chance, run):
        made = reports.Journal(self.dir / ".ciplug", run)
        made.add("step_started", step="s", planned=20)
        for number in range(1, 21):
            command = made.command("s", number, [reports.noise(chance, 9, b"\0")], 1, 1)
            begun = made.start(command)
            outcome = chance.choice(journal.OUTCOMES)
            made.log("s", number, "out", reports.noise(chance, 400))
            made.log("s", number, "err", reports.noise(chance, 40))
            made.finish(command, outcome, begun, reason=reports.noise(chance, 9, b"\0").decode("utf-8", "replace"))
        made.write()
        document = self.reported(run)
        self.assertEqual([leaf.ok for leaf in document.leaves()], ['"passed"' in line or '"skipped"' in line for line in made.lines if '"final"' in line])


class Sums(TapCase):
    def agree(self, document, counts, status):
        found = collections.Counter(leaf.diagnostic["outcome"] for leaf in document.leaves())
        self.assertEqual({name: found[name] for name in journal.OUTCOMES}, {name: counts.get(name, 0) for name in journal.OUTCOMES})
        for leaf in document.leaves():
            outcome = leaf.diagnostic["outcome"]
            self.assertEqual(leaf.ok, outcome not in BAD, leaf)
            self.assertEqual(leaf.directive == "SKIP", outcome == "skipped", leaf)
        self.assertEqual(document.passes, status == 0)
        self.assertEqual(document.bail_out is not None, status == 3)
        if status not in (0, 3):
            self.assertTrue(any(point.red for point in document.points), "green for a harness that knows no subtests")

    def test_random_journals(self):
        for number in range(2 * ROUNDS):
            seed = random.randrange(1 << 30)
            self.count(repeats=1)
            with self.subTest(round=number, seed=seed):
                counts, status = reports.random_journal(random.Random(seed), self.dir / ".ciplug", f"r{number:07}")
                self.agree(self.reported(f"r{number:07}"), counts, status)

    def test_random_runs(self):
        for number in range(ROUNDS // 2 + 1):
            seed = random.randrange(1 << 30)
            self.count(repeats=1)
            with self.subTest(round=number, seed=seed):
                chance = random.Random(seed)
                ended = self.ci(reports.random_ini(chance, "tap"), "-q", *chance.choice([[], ["--keep-going"], ["--fail-fast"]]))
                self.agree(self.tap(), self.run_of().counted(), ended.status)
                self.same_again()


class Options(TapCase):
    INI = "[ciplug]\nplugins = tap\n[tap]\nfile = out/{run}.tap\n%s[step s]\ncommand = seq 1 2000; exit 1\n"

    def document(self, options):
        shutil.rmtree(self.dir / "out", ignore_errors=True)
        self.assertEqual(self.ci(self.INI % options, "-q").status, 1)
        return tap.read(next((self.dir / "out").iterdir()))

    def test_default_and_file(self):
        document = self.document("")
        diagnostic = document.leaves()[0].diagnostic
        self.assertEqual((document.version, diagnostic["stdout_bytes"]), (14, 8893))
        self.assertEqual(diagnostic["stdout"], [str(number) for number in range(2001 - len(diagnostic["stdout"]), 2001)])

    def test_output_is_left_out(self):
        self.assertNotIn("stdout", self.document("max_output = 0\n").leaves()[0].diagnostic)
        self.assertEqual(self.document("max_output = 12\n").leaves()[0].diagnostic["stdout"], ["1999", "2000"])

    def test_version_13(self):
        self.assertEqual(self.document("version = 13\n").version, 13)

    def test_help(self):
        ended = self.verb("plugins", "tap")
        for option in ("file", "max_output", "version"):
            self.assertIn(option, ended.out)

    def test_status_3_when_it_cannot_be_written(self):
        ended = self.ci("[ciplug]\nplugins = tap\n[tap]\nfile = /dev/full\n[step s]\ncommand = true\n")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("plugin tap: cannot write /dev/full: No space left on device", ended.err)


class Harnesses(TapCase):
    """Version 13: most harnesses of today know no other, and see the steps alone."""

    def setUp(self):
        super().setUp()
        chance = random.Random(13)
        self.write("names", b"\n".join(reports.names(chance, 30)) + b"\n")
        self.write("noise", reports.noise(chance, 400))

    def made(self, code, *more):
        ended = self.ci("[ciplug]\nplugins = tap\nskip_codes = 77\n[tap]\nversion = 13\n[step s]\nitems_file = names\n"
                        f"command = cat noise; printf %%s {{item}}; {code}\n".replace("%%", "%") + "".join(more), "-q", "--keep-going")
        return ended.status

    def prove(self):
        if not shutil.which("prove"):
            self.skipTest("prove is not installed (./bootstrap --tests installs perl)")
        ended = subprocess.run(["prove", "--exec", "cat", "ciplug.tap"], cwd=self.dir, env=self.env, check=False, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, errors="replace")
        self.assertNotIn("Parse errors", ended.stdout)
        return ended.returncode, ended.stdout + ended.stderr

    def test_prove_passes(self):
        self.assertEqual(self.made("exit 0", "[step skip]\ncommand = exit 77\n", "[step todo]\nallow_failure = yes\ncommand = exit 1\n"), 0)
        status, said = self.prove()
        self.assertEqual(status, 0, said)
        self.assertIn("Tests=3", said)

    def test_prove_fails(self):
        self.assertEqual(self.made("exit 1", "[step good]\nneeds =\ncommand = true\n"), 1)
        status, said = self.prove()
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r"Failed test:\s+1\n")

    def test_prove_bails_out(self):
        self.assertEqual(self.made("exit 0", "[step gone]\ncwd = none\ncommand = true\n"), 3)
        status, said = self.prove()
        self.assertNotEqual(status, 0)
        self.assertIn("Bailout called.  Further testing stopped:  run ", said)

    def test_python_tap(self):
        python = reports.python_with("tap.parser, yaml, more_itertools")
        if not python:
            self.skipTest("there is no python3-tap (./bootstrap --tests installs it)")
        self.assertEqual(self.made("exit 1", "[step todo]\nneeds =\nallow_failure = yes\ncommand = exit 1\n"), 1)
        script = "from tap.parser import Parser\nimport json\n" \
                 "print(json.dumps([(line.ok, line.todo, line.yaml_block['outcome']) for line in Parser().parse_file('ciplug.tap') if line.category == 'test']))"
        ended = subprocess.run([python, "-c", script], cwd=self.dir, env=self.env, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(ended.stdout.strip(), '[[false, false, "failed"], [false, true, "failed"]]', ended.stderr)

    def test_no_line_is_taken_for_another(self):
        """By a parser that knows neither subtests nor blocks."""
        self.assertEqual(self.made("exit 1"), 1)
        points = [line for line in self.read("ciplug.tap").split("\n") if re.match(r"(not )?ok\b|\d+\.\.|\s*Bail out!|\s*pragma", line, re.IGNORECASE)]
        self.assertEqual(points, ["1..1", "not ok 1 - s"])


if __name__ == "__main__":
    main()
