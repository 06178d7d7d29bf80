#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""15: The reader of the screen is slow, or stops.

Timeouts, kills and records never wait for the screen; screen lines are left out, with a count, records never."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main, wait_for  # noqa: E402


class SlowReader(Case):
    def stuck(self, ini, *args):
        """ciplug whose standard output is a pipe that nobody reads."""
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        running = self.start(ini, *args, stdout=write_end)
        os.close(write_end)
        return running, read_end

    def drain(self, running, read_end):
        data = b""
        while chunk := os.read(read_end, 1 << 16):
            data += chunk
        return running.wait(), data

    def test_the_timeout_is_on_time(self):
        running, read_end = self.stuck("[step s]\ntimeout = 2s\ngrace = 1s\noutput = live\n"
                                       "command = seq 1 1500000; exec sleep 600\n")
        record = wait_for(lambda: self.runs() and self.run_of().final("s").get(1), "the record")
        self.assertEqual(record["outcome"], "timeout")
        self.assertGreater(record["duration_ns"], 1.9e9)
        self.assertLess(record["duration_ns"], 4e9)
        ended, _ = self.drain(running, read_end)
        self.assertEqual(ended.status, 1)

    def test_results_go_on(self):
        running, read_end = self.stuck("[step s]\ncount = 20\nworkers = 2\ncommand = head -c 400000 /dev/zero | tr '\\0' x\n")
        wait_for(lambda: self.runs() and len(self.run_of().final("s")) == 20, "all results")
        ended, data = self.drain(running, read_end)
        self.assertEqual(ended.status, 0)
        self.assertIn(b"20 passed", data)
        self.assertEqual(len(self.run_of().log("s", 20)), 400000)

    def test_a_reader_that_never_reads_does_not_hold_up_a_signal(self):
        running, _ = self.stuck("[step s]\ncommand = seq 1 300000; : > up; exec sleep 600\n[cleanup c]\ncommand = touch cleaned\n",
                                "--output=live")
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.wait_file("cleaned")

        def insisted():
            """Signals of the same kind that pend at once are one, so go on until it leaves."""
            running.send(signal.SIGINT)
            time.sleep(0.2)
            return running.process.poll() is not None
        wait_for(insisted, "it to leave")
        self.assertEqual(running.wait().status, 143)


if __name__ == "__main__":
    main(controls={"screen_never_waits": "SlowReader.test_the_timeout_is_on_time"})
