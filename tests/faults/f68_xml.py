#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""68: Bytes that XML does not allow, in names, output and reasons.

The JUnit report is well-formed whatever bytes an item, a log or a reason holds: escape sequences are left out, and what
is no UTF-8 or no character of XML becomes U+FFFD. The log keeps the bytes."""
import os
import pathlib
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import junit  # noqa: E402
from harness import Case, main  # noqa: E402

ROUNDS = min(60, 2 * int(os.environ.get("CIPLUG_TEST_REPEATS", "30")))
PIECES = [b"\x1b[31m", b"\x1b[0;1;38;5;9m", b"\x1b]0;title\x07", b"\x1b]8;;http://x\x1b\\", b"\x1b(B", b"\x1b", b"\x1b[", b"\x1b]", b"\x9b31m",
          b"]]>", b"<![CDATA[", b"</system-out>", b"<!--", b"-->", b"&amp;", b"&#0;", b"&#27;", b"&", b"<", b">", b'"', b"'", b"<?xml?>", b"\x00", b"\x08",
          b"\r", b"\r\n", b"\t", b"\x7f", b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xc0\x80", b"\xf4\x90\x80\x80",
          b"\xf0\x9f\x98\x80", b"\xc3\xa9", b"\xc3", b"\xe2\x82", b"\xf0\x9f", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc2\x85", b"\xe2\x80\xa8", b"plain text"]


def noise(chance, most, without=b""):
    data = bytearray()
    for _ in range(chance.randrange(most)):
        data += chance.choice(PIECES) if chance.random() < 0.7 else bytes([chance.randrange(256)])
    return bytes(byte for byte in data if byte not in without)


class Xml(Case):
    def well_formed(self, path):
        said = junit.complaints(path)
        self.assertEqual(said, "", "not well-formed")
        return junit.Report(path)

    def test_of_a_run(self):
        chance = random.Random(68)
        names = list(dict.fromkeys(noise(chance, 12, b"\0\n\r") for _ in range(40)))
        names = [name for name in names if name.strip(b" \t")]
        self.write("names", b"\n".join(names) + b"\n")
        self.write("noise", noise(chance, 3000))
        ended = self.ci("[ciplug]\nplugins = junit\n[step s]\nitems_file = names\nworkers = 4\n"
                        "command = cat noise; printf '%s\\n' {item}; cat noise >&2; exit $(({number} % 3))\n"
                        "[step broken]\nneeds =\nitems_file = names\ncwd = none/{item}\ncommand = true\n", "-q", "--keep-going")
        self.assertEqual(ended.status, 1, ended.all)
        report = self.well_formed(self.dir / "junit.xml")
        self.assertEqual(report.wrong_sums(), [])
        self.assertEqual(report.count(), 2 * len(names))
        self.assertEqual(report.count("error"), len(names))
        self.assertEqual(self.run_of().log("s", 1), self.read_bytes("noise") + names[0] + b"\n")

    def read_bytes(self, name):
        return (self.dir / name).read_bytes()

    def test_of_any_journal(self):
        for number in range(ROUNDS):
            seed = random.randrange(1 << 30)
            self.count(repeats=1)
            with self.subTest(round=number, seed=seed):
                self.one_journal(random.Random(seed), f"r{number:07}")

    def one_journal(self, chance, run):
        made = junit.Journal(self.dir / "state", run)
        made.add("step_started", step="s", planned=20)
        for number in range(1, 21):
            record = {"step": "s", "number": number, "attempt": 1, "outcome": chance.choice(["passed", "failed", "error", "skipped"]),
                      "started": "2026-01-02T03:04:05.000000Z", "duration_ns": chance.randrange(10**12), "flags": [],
                      "reason": noise(chance, 9, b"\0").decode("utf-8", "replace")}
            junit.text_field(record, "item", noise(chance, 9, b"\0"))
            said = {key: noise(chance, 9, b"\0").decode("utf-8", "replace") for key in ("suite", "classname", "name", "file", "type", "message", "text")}
            made.add("test_finished", step="s", number=number, attempt=1, outcome=chance.choice(["failed", "error", "skipped"]), **said)
            record["log_out"] = made.log("s", number, "out", noise(chance, 400))
            record["log_err"] = made.log("s", number, "err", noise(chance, 40))
            made.add("command_finished", **record)
        made.write()
        path = pathlib.Path(self.dir / f"{run}.xml")
        ended = self.verb("report", run, "--to", f"junit={path}", "--state-dir", "state")
        self.assertEqual(ended.status, 0, ended.all)
        report = self.well_formed(path)
        self.assertEqual(report.wrong_sums(), [])
        self.assertEqual(report.count("passed"), sum('"outcome": "passed"' in line for line in made.lines))
        path.unlink()

    def test_what_is_readable_stays(self):
        self.passes(r"""
            [ciplug]
            plugins = junit
            [step s]
            command = printf '\033[1;31mred\033[0m \351 ]]> <b> \303\251\r\nsecond\000line\n'
        """)
        report = self.well_formed(self.dir / "junit.xml")
        self.assertEqual(report.root.find(".//system-out").text, "red \ufffd ]]> <b> é\nsecond\ufffdline\n")


if __name__ == "__main__":
    main(controls={"plain_text": ["Xml.test_of_a_run", "Xml.test_of_any_journal", "Xml.test_what_is_readable_stays"]})
