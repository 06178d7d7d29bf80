#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The disk under the run's folder is full, from the start or in between."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import journal  # noqa: E402
from harness import Case, main  # noqa: E402

# A small disk that nobody else sees; what ciplug left on it is copied out at the end.
SMALL_DISK = """
mkdir state copy && mount -t tmpfs -o size=64k ciplug-test state || exit 99
eval "$PREPARE"
"$@"
status=$?
rm -f state/fill
cp -R state/. copy
exit $status
"""
FILL = "cat /dev/zero > state/fill 2>/dev/null || :"


def why_not():
    """Why there can be no private mount here, or None."""
    if os.geteuid() != 0:
        return "only root may mount"
    probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "ciplug-test", "/mnt"], check=False,
                           stdin=subprocess.DEVNULL, capture_output=True)
    return f"cannot mount: {probe.stderr.decode()}" if probe.returncode else None


class Small(Case):
    def setUp(self):
        super().setUp()
        reason = why_not()
        if reason:
            self.skipTest(reason)

    def on_small_disk(self, ini, prepare=":"):
        ended = self.ci(ini, "--state-dir", "state", env={"PREPARE": prepare},
                        wrap=["unshare", "-m", "sh", "-c", SMALL_DISK, "sh"])
        self.assertNotEqual(ended.status, 99, ended.all)
        return ended

    def copied(self):
        found = list((self.dir / "copy" / "runs").glob("*/journal.jsonl"))
        self.assertEqual(len(found), 1, found)
        return journal.Run(found[0].parent)

    def cleaned_up(self):
        """A cleanup step fills the disk, the next one makes room."""
        return self.on_small_disk(f"""
            [step s]
            command = touch ran.s
            [cleanup fill]
            command = {FILL}; head -c 9000 /dev/zero; touch filled
            [cleanup free]
            command = rm state/fill && touch freed
            [cleanup last]
            command = echo said; touch ran.last
        """)


class Start(Small):
    def test_no_journal_no_run(self):
        ended = self.on_small_disk("[step s]\ncount = 3\ncommand = touch ran.{number}\n", FILL)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("the journal cannot be written: No space left on device", ended.err)
        self.assertEqual(list(self.dir.glob("ran.*")), [], "nothing is run of which nothing would be left")


class Cleanup(Small):
    def test_the_later_steps_run_all_the_same(self):
        self.cleaned_up()
        for name in ("filled", "freed", "ran.last"):
            self.assertTrue((self.dir / name).exists(), name)

    def test_it_is_status_3(self):
        ended = self.cleaned_up()
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("No space left on device", ended.all)

    def test_a_full_disk_in_a_step_stops_the_steps_not_the_cleanup(self):
        ended = self.on_small_disk(f"""
            [step fill]
            command = {FILL}; head -c 9000 /dev/zero
            [step s]
            command = touch ran.s
            [cleanup free]
            command = rm state/fill && touch freed
        """)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertTrue((self.dir / "freed").exists())
        self.assertFalse((self.dir / "ran.s").exists(), "nothing new is started")

    def test_what_is_left_can_be_read(self):
        self.cleaned_up()
        self.assertEqual(self.copied().one("s")["outcome"], "passed")


if __name__ == "__main__":
    main()
