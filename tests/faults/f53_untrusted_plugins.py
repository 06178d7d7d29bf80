#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""53: Somebody else could have written a plugin, or put another in its place.

A plugin's file and every folder above it must belong to root or the caller and be writable by nobody else; the file that was
checked is the one that is loaded, whatever happens to its name meanwhile and whatever LD_LIBRARY_PATH says."""
import os
import shutil
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import plugin  # noqa: E402
from harness import Case, main  # noqa: E402

SHOP = plugin.Workshop()
unittest.addModuleCleanup(SHOP.close)
REPEATS = int(os.environ.get("CIPLUG_TEST_REPEATS", "40"))


def setUpModule():  # pylint: disable=invalid-name
    SHOP.build("constructor.c", "constructor")
    (SHOP.dir / "other").mkdir()
    plugin.build("constructor.c", SHOP.dir / "other" / "constructor.so", "-DFIXTURE_MAJOR=2")


class Untrusted(Case):
    def setUp(self):
        super().setUp()
        self.env["CIPLUG_TEST_TOUCH"] = str(self.dir / "touched")
        self.folder = self.dir / "a" / "b"
        self.folder.mkdir(parents=True, mode=0o755)
        (self.dir / "a").chmod(0o755)
        self.file = self.folder / "constructor.so"
        shutil.copy(SHOP.dir / "constructor.so", self.file)
        self.file.chmod(0o755)

    def run_it(self, name=None, *args, **how):
        return self.ci(f"[ciplug]\nplugins = shell {name or self.file}\n[step s]\ncommand = touch ran\n", *args, **how)

    def rejects(self, *texts, ended=None):
        self.count(repeats=1)
        ended = ended or self.run_it()
        self.assertEqual(ended.status, 2, ended.all)
        self.assertEqual(len(ended.err.splitlines()), 1, ended.err)
        for text in texts:
            self.assertIn(text, ended.err)
        self.assertFalse((self.dir / "touched").exists(), "its constructor ran")
        self.assertEqual((self.runs(), (self.dir / "ran").exists()), ([], False))

    def test_writable_by_others(self):
        for path in (self.file, self.folder, self.dir / "a"):
            for mode in (0o777, 0o757, 0o2777):
                with self.subTest(path=path.name, mode=oct(mode)):
                    path.chmod(mode)
                    self.rejects("may be written by others", str(path))
                    path.chmod(0o755)
        self.assertEqual(self.run_it().status, 0)

    def test_writable_by_a_group(self):
        if os.geteuid() != 0:
            self.skipTest("only root may give files to groups")
        for path in (self.file, self.folder):
            with self.subTest(path=path.name):
                os.chown(path, 0, 65534)
                path.chmod(0o775)
                self.rejects("may be written by others")
                path.chmod(0o755)
                os.chown(path, 0, 0)

    def test_sticky_folders_are_like_tmp(self):
        self.folder.chmod(0o1777)
        self.assertEqual(self.run_it().status, 0)
        self.file.chmod(0o777)
        (self.dir / "touched").unlink()
        (self.dir / "ran").unlink()
        shutil.rmtree(self.dir / ".ciplug")
        self.rejects("may be written by others")

    def test_of_somebody_else(self):
        if os.geteuid() != 0:
            self.skipTest("only root may give files away")
        for path in (self.file, self.folder, self.dir / "a"):
            with self.subTest(path=path.name):
                os.chown(path, 65534, 65534)
                self.rejects("belongs to somebody else", str(path))
                os.chown(path, 0, 0)

    def test_by_a_link_into_such_a_folder(self):
        self.folder.chmod(0o777)
        (self.dir / "safe").mkdir(mode=0o755)
        (self.dir / "safe" / "constructor.so").symlink_to(self.file)
        self.rejects("may be written by others", ended=self.run_it(self.dir / "safe" / "constructor.so"))

    def test_on_the_search_path(self):
        self.folder.chmod(0o777)
        self.rejects("may be written by others", ended=self.run_it("constructor", "--plugin-path", self.folder))
        self.rejects("may be written by others", ended=self.run_it("constructor", env={"CIPLUG_PLUGIN_PATH": str(self.folder)}))

    def test_relative_names_start_at_the_configuration(self):
        other = self.dir / "elsewhere"
        other.mkdir()
        self.write("ci.ini", "[ciplug]\nplugins = shell ./a/b/constructor.so\n[step s]\ncommand = true\n")
        ended = self.start(self.dir / "ci.ini", cwd=other).wait()
        self.assertEqual(ended.status, 0, ended.all)
        ended = self.start(self.dir / "ci.ini", "-s", "ciplug.plugins=shell ./constructor.so", cwd=self.folder).wait()
        self.assertEqual(ended.status, 2, ended.all)

    def test_libraries_are_not_looked_for_elsewhere(self):
        """A name is no name of a library: only --plugin-path, CIPLUG_PLUGIN_PATH and the installed folder count."""
        self.rejects("not found", ended=self.run_it("constructor", env={"LD_LIBRARY_PATH": str(self.folder)}))

    def test_what_is_checked_is_what_is_loaded(self):
        """One that is refused takes the other's place and back, again and again."""
        good, bad, at = SHOP.dir / "constructor.so", SHOP.dir / "other" / "constructor.so", self.file
        over = threading.Event()

        def swap():
            number = 0
            while not over.is_set():
                fresh = self.folder / f"fresh{number % 2}"
                fresh.symlink_to((bad, good)[number % 2])
                os.replace(fresh, at)
                number += 1
        thread = threading.Thread(target=swap)
        thread.start()
        try:
            wrong = []
            for _ in range(REPEATS):
                (self.dir / "touched").unlink(missing_ok=True)
                ended = self.verb("plugins", str(at))
                self.count(repeats=1)
                touched = (self.dir / "touched").exists()
                # Refused without a trace, or loaded.
                if (ended.status, touched) not in ((2, False), (0, True)):
                    wrong.append((ended.status, touched, ended.all))
        finally:
            over.set()
            thread.join()
        self.count(losses=len(wrong))
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    main(controls={"trusted_plugin": "Untrusted.test_writable_by_others"})
