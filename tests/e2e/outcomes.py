#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How a command may end: outcomes, retries, timeouts, leftovers."""
import datetime
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main, wait_for  # noqa: E402


class Ends(Case):
    def test_each_outcome_and_its_fields(self):
        ended = self.ci("""
            [ciplug]
            grace = 1s
            [step s]
            items = pass fail signal skip time missing
            skip_codes = 77
            timeout = 2s
            retries = 0
            command =
                case {item} in
                fail) exit 9 ;;
                signal) kill -SEGV $$ ;;
                skip) exit 77 ;;
                time) sleep 600 ;;
                missing) exit 127 ;;
                esac
        """)
        self.assertEqual(ended.status, 1)
        by = {r["item"]: r for r in self.run_of().final("s").values()}
        self.assertEqual({item: r["outcome"] for item, r in by.items()},
                         {"pass": "passed", "fail": "failed", "signal": "signaled", "skip": "skipped",
                          "time": "timeout", "missing": "failed"})
        self.assertEqual(by["fail"]["exit_code"], 9)
        self.assertEqual(by["pass"]["exit_code"], 0)
        self.assertEqual(by["signal"]["signal"], 11)
        self.assertEqual(by["skip"]["exit_code"], 77)
        self.assertEqual(by["missing"]["exit_code"], 127)
        self.assertTrue(all(r["reason"] is not None for r in by.values()))
        self.assert_ledger(passed=1, failed=2, signaled=1, skipped=1, timeout=1)

    def test_error_when_it_cannot_start(self):
        ended = self.ci("[step s]\nshell = none\ncommand = /no/such/program x\n")
        record = self.run_of().one("s")
        self.assertEqual(record["outcome"], "error")
        self.assertIn("/no/such/program", record["reason"])
        self.assertEqual(ended.status, 3, "no verdict on the tests")

    def test_a_failing_line_ends_a_script(self):
        ended = self.ci("[step s]\ncommand =\n    echo one\n    false\n    echo two\n")
        self.assertEqual(ended.status, 1)
        self.assertEqual(self.run_of().text("s"), "one\n")

    def test_a_script_over_blank_and_comment_lines(self):
        self.passes("[step s]\ncommand =\n    if true; then\n        echo in\n\n    # a comment of the shell\n    fi\n"
                    "    echo a ; echo b # c\n")
        self.assertEqual(self.run_of().text("s"), "in\na\nb\n")

    def test_allow_failure(self):
        self.passes("[step s]\nallow_failure = yes\ncommand = exit 5\n[step then]\ncommand = true\n")
        self.assertEqual(self.outcomes("s"), ["failed"])
        self.assertEqual(self.outcomes("then"), ["passed"])

    def test_run_timeout_ends_the_run(self):
        ended = self.ci("[ciplug]\nrun_timeout = 1s\ngrace = 1s\n[step s]\ncommand = sleep 600\n"
                        "[step t]\ncommand = true\n[cleanup c]\ncommand = true\n")
        self.assertEqual(ended.status, 1, ended.all)
        self.assertEqual(self.outcomes("c"), ["passed"])
        self.assert_ledger(cancelled=2)

    def test_skip_code_outside_the_list_fails(self):
        ended = self.ci("[step s]\nskip_codes = 77 78\nitems = 77 78 79\ncommand = exit {item}\n")
        self.assertEqual(ended.status, 1)
        self.assertEqual(self.outcomes("s"), ["skipped", "skipped", "failed"])


class Retries(Case):
    def test_every_attempt_has_its_logs_and_record(self):
        self.passes("[step s]\nretries = 2\nretry_delay = 10ms\n"
                    "command = echo out {attempt}; echo err $CI_ATTEMPT >&2; test {attempt} = 3\n")
        run = self.run_of()
        self.assertEqual([(r["attempt"], r["outcome"]) for r in run.finished("s")],
                         [(1, "failed"), (2, "failed"), (3, "passed")])
        self.assertEqual([run.text("s", 1, "out", a) for a in (1, 2, 3)], ["out 1\n", "out 2\n", "out 3\n"])
        self.assertEqual([run.text("s", 1, "err", a) for a in (1, 2, 3)], ["err 1\n", "err 2\n", "err 3\n"])
        self.assertIn("flaky", run.final("s")[1]["flags"])
        self.assert_ledger(passed=1)

    def test_flaky_fail(self):
        ended = self.ci("[step s]\nretries = 1\nflaky = fail\ncommand = test {attempt} = 2\n")
        self.assertEqual(ended.status, 1)
        self.assertIn("flaky", self.run_of().final("s")[1]["flags"])

    def test_retries_end(self):
        ended = self.ci("[step s]\nretries = 2\ncommand = exit 1\n")
        self.assertEqual(ended.status, 1)
        self.assertEqual(len(self.run_of().finished("s")), 3)
        self.assert_ledger(failed=1)

    def test_retry_on(self):
        self.ci("[step s]\nretries = 3\nretry_on = signaled\nitems = code signal\n"
                "command = test {item} = code || kill -9 $$; exit 1\n")
        count = {item: sum(r["item"] == item for r in self.run_of().finished("s"))
                 for item in ("code", "signal")}
        self.assertEqual(count, {"code": 1, "signal": 4})

    def test_timeouts_are_retried(self):
        self.passes("[step s]\nretries = 1\ntimeout = 1s\ngrace = 1s\n"
                    "command = test {attempt} = 2 || sleep 600\n")
        self.assertEqual([r["outcome"] for r in self.run_of().finished("s")], ["timeout", "passed"])

    def test_a_retry_prefers_another_worker(self):
        self.passes("[step s]\nworkers = 2\nretries = 1\ncommand = test {attempt} = 2\n")
        first, second = self.run_of().finished("s")
        self.assertNotEqual(first["worker"], second["worker"])

    def test_retry_delay_is_kept(self):
        self.passes("[step s]\nretries = 1\nretry_delay = 600ms\n"
                    "command = test {attempt} = 2 && exit; date +%s%N > first; exit 1\n")
        ended = int(self.read("first"))
        text = self.run_of().finished("s")[1]["started"].replace("Z", "+00:00")
        self.assertGreater(datetime.datetime.fromisoformat(text).timestamp() - ended / 1e9, 0.25)


class Leftovers(Case):
    LEAK = "setsid sleep 600 >/dev/null 2>&1 & sleep 0.1; echo done"

    def test_kill_flags_and_passes(self):
        self.passes(f"[step s]\ncommand = {self.LEAK}\n")
        record = self.run_of().one("s")
        self.assertEqual(record["outcome"], "passed")
        self.assertIn("leaked", record["flags"])
        self.assertIn("sleep", record["reason"])

    def test_fail(self):
        ended = self.ci(f"[step s]\non_leak = fail\ncommand = {self.LEAK}\n")
        self.assertEqual(ended.status, 1)
        record = self.run_of().one("s")
        self.assertEqual((record["outcome"], record["flags"]), ("failed", ["leaked"]))

    def test_keep_until_after_the_cleanup(self):
        self.passes("[step s]\non_leak = keep\n"
                    "command = setsid sh -c 'echo $$ > pid; exec sleep 600' >/dev/null 2>&1 & "
                    "until [ -s pid ]; do sleep 0.02; done\n"
                    "[step then]\ncommand = kill -0 $(cat pid)\n"
                    "[cleanup c]\ncommand = kill -0 $(cat pid) && touch lives\n")
        self.assertEqual(self.outcomes("then"), ["passed"])
        self.assertTrue((self.dir / "lives").exists())

    def test_no_leak_no_flag(self):
        self.passes("[step s]\ncount = 20\ncommand = true & wait\n")
        self.assertTrue(all(r["flags"] == [] for r in self.run_of().final("s").values()))


class Hooks(Case):
    def test_on_failure_joins_the_output_and_knows(self):
        self.ci("[step s]\ncommand = echo before; exit 3\n"
                "on_failure = echo \"saw $CI_OUTCOME ${CI_PID:+pid} ${CI_STARTED:+started} ${PROJECT_NAME:+project}\"\n")
        log = self.run_of().log("s") + self.run_of().log("s", stream="err")
        self.assertIn(b"saw failed pid started project", log)

    def test_on_failure_runs_before_a_timed_out_command_is_killed(self):
        self.ci("[step s]\ntimeout = 1s\ngrace = 1s\ncommand = exec sleep 600\n"
                "on_failure = kill -0 $CI_PID && echo \"alive at $CI_OUTCOME\"\n")
        log = self.run_of().log("s") + self.run_of().log("s", stream="err")
        self.assertIn(b"alive at timeout", log)

    def test_on_failure_does_not_run_after_success(self):
        self.passes("[step s]\ncommand = true\non_failure = touch called\n")
        self.assertFalse((self.dir / "called").exists())

    def test_slow_notice(self):
        fifo = "until [ -e seen ]; do sleep 0.02; done"
        running = self.start(f"[step s]\nslow = 200ms\ncommand = {fifo}\n")
        wait_for(lambda: "running" in running.out() + running.err(), "the notice")
        self.write("seen", "")
        self.assertEqual(running.wait().status, 0)


if __name__ == "__main__":
    main()
