#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""52: A plugin prints to standard output, changes folder, umask, locale and signals, leaks descriptors.

Machine output stays valid, since standard output is ciplug's own and what a plugin prints goes to standard error; the run's
files, numbers and commands are the same as without. Signals and locale are put back after each call, and the plugin is named; so it is
when it calls the api from another thread or after its end, or uses a file that it has closed, all of which is refused."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import plugin  # noqa: E402
from harness import Case, main  # noqa: E402

SHOP = plugin.Workshop()
unittest.addModuleCleanup(SHOP.close)
INI = f"""
[ciplug]
plugins = shell {SHOP.dir}/rude.so
[step first]
command = pwd; umask; ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status
timeout = 0.5m
[step last]
uses = rude
command = sleep 0.3; pwd; umask; ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status
stdin = input
artifacts = made
[step after]
command = echo made > made; cat
stdin = input
artifacts = made
[cleanup c]
command = echo x
"""


def setUpModule():  # pylint: disable=invalid-name
    SHOP.build("rude.c", "rude")
    make_locale()


def make_locale():
    """A locale with a decimal comma; the tests go on without."""
    if shutil.which("localedef"):
        subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", str(SHOP.dir / "de_DE.UTF-8")],
                       capture_output=True, check=False)


class Misbehaves(Case):
    def setUp(self):
        super().setUp()
        self.env.update(LOCPATH=str(SHOP.dir), LC_ALL="de_DE.UTF-8", CIPLUG_TEST_FOLDER=str(SHOP.dir))
        self.write("input", "stdin\n")

    def everywhere(self, check, *args, expect=0, **how):
        """check(where, ended) after a run for each place."""
        for where in ("constructor", "open", "last", "event", "finish", "close"):
            with self.subTest(where=where):
                self.count(repeats=1)
                shutil.rmtree(self.dir / ".ciplug", ignore_errors=True)
                ended = self.ci(INI, *args, env={"CIPLUG_TEST_RUDE": f"{where}:misbehave"}, **how)
                self.assertEqual(ended.status, expect, ended.all)
                check(where, ended)

    def test_machine_output_stays_valid(self):
        for verb, args in (("list", ["--json"]), ("plugins", ["rude", "--json", "--plugin-path", str(SHOP.dir)])):
            for where in ("constructor", "open"):
                with self.subTest(verb=verb, where=where):
                    self.write("ci.ini", INI)
                    ended = self.verb(verb, *args, env={"CIPLUG_TEST_RUDE": f"{where}:misbehave"})
                    self.assertEqual(ended.status, 0, ended.all)
                    for text in ("printed", "written", "buffer"):
                        self.assertNotIn(text, ended.out)
                    self.assertTrue(json.loads(ended.out))
                    if (verb, where) != ("plugins", "open"):
                        self.assertIn("printed", ended.err)
                        self.assertIn("left in the buffer", ended.err)

    def test_a_dry_run_can_be_pasted(self):
        for where in ("constructor", "open", "last", "close"):
            with self.subTest(where=where):
                ended = self.ci(INI, "-n", env={"CIPLUG_TEST_RUDE": f"{where}:misbehave"})
                self.assertEqual(ended.status, 0, ended.all)
                self.assertNotIn("printed", ended.out)
                self.assertNotIn("written", ended.out)

    def test_the_screen(self):
        def check(_, ended):
            self.assertNotIn("written", ended.out)
            self.assertIn("written", ended.err)
        self.everywhere(check)

    def test_a_report_to_standard_output_by_its_name(self):
        self.passes(INI)
        for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
            ended = self.verb("report", "--to", f"console={name}")
            self.assertEqual((ended.status, ended.err), (0, ""))
            self.assertIn("PASS first", ended.out)

    def test_the_runs_files_are_where_they_belong(self):
        before = sorted(SHOP.dir.iterdir())

        def check(*_):
            self.assertEqual(sorted(SHOP.dir.iterdir()), before)
            run = self.run_of()
            self.assertEqual(run.text("after"), "stdin\n")
            self.assertEqual((run.folder / "artifacts" / "after" / "1" / "made").read_text(), "made\n")
            for path in [run.folder, *run.folder.rglob("*")]:
                if "artifacts" not in path.parts[:-1]:
                    self.assertEqual(path.lstat().st_mode & 0o077, 0, path)
        self.everywhere(check)

    def test_commands_do_not_notice(self):
        self.passes(INI)
        want = self.run_of().text("first")

        def check(*_):
            run = self.run_of()
            self.assertEqual((run.text("first"), run.text("last")), (want, want))
        self.everywhere(check)

    def test_numbers_have_no_comma(self):
        def check(_, ended):
            self.assertIsNone(re.search(r"\d,\d", ended.out), ended.out)
            for record in self.run_of().of("command_finished"):
                self.assertRegex(record["started"], r"\d\.\d{6}Z$")
        self.everywhere(check)
        if not (SHOP.dir / "de_DE.UTF-8").exists():
            self.skipTest("no locale with a decimal comma can be made here (localedef, de_DE)")

    def test_a_closed_screen_is_still_no_end(self):
        self.everywhere(lambda *_: self.assertEqual(self.outcomes("after"), ["passed"]), stdout=self.closed_pipe())

    def closed_pipe(self):
        read, write = os.pipe()
        os.close(read)
        self.addCleanup(os.close, write)
        return write

    def test_the_end_of_a_run_by_a_signal(self):
        """Also where a plugin ignored the signal before the run began."""
        for where in ("constructor", "open"):
            with self.subTest(where=where):
                shutil.rmtree(self.dir / ".ciplug", ignore_errors=True)
                running = self.start(INI + "[step wait]\nneeds =\ncommand = touch there; sleep 600\n",
                                     env={"CIPLUG_TEST_RUDE": f"{where}:misbehave"})
                self.wait_file("there")
                running.send(signal.SIGTERM)
                self.assertEqual(running.wait().status, 128 + signal.SIGTERM)
                (self.dir / "there").unlink()

    def test_the_end_of_a_run_by_a_signal_that_was_changed_in_it(self):
        """A builder or a reporter ignored it while the run went on; nobody may outlive it either way."""
        for where in ("last", "event"):
            with self.subTest(where=where):
                shutil.rmtree(self.dir / ".ciplug", ignore_errors=True)
                running = self.start(INI + "[step wait]\ncommand = touch there; sleep 600\n",
                                     env={"CIPLUG_TEST_RUDE": f"{where}:misbehave"})
                self.wait_file("there")
                running.send(signal.SIGTERM)
                ended = running.wait()
                self.assertEqual(ended.status, 128 + signal.SIGTERM, ended.all)
                self.assertIn("plugin 'rude' has changed what a signal does", ended.err)
                self.assertEqual(self.run_of().last("run_finished")["exit_status"], 128 + signal.SIGTERM)
                (self.dir / "there").unlink()

    def test_other_plugins_write_no_commas(self):
        """A locale that was set in one callback is gone in the next, which may be another plugin's."""
        if not (SHOP.dir / "de_DE.UTF-8").exists():
            self.skipTest("no locale with a decimal comma can be made here (localedef, de_DE)")
        for where in ("constructor", "open", "last", "event"):
            with self.subTest(where=where):
                ended = self.passes(INI, env={"CIPLUG_TEST_RUDE": f"{where}:locale"})
                self.assertEqual(self.read("number"), "0.5\n")
                self.assertIn("plugin 'rude' has changed the locale", ended.err)

    def test_a_file_that_is_closed_is_not_used_again(self):
        for where in ("last", "event", "finish"):
            with self.subTest(where=where):
                ended = self.passes(INI, env={"CIPLUG_TEST_RUDE": f"{where}:twice"})
                for what in ("writes a file that it has not open", "closes a file that it has not open"):
                    self.assertIn(f"plugin rude: {what}", ended.err)
                self.assertIn("plugin rude: has not closed never", ended.err)
                self.assertEqual(self.read("twice"), "whole\n")
                self.assertEqual([path.name for path in self.dir.iterdir() if "never" in path.name], [])

    def test_another_thread_is_refused_and_so_is_a_call_after_the_end(self):
        for where in ("open", "event", "close"):
            with self.subTest(where=where):
                (self.dir / "here").unlink(missing_ok=True)
                ended = self.passes(INI, env={"CIPLUG_TEST_RUDE": f"{where}:elsewhere"})
                self.assertEqual(ended.err.count("plugin 'rude' calls the api from another thread"), 1, ended.err)
                self.assertNotIn("from elsewhere", ended.err)
                self.assertFalse((self.dir / "elsewhere").exists())
                self.assertEqual(self.outcomes("after"), ["passed"])


if __name__ == "__main__":
    main(controls={"private_output": "Misbehaves.test_machine_output_stays_valid",
                   "folder_after_plugins": "Misbehaves.test_the_runs_files_are_where_they_belong",
                   "signals_after_plugins": "Misbehaves.test_the_end_of_a_run_by_a_signal_that_was_changed_in_it",
                   "locale_after_plugins": "Misbehaves.test_other_plugins_write_no_commas",
                   "files_are_known": "Misbehaves.test_a_file_that_is_closed_is_not_used_again",
                   "api_on_one_thread": "Misbehaves.test_another_thread_is_refused_and_so_is_a_call_after_the_end"})
