#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a run creates outside of its processes: written down before, removed at the end, kept on request, checked."""
import os
import resource
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import main, wait_for  # noqa: E402
from outside import Outside, SHOP, USES, set_up_module  # noqa: E402

ONE = USES + "[step s]\nuses = outside\ncommand = "


def setUpModule():  # pylint: disable=invalid-name
    set_up_module()


class Intents(Outside):
    def test_is_written_once(self):
        self.ci(USES + "[step s]\nuses = outside\ncount = 5\nretries = 1\ncommand = false\n")
        self.assertEqual(len(self.intents()), 1)

    def test_once_for_each_place(self):
        (self.dir / "place2").mkdir()
        self.passes(USES + "[step s]\nuses = outside\ncount = 2\nenv.OUTSIDE_PLACE = " + f"{self.place}\ncommand = true\n"
                    "[step t]\nuses = outside\nenv.OUTSIDE_PLACE = " + f"{self.place}2\ncommand = true\n")
        self.assertEqual([intent["env"] for intent in self.intents()],
                         [[f"OUTSIDE_PLACE={self.place}"], [f"OUTSIDE_PLACE={self.place}2"]])
        self.assertEqual(list((self.dir / "place2").glob("*.t-1")), [], "each is swept where it is")

    def test_also_of_what_is_not_set(self):
        """Then somebody who removes it must not take his own."""
        self.env["OUTSIDE_DEFAULT"] = self.env.pop("OUTSIDE_PLACE")
        self.passes(ONE + "true\n")
        self.assertEqual(self.intents()[0]["env"], ["OUTSIDE_PLACE"])

    def test_with_variables_that_lead_there_only(self):
        for name in ("LD_PRELOAD", "PATH", "OUTSIDE"):
            ended = self.ci(USES + f"[step s]\nuses = outside.claim\noutside.variable = {name}\ncommand = true\n")
            self.assertEqual(ended.status, 2, ended.all)
            self.assertIn(f"plugin outside: {name} may not be in an intent", ended.all)

    def test_without_secrets(self):
        self.passes("[ciplug]\nplugins = shell outside\nmask = OUTSIDE_PLACE\n[step s]\nuses = outside\ncommand = true\n")
        self.assertNotIn("env", self.intents()[0])

    def test_not_for_what_is_only_shown(self):
        self.passes(ONE + "true\n", "--dry-run")
        self.assertEqual((self.runs(), self.things(), self.calls()), ([], [], 0))

    def test_no_command_without_it(self):
        """Its journal has no room for it."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        ended = self.ci(USES + "[step s]\nuses = outside.claim\noutside.what = " + "x" * 30000 + "\ncommand = : > started\n", preexec=limit)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertFalse((self.dir / "started").exists())
        self.assertIn("cannot be written", ended.all)


class End(Outside):
    def finished(self):
        return self.run_of().last("run_finished")

    def test_nothing_is_said_where_nothing_is_left(self):
        ended = self.passes(ONE + "true\n[cleanup c]\ncommand = rm $OUTSIDE_PLACE/$CI_RUN_ID.*\n")
        self.assertNotIn("swept", ended.all)

    def test_nobody_is_asked_where_nothing_was_said(self):
        self.passes(USES + "[step s]\ncommand = true\n")
        self.assertEqual(self.calls(), 0)

    def test_after_a_failure_and_after_a_signal(self):
        self.assertEqual(self.ci(ONE + "false\n").status, 1)
        self.assertEqual(self.things(), [])
        running = self.start(ONE + "exec sleep 600\n")
        wait_for(self.things, "its thing")
        running.send(signal.SIGINT)
        ended = running.wait()
        self.assertEqual(ended.status, 130, ended.all)
        self.assertEqual(self.things(), [])

    def test_what_cannot_be_removed(self):
        self.write("place/fail", "")
        ended = self.ci(ONE + "true\n")
        self.assertEqual(ended.status, 3, ended.all)
        run, = self.runs()
        self.assertIn(f"cannot be removed: outside things of {run}: exit code 1: no engine here", ended.all)
        self.assertIn(f"ciplug reap {run}", ended.all)
        self.assertEqual(len(self.finished()["left"]), 1)
        self.assertEqual(self.passes("[step s]\ncommand = true\n", "--set", "ciplug.keep_runs=1").status, 0)
        self.assertIn(run, self.runs(), "as long as something is left, somebody has to know what")
        (self.place / "fail").unlink()
        ended = self.passes("[step s]\ncommand = true\n")
        self.assertIn(f"swept what dead run {run} left: 1 thing", ended.all)
        self.assertEqual(self.things(), [])

    def test_it_changes_no_other_verdict(self):
        self.write("place/fail", "")
        self.assertEqual(self.ci(ONE + "false\n").status, 1)

    def test_a_third_signal_leaves(self):
        self.write("place/hang", "")
        running = self.start(ONE + "true\n")
        self.wait_file("place/hangs")
        for text in ("a second signal", "a third signal", ""):
            running.send(signal.SIGINT)
            wait_for(lambda text=text: text in running.out() + running.err(), "the signal to be seen")
        ended = running.wait(4)
        self.assertEqual(ended.status, 130, ended.all)
        (self.place / "hang").unlink()
        self.passes("[step s]\ncommand = true\n")
        self.assertEqual(self.things(), [])

    def test_a_run_that_has_ended_well_is_not_asked_again(self):
        self.passes(ONE + "true\n")
        run, = self.runs()
        self.assertEqual(self.verb("reap").status, 0)
        self.assertEqual(self.calls(), 1)
        (self.place / f"{run}.late").write_text("")
        ended = self.verb("reap", run)
        self.assertEqual(ended.status, 0, ended.all)
        self.assertIn(f"run {run}: 1 thing ended", ended.err)


class Keep(Outside):
    def test_says_how_to_look_inside_and_how_to_end_it(self):
        ended = self.ci(ONE + "false\n", "--keep")
        run, = self.runs()
        self.assertIn(f"look inside: env PROJECT_NAME=ci{run}w1", ended.all)
        self.assertRegex(ended.all, f"enter ci{run}w1 'two words' a-long-word[a-z-]*-end\n")
        self.assertIn(f"end it with: ciplug reap {run}\n", ended.all)
        self.assertEqual(self.things(), [f"{run}.s-1"])
        self.assertEqual(self.calls(), 0)
        self.assertEqual(self.verb("reap", run).status, 0)
        self.assertEqual(self.things(), [])

    def test_names_the_state_folder(self):
        ended = self.ci(ONE + "false\n", "--keep", "--state-dir", "my state")
        self.assertIn("ciplug reap --state-dir 'my state' ", ended.all)

    def test_keeps_nothing_when_all_is_well(self):
        ended = self.passes(ONE + "true\n", "--keep")
        self.assertNotIn("look inside", ended.all)
        self.assertEqual(self.things(), [])

    def test_only_places_that_failed(self):
        ended = self.ci(USES + "[step s]\nuses = outside\nper = worker\nworkers = 1-3\ncommand = [ $CI_WORKER_NUMBER != 2 ]\n",
                        "--keep", "-j", "3")
        self.assertRegex(ended.all, "enter ci........w2 ")
        self.assertNotRegex(ended.all, "enter ci........w[13] ")


class Check(Outside):
    def check(self, ini, status=2):
        ended = self.ci(ini, verb=["check"])
        self.assertEqual(ended.status, status, ended.all)
        self.assertEqual(self.things(), [])
        return ended

    def test_nothing_wrong(self):
        self.check(ONE + "true\n", 0)
        self.assertEqual(self.read("place/checked"), "s\n")

    def test_each_line_at_its_place_once(self):
        self.write("place/problems", "no image: build it\nno disk\nno disk\n")
        ended = self.check(USES + "[step s]\nuses = outside\ncommand = true\n[step t]\nuses = outside\ncommand = false\n")
        lines = ended.err.splitlines()
        self.assertEqual(sorted(line for line in lines if ":4:" in line), ["ci.ini:4: no disk", "ci.ini:4: no image: build it"])
        self.assertEqual(len(lines), 4, ended.err)

    def test_without_a_word(self):
        self.write("place/mute", "")
        self.assertIn("ci.ini:4: the check of step s on local failed without a word: exit code 1", self.check(ONE + "true\n").err)

    def test_where_the_place_is_away(self):
        self.env["OUTSIDE_PLACE"] = "/nowhere"
        self.assertRegex(self.check(ONE + "true\n").err, "ci.ini:4: .* without a word: exit code 1: .*/nowhere")

    def test_a_builder_of_a_host(self):
        self.write("place/problems", "no image\n")
        ended = self.check(USES + "[host far]\nuses = outside\n[step s]\nhosts = far\ncommand = true\n")
        self.assertIn("ci.ini:4: no image", ended.err)

    def test_items_that_are_not_known_yet(self):
        self.write("place/problems", "no image\n")
        ended = self.check(USES + "[step l]\ncommand = echo a\n[step s]\nuses = outside\nitems_from = l\ncommand = echo {item}\n"
                           "outside.what = {item}\n")
        self.assertEqual(ended.err, "ci.ini:6: no image\n")

    def test_cleanup_steps_and_only_what_is_named(self):
        self.check(USES + "[step s]\ncommand = true\n[cleanup c]\nuses = outside\ncommand = true\n", 0)
        self.assertEqual(self.read("place/checked"), "c\n")


class Ramp(Outside):
    def test_bounds_how_many_run_at_once(self):
        self.passes(USES + "[step s]\nuses = outside\noutside.ramp = 1\ncount = 6\ncommand = mkdir busy; sleep 0.05; rmdir busy\n", "-j", "3")


if __name__ == "__main__":
    main()
