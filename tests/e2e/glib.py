#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real input: programs that others wrote, and another runner's verdicts on them."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import EXAMPLES, Case, main  # noqa: E402

TESTS = "/usr/share/installed-tests/glib/"
# Quick ones of every kind: plain, threads, processes, files, D-Bus; one that skips itself.
SUBSET = ["642026", "accumulator", "array-test", "asyncqueue", "base64", "bytes", "checksum", "date",
          "dir", "environment", "gdbus-addresses", "gdbus-threading", "hash", "keyfile", "list", "shell", "string",
          "tree", "utf8-pointer", "utf8-validate"]


class Glib(Case):
    def setUp(self):
        super().setUp()
        if not os.path.isdir(TESTS):
            self.skipTest("libglib2.0-tests is not installed (./bootstrap --tests installs it)")
        self.env["TMPDIR"] = str(self.dir)

    def test_twenty_programs_each_once(self):
        self.passes(EXAMPLES / "glib" / "ci.ini", *[f"glib:{TESTS}{name}.test" for name in SUBSET])
        run = self.run_of()
        records = run.finished("glib")
        self.assertEqual(sorted(r["item"] for r in records), sorted(f"{TESTS}{n}.test" for n in SUBSET))
        self.assert_ledger(passed=19, skipped=1)
        for record in records:
            log = run.log("glib", record["number"])
            self.assertTrue(log, record["item"])
            self.assertTrue(log.startswith((b"# random seed", b"TAP version", b"ok", b"1..")), log[:80])
        self.assertEqual([path.name for path in self.dir.glob("ciplug-glib-*")], [], "the cleanup removed them")

    def test_the_reference_says_the_same(self):
        if not shutil.which("gnome-desktop-testing-runner"):
            self.skipTest("gnome-desktop-testing is not installed (./bootstrap --tests installs it)")
        self.passes(EXAMPLES / "glib" / "ci.ini", *[f"glib:{TESTS}{name}.test" for name in SUBSET])
        ended = subprocess.run([sys.executable, "-B", EXAMPLES / "glib" / "compare", "-p", "2", "--run",
                                self.run_of().folder], env=self.env, check=False, cwd=self.dir,
                               stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertIn("20 programs: 19 passed, 1 skipped, 0 failed; 0 differ", ended.stdout)

    def test_one_that_aborts_is_seen_as_a_signal(self):
        self.write("abort.test", "[Test]\nExec=/bin/sh -c 'kill -ABRT $$'\n")
        ended = self.ci(EXAMPLES / "glib" / "ci.ini", "-s", f"glib.items={self.dir}/abort.test")
        self.assertEqual(ended.status, 1)
        self.assertEqual(self.run_of().one("glib")["signal"], 6)


if __name__ == "__main__":
    main()
