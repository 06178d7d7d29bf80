#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""72: The journal of a killed run ends in a torn line, in NUL bytes or in rubbish.

It is read up to there, and cut there before anything is appended; no complete record in front is lost."""
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dead  # noqa: E402
from harness import Case, main  # noqa: E402

PREFIXES = min(30, int(os.environ.get("CIPLUG_TEST_REPEATS", "30")))
STEPS = """
    [step many]
    items = a b c d e f
    command = echo {item}
    [step last]
    command = if [ -e go ]; then exit 0; fi; : > up; exec sleep 600
"""


class Torn(Case):
    def setUp(self):
        super().setUp()
        running = self.start(STEPS)
        self.wait_file("up")
        dead.kill_all_of(running)
        self.run_id, = self.runs()
        self.path = self.run_of(run=self.run_id).folder / "journal.jsonl"
        self.whole = self.path.read_bytes()
        self.write("go", "")

    def lines(self):
        """Every line of the journal, none of them torn."""
        data = self.path.read_bytes()
        self.assertTrue(data.endswith(b"\n"), data[-80:])
        return [json.loads(line) for line in data.splitlines()]

    def check(self, content, whole):
        """A journal of this content is read and appended to behind its `whole` good lines."""
        self.path.write_bytes(content)
        said = self.verb("report", self.run_id, "--to", "console")
        self.assertIn(said.status, (0, 3), said.all)
        good = self.whole.splitlines(keepends=True)[:whole]
        for line in map(json.loads, good):
            if line["event"] == "command_finished":
                self.assertIn(f"PASS many {line['number']} [{line['item']}]", said.out)
        self.assertEqual(self.verb("reap", self.run_id).status, 0)
        lines = self.lines()
        self.assertTrue(self.path.read_bytes().startswith(b"".join(good)))
        self.assertEqual([line["seq"] for line in lines], list(range(1, whole + 2)))
        self.assertEqual(lines[-1]["event"], "run_reaped")

    def test_torn_line(self):
        lines = self.whole.splitlines(keepends=True)
        self.check(self.whole[:-len(lines[-1]) // 2], len(lines) - 1)

    def test_nul_bytes(self):
        n = len(self.whole.splitlines())
        for tail in (b"\0", b"\0" * 272, b"\0" * 65536, b"{\"event\":\"run_n" + b"\0" * 4000):
            with self.subTest(tail=len(tail)):
                self.check(self.whole + tail, n)

    def test_rubbish(self):
        n = len(self.whole.splitlines())
        for tail in (b"\n", b"rubbish\n", b"\xff\xfe\n", b'{"event":"run_notice","seq":99}\n', b'{"event":"run_notice"}\n{}\n'):
            with self.subTest(tail=tail):
                self.check(self.whole + tail, n)

    def test_damage_in_the_middle(self):
        lines = self.whole.splitlines(keepends=True)
        for n in (1, len(lines) // 2, len(lines) - 1):
            with self.subTest(line=n):
                self.check(b"".join(lines[:n]) + lines[n].replace(b'"seq":', b'"sep":') + b"".join(lines[n + 1:]), n)

    def test_prefixes(self):
        """All prefixes of a longer one, and all flipped bits: unit/test-journal-recover."""
        chance = random.Random(0)
        for length in [0, 1, *(chance.randrange(len(self.whole)) for _ in range(PREFIXES))]:
            with self.subTest(length=length):
                self.count(repeats=1)
                whole = self.whole[:length].count(b"\n")
                if whole:
                    self.check(self.whole[:length], whole)

    def test_resume_counts_whole_records_only(self):
        lines = self.whole.splitlines(keepends=True)
        ends = [n for n, line in enumerate(lines) if json.loads(line)["event"] == "command_finished"]
        kept = sorted(json.loads(lines[n])["item"] for n in ends[:3])
        self.path.write_bytes(b"".join(lines[:ends[3]]) + lines[ends[3]][:-2])
        ended = self.ci(None, "--resume", self.run_id)
        self.assertEqual(ended.status, 0, ended.all)
        final = self.run_of().final("many").values()
        self.assertEqual(sorted(r["item"] for r in final if r["outcome"] == "skipped"), kept)
        self.assertEqual(sorted(r["item"] for r in final if r["outcome"] == "passed"), sorted(set("abcdef") - set(kept)))
        self.assertEqual(self.lines()[-1]["event"], "run_reaped", "swept by that start")


if __name__ == "__main__":
    main(controls={"recover_cut": ["Torn.test_torn_line", "Torn.test_nul_bytes"]})
