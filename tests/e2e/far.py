#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Commands whose place is not here: what reaches them, how they end, and what is asked when they do not."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402
from plugin import Workshop  # noqa: E402

SHOP = Workshop()


def setUpModule():
    SHOP.build("far.c", "far")


def tearDownModule():
    SHOP.close()


# The place knows nothing of what is set here.
CLIENT = """#!/bin/sh
what=$1
shift
case $what in
run)
    while [ "$1" != -- ]; do shift; done
    shift
    %(run)s
    ;;
esac
%(rest)s
"""
RUN = 'exec env -i PATH="$PATH" setsid -w "$@"'


class Far(Case):
    def far(self, step, run=RUN, rest="", callbacks="", options=(), **how):
        path = self.dir / "client"
        path.write_text(CLIENT % {"run": run, "rest": rest})
        path.chmod(0o755)
        mask = how.pop("mask", "")
        return self.ci(f"[ciplug]\nplugins = shell {SHOP.dir}/far.so\n{mask}[far]\ncallbacks = {callbacks}\n"
                       f"[step s]\nuses = far\n{step}\n", *options, **how)

    def one(self):
        return self.run_of().one("s")


class Reaches(Far):
    def test_variables_words_and_folder(self):
        (self.dir / "there").mkdir()
        self.far(f"items = 'a b'\nenv.X = two  words\ncwd = {self.dir}/there\ncommand = pwd; env; echo {{item}}; exit 7\n")
        text = self.run_of().text("s")
        self.assertTrue(text.startswith(f"{self.dir}/there\n"), text)
        for line in ("X=two  words", "CI_STEP=s", "CI=true", "CI_COMMAND_NUMBER=1"):
            self.assertIn(line + "\n", text)
        self.assertTrue(text.endswith("a b\n"))
        self.assertEqual((self.one()["outcome"], self.one()["exit_code"]), ("failed", 7))

    def test_a_masked_variable_by_name_and_in_no_argument(self):
        self.far("command = echo \"it is $SECRET\"\n",
                 run=f'tr "\\0" " " </proc/$$/cmdline >{self.dir}/words; {RUN}', mask="mask = SECRET\n",
                 env={"SECRET": "s3cr3t-word"})
        self.assertEqual(self.one()["outcome"], "passed")
        self.assertEqual(self.run_of().text("s"), "it is ***\n")
        self.assertNotIn("s3cr3t", (self.dir / "words").read_text())

    def test_the_hosts_variables_stay_here(self):
        ended = self.far("hosts = h\ncommand = echo \"[$ONLY_HERE]\"\n[host h]\nenv.ONLY_HERE = client\n",
                         run=f'echo "$ONLY_HERE" >{self.dir}/seen; {RUN}')
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual((self.dir / "seen").read_text(), "client\n")
        self.assertEqual(self.run_of().text("s"), "[]\n")

    def test_a_dry_run_shows_it_without_a_guard(self):
        ended = self.far("command = echo hi\n", options=("-n",))
        self.assertIn("run", ended.out)
        self.assertIn("CI_STEP", ended.out)
        self.assertTrue(ended.out.rstrip().endswith("-- sh -ec 'echo hi'"), ended.out)


class Ends(Far):
    def test_a_client_that_says_nothing_is_no_pass(self):
        self.far("command = echo hi\n", run="exit 0")
        self.assertEqual(self.one()["outcome"], "error")

    def test_what_the_client_says_is_the_reason(self):
        self.far("command = echo hi\n", run="echo no such place >&2; exit 1")
        self.assertEqual(self.one()["outcome"], "error")
        self.assertIn("no such place", self.one()["reason"])
        self.assertEqual(self.run_of().text("s"), "")

    def test_without_a_shell_there(self):
        """Nothing of it has run yet, so it is tried again without a guard."""
        here = f'for w; do [ "$w" != ciplug-guard ] || {{ echo exec: sh: executable file not found >&2; exit 127; }}; done; echo "$@" >{self.dir}/words; exec "$@"'
        self.far("command = echo hi; exit 3\n", run=here)
        self.assertEqual((self.one()["outcome"], self.one()["exit_code"]), ("failed", 3))
        self.assertEqual(self.run_of().text("s"), "hi\n")
        self.far("far.guard = yes\ncommand = echo hi\n", run=here)
        self.assertEqual(self.one()["outcome"], "error")

    def test_the_time_limit_begins_with_the_command(self):
        """A client that takes its time is bounded by start_timeout alone."""
        self.far("timeout = 1s\nstart_timeout = 20s\ncommand = true\n", run=f"sleep 2; {RUN}")
        self.assertEqual(self.one()["outcome"], "passed")
        self.far("timeout = 1s\nstart_timeout = 300ms\ngrace = 100ms\ncommand = true\n", run="sleep 60")
        self.assertEqual(self.one()["outcome"], "timeout")
        self.assertIn("did not start within 300ms", self.one()["reason"])

    def test_another_127_is_not_tried_again(self):
        """An entrypoint may have done its work already."""
        self.far("command = echo hi\n", run=f"echo x >>{self.dir}/started; echo my own error >&2; exit 127")
        self.assertEqual(self.one()["outcome"], "error")
        self.assertEqual((self.dir / "started").read_text(), "x\n")

    def test_a_client_that_failed_itself_without_a_guard(self):
        for code in (125, 255):
            self.far("far.guard = no\ncommand = true\n", run=f"exit {code}", callbacks="stop",
                     rest=f"[ $what != stop ] || {{ echo it was ended; touch {self.dir}/stopped; }}")
            self.assertEqual(self.one()["outcome"], "error")
            self.assertTrue((self.dir / "stopped").exists())

    def test_stop_after_a_timeout_without_a_guard(self):
        stop = f'[ $what != stop ] || {{ echo "$CIPLUG_STOP_JOB" >{self.dir}/job; echo container x was killed; }}'
        self.far("far.guard = no\ntimeout = 300ms\ngrace = 100ms\ncommand = sleep 60\n", callbacks="stop", rest=stop)
        self.assertEqual(self.one()["outcome"], "timeout")
        self.assertIn("container x was killed", self.one()["reason"])
        self.assertTrue((self.dir / "job").read_text().startswith(self.run_of().folder.name + "."))

    def test_one_that_may_still_run(self):
        self.far("far.guard = no\ntimeout = 300ms\ngrace = 100ms\ncommand = sleep 60\n", callbacks="stop",
                 rest="[ $what != stop ] || { echo cannot; exit 1; }")
        self.assertIn("may still run at its place", self.one()["reason"])
        self.assertIn("unkillable", self.one()["flags"])


class Explains(Far):
    EVIDENCE = ('[ $what != evidence ] || { echo "service db: exited"; echo "! service db exited with 137"; '
                'echo "log $SECRET"; }')

    def test_evidence_of_a_failure(self):
        self.far("command = exit 3\n", callbacks="evidence", rest=self.EVIDENCE, mask="mask = SECRET\n",
                 env={"SECRET": "s3cr3t-word"})
        self.assertIn("exit code 3; service db exited with 137", self.one()["reason"])
        self.assertIn("logs/s/1.evidence", self.one()["reason"])
        saved = (self.run_of().folder / "logs/s/1.evidence").read_text()
        self.assertEqual(saved, "service db: exited\n! service db exited with 137\nlog ***\n")

    def test_none_of_a_pass(self):
        self.far("command = true\n", callbacks="evidence", rest=self.EVIDENCE)
        self.assertFalse((self.run_of().folder / "logs/s/1.evidence").exists())

    def test_artifacts_from_there(self):
        fetch = f'[ $what != fetch ] || {{ echo "$@" >{self.dir}/patterns; cd {self.dir}/there && chmod 6755 out/a.xml && mkfifo out/pipe && tar -cf - out; }}'
        (self.dir / "there/out").mkdir(parents=True)
        (self.dir / "there/out/a.xml").write_text("<a/>")
        self.far("artifacts = /app/out/*.xml b/*\ncommand = exit 1\n", callbacks="fetch", rest=fetch)
        self.assertEqual((self.run_of().folder.resolve() / "artifacts/s/1/out/a.xml").read_text(), "<a/>")
        self.assertEqual(os.listdir(self.run_of().folder / "artifacts/s/1/out"), ["a.xml"], "nothing but files comes from there")
        self.assertEqual((self.run_of().folder / "artifacts/s/1/out/a.xml").stat().st_mode & 0o6000, 0)
        self.assertEqual((self.dir / "patterns").read_text(), "/app/out/*.xml b/*\n")
        self.assertEqual(os.listdir(self.run_of().folder.resolve() / "artifacts/s/1"), ["out"])

    def test_artifacts_that_break_off(self):
        ended = self.far("artifacts = x\ncommand = true\n", callbacks="fetch",
                         rest="[ $what != fetch ] || { echo part; echo engine is gone >&2; exit 1; }")
        self.assertEqual(ended.status, 3)
        self.assertIn("engine is gone", ended.all)


class Declares(Far):
    def test_intents_are_journaled_before_the_start_once(self):
        self.far("far.intent = things of {run}\ncount = 3\ncommand = true\n")
        records = [r for r in self.run_of().records() if r["event"] == "intent" and r["kind"] == "far"]
        self.assertEqual([r["what"] for r in records], [f"things of {self.run_of().folder.name}"])
        kinds = [r["event"] for r in self.run_of().records()]
        first = next(i for i, r in enumerate(self.run_of().records()) if r.get("kind") == "far")
        self.assertLess(first, kinds.index("command_started"))



class Hosts(Far):
    """Nothing is held for them: only a command can find out that one is lost."""

    def test_the_end_waits_for_no_answer(self):
        """It ends while its place is asked whether it is there."""
        ended = self.far("command = sleep 11\n", rest="[ $what != alive ] || sleep 20", callbacks="alive")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertLess(self.one()["duration_ns"], 15e9)

    def lost(self, more=""):
        """Its client dies under it, and then nothing answers."""
        run = 'sleep 0.5; kill -9 $$'
        self.write("client", CLIENT % {"run": run, "rest": "exit 1"}).chmod(0o755)
        return self.ci(f"[ciplug]\nplugins = shell {SHOP.dir}/far.so\nworkers = 1\n[far]\ncallbacks = stop alive\n"
                       f"[host h]\nuses = far\n[step s]\nhosts = local h\ncount = 2\ngrace = 100ms\n{more}\n"
                       "command = echo {host}; sleep 2\n")

    def test_a_lost_command_runs_elsewhere_after_the_lease(self):
        ended = self.lost()
        self.assertEqual(ended.status, 0, ended.all)
        first, second = (record for record in self.run_of().finished("s") if record["number"] == 2)
        self.assertEqual((first["host"], first["outcome"], first["final"]), ("h", "error", False))
        self.assertIn("its host h is lost", first["reason"])
        self.assertEqual((second["host"], second["outcome"], second["attempt"], second["flags"]), ("local", "passed", 2, []))
        self.assertGreater(ended.seconds, 15)

    def test_fail_says_that_it_is_not_run_again(self):
        ended = self.lost("on_host_loss = fail")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertEqual(len(self.run_of().finished("s")), 2)


if __name__ == "__main__":
    main()
