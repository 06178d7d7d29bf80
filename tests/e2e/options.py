#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every option of the command line."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import CIPLUG, Case, main  # noqa: E402

TWO = """
    [step one]
    command = echo first; touch one.done
    [step two]
    command = echo second; touch two.done
"""


class Selecting(Case):
    def test_ci_ini_is_the_default(self):
        self.write("ci.ini", "[step a]\ncommand = true\n")
        self.assertEqual(self.verb().status, 0)
        self.assertEqual(self.outcomes("a"), ["passed"])

    def test_run_verb_is_the_default(self):
        self.passes(TWO, verb=["run"])
        self.assert_ledger(passed=2)

    def test_config_from_standard_input(self):
        path = self.write("other", "[step a]\ncommand = echo from stdin\n")
        with open(path, "rb") as file:
            ended = self.start(None, "-c", "-", stdin=file).wait()
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual(self.run_of().text("a"), "from stdin\n")

    def test_long_options_with_and_without_equals(self):
        self.write("x.ini", "[step a]\ncommand = true\n")
        for args in (["--config", "x.ini", "--workers", "2"], ["--config=x.ini", "--workers=2"]):
            ended = self.verb(*args)
            self.assertEqual(ended.status, 0, ended.all)

    def test_a_step_brings_what_it_needs(self):
        self.passes(TWO, "two")
        self.assert_ledger(passed=2)

    def test_a_step_does_not_bring_what_needs_it(self):
        self.passes(TWO, "one")
        self.assert_ledger(passed=1)
        self.assertFalse((self.dir / "two.done").exists())

    def test_only(self):
        self.passes(TWO, "--only", "two")
        self.assert_ledger(passed=1)
        self.assertFalse((self.dir / "one.done").exists())

    def test_items_by_glob(self):
        self.passes("[step t]\nitems = alpha beta gamma\ncommand = echo {item}\n", "t:*a", "t:al*")
        self.assertEqual({r["item"] for r in self.run_of().final("t").values()},
                         {"alpha", "beta", "gamma"})

    def test_items_by_glob_takes_only_those(self):
        self.passes("[step t]\nitems = alpha beta gamma\ncommand = echo {item}\n", "t:be*")
        self.assertEqual([r["item"] for r in self.run_of().final("t").values()], ["beta"])

    def test_unknown_step_names_the_nearest(self):
        self.refused("[step build]\ncommand = true\n", "biuld", "build", args=["biuld"])

    def test_set_overrides_and_repeats(self):
        self.passes(TWO, "-s", "one.command=echo replaced", "--set", "two.env.X=7",
                    "--set=two.command=echo $X")
        self.assertEqual(self.run_of().text("one"), "replaced\n")
        self.assertEqual(self.run_of().text("two"), "7\n")

    def test_set_of_the_run(self):
        self.passes("[step s]\ncount = 6\ncommand = true\n", "-s", "ciplug.workers=3")
        workers = {record["worker"] for record in self.run_of().final("s").values()}
        self.assertLessEqual(workers, {1, 2, 3})

    def test_set_of_an_unknown_step(self):
        self.refused(TWO, "oen", args=["-s", "oen.command=x"])


class Workers(Case):
    def test_workers_bounds_what_runs_at_once(self):
        self.passes("""
            [step s]
            count = 12
            command =
                mkdir slot.{worker}
                sleep 0.02
                rmdir slot.{worker}
        """, "-j", "3")
        self.assertEqual({r["worker"] for r in self.run_of().final("s").values()}, {1, 2, 3})

    def test_default_is_at_least_what_a_step_asks_for(self):
        self.passes("[step s]\nworkers = 7\ncount = 7\ncommand =\n"
                    "    : > at.{worker}\n"
                    "    until [ $(ls at.* | wc -l) -eq 7 ]; do sleep 0.02; done\n")
        self.assertEqual({r["worker"] for r in self.run_of().final("s").values()}, set(range(1, 8)))

    def test_a_range_beyond_the_slots_is_an_error(self):
        self.refused("[step s]\nworkers = 3-4\ncommand = true\n", "ci.ini:2", args=["-j", "2"])


class Stopping(Case):
    INI = """
        [step bad]
        needs =
        command = until [ -e up ]; do sleep 0.02; done; exit 1
        [step long]
        needs =
        command = : > up; until [ -e bad.over ]; do sleep 0.02; done
        [step after]
        needs = bad
        command = true
        [cleanup c]
        command = true
    """

    def test_fail_fast_cancels_what_runs(self):
        ended = self.ci(self.INI, "--fail-fast", "-j", "3")
        self.assertEqual(ended.status, 1, ended.all)
        self.assertEqual(self.outcomes("bad"), ["failed"])
        self.assertEqual(self.outcomes("long"), ["cancelled"])
        self.assertEqual(self.outcomes("c"), ["passed"])

    def test_keep_going_runs_what_does_not_need_the_failed(self):
        ended = self.ci("""
            [step bad]
            command = false
            [step free]
            needs =
            command = true
            [step then]
            needs = free
            command = true
            [step after]
            needs = bad
            command = true
        """, "--keep-going", "-j", "1")
        self.assertEqual(ended.status, 1)
        self.assertEqual(self.outcomes("then"), ["passed"])
        self.assertEqual(self.outcomes("after"), ["skipped"])
        self.assert_ledger(failed=1, passed=2, skipped=1)

    def test_by_default_no_new_step_starts(self):
        ended = self.ci("""
            [step bad]
            needs =
            command = exit 3
            [step free]
            needs =
            command = until grep -q "[c]ommand_finished" .ciplug/latest/journal.jsonl; do sleep 0.02; done
            [step then]
            needs = free
            command = true
        """, "-j", "2")
        self.assertEqual(ended.status, 1)
        self.assertEqual(self.outcomes("free"), ["passed"], "a running step finishes")
        self.assertIn(self.outcomes("then"), (["cancelled"], ["skipped"]))

    def test_keep_leaves_the_cleanup_out_and_says_how_to_go_on(self):
        ended = self.ci("[step bad]\ncommand = false\n[cleanup c]\ncommand = touch cleaned\n", "--keep")
        self.assertEqual(ended.status, 1)
        self.assertFalse((self.dir / "cleaned").exists())
        self.assertIn("ciplug reap " + self.runs()[0], ended.all)

    def test_keep_cleans_up_after_success(self):
        self.passes("[step good]\ncommand = true\n[cleanup c]\ncommand = touch cleaned\n", "--keep")
        self.assertTrue((self.dir / "cleaned").exists())


class Output(Case):
    INI = """
        [step good]
        command = echo good-$((40 + 2)); echo good-err >&2
        [step bad]
        command = echo bad-$((40 + 3)); exit 4
    """

    def shown(self, mode):
        ended = self.ci(self.INI, f"--output={mode}")
        self.assertEqual(ended.status, 1)
        return ended.out

    def test_group(self):
        out = self.shown("group")
        self.assertIn("good-42", out)
        self.assertIn("good-err", out)
        self.assertIn("bad-43", out)

    def test_live_prefixes_lines(self):
        lines = [line for line in self.shown("live").splitlines() if "good-42" in line]
        self.assertTrue(any("good" in line.partition("good-42")[0] for line in lines), lines)

    def test_failures(self):
        out = self.shown("failures")
        self.assertNotIn("good-42", out)
        self.assertIn("bad-43", out)

    def test_none(self):
        out = self.shown("none")
        self.assertNotIn("good-42", out.replace("echo good-42", ""))

    def test_failures_are_summarised_at_the_end_with_the_last_lines(self):
        ini = "[step bad]\nitems = x y z\ncommand = seq 1 500; echo last-of-{item}; exit 1\n"
        out = self.ci(ini).out
        end = out[-2500:]
        for item in "xyz":
            self.assertIn(f"last-of-{item}", end)
        self.assertIn("3 failed", end)

    def test_color_always_and_never(self):
        self.assertIn("\x1b[", self.ci(self.INI, "--color=always").out)
        self.assertNotIn("\x1b[", self.ci(self.INI, "--color=never").out)
        self.assertNotIn("\x1b[", self.ci(self.INI).out, "no terminal, so no colours")

    def test_quiet_and_verbose(self):
        quiet = self.ci("[step a]\ncommand = true\n", "-q")
        normal = self.ci("[step a]\ncommand = true\n")
        self.assertLess(len(quiet.all), len(normal.all))
        self.assertEqual(self.ci("[step a]\ncommand = true\n", "-v").status, 0)

    def test_progress_none(self):
        self.assertEqual(self.ci("[step a]\ncommand = true\n", "--progress", "none").status, 0)
        self.assertEqual(self.ci("[step a]\ncommand = true\n", "--progress=plain").status, 0)

    def test_the_ledger_is_printed(self):
        ended = self.ci("[step a]\nitems = x y\ncommand = test {item} = x\n")
        self.assertRegex(ended.out, r"2 planned = 1 passed \+ 1 failed")


class Folders(Case):
    def test_state_dir(self):
        self.passes("[step a]\ncommand = true\n", "--state-dir", "elsewhere/state")
        self.assertFalse((self.dir / ".ciplug").exists())
        self.assertEqual(self.outcomes("a", state="elsewhere/state"), ["passed"])

    def test_plugin_path_is_searched(self):
        self.refused("[ciplug]\nplugins = nosuch\n[step a]\ncommand = true\n", "ci.ini:2", "nosuch",
                     args=["--plugin-path", str(self.dir)])

    def test_runs_from_its_build_folder_without_environment(self):
        self.write("ci.ini", "[step a]\ncommand = echo fine\n")
        ended = subprocess.run([CIPLUG], cwd=self.dir, env={"PATH": os.environ["PATH"]}, check=False,
                               stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(ended.returncode, 0, ended.stderr)


class Simple(Case):
    def test_version(self):
        for option in ("-V", "--version"):
            ended = self.verb(option)
            self.assertEqual(ended.status, 0)
            self.assertRegex(ended.out, r"^ciplug \d+\.\d+")

    def test_help(self):
        for option in ("-h", "--help"):
            ended = self.verb(option)
            self.assertEqual(ended.status, 0)
            for word in ("--config", "--workers", "--dry-run", "--set", "--only", "--fail-fast",
                         "--keep-going", "--resume", "--keep", "--output", "--progress", "--color",
                         "--plugin-path", "--state-dir", "report", "reap", "plugins", "check", "list"):
                self.assertIn(word, ended.out)

    def test_unknown_option(self):
        ended = self.verb("--wrokers", "3")
        self.assertEqual(ended.status, 2)
        self.assertIn("--wrokers", ended.err)

    def test_an_option_that_the_verb_does_not_listen_to(self):
        self.write("ci.ini", "[step a]\ncommand = touch ran\n")
        for verb, option in (("run", "--to=console"), ("list", "--keep"), ("report", "--dry-run")):
            ended = self.verb(verb, option)
            self.assertEqual(ended.status, 2, (verb, ended.all))
            self.assertIn(option.partition("=")[0], ended.err)
            self.assertIn(verb, ended.err)
        self.assertEqual(self.verb("--to", "console").status, 2, "no verb is run")
        self.assertEqual([path.name for path in self.dir.iterdir()], ["ci.ini"], "nothing was started")

    def test_missing_config(self):
        ended = self.verb()
        self.assertEqual(ended.status, 2)
        self.assertIn("ci.ini", ended.err)

    def test_bad_choices(self):
        for args in (["--output", "loud"], ["--color", "red"], ["--progress", "yes"], ["-s", "x"]):
            ended = self.ci("[step a]\ncommand = true\n", *args)
            self.assertEqual(ended.status, 2, args)
            self.assertEqual(self.runs(), [])


if __name__ == "__main__":
    main()
