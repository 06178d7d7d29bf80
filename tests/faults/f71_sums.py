#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""71: The console says green, the report says red, the status says neither.

Console, JUnit report and exit status are made from the same events by one fold, live and from the journal: they have the
same sums, each of which is what was planned, and a run that is not status 0 has no green report."""
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import journal  # noqa: E402
import junit  # noqa: E402
from harness import Case, main  # noqa: E402

ROUNDS = min(40, 2 * int(os.environ.get("CIPLUG_TEST_REPEATS", "20")))
RUNS = min(12, int(os.environ.get("CIPLUG_TEST_REPEATS", "12")))
BAD = ("failed", "signaled", "timeout", "error", "cancelled")


class Sums(Case):
    def console(self, text):
        """{outcome: number} of the ledger's line."""
        line = re.search(r"^(\d+) planned = (.*)$", text, re.MULTILINE)
        self.assertIsNotNone(line, text)
        counts = dict.fromkeys(journal.OUTCOMES, 0)
        counts.update({name: int(number) for number, name in re.findall(r"(\d+) (\w+)", line[2])})
        return int(line[1]), counts

    def agree(self, counts, planned, console_text, report):
        """Console and report have these sums. Where nothing else is red, a case `run` stands for the run itself."""
        self.assertEqual(self.console(console_text), (planned, counts))
        self.assertEqual(report.wrong_sums(), [])
        extra = report.names(suite="run")
        self.assertEqual(report.count("passed"), counts["passed"])
        self.assertEqual(report.count("skipped"), counts["skipped"])
        self.assertEqual(report.count("failure"), counts["failed"] + counts["signaled"] + counts["timeout"])
        self.assertEqual(report.count("error"), counts["error"] + counts["cancelled"] + len(extra))
        self.assertEqual(report.count(), sum(counts.values()) + len(extra))
        if extra:
            self.assertEqual(sum(counts[name] for name in BAD), 0, "red anyway")

    def test_random_journals(self):
        for number in range(ROUNDS):
            seed = random.randrange(1 << 30)
            self.count(repeats=1)
            with self.subTest(round=number, seed=seed):
                self.one_journal(random.Random(seed), f"r{number:07}")

    def one_journal(self, chance, run):
        made = junit.Journal(self.dir / ".ciplug", run)
        counts, planned = dict.fromkeys(journal.OUTCOMES, 0), 0
        for step in ("a", "b", "c"):
            cleanup = step == "c"
            units = self.one_step(chance, made, step, cleanup, counts)
            planned += 0 if cleanup else units
        status = 1 if any(counts[name] for name in ("failed", "signaled", "timeout")) else \
            3 if counts["error"] else 1 if counts["cancelled"] else chance.choice([0, 0, 3, 143])
        ledger = dict(counts, planned=planned, flaky=0, allowed=0)
        made.add("run_finished", exit_status=status, reason=None, ledger=ledger)
        made.write()
        ended = self.verb("report", run, "--to", "console", "--to", f"junit={run}.xml")
        self.assertEqual(ended.status, 0, ended.all)
        report = junit.Report(self.dir / f"{run}.xml")
        self.agree(counts, planned, ended.out, report)
        self.assertEqual(report.count("failure") + report.count("error") == 0, status == 0)
        self.assertIn(f"(status {status})" if status else "passed", ended.out)

    def one_step(self, chance, made, step, cleanup, counts):
        records, units = [], 0
        for number in range(1, chance.randrange(1, 12)):
            items = [f"i{number}.{k}" for k in range(chance.choice([0, 0, 1, 1, 3]))]
            command = {"step": step, "cleanup": cleanup, "number": number, "flags": [], "reason": "why", "duration_ns": chance.randrange(10**11),
                       "item": items[0] if len(items) == 1 else None, "items": items if len(items) > 1 else None}
            attempts = chance.choice([1, 1, 1, 2, 3])
            units += max(1, len(items))
            for attempt in range(1, attempts + 1):
                final = attempt == attempts
                outcome = chance.choice(journal.OUTCOMES) if final and chance.random() < 0.5 else "passed" if final else "failed"
                records.append(("command_started", dict(command, attempt=attempt)))
                records.append(("command_finished", dict(command, attempt=attempt, final=final, outcome=outcome)))
                if final and not cleanup:
                    counts[outcome] += max(1, len(items))
        made.add("step_started", step=step, cleanup=cleanup, planned=units)
        for event, fields in records:
            made.add(event, **fields)
        made.add("step_finished", step=step, cleanup=cleanup, outcome="passed")
        return units

    def test_random_runs(self):
        for number in range(RUNS):
            seed = random.randrange(1 << 30)
            self.count(repeats=1)
            with self.subTest(round=number, seed=seed):
                self.one_run(random.Random(seed))

    def one_run(self, chance):
        """Live, and made from the journal again: byte by byte the same report."""
        ini = "[ciplug]\nplugins = junit\nskip_codes = 77\nretry_delay = 10ms\n"
        for step in range(chance.randrange(1, 4)):
            ini += f"[step s{step}]\n" + chance.choice(["", "needs =\n"]) + chance.choice(["", "retries = 1\n"])
            ini += chance.choice(["count = 5\n", "items = a b c d e\n", "items = a b c d e f\nbatch = 2\n"])
            ini += chance.choice(["", "", "fail_fast = yes\n", "allow_failure = yes\n"])
            code = chance.choice(["0", "0", "77", "1", "$((CI_COMMAND_NUMBER % 2))", "$((CI_COMMAND_NUMBER % 2 * 77))", "$((CI_ATTEMPT % 2))"])
            ini += "command = " + chance.choice([f"exit {code}", f"exit {code}", "kill -9 $$", f"test ! -e x{step} || exit {code}"]) + "\n"
        ini += "[cleanup c]\ncommand = exit " + chance.choice(["0", "1"]) + "\n"
        ended = self.ci(ini, *chance.choice([[], ["--keep-going"], ["--fail-fast"]]))
        live = self.read("junit.xml")
        again = self.verb("report", "--to", "console", "--to", "junit=again.xml")
        self.assertEqual(again.status, 0, again.all)
        self.assertEqual(self.read("again.xml"), live, "not what the journal says")
        run = self.run_of()
        last = run.last("run_finished")
        self.assertEqual(last["exit_status"], ended.status)
        counts, planned = run.counted(), last["ledger"]["planned"]
        self.assertEqual(sum(counts.values()), planned)
        report = junit.Report(self.dir / "junit.xml")
        self.agree(counts, planned, ended.out, report)
        self.agree(counts, planned, again.out, report)
        allowed = last["ledger"]["allowed"]
        if sum(counts[name] for name in BAD) > allowed:
            self.assertNotEqual(ended.status, 0)

    def test_a_secret_in_a_name(self):
        """Stars live, as in the journal; or the two reports would differ."""
        self.write("hunter2secret.txt", "")
        self.write("two hunter2secret.txt", "")
        ini = "[ciplug]\nplugins = junit\nmask = SECRET\n[step s]\nitems = *.txt\ncommand = true\n" \
              "[step b]\nneeds =\nitems = *.txt\nbatch = 2\ncommand = true\n"
        ended = self.passes(ini, "-v", env={"SECRET": "hunter2secret"})
        live = self.read("junit.xml")
        self.assertEqual(self.verb("report", "--to", "junit=again.xml").status, 0)
        self.assertEqual(live, self.read("again.xml"))
        self.assertEqual(sorted(junit.Report(self.dir / "junit.xml").names(suite="s")), ["***.txt", "two ***.txt"])
        for text in (live, ended.all, (self.run_of().folder / "journal.jsonl").read_text()):
            self.assertNotIn("hunter2secret", text)

    def test_not_green_when_nothing_was_run(self):
        self.assertEqual(self.ci("[ciplug]\nplugins = junit\n[step s]\nitems = *.none\ncommand = true\n").status, 4)
        if (self.dir / "junit.xml").exists():  # else it was refused before it started
            self.assertGreater(junit.Report(self.dir / "junit.xml").count("error"), 0)


if __name__ == "__main__":
    main(controls={"final_attempts_count": "Sums.test_random_runs",
                   "final_cases": ["Sums.test_random_journals", "Sums.test_random_runs"]})
