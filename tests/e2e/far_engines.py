#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Several real engines as hosts of one run: by TCP, by ssh:// and with the client on the far side; one that is not there, one that is
lost in the middle; and what of this machine no other engine can see."""
import os
import shutil
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import far_engine  # noqa: E402
from dead import kill_all_of  # noqa: E402
from engine import Engine, EngineCase, end_shared, shared  # noqa: E402
from harness import main, wait_for  # noqa: E402
from sshd import HostCase  # noqa: E402

RUN = "uses = docker.run\ndocker.image = ci-busybox:1\n"
COMPOSE = """\
services:
  web:
    image: ci-busybox:1
    command: ["sleep", "1000"]
    stop_grace_period: 0s
    volumes:
      - ./data:/data
"""
NOWHERE = "tcp://127.0.0.1:1"


class Two(EngineCase):
    """Engines a and b."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = Engine().start()
        cls.addClassCleanup(cls.other.close)
        cls.other.image_busybox()

    def setUp(self):
        super().setUp()
        self.relays = [far_engine.Relay(engine) for engine in (self.engine, self.other)]
        for relay in self.relays:
            self.addCleanup(relay.close)
        self.addCleanup(self.other.clean)
        self.env.pop("DOCKER_HOST", None)

    def ini(self, steps, *addresses, head=""):
        addresses = addresses or [relay.address for relay in self.relays]
        hosts = "".join(f"[host {name}]\nenv.DOCKER_HOST = {address}\n" for name, address in zip("abc", addresses))
        return f"[ciplug]\nplugins = shell docker compose\nhosts = {' '.join('abc'[:len(addresses)])}\n{head}\n{hosts}\n{steps}"

    def test_all_take_part(self):
        ended = self.ci(self.ini(f"[step s]\ncount = 6\n{RUN}command = hostname; echo $CI_HOST\n"), patience=120)
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual({record["host"] for record in self.run_of().final("s").values()}, {"a", "b"})
        self.assertEqual(self.engine.leftovers() + self.other.leftovers(), [])

    def test_one_is_not_there(self):
        """Named, left out, and soon; what is there does everything."""
        began = time.monotonic()
        ended = self.ci(self.ini(f"[step s]\ncount = 3\n{RUN}command = true\n", self.relays[0].address, NOWHERE), patience=120)
        self.assertEqual(ended.status, 0, ended.all)
        self.assertLess(time.monotonic() - began, 45)
        self.assertRegex(ended.all, "host b cannot be reached: .*the engine does not answer: .*; the run goes on without it")
        self.assertEqual({record["host"] for record in self.run_of().finished("s")}, {"a"})

    def test_none_is_there(self):
        ended = self.ci(self.ini(f"[step s]\n{RUN}command = true\n", NOWHERE), patience=120)
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("no host left: a cannot be reached", ended.all)

    def test_a_dead_one_that_no_step_needs(self):
        """Commands that stay here do not ask for it."""
        ended = self.ci(self.ini("[step s]\ncommand = echo $DOCKER_HOST\n", NOWHERE))
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual(self.run_of().text("s"), NOWHERE + "\n")

    def test_one_that_the_run_starts(self):
        """It is asked again when the first step comes that needs it."""
        started = threading.Event()
        late = far_engine.Relay(self.other, waits=started)
        self.addCleanup(late.close)
        self.fifo("go")
        ciplug = self.start(self.ini(f"[step engine]\nhosts = local\ncommand = touch here; read x <go\n[step s]\n{RUN}command = true\n", late.address))
        self.wait_file("here")
        wait_for(lambda: "cannot be reached" in ciplug.out(), "the first answer")
        started.set()
        self.open_fifo("go")
        ended = ciplug.wait(120)
        self.assertEqual(ended.status, 0, ended.all)
        self.assertIn("host a is there now", ended.all)

    def test_an_engine_of_the_step(self):
        """What the step says leads to the engine, and that one is asked."""
        self.passes(self.ini(f"[step s]\n{RUN}env.DOCKER_HOST = {self.relays[0].address}\ncommand = true\n", head="").replace(
            "hosts = a b", "hosts = c").replace("[host a]", "[host c]\nworkers = 2\n[host a]"), patience=120)

    def lost(self, lose, steps, seen="sleep 56002", seconds=120):
        """What became of step s, whose command runs on b when that is lost."""
        ciplug = self.start(self.ini(steps))
        wait_for(lambda: self.other.processes(seen), "the command")
        lose()
        began = time.monotonic()
        ended = ciplug.wait(seconds)
        print(f"over {time.monotonic() - began:.1f} s after the loss")
        return ended

    def test_one_is_lost_in_the_middle(self):
        """Its command is an error of its place, and passes on the other one; what is left there does no harm to the verdict."""
        ended = self.lost(self.relays[1].close, f"[step s]\ncount = 2\n{RUN}grace = 1s\ncommand = [ $CI_HOST = a ] || sleep 56002\n")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertIn("host b is lost", ended.all)
        records = sorted((record["host"], record["attempt"], record["outcome"]) for record in self.run_of().finished("s"))
        self.assertEqual(records, [("a", 1, "passed"), ("a", 2, "passed"), ("b", 1, "error")])
        wait_for(lambda: not self.other.processes("sleep 56002"), "the end of what ran there", 25)

    def client_that_waits(self):
        """A docker-compose that on b, at `up`, waits until the file gone is there."""
        self.write("bin/docker-compose", f"""#!/bin/sh
case $CI_HOST,$* in b,*' up '*) touch {self.dir}/here; until [ -e {self.dir}/gone ]; do sleep 0.05; done ;; esac
exec {shutil.which("docker-compose")} "$@"
""").chmod(0o755)
        self.env["PATH"] = f"{self.dir}/bin:{os.environ['PATH']}"

    def test_a_client_fails_because_its_engine_is_lost(self):
        """compose.up ends with an error of its own: it is its place that was lost, and the command goes to the other one."""
        self.write("docker-compose.yml", COMPOSE.replace("    volumes:\n      - ./data:/data\n", ""))
        self.client_that_waits()
        ciplug = self.start(self.ini("[compose]\nbinary = docker-compose\n[step up]\nuses = compose.up\ncount = 2\n"
                                     "[cleanup down]\nuses = compose.down\nper = worker\n"))
        wait_for((self.dir / "here").exists, "the client")
        self.relays[1].close()
        self.write("gone", "")
        ended = ciplug.wait(240)
        records = sorted((record["host"], record["attempt"], record["outcome"]) for record in self.run_of().finished("up"))
        self.assertEqual(records, [("a", 1, "passed"), ("a", 2, "passed"), ("b", 1, "error")], ended.all)
        self.assertIn("its host b is lost", ended.all)
        self.assertEqual(ended.status, 0, ended.all)

    def test_folders_of_this_machine(self):
        """An engine elsewhere does not see them: refused before anything is started, and by check."""
        ini = self.ini(f"[step s]\n{RUN}docker.volumes = ./data:/data named:/named /etc:/etc2\ncommand = true\n", "tcp://192.0.2.1:2376")
        ended = self.refused(ini, "the volume ./data:/data is a folder of this machine, and the engine at tcp://192.0.2.1:2376 is on another one",
                             "sync = yes", "ci.ini:")
        self.assertNotIn("named:", ended.err)
        self.assertIn("the volume ./data:/data is a folder of this machine", self.ci(ini, verb=["check"]).err)

    def test_folders_that_need_not_be_seen(self):
        """Of a step that its `if` skips, and where both machines have the same files."""
        ini = self.ini(f"[step s]\n{RUN}docker.volumes = ./data:/data\ncommand = ls /data\n%s\n", "tcp://192.0.2.1:2376")
        self.assertNotIn("is on another one", self.ci(ini % "if = false", "--set", "s.hosts=local").err)
        self.write("data/file", "")
        self.assertIn("-v", self.ci(ini % "docker.mounts = allow", "-n").out)


class Ssh(HostCase, EngineCase):
    """The engine of another machine, with the client here (ssh://) and there."""

    machines = 1

    @classmethod
    def setUpClass(cls):
        EngineCase.setUpClass()
        cls.engine, cls.image = shared(), shared().image_busybox()
        HostCase.setUpClass.__func__(cls)
        unittest.addModuleCleanup(end_shared)
        cls.lent = far_engine.lend_engine(cls.hosts[0], cls.engine)
        cls.addClassCleanup(cls.lent.close)

    def setUp(self):
        HostCase.setUp(self)
        self.env.pop("DOCKER_HOST", None)
        self.addCleanup(EngineCase.sweep, self)

    def sweep(self):
        HostCase.sweep(self)

    def by_url(self, steps):
        return f"[ciplug]\nplugins = shell docker compose\nhosts = h\n[host h]\nenv.DOCKER_HOST = ssh://root@h1\n{steps}"

    def by_client(self, steps, keys=""):
        return f"[ciplug]\nplugins = shell docker compose ssh\nhosts = h\n[host h]\nuses = ssh\nssh.address = h1\n{keys}\n{steps}"

    def test_the_client_is_here(self):
        ended = self.ci(self.by_url(f"[step s]\n{RUN}command = echo $CI_HOST; cat; exit 7\n"), patience=120)
        self.assertEqual((ended.status, self.run_of().one("s")["exit_code"]), (1, 7), ended.all)
        self.assertEqual(self.run_of().text("s"), "h\n")

    def test_the_client_is_there(self):
        ended = self.ci(self.by_client(f"[step s]\n{RUN}cwd = /tmp\ncommand = pwd; echo $CI_HOST; exit 7\n"), patience=120)
        self.assertEqual((ended.status, self.run_of().one("s")["exit_code"]), (1, 7), ended.all)
        self.assertEqual(self.run_of().text("s"), "/tmp\nh\n")

    def test_a_timeout(self):
        """The tree in the container is dead, whichever way led there."""
        tree = "trap '' TERM; setsid sleep 54003 & sleep 54003"
        for ini in self.by_url, self.by_client:
            with self.subTest(ini=ini.__name__):
                self.ci(ini(f"[step s]\n{RUN}timeout = 4s\ngrace = 500ms\ncommand = {tree}\n"), patience=120)
                self.assertEqual(self.run_of().one("s")["outcome"], "timeout")
                left = self.inside("sleep 54003")
                self.count(survivors=len(left))
                self.assertEqual(left, [])

    def workspace(self):
        self.write("data/file", "of the workspace\n")
        self.write("docker-compose.yml", COMPOSE)

    def test_volumes_of_the_workspace(self):
        """What sync = yes brought is what is mounted; the engine is on that machine (here it sees its files by a path of ours)."""
        self.workspace()
        self.write("docker", "#!/bin/sh\ncase $1 in run) printf '%s\\n' \"$@\" | grep -A1 '^-v' ;; esac\nexec /usr/bin/docker \"$@\"\n")
        ended = self.ci(self.by_client(f"[step s]\n{RUN}docker.volumes = ./data:/data\ncommand = true\n"
                                       "[step none]\nneeds =\nuses = docker.run\ndocker.image = ci-busybox:1\ndocker.volumes = ./nothing:/x\n"
                                       "command = true\n", "sync = yes"), "--keep-going", patience=120)
        # The engine of this test has other files than the host: that it was asked for the right folder is what it says.
        self.assertRegex(self.run_of().one("none")["reason"] + self.run_of().text("none", stream="err"), "there is no ./nothing on this machine", ended.all)
        self.assertEqual(self.run_of().one("s")["outcome"], "passed", ended.all)

    def test_volumes_that_are_no_folders_of_ours(self):
        """Without the workspace."""
        self.addCleanup(self.engine.forget, "/volumes/named")
        ended = self.ci(self.by_client(f"[step s]\n{RUN}docker.volumes = named:/data /etc:/etc2\ncommand = ls -d /data /etc2\n"), patience=120)
        self.assertEqual(ended.status, 0, ended.all)
        self.engine.docker("volume", "rm", "named")

    def test_check_before_there_is_a_workspace(self):
        self.workspace()
        ended = self.ci(self.by_client("[step up]\nuses = compose.up\n[step s]\nneeds =\nuses = docker.build\ndocker.image = x\n", "sync = yes"),
                        verb=["check"], patience=120)
        self.assertEqual(ended.status, 0, ended.all)

    def test_a_compose_file_of_the_workspace(self):
        self.workspace()
        ended = self.ci(self.by_client("[compose]\nservice = web\nbinary = docker-compose\n[step up]\nuses = compose.up\n"
                                       "[step s]\nuses = compose.exec\ncommand = echo in $PROJECT_NAME; ls /data\n"
                                       "[cleanup down]\nuses = compose.down\ncwd = data\n", "sync = yes"), patience=240)
        self.assertEqual(ended.status, 0, ended.all)
        self.assertRegex(self.run_of().text("s"), rf"^in ci{self.runs()[0]}w\d+\n")

    def test_reap_goes_there(self):
        """What a killed run had made on the far engine is removed by way of its host, though no engine is here."""
        self.workspace()
        ciplug = self.start(self.by_client(f"[step s]\n{RUN}command = sleep 60001\n", "sync = yes"))
        wait_for(lambda: self.engine.processes("sleep 60001"), "the command")
        kill_all_of(ciplug)
        found = self.engine.docker("network", "create", "--label", f"ciplug.run={self.runs()[0]}", "left")
        self.assertTrue(found)
        ended = self.verb("reap", patience=120)
        self.assertEqual(ended.status, 0, ended.all)
        self.assertIn("1 network", ended.all)
        self.assertEqual(self.engine.leftovers(), [])
        self.assertEqual(list((self.hosts[0].root / "root/.cache/ciplug").glob("run-*")), [])

    def test_without_the_workspace(self):
        """The file is not there: said, with the remedy."""
        self.workspace()
        ended = self.ci(self.by_client("[step up]\nuses = compose.up\n"), patience=120)
        self.assertIn("sync = yes", self.run_of().text("up", stream="err"), ended.all)

    def test_a_mount_of_this_machine(self):
        self.workspace()
        steps = "[compose]\nservice = web\n[step up]\nuses = compose.up\n[cleanup down]\nuses = compose.down\n"
        ended = self.ci(self.by_url(steps), patience=120)
        self.assertEqual(ended.status, 1, ended.all)
        said = f"web mounts {self.dir}/data of this machine, and the engine at ssh://root@h1 is on another one"
        self.assertIn(said, self.run_of().text("up", stream="err"))
        self.assertEqual(self.engine.leftovers(), [])
        self.assertIn(said, self.ci(self.by_url(steps), verb=["check"], patience=120).err)




if __name__ == "__main__":
    main()
