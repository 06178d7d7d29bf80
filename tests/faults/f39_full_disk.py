#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""39: The disk is full, from the start or in between.

No result is altered: what could not be kept is flagged `truncated` and said, nothing new is started, cleanup steps run all the
same, and the status is 3, or 1 where a command failed too. Where nothing could be recorded, nothing is run."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import journal  # noqa: E402
from harness import Case, main  # noqa: E402

# A small disk that nobody else sees; what ciplug left on it is copied out at the end.
SMALL_DISK = """
mkdir state copy && mount -t tmpfs -o "$OPTIONS" ciplug-test state || exit 99
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

    def on_small_disk(self, ini, *args, prepare=":", state="state", options="size=64k", env=None):
        ended = self.ci(ini, *args, "--state-dir", state, env=dict(env or {}, PREPARE=prepare, OPTIONS=options),
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
    def nothing_ran(self, ended, message):
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn(message, ended.err)
        self.assertIn("No space left on device", ended.err)
        self.assertEqual(list(self.dir.glob("ran.*")), [], "nothing is run of which nothing would be left")

    def test_no_journal_no_run(self):
        ended = self.on_small_disk("[step s]\ncount = 3\ncommand = touch ran.{number}\n", prepare=FILL)
        self.nothing_ran(ended, "the journal cannot be written")

    def test_no_folder_no_run(self):
        """As many inodes as are used up before one of the folders and files of a run is made."""
        for inodes in range(1, 8):
            with self.subTest(inodes=inodes):
                self.count(repeats=1)
                subprocess.run(["rm", "-rf", "state", "copy"], cwd=self.dir, check=True)
                ended = self.on_small_disk("[step s]\ncommand = touch ran.s\n", options=f"size=1m,nr_inodes={inodes}",
                                           state="state/below")
                if inodes < 6:
                    self.nothing_ran(ended, "cannot")
                else:
                    self.assertIn(ended.status, (0, 3), ended.all)

    def test_a_folder_that_is_no_folder_is_a_mistake(self):
        self.write("file", "")
        self.refused("[step s]\ncommand = true\n", "cannot use the state folder", args=["--state-dir", "file/below"])


class Logs(Small):
    FLOOD = "head -c 300000 /dev/zero"

    def test_a_pass_stays_a_pass(self):
        ended = self.on_small_disk(f"[step s]\ncommand = {self.FLOOD}\n[step next]\ncommand = touch ran.next\n"
                                   "[cleanup c]\ncommand = touch cleaned\n", "--output", "none")
        self.assertEqual(ended.status, 3, ended.all)
        record = self.copied().one("s")
        self.assertEqual((record["outcome"], record["exit_code"]), ("passed", 0))
        self.assertIn("truncated", record["flags"])
        self.assertIn("No space left on device", record["reason"])
        self.assertFalse((self.dir / "ran.next").exists())
        self.assertTrue((self.dir / "cleaned").exists())

    def test_a_failure_stays_a_failure(self):
        ended = self.on_small_disk(f"[step s]\ncommand = {self.FLOOD}; exit 7\n[cleanup c]\ncommand = touch cleaned\n", "--output", "none")
        self.assertEqual(ended.status, 1, ended.all)
        record = self.copied().one("s")
        self.assertEqual((record["outcome"], record["exit_code"]), ("failed", 7))
        self.assertIn("truncated", record["flags"])
        self.assertTrue((self.dir / "cleaned").exists())

    def test_those_beside_it_end_as_they_would(self):
        """The command itself notices nothing: nobody's pipe is closed."""
        self.on_small_disk(f"""
            [ciplug]
            workers = 3
            [step flood]
            command = {self.FLOOD}; {self.FLOOD}; touch over
            [step quiet]
            needs =
            command = while ! test -e over; do sleep 0.05; done
            [step fails]
            needs =
            command = while ! test -e over; do sleep 0.05; done; exit 3
        """, "--output", "none", "--keep-going")
        run = self.copied()
        self.assertEqual([run.one(step)["outcome"] for step in ("flood", "quiet", "fails")], ["passed", "passed", "failed"])
        self.assertEqual(run.last("run_finished")["ledger"]["planned"], 3)

    def test_a_folder_for_logs_that_cannot_be_made(self):
        ended = self.on_small_disk(f"[step fill]\ncommand = {FILL}\n[step s]\ncommand = touch ran.s\n", "--output", "none",
                                   options="size=1m,nr_inodes=10")
        self.assertIn(ended.status, (1, 3), ended.all)
        self.assertNotIn("passed", [record["outcome"] for record in self.copied().finished("s")
                                    if not (self.dir / "ran.s").exists()])


class Elsewhere(Small):
    def test_artifacts(self):
        ended = self.on_small_disk("[step s]\ncommand = head -c 300000 /dev/zero > big\nartifacts = big\n[step next]\ncommand = true\n")
        record = self.copied().one("s")
        self.assertEqual(record["outcome"], "passed")
        self.assertIn("artifacts could not be copied", ended.all)

    def test_the_folder_for_temporary_files(self):
        """Nothing of ciplug's own is there."""
        ended = self.on_small_disk("[step s]\ncommand = echo fine\n[cleanup c]\ncommand = true\n", prepare=FILL,
                                   state="elsewhere", env={"TMPDIR": str(self.dir / "state")})
        self.assertEqual(ended.status, 0, ended.all)

    def test_reports(self):
        self.passes("[step s]\ncommand = echo fine\n")
        ended = self.verb("report", "--to", "console=/dev/full")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("No space left on device", ended.err)
        small = ["unshare", "-m", "sh", "-c", SMALL_DISK, "sh"]
        env = {"OPTIONS": "size=64k", "PREPARE": "echo old > state/report; " + FILL}
        ended = self.start(None, "report", "--to", "console=state/report", wrap=small, env=env).wait()
        self.assertEqual(ended.status, 3, ended.all)
        self.assertEqual(self.read("copy/report"), "old\n")
        self.assertEqual([path.name for path in (self.dir / "copy").iterdir()], ["report"])

    def test_a_reporter_in_the_run(self):
        junit = "[ciplug]\nplugins = shell junit\n[junit]\nfile = /dev/full\n"
        ended = self.ci(junit + "[step s]\ncommand = true\n[cleanup c]\ncommand = touch cleaned\n")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertEqual(self.outcomes("s"), ["passed"])
        self.assertTrue((self.dir / "cleaned").exists())
        ended = self.ci(junit + "[step s]\ncommand = false\n")
        self.assertEqual(ended.status, 1, ended.all)

    def test_the_screen(self):
        with open("/dev/full", "wb") as full:
            ended = self.ci("[step s]\ncommand = echo x\n[cleanup c]\ncommand = touch cleaned\n", stdout=full)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("No space left on device", ended.err)
        self.assertEqual(self.outcomes("s"), ["passed"])
        self.assertTrue((self.dir / "cleaned").exists())


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
    main(controls={"full_disk_status": "Start.test_no_folder_no_run",
                   "truncated_logs": "Logs.test_a_pass_stays_a_pass",
                   "halt_on_full_disk": "Logs.test_a_pass_stays_a_pass"})
