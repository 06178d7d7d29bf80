#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""51: A plugin crashes, calls exit() or _exit(), or never returns, in one of its callbacks.

What happened before is in the journal, no process of a command is left, the status is not 0, and the last line names the
plugin. One that does not return is named after 10 s; a signal ends ciplug then within 5 s, a second one at once."""
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import plugin  # noqa: E402
import procs  # noqa: E402
from harness import PATIENCE, Case, main, wait_for  # noqa: E402

SHOP = plugin.Workshop()
unittest.addModuleCleanup(SHOP.close)
# One command is there when it happens, and another has been.
INI = f"""
[ciplug]
plugins = shell {SHOP.dir}/rude.so
workers = 3
[step first]
command = echo before
[step long]
needs = first
ready = test -e up
grace = 500ms
command = (trap '' TERM HUP INT; setsid sleep 600) & : > up; wait
[step last]
needs = first long
uses = rude
command = true
"""
CRASHES = {"segv": signal.SIGSEGV, "abort": signal.SIGABRT, "trap": signal.SIGILL, "stack": signal.SIGSEGV}


def setUpModule():  # pylint: disable=invalid-name
    SHOP.build("rude.c", "rude")


class Rude(Case):
    def rude(self, order, status, message, ini=INI):
        (self.dir / "up").unlink(missing_ok=True)
        ended = self.ci(ini, env={"CIPLUG_TEST_RUDE": order})
        self.count(repeats=1)
        self.assertEqual(ended.status, status, ended.all)
        self.assertNotEqual(ended.status, 0)
        last = ended.err.splitlines()[-1] if ended.err else ""
        self.assertIn(message, last)
        self.assertIn("plugin 'rude'", last)
        return ended

    def gone(self):
        left = procs.settle(self.marker, seconds=2, helpers=False)
        self.count(survivors=len(left))
        self.assertEqual(left, [])


class Crash(Rude):
    def test_a_crash_in_a_reporter(self):
        for what, number in CRASHES.items():
            with self.subTest(what=what):
                self.rude(f"event:{what}", 128 + number, number.name)
                self.gone()

    def test_a_crash_in_a_builder(self):
        for what, number in (("segv", signal.SIGSEGV), ("stack", signal.SIGSEGV)):
            with self.subTest(what=what):
                self.rude(f"last:{what}", 128 + number, number.name)
                self.gone()

    def test_the_journal_is_whole_up_to_there(self):
        self.rude("event:segv", 128 + signal.SIGSEGV, "SIGSEGV")
        run = self.run_of()
        self.assertEqual(run.one("first")["outcome"], "passed")
        lost = [step for step in ("first", "last") if not run.of("command_finished", step)]
        self.count(losses=len(lost))
        self.assertEqual(lost, [], "the record comes before the report")

    def test_report_and_resume_of_that_run(self):
        self.rude("last:abort", 128 + signal.SIGABRT, "SIGABRT")
        ended = self.verb("report")
        self.assertIn("first", ended.out)
        (self.dir / "up").unlink(missing_ok=True)
        again = self.ci(INI, "--resume")
        self.assertEqual(again.status, 0, again.all)
        self.assertEqual(self.outcomes("last"), ["passed"])

    def test_before_anything_is_started(self):
        for where in ("constructor", "open"):
            for what, number in CRASHES.items():
                with self.subTest(where=where, what=what):
                    self.rude(f"{where}:{what}", 128 + number, number.name)
                    self.assertEqual(self.runs(), [])

    def test_at_the_end(self):
        for where in ("finish", "close"):
            with self.subTest(where=where):
                self.rude(f"{where}:segv", 128 + signal.SIGSEGV, "SIGSEGV")
                self.assertEqual(self.run_of().last("run_finished")["exit_status"], 0)
                self.gone()

    def test_a_fault_of_ciplug_itself_blames_no_plugin(self):
        running = self.start("[step s]\ncommand = : > up; sleep 600\n")
        self.wait_file("up")
        running.send(signal.SIGSEGV)
        ended = running.wait()
        self.assertEqual(ended.status, 128 + signal.SIGSEGV)
        self.assertIn("crashed: SIGSEGV", ended.err)
        self.assertNotIn("plugin '", ended.err)
        self.gone()

    def test_an_exception_that_nobody_catches(self):
        self.write("throws.cc", THROWS)
        plugin.build(self.dir / "throws.cc", self.dir / "rude.so", "-std=c++17")
        ini = INI.replace(f"{SHOP.dir}/rude.so", f"{self.dir}/rude.so")
        self.rude("", 128 + signal.SIGABRT, "SIGABRT", ini=ini)
        self.gone()


class Exit(Rude):
    def test_exit_is_no_success(self):
        for where in ("constructor", "open", "last", "event", "finish", "close"):
            for what in ("exit", "quick_exit") if where == "event" else ("exit",):
                with self.subTest(where=where, what=what):
                    self.rude(f"{where}:{what}", 3, "called exit()")
                    self.gone()

    def test_nor_is_exit_without_handlers(self):
        for where in ("constructor", "open", "last", "event", "finish", "close"):
            for what in ("_exit", "_Exit") if where == "event" else ("_exit",):
                with self.subTest(where=where, what=what):
                    self.rude(f"{where}:{what}", 3, "called _exit()")
                    self.gone()

    def test_a_child_of_a_plugin_may_leave(self):
        ended = self.ci(INI, env={"CIPLUG_TEST_RUDE": "event:fork"})
        self.assertEqual((ended.status, ended.err), (0, ""), ended.all)

    def test_nor_in_a_thread_of_the_plugin(self):
        ended = self.ci(INI, env={"CIPLUG_TEST_RUDE": "event:thread"})
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("called exit()", ended.err.splitlines()[-1])
        self.gone()


class Stuck(Rude):
    """In a callback, with all signals blocked and SIGTERM ignored: the worst that can be."""

    def stuck(self, order):
        for name in ("up", "here"):
            (self.dir / name).unlink(missing_ok=True)
        running = self.start(INI, env={"CIPLUG_TEST_RUDE": order})
        self.count(repeats=1)
        self.wait_file("here")
        return running

    def ends(self, running, number, seconds):
        ended = running.wait()
        self.assertEqual(ended.status, 128 + number, ended.all)
        last = ended.err.splitlines()[-1]
        self.assertIn("plugin 'rude' has not returned; ended by " + signal.Signals(number).name, last)
        self.assertLess(time.monotonic() - self.began, seconds, "it was not at once")
        self.assertEqual(self.run_of().one("first")["outcome"], "passed")
        self.gone()

    def keep_sending(self, running, number):
        """The first two seconds the loop's own answer is waited for."""
        self.began = time.monotonic()
        while running.process.poll() is None and time.monotonic() < self.began + PATIENCE:
            running.send(number)
            time.sleep(0.1)

    def test_one_signal_is_enough(self):
        running = self.stuck("event:stay")
        wait_for(lambda: "has not returned for 10 s" in running.err(), "a line that names it")
        self.assertIn("plugin 'rude'", running.err())
        self.began = time.monotonic()
        running.send(signal.SIGTERM)
        self.ends(running, signal.SIGTERM, 15)

    def test_a_second_one_ends_it_at_once(self):
        for order, number in (("event:spin", signal.SIGINT), ("last:stay", signal.SIGTERM), ("finish:stay", signal.SIGINT)):
            with self.subTest(order=order):
                running = self.stuck(order)
                self.keep_sending(running, number)
                self.ends(running, number, 15)

    def test_one_that_returns_late_loses_no_signal(self):
        running = self.start(INI.replace("[step last]", "[step last]\ntimeout = 60s") + "[step after]\ncommand = touch after\n"
                             "[cleanup c]\ncommand = touch cleaned\n", env={"CIPLUG_TEST_RUDE": "event:slow"})
        self.wait_file("here")
        time.sleep(3)  # until the signals are taken from the loop, which cannot be seen from outside
        running.send(signal.SIGTERM)
        self.write("enough", "")
        ended = running.wait()
        self.assertEqual(ended.status, 128 + signal.SIGTERM, ended.all)
        self.assertNotIn("has not returned", ended.err)
        self.assertEqual((self.dir / "cleaned").exists(), True)
        self.assertEqual(self.run_of().last("run_finished")["exit_status"], 128 + signal.SIGTERM)


THROWS = """
#include <ciplug/plugin.h>
#include <stdexcept>
static const ciplug_api *api;
static int opened(const ciplug_api *a, void **) { api = a; return 0; }
static int build(void *, const ciplug_command *, const ciplug_argv *, ciplug_argv *)
{
    throw std::runtime_error("nobody catches this");
}
static ciplug_builder builder;
static const ciplug_builder *const builders[] = {&builder, nullptr};
static ciplug_plugin table;
extern "C" void __attribute__((constructor)) fill()
{
    builder.size = sizeof builder;
    builder.build = build;
    table.size = sizeof table;
    table.abi_major = CIPLUG_ABI_MAJOR;
    table.name = "rude";
    table.builders = builders;
    table.open = opened;
}
CIPLUG_PLUGIN(table);
"""


if __name__ == "__main__":
    main(controls={"plugin_crash": "Crash.test_a_crash_in_a_builder", "plugin_exit": ["Exit.test_exit_is_no_success", "Exit.test_nor_is_exit_without_handlers"],
                   "stuck_plugin": "Stuck.test_a_second_one_ends_it_at_once"})
