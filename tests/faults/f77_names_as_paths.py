#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""77: Names of items look like paths, are too long, or are alike.

No name becomes a path: nothing outside the run's folder changes, no two commands share a file, and the journal keeps the
names as they are."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

NAMES = ["../../../etc/x", "/", "..", ".", "a b", "a_b", "A B", "-rf", "x" * 3000, "x" * 255 + "/" + "y" * 255, "a/b/c", "con", "~", "*"]


class Names(Case):
    def tree(self):
        return sorted(str(path.relative_to(self.dir)) for path in self.dir.rglob("*")
                      if ".ciplug" not in path.parts and path.name not in ("ci.ini", "names"))

    def test_nothing_outside_the_runs_folder_changes(self):
        self.write("names", "".join(name + "\n" for name in NAMES))
        self.write("keep/x", "untouched")
        before = self.tree()
        self.passes("[step s]\nitems_file = names\ncommand = printf %s {item}\n")
        self.assertEqual(self.tree(), before)
        run = self.run_of()
        self.assertEqual([run.text("s", n) for n in range(1, len(NAMES) + 1)], NAMES)
        logs = sorted(path.name for path in (run.folder / "logs" / "s").iterdir())
        self.assertEqual(len(logs), 2 * len(NAMES), "two items share a log")

    def test_the_journal_keeps_the_names(self):
        self.write("names", "".join(name + "\n" for name in NAMES))
        self.passes("[step s]\nitems_file = names\ncommand = true\n")
        final = self.run_of().final("s")
        self.assertEqual([final[n]["item"] for n in sorted(final)], NAMES)

    def test_artifacts_do_not_leave_their_folder(self):
        self.write("secret", "outside")
        self.write("work/ci.ini", "[step s]\nitems_file = names\nartifacts = {item}\ncommand = true\n")
        self.write("work/names", "../secret\n/etc/hostname\n")
        self.ci(self.dir / "work" / "ci.ini")
        run = self.run_of()
        for path in run.folder.rglob("*"):
            self.assertTrue(path.resolve().is_relative_to(run.folder), path)
        self.assertFalse((run.folder / "artifacts" / "secret").exists())
        self.assertFalse((run.folder / "artifacts" / "s" / "secret").exists())

    def test_locks_are_told_apart(self):
        self.write("names", "a b\na_b\nA B\n../x\n")
        self.passes("[step s]\nitems_file = names\nlock = {item}\ncommand = true\n")

    def test_run_names_on_the_command_line(self):
        self.passes("[step s]\ncommand = true\n")
        for name in ("../latest", "/etc", "..", ""):
            with self.subTest(name=name):
                ended = self.verb("report", name, "--to", "console")
                self.assertEqual(ended.status, 2, ended.all)

    def test_a_planted_link_is_not_followed(self):
        outside = self.dir / "outside"
        outside.mkdir()
        (self.dir / ".ciplug").mkdir()
        (self.dir / ".ciplug" / "runs").symlink_to(outside)
        self.ci("[step s]\ncommand = echo x\n")
        self.assertEqual(list(outside.rglob("*")), [])


if __name__ == "__main__":
    main(controls={"artifacts_inside": "Names.test_artifacts_do_not_leave_their_folder",
                   "no_follow": "Names.test_a_planted_link_is_not_followed"})
