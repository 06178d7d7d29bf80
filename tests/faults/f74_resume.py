#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""74: A resumed run leaves out the wrong thing.

`--resume` leaves out exactly what passed in the run before and is still done in the same way, told apart by what it is
and never by its place: whatever was added, moved, edited, killed or never reached runs, nothing that passed runs twice,
and a resumed run needs no older one to be resumed itself.
"""
import os
import random
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main, wait_for  # noqa: E402

REPEATS = int(os.environ.get("CIPLUG_TEST_REPEATS", "12"))


class Base(Case):
    def bad(self, *items):
        """These fail from now on, and no others."""
        for old in self.dir.glob("bad.*"):
            old.unlink()
        for item in items:
            self.write(f"bad.{item}", "")

    def ran(self):
        """What ran since the last time, in order; one line for each command."""
        path = self.dir / "ran"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def resumes(self, ini, ran, *args, status=0, resume="--resume"):
        """The run resumed runs just that, in whatever order; its ledger adds up."""
        ended = self.ci(ini, resume, *args)
        self.assertEqual(ended.status, status, ended.all)
        self.assertEqual(sorted(self.ran()), sorted(ran), ended.all)
        ledger = self.run_of().last("run_finished")["ledger"]
        names = ("passed", "failed", "signaled", "timeout", "error", "cancelled", "skipped")
        self.assertEqual(ledger["planned"], sum(ledger[name] for name in names))
        self.assertEqual(self.run_of().counted(), {name: ledger[name] for name in names})
        return ended

    def carried(self, step):
        return [record for record in self.run_of().finished(step) if "carried" in record["flags"]]


ITEMS = "[step s]\nitems = {}\ncommand = echo {{item}} >> ran; test ! -e bad.{{item}}\n"


class Items(Base):
    def test_reordered_added_and_removed(self):
        self.bad("b", "d")
        self.ci(ITEMS.format("a b c d"), "--keep-going")
        self.ran()
        self.bad()
        self.resumes(ITEMS.format("e d c b"), ["b", "d", "e"])
        self.assertEqual([r["item"] for r in self.carried("s")], ["c"])
        self.assert_ledger(passed=3, skipped=1)

    def test_an_edited_command_runs_again(self):
        self.passes(ITEMS.format("a b"))
        self.ran()
        self.resumes(ITEMS.format("a b").replace("test !", "true; test !"), ["a", "b"])

    def test_another_step_of_the_same_command(self):
        self.passes(ITEMS.format("a b"))
        self.ran()
        self.resumes(ITEMS.format("a b").replace("[step s]", "[step t]"), ["a", "b"])

    def test_numbers_are_told_apart(self):
        ini = "[step s]\ncount = {}\ncommand = echo {{number}} >> ran; test ! -e bad.{{number}}\n"
        self.bad(2)
        self.ci(ini.format(3))
        self.ran()
        self.bad()
        self.resumes(ini.format(5), ["2", "4", "5"])

    def test_cells_are_told_apart(self):
        ini = "[step s]\nmatrix.a = {}\nmatrix.b = 1 2\ncommand = echo {{a}}{{b}} >> ran; test ! -e bad.{{a}}{{b}}\n"
        self.bad("x2")
        self.ci(ini.format("x y"))
        self.ran()
        self.bad()
        self.resumes(ini.format("z y x"), ["x2", "z1", "z2"])

    def test_an_item_that_stands_there_twice(self):
        ini = "[step s]\nitems = a a b\ncommand = echo {item}{number} >> ran; test ! -e bad.{number}\n"
        self.bad(2)
        self.ci(ini, "--keep-going")
        self.ran()
        self.bad()
        self.resumes(ini, ["a2"])
        self.resumes(ini.replace("a a b", "a a a b"), ["a3"])

    def test_items_of_any_bytes(self):
        names = [b"x\xff", b"x\xfe", "é".encode(), b"a b", b"'"]
        ini = "[step s]\nitems_file = list\ncommand = printf '%s\\n' {item} >> ran; test -e good || test {number} -gt 2\n"
        self.write("list", b"\n".join(names) + b"\n")
        self.assertEqual(self.ci(ini, "--keep-going").status, 1)
        (self.dir / "ran").unlink()
        self.write("good", "")
        self.passes(ini, "--resume")
        self.assertEqual(sorted((self.dir / "ran").read_bytes().split(b"\n")[:-1]), sorted(names[:2]))


class Verdicts(Base):
    """Only passed is passed."""

    def test_everything_else_runs_again(self):
        commands = {"failed": "false", "signaled": "kill -9 $$", "timeout": "sleep 600", "error": "true\n cwd = nowhere",
                    "skipped": "exit 77"}
        for name, command in commands.items():
            with self.subTest(name=name):
                ini = f"[step s]\nskip_codes = 77\ntimeout = {{}}\ngrace = 1s\ncommand = echo x >> ran; test -e good || {command}\n".replace("\n cwd", "\ncwd")
                self.ci(ini.format("500ms" if name == "timeout" else "60s"))
                self.assertEqual(self.outcomes("s"), [name])
                self.ran()
                self.write("good", "")
                if name == "error":
                    ini = ini.replace("cwd = nowhere\n", "")
                self.resumes(ini.format("60s"), ["x"])
                self.resumes(ini.format("60s"), [])
                (self.dir / "good").unlink()

    def test_a_failure_that_was_allowed_runs_again(self):
        ini = "[step s]\nallow_failure = yes\ncommand = echo x >> ran; test -e good\n"
        self.passes(ini)
        self.ran()
        self.resumes(ini, ["x"])

    def test_passed_after_a_retry_is_passed(self):
        ini = "[step s]\nretries = 2\ncommand = echo x >> ran; test $CI_ATTEMPT = 2\n"
        self.passes(ini)
        self.ran()
        self.resumes(ini, [])

    def test_a_skip_by_if_is_asked_again(self):
        ini = "[step s]\nif = test -e wanted\ncommand = echo x >> ran\n"
        self.passes(ini)
        self.write("wanted", "")
        self.resumes(ini, ["x"])

    def test_what_never_started(self):
        ini = "[step a]\ncommand = echo a >> ran; test ! -e bad.a\n[step b]\ncommand = echo b >> ran\n"
        self.bad("a")
        self.ci(ini)
        self.ran()
        self.bad()
        self.resumes(ini, ["a", "b"])


class Keys(Base):
    """What is done, and not how it is run."""
    INI = "[ciplug]\nworkers = 2\n[step s]\ncommand = echo x >> {env:HERE}/ran\nshell = none\n"

    def again(self, before, after, env=None):
        self.passes(before, env=env[0] if env else None)
        self.ran()
        ended = self.ci(after, "--resume", env=env[1] if env else None)
        self.assertEqual(ended.status, 0, ended.all)
        return self.ran()

    def test_what_changes_it(self):
        base = "[step s]\ncommand = echo x >> $OUT\nenv.OUT = {env:OUT}\n"
        env = {"OUT": str(self.dir / "ran")}
        self.write("some.env", "X=1\n")
        self.write("in", "")
        os.mkdir(self.dir / "sub")
        for edit in ("env.A = 1\n", "env_file = some.env\n", "cwd = sub\n", "shell = sh -c\n", "stdin = in\n"):
            with self.subTest(edit=edit):
                self.assertEqual(self.again(base, base + edit, (env, env)), ["x"])
                self.assertEqual(self.again(base + edit, base + edit, (env, env)), [])

    def test_a_value_of_env(self):
        ini = "[step s]\ncommand = echo x >> ran\nenv.A = {env:A}\n"
        self.assertEqual(self.again(ini, ini, ({"A": "1"}, {"A": "2"})), ["x"])
        self.assertEqual(self.again(ini, ini, ({"A": "1"}, {"A": "1", "B": "2"})), [])

    def test_a_value_of_an_env_file(self):
        ini = "[step s]\ncommand = echo x >> ran\nenv_file = e\n"
        self.write("e", "A=1\n")
        self.passes(ini)
        self.ran()
        self.write("e", "A=2\n")
        self.resumes(ini, ["x"])

    def test_the_order_of_variables_is_nothing(self):
        ini = "[step s]\ncommand = echo x >> ran\n"
        self.assertEqual(self.again(ini, ini + "env.B = 1\nenv.A = 1\n"), ["x"])
        self.assertEqual(self.again(ini + "env.B = 1\nenv.A = 1\n", ini + "env.A = 1\nenv.B = 1\n"), [])

    def test_the_environment_of_the_host_it_ran_on(self):
        ini = "[ciplug]\nworkers = 1\n[step s]\nhosts = h\ncommand = echo x >> ran\n[host h]\nworkers = 1\nenv.H = {}\n"
        self.assertEqual(self.again(ini.format(1), ini.format(2)), ["x"])
        self.assertEqual(self.again(ini.format(2), ini.format(2)), [])
        other = "[host k]\nworkers = 3\nenv.H = 9\n"
        self.assertEqual(self.again(ini.format(2), ini.format(2) + other), [])

    def test_what_does_not_change_it(self):
        base = "[step s]\ncommand = echo {run}-{worker}-{host}-{project}-{attempt}-{number}-{count} > last; echo x >> ran\nenv.P = {project}{run}\n"
        for edit in ("timeout = 9m\n", "retries = 3\nretry_delay = 1s\n", "workers = 1\n", "grace = 1s\n", "lock = a\n", "output = none\n",
                     "allow_failure = yes\n", "slow = 1s\n", "flaky = fail\n", "fail_fast = yes\n", "count = 1\n"):
            with self.subTest(edit=edit):
                self.assertEqual(self.again(base, base + edit), [])

    def test_a_secret_leaves_no_trace_in_the_key(self):
        ini = "[ciplug]\nmask = TOKEN\n[step s]\ncommand = echo x >> ran\nenv.TOKEN = {env:TOKEN}\n"
        self.assertEqual(self.again(ini, ini, ({"TOKEN": "abcdef123"}, {"TOKEN": "zyxwvu987"})), [])


class Groups(Base):
    SPLIT = "[step s]\nitems = {}\nsplit = {}\ncommand = echo {{items}} >> ran; for i in {{items}}; do test ! -e bad.$i; done\n"
    BATCH = SPLIT.replace("split", "batch").replace("command", "workers = 1\ncommand")

    def groups(self, step="s"):
        return sorted(sorted(r["items"] or [r["item"]]) for r in self.run_of().finished(step) if r["final"])

    def test_a_failed_group_runs_again_as_it_was(self):
        self.bad("b")
        self.ci(self.SPLIT.format("a b c d e f", 3))
        self.assertEqual(sorted(self.ran()), ["a d", "b e", "c f"])
        self.bad()
        self.resumes(self.SPLIT.format("f e d c b a", 3), ["e b"])
        self.assertEqual(self.groups(), [["a", "d"], ["b", "e"], ["c", "f"]])
        self.assert_ledger(passed=2, skipped=4)

    def test_it_keeps_its_number(self):
        self.bad("b")
        ini = self.SPLIT.format("a b c d e f", 3).replace("echo {items}", "echo {number}/{count}")
        self.ci(ini)
        self.ran()
        self.resumes(ini, ["2/3"], status=1)

    def test_new_items_come_in_groups_of_their_own(self):
        self.bad("b")
        self.ci(self.SPLIT.format("a b c d", 2))
        self.assertEqual(sorted(self.ran()), ["a c", "b d"])
        self.bad()
        self.resumes(self.SPLIT.format("x a b y c d", 2), ["b d", "x y"])
        numbers = sorted(r["number"] for r in self.run_of().finished("s"))
        self.assertEqual(numbers, sorted(set(numbers)))

    def test_items_that_went_are_dropped(self):
        self.bad("b")
        self.ci(self.SPLIT.format("a b c d e f", 2))
        self.assertEqual(sorted(self.ran()), ["a c e", "b d f"])
        self.bad()
        self.resumes(self.SPLIT.format("a b e f", 2), ["b f"])

    def test_another_split_deals_anew_what_has_not_passed(self):
        self.bad("b")
        self.ci(self.SPLIT.format("a b c d e f", 2))
        self.ran()
        self.bad()
        self.resumes(self.SPLIT.format("a b c d e f", 3), ["b", "d", "f"])

    def test_groups_that_never_started(self):
        ini = self.SPLIT.format("a b c d e f", 3) + "workers = 1\nfail_fast = yes\n"
        self.bad("a")
        self.ci(ini)
        self.assertEqual(self.ran(), ["a d"])
        self.bad()
        self.resumes(ini, ["a d", "b e", "c f"])

    def test_a_killed_group(self):
        ini = self.SPLIT.format("a b c d", 2) + "workers = 1\n"
        ini = ini.replace("command =", "command = test ! -e hang || { : > up; exec sleep 600; };")
        self.write("hang", "")
        running = self.start(ini)
        self.wait_file("up")
        running.send(signal.SIGKILL)
        running.wait()
        (self.dir / "hang").unlink()
        self.resumes(ini, ["a c", "b d"])

    def test_run_alone_stays_alone(self):
        ini = self.SPLIT.format("a b c d e", 2) + "run_alone = c\n"
        self.bad("c", "a")
        self.ci(ini, "--keep-going")
        self.assertEqual(sorted(self.ran()), ["a d", "b e", "c"])
        self.bad()
        self.resumes(ini, ["a d", "c"])

    def test_a_batch_that_passed_is_carried_whole(self):
        self.bad("c")
        self.ci(self.BATCH.format("a b c d e f", 2))
        self.assertEqual(sorted(self.ran()), ["a b", "c", "c d", "d", "e f"])
        self.bad()
        self.resumes(self.BATCH.format("f e d c b a", 2), ["c"])
        self.assertEqual(sorted(sorted(r["items"] or [r["item"]]) for r in self.carried("s")), [["a", "b"], ["d"], ["e", "f"]])
        self.assert_ledger(passed=1, skipped=5)

    def test_a_killed_batch_is_formed_again(self):
        ini = self.BATCH.format("a b c d e", 2).replace("command =", "command = test ! -e hang.{number} || { : > up; exec sleep 600; };")
        self.write("hang.2", "")
        running = self.start(ini)
        self.wait_file("up")
        running.send(signal.SIGKILL)
        running.wait()
        self.assertEqual(self.ran(), ["a b"])
        (self.dir / "hang.2").unlink()
        self.resumes(ini.replace("a b c d e", "x e d c b a"), ["d c", "x e"])

    def test_a_batch_killed_while_it_was_tried_by_item(self):
        ini = "[step s]\nitems = a b c\nbatch = 3\nworkers = 1\ncommand = echo {items} >> ran; test $CI_ATTEMPT = 2 || test -e good; " \
              "case $CI_ITEM in b) test -e good || { : > up; exec sleep 600; };; esac\n"
        running = self.start(ini)
        self.wait_file("up")
        running.send(signal.SIGKILL)
        running.wait()
        self.assertEqual(self.ran(), ["a b c", "a", "b"])
        self.write("good", "")
        self.resumes(ini, ["b c"])

    def test_never_a_matter_of_one_cell_and_another(self):
        ini = "[step s]\nmatrix.v = 1 2\nitems = {}\nsplit = 2\ncommand = echo {{v}} {{items}} >> ran; test ! -e bad.{{v}}\n"
        self.bad(2)
        self.ci(ini.format("a b c d"), "--keep-going")
        self.ran()
        self.bad()
        self.resumes(ini.format("a b c d e"), ["1 e", "2 a c", "2 b d", "2 e"])


LIST = "[step list]\ncommand = echo list >> ran; cat what\n" \
       "[step s]\nitems_from = list\nworkers = 1\ncommand = echo {item} >> ran; test ! -e bad.{item}\n"


class ItemsFrom(Base):
    def begin(self):
        self.write("what", "a\nb\nc\n")
        self.bad("b")
        self.ci(LIST, "--keep-going")
        self.assertEqual(sorted(self.ran()), ["a", "b", "c", "list"])

    def test_the_old_log_is_read(self):
        self.begin()
        self.write("what", "other\n")
        self.bad()
        self.resumes(LIST, ["b"])
        self.assertEqual(self.run_of().text("list"), "a\nb\nc\n")

    def test_a_chain_stands_alone(self):
        self.begin()
        self.write("what", "other\n")
        first = self.runs()[0]
        self.resumes(LIST, ["b"], status=1)
        shutil.rmtree(self.dir / ".ciplug" / "runs" / first)
        second = self.runs()[0]
        self.resumes(LIST, ["b"], status=1)
        shutil.rmtree(self.dir / ".ciplug" / "runs" / second)
        self.bad()
        self.resumes(LIST, ["b"])
        self.assertEqual(self.run_of().text("list"), "a\nb\nc\n")

    def test_keep_runs_takes_the_older_ones_away(self):
        ini = "[ciplug]\nkeep_runs = 1\n" + LIST
        self.write("what", "a\nb\nc\n")
        self.bad("b")
        self.ci(ini, "--keep-going")
        self.ran()
        for _ in range(4):
            self.resumes(ini, ["b"], status=1)
        self.assertLessEqual(len(self.runs()), 2)

    def test_a_log_that_is_gone(self):
        self.begin()
        (self.run_of().folder / "logs" / "list" / "1.out").unlink()
        self.write("what", "a\nb\nd\n")
        self.bad()
        self.resumes(LIST, ["list", "b", "d"])

    def test_a_log_that_was_cut(self):
        self.begin()
        self.bad()
        for length in (0, 2):
            os.truncate(self.run_of().folder / "logs" / "list" / "1.out", length)
            self.resumes(LIST, ["list", "b"] if length == 0 else ["list"])

    def test_a_planted_link_is_not_followed(self):
        self.begin()
        self.bad()
        log = self.run_of().folder / "logs" / "list" / "1.out"
        self.write("else", "x\ny\nz\n")
        log.unlink()
        log.symlink_to(self.dir / "else")
        self.resumes(LIST, ["list", "b"])

    def test_a_source_in_groups(self):
        ini = "[step list]\nitems = p q r t\nsplit = 2\ncommand = echo {items} >> ran; printf '%s1\\n' {items}\n" \
              "[step s]\nitems_from = list\ncommand = echo {item} >> ran; test ! -e bad.{item}\n"
        self.bad("p1")
        self.ci(ini, "--keep-going")
        self.assertEqual(sorted(self.ran()), ["p r", "p1", "q t", "q1", "r1", "t1"])
        self.bad()
        # What vanished has printed too: its group prints again.
        self.resumes(ini.replace("p q r t", "p q t"), ["p", "p1"])
        self.assertEqual(len(self.run_of().final("s")), 3)

    def test_surroundings_come_only_when_something_is_left(self):
        ini = "[step up]\nrerun = yes\ncommand = echo up >> ran\n" + LIST.replace("[step list]\n", "[step list]\nneeds = up\n")
        self.write("what", "a\nb\n")
        self.passes(ini)
        self.ran()
        self.resumes(ini, [])
        (self.run_of().folder / "logs" / "list" / "1.out").unlink()
        self.resumes(ini, ["up", "list"])


class Chains(Base):
    def test_resume_of_a_resume(self):
        self.bad("b", "d")
        self.ci(ITEMS.format("a b c d"), "--keep-going")
        self.ran()
        self.bad("d")
        self.resumes(ITEMS.format("a b c d"), ["b", "d"], "--keep-going", status=1)
        self.bad()
        self.resumes(ITEMS.format("a b c d"), ["d"])
        self.resumes(ITEMS.format("a b c d"), [])

    def test_what_a_resume_did_not_come_to_is_not_forgotten(self):
        """A part of it, an interrupted one, one in which the first step fails."""
        ini = "[step up]\nrerun = yes\ncommand = echo up >> ran; test ! -e bad.up\n" + ITEMS.format("a b c d")
        self.bad("b", "d")
        self.ci(ini, "--keep-going")
        self.ran()
        self.resumes(ini, ["up", "b"], "s:b", status=1)
        self.bad("up")
        self.resumes(ini, ["up"], status=1)
        self.assert_ledger(failed=1, skipped=4)
        self.bad()
        self.resumes(ini, ["up", "b", "d"])

    def test_what_a_killed_resume_did_not_come_to(self):
        ini = "[step first]\ncommand = echo first >> ran; test ! -e hang || { : > up; exec sleep 600; }; test -e good\n" \
              "[step s]\nneeds =\nitems = a b c\ncommand = echo {item} >> ran; test ! -e bad.{item}\n[step t]\nneeds = first s\ncommand = echo t >> ran\n"
        self.bad("c")
        self.ci(ini, "--keep-going")
        self.ran()
        self.write("hang", "")
        running = self.start(ini, "--resume", "first")
        self.wait_file("up")
        running.send(signal.SIGKILL)
        running.wait()
        (self.dir / "hang").unlink()
        self.write("good", "")
        self.bad()
        self.ran()
        self.resumes(ini, ["first", "c", "t"])

    def test_a_run_that_never_began(self):
        self.bad("b")
        self.ci(ITEMS.format("a b"), "--keep-going")
        self.ran()
        self.bad()
        folder = self.dir / ".ciplug" / "runs" / "zzzzzzzz"
        folder.mkdir()
        (folder / "lock").touch()
        (self.dir / ".ciplug" / "latest").unlink()
        (self.dir / ".ciplug" / "latest").symlink_to("runs/zzzzzzzz")
        ended = self.ci(ITEMS.format("a b"), "--resume=zzzzzzzz")
        self.assertEqual((ended.status, self.ran()), (2, []), ended.all)
        self.resumes(ITEMS.format("a b"), ["b"])

    def test_a_torn_journal(self):
        self.bad("c")
        self.ci(ITEMS.format("a b c") + "workers = 1\n")
        journal = self.run_of().folder / "journal.jsonl"
        lines = journal.read_bytes().split(b"\n")
        ends = [i for i, line in enumerate(lines) if b'"command_finished"' in line]
        for tail in (b"", b"\0" * 300, lines[ends[1]][:-5], b"{}\n"):
            with self.subTest(tail=tail[:20]):
                folder = self.dir / ".ciplug" / "runs" / "zzzzzzzz"
                shutil.rmtree(folder, ignore_errors=True)
                shutil.copytree(self.run_of(run=self.runs()[0]).folder if "zzzzzzzz" not in self.runs() else folder, folder)
                (folder / "journal.jsonl").write_bytes(b"\n".join(lines[:ends[1]]) + b"\n" + tail)
                self.ran()
                self.bad()
                self.resumes(ITEMS.format("a b c") + "workers = 1\n", ["b", "c"], resume="--resume=zzzzzzzz")


class Surroundings(Base):
    INI = "[step base]\nrerun = yes\ncommand = echo base >> ran\n[step mid]\ncommand = echo mid >> ran\n" \
          "[step up]\nrerun = yes\ncommand = echo up >> ran\n[step s]\nitems = a b\ncommand = echo {item} >> ran; test ! -e bad.{item}\n" \
          "[step apart]\nneeds =\nrerun = yes\ncommand = echo apart >> ran\n"

    def test_what_something_unfinished_needs(self):
        self.bad("b")
        self.ci(self.INI, "--keep-going")
        self.ran()
        self.bad()
        self.resumes(self.INI, ["base", "up", "b"])
        self.resumes(self.INI, [])

    def test_services(self):
        ini = "[step db]\nready = test -e db.up\ncommand = echo db >> ran; : > db.up; exec sleep 600\n" + ITEMS.format("a b") + "[step t]\ncommand = echo t >> ran\n"
        self.bad("b")
        self.ci(ini)
        self.ran()
        self.bad()
        self.resumes(ini, ["db", "b", "t"])
        self.resumes(ini, [])

    def test_a_cleanup_of_what_was_not_started(self):
        ini = "[step up]\ncommand = echo up >> ran\n[cleanup down]\nneeds = up\ncommand = echo down >> ran\n[cleanup always]\ncommand = echo always >> ran\n"
        self.passes(ini)
        self.ran()
        self.resumes(ini, ["always"])


class Alive(Base):
    INI = "[step s]\ncommand = echo x >> ran; test ! -e hang || { : > up; exec sleep 600; }\n"

    def test_a_run_that_goes_on_is_not_resumed(self):
        self.write("hang", "")
        running = self.start(self.INI)
        self.wait_file("up")
        run = self.runs()[0]
        for word in ("--resume", f"--resume={run}"):
            ended = self.ci(self.INI, word)
            self.assertEqual(ended.status, 2, ended.all)
            self.assertRegex(ended.err, f"run {run} is in use by pid {running.pid} since 20..-..-..T")
        self.assertEqual((self.runs(), self.ran()), ([run], ["x"]))
        running.send(signal.SIGINT)
        running.wait()


class Killed(Base):
    INI = "[ciplug]\nworkers = 3\n[step s]\nitems = i0 i1 i2 i3 i4 i5 i6 i7 i8 i9\ncommand = echo {item} >> ran; sleep 0.02\n" \
          "[step g]\nneeds =\nitems = g0 g1 g2 g3 g4 g5 g6 g7 g8 g9\nsplit = 4\n" \
          "command = for i in {items}; do echo $i >> ran; done; sleep 0.02\n"

    def test_at_random_moments(self):
        """Killed and resumed until it is done: what was written down as passed runs once, and all runs."""
        rng = random.Random(74)
        for _ in range(REPEATS):
            shutil.rmtree(self.dir / ".ciplug", ignore_errors=True)
            passed, twice, status = set(), [], None
            while status != 0:
                running = self.start(self.INI, *(["--resume"] if self.runs() else []))
                limit = rng.randrange(1, 8)
                wait_for(lambda: running.process.poll() is not None or self.of_newest(running, limit), "results")
                if running.process.poll() is None:
                    running.send(signal.SIGKILL)
                status = running.wait().status
                twice += [item for item in self.ran() if item in passed]
                passed |= self.passed()
            self.count(repeats=1, losses=len(twice) + 20 - len(passed))
            self.assertEqual(twice, [], "what had passed ran again")
            self.assertEqual(len(passed), 20)

    def of_newest(self, running, limit):
        folder = self.dir / ".ciplug" / "latest"
        if not folder.exists():
            return False
        records = self.run_of().records()
        return records and records[0].get("pid") == running.pid and \
            sum(r["event"] == "command_finished" and "carried" not in r["flags"] for r in records) >= limit

    def passed(self):
        found = set()
        for record in self.run_of().of("command_finished"):
            if record["outcome"] == "passed":
                found.update(record["items"] or [record["item"]])
        return found


if __name__ == "__main__":
    main(controls={
        "resume_verdict": ["Items.test_reordered_added_and_removed", "Verdicts.test_everything_else_runs_again"],
        "resume_key": ["Items.test_an_edited_command_runs_again", "Keys.test_what_changes_it"],
        "resume_groups": "Groups.test_a_failed_group_runs_again_as_it_was",
        "resume_log": ["ItemsFrom.test_a_log_that_is_gone", "ItemsFrom.test_a_log_that_was_cut"],
        "resume_taken_over": "Chains.test_what_a_resume_did_not_come_to_is_not_forgotten",
    })
