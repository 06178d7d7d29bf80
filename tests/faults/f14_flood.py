#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""14: Gigabytes of output, without a newline, faster than the disk.

Memory stays bounded whatever the output; the command is slowed down, never cut, and the log is whole."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main, wait_for  # noqa: E402

MIB = 1 << 20
JOBS = 4
SIZE = int(os.environ.get("CIPLUG_TEST_FLOOD_MIB", "128")) * MIB  # of each
PLAIN = os.environ.get("SANITIZER", "no") in ("", "no")


class Flood(Case):
    def peak(self, running):
        """Most memory that the runner ever had, in MiB; looked at until it ends."""
        most = 0

        def ended():
            nonlocal most
            try:
                with open(f"/proc/{running.pid}/status", encoding="ascii") as status:
                    found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
                most = max(most, int(found[1]) >> 10) if found else most
            except OSError:
                pass
            return running.process.poll() is not None
        wait_for(ended, "the end")
        return most

    def flood(self, size, **how):
        running = self.start(f"[step s]\ncount = {JOBS}\nworkers = {JOBS}\ncommand = head -c {size} /dev/zero\n", **how)
        most = self.peak(running)
        ended = running.wait()
        self.assertEqual(ended.status, 0, ended.err)
        lengths = [os.stat(self.run_of().folder / f"logs/s/{n}.out").st_size for n in range(1, JOBS + 1)]
        self.count(losses=sum(size - length for length in lengths))
        self.assertEqual(lengths, [size] * JOBS)
        if PLAIN:  # sanitizers keep freed memory
            self.assertLess(most, 64 + JOBS)

    def test_zeros_without_a_newline(self):
        with open(os.devnull, "wb") as null:
            self.flood(SIZE, stdout=null)

    def test_memory_stays_bounded_when_the_disk_is_slow(self):
        with open(os.devnull, "wb") as null:
            self.flood(24 * MIB, stdout=null, env=self.shim("slowlog.c", CIPLUG_TEST_SLOWLOG_US="2000"))


if __name__ == "__main__":
    main(controls={"hold_reading": "Flood.test_memory_stays_bounded_when_the_disk_is_slow"})
