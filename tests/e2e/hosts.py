#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Steps on other machines, by the ssh plugin and real sshds."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from dead import kill_all_of  # noqa: E402
from harness import main, wait_for  # noqa: E402
from plugin import Workshop  # noqa: E402
from sshd import HostCase  # noqa: E402

SECRET = "s3cr3t-Value'with\"quote and $blank\\0101"
# One ignores signals, one has left the group, one both.
TREE = ("trap '' TERM INT HUP; (exec sleep 50001) & setsid sleep 50001 & "
        "setsid sh -c \"trap '' TERM HUP; sleep 50001\" & sleep 50001; sleep 50001")


class Reaches(HostCase):
    def one(self):
        return self.run_of().one("s")

    def test_variables_words_and_folder(self):
        self.ci(self.ini("items = 'a b'\nenv.X = two  words\ncwd = /var/tmp\ncommand = pwd; env; echo {item} on {host}; exit 7\n",
                         names=["h2"]), env={"ONLY_HERE": "1"})
        text = self.run_of().text("s")
        self.assertTrue(text.startswith("/var/tmp\n"), text)
        for line in ("X=two  words", "CI_STEP=s", "CI=true", "CI_HOST=h2", "CI_ITEM=a b", "CI_COMMAND_NUMBER=1", "CI_ATTEMPT=1",
                     f"CI_RUN_ID={self.runs()[0]}", f"CI_WORKER_NUMBER={self.one()['worker']}"):
            self.assertIn(line + "\n", text)
        self.assertRegex(text, r"\nPROJECT_NAME=ci[a-z0-9]{8}w\d+\n")
        self.assertNotIn("ONLY_HERE", text)
        self.assertTrue(text.endswith("a b on h2\n"), text)
        self.assertEqual((self.one()["outcome"], self.one()["exit_code"], self.one()["host"]), ("failed", 7, "h2"))

    def test_bytes_of_both_streams(self):
        """Every byte, no line end, a lot: each stream by itself."""
        ended = self.ci(self.ini("command = perl -e 'binmode STDOUT; print join(\"\",map{chr}0..255)x4000,\"\\n\\r\"; "
                                 "print STDERR join(\"\",map{chr}reverse 0..255)x400; print \"tail\"'\n", names=["h1"]))
        self.assertEqual(ended.status, 0, ended.all[:2000])
        every = bytes(range(256))
        self.assertEqual(self.run_of().log("s"), every * 4000 + b"\n\rtail")
        self.assertEqual(self.run_of().log("s", stream="err"), every[::-1] * 400)

    def test_merged_streams(self):
        self.passes(self.ini("stderr = merge\ncommand = for n in 1 2 3; do echo $n; echo e$n >&2; done\n", names=["h1"]))
        self.assertEqual(self.run_of().text("s"), "1\ne1\n2\ne2\n3\ne3\n")

    def test_every_exit_code(self):
        ended = self.ci(self.ini("count = 256\ncommand = exit $(({number} - 1))\n", workers=2), "--keep-going", patience=180)
        self.assertEqual(ended.status, 1, ended.all[-2000:])
        seen = {(number - 1, record["outcome"], record["exit_code"]) for number, record in self.run_of().final("s").items()}
        self.assertEqual(seen ^ {(code, "failed" if code else "passed", code) for code in range(256)}, set())
        self.assert_ledger(passed=1, failed=255)

    def test_secrets_stand_in_no_arguments(self):
        """All processes of the machine are looked at, and those of its hosts are among them."""
        self.env["TOKEN"] = SECRET
        stop, seen, looked = threading.Event(), [], [0]

        def watch():
            while not stop.is_set():
                for pid in procs.all_pids():
                    line = procs.line(pid)
                    looked[0] += "sleep 50003" in line
                    if SECRET[:12] in line:
                        seen.append(line)
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            ended = self.ci(self.ini("count = 3\ncommand = printf %s \"$TOKEN\" | sha256sum; printf 'says %s\\n' \"$TOKEN\"; sleep 50003\n"
                                     "timeout = 3s\ngrace = 100ms\n", workers=3, head="mask = TOKEN", names=["h1"]))
        finally:
            stop.set()
            watcher.join()
        self.assertGreater(looked[0], 0)
        self.assertEqual(seen, [])
        for number in 1, 2, 3:
            self.assertEqual(self.run_of().text("s", number).split(),
                             [hashlib.sha256(SECRET.encode()).hexdigest(), "-", "says", "***"])
        files = b"".join(path.read_bytes() for path in (self.dir / ".ciplug").rglob("*") if path.is_file())
        self.assertNotIn(SECRET[:12].encode(), files + ended.raw_out + ended.raw_err)

    def test_an_ssh_as_it_is(self):
        """Address, port, key and options from the file alone."""
        host = self.hosts[0]
        ended = self.ci(f"[ciplug]\nplugins = shell ssh\n[host far]\nuses = ssh\nssh.address = root@{host.address}\nssh.port = {host.port}\n"
                        f"ssh.identity = {self.hosts.folder}/user\nssh.options = {' '.join(self.hosts.options())}\nssh.cwd = /var\n"
                        "[step s]\nhosts = far\ncommand = pwd; echo {host} $CI_HOST; cat /proc/1/cmdline\n",
                        env={"PATH": os.environ["PATH"]})
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual(self.run_of().text("s").splitlines()[:2], ["/var", "far far"])
        self.assertIn("host_holder.py", self.run_of().text("s"))

    def test_two_builders(self):
        """The host's goes in front of the step's."""
        shop = Workshop()
        self.addCleanup(shop.close)
        shop.build("far.c", "far")
        client = self.hosts[0].root / "tmp" / "client"
        client.write_text("#!/bin/sh\nshift\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nIN_FRONT=1 exec \"$@\"\n")
        client.chmod(0o755)
        ended = self.ci(f"[ciplug]\nplugins = shell ssh {shop.dir}/far.so\n[far]\nclient = /tmp/client\n{self.sections(names=['h1'])}\n"
                        "[step s]\nhosts = h1\nuses = far\ncommand = echo $IN_FRONT $CI_HOST; exit 5\n"
                        "[step t]\nneeds =\nuses = ssh far\nssh.address = h1\ncommand = echo $IN_FRONT $CI_HOST\n", "--keep-going")
        self.assertEqual((self.one()["outcome"], self.one()["exit_code"]), ("failed", 5), ended.all)
        self.assertEqual(self.run_of().text("s"), "1 h1\n")
        self.assertEqual(self.run_of().text("t"), "1 local\n", ended.all)

    def test_dry_run_can_be_pasted(self):
        """Quoted through two shells, and nothing of a secret."""
        ended = self.ci(self.ini("items = \"it's 5 > 4\"\ncommand = echo {item} \"$CI_HOST\"\n", head="mask = TOKEN", names=["h1"]),
                        "--dry-run", env={"TOKEN": SECRET})
        self.assertEqual(ended.status, 0, ended.all)
        self.assertIn("ssh", ended.out)
        self.assertNotIn(SECRET[:12], ended.all)
        self.assertEqual(self.runs(), [])


class Slots(HostCase):
    def test_one_table(self):
        ini = self.ini("command = true\n", workers=2)
        plan = json.loads(self.ci(ini, "-j", "3", "--json", verb=["list"]).out)
        self.assertEqual([slot["host"] for slot in plan["slots"]], ["local"] * 3 + ["h1"] * 2 + ["h2"] * 2)

    def test_per_worker_and_per_host(self):
        head = "[ciplug]\nplugins = shell ssh\n" + self.sections(2)
        self.passes(head + "[step w]\nhosts = h1 h2\nper = worker\ncommand = echo {host} {worker}\n"
                    "[step h]\nhosts = h1 h2\nper = host\ncommand = echo $CI_HOST\n"
                    "[step all]\nhosts = all\nper = host\ncommand = echo $CI_HOST\n"
                    "[step second]\nhosts = h2 h1\nworkers = 2-3\nper = worker\ncommand = echo {host}\n", "-j", "1")
        run = self.run_of()
        for step, want in (("w", ["h1 2", "h1 3", "h2 4", "h2 5"]), ("h", ["h1", "h2"]), ("all", ["local", "h1", "h2"]),
                           ("second", ["h1", "h2"])):
            self.assertEqual([run.text(step, number + 1).rstrip("\n") for number in range(len(run.final(step)))], want)
            self.assertEqual([record["host"] for _, record in sorted(run.final(step).items())], [line.split()[0] for line in want])

    def test_all_slots_at_once(self):
        """Four commands that wait for each other, on two hosts of two slots."""
        for host in self.hosts:
            (host.root / "tmp" / "seen").mkdir()
            self.addCleanup(shutil.rmtree, host.root / "tmp" / "seen")
        running = self.start(self.ini("count = 4\ncommand = >/tmp/seen/{number}; until [ -e /tmp/seen/go ]; do sleep 0.05; done\n", workers=2))
        wait_for(lambda: all(len(os.listdir(host.root / "tmp" / "seen")) == 2 for host in self.hosts), "all four")
        for host in self.hosts:
            (host.root / "tmp" / "seen" / "go").touch()
        self.assertEqual(running.wait().status, 0)
        self.assert_ledger(passed=4)

    def test_retries_prefer_another_host(self):
        ini = "[ciplug]\nplugins = shell ssh\n[step up]\nhosts = h1 h2\nper = host\ncommand = true\n"  # both are there then
        self.passes(ini + "[step s]\nhosts = h1 h2\nretries = 1\ncommand = echo {host}; [ {attempt} = 2 ]\n" + self.sections())
        first, second = self.run_of().finished("s")
        self.assertNotEqual(first["host"], second["host"])


class Sessions(HostCase):
    machines, server = 1, "MaxSessions 3\nMaxStartups 3:100:3\n"

    def test_more_slots_than_sessions(self):
        """What the server would refuse is not asked for."""
        self.passes(self.ini("count = 40\ncommand = true\n", workers=10, keys="ssh.sessions = 3"))
        self.assert_ledger(passed=40)
        self.assertEqual(len(self.run_of().finished("s")), 40)

    def test_check_names_the_limit(self):
        ended = self.ci(self.ini("command = true\n", workers=10), verb=["check"])
        self.assertEqual(ended.status, 2, ended.all)
        self.assertIn("MaxSessions", ended.err)


class UsualServer(HostCase):
    machines = 1

    def test_twelve_slots(self):
        """With ten sessions of a connection, and ten connections that may be at the door."""
        self.passes(self.ini("count = 60\ncommand = true\n", workers=12))
        self.assert_ledger(passed=60)
        self.assertEqual(len(self.run_of().finished("s")), 60)


class Stops(HostCase):
    """What a command started is gone."""

    def none_left(self, seconds):
        left = [one for host in self.hosts for one in host.settled("50001", seconds)]
        self.count(survivors=len(left))
        self.assertEqual(left, [])

    def running(self, keys=""):
        ciplug = self.start(self.ini(f"per = host\n{keys}\ncommand = {TREE}\n"))
        wait_for(lambda: all(len(host.processes("sleep 50001")) >= 4 for host in self.hosts), "the trees")
        return ciplug

    def test_timeout(self):
        ended = self.running("timeout = 3s\ngrace = 500ms").wait()
        self.none_left(0)
        self.assertEqual(ended.status, 1, ended.all)
        self.assertEqual(self.outcomes("s"), ["timeout"] * 2)

    def test_first_signal(self):
        ciplug = self.running("grace = 500ms")
        ciplug.send(signal.SIGTERM)
        self.assertEqual(ciplug.wait().status, 143)
        self.none_left(0)
        self.assert_ledger(cancelled=2)

    def test_third_signal(self):
        ciplug = self.running("grace = 60s")
        for answer in "stopping, then", "killing at once", "left at once":
            ciplug.send(signal.SIGINT)
            wait_for(lambda said=answer: ciplug.process.poll() is not None or said in ciplug.out() + ciplug.err(), "an answer")
        ciplug.wait()
        self.none_left(2)

    def test_killed(self):
        ciplug = self.running()
        ciplug.send(signal.SIGKILL)
        ciplug.process.wait()
        self.none_left(2)

    def test_all_of_it_killed(self):
        """Runner, keeper and hands at one stroke."""
        ciplug = self.running()
        kill_all_of(ciplug)
        self.none_left(2)

    def test_what_a_command_leaves(self):
        self.passes(self.ini("command = setsid sleep 50001 >/dev/null 2>&1 & echo done\n", names=["h1"]))
        self.none_left(0)
        self.assertIn("leaked", self.run_of().one("s")["flags"])

    def test_cleanup_steps_on_hosts(self):
        ini = self.ini(f"per = host\ngrace = 500ms\ncommand = {TREE}\n")
        ciplug = self.start(ini + "[cleanup c]\nhosts = h1 h2\nper = host\ncommand = echo {host}\n")
        wait_for(lambda: all(len(host.processes("sleep 50001")) >= 4 for host in self.hosts), "the trees")
        ciplug.send(signal.SIGINT)
        self.assertEqual(ciplug.wait().status, 130)
        self.assertEqual([self.run_of().text("c", number) for number in (1, 2)], ["h1\n", "h2\n"])
        self.none_left(0)


class Lost(HostCase):
    def down(self, *hosts):
        for host in hosts:
            host.stop()
            self.addCleanup(host.restart)

    def test_unreachable_at_start(self):
        self.down(self.hosts[1])
        ended = self.ci(self.ini("count = 6\ncommand = echo {host}\n"))
        self.assertEqual(ended.status, 0, ended.all)
        self.assertRegex(ended.all, r"(?m)^(?=.*\bh2\b).*[Cc]onnection refused")
        self.assert_ledger(passed=6)
        self.assertEqual({record["host"] for record in self.run_of().final("s").values()}, {"h1"})

    def test_none_is_left(self):
        self.down(*self.hosts)
        ended = self.ci(self.ini("count = 6\ncommand = echo {host}\n"))
        self.assertEqual(ended.status, 3, ended.all)
        for name in "h1", "h2":
            self.assertIn(name, ended.all)
        run = self.run_of()
        ledger = run.last("run_finished")["ledger"]
        self.assertEqual(ledger["planned"], 6)
        self.assertEqual(ledger["passed"] + ledger["failed"], 0)
        self.assert_ledger(**{name: number for name, number in ledger.items() if name != "planned" and number})

    def test_check_says_which(self):
        self.down(self.hosts[1])
        ended = self.ci(self.ini("command = true\n"), verb=["check"])
        self.assertEqual(ended.status, 2, ended.all)
        self.assertRegex(ended.all, r"\bh2\b")
        self.assertNotRegex(ended.err, r"\bh1\b")
        self.assertEqual(self.runs(), [])

    def test_check_is_content(self):
        ended = self.ci(self.ini("command = true\n"), verb=["check"])
        self.assertEqual(ended.status, 0, ended.all)

    def test_an_address_that_is_an_option(self):
        for address in ("-oProxyCommand=touch sentinel", f"-oProxyCommand=touch${{IFS}}{self.dir}/sentinel", "root@-oX=y"):
            with self.subTest(address=address):
                self.refused(f"[ciplug]\nplugins = shell ssh\n[host h1]\nuses = ssh\nssh.address = {address}\n"
                             "[step s]\nhosts = h1\ncommand = true\n", "ci.ini:5: ")
                self.refused(f"[ciplug]\nplugins = shell ssh\n[step s]\nuses = ssh\nssh.address = {address}\ncommand = true\n", "ci.ini:5: ")
                self.assertFalse((self.dir / "sentinel").exists())

    def clients(self):
        return [pid for pid, _ in procs.with_marker(self.marker) if procs.comm(pid) == "ssh"]

    def kill_clients(self):
        there = wait_for(self.clients, "a master")
        for pid in there:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        wait_for(lambda: not [pid for pid in there if procs.alive(pid)], "its end")

    def test_master_killed_between_commands(self):
        self.fifo("go")
        running = self.start(self.ini("count = 2\ncommand = true\n", names=["h1"]) + "[step wait]\ncommand = read x <go\n"
                             "[step after]\nhosts = h1\ncount = 3\ncommand = echo {host}\n")
        wait_for(lambda: self.runs() and self.run_of().of("command_started", "wait"), "the step in between")
        self.kill_clients()
        self.open_fifo("go")
        ended = running.wait()
        self.assertEqual(ended.status, 0, ended.all)
        self.assert_ledger(passed=6)

    def test_master_killed_under_a_command(self):
        """It is an error of that attempt, is started once more, and the first one is gone by then."""
        running = self.start(self.ini("grace = 1s\ncommand = if [ {attempt} = 1 ]; then sleep 50004; fi; ! ps -eo args | grep -qx 'sleep 50004'\n",
                                      names=["h1"]))
        wait_for(lambda: self.hosts[0].processes("sleep 50004"), "the command")
        self.kill_clients()
        ended = running.wait(120)
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual([record["outcome"] for record in self.run_of().finished("s")], ["error", "passed"])
        self.assert_ledger(passed=1)

    def test_on_host_loss_fail(self):
        running = self.start(self.ini("on_host_loss = fail\ngrace = 1s\ncommand = sleep 50005\n", names=["h1"]))
        wait_for(lambda: self.hosts[0].processes("sleep 50005"), "the command")
        self.kill_clients()
        ended = running.wait(120)
        self.assertEqual(ended.status, 3, ended.all)
        self.assert_ledger(error=1)

    def test_without_a_guard_it_starts_once(self):
        """Nobody ends it over there: elsewhere it would run beside itself."""
        running = self.start(self.ini("grace = 100ms\nretries = 0\ncommand = echo on {host}; exec sleep 50007\n", keys="ssh.guard = no"))
        host = wait_for(lambda: next((host for host in self.hosts if host.processes("sleep 50007")), None), "the command")
        self.down(host)
        ended = running.wait(120)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertTrue(host.processes("sleep 50007"), "or this test says nothing")
        host.clean()
        record, = self.run_of().finished("s")
        self.assertEqual((record["outcome"], record["final"], record["flags"]), ("error", True, ["unkillable"]))


class Ending(HostCase):
    """A host that is not there yet when the run ends."""

    def client(self, script):
        """In front of the ssh of the hosts; "$*" holds all of its words."""
        self.write("bin/ssh", f"#!/bin/sh\ncd {self.dir}\n{script}\nexec {self.hosts.folder}/bin/ssh \"$@\"\n").chmod(0o755)
        self.env["PATH"] = f"{self.dir}/bin:{self.env['PATH']}"

    def ends(self, what):
        go = self.hosts[0].root / "tmp" / "go"
        go.unlink(missing_ok=True)
        running = self.start(self.ini("command = until [ -e /tmp/go ]; do sleep 0.05; done\n", keys="sync = yes"))
        self.wait_file(what)
        wait_for(lambda: self.run_of().of("command_started", "s"), "the command")
        self.addCleanup(go.unlink)
        go.touch()
        ended = running.wait()
        self.assertEqual(ended.status, 0, ended.all)
        self.assert_ledger(passed=1)

    def test_while_it_is_connected(self):
        self.client('case $* in *ControlMaster=yes*h2) : >begun; exec sleep 50008 ;; esac')
        self.ends("begun")

    def test_while_it_is_prepared(self):
        self.client("case $* in *' h2 umask '*) : >begun; exec sleep 50008 ;; esac")
        self.ends("begun")

    def test_while_it_is_to_be_tried_again(self):
        """What is removed at the end of the run must not be brought there again meanwhile."""
        self.client("case $* in\n"
                    "*ControlMaster=yes*h2) : >begun; [ ! -e sweeping ] || : >again; exit 255 ;;\n"
                    "*ciplug-reap*) : >sweeping; for n in $(seq 100); do [ -e again ] || sleep 0.05; done ;;\nesac")
        self.ends("begun")
        self.assertTrue((self.dir / "sweeping").exists(), "or this test says nothing")
        self.assertFalse((self.dir / "again").exists())


class Workspace(HostCase):
    def setUp(self):
        super().setUp()
        git = ["git", "-C", str(self.dir), "-c", "user.name=t", "-c", "user.email=t@t.invalid"]
        self.write(".gitignore", "*.o\nbuild/\n")
        self.write("src/main.c", "tracked\n")
        self.write("it's a \"name\"\n", "odd\n")
        self.write("run", "#!/bin/sh\necho ran\n").chmod(0o755)
        self.write("gone", "deleted since\n")
        (self.dir / "link").symlink_to("src/main.c")
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", "one"], check=True)
        (self.dir / "gone").unlink()
        self.write("src/main.c", "changed\n")
        self.write("new", "unignored\n")
        self.write("src/main.o", "ignored\n")
        self.write("build/x", "ignored\n")

    def synced(self, step, **how):
        return self.ini(step, keys="sync = yes", **how)

    def folders(self, *names):
        """Folders on the hosts that a command said it was in."""
        return [host.root / self.run_of().text("s", number).splitlines()[0].lstrip("/") for number, host in enumerate(self.hosts, 1)]

    def test_what_is_there(self):
        ended = self.passes(self.synced("per = host\ncommand = pwd; find . -name .git -prune -o ! -type d -print0 | sort -z | tr '\\n\\0' '?\\n';"
                                        " cat src/main.c new link; ./run\n"))
        for number, host in enumerate(self.hosts, 1):
            folder, *lines = self.run_of().text("s", number).splitlines()
            names, said = lines[:-4], lines[-4:]
            self.assertEqual(said, ["changed", "unignored", "changed", "ran"], ended.all)
            self.assertEqual(sorted(set(names) - {"./ci.ini"}),
                             sorted(["./.gitignore", "./it's a \"name\"?", "./link", "./new", "./run", "./src/main.c"]))
            self.assertFalse((host.root / folder.lstrip("/")).exists(), "the folder of the run is still there")
        self.assertNotIn("swept", ended.all)  # nobody left anything

    def test_relative_folders_and_artifacts(self):
        ended = self.ci(self.synced("per = host\ncwd = src\nartifacts = out/*.xml\ncommand = cat main.c; mkdir out; "
                                    "echo {host} >out/r.xml; echo no >out/r.txt; exit 1\n"), "--keep-going")
        self.assertEqual(ended.status, 1, ended.all)
        for number, host in enumerate(self.hosts, 1):
            self.assertEqual(self.run_of().text("s", number), "changed\n")
            place = self.dir / ".ciplug/latest/artifacts/s" / str(number)
            self.assertEqual({path.name: path.read_text() for path in place.rglob("*") if path.is_file()}, {"r.xml": f"{host.name}\n"})

    def test_two_runs_see_their_own(self):
        """What the first run left there is not there for the second, what has changed meanwhile is."""
        step = "per = host\ncommand = cat src/main.c; ls litter 2>/dev/null || :; touch litter; rm -f run\n"
        self.passes(self.synced(step))
        self.write("src/main.c", "later!!\n")
        self.passes(self.synced(step + "env.X = 1\n"))
        self.assertEqual([self.run_of().text("s", number) for number in (1, 2)], ["later!!\n"] * 2)
        self.passes(self.synced("per = host\ncommand = ./run\n"))
        self.assertFalse((self.dir / "litter").exists())

    def test_reap_removes_the_folder_of_a_killed_run(self):
        ciplug = self.start(self.synced("per = host\ncommand = pwd; sleep 50006\n"))
        wait_for(lambda: all(host.processes("sleep 50006") for host in self.hosts), "the commands")
        places = [host.root / os.readlink(f"/proc/{pid}/cwd").lstrip("/") for host in self.hosts for pid, _ in host.processes("sleep 50006")]
        self.assertTrue(all(place.is_dir() for place in places))
        kill_all_of(ciplug)
        for host in self.hosts:
            self.assertEqual(host.settled("50006", 2), [])
        ended = self.verb("reap")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertRegex(ended.err, r"\b2 workspaces ended")
        self.assertEqual([place for place in places if place.exists()], [])

    def test_an_ssh_of_the_host(self):
        """Its configuration and its program lead there, at the end of the run too."""
        client = self.write("a 50% client", "#!/bin/sh\nexec ssh \"$@\"\n")
        client.chmod(0o755)
        keys = f"ssh.config = {self.hosts.folder}/ssh_config\nssh.binary = {client}"
        self.env["PATH"] = os.environ["PATH"]
        ended = self.passes(self.ini("per = host\ncommand = pwd\n", keys=f"sync = yes\n{keys}"))
        self.assertEqual([place for place in self.folders() if place.exists()], [], ended.all)
        self.assertNotIn("cannot be removed", ended.all)

    def test_reap_believes_no_configuration_of_a_journal(self):
        """It may run any program; where the same is set, what was left is swept."""
        keys = f"ssh.config = {self.hosts.folder}/ssh_config"
        self.env["PATH"] = os.environ["PATH"]
        ciplug = self.start(self.ini("command = sleep 50009\n", keys=f"sync = yes\n{keys}", names=["h1"]))
        wait_for(lambda: self.hosts[0].processes("sleep 50009"), "the command")
        kill_all_of(ciplug)
        self.hosts[0].settled("50009", 2)
        ended = self.verb("reap")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn(f"config={self.hosts.folder}/ssh_config", ended.err)
        ended = self.passes(f"[ciplug]\nplugins = shell ssh\n[ssh]\n{keys[4:]}\n[step s]\ncommand = true\n")
        self.assertRegex(ended.all, "swept what dead run .*1 workspace")

    def test_reap_leaves_a_living_run_alone(self):
        (self.hosts[0].root / "tmp" / "go").unlink(missing_ok=True)
        ciplug = self.start(self.synced("command = until [ -e /tmp/go ]; do sleep 0.05; done; cat src/main.c\n", names=["h1"]))
        wait_for(lambda: self.runs() and self.run_of().of("command_started", "s"), "the command")
        self.assertEqual(self.verb("reap").status, 0)
        (self.hosts[0].root / "tmp" / "go").touch()
        self.addCleanup((self.hosts[0].root / "tmp" / "go").unlink)
        ended = ciplug.wait()
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual(self.run_of().text("s"), "changed\n")


if __name__ == "__main__":
    main()
