#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a command finds around it: environment, folder, input, output, secrets."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402


class Environment(Case):
    def test_what_every_command_gets(self):
        names = "CI CI_COMMAND_NUMBER CI_WORKER_NUMBER CI_ITEM CI_STEP CI_HOST CI_ATTEMPT CI_RUN_ID PROJECT_NAME"
        self.passes("[step s]\nitems = x y\nworkers = 1\ncommand = for n in " + names +
                    "; do eval \"echo $n=\\$$n\"; done\n")
        said = dict(line.split("=", 1) for line in self.run_of().text("s", 2).splitlines())
        run = self.runs()[0]
        self.assertEqual(said, {"CI": "true", "CI_COMMAND_NUMBER": "2", "CI_WORKER_NUMBER": "1", "CI_ITEM": "y",
                                "CI_STEP": "s", "CI_HOST": "local", "CI_ATTEMPT": "1", "CI_RUN_ID": run,
                                "PROJECT_NAME": f"ci{run}w1"})
        self.assertRegex(run, r"^[a-z0-9]{8}$")

    def test_placeholders_say_the_same(self):
        self.passes("[step s]\nitems = x\ncommand = echo {item} {number} {count} {worker} {host} {step} {run} "
                    "{attempt} {project}\n")
        run = self.runs()[0]
        self.assertEqual(self.run_of().text("s"), f"x 1 1 1 local s {run} 1 ci{run}w1\n")

    def test_env_of_run_step_and_file(self):
        self.write("vars", "# comment\nFROM_FILE=file value\nBOTH=file\n")
        self.passes("[ciplug]\nenv.RUN_WIDE = wide\nenv.OVER = run\n"
                    "[step s]\nenv_file = vars\nenv.BOTH = key\nenv.OVER = step\nenv.ITEM = <{step}>\n"
                    "command = echo \"$FROM_FILE|$BOTH|$RUN_WIDE|$OVER|$ITEM\"\n")
        self.assertEqual(self.run_of().text("s"), "file value|key|wide|step|<s>\n")

    def test_env_of_the_caller(self):
        self.passes("[step s]\nenv.COPY = {env:FROM_CALLER}\ncommand = echo $COPY $FROM_CALLER\n",
                    env={"FROM_CALLER": "hello"})
        self.assertEqual(self.run_of().text("s"), "hello hello\n")

    def test_variables_that_begin_like_ours(self):
        """Also the one by which these tests know what they started: else no survivor would be seen."""
        self.passes("[step s]\nenv.X = 1\ncommand = echo $CIRCLE $CI_STEPS $XY; test -n \"$CIPLUG_TEST\"\n",
                    env={"CIRCLE": "a", "CI_STEPS": "b", "XY": "c"})
        self.assertEqual(self.run_of().text("s"), "a b c\n")

    def test_unset_env_is_an_error(self):
        self.refused("[step s]\nenv.COPY = {env:SURELY_UNSET}\ncommand = true\n", "ci.ini:2", "SURELY_UNSET")

    def test_env_in_a_shell_command_is_an_error(self):
        self.refused("[step s]\ncommand = echo {env:HOME}\n", "ci.ini:2")

    def test_values_are_not_expanded_again(self):
        self.passes("[step s]\nitems = {worker}\nenv.X = {item}\ncommand = echo \"$X\" {item}\n")
        self.assertEqual(self.run_of().text("s"), "{worker} {worker}\n")


class Place(Case):
    def test_the_folder_of_the_file_is_where_commands_start(self):
        self.write("sub/ci.ini", "[step s]\ncommand = pwd\n")
        self.passes(self.dir / "sub" / "ci.ini")
        self.assertEqual(self.run_of().text("s").strip(), str(self.dir / "sub"))

    def test_cwd(self):
        self.write("a/b/x", "")
        self.passes("[step s]\nitems = b\ncwd = a/{item}\ncommand = ls\n")
        self.assertEqual(self.run_of().text("s"), "x\n")

    def test_a_missing_cwd_is_named(self):
        self.ci("[step s]\ncwd = no/where\ncommand = true\n")
        record = self.run_of().one("s")
        self.assertEqual(record["outcome"], "error")
        self.assertIn("no/where", record["reason"])


class Input(Case):
    def test_stdin_is_empty(self):
        with open(self.write("caller", "stolen\n"), "rb") as file:
            self.start("[step s]\ncommand = cat; echo end\n", stdin=file).wait()
        self.assertEqual(self.run_of().text("s"), "end\n")

    def test_stdin_from_a_file(self):
        self.write("in.x", "one\ntwo\n")
        self.passes("[step s]\nitems = x\nstdin = in.{item}\ncommand = cat\n")
        self.assertEqual(self.run_of().text("s"), "one\ntwo\n")

    def test_no_terminal(self):
        self.passes("[step s]\ncommand = if ( : < /dev/tty ) 2>/dev/null; then exit 1; fi\n")


class Shell(Case):
    def test_another_shell(self):
        self.passes("[step s]\nshell = bash -eu -o pipefail -c\ncommand = [[ $BASH_VERSION ]] && echo bash\n")
        self.assertEqual(self.run_of().text("s"), "bash\n")

    def test_none_splits_words(self):
        self.passes("[step s]\nshell = none\ncommand = printf '%s|' a \"b c\" $HOME ';' \\*\n")
        self.assertEqual(self.run_of().text("s"), "a|b c|$HOME|;|*|")

    def test_none_has_no_shell_around(self):
        self.passes("[step s]\nshell = none\ncommand = cat /proc/self/cmdline\n")
        self.assertEqual(self.run_of().log("s"), b"cat\0/proc/self/cmdline\0")


class Streams(Case):
    def test_stdout_and_stderr_have_logs_of_their_own(self):
        self.passes("[step s]\ncommand = echo out; echo err >&2\n")
        self.assertEqual((self.run_of().text("s"), self.run_of().text("s", stream="err")), ("out\n", "err\n"))

    def test_merge_keeps_the_true_order(self):
        self.passes("[step s]\nstderr = merge\ncommand =\n    i=0\n    while [ $i -lt 200 ]; do\n"
                    "        echo o$i; echo e$i >&2; i=$((i + 1))\n    done\n")
        self.assertEqual(self.run_of().text("s").split(), [f"{s}{n}" for n in range(200) for s in "oe"])

    def test_artifacts(self):
        self.passes("[step s]\nitems = x y\nartifacts = out/{item}/*.txt report-*\n"
                    "command = mkdir -p out/{item}; echo {item} > out/{item}/a.txt; echo r > report-{item}; : > out/{item}/b.log\n")
        for number, item in ((1, "x"), (2, "y")):
            folder = self.run_of().folder / "artifacts" / "s" / str(number)
            found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
            self.assertIn(f"out/{item}/a.txt", found)
            self.assertIn(f"report-{item}", found)
            self.assertFalse(any(name.endswith(".log") for name in found))

    def test_a_pattern_that_leads_out_spoils_no_other(self):
        self.write("outside", "")
        ended = self.passes("[step make]\ncommand = mkdir in\n[step s]\ncwd = in\nartifacts = one.txt ../outside two.txt\n"
                            "command = touch one.txt two.txt\n")
        found = sorted(path.name for path in (self.run_of().folder / "artifacts").rglob("*") if path.is_file())
        self.assertEqual(found, ["one.txt", "two.txt"])
        self.assertIn("../outside leads out", ended.all)

    def test_a_lost_artifact_is_no_success(self):
        ended = self.ci("[step s]\nartifacts = made\ncommand = touch made .ciplug/runs/$CI_RUN_ID/artifacts\n"
                        "[step later]\ncommand = touch later\n")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("artifacts could not be copied: Not a directory", ended.all)
        self.assertEqual((self.run_of().one("s")["outcome"], self.run_of().one("later")["outcome"]), ("passed", "passed"))

    def test_step_output_wins(self):
        out = self.passes("[step a]\noutput = none\ncommand = echo hid-$((1 + 1))\n"
                          "[step b]\ncommand = echo shown-$((1 + 1))\n").out
        self.assertNotIn("hid-2", out)
        self.assertIn("shown-2", out)


class Mask(Case):
    INI = """
        [ciplug]
        mask = TOKEN
        [step s]
        command =
            echo "token is $TOKEN."
            printf 'abc-'; sleep 0.1; printf 'def-'; sleep 0.1; printf 'ghi\\n'
            echo "$TOKEN" >&2
            printf '%s' "${TOKEN%??}"
    """

    def test_neither_screen_nor_logs_nor_journal(self):
        ended = self.passes(self.INI, env={"TOKEN": "abc-def-ghi"})
        run = self.run_of()
        self.assertEqual(run.text("s"), "token is ***.\n***\nabc-def-g")
        self.assertEqual(run.text("s", stream="err"), "***\n")
        for path in run.folder.rglob("*"):
            if path.is_file():
                self.assertNotIn(b"abc-def-ghi", path.read_bytes(), path)
        self.assertNotIn("abc-def-ghi", ended.all)
        self.assertIn("token is ***.", ended.out)

    SECRET = "Qx7-Zk2_Wm9-Vb4_Jh6"

    def assert_nothing_of(self, secret, ended):
        """No piece of four bytes either."""
        pieces = [secret[at:at + 4].encode() for at in range(len(secret) - 3)]
        shown = {path: path.read_bytes() for path in self.run_of().folder.rglob("*") if path.is_file()}
        shown.update(out=ended.raw_out, err=ended.raw_err)
        for place, data in shown.items():
            self.assertEqual([piece for piece in pieces if piece in data], [], place)

    def said_beside(self, ini, secret):
        """Last lines that are cut after 200 bytes, with the secret at every place around that."""
        return self.ci("[ciplug]\nmask = SEC\n" + "".join(
            f"[step s{pad}]\nneeds =\n" + ini.replace("SAY", f"printf '%0{pad}d%s\\n' 0 \"$SEC\"")
            for pad in range(183, 201, 3)), "--keep-going", env={"SEC": secret})

    def test_no_half_of_one_in_what_if_said(self):
        ended = self.said_beside("if = SAY; exit 7\ncommand = true\n", self.SECRET)
        self.assert_nothing_of(self.SECRET, ended)
        self.assertIn("000***", (self.run_of().folder / "journal.jsonl").read_text())

    def test_no_half_of_one_in_what_on_failure_said(self):
        ended = self.said_beside("on_failure = SAY; exit 7\ncommand = false\n", self.SECRET)
        self.assert_nothing_of(self.SECRET, ended)
        self.assertIn("000***", ended.all)

    def test_no_line_of_one_with_many_lines(self):
        secret = "Qx7-Zk2_Wm9\nVb4_Jh6-Rt3\nLp8+Cy5"
        for ini in ("if = SAY; exit 7\ncommand = true\n", "on_failure = SAY; exit 7\ncommand = false\n"):
            ended = self.said_beside(ini, secret)
            self.assert_nothing_of(secret, ended)
            self.assertIn("***", (self.run_of().folder / "journal.jsonl").read_text())

    def test_too_short_a_value_is_refused(self):
        ended = self.start(self.INI, env={"TOKEN": "short"}).wait()
        self.assertEqual(ended.status, 2)
        self.assertIn("TOKEN", ended.err)
        self.assertNotIn("short", ended.all.replace("shorter", "").replace("too short", ""))

    def test_dry_run_shows_the_name_only(self):
        ended = self.passes("[ciplug]\nmask = TOKEN\n[step s]\nenv.OTHER = {env:TOKEN}\ncommand = echo $OTHER\n",
                            "-n", env={"TOKEN": "abc-def-ghi"})
        self.assertNotIn("abc-def-ghi", ended.all)
        self.assertIn("TOKEN", ended.out)


if __name__ == "__main__":
    main()
