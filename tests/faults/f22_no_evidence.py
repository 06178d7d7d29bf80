#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""22: A command answers the signal of ciplug with exit code 0.

The verdict (timeout, cancelled) is fixed before the signal goes out; what the command exits with afterwards is no evidence."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Verdict(Case):
    def outcome(self, command, grace="5s"):
        ended = self.ci(f"[step s]\ntimeout = 1s\ngrace = {grace}\ncommand =\n{command}")
        self.assertEqual(ended.status, 1, ended.all)
        return self.run_of().one("s")

    def test_exit_0_after_the_soft_signal_is_a_timeout(self):
        record = self.outcome("    trap 'exit 0' TERM\n    sleep 600 &\n    wait\n")
        self.assertEqual(record["outcome"], "timeout")
        self.assert_ledger(timeout=1)

    def test_so_is_exit_7(self):
        self.assertEqual(self.outcome("    trap 'exit 7' TERM\n    sleep 600 &\n    wait\n")["outcome"], "timeout")

    def test_so_is_the_hard_kill(self):
        self.assertEqual(self.outcome("    trap '' TERM\n    sleep 600\n    sleep 600\n", "500ms")["outcome"], "timeout")

    def test_a_skip_code_too(self):
        self.ci("[step s]\ntimeout = 1s\nskip_codes = 77\ncommand =\n    trap 'exit 77' TERM\n    sleep 600 &\n    wait\n")
        self.assertEqual(self.outcomes("s"), ["timeout"])

    def test_exit_0_after_a_cancel_is_cancelled(self):
        running = self.start("[step s]\ncommand =\n    trap 'exit 0' TERM\n    : > up\n    while :; do sleep 0.02; done\n")
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        self.assertEqual(self.outcomes("s"), ["cancelled"])

    def test_a_signal_that_ciplug_did_not_send_is_signaled(self):
        self.ci("[step s]\ntimeout = 60s\ncommand = kill -TERM $$\n")
        record = self.run_of().one("s")
        self.assertEqual((record["outcome"], record["signal"]), ("signaled", signal.SIGTERM))


if __name__ == "__main__":
    main(controls={"verdict_before_the_signal": "Verdict.test_exit_0_after_the_soft_signal_is_a_timeout"})
