#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""75: Test results of an older run, of another command, or a torn file are read as a pass.

A JUnit file that `results` names counts only when it was written since its attempt began and belongs to no other command.
What is missing, older, another's, torn, without a case, or contradicts itself is an error with the reason, never a pass; a
failed case fails its command whatever that ended with."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from cases import GREEN, RED  # noqa: E402
from harness import Case, main  # noqa: E402


class Refused(Case):
    def run_with(self, command, results="r.xml", *more):
        return self.ci(f"[step s]\ncommand = {command}\nresults = {results}\n" + "".join(f"{line}\n" for line in more))

    def errs(self, command, *reasons, results="r.xml", more=()):
        ended = self.run_with(command, results, *more)
        self.count(losses=ended.status == 0)
        self.assertEqual(ended.status, 3, ended.all)
        record = [r for r in self.run_of().final("s").values() if r["outcome"] != "passed"][0]
        self.assertEqual(record["outcome"], "error")
        for reason in reasons:
            self.assertIn(reason, record["reason"])
            self.assertIn(reason, ended.all)


class Old(Refused):
    def test_planted(self):
        self.write("r.xml", GREEN)
        self.errs("true", "r.xml was there before, and was not written again")

    def test_planted_with_a_time_to_come(self):
        path = self.write("r.xml", GREEN)
        os.utime(path, (4e9, 4e9))
        self.errs("true", "r.xml was there before")

    def test_one_among_new_ones(self):
        self.write("old.xml", GREEN)
        self.write("new", GREEN)
        self.errs("cat new >new.xml", "old.xml was there before", results="*.xml")

    def test_written_again(self):
        self.write("r.xml", RED)
        self.write("new", GREEN)
        self.assertEqual(self.run_with("cat new >r.xml").status, 0)

    def test_brought_with_its_old_time(self):
        path = self.write("kept", GREEN)
        os.utime(path, (1e9, 1e9))
        self.assertEqual(self.run_with("cp -p kept r.xml").status, 0)

    def test_of_an_earlier_attempt(self):
        self.write("red", RED)
        ended = self.run_with("if [ {attempt} = 1 ]; then cat red >r.xml; exit 1; fi", "r.xml", "retries = 1", "retry_delay = none")
        self.assertEqual((ended.status, self.run_of().one("s")["outcome"]), (3, "error"), ended.all)


class Others(Refused):
    def test_of_another_command(self):
        """The second writes while the first runs, which then takes them both."""
        self.fifo("go")
        self.write("new", GREEN)
        ended = self.ci("[step s]\ncount = 2\nworkers = 2\nresults = r*.xml\n"
                        "command = if [ {number} = 1 ]; then read -r x <go; else cat new >r2.xml; echo >go; fi\n", "-j", "2")
        self.count(losses=ended.status == 0)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("give each command a name of its own, as by {number}", ended.all)

    def test_in_a_row_with_one_name(self):
        self.write("new", GREEN)
        ended = self.ci("[step s]\ncount = 5\nworkers = 1\nresults = r.xml\ncommand = cat new >r.xml\n")
        self.assertEqual(ended.status, 0, ended.all)


class Broken(Refused):
    def test_missing(self):
        self.errs("true", "no file matches r.xml")

    def test_one_of_two_is_missing(self):
        self.write("new", GREEN)
        self.errs("cat new >r.xml", "no file matches t/*.xml", results="r.xml t/*.xml")

    def test_torn(self):
        self.write("new", GREEN[:-14])
        self.errs("cat new >r.xml", "r.xml: line ")

    def test_empty(self):
        self.errs(": >r.xml", "r.xml: line 1: no element found")

    def test_another_kind_of_file(self):
        self.errs("echo '<assemblies/>' >r.xml", "this is no JUnit file, but begins with assemblies")

    def test_no_case(self):
        self.errs("echo '<testsuite name=\"s\"/>' >r.xml", "there is no case in them")

    def test_counts_failures_that_it_does_not_show(self):
        self.write("new", GREEN.replace("<testsuite ", '<testsuite failures="1" '))
        self.errs("cat new >r.xml", "it counts failures, and no case failed in suite s")

    def test_bombs(self):
        levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
        self.write("new", f'<!DOCTYPE t [<!ENTITY l0 "lol">{levels}]><testsuite><testcase name="&l11;"/></testsuite>')
        self.errs("cat new >r.xml", "r.xml: line ")

    def test_entities_from_outside_are_not_read(self):
        self.write("secret", "hunter22")
        self.write("new", f'<!DOCTYPE t [<!ENTITY x SYSTEM "file://{self.dir}/secret">]><testsuite><testcase name="n"><skipped>&x;</skipped></testcase>'
                          '<testcase name="m"/></testsuite>')
        self.run_with("cat new >r.xml")
        self.assertNotIn("hunter22", (self.run_of().folder / "journal.jsonl").read_text())

    def test_a_failed_case_and_status_0(self):
        self.write("new", RED)
        ended = self.run_with("cat new >r.xml")
        self.count(losses=ended.status == 0)
        self.assertEqual((ended.status, self.run_of().one("s")["outcome"]), (1, "failed"))

    def test_failed_and_missing_stays_failed(self):
        ended = self.run_with("exit 4")
        self.assertEqual((ended.status, self.run_of().one("s")["outcome"]), (1, "failed"))
        self.assertEqual(self.run_of().one("s")["reason"], "exit code 4; results: no file matches r.xml")


if __name__ == "__main__":
    main(controls={"results_are_new": ["Old.test_planted", "Old.test_one_among_new_ones"],
                   "results_are_own": "Others.test_of_another_command",
                   "results_are_whole": ["Broken.test_torn", "Broken.test_missing"],
                   "results_add_up": "Broken.test_counts_failures_that_it_does_not_show",
                   "results_count": "Broken.test_a_failed_case_and_status_0"})
