#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""list, plugins, check, reap and the dry run."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import CIPLUG, Case, main, wait_for  # noqa: E402


class List(Case):
    INI = """
        [ciplug]
        workers = 3
        [step list]
        command = printf 'a\\nb\\n'
        [step s]
        items = x y z
        command = echo {item}
        [step t]
        needs = list s
        items_from = list
        command = echo {item}
        [cleanup c]
        command = true
    """

    def test_names_steps_and_needs(self):
        ended = self.passes(self.INI, verb=["list"])
        for text in ("list", "s", "t", "c"):
            self.assertIn(text, ended.out)
        self.assertEqual(self.runs(), [])

    def test_json(self):
        ended = self.passes(self.INI, "--json", verb=["list"])
        plan = json.loads(ended.out)
        steps = {step["name"]: step for step in plan["steps"]}
        self.assertEqual(list(steps), ["list", "s", "t"])
        self.assertEqual(steps["t"]["needs"], ["list", "s"])
        self.assertEqual(steps["s"]["needs"], ["list"])
        self.assertEqual(len(steps["s"]["commands"]), 3)
        self.assertIn("cleanups", plan)
        self.assertEqual(self.runs(), [])


class Plugins(Case):
    def test_found_ones_with_place_and_version(self):
        ended = self.verb("plugins")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertIn("shell", ended.out)

    def test_json(self):
        ended = self.verb("plugins", "--json")
        self.assertEqual(ended.status, 0, ended.all)
        text = json.dumps(json.loads(ended.out))
        self.assertIn('"shell"', text)
        self.assertIn('"version"', text)

    def test_one_with_its_builders(self):
        ended = self.verb("plugins", "shell")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertIn("shell", ended.out)

    def test_unknown(self):
        ended = self.verb("plugins", "shel")
        self.assertEqual(ended.status, 2)
        self.assertIn("shell", ended.err)

    def test_a_bad_file_is_refused_in_one_line_before_it_runs(self):
        self.write("plugins/bad.so", b"not a shared object")
        ended = self.ci("[ciplug]\nplugins = plugins/bad.so\n[step s]\ncommand = true\n")
        self.assertEqual(ended.status, 2)
        self.assertEqual(len([line for line in ended.err.splitlines() if "bad.so" in line]), 1)

    def test_a_file_that_others_may_write_is_refused(self):
        source = next(pathlib.Path(CIPLUG).parent.glob("plugins/.libs/shell.so"), None)
        if source is None:
            self.skipTest("no plugins/.libs/shell.so beside ciplug")
        copy = self.dir / "open" / "shell.so"
        copy.parent.mkdir()
        shutil.copy(source, copy)
        copy.chmod(0o777)
        ended = self.ci(f"[ciplug]\nplugins = {copy}\n[step s]\ncommand = true\n")
        self.assertEqual(ended.status, 2, ended.all)
        self.assertIn("writ", ended.err)


class Check(Case):
    def test_good(self):
        self.passes("[step s]\ncommand = touch ran\n", verb=["check"])
        self.assertFalse((self.dir / "ran").exists())
        self.assertEqual(self.runs(), [])

    def test_every_problem_at_once(self):
        ended = self.ci("[step s]\ncommnd = true\ntimeout = 10 parsecs\n[step s]\ncommand = x\n"
                        "[step t]\nneeds = nowhere\ncommand = true\n", verb=["check"])
        self.assertEqual(ended.status, 2)
        for place in ("ci.ini:2:", "ci.ini:3:", "ci.ini:4:", "ci.ini:7:"):
            self.assertIn(place, ended.err)


class DryRun(Case):
    def test_runs_nothing(self):
        self.passes("[step s]\nif = touch asked\ncommand = touch ran\n[cleanup c]\ncommand = touch cleaned\n", "-n")
        self.assertEqual([p.name for p in self.dir.iterdir()], ["ci.ini"])

    def test_what_it_prints_can_be_pasted(self):
        self.write("names", "it's\na b\n$(touch pwned)\n*\n")
        self.write("place/x", "")
        ended = self.passes("""
            [step s]
            items_file = names
            cwd = place
            env.X = a 'quoted' "value"
            command =
                # {number}
                printf '%s|%s\\n' {item} "$X" >> out
                printf '%s\\n' "$CI_STEP" >> steps
            [step t]
            command = echo t >> out
        """, "--dry-run")
        again = subprocess.run(["sh", "-e"], input=ended.raw_out, cwd="/", env=self.env, check=False,
                               capture_output=True)
        self.assertEqual(again.returncode, 0, (ended.out, again.stderr))
        value = "a 'quoted' \"value\""
        self.assertEqual(sorted(self.read("place/out").splitlines()),
                         sorted(f"{n}|{value}" for n in ("it's", "a b", "$(touch pwned)", "*")))
        self.assertEqual(self.read("place/steps"), "s\n" * 4)
        self.assertEqual(self.read("out"), "t\n")

    def test_problems_are_problems(self):
        self.refused("[step s]\ncommnd = true\n", "ci.ini:2", args=["-n"])


class Reap(Case):
    def test_nothing_to_do(self):
        self.passes("[step s]\ncommand = true\n")
        self.assertEqual(self.verb("reap").status, 0)

    def test_does_not_touch_the_living(self):
        running = self.start("[step s]\ncommand = until [ -e go ]; do sleep 0.02; done\n")
        wait_for(lambda: self.runs() and self.run_of().of("command_started"), "the start")
        self.assertEqual(self.verb("reap").status, 0)
        self.write("go", "")
        self.assertEqual(running.wait().status, 0)


if __name__ == "__main__":
    main()
