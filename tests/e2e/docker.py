#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Steps in containers, by the docker plugin and a real engine."""
import io
import os
import shutil
import signal
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from cases import GREEN, TOOL  # noqa: E402
from engine import EngineCase  # noqa: E402
from harness import main, wait_for  # noqa: E402

HEAD = "[ciplug]\nplugins = shell docker\n"
BOTH = [client for client in ("docker", "/usr/bin/docker") if shutil.which(client)]


class Docker(EngineCase):
    def docker(self, step, *options, **how):
        """A run of one step s."""
        return self.ci(f"{HEAD}{how.pop('head', '')}[docker]\nimage = {self.image}\n[step s]\n{step}\n", *options, **how)

    def one(self):
        return self.run_of().one("s")

    def container(self, name, *options, command=("sleep", "1000")):
        self.engine.docker("run", "-d", "--name", name, *options, self.image, *command)
        self.addCleanup(self.engine.docker, "rm", "-f", "-v", name, check=False)

    def bare(self):
        """An image with one program and no shell."""
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            for name in ("sleep", "true", "env"):
                tar.add(os.path.realpath(shutil.which("busybox")), f"app/{name}")
        self.engine.docker("import", "-c", "ENV PATH=/app", "-", "bare:1", data=made.getvalue())
        return "bare:1"


class Run(Docker):
    def test_what_reaches_it(self):
        self.write("here/file", "of mine")
        for client in BOTH:
            with self.subTest(client=client):
                ended = self.docker(
                    "uses = docker.run\nitems = 'a b'\nenv.X = two  words\ndocker.volumes = ./here:/here:ro\ndocker.user = nobody\n"
                    "docker.workdir = /tmp\ncwd = sub\ndocker.args = --tmpfs /tmp/sub:mode=1777\n"
                    "command = pwd; id -un; echo {item} \"$X\" $CI_STEP $SECRET; cat /here/file; exit 7\n",
                    "-s", f"docker.binary={client}", head="mask = SECRET\n", env={"SECRET": "s3cr3t-word"})
                self.assertEqual(self.run_of().text("s"), "/tmp/sub\nnobody\na b two  words s ***\nof mine", ended.all)
                self.assertEqual((self.one()["outcome"], self.one()["exit_code"]), ("failed", 7))
                self.assertNotIn("container", self.one()["reason"])

    def test_variables_of_the_place_that_clients_use_too(self):
        ended = self.docker("uses = docker.run\nshell = /bin/sh -ec\nenv.PATH = /only/there\nenv.HOME = /nowhere\nenv.LD_PRELOAD = x.so\ncommand = echo $PATH $HOME $LD_PRELOAD")
        self.assertEqual(self.run_of().text("s"), "/only/there /nowhere x.so\n", ended.all)

    def test_a_container_of_its_own(self):
        self.fifo("go")
        running = self.start(f"{HEAD}[step s]\nuses = docker.run\ndocker.image = {self.image}\ndocker.volumes = .:/w\n"
                             "command = cat /proc/1/comm; read -r x </w/go\n")
        item = wait_for(lambda: self.engine.api("/containers/json"), "the container")[0]
        run = self.runs()[0]
        self.assertEqual(item["Names"], [f"/ci{run}w1-s-1-1"])
        self.assertEqual((item["Labels"]["ciplug.run"], item["Labels"]["ciplug.step"]), (run, "s"))
        self.assertRegex(item["Labels"]["ciplug.owner"], rf"^[-0-9a-f]{{36}}\.{running.pid}\.\d+$")
        self.open_fifo("go")
        self.assertEqual(running.wait().status, 0)
        self.assertIn("init", self.run_of().text("s"))

    def test_a_timeout_with_and_without_a_guard(self):
        for guard, said in (("auto", "ended by its guard"), ("no", "no guard confirmed its end: container ")):
            with self.subTest(guard=guard):
                self.docker("uses = docker.run\ntimeout = 2s\ngrace = 100ms\ncommand = trap '' TERM; sleep 701 & sleep 702",
                            "-s", f"docker.guard={guard}")
                self.assertEqual(self.one()["outcome"], "timeout")
                self.assertIn(said, self.one()["reason"])
                self.assertNotIn("exited", self.one()["reason"])
                self.assertEqual(self.engine.processes("sleep 70"), [])

    def test_an_image_without_a_shell(self):
        image = self.bare()
        self.write("x", "")
        ended = self.docker("uses = docker.run\nshell = none\ncommand = true", "-s", f"docker.image={image}")
        self.assertEqual(ended.status, 0, ended.all)
        ended = self.docker("uses = docker.run\nshell = none\ncommand = env\nenv.X = reached\nartifacts = app/tr*",
                            "-s", f"docker.image={image}")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertIn("X=reached\n", self.run_of().text("s"))
        self.assertTrue((self.dir / ".ciplug/latest/artifacts/s/1/app/true").is_file(), ended.all)

    def test_artifacts(self):
        ended = self.docker("uses = docker.run\ndocker.workdir = /tmp\nartifacts = out/**/*.xml /abs.log none/*\n"
                            "command = mkdir -p 'out/a b'; echo 1 >out/r.xml; echo 2 >'out/a b/s.xml'; echo 3 >/abs.log; exit 1")
        self.assertEqual(ended.status, 1, ended.all)
        for name, text in (("out/r.xml", "1\n"), ("out/a b/s.xml", "2\n"), ("abs.log", "3\n")):
            self.assertEqual(self.read(f".ciplug/latest/artifacts/s/1/{name}"), text)

    def test_more_archives_than_the_tar_of_this_machine_reads(self):
        (self.dir / "bin").mkdir()
        (self.dir / "bin/tar").symlink_to(shutil.which("busybox"))
        ended = self.docker("uses = docker.run\ndocker.workdir = /tmp\nartifacts = r.xml /abs.log\ncommand = echo 1 >r.xml; echo 2 >/abs.log",
                            env={"PATH": f"{self.dir}/bin:{self.env['PATH']}"})
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("it takes GNU tar here", ended.all)

    def test_out_of_memory(self):
        self.docker("uses = docker.run\ndocker.memory = 16m\nshell = none\ndocker.guard = no\ncommand = tail /dev/zero")
        self.assertEqual(self.one()["outcome"], "failed")
        self.assertRegex(self.one()["reason"], r"^exit code 137; container \S+-s-1-1 exited with 137, out of memory")

    def test_a_container_of_that_name_that_is_anothers(self):
        self.engine.docker("run", "--name", "db", self.image, "sh", "-c", "echo mine >/x")
        self.addCleanup(self.engine.docker, "rm", "-f", "db", check=False)
        was = self.engine.docker("inspect", "-f", "{{.Id}}", "db")
        for more in ("guard = auto", "guard = no"):
            with self.subTest(more):
                self.docker(f"uses = docker.run\ndocker.name = db\ndocker.{more}\nartifacts = /x\ncommand = true")
                self.assertIn(self.one()["outcome"], ("error", "failed"))
                self.assertEqual(self.engine.docker("inspect", "-f", "{{.Id}}", "db"), was)
                self.assertFalse((self.dir / ".ciplug/latest/artifacts/s/1/x").exists())

    def test_an_image_that_is_not_there(self):
        self.docker("uses = docker.run\ndocker.image = nothing.invalid/x\ndocker.pull = never\ncommand = true")
        self.assertEqual(self.one()["outcome"], "error")
        self.assertIn("nothing.invalid/x", self.one()["reason"] + self.run_of().text("s"))


class Exec(Docker):
    def test_what_reaches_it(self):
        self.container("place")
        for client in BOTH:
            with self.subTest(client=client):
                ended = self.docker("uses = docker.exec\ndocker.container = pla{env:REST}\nitems = $(id)\nenv.X = it's\n"
                                    "docker.user = nobody\ncwd = /tmp\nartifacts = *.txt\n"
                                    "command = pwd; id -un; echo {item} \"$X\" | tee a.txt; rm -f b.txt; exit 4",
                                    "-s", f"docker.binary={client}", env={"REST": "ce"})
                self.assertEqual(self.run_of().text("s"), "/tmp\nnobody\n$(id) it's\n", ended.all)
                self.assertEqual((self.one()["outcome"], self.one()["exit_code"]), ("failed", 4))
                self.assertEqual(self.read(".ciplug/latest/artifacts/s/1/a.txt"), "$(id) it's\n")

    def test_a_timeout_with_and_without_a_guard(self):
        self.container("place")
        for guard, said in (("auto", "ended by its guard"), ("no", "container place: ")):
            with self.subTest(guard=guard):
                self.docker("uses = docker.exec\ndocker.container = place\ntimeout = 2s\ngrace = 100ms\n"
                            "command = trap '' TERM; setsid sleep 701 & sleep 702", "-s", f"docker.guard={guard}")
                self.assertEqual(self.one()["outcome"], "timeout")
                self.assertIn(said, self.one()["reason"])
                self.assertEqual(self.engine.processes("sleep 70"), [])
                self.assertTrue(self.engine.processes("sleep 1000"), "its place lives on")

    def test_a_container_that_dies_in_the_middle(self):
        self.fifo("up")
        self.container("place", "-v", f"{self.dir}:/w", "--init")
        running = self.start(f"{HEAD}[step s]\nuses = docker.exec\ndocker.container = place\n"
                             "command = echo ready >/w/there; sleep 1000\n")
        self.wait_file("there", "ready")
        self.engine.docker("kill", "place")
        self.assertEqual(running.wait().status, 3)
        self.assertEqual(self.one()["outcome"], "error")
        self.assertIn("container place exited with 137", self.one()["reason"])


class Others(Docker):
    def test_build_and_rm(self):
        self.write("ctx/Dockerfile", f"FROM {self.image} AS one\nARG WHO\nRUN echo $WHO >/who\nFROM one AS two\nRUN false\n")
        self.container("place")
        ended = self.ci(f"{HEAD}[docker]\nimage = made\ntag = 1 two\ncontext = ctx\n"
                        "[step image]\nuses = docker.build\ndocker.target = one\ndocker.build_args = WHO=me\n"
                        "[step s]\nuses = docker.run\ncommand = cat /who\n"
                        "[step gone]\nuses = docker.rm\ndocker.containers = place none\n"
                        "[step fails]\nuses = docker.build\nallow_failure = yes\n")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual(self.run_of().text("s"), "me\n")
        self.assertEqual(self.outcomes("fails"), ["failed"])
        self.engine.docker("image", "inspect", "made:1", "made:two")
        self.engine.docker("image", "rm", "-f", "made:1", "made:two")

    def test_a_service(self):
        ended = self.ci(f"{HEAD}[docker]\nimage = {self.image}\n"
                        "[step db]\nuses = docker.run\ndocker.name = {run}-db\ncommand = echo up >/tmp/up; sleep 1000\n"
                        "ready = docker exec \"$CI_RUN_ID-db\" test -e /tmp/up\n"
                        "[step s]\nuses = docker.run\ndocker.network = container:{run}-db\ncommand = hostname\n", "-j", "2")
        self.assertEqual(ended.status, 0, ended.all)

    def test_names_that_an_engine_would_misread(self):
        self.write("mark", "")
        for step, said in (("uses = docker.exec\ndocker.container = --privileged", "container '--privileged' is no such name"),
                           ("uses = docker.run\ndocker.image = -v/:/host", "image '-v/:/host' is no such name"),
                           ("uses = docker.exec\ndocker.container = {item}\nitems = '$(touch pwned)'", "is no such name"),
                           ("uses = docker.run\ndocker.user = -0", "user '-0' is no such name")):
            with self.subTest(step=step):
                ended = self.docker(f"{step}\ncommand = touch pwned")
                self.assertNotEqual(ended.status, 0, ended.all)
                self.assertIn(f"plugin docker: {said}" if "item" not in step else said, ended.err)
                self.assertFalse((self.dir / "pwned").exists())


class Results(Docker):
    """JUnit files that are written in containers."""

    def setUp(self):
        super().setUp()
        self.write("tool", TOOL)
        self.write("green", GREEN)

    def test_of_a_container_of_its_own(self):
        ended = self.docker("uses = docker.run\nitems = a bad b\nbatch = 9\ndocker.volumes = .:/w\ndocker.workdir = /tmp\n"
                            "results = out/*.xml\ncommand = mkdir out; sh /w/tool out/r.xml {items}")
        self.assertEqual(ended.status, 1, ended.all)
        self.assert_ledger(passed=2, failed=1)
        self.assertEqual([case["item"] for case in self.run_of().of("test_finished")], ["a", "bad", "bad", "b"])
        self.assertTrue((self.dir / ".ciplug/latest/results/s/1/out/r.xml").is_file())

    def test_beside_artifacts(self):
        """Both come out of the container before it goes."""
        ended = self.docker("uses = docker.run\ndocker.volumes = .:/w\ndocker.workdir = /tmp\nartifacts = *.txt\nresults = r.xml\n"
                            "command = echo kept >a.txt; sh /w/tool r.xml a\n[step after]\nuses = \ncommand = docker ps -aq --filter label=ciplug.step")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual((self.read(".ciplug/latest/artifacts/s/1/a.txt"), len(self.run_of().of("test_finished"))), ("kept\n", 1))
        self.assertEqual(self.run_of().text("after"), "")

    def test_what_was_in_a_folder_of_this_machine(self):
        """Nobody can look before the container is there."""
        self.write("r.xml", GREEN)
        ended = self.docker("uses = docker.run\ndocker.volumes = .:/w\ndocker.workdir = /w\nresults = r.xml\ncommand = true")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("r.xml was there before", self.one()["reason"])

    def test_what_was_written_to_a_folder_of_this_machine(self):
        self.write("r.xml", GREEN)
        ended = self.docker("uses = docker.run\ndocker.volumes = .:/w\ndocker.workdir = /w\nresults = r.xml\ncommand = cat green >r.xml")
        self.assertEqual(ended.status, 0, ended.all)

    def test_what_was_in_the_container(self):
        self.container("place", "-v", f"{self.dir}:/w", "-w", "/tmp")
        self.engine.docker("exec", "place", "cp", "/w/green", "/tmp/r.xml")
        ended = self.docker("uses = docker.exec\ndocker.container = place\ncwd = /tmp\nresults = r.xml\ncommand = true")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("r.xml was there before", self.one()["reason"])
        self.assertEqual(os.listdir(self.dir / ".ciplug/latest/results-before/s"), [])

    def test_one_name_in_a_row(self):
        """The same bytes, within a second, by a tar that knows seconds."""
        self.container("place", "-v", f"{self.dir}:/w")
        ended = self.docker("uses = docker.exec\ndocker.container = place\ncwd = /tmp\ncount = 3\nworkers = 1\nresults = r.xml\n"
                            "command = cat /w/green >r.xml")
        self.assertEqual(ended.status, 0, ended.all)
        self.assertEqual(len(self.run_of().of("test_finished")), 3)

    def test_missing_and_torn(self):
        for command, reason in (("true", "no file matches r.xml"), ("echo '<testsuite>' >r.xml", "r.xml: line "),
                                ("ln -s /etc/passwd r.xml", "r.xml: ")):
            with self.subTest(command):
                ended = self.docker(f"uses = docker.run\ndocker.workdir = /tmp\nresults = r.xml\ncommand = {command}")
                self.assertEqual(ended.status, 3, ended.all)
                self.assertIn(f"results: {reason}", self.one()["reason"])

    def test_stopped_while_it_is_looked(self):
        self.container("place")
        running = self.start(f"{HEAD}[step s]\nuses = docker.exec\ndocker.container = place\ndocker.binary = slow\nresults = r.xml\ncommand = true\n",
                             env={"PATH": f"{self.slow_client()}:{self.env['PATH']}"})
        self.wait_file("asked")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        self.assertEqual(self.one()["outcome"], "cancelled")

    def slow_client(self):
        """A docker that says when it is asked, and then takes its time."""
        path = self.write("bin/slow", f"#!/bin/sh\n: >{self.dir}/asked\nexec sleep 50007\n")
        path.chmod(0o755)
        return path.parent


if __name__ == "__main__":
    main()
