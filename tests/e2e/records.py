#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a run leaves: journal, logs, and what report and --resume make of them."""
import datetime
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main, wait_for  # noqa: E402

RFC3339 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"


class Journal(Case):
    INI = "[ciplug]\nname = nice\n[step s]\nitems = a b\nworkers = 1\ncommand = echo {item}; test {item} = a\n" \
          "[cleanup c]\ncommand = true\n"

    def setUp(self):
        super().setUp()
        self.assertEqual(self.ci(self.INI).status, 1)
        self.records = self.run_of().records()

    def test_order_of_events(self):
        self.assertEqual(self.records[0]["event"], "run_started")
        self.assertEqual(self.records[0]["version"], 1)
        self.assertEqual(self.records[-1]["event"], "run_finished")
        step = [r["event"] for r in self.records if r.get("step") == "s"]
        self.assertEqual((step[0], step[-1]), ("step_started", "step_finished"))
        self.assertEqual(sorted(step[1:-1]), ["command_finished"] * 2 + ["command_started"] * 2)

    def test_each_line_is_an_object_with_time_and_number(self):
        for number, record in enumerate(self.records, 1):
            self.assertEqual(record["seq"], number)
            self.assertRegex(record["time"], RFC3339)

    def test_fields_of_command_finished(self):
        record = self.run_of().final("s")[2]
        for name, value in {"step": "s", "number": 2, "item": "b", "worker": 1, "host": "local", "attempt": 1,
                            "outcome": "failed", "exit_code": 1, "bytes_out": 2, "bytes_err": 0,
                            "flags": []}.items():
            self.assertEqual(record[name], value, name)
        self.assertRegex(record["started"], RFC3339)
        self.assertIsInstance(record["duration_ns"], int)
        self.assertGreater(record["duration_ns"], 0)
        self.assertIsInstance(record["reason"], str)
        self.assertIn("signal", record)

    def test_started_is_this_day(self):
        record = self.run_of().final("s")[1]
        started = datetime.datetime.fromisoformat(record["started"].replace("Z", "+00:00"))
        age = datetime.datetime.now(datetime.timezone.utc) - started
        self.assertLess(abs(age.total_seconds()), 300)

    def test_run_finished_has_ledger_and_status(self):
        last = self.records[-1]
        self.assertEqual(last["exit_status"], 1)
        self.assertEqual(last["ledger"]["planned"], 2)
        self.assert_ledger(passed=1, failed=1)

    def test_cleanup_stands_apart(self):
        self.assertTrue(self.run_of().one("c")["cleanup"])

    def test_result_is_written_before_the_next_command_of_its_worker_starts(self):
        order = [(r["event"], r["number"]) for r in self.records if r.get("step") == "s" and "number" in r]
        self.assertLess(order.index(("command_finished", 1)), order.index(("command_started", 2)))


class Folder(Case):
    def test_latest_points_to_the_newest(self):
        self.passes("[step s]\ncommand = true\n")
        first = os.readlink(self.dir / ".ciplug" / "latest")
        self.passes("[step s]\ncommand = true\n")
        second = os.readlink(self.dir / ".ciplug" / "latest")
        self.assertNotEqual(first, second)
        self.assertRegex(second, r"^runs/[a-z0-9]{8}$")

    def test_keep_runs(self):
        for _ in range(4):
            self.passes("[ciplug]\nkeep_runs = 2\n[step s]\ncommand = true\n")
        self.assertEqual(len(self.runs()), 2)
        self.assertIn(os.path.basename(os.readlink(self.dir / ".ciplug" / "latest")), self.runs())

    def test_nobody_else_may_read_it(self):
        self.passes("[step s]\ncommand = true\n")
        folder = self.run_of().folder
        self.assertEqual(folder.stat().st_mode & 0o77, 0)
        self.assertEqual((folder / "journal.jsonl").stat().st_mode & 0o77, 0)

    def test_two_runs_at_once_in_one_folder(self):
        ini = "[step s]\ncommand = : > here.{run}; until [ $(ls here.* | wc -l) -ge 2 ]; do sleep 0.02; done\n"
        first, second = self.start(ini), self.start(ini)
        self.assertEqual((first.wait().status, second.wait().status), (0, 0))
        self.assertEqual(len(self.runs()), 2)


class Logs(Case):
    def test_every_byte(self):
        self.passes("[step s]\ncommand = head -c 3000000 /dev/urandom > data; cat data; tac data >&2\n")
        data = (self.dir / "data").read_bytes()
        run = self.run_of()
        self.assertEqual(run.log("s"), data)
        self.assertEqual(run.one("s")["bytes_out"], len(data))
        self.assertEqual(run.one("s")["bytes_err"], len(run.log("s", stream="err")))

    def test_partial_last_line_crlf_and_nul(self):
        self.passes("[step s]\ncommand = printf 'a\\r\\nb\\000c\\rno newline'\n")
        self.assertEqual(self.run_of().log("s"), b"a\r\nb\0c\rno newline")

    def test_one_byte_at_a_time(self):
        self.passes("[step s]\nshell = none\ncommand = python3 -c 'import os\n    for b in bytes(range(256)): os.write(1, bytes([b]))'\n")
        self.assertEqual(self.run_of().log("s"), bytes(range(256)))

    def test_no_output_is_an_empty_file(self):
        self.passes("[step s]\ncommand = true\n")
        self.assertEqual(self.run_of().log("s"), b"")

    def test_control_characters_do_not_reach_the_terminal(self):
        ended = self.passes("[step s]\ncommand = printf '\\033]0;title\\007\\033[2Jx\\n'\n")
        self.assertNotIn(b"\x1b", ended.raw_out)
        self.assertEqual(self.run_of().log("s"), b"\x1b]0;title\x07\x1b[2Jx\n")


class Report(Case):
    INI = "[step s]\nitems = a b c\ncommand = echo said-{item}; test {item} != b\n"

    def test_of_a_finished_run(self):
        self.assertEqual(self.ci(self.INI).status, 1)
        ended = self.verb("report", "--to", "console")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertRegex(ended.out, r"3 planned = 2 passed \+ 1 failed")
        self.assertIn("said-b", ended.out)

    def test_of_a_run_by_name_into_a_file(self):
        self.ci(self.INI)
        first = self.runs()[0]
        self.passes("[step other]\ncommand = true\n")
        ended = self.verb("report", first, "--to", "console=report.txt")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertIn("3 planned", self.read("report.txt"))

    def test_unknown_run_and_unknown_reporter(self):
        self.ci(self.INI)
        self.assertEqual(self.verb("report", "nosuchrn", "--to", "console").status, 2)
        ended = self.verb("report", "--to", "consoel")
        self.assertEqual(ended.status, 2)
        self.assertIn("console", ended.err)

    def test_what_cannot_be_written_is_status_3(self):
        self.ci(self.INI)
        self.assertEqual(self.verb("report", "--to", "console=/dev/full").status, 3)

    def test_of_a_killed_run(self):
        running = self.start("[step s]\ncount = 5\nworkers = 1\n"
                             "command = echo said-{number}; test {number} -lt 3 || exec sleep 600\n")
        wait_for(lambda: self.runs() and len(self.run_of().finished("s")) == 2, "two results")
        running.send(signal.SIGKILL)
        running.wait()
        ended = self.verb("report", "--to", "console")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertIn("2 passed", ended.out)
        self.assertNotIn("5 passed", ended.out)


class Resume(Case):
    def test_only_what_has_not_passed(self):
        ini = "[step s]\nitems = a b c\ncommand = echo x >> ran.{item}; test {item} != b || test -e fixed\n"
        self.assertEqual(self.ci(ini).status, 1)
        self.write("fixed", "")
        self.passes(ini, "--resume")
        self.assertEqual([len(self.read(f"ran.{i}").split()) for i in "abc"], [1, 2, 1])
        ledger = self.run_of().last("run_finished")["ledger"]
        self.assertEqual((ledger["failed"], ledger["cancelled"]), (0, 0))

    def test_after_sigkill(self):
        ini = "[step s]\ncount = 6\nworkers = 1\ncommand = echo x >> ran.{number}; test -e go || test {number} -lt 4 || exec sleep 600\n"
        running = self.start(ini)
        wait_for(lambda: self.runs() and len(self.run_of().finished("s")) == 3, "three results")
        running.send(signal.SIGKILL)
        running.wait()
        self.write("go", "")
        self.passes(ini, "--resume")
        self.assertEqual([len(self.read(f"ran.{n}").split()) for n in (1, 2, 3, 5, 6)], [1] * 5)

    def test_rerun_what_creates_the_surroundings(self):
        ini = "[step make]\nrerun = yes\ncommand = echo x >> made\n[step s]\ncommand = test -e fixed\n"
        self.assertEqual(self.ci(ini).status, 1)
        self.write("fixed", "")
        self.passes(ini, "--resume")
        self.assertEqual(self.read("made"), "x\nx\n")

    def test_nothing_left_to_do(self):
        ini = "[step s]\ncommand = echo x >> ran\n"
        self.passes(ini)
        self.passes(ini, "--resume")
        self.assertEqual(self.read("ran"), "x\n")

    def test_a_changed_command_runs_again(self):
        self.passes("[step s]\ncommand = echo x >> ran\n")
        self.passes("[step s]\ncommand = echo y >> ran\n", "--resume")
        self.assertEqual(self.read("ran"), "x\ny\n")

    def test_a_named_run(self):
        ini = "[step s]\nitems = a b\ncommand = echo x >> ran.{item}; test {item} = a || test -e fixed\n"
        self.ci(ini)
        first = self.runs()[0]
        self.ci("[step other]\ncommand = true\n")
        self.write("fixed", "")
        self.passes(ini, f"--resume={first}")
        self.assertEqual([len(self.read(f"ran.{i}").split()) for i in "ab"], [1, 2])


if __name__ == "__main__":
    main()
