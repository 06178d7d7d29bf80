#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""70: Newlines and bytes that are no UTF-8 in what the journal says.

Each line of the journal parses alone, as strict JSON and UTF-8. An item comes back byte for byte, by its _base64 field where it
is no UTF-8. Two runs at once write each their own."""
import base64
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

PIECES = [b"\n", b'"', b"\\", b"\\u0000", b"\\ud800", b"}\n{", b"\x7f", b"\x1b[31m", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80", b"\xff", b"\xc3", b"\xed\xa0\x80",
          b"\xf4\x90\x80\x80", b"\xef\xbf\xbf", b"\x01", b"\t", b"\r", b" ", b"null", b"spec/a_spec.rb", b"'", b"$(x)", b"]]>", b"<script>"]


def noise(chance):
    return b"".join(chance.choice(PIECES) if chance.random() < 0.8 else bytes([chance.randrange(1, 256)]) for _ in range(chance.randrange(1, 9)))


def unique(pairs):
    assert len(pairs) == len({name for name, _ in pairs}), f"a name twice: {pairs}"
    return dict(pairs)


def no_constant(name):
    raise AssertionError(f"{name} is no JSON")


def exact(record, key):
    """The bytes of a field."""
    if record.get(key) is not None:
        return record[key].encode()
    return base64.b64decode(record[key + "_base64"])


class Lines(Case):
    def records(self, run="latest"):
        """Each line by itself, as strictly as can be."""
        data = (self.run_of(run=run).folder / "journal.jsonl").read_bytes()
        self.assertTrue(data.endswith(b"\n"))
        records = []
        for number, line in enumerate(data[:-1].split(b"\n"), 1):
            record = json.loads(line.decode("utf-8"), object_pairs_hook=unique, parse_constant=no_constant)
            json.dumps(record, ensure_ascii=False).encode("utf-8")  # no half of a surrogate pair
            self.assertEqual(record["seq"], number)
            records.append(record)
        return records

    @staticmethod
    def items(records, step):
        found = {}
        for record in records:
            if record["event"] == "command_finished" and record["step"] == step:
                if record.get("items_base64"):
                    found[record["number"]] = [base64.b64decode(item) for item in record["items_base64"]]
                elif record.get("items"):
                    found[record["number"]] = [item.encode() for item in record["items"]]
                else:
                    found[record["number"]] = [exact(record, "item")]
        return [item for number in sorted(found) for item in found[number]]

    def names(self, seed):
        chance = random.Random(seed)
        names = {noise(chance).replace(b"\n", b"").replace(b"\r", b"").replace(b"\0", b"") for _ in range(60)}
        return sorted(name for name in names if name.strip())

    def test_items_come_back_byte_for_byte(self):
        names = self.names(70)
        self.write("names", b"\n".join(names) + b"\n")
        ended = self.ci("[step s]\nitems_file = names\nworkers = 4\ncommand = printf %s {item}\n"
                        "[step b]\nneeds =\nitems_file = names\nbatch = 7\ncommand = : {items}\n", "-q")
        self.assertEqual(ended.status, 0, ended.all)
        records = self.records()
        lost = len(set(names) - set(self.items(records, "s"))) + len(set(names) - set(self.items(records, "b")))
        self.count(losses=lost)
        self.assertEqual(lost, 0, "items whose bytes cannot be had from the journal")
        self.assertEqual(self.items(records, "s"), names)
        self.assertEqual(self.items(records, "b"), names)
        for record in records:
            if record["event"] == "command_finished" and record["step"] == "s":
                self.assertEqual(self.run_of().log("s", record["number"]), exact(record, "item"))

    def test_names_with_newlines(self):
        names = [b"two\nlines", b"\n", b'}\n{"event":"run_finished"}', b"\xff\n"]
        (self.dir / "d").mkdir()
        for name in names:
            with open(os.fsencode(self.dir) + b"/d/" + name, "wb"):
                pass
        self.assertEqual(self.ci("[step s]\nitems = d/*\ncommand = test -e {item}\n", "-q").status, 0)
        records = self.records()
        self.assertEqual(sorted(self.items(records, "s")), sorted(b"d/" + name for name in names))
        self.assertEqual([record["event"] for record in records].count("run_finished"), 1)

    def test_reasons_arguments_and_names(self):
        """What is shown to people is repaired, and still one line of JSON."""
        ini = b"[ciplug]\nname = na\xffme\n[step s]\nitems = a\xfe b\ncwd = gone\n/\xff\ncommand = true\n"
        self.ci(ini.replace(b"gone\n/", b"gone/"), os.fsdecode(b"--set=s.env.X=\xfd\xc3\n{}"))
        records = self.records()
        self.assertEqual([record["outcome"] for record in records if record["event"] == "command_finished"], ["error", "error"])
        self.assertIn("\ufffd", records[0]["argv"][-1])

    def test_two_runs_at_once(self):
        names = self.names(71)
        self.write("names", b"\n".join(names) + b"\n")
        ini = "[step s]\nitems_file = names\nworkers = 3\ncommand = printf %s {item}\n"
        running = [self.start(ini, "-q") for _ in range(2)]
        self.assertEqual([one.wait().status for one in running], [0, 0])
        runs = self.runs()
        self.assertEqual(len(runs), 2)
        for run in runs:
            records = self.records(run)
            self.assertEqual(records[0]["run"], run)
            self.assertEqual(self.items(records, "s"), names)


if __name__ == "__main__":
    main(controls={"exact_bytes": "Lines.test_items_come_back_byte_for_byte"})
