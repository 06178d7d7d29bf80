#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""79: Links, FIFOs and hard links are planted where a run will write.

Nothing outside the run's folder is written, followed or waited for; folders are made 0700 and files 0600, whatever the
umask; a state folder that belongs to somebody else or that everybody may write is refused."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

INI = "[step s]\ncommand = echo x; echo y > made\nartifacts = made\n[step t]\ncommand = echo z\n[cleanup c]\ncommand = echo c\n"
UMASKS = (0, 0o002, 0o022, 0o077)


class Planted(Case):
    def setUp(self):
        super().setUp()
        self.outside = self.dir / "outside"
        self.outside.mkdir()
        self.victim = self.write("outside/victim", "untouched")
        self.before = self.look()

    def look(self):
        return {path: (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
                for path in [self.outside, *self.outside.rglob("*")]}

    def untouched(self):
        after = self.look()
        changed = {path for path in {**self.before, **after} if self.before.get(path) != after.get(path)}
        self.count(repeats=1, losses=len(changed))
        self.assertEqual(changed, set())

    def plants(self, path, check):
        """check(kind) with each kind of thing that can be planted at `path`, one after the other."""
        kinds = {"link to a file": lambda: path.symlink_to(self.victim), "link to a folder": lambda: path.symlink_to(self.outside),
                 "dangling link": lambda: path.symlink_to(self.outside / "new"), "hard link": lambda: os.link(self.victim, path),
                 "FIFO": lambda: os.mkfifo(path), "file": lambda: path.write_text("planted"), "folder": path.mkdir}
        for kind, make in kinds.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            make()
            with self.subTest(path=path.name, kind=kind):
                check(kind)
            subprocess.run(["rm", "-rf", str(path)], check=True)

    def test_in_the_state_folder(self):
        for name in ("runs", "latest", ".gitignore", "runs/.lock"):
            def check(_):
                ended = self.ci(INI, "--state-dir", "state")
                self.assertIn(ended.status, (0, 2, 3), ended.all)
                self.untouched()
            self.plants(self.dir / "state" / name, check)
            subprocess.run(["rm", "-rf", str(self.dir / "state")], check=True)

    def test_a_link_to_the_state_folder_is_what_its_owner_wants(self):
        (self.dir / "real").mkdir()
        (self.dir / "state").symlink_to(self.dir / "real")
        self.passes(INI, "--state-dir", "state")
        self.assertEqual(len(list((self.dir / "real" / "runs").glob("*/journal.jsonl"))), 1)

    def test_in_the_runs_folder_by_an_earlier_step(self):
        """What a command can do to those that come after it."""
        for name in ("logs/t", "logs/t/1.out", "logs/t/1.err", "logs/c", "artifacts", "artifacts/t",
                     "artifacts/t/1", "artifacts/t/1/made"):
            for kind, make in {"link": f"ln -s {self.victim}", "folder link": f"ln -s {self.outside}", "FIFO": "mkfifo"}.items():
                with self.subTest(name=name, kind=kind):
                    subprocess.run(["rm", "-rf", str(self.dir / ".ciplug")], check=True)
                    ended = self.ci(f"""
[step s]
command =
    d=$PWD/.ciplug/runs/$CI_RUN_ID/{name}
    mkdir -p "${{d%/*}}"
    {make} "$d"
[step t]
command = echo z; echo y > made
artifacts = made
[cleanup c]
command = echo c
""")
                    self.assertIn(ended.status, (0, 1, 3), ended.all)
                    self.untouched()

    def test_where_a_report_goes(self):
        """The name is the caller's to choose, and his own link is followed as by a shell's redirection."""
        self.passes(INI)

        def check(kind):
            if kind in ("link to a file", "dangling link", "FIFO"):
                return
            ended = self.verb("report", "--to", "console=report")
            replaced = kind in ("hard link", "file")
            self.assertEqual(ended.status, 0 if replaced else 3, ended.all)
            if replaced:
                self.assertIn("PASS", self.read("report"))
            self.untouched()
        self.plants(self.dir / "report", check)

    def test_modes_whatever_the_umask(self):
        for umask in UMASKS:
            with self.subTest(umask=oct(umask)):
                subprocess.run(["rm", "-rf", str(self.dir / ".ciplug"), str(self.dir / "made")], check=True)
                self.passes(INI, preexec=lambda umask=umask: os.umask(umask))
                for path in [self.dir / ".ciplug", *(self.dir / ".ciplug").rglob("*")]:
                    if path.is_symlink() or path.name == "made":
                        continue
                    want = 0o700 if path.is_dir() else 0o600
                    self.assertEqual(path.stat().st_mode & 0o7777, want, path)
                self.assertEqual((self.dir / "made").stat().st_mode & 0o777, 0o666 & ~umask, "a command's umask is the caller's")


class Refused(Case):
    def refused_folder(self, message, **how):
        ended = self.ci(INI, **how)
        self.assertEqual(ended.status, 2, ended.all)
        self.assertIn(message, ended.err)
        self.assertFalse((self.dir / "made").exists())

    def test_a_folder_that_everybody_may_write(self):
        for name in (".ciplug", ".ciplug/runs"):
            with self.subTest(name=name):
                (self.dir / name).mkdir(parents=True, exist_ok=True)
                (self.dir / name).chmod(0o777)
                self.refused_folder("may be written by everybody")
                (self.dir / name).chmod(0o700)

    def test_a_sticky_one_is_like_tmp(self):
        (self.dir / ".ciplug").mkdir()
        (self.dir / ".ciplug").chmod(0o1777)
        self.passes(INI)

    def test_a_folder_of_somebody_else(self):
        if os.geteuid() != 0:
            self.skipTest("only root may give files away")
        for name in (".ciplug", ".ciplug/runs"):
            with self.subTest(name=name):
                (self.dir / name).mkdir(parents=True, exist_ok=True)
                os.chown(self.dir / name, 65534, 65534)
                self.refused_folder("belongs to user 65534")
                os.chown(self.dir / name, 0, 0)


if __name__ == "__main__":
    main(controls={"new_artifacts": "Planted.test_in_the_runs_folder_by_an_earlier_step",
                   "no_follow": "Planted.test_in_the_runs_folder_by_an_earlier_step",
                   "trusted_state": "Refused.test_a_folder_that_everybody_may_write"})
