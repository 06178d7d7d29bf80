#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`results`: JUnit files that commands write decide, each item has its own verdict, cases stand in the journal."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from cases import GREEN, TOOL  # noqa: E402
from harness import Case, main  # noqa: E402


class Results(Case):
    def setUp(self):
        super().setUp()
        self.write("tool", TOOL)

    def step(self, *keys, args=(), name="s"):
        return self.ci(f"[step {name}]\n" + "".join(f"{key}\n" for key in keys), *args)

    def by_item(self, step="s"):
        """{item: (outcome, record)} of the final records."""
        return {record["item"]: record for record in self.run_of().final(step).values()}

    def cases(self, step="s"):
        return self.run_of().of("test_finished", step)


class One(Results):
    """A command with one item, or none."""

    def test_cases_of_a_pass(self):
        ended = self.step("command = sh tool r.xml a b", "results = r.xml")
        self.assertEqual(ended.status, 0, ended.all)
        first, second = self.cases()
        self.assertEqual((first["classname"], first["name"], first["outcome"]), ("a", "first", "passed"))
        self.assertEqual((second["file"], second["line"], second["duration_ns"]), ("b.t", 7, 125000000))
        self.assertEqual((first["number"], first["attempt"], first["suite"]), (1, 1, "tool"))

    def test_they_come_before_their_command(self):
        self.step("command = sh tool r.xml a", "results = r.xml")
        kinds = [record["event"] for record in self.run_of().records()]
        self.assertLess(kinds.index("test_finished"), kinds.index("command_finished"))

    def test_a_failure_says_which_case(self):
        ended = self.step("command = sh tool r.xml a bad", "results = r.xml")
        self.assertEqual(ended.status, 1)
        self.assertEqual(self.run_of().one("s")["reason"], "exit code 1; 1 of 3 cases failed: second")
        self.assertIn("1 of 3 cases failed: second", ended.out)
        failed = [case for case in self.cases() if case["outcome"] == "failed"]
        self.assertEqual([(c["type"], c["message"], c["text"]) for c in failed], [("Mismatch", "1 is not 2", "bad.t:7 <trace>")])

    def test_a_failed_case_with_status_0(self):
        ended = self.step("command = TOOL_EXIT=0 sh tool r.xml bad", "results = r.xml")
        self.assertEqual(ended.status, 1)
        self.assertEqual((self.run_of().one("s")["outcome"], self.run_of().one("s")["reason"]),
                         ("failed", "exit code 0, but 1 of 2 cases failed: second"))

    def test_green_cases_do_not_undo_a_failure(self):
        ended = self.step("command = TOOL_EXIT=9 sh tool r.xml a", "results = r.xml")
        self.assertEqual((ended.status, self.run_of().one("s")["outcome"]), (1, "failed"))

    def test_all_skipped(self):
        ended = self.step("command = sh tool r.xml skip", "results = r.xml")
        self.assertEqual((ended.status, self.run_of().one("s")["outcome"]), (0, "skipped"))
        self.assertEqual(self.cases()[0]["message"], "not today")

    def test_a_flaky_case(self):
        self.step("command = sh tool r.xml flaky", "results = r.xml")
        self.assertEqual((self.cases()[0]["outcome"], self.cases()[0]["flags"]), ("passed", ["flaky"]))

    def test_a_skip_code_hides_no_failed_case(self):
        ended = self.step("command = sh tool r.xml a bad; exit 77", "skip_codes = 77", "results = r.xml")
        self.assertEqual((ended.status, self.run_of().one("s")["outcome"]), (1, "failed"), ended.all)

    def test_a_skip_code_is_no_case_for_them(self):
        ended = self.step("command = exit 77", "skip_codes = 77", "results = r.xml")
        self.assertEqual((ended.status, self.run_of().one("s")["outcome"]), (0, "skipped"))

    def test_several_globs_folders_and_absolute_names(self):
        ended = self.step(f"command = mkdir -p d/e; sh tool d/e/a.xml a; sh tool b.xml b; sh tool {self.dir}/c.xml c",
                          f"results = d b*.xml {self.dir}/c.xml")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual(sorted(case["classname"] for case in self.cases()), ["a", "b", "c"])

    def test_one_file_by_two_globs_is_read_once(self):
        self.step("command = sh tool r.xml a", "results = r.xml *.xml")
        self.assertEqual(len(self.cases()), 1)

    def test_below_cwd(self):
        (self.dir / "sub").mkdir()
        self.assertEqual(self.step("cwd = sub", "command = sh ../tool r.xml a", "results = r.xml").status, 0)

    def test_an_item_with_blanks_in_the_name(self):
        self.assertEqual(self.step("items_file = list", "command = sh tool {item}.xml a", "results = {item}.xml",
                                   args=[] if self.write("list", "one two\n") else []).status, 0)

    def test_each_attempt_has_its_own(self):
        ended = self.step("retries = 1", "command = if [ {attempt} = 1 ]; then sh tool r.xml bad; else sh tool r.xml a; fi", "results = r.xml",
                          "retry_delay = none")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual([case["attempt"] for case in self.cases()], [1, 1, 2])
        self.assertEqual(self.run_of().one("s")["flags"], ["flaky"])

    def test_secrets_in_cases(self):
        ended = self.ci("[ciplug]\nmask = TOKEN\n[step s]\ncommand = sh tool r.xml x$TOKEN\nresults = r.xml\n", env={"TOKEN": "hunter22"})
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual(self.cases()[0]["classname"], "x***")
        self.assertNotIn("hunter22", (self.run_of().folder / "journal.jsonl").read_text())

    def test_a_service_has_none(self):
        self.refused("[step s]\nready = true\ncommand = sleep 600\nresults = r.xml\n", "ci.ini:4: a service (ready) has no results")

    def test_failed_cases_at_the_end(self):
        names = " ".join(f"bad{n}" for n in range(7))
        ended = self.step(f"command = sh tool r.xml {names}", "results = r.xml")
        end = ended.out.partition("failures:\n")[2]
        self.assertIn("        - second (bad4.t:7): 1 is not 2\n        - and 2 more\n", end)
        self.assertNotIn("bad5", end)
        self.assertEqual(self.verb("report").out.partition("failures:\n")[2], end)

    def test_a_near_miss_of_a_placeholder(self):
        self.refused("[step s]\ncommand = true\nresults = {itme}.xml\n", "{itme}")


class Batches(Results):
    """Items of one command have verdicts of their own."""

    KEYS = ("batch = 9", "workers = 1", "command = echo run {items}; sh tool r{number}.xml {items}", "results = r{number}.xml", "retry_delay = none")

    def starts(self):
        return len(self.run_of().of("command_started", "s"))

    def test_what_failed(self):
        ended = self.step("items = a bad b", *self.KEYS)
        self.assertEqual(ended.status, 1)
        self.assert_ledger(passed=2, failed=1)
        self.assertEqual({item: record["outcome"] for item, record in self.by_item().items()}, {"a": "passed", "bad": "failed", "b": "passed"})
        self.assertEqual(self.starts(), 1, "an item with a verdict ran again")
        self.assertEqual(self.by_item()["bad"]["reason"], "1 of 2 cases failed: second")

    def test_each_has_its_own_time(self):
        self.step("items = a bad", *self.KEYS)
        self.assertEqual([self.by_item()[item]["duration_ns"] for item in ("a", "bad")], [125000000, 750000000])

    def test_the_records(self):
        self.step("items = a bad", *self.KEYS)
        whole = self.run_of().finished("s")[0]
        self.assertEqual((whole["final"], whole["flags"], whole["items"]), (False, ["judged"], ["a", "bad"]))
        verdict = self.by_item()["bad"]
        self.assertEqual((verdict["batch"], verdict["log_out"], verdict["exit_code"]), (whole["number"], whole["log_out"], None))
        self.assertEqual([case["item"] for case in self.cases()], ["a", "bad", "bad"])

    def test_what_passed(self):
        ended = self.step("items = a b skip", *self.KEYS)
        self.assertEqual(ended.status, 0, ended.all)
        self.assert_ledger(passed=2, skipped=1)
        self.assertEqual(self.starts(), 1)

    def test_what_they_do_not_name_runs_alone(self):
        ended = self.step("items = a none b", *self.KEYS)
        self.assertEqual(ended.status, 3, ended.all)
        self.assert_ledger(passed=2, error=1)
        self.assertEqual(self.starts(), 2)
        self.assertIn("there is no case in them", self.by_item()["none"]["reason"])

    def test_a_retry_is_of_what_failed_only(self):
        self.step("items = a bad b", "retries = 2", *self.KEYS)
        self.assertEqual(self.starts(), 3)
        self.assertEqual([(r["attempt"], r["final"]) for r in self.run_of().finished("s") if r.get("item") == "bad"],
                         [(1, False), (2, False), (3, True)])

    def test_passed_on_a_retry(self):
        ended = self.step("items = a bad", "retries = 1", "batch = 9", "command = if [ {attempt} = 1 ]; then sh tool r.xml {items}; else TOOL_EXIT=0 sh tool r.xml ok; fi",
                          "results = r.xml", "retry_delay = none")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual(self.by_item()["bad"]["flags"], ["flaky"])
        self.assertEqual(self.by_item()["a"]["flags"], [])

    def test_a_failure_that_no_case_explains(self):
        ended = self.step("items = a b", "batch = 9", "workers = 1", "command = TOOL_EXIT=3 sh tool r{number}.xml {items}", "results = r{number}.xml")
        self.assertEqual(ended.status, 1)
        self.assert_ledger(failed=2)
        self.assertEqual(self.starts(), 3, "each item alone")

    def test_a_failed_case_of_no_item(self):
        self.step("items = a b", "batch = 9", "workers = 1", "command = sh tool r{number}.xml {items} bad", "results = r{number}.xml")
        self.assert_ledger(failed=2)
        self.assertEqual(self.starts(), 3)

    def test_with_status_0_a_failed_case_fails_its_item(self):
        ended = self.step("items = a bad", "batch = 9", "command = TOOL_EXIT=0 sh tool r.xml {items}", "results = r.xml")
        self.assertEqual(ended.status, 1)
        self.assert_ledger(passed=1, failed=1)

    def test_broken_ones(self):
        ended = self.step("items = a b", "batch = 9", "workers = 1",
                          "command = sh tool r{number}.xml {items}; if [ {number} = 1 ]; then echo '<' >>r1.xml; fi", "results = r{number}.xml")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual(self.starts(), 3, "each item alone")

    def test_resume_runs_what_failed(self):
        self.step("items = a bad b", *self.KEYS)
        ended = self.step("items = a bad b", *self.KEYS, args=["--resume"])
        self.assertEqual(ended.status, 1)
        self.assert_ledger(failed=1, skipped=2)
        self.assertEqual(self.run_of().text("s", self.run_of().of("command_started")[0]["number"]), "run bad\n")

    def test_split(self):
        ended = self.step("items = a bad b c", "split = 1", "command = sh tool r.xml {items}", "results = r.xml")
        self.assertEqual(ended.status, 1)
        self.assert_ledger(passed=3, failed=1)

    def test_fail_fast(self):
        ended = self.step("items = a bad b c", "batch = 2", "workers = 1", "fail_fast = yes", "command = sh tool r{number}.xml {items}",
                          "results = r{number}.xml")
        self.assertEqual(ended.status, 1)
        self.assert_ledger(passed=1, failed=1, cancelled=2)

    def test_allowed_to_fail(self):
        ended = self.step("items = a bad", "allow_failure = yes", *self.KEYS)
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual(self.by_item()["bad"]["flags"], ["allowed"])

    def test_what_a_batch_left_behind_is_its_failure(self):
        """No verdict on an item makes up for it."""
        ended = self.step("items = a bad", "on_leak = fail", "retries = 1", "retry_delay = none", "batch = 9", "workers = 1",
                          "command = if [ {attempt} = 1 ]; then sleep 50008 & sh tool r{number}.xml {items}; else sh tool r{number}.xml ok; fi",
                          "results = r{number}.xml")
        self.assertEqual(self.starts(), 3, ended.all)

    def test_what_they_printed_is_read_once(self):
        ended = self.ci("[step s]\nitems = a b\nbatch = 9\ncommand = echo line; sh tool r.xml {items}\nresults = r.xml\n"
                        "[step t]\nitems_from = s\ncommand = true\n")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual([record["item"] for record in self.run_of().final("t").values()], ["line"])

    def test_on_the_screen(self):
        ended = self.step("items = a bad b", *self.KEYS)
        self.assertIn("FAIL s 1 [a and 2 more]", ended.out)
        self.assertIn("[bad]: 1 of 2 cases failed: second", ended.out)
        self.assertNotIn("RETRY", ended.out)
        before, _, after = ended.out.partition("failures:\n")
        self.assertEqual(before.count("run a bad b\n"), 1)
        self.assertIn("        - second (bad.t:7): 1 is not 2\n", after)
        self.assertNotIn("[b]", ended.out)


class Names(Results):
    """Ways in which test tools name what they ran."""

    def matched(self, items, xml):
        """{item: its cases' names}, of one batch that passed."""
        self.write("given.xml", xml)
        ended = self.step(f"items = {' '.join(items)}", "batch = 9", "command = cat given.xml >r.xml", "results = r.xml")
        self.assertEqual(ended.status, 0, ended.all)
        found = {}
        for case in self.cases():
            found.setdefault(case.get("item"), []).append(case["name"])
        return found

    def test_pytest(self):
        self.assertEqual(self.matched(["tests/test_a.py", "tests/sub/test_b.py"], """<testsuites><testsuite name="pytest">
            <testcase classname="tests.test_a" name="test_one"/><testcase classname="tests.test_a.TestX" name="test_two[1.5]"/>
            <testcase classname="tests.sub.test_b" name="test_three"/></testsuite></testsuites>"""),
                         {"tests/test_a.py": ["test_one", "test_two[1.5]"], "tests/sub/test_b.py": ["test_three"]})

    def test_pytest_nodes(self):
        self.assertEqual(self.matched(["t/test_a.py::TestX::test_1", "t/test_a.py::test_2"], """<testsuite>
            <testcase classname="t.test_a.TestX" name="test_1"/><testcase classname="t.test_a" name="test_2[a-b]"/></testsuite>"""),
                         {"t/test_a.py::TestX::test_1": ["test_1"], "t/test_a.py::test_2": ["test_2[a-b]"]})

    def test_rspec(self):
        self.assertEqual(self.matched(["spec/a_spec.rb", "spec/m/a_spec.rb"], """<testsuite name="rspec">
            <testcase classname="spec.a_spec" name="A works" file="./spec/a_spec.rb"/>
            <testcase classname="spec.m.a_spec" name="M works" file="./spec/m/a_spec.rb"/></testsuite>"""),
                         {"spec/a_spec.rb": ["A works"], "spec/m/a_spec.rb": ["M works"]})

    def test_classes(self):
        self.assertEqual(self.matched(["com.x.ATest", "com.x.BTest"], """<testsuites>
            <testsuite name="com.x.ATest"><testcase classname="com.x.ATest" name="one"/></testsuite>
            <testsuite name="com.x.BTest"><testcase name="two"/></testsuite></testsuites>"""),
                         {"com.x.ATest": ["one"], "com.x.BTest": ["two"]})

    def test_absolute_files(self):
        self.assertEqual(self.matched(["src/a.test.js", "src/b.test.js"], """<testsuites><testsuite name="x">
            <testcase classname="A adds" name="A adds" file="/work/src/a.test.js"/>
            <testcase classname="B adds" name="B adds" file="/work/src/b.test.js"/></testsuite></testsuites>"""),
                         {"src/a.test.js": ["A adds"], "src/b.test.js": ["B adds"]})


class Stopped(Results):
    def test_a_signal_while_they_are_read(self):
        """A FIFO among them is no file; nobody waits for a writer."""
        self.fifo("p.xml")
        ended = self.step("command = sh tool r.xml a", "results = *.xml")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("p.xml: is no file", self.run_of().one("s")["reason"])

    def test_after_a_timeout_they_are_not_asked(self):
        self.write("r.xml", GREEN)
        ended = self.step("timeout = 100ms", "grace = 1ms", "command = sleep 600", "results = r.xml")
        self.assertEqual((ended.status, self.run_of().one("s")["outcome"]), (1, "timeout"))


if __name__ == "__main__":
    main()
