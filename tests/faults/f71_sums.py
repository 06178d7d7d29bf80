#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""71: The console says green, the report says red, the status says neither.

Console, JUnit, TAP and HTML reports and exit status are made from the same events, live and from the journal: they have the
same sums, each of which is what was planned, and a run that is not status 0 has no green report."""
import collections
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import htmlpage  # noqa: E402
import journal  # noqa: E402
import junit  # noqa: E402
import tap  # noqa: E402
from cases import TOOL  # noqa: E402
from harness import Case, main  # noqa: E402

# More journals and runs than in each `make check`: CIPLUG_TEST_SUMS of each.
MORE = os.environ.get("CIPLUG_TEST_SUMS")
ROUNDS = int(MORE or min(40, 2 * int(os.environ.get("CIPLUG_TEST_REPEATS", "20"))))
RUNS = int(MORE or min(12, int(os.environ.get("CIPLUG_TEST_REPEATS", "12"))))
REPORTS = ("junit", "tap", "html")
BAD = ("failed", "signaled", "timeout", "error", "cancelled")


class Sums(Case):
    def console(self, text):
        """{outcome: number} of the ledger's line."""
        line = re.search(r"^(\d+) planned = (.*)$", text, re.MULTILINE)
        self.assertIsNotNone(line, text)
        counts = dict.fromkeys(journal.OUTCOMES, 0)
        counts.update({name: int(number) for number, name in re.findall(r"(\d+) (\w+)", line[2])})
        return int(line[1]), counts

    def agree(self, counts, planned, console_text, name):
        """Console and the reports NAME.junit and so on have these sums. Where nothing else is red, a case `run` stands for
        the run itself."""
        report = junit.Report(self.dir / f"{name}.junit")
        self.assertEqual(self.console(console_text), (planned, counts))
        self.assertEqual(htmlpage.Page((self.dir / f"{name}.html").read_bytes()).ledger(), dict(counts, planned=planned))
        points = tap.Document((self.dir / f"{name}.tap").read_text().splitlines()).leaves()
        self.assertEqual(collections.Counter(point.diagnostic["outcome"] for point in points), collections.Counter(+collections.Counter(counts)))
        self.assertEqual(report.wrong_sums(), [])
        extra = report.names(suite="run")
        self.assertEqual(report.count("passed"), counts["passed"])
        self.assertEqual(report.count("skipped"), counts["skipped"])
        self.assertEqual(report.count("failure"), counts["failed"] + counts["signaled"] + counts["timeout"])
        self.assertEqual(report.count("error"), counts["error"] + counts["cancelled"] + len(extra))
        self.assertEqual(report.count(), sum(counts.values()) + len(extra))
        if extra:
            self.assertEqual(sum(counts[name] for name in BAD), 0, "red anyway")
        return report

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
        ended = self.verb("report", run, "--to", "console", *self.to(run))
        self.assertEqual(ended.status, 0, ended.all)
        report = self.agree(counts, planned, ended.out, run)
        self.assertEqual(report.count("failure") + report.count("error") == 0, status == 0)
        self.assertIn(f"(status {status})" if status else "passed", ended.out)

    @staticmethod
    def to(name):
        return [word for report in REPORTS for word in ("--to", f"{report}={name}.{report}")]

    @staticmethod
    def judged(chance, command, items, records, counts):
        """A batch whose results tell its items apart: verdicts of their own, some of which are tried again."""
        number = command["number"] + 100
        for k, item in enumerate(items):
            records.append(("test_finished", {"step": command["step"], "cleanup": command["cleanup"], "number": command["number"], "attempt": 1,
                                              "item": item, "name": "x", "outcome": chance.choice(("passed", "failed", "error", "skipped"))}))
        records.append(("command_finished", dict(command, attempt=1, final=False, outcome="failed", flags=["judged"])))
        for k, item in enumerate(items):
            single = dict(command, number=number + k, item=item, items=None)
            outcome, again = chance.choice(("passed", "failed", "skipped")), chance.random() < 0.3
            records.append(("command_finished", dict(single, attempt=1, final=not again, outcome="failed" if again else outcome, batch=command["number"])))
            if again:
                records.append(("command_started", dict(single, attempt=2)))
                records.append(("command_finished", dict(single, attempt=2, final=True, outcome=outcome)))
            if not command["cleanup"]:
                counts[outcome] += 1

    def one_step(self, chance, made, step, cleanup, counts):
        records, units = [], 0
        for number in range(1, chance.randrange(1, 12)):
            items = [f"i{number}.{k}" for k in range(chance.choice([0, 0, 1, 1, 3]))]
            command = {"step": step, "cleanup": cleanup, "number": number, "flags": [], "reason": "why", "duration_ns": chance.randrange(10**11),
                       "item": items[0] if len(items) == 1 else None, "items": items if len(items) > 1 else None}
            attempts = chance.choice([1, 1, 1, 2, 3])
            units += max(1, len(items))
            if len(items) > 1 and chance.random() < 0.4:
                records.append(("command_started", dict(command, attempt=1)))
                self.judged(chance, command, items, records, counts)
                continue
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
        self.write("tool", TOOL)
        ini = f"[ciplug]\nplugins = {' '.join(REPORTS)}\nskip_codes = 77\nretry_delay = 10ms\n"
        ini += "".join(f"[{name}]\nfile = live.{name}\n" for name in REPORTS)
        for step in range(chance.randrange(1, 4)):
            ini += f"[step s{step}]\n" + chance.choice(["", "needs =\n"]) + chance.choice(["", "retries = 1\n"])
            ini += chance.choice(["count = 5\n", "items = a b c d e\n", "items = a b c d e f\nbatch = 2\n"])
            ini += chance.choice(["", "", "fail_fast = yes\n", "allow_failure = yes\n"])
            code = chance.choice(["0", "0", "77", "1", "$((CI_COMMAND_NUMBER % 2))", "$((CI_COMMAND_NUMBER % 2 * 77))", "$((CI_ATTEMPT % 2))"])
            ini += "command = " + chance.choice([f"exit {code}", f"exit {code}", "kill -9 $$", f"test ! -e x{step} || exit {code}"]) + "\n"
        if chance.random() < 0.5:
            ini += f"[step r]\nneeds =\nitems = {' '.join(chance.choices(('a', 'bad', 'skip', 'none', 'flaky', 'b'), k=4))}\nbatch = 3\n" \
                   "command = sh tool r-{run}-{number}-{attempt}.xml {items}\nresults = r-{run}-{number}-{attempt}.xml\n"
        ini += "[cleanup c]\ncommand = exit " + chance.choice(["0", "1"]) + "\n"
        ended = self.ci(ini, *chance.choice([[], ["--keep-going"], ["--fail-fast"]]))
        again = self.verb("report", "--to", "console", *self.to("again"))
        self.assertEqual(again.status, 0, again.all)
        for name in REPORTS:
            self.assertEqual((self.dir / f"again.{name}").read_bytes(), (self.dir / f"live.{name}").read_bytes(), "not what the journal says")
        run = self.run_of()
        last = run.last("run_finished")
        self.assertEqual(last["exit_status"], ended.status)
        counts, planned = run.counted(), last["ledger"]["planned"]
        self.assertEqual(sum(counts.values()), planned)
        self.agree(counts, planned, ended.out, "live")
        self.agree(counts, planned, again.out, "again")
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
