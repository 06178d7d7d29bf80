#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""20: A pipe that others share is made non-blocking.

Commands get blocking pipes and the caller's descriptors keep their flags."""
import fcntl
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

SIZE = 20_000_000


class Nonblock(Case):
    def test_a_flood_is_written_whole_in_every_mode(self):
        for extra in ("output = group", "output = live", "output = failures", "output = none", "stderr = merge"):
            with self.subTest(extra=extra), open(os.devnull, "wb") as null:
                ended = self.start(f"[step s]\n{extra}\ncommand = head -c {SIZE} /dev/zero\n", stdout=null).wait()
                self.assertEqual(ended.status, 0, ended.err)
                record = self.run_of().one("s")
                self.assertEqual(record["bytes_out"], SIZE)
                self.assertEqual(self.run_of().log("s", stream="err") if "merge" not in extra else b"", b"")

    def test_commands_get_blocking_pipes(self):
        self.passes("[step s]\ncommand = cat /proc/self/fdinfo/1 /proc/self/fdinfo/2\n")
        flags = [int(line.split()[1], 8) for line in self.run_of().text("s").splitlines() if line.startswith("flags")]
        self.assertEqual([flag & os.O_NONBLOCK for flag in flags], [0, 0])

    def test_the_callers_descriptors_stay_as_they_were(self):
        read_end, write_end = os.pipe()
        in_read, in_write = os.pipe()
        before = [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in (write_end, in_read)]
        running = self.start("[step s]\ncommand = : > up; until [ -e go ]; do sleep 0.02; done\n", stdin=in_read, stdout=write_end)
        self.wait_file("up")
        during = [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in (write_end, in_read)]
        self.write("go", "")
        self.assertEqual(running.wait().status, 0)
        after = [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in (write_end, in_read)]
        for fd in (read_end, write_end, in_read, in_write):
            os.close(fd)
        self.assertEqual((during, after), (before, before))


if __name__ == "__main__":
    main(controls={"blocking_pipes": "Nonblock.test_commands_get_blocking_pipes"})
