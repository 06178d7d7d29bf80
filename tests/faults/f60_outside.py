#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""60: A run that has created things outside is killed with its helpers.

What a plugin's intents stand for is removed by the next start in the same state folder, or by `ciplug reap`: also after a
reboot, once by one of them, and within bounds when the plugin's command hangs or fails. A journal is a file that others may
have written: what does not look right in it is not believed."""
import fcntl
import json
import os
import re
import signal
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dead  # noqa: E402
from harness import main, wait_for  # noqa: E402
from outside import Outside, SHOP, USES, set_up_module  # noqa: E402

OK = "[step s]\ncommand = true\n"


def setUpModule():  # pylint: disable=invalid-name
    set_up_module()


class Dead(Outside):
    def die(self):
        running = self.start(USES + "[step s]\nuses = outside\ncount = 2\nworkers = 2\ncommand = exec sleep 600\n")
        wait_for(lambda: len(self.things()) >= 2 or running.process.poll() is not None, "its things")
        run = self.run_of().folder.name
        wait_for(lambda: len(self.things(run)) == 2 or running.process.poll() is not None, "its own things")
        self.assertEqual(len(self.things(run)), 2, running.err())
        dead.kill_all_of(running)
        return run

    def reaped(self, run):
        return self.run_of(run=run).of("run_reaped")

    def edit(self, run, change):
        path = self.run_of(run=run).folder / "journal.jsonl"
        path.write_text(change(path.read_text()))

    def change_intent(self, run, **fields):
        """Of the journal's intents that are the plugin's."""
        def change(text):
            records = [json.loads(line) for line in text.splitlines()]
            for record in records:
                if record["event"] == "intent" and record["kind"] == "outside":
                    record.update(fields)
            return "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
        self.edit(run, change)


class Removed(Dead):
    def test_is_written_before_its_command_starts(self):
        self.passes(USES + "[step s]\nuses = outside\ncommand = grep '\"kind\":\"outside\"' .ciplug/latest/journal.jsonl\n")
        intent, = self.intents()
        self.assertEqual(intent["what"], f"things of {self.runs()[0]}")
        self.assertEqual(intent["env"], [f"OUTSIDE_PLACE={self.place}"])

    def test_by_the_next_start(self):
        run = self.die()
        ended = self.passes(OK)
        self.assertEqual(self.things(), [])
        self.assertRegex(ended.all, f"swept what dead run {run} left: .*2 things")
        record, = self.reaped(run)
        self.assertEqual((record["left"], record["removed"]), ([], ["thing s-1", "thing s-2"]))
        self.passes(OK)
        self.assertEqual(self.calls(), 1, "once is enough")

    def test_before_anything_of_the_new_run_starts(self):
        self.die()
        self.passes(f"[step s]\ncommand = [ ! -e {self.place}/????????.s-1 ]\n")

    def test_by_reap(self):
        run = self.die()
        ended = self.verb("reap", run)
        self.assertEqual(ended.status, 0, ended.all)
        self.assertRegex(ended.err, f"run {run}: .*2 things ended")
        self.assertEqual(self.things(), [])

    def test_each_is_named_on_request(self):
        run = self.die()
        ended = self.verb("reap", "-v", run)
        self.assertIn(f"run {run}: thing s-2", ended.err)

    def test_where_the_run_said_that_it_is(self):
        """The caller's variables may lead elsewhere by now."""
        self.die()
        self.env["OUTSIDE_PLACE"] = "/nowhere/else"
        self.passes(OK)
        self.assertEqual(self.things(), [])

    def test_where_the_run_went_without_saying(self):
        self.env["OUTSIDE_DEFAULT"] = self.env.pop("OUTSIDE_PLACE")
        self.die()
        self.env["OUTSIDE_PLACE"] = "/nowhere/else"
        self.passes(OK)
        self.assertEqual(self.things(), [])

    def test_by_a_plugin_of_the_run_itself(self):
        """Found by a path that nobody would search."""
        self.die()
        del self.env["CIPLUG_PLUGIN_PATH"]
        self.passes(f"[ciplug]\nplugins = {SHOP.dir}/outside.so\n{OK}")
        self.assertEqual(self.things(), [])

    def test_before_a_run_is_resumed(self):
        run = self.die()
        self.ci(USES + f"[step s]\nuses = outside\ncommand = [ ! -e {self.place}/{run}.s-1 ]\n", "--resume", run)
        self.assertEqual(self.things(run), [])
        self.assertEqual(self.reaped(run)[0]["by"], "resume")

    def test_after_a_reboot_too(self):
        run = self.die()
        self.edit(run, lambda text: re.sub(r'"boot_id":"[^"]*"', f'"boot_id":"{uuid.uuid4()}"', text))
        self.passes(OK)
        self.assertEqual(self.things(), [])
        record, = self.reaped(run)
        self.assertTrue(record["rebooted"])

    def test_once_by_two_at_the_same_time(self):
        run = self.die()
        both = [self.start(None, "reap", run) for _ in range(2)]
        self.assertEqual([one.wait().status for one in both], [0, 0])
        self.assertEqual(self.things(), [])
        self.assertEqual(len([record for record in self.reaped(run) if record["removed"]]), 1)

    def test_while_somebody_else_is_at_it_a_start_goes_on(self):
        run = self.die()
        with open(self.run_of(run=run).folder / "journal.jsonl", "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.passes(OK)
        self.assertEqual(len(self.things(run)), 2)
        self.passes(OK)
        self.assertEqual(self.things(run), [])


class NotYet(Dead):
    """What cannot be removed is told, and tried again."""

    def test_when_the_plugin_is_not_there(self):
        run = self.die()
        path = self.env.pop("CIPLUG_PLUGIN_PATH")
        ended = self.passes(OK)
        self.assertIn(f"dead run {run} left outside things of {run}: plugin 'outside': not found", ended.all)
        self.assertNotIn("outside", self.passes(OK).all, "told once")
        ended = self.verb("reap", run)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("not found", ended.err)
        self.env["CIPLUG_PLUGIN_PATH"] = path
        self.passes(OK)
        self.assertEqual(self.things(), [])

    def test_when_its_command_fails(self):
        run = self.die()
        self.write("place/fail", "")
        ended = self.verb("reap", run)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn(f"run {run} left outside things of {run}: exit code 1: no engine here", ended.err)
        (self.place / "fail").unlink()
        self.assertEqual(self.verb("reap", run).status, 0)
        self.assertEqual(self.things(), [])

    def test_when_its_command_hangs_a_start_is_late_and_no_more(self):
        run = self.die()
        self.write("place/hang", "")
        ended = self.passes(OK)
        self.assertIn("timed out after 10.0s", ended.all)
        self.assertLess(ended.seconds, 30)
        ended = self.passes(OK)
        self.assertLess(ended.seconds, 9, "less patience with what has hung before")
        (self.place / "hang").unlink()
        self.assertEqual(self.verb("reap", run).status, 0)
        self.assertEqual(self.things(), [])

    def test_when_a_signal_comes_meanwhile(self):
        run = self.die()
        self.write("place/hang", "")
        running = self.start("[step s]\ncommand = : > started\n")
        self.wait_file("place/hangs")
        running.send(signal.SIGINT)
        ended = running.wait()
        self.assertEqual(ended.status, 130, ended.all)
        self.assertLess(ended.seconds, 9)
        self.assertFalse((self.dir / "started").exists())
        self.assertTrue(self.reaped(run)[0]["left"])

    def test_when_reap_is_killed_itself(self):
        run = self.die()
        self.write("place/hang", "")
        running = self.start(None, "reap", run)
        self.wait_file("place/hangs")
        running.send(signal.SIGKILL)
        running.wait()
        (self.place / "hang").unlink()
        self.assertEqual(self.verb("reap", run).status, 0)
        self.assertEqual(self.things(), [])

    def test_a_kept_run_until_somebody_asks(self):
        self.ci(USES + "[step s]\nuses = outside\ncommand = false\n", "--keep")
        run, = self.runs()
        self.passes(OK)
        self.assertEqual(self.things(), [f"{run}.s-1"])
        self.assertEqual(self.verb("reap").status, 0)
        self.assertEqual(self.things(), [])


class Ending(Dead):
    """A run that is not killed removes it itself."""

    def test_what_cleanup_steps_leave_is_swept(self):
        ended = self.passes(USES + "[step s]\nuses = outside\ncommand = true\n[cleanup c]\ncommand = [ -e $OUTSIDE_PLACE/$CI_RUN_ID.s-1 ]\n")
        self.assertIn("swept what the cleanup steps left: 1 thing", ended.all)
        self.assertEqual(self.things(), [])
        self.assertNotIn("left", self.run_of().last("run_finished"))
        self.assertEqual(self.run_of().final("c")[1]["outcome"], "passed")

    def test_a_second_signal_gives_it_five_seconds(self):
        self.write("place/hang", "")
        running = self.start(USES + "[step s]\nuses = outside\ncommand = true\n")
        self.wait_file("place/hangs")
        running.send(signal.SIGINT)
        wait_for(lambda: "a second signal" in running.out() + running.err(), "the first signal to be seen")
        running.send(signal.SIGINT)
        ended = running.wait(20)
        self.assertEqual(ended.status, 130, ended.all)
        self.assertIn("cannot be removed", ended.all)
        self.assertTrue(self.run_of().last("run_finished")["left"])


class Disbelieved(Dead):
    def left(self, run, text, status=3):
        ended = self.verb("reap", run)
        self.assertEqual(ended.status, status, ended.all)
        self.assertIn(text, ended.err)
        self.assertEqual(self.calls(), 0)
        self.assertEqual(len(self.things()), 2)

    def test_a_path_instead_of_a_name(self):
        run = self.die()
        self.env.pop("CIPLUG_PLUGIN_PATH")
        self.change_intent(run, kind=str(SHOP.dir / "outside.so"), env=[])
        self.left(run, "that is no name of a plugin")

    def test_variables_that_would_run_something(self):
        run = self.die()
        for name in ("LD_PRELOAD", "PATH", "BASH_ENV", "outside_PLACE", "OUTSIDE_", "DOCKER_", "OUTSIDE_PLACE2 ", ""):
            with self.subTest(name):
                self.change_intent(run, env=[f"{name}={self.place}"])
                self.left(run, f"its journal sets {name}, which leads to no place")
        self.change_intent(run, env=["PATH"])
        self.left(run, "its journal sets PATH, which")
        self.change_intent(run, env=["OUTSIDE_PLACE=a\nb"])
        self.left(run, "no variable")

    def test_a_folder_of_settings_that_is_not_ours(self):
        run = self.die()
        place = f"OUTSIDE_PLACE={self.place}"
        self.change_intent(run, env=[place, f"DOCKER_CONFIG={self.dir}"])
        self.left(run, "its journal sets DOCKER_CONFIG to what is not set here")
        self.env["DOCKER_CONFIG"] = str(self.dir)
        self.assertEqual(self.verb("reap", run).status, 0)

    def test_places_that_look_like_options(self):
        run = self.die()
        for value in ("ssh://-oProxyCommand=touch", "ssh://me@-oProxyCommand=touch"):
            self.change_intent(run, env=[f"DOCKER_HOST={value}"])
            self.left(run, "looks like an option")

    def test_what_is_no_line(self):
        run = self.die()
        for what in ("", "things of\n" + run, "x" * 5000):
            self.change_intent(run, what=what)
            self.left(run, "names nothing that could be asked for")

    def test_what_the_plugin_never_said(self):
        run = self.die()
        self.change_intent(run, what="things of abcd1234")
        self.left(run, "does not take it for one of its own")

    def test_the_journal_of_another_run(self):
        run = self.die()
        victim = self.place / "abcd1234.web"
        victim.write_text("")
        self.edit(run, lambda text: text.replace(run, "abcd1234"))
        ended = self.verb("reap", run)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("that of another run", ended.err)
        self.assertTrue(victim.exists())

    def test_a_folder_that_others_may_write(self):
        run = self.die()
        folder = self.run_of(run=run).folder
        folder.chmod(0o777)
        self.left(run, "Operation not permitted")
        folder.chmod(0o700)
        (folder / "journal.jsonl").chmod(0o666)
        self.left(run, "Operation not permitted")
        (folder / "journal.jsonl").chmod(0o600)
        self.assertEqual(self.verb("reap", run).status, 0)

    def test_a_plugin_that_says_nothing_of_reaping(self):
        run = self.die()
        self.change_intent(run, kind="junit", env=[])
        self.left(run, "plugin 'junit' does not say how to remove it")


class Untouched(Dead):
    def test_what_living_runs_have(self):
        running = self.start(USES + "[step s]\nuses = outside\ncommand = until [ -e go ]; do sleep 0.02; done\n")
        wait_for(self.things, "its thing")
        run = self.run_of().folder.name
        for args in (["reap"], ["reap", run]):
            self.verb(*args)
        self.passes(OK)
        self.assertEqual(self.things(), [f"{run}.s-1"])
        self.write("go", "")
        running.wait()

    def test_what_others_have(self):
        (self.place / "abcd1234.web").write_text("")
        self.die()
        self.passes(OK)
        self.assertEqual(self.things(), ["abcd1234.web"])


if __name__ == "__main__":
    main(controls={
        "reap_by_plugin": ["Removed.test_by_the_next_start", "Removed.test_by_reap"],
        "no_path_from_a_journal": "Disbelieved.test_a_path_instead_of_a_name",
        "journal_is_only_a_file": ["Disbelieved.test_variables_that_would_run_something",
                                   "Disbelieved.test_places_that_look_like_options"],
        "journal_of_its_folder": "Disbelieved.test_the_journal_of_another_run",
        "intent_before_start": "Removed.test_is_written_before_its_command_starts",
        "sweep_at_end": "Ending.test_what_cleanup_steps_leave_is_swept",
        "sweep_has_five_seconds": "Ending.test_a_second_signal_gives_it_five_seconds",
        "reap_status_counts": "NotYet.test_when_its_command_fails",
        "errands_are_bounded": "NotYet.test_when_its_command_hangs_a_start_is_late_and_no_more",
    })
