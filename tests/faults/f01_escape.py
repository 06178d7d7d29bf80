#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""1: Something leaves the process group by setsid or a double fork.

When a command has ended, however it ended, nothing that it started is alive. A cgroup, the loop over adopted children, the
process group and the marker in the environment are used as far as they are to be had, also for an ordinary user and
without /sys/fs/cgroup, and `kill_via` names those that were needed."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import CIPLUG, LIB, Case, main  # noqa: E402

PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable  # nobody may run it, too
TREE = f"{PYTHON} -BS {LIB}/tree.py"
LOOK = f"{PYTHON} -BS {LIB}/look.py word"
BY_CGROUP, BY_HAND = ["cgroup"], ["subreaper", "group"]


class Tree(Case):
    def setUp(self):
        super().setUp()
        self.word = "tree" + self.marker
        self.write("word", self.word)

    def ini(self, keys, command):
        """A step whose tree has the word in its environment, and a cleanup step that looks while the run still goes on."""
        return (f"[step s]\n{keys}env.TREE = {self.word}\ncommand = {command}\n"
                f"[cleanup look]\ncwd = {self.dir}\ncommand = {LOOK}\n")

    def looked(self):
        found = self.run_of().text("look").splitlines()
        late = procs.settle(self.marker, seconds=0)
        self.count(survivors=len(found))
        self.assertEqual(found, [], "alive when the step had ended")
        self.assertEqual(late, [], "alive when ciplug had ended")

    def ended(self, keys, command, **how):
        ended = self.ci(self.ini(keys, command), **how)
        self.looked()
        return ended


class Escape(Tree):
    """In every way to end: none of 200 daemons is left."""

    def test_passed(self):
        self.assertEqual(self.ended("", f"{TREE} 200").status, 0)
        self.assertIn("leaked", self.run_of().one("s")["flags"])

    def test_failed(self):
        self.assertEqual(self.ended("", f"{TREE} 200; exit 3").status, 1)
        self.assertEqual(self.run_of().one("s")["exit_code"], 3)

    def test_timeout(self):
        self.ended("timeout = 3s\ngrace = 300ms\n", f"exec {TREE} --stay 200")
        self.assertEqual(self.outcomes("s"), ["timeout"])

    def test_cancelled(self):
        running = self.start(self.ini("grace = 300ms\n", f"exec {TREE} --stay 200 up"))
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        self.looked()

    def test_fifty_times(self):
        one = "(setsid sh -c 'trap \"\" TERM HUP INT; sleep 600' >/dev/null 2>&1 &)"
        self.assertEqual(self.ended("count = 50\nworkers = 2\n", f"{one}; {one}; {one}").status, 0)
        self.count(repeats=49)
        self.assert_ledger(passed=50)


class Surroundings(Tree):
    """What is to be had differs from place to place. What is left does not."""

    def deaf(self, expected, **how):
        """A tree that has to be killed."""
        running = self.start(self.ini("grace = 100ms\n", f"exec {TREE} --stay 20 up"), **how)
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        self.looked()
        self.assertIn(self.run_of().one("s").get("kill_via"), expected)

    def leak(self, **how):
        """And one that is there after a good end."""
        self.assertEqual(self.ended("", f"{TREE} 20", **how).status, 0)
        return self.run_of().one("s").get("kill_via")

    def test_here(self):
        self.deaf([BY_CGROUP, BY_HAND])
        self.assertIn(self.leak(), [["cgroup"], ["subreaper"]])

    def test_as_nobody(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become nobody")
        wrap = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        test = ("sh", "-c", 'test -x "$1" && test -x "$2" && test -r "$3"', "sh", CIPLUG, PYTHON, LIB / "tree.py")
        if subprocess.run([*wrap, *test], check=False).returncode:
            print("not tried: the build is in a folder that is closed to nobody")
            return
        os.chown(self.dir, 65534, 65534)
        self.deaf([BY_HAND], wrap=wrap)
        self.assertEqual(self.leak(wrap=wrap), ["subreaper"])

    def test_without_a_cgroup_file_system(self):
        wrap = ("unshare", "-m", "sh", "-c", 'umount -R -l /sys/fs/cgroup 2>/dev/null; exec "$@"', "sh")
        if subprocess.run([*wrap, "true"], check=False, capture_output=True).returncode:
            self.skipTest("no mount namespace for this user")
        self.deaf([BY_HAND], wrap=wrap)
        self.assertEqual(self.leak(wrap=wrap), ["subreaper"])

    def test_nothing_had_to_be_killed(self):
        self.assertEqual(self.ended("", "setsid true; (sleep 0 &)").status, 0)
        self.assertNotIn("kill_via", self.run_of().one("s"))

    def test_nor_where_the_soft_signal_was_enough(self):
        self.ended("timeout = 1s\ngrace = 30s\n", "setsid sleep 600 & wait")
        self.assertNotIn("kill_via", self.run_of().one("s"))

    def test_a_daemon_of_this_machine_started_it(self):
        """Nobody's child here, in nobody's cgroup: only the marker leads to it."""
        running = self.start("[step s]\ntimeout = 3s\ngrace = 1s\ncommand = echo $CIPLUG_JOB > tmp; mv tmp job; exec sleep 600\n")
        self.wait_file("job")
        with subprocess.Popen(["sleep", "600"], env=dict(self.env, CIPLUG_JOB=self.read("job").strip())) as stranger:
            running.wait()
            found = stranger.poll()
            stranger.kill()
        self.assertEqual(found, -signal.SIGKILL)
        self.assertEqual(self.run_of().one("s")["kill_via"], ["marker"])

    def test_what_entered_a_container_is_nobodys_child(self):
        """An orphan in another PID namespace goes to the first process there, but it stays in the cgroup."""
        can = subprocess.run(["unshare", "--pid", "--fork", "true"], check=False, capture_output=True)
        self.passes("[step probe]\ncommand = setsid sleep 600 &\n")
        if can.returncode or self.run_of().one("probe")["kill_via"] != ["cgroup"]:
            self.skipTest("needs PID namespaces and a cgroup")
        first = ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", "echo $$ > inside; while :; do sleep 1; done"]
        with subprocess.Popen(first, cwd=self.dir, env=dict(self.env, CIPLUG_TEST="")) as container:
            try:
                self.wait_file("inside", "\n")
                pid = procs.children(container.pid)[0]
                self.ended("", f"nsenter -t {pid} -p sh -c '(setsid sleep 600 >/dev/null 2>&1 &)'")
            finally:
                container.kill()
        self.assertEqual(self.run_of().one("s")["kill_via"], ["cgroup"])
        self.assertIn("leaked", self.run_of().one("s")["flags"])


class Descendants(Tree):
    def test_a_fork_chain_that_changes_its_session_each_time(self):
        self.write("comet.sh", "n=$1\n[ $n -gt 0 ] || exit 0\nsetsid sh comet.sh $((n - 1)) >/dev/null 2>&1 &\n")
        self.ended("timeout = 1s\ngrace = 100ms\n", "sh comet.sh 100000; sleep 600")


if __name__ == "__main__":
    main(controls={"kill_by_cgroup,kill_by_subreaper": ["Escape.test_passed", "Escape.test_failed"],
                   "kill_by_cgroup,kill_by_subreaper,kill_by_group,kill_by_marker": "Escape.test_timeout",
                   "sweep_after_exit,nothing_is_left": "Escape.test_passed",
                   "leaf_is_looked_at": "Surroundings.test_what_entered_a_container_is_nobodys_child",
                   "kill_by_marker": "Surroundings.test_a_daemon_of_this_machine_started_it"})
