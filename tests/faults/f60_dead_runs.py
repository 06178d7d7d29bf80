#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""60: Runner, keeper and hands are killed together.

The next start in the same state folder, or `ciplug reap`, ends what such a run left: processes by cgroup and by marker,
cgroup folders. Living runs, kept ones, and what only looks similar are not touched."""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dead  # noqa: E402
import journal  # noqa: E402
import procs  # noqa: E402
from harness import Case, main, wait_for  # noqa: E402

OK = "[step s]\ncommand = true\n"


class Dead(Case):
    def die(self, command="setsid sh -c 'echo $$ > pid; exec sleep 600' & exec sleep 600", *args):
        """A run that was killed with its helpers in mid-step; its id."""
        running = self.start(f"[step s]\ncommand = {command}\n", *args)
        self.wait_file("pid", "\n")
        run = self.runs()[-1] if len(self.runs()) == 1 else self.run_of().folder.name
        dead.kill_all_of(running)
        # The first process of the command goes with its hand.
        self.pid = int(self.read("pid"))
        self.assertTrue(procs.alive(self.pid), "it should outlive the run")
        return run

    def reaped(self, run):
        return self.run_of(run=run).of("run_reaped")

    def intents(self, run):
        return [record["what"] for record in self.run_of(run=run).of("intent") if record["kind"] == "cgroup"]

    def edit(self, run, change):
        path = self.run_of(run=run).folder / "journal.jsonl"
        path.write_text(change(path.read_text()))


class Swept(Dead):
    def test_by_the_next_start(self):
        run = self.die()
        ended = self.passes(OK)
        self.assertFalse(procs.alive(self.pid))
        self.assertRegex(ended.all, f"swept what dead run {run} left: [12] process")
        self.assertEqual([os.path.exists(path) for path in self.intents(run)], [False] * len(self.intents(run)))
        record, = self.reaped(run)
        self.assertEqual((record["by"], record["left"], record["rebooted"]), (self.run_of().folder.name, [], False))
        self.assertGreaterEqual(record["processes"], 1)

    def test_before_anything_of_the_new_run_starts(self):
        self.die()
        self.passes(f"[step s]\ncommand = ! grep '^State:.[^ZX]' /proc/{self.pid}/status\n")

    def test_before_a_resumed_run_starts_also_when_somebody_else_is_at_it(self):
        """The sweep at the start does not wait; --resume does."""
        run = self.die()
        with open(self.run_of(run=run).folder / "journal.jsonl", "rb") as journal:
            fcntl.flock(journal, fcntl.LOCK_EX)
            running = self.start(f"[step s]\ncommand = ! grep '^State:.[^ZX]' /proc/{self.pid}/status\n", "--resume", run)

            def has_asked_often():
                return int(procs.status_field(running.pid, "voluntary_ctxt_switches") or 99) > 20
            wait_for(lambda: has_asked_often() or running.process.poll() is not None, "it to wait for the other one")
        self.assertEqual(running.wait().status, 0, running.err())
        self.assertEqual(self.reaped(run)[0]["by"], "resume")

    def test_once(self):
        run = self.die()
        self.passes(OK)
        self.assertNotIn("swept", self.passes(OK).all)
        self.assertEqual(self.verb("reap").status, 0)
        self.assertEqual(len(self.reaped(run)), 1)

    def test_by_reap(self):
        run = self.die()
        ended = self.verb("reap", run)
        self.assertEqual(ended.status, 0, ended.all)
        self.assertRegex(ended.err, "[12] process")
        self.assertFalse(procs.alive(self.pid))
        self.assertEqual(self.reaped(run)[0]["by"], "reap")

    def test_what_has_no_environment(self):
        run = self.die("setsid env -i sh -c 'echo $$ > pid; exec sleep 600 # '$CIPLUG_TEST & exec sleep 600")
        if not self.intents(run):
            os.kill(self.pid, signal.SIGKILL)
            self.skipTest("no cgroup can be made here")
        self.passes(OK)
        self.assertFalse(procs.alive(self.pid))

    def test_what_has_left_the_cgroup(self):
        """As all are where no cgroup can be made."""
        run = self.die()
        if self.intents(run):
            (pathlib.Path(dead.cgroup_root()) / "cgroup.procs").write_text(str(self.pid))
        self.passes(OK)
        self.assertFalse(procs.alive(self.pid))

    def test_it_can_be_reported_and_resumed(self):
        self.write("once", "")
        running = self.start("[step a]\ncommand = rm once\n[step s]\ncommand = [ -e go ] || { : > up; exec sleep 600; }\n")
        self.wait_file("up")
        dead.kill_all_of(running)
        run, = self.runs()
        self.write("go", "")
        ended = self.ci(None, "--resume", "--state-dir", ".ciplug")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual([self.outcomes("a"), self.outcomes("s")], [["skipped"], ["passed"]])
        self.assertEqual(len(self.reaped(run)), 1)
        self.assertIn("PASS a", self.verb("report", run, "--to", "console").out)

    def test_helpers_of_a_run_that_was_only_killed_itself_do_it_too(self):
        running = self.start("[step s]\ncommand = setsid sh -c 'echo $$ > pid; exec sleep 600' & exec sleep 600\n")
        self.wait_file("pid", "\n")
        running.send(signal.SIGKILL)
        running.wait()
        self.passes(OK)
        wait_for(lambda: not procs.alive(int(self.read("pid"))), "its end", 2)


class Untouched(Dead):
    def living(self, *args, wrap=()):
        running = self.start("[step s]\ncommand = echo $$ > living; until [ -e go ]; do sleep 0.02; done\n", *args, wrap=wrap)
        self.wait_file("living", "\n")
        return running

    def ends_well(self, running):
        self.write("go", "")
        ended = running.wait()
        self.assertEqual(ended.status, 0, ended.all)

    def test_living_runs(self):
        running = self.living()
        living = self.run_of().folder.name
        self.passes(OK)
        self.verb("reap")
        self.verb("reap", living)
        self.assertEqual(self.reaped(living), [])
        self.ends_well(running)

    def test_by_their_lock_alone(self):
        """Its runner is in another namespace of processes: its number says nothing here."""
        if os.geteuid() != 0:
            self.skipTest("needs root")
        running = self.living(wrap=["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
        self.verb("reap")
        self.ends_well(running)

    def test_by_their_runner_alone(self):
        """A copy of the state folder has the journal, but nobody's lock."""
        running = self.living()
        shutil.copytree(self.dir / ".ciplug", self.dir / "copy", symlinks=True)
        ended = self.verb("reap", "--state-dir", "copy")
        self.assertIn("is alive", ended.err)
        self.passes(OK, "--state-dir", "copy")
        self.ends_well(running)

    def test_similar_markers(self):
        run = self.die()
        header = self.run_of(run=run).of("run_started")[0]
        owner = f"{header['pid']}-{header['pid_started']}"
        others = [dead.Bystander(self, CIPLUG_JOB=text) for text in (
            f"{run}.s.1.1", f"{run}.1-1.s.1.1", f"{run}.{owner}0.s.1.1", f"x{run}.{owner}.s.1.1", f"abcdefgh.{owner}.s.1.1",
            f"a CIPLUG_JOB={run}.{owner}.s.1.1")]
        others.append(dead.Bystander(self, NOT_CIPLUG_JOB=f"{run}.{owner}.s.1.1"))
        self.passes(OK)
        self.assertFalse(procs.alive(self.pid))
        self.assertEqual([other.alive() for other in others], [True] * len(others))

    def test_after_a_reboot_nobody_is_looked_for(self):
        run = self.die()
        self.edit(run, lambda text: re.sub(r'"boot_id":"[^"]*"', f'"boot_id":"{uuid.uuid4()}"', text))
        self.assertNotIn("swept", self.passes(OK).all)
        record, = self.reaped(run)
        self.assertTrue(record["rebooted"])
        self.assertTrue(procs.alive(self.pid), "a process of that number is another one")
        os.kill(self.pid, signal.SIGKILL)
        for folder in self.intents(run):
            wait_for(lambda path=folder: self.empty(path), "an empty cgroup")
            for path in [*sorted(pathlib.Path(folder).rglob("*/"), reverse=True), pathlib.Path(folder)]:
                with contextlib.suppress(FileNotFoundError):
                    path.rmdir()

    @staticmethod
    def empty(folder):
        try:
            return "populated 0" in (pathlib.Path(folder) / "cgroup.events").read_text()
        except OSError:
            return True  # another run has found it empty, and removed it

    def test_kept_runs_until_they_are_reaped(self):
        self.ci("[step s]\ncommand = false\n", "--keep")
        run, = self.runs()
        self.passes(OK, "--set", "ciplug.keep_runs=1")
        self.assertEqual(self.reaped(run), [])
        self.assertEqual(self.verb("reap", run).status, 0)
        self.assertEqual(len(self.reaped(run)), 1)
        self.passes(OK, "--set", "ciplug.keep_runs=1")
        self.assertNotIn(run, self.runs(), "now it is old")

    def test_runs_of_others(self):
        """Whoever can write a journal could name what is not his."""
        if os.geteuid() != 0:
            self.skipTest("needs root")
        run = self.die()
        os.chown(self.run_of(run=run).folder, 65534, -1)
        ended = self.verb("reap", run)
        self.assertEqual(ended.status, 3)
        self.assertTrue(procs.alive(self.pid))
        os.chown(self.run_of(run=run).folder, 0, -1)
        self.assertEqual(self.verb("reap", run).status, 0)

    def test_cgroups_that_a_journal_only_claims(self):
        running = self.living("--state-dir", "other")
        theirs = [r["what"] for r in self.run_of("other").of("intent")]
        if not theirs:
            self.ends_well(running)
            self.skipTest("no cgroup can be made here")
        run = self.die()
        self.edit(run, lambda text: text.replace(self.intents(run)[0], theirs[0]))
        ended = self.passes(OK)
        self.assertIn("not of that run", ended.all)
        self.ends_well(running)


class Leftovers(Dead):
    def claim(self, run, kind, what):
        """One more intent in the journal of a dead run."""
        records = journal.Run(self.run_of(run=run).folder).records()
        record = dict(event="intent", seq=len(records) + 1, time=records[-1]["time"], kind=kind, what=what)
        self.edit(run, lambda text: text + json.dumps(record, separators=(",", ":")) + "\n")

    def test_of_an_unknown_kind_are_told_once_and_not_forgotten(self):
        run = self.die()
        self.claim(run, "moonbase", "tranquility")
        few = ("--set", "ciplug.keep_runs=1")
        self.assertIn(f"dead run {run} left moonbase tranquility", self.passes(OK, *few).all)
        self.assertNotIn("moonbase", self.passes(OK, *few).all)
        self.assertIn(run, self.runs(), "as long as something is left, somebody has to know what")
        self.assertEqual(len(self.reaped(run)), 1)
        ended = self.verb("reap", run)
        self.assertEqual(ended.status, 3)
        self.assertIn("moonbase tranquility", ended.err)

    def own_cgroup(self):
        """A cgroup where no other ciplug sweeps; what a process has to do to be in it."""
        folder = pathlib.Path(f"{dead.cgroup_root()}/test-{self.marker}")
        try:
            folder.mkdir()
        except OSError:
            self.skipTest("no cgroup can be made here")
        self.addCleanup(lambda: [wait_for(lambda: self.removed(path), "an empty cgroup", 10) for path in [*folder.glob("*/"), folder]])
        return folder, lambda: (folder / "cgroup.procs").write_text("0")

    @staticmethod
    def removed(folder):
        try:
            folder.rmdir()
        except OSError:
            return not folder.exists()
        return True

    def test_folder_of_a_cgroup_that_no_journal_names(self):
        """Killed between the keeper's mkdir and the intent: there is not even a run."""
        folder, enter = self.own_cgroup()
        read, write = os.pipe()
        running = self.start(None, "-c", "-", stdin=read, preexec=enter)
        os.close(read)
        try:
            wait_for(lambda: list(folder.glob("ciplug-*")), "its folder")
            self.passes(OK, preexec=enter)
            self.assertEqual(len(list(folder.glob("ciplug-*"))), 1, "its runner lives")
            dead.kill_all_of(running)
            self.assertEqual(len(list(folder.glob("ciplug-*"))), 1)
        finally:
            os.close(write)
        self.passes(OK, preexec=enter)
        self.assertEqual(list(folder.glob("ciplug-*")), [])

    def test_half_made_and_half_removed(self):
        self.passes(OK)
        state = self.dir / ".ciplug"
        os.symlink("runs/abcd1234", state / ".latest-abcd1234")
        os.symlink("nowhere", state / ".latest-of-somebody")
        (state / "runs/.trash-abcd1234/logs").mkdir(parents=True)
        self.passes(OK)
        self.assertFalse(os.path.lexists(state / ".latest-abcd1234"))
        self.assertTrue(os.path.lexists(state / ".latest-of-somebody"))
        self.assertFalse((state / "runs/.trash-abcd1234").exists())


class Folders(Dead):
    """What was held for hosts lay in a folder of its own, which the journal names: it is anybody's word."""

    def setUp(self):
        super().setUp()
        self.killed = self.die()
        self.place = self.dir / "place"
        self.place.mkdir()
        self.own = self.folder(f"ciplug-{self.killed}-abcdef")

    def folder(self, name, mode=0o700):
        path = self.place / name
        path.mkdir()
        path.chmod(mode)
        return path

    @staticmethod
    def bind(path):
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))

    def reap(self, *paths, run=None):
        """With a journal that names these."""
        def name_them(text):
            records = [{"event": "intent", "seq": number, "time": "2026-01-01T00:00:00.000000Z", "kind": "folder", "what": str(path)}
                       for number, path in enumerate(paths, text.count("\n") + 1)]
            return text + "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
        self.edit(run or self.killed, name_them)
        return self.verb("reap", "-v", run or self.killed)

    def test_its_own_is_removed_with_its_sockets(self):
        for name in "2.0", "2.1":
            self.bind(self.own / name)
        ended = self.reap(self.own)
        self.assertEqual(ended.status, 0, ended.all)
        self.assertFalse(self.own.exists())

    def test_what_is_not_a_socket_stays(self):
        (self.own / "file").write_text("mine")
        (self.own / "link").symlink_to("file")
        ended = self.reap(self.own)
        self.assertEqual((self.own / "file").read_text(), "mine")
        self.assertEqual(sorted(path.name for path in self.own.iterdir()), ["file", "link"])
        self.assertIn(f"{self.own}: Directory not empty", ended.all)
        self.assertEqual(ended.status, 3, ended.all)

    def test_what_only_looks_like_it_stays(self):
        target = self.folder("target")
        open_to_all = self.folder(f"ciplug-{self.killed}-aaaaaa", 0o755)
        others = [self.folder(name) for name in (f"ciplug-{self.killed}-abcde", f"ciplug-{self.killed}-abcdefg", f"ciplug-{self.killed}x-abcdef",
                                                 "ciplug-zzzzzzzz-abcdef", f"x-ciplug-{self.killed}-abcdef", "empty")]
        link = self.place / f"ciplug-{self.killed}-bbbbbb"
        link.symlink_to("target")
        below = self.folder(f"ciplug-{self.killed}-cccccc")
        (below / "inner").mkdir()
        for path in target, open_to_all, *others:
            self.bind(path / "s")
        ended = self.reap(link, open_to_all, *others, f"{below}/", f"{self.own}/../empty", f"place/{self.own.name}")
        for path in target, open_to_all, *others:
            self.assertTrue((path / "s").exists(), f"{path}: {ended.all}")
        self.assertTrue(link.is_symlink() and below.is_dir() and self.own.is_dir(), ended.all)

    def test_of_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        os.chown(self.own, 65534, 65534)
        self.bind(self.own / "s")
        self.reap(self.own)
        self.assertTrue((self.own / "s").exists())

    def test_by_the_journal_of_another_run(self):
        """A copy of a journal in the folder of another one speaks of what is not its own."""
        other = "zzzzzzzz"
        shutil.copytree(self.run_of(run=self.killed).folder, self.dir / ".ciplug/runs" / other)
        self.bind(self.own / "s")
        self.reap(self.own, run=other)
        self.assertTrue((self.own / "s").exists())


if __name__ == "__main__":
    main(controls={
        "swept_before_resume": "Swept.test_before_a_resumed_run_starts_also_when_somebody_else_is_at_it",
        "sweep_at_start": ["Swept.test_by_the_next_start", "Swept.test_before_anything_of_the_new_run_starts"],
        "reap_by_cgroup": "Swept.test_what_has_no_environment",
        "reap_by_marker": "Swept.test_what_has_left_the_cgroup",
        "marker_of_the_runner": "Untouched.test_similar_markers",
        "run_lock": "Untouched.test_by_their_lock_alone",
        "runner_looked_for": "Untouched.test_by_their_runner_alone",
        "own_runs_only": "Untouched.test_runs_of_others",
        "nameless_cgroups": "Leftovers.test_folder_of_a_cgroup_that_no_journal_names",
    })
