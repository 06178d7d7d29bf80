#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clusters at a real engine, by docker-compose 1.29 and by `docker compose`."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from engine import EngineCase, docker_compose  # noqa: E402
from harness import SRCDIR, main, survivors, wait_for  # noqa: E402

SECOND = docker_compose()
SLEEP = 'command: ["sleep", "1000"]\n    stop_grace_period: 0s'
FILE = f"""
services:
  db:
    image: ci-busybox:1
    {SLEEP}
    environment:
      NUMBER: "${{CI_WORKER_NUMBER}} $$x"
    volumes: ["data:/data"]
    healthcheck: {{test: ["CMD", "test", "-e", "/data/ready"], interval: 1s, retries: 60}}
  fill:
    image: ci-busybox:1
    command: ["touch", "/data/ready"]
    volumes: ["data:/data"]
  web:
    build: .
    {SLEEP}
volumes: {{data: {{}}}}
"""
WEB = "FROM ci-busybox:1\nRUN echo built >/built\n"
SIMPLE = f"services:\n  web:\n    image: ci-busybox:1\n    {SLEEP}\n"
START = """
    [ciplug]
    plugins = shell compose
    workers = 2

    [compose]
    service = web
"""
END = """
    [cleanup down]
    uses = compose.down
    per = worker
"""


def steps(text, end=END):
    return "".join(textwrap.dedent(part) for part in (START, text, end))


class ComposeCase(EngineCase):
    first = True  # the first version is wanted, else any

    @classmethod
    def setUpClass(cls):
        if cls.first and not shutil.which("docker-compose"):
            raise unittest.SkipTest("no docker-compose 1.29 (on Debian 12 ./bootstrap --tests installs it)")
        super().setUpClass()

    def container(self, service):
        """Of worker 1; its name depends on the client."""
        return self.engine.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project=ci{self.runs()[0]}w1",
                                  "--filter", f"label=com.docker.compose.service={service}")


class Compose(ComposeCase):
    def test_two_clusters(self):
        """Build once, up and ready, a queue over both, a container of its own; nothing is left."""
        self.write("docker-compose.yml", FILE)
        self.write("Dockerfile", WEB)
        self.write("look", "docker ps -a --filter label=ciplug.run=$CI_RUN_ID --format '{{.Label \"ciplug.owner\"}} {{.Image}}'\n"
                           "docker network ls --filter label=ciplug.run=$CI_RUN_ID --format '{{.Name}}'\n"
                           "docker volume ls --filter label=ciplug.run=$CI_RUN_ID --format '{{.Name}}'\n")
        ended = self.passes(steps("""
            [step image]
            uses = compose.build

            [step up]
            uses = compose.up
            per = worker

            [step look]
            command = sh look

            [step names]
            uses = compose.exec
            workers = 1
            command = echo a; echo "b c"; cat /built

            [step unit]
            uses = compose.exec
            items_from = names
            workers = 2-
            command = echo {item} $PROJECT_NAME; read x || echo no input

            [step db]
            needs = up
            uses = compose.exec
            compose.service = db
            per = worker
            command = echo "$NUMBER"

            [step alone]
            uses = compose.run
            workers = 1
            command = echo alone $CI_STEP; exit 7

            [step ps]
            needs = up
            uses = compose.command
            workers = 1
            compose.args = ps -q web
        """), "--set", "alone.skip_codes=7")
        project = f"ci{self.runs()[0]}w"
        look = self.read(".ciplug/latest/logs/look/1.out").splitlines()
        self.assertEqual(len(look), 6 + 2 + 2, look)
        self.assertEqual({line.split()[0] for line in look[:6]}, {look[0].split()[0]})
        self.assertRegex(look[0], r"^[0-9a-f-]{36}\.[0-9]+\.[0-9]+ ")
        self.assertEqual(sorted(look[6:]), [f"{project}1_data", f"{project}1_default", f"{project}2_data", f"{project}2_default"])
        built = {line.split()[1] for line in look[:6]} - {self.image}
        self.assertEqual(len(built), 1, "one image for both")
        self.assertRegex(built.pop(), r"^ciplug-[a-z0-9]+-[0-9a-f]{8}_web$")
        self.assertEqual(self.read(".ciplug/latest/logs/names/1.out"), "a\nb c\nbuilt\n")
        self.assertEqual(self.read(".ciplug/latest/logs/unit/2.out"), f"b c {project}2\nno input\n")
        self.assertEqual([self.read(f".ciplug/latest/logs/db/{n}.out") for n in (1, 2)], ["1 $x\n", "2 $x\n"])
        self.assertEqual(self.read(".ciplug/latest/logs/alone/1.out"), "alone alone\n")
        self.assertRegex(self.read(".ciplug/latest/logs/ps/1.out"), r"^[0-9a-f]{64}\n$")
        self.assertEqual(self.outcomes("alone"), ["skipped"])
        self.assertNotIn("warn", ended.err)

    def test_up_says_what_is_wrong(self):
        self.write("docker-compose.yml", SIMPLE + """
  bad:
    image: ci-busybox:1
    command: ["sh", "-c", "echo no such table >&2; exit 3"]
  sick:
    image: ci-busybox:1
    command: ["sleep", "1000"]
    stop_grace_period: 0s
    healthcheck: {test: ["CMD", "false"], interval: 1s, retries: 1}
""")
        for services, message in ("web bad", "service bad: Exited (3)"), ("sick", "service sick: Up"):
            with self.subTest(services):
                ended = self.ci(steps(f"""
                    [step up]
                    uses = compose.up
                    compose.services = {services}
                """), "-j1")
                self.assertEqual(ended.status, 1)
                self.assertIn(message, self.read(".ciplug/latest/logs/up/1.err"))
                self.assertIn(services.split()[-1], self.run_of().final("up")[1]["reason"])
                if services != "sick":
                    self.assertIn("bad: no such table", self.read(".ciplug/latest/logs/up/1.err"))

    def test_images_that_are_missing(self):
        self.write("docker-compose.yml", "services:\n  web:\n    build: .\n  db:\n    image: nowhere.invalid/x:1\n")
        self.write("Dockerfile", WEB)
        for options, message in (("services = web", "has to run before, or compose.build = yes"),
                                 ("services = db\ncompose.pull = never", "image nowhere.invalid/x:1 of service db is not here")):
            ended = self.ci(steps(f"[step up]\nuses = compose.up\ncompose.{options}\n", ""), "-j1")
            self.assertEqual(ended.status, 1)
            self.assertIn(message, self.read(".ciplug/latest/logs/up/1.err"))
        self.assertEqual(self.engine.leftovers(), [])

    def test_what_a_service_needs_counts(self):
        """Its image too; and a service that nobody asked for, but needs, fails `up`."""
        needs = SIMPLE + "    depends_on: [db]\n  db:\n    {}\n"
        ini = steps("[step up]\nuses = compose.up\ncompose.services = web\n")
        for db, message in (("build: .", "the image of service db is not built"),
                            ("image: ci-busybox:1\n    command: ['false']", "service db: Exited (1)")):
            self.write("docker-compose.yml", needs.replace("{}", db))
            self.assertEqual(self.ci(ini, "-j1").status, 1)
            self.assertIn(message, self.read(".ciplug/latest/logs/up/1.err"))

    def test_fixed_names_and_ports(self):
        """Two projects with what only one can have: said what to do about it; and with isolate both run."""
        self.write("docker-compose.yml", SIMPLE + """
    container_name: the_web
    ports: ["8080:80", "127.0.0.1:9001:81"]
    networks: [inside]
networks:
  inside: {name: the_network}
volumes:
  data: {name: the_volume}
""")
        ini = steps("""
            [step up]
            uses = compose.up
            per = worker

            [step exec]
            uses = compose.exec
            per = worker
            command = hostname
        """)
        ended = self.ci(ini, "--keep-going")
        self.assertEqual(ended.status, 1)
        self.assertIn("compose.isolate = yes gives each project ports and container names of its own",
                      self.read(".ciplug/latest/logs/up/1.err") + self.read(".ciplug/latest/logs/up/2.err"))
        self.passes(ini, "--set", "compose.isolate=yes")

    def test_subnets_of_the_file(self):
        """One that another network has is not tried ten times; with isolate both projects have others."""
        self.write("docker-compose.yml", SIMPLE + """
    networks: {inside: {ipv4_address: 10.99.0.9}}
networks:
  inside: {ipam: {config: [{subnet: 10.99.0.0/24}]}}
""")
        self.engine.docker("network", "create", "--subnet", "10.99.0.0/25", "foreigner")
        ini = steps("[step up]\nuses = compose.up\nper = worker\n")
        self.assertEqual(self.ci(ini, "-j1").status, 1)
        said = self.read(".ciplug/latest/logs/up/1.err")
        self.assertIn("network inside has a subnet of its own: 10.99.0.0/24, which another network has: compose.isolate = yes", said)
        self.assertNotIn("trying the next one", said)
        self.engine.docker("network", "rm", "foreigner")
        self.passes(ini, "--set", "compose.isolate=yes")

    def test_check_names_what_is_wrong(self):
        self.write("docker-compose.yml", SIMPLE + """
    container_name: the_web
    ports: ["8080:80"]
  other:
    build: .
""")
        ini = steps("""
            [step up]
            uses = compose.up
            per = worker

            [step exec]
            uses = compose.exec
            compose.service = wbe
            command = true
        """)
        self.write("ci.ini", ini)
        ended = self.verb("check")
        self.assertEqual(ended.status, 2)
        for text in ("service web has a container_name: the_web, which only one project can have", "takes port 8080 of the host",
                     "service other cannot be built: there is no ", "there is no service 'wbe'"):
            self.assertIn(text, ended.err)
        self.write("bin/df", "#!/bin/sh\necho head; echo /dev/x 9 8 1048575 9% /\n").chmod(0o755)
        self.write("bin/docker", f"#!/bin/sh\n[ \"$1\" != version ] || {{ echo 19.03.1; exit; }}\nexec {shutil.which('docker')} \"$@\"\n").chmod(0o755)
        ended = self.verb("check", env={"PATH": f"{self.dir}/bin:{self.env['PATH']}"})
        self.assertIn("less than 1 GiB is free in /", ended.err)
        self.assertIn("the engine is 19.03.1: update it", ended.err)
        self.write("docker-compose.yml", "services: [")
        ended = self.verb("check")
        self.assertEqual(ended.status, 2)
        self.assertIn("the compose file is not valid", ended.err)
        self.write("docker-compose.yml", SIMPLE)
        ended = self.verb("check", env={"DOCKER_HOST": f"unix://{self.dir}/none"})
        self.assertEqual(ended.status, 2)
        self.assertIn("the engine does not answer", ended.err)

    def test_a_service_that_does_not_run(self):
        self.write("docker-compose.yml", SIMPLE + "  once:\n    image: ci-busybox:1\n    command: ['true']\n")
        ended = self.ci(steps("""
            [step up]
            uses = compose.up

            [step exec]
            uses = compose.exec
            compose.service = once
            command = true
        """), "-j1")
        self.assertIn("service once does not run in project", ended.all)
        self.assertIn("Exited (0)", ended.all)
        self.assertNotEqual(ended.status, 0)

    def test_down_needs_no_file(self):
        """It is broken meanwhile, there is a network that it never had, one container is an orphan; a project that was never up is fine."""
        self.write("docker-compose.yml", SIMPLE)
        self.passes(steps("""
            [step up]
            uses = compose.up
            workers = 1

            [step break]
            command =
                p=ci${CI_RUN_ID}w1
                docker network create --label com.docker.compose.project=$p ${p}_second
                docker run -d --label com.docker.compose.project=$p --label com.docker.compose.service=gone ci-busybox:1 sleep 1000
                echo broken: [ >docker-compose.yml
        """, END + "    compose.timeout = 1s\n"), "-j2")

    def test_down_names_what_cannot_go(self):
        self.write("docker-compose.yml", SIMPLE)
        ended = self.ci(steps("""
            [step up]
            uses = compose.up

            [step hold]
            command = docker run -d --name foreigner --network ${PROJECT_NAME}_default ci-busybox:1 sleep 1000
        """), "-j1")
        self.assertRegex(ended.all, r"still there of project ci\S+: ci\S+_default")
        self.engine.docker("rm", "-f", "foreigner")
        self.engine.clean()

    def test_a_service_that_died_is_the_reason(self):
        self.write("docker-compose.yml", SIMPLE + f"  db:\n    image: ci-busybox:1\n    {SLEEP}\n")
        self.fifo("go")
        running = self.start(steps("""
            [step up]
            uses = compose.up

            [step test]
            uses = compose.exec
            command = echo begun; while ! test -e /stop; do sleep 0.1; done; exit 9
        """), "-j1")
        wait_for(lambda: "begun" in (self.read(".ciplug/latest/logs/test/1.out")
                                     if (self.dir / ".ciplug/latest/logs/test/1.out").exists() else ""), "the test")
        self.engine.docker("kill", self.container("db"))
        self.engine.docker("exec", self.container("web"), "touch", "/stop")
        self.assertEqual(running.wait().status, 1)
        reason = self.run_of().final("test")[1]["reason"]
        self.assertIn("exit code 9", reason)
        self.assertRegex(reason, "service db .*137")


class Second(Compose):
    """The same with its second version, a plugin of the client of docker."""

    first = False

    @classmethod
    def setUpClass(cls):
        if not SECOND:
            raise unittest.SkipTest("no `docker compose` (./bootstrap --tests gets it)")
        super().setUpClass()

    def setUp(self):
        super().setUp()
        config = self.dir / "client"
        (config / "cli-plugins").mkdir(parents=True)
        (config / "cli-plugins/docker-compose").symlink_to(SECOND)
        self.env["DOCKER_CONFIG"] = str(config)

    def test_it_is_what_runs(self):
        self.write("docker-compose.yml", SIMPLE)
        self.passes(steps("""
            [step version]
            uses = compose.command
            compose.args = version --short
        """), "-j1")
        self.assertRegex(self.read(".ciplug/latest/logs/version/1.out"), r"^v?2\.|^v?[3-9]\.")


class Silence(ComposeCase):
    """The engine does not answer, without being gone."""

    def script(self, *words, of="client", **values):
        """One of the scripts, as the plugin starts it, with less patience."""
        values = {"project": "ciabcd1234w1", "run": "abcd1234", "owner": "boot.1.2", "images": "ciplug-x", "directory": self.dir,
                  "patience": 1, "pause": 0, "program": (SRCDIR / "plugins/compose.awk").read_text(), **values}
        text = "".join((SRCDIR / "plugins" / f"compose_{name}.sh").read_text() for name in ("lib", of))
        self.write("docker-compose.yml", SIMPLE)
        return subprocess.run(["sh", "-c", text, "ciplug-compose", *(f"{name}={value}" for name, value in values.items()), "--", *words],
                              env={**os.environ, **self.env}, capture_output=True, text=True, timeout=30, check=False)

    def silent(self):
        self.engine.stop()
        self.addCleanup(self.engine.cont)

    def test_nothing_waits_without_limit(self):
        self.silent()
        for of in "up", "client", "down":
            ended = self.script("ps", of=of, pool="10.213.0.0/16")
            self.assertNotEqual(ended.returncode, 0)
            self.assertIn("ciplug-compose: the engine does not answer", ended.stderr, of)
            self.assertNotIn("not built", ended.stderr)

    def test_the_client_is_ended(self):
        self.silent()
        ended = self.script("ps")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("the engine does not answer: docker-compose was ended", ended.stderr)

    def test_a_client_that_takes_long_is_left_alone(self):
        wrapper = self.write("bin/docker", f"""#!/bin/sh
            [ "$1" = version ] || exec {shutil.which('docker')} "$@"
            echo asked >>{self.dir}/asked
            [ $(grep -c . {self.dir}/asked) != 2 ] || exit 1
            exec {shutil.which('docker')} "$@"
        """)
        wrapper.chmod(0o755)
        client = self.write("client", f"""#!/bin/sh
            [ "$3" != config ] || exec docker-compose "$@"
            cat >/dev/null
            until [ $(grep -c . {self.dir}/asked) -ge 5 ]; do sleep 0.05; done
            exit 6
        """)
        client.chmod(0o755)
        self.write("asked", "")
        self.env["PATH"] = f"{self.dir}/bin:{self.env.get('PATH', os.environ['PATH'])}"
        ended = self.script("ps", binary=client, patience=30)
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (6, "", ""))


class Registry(ComposeCase):
    """A real one, in the engine's network."""

    IMAGE = "127.0.0.1:5000/box:1"

    def setUp(self):
        super().setUp()
        if not shutil.which("docker-registry"):
            self.skipTest("no docker-registry (./bootstrap --tests installs it)")
        self.write("registry.yml", f"""
version: 0.1
log: {{accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: {self.dir}/registry}}}}
http: {{addr: "127.0.0.1:5000"}}
""")
        with open(self.dir / "asked", "wb") as log:
            # pylint: disable=consider-using-with
            registry = subprocess.Popen(self.engine.enter("docker-registry", "serve", self.dir / "registry.yml"), stdout=log, stderr=log,
                                        stdin=subprocess.DEVNULL)
        self.registry = registry
        self.addCleanup(lambda: (registry.kill(), registry.wait()))
        self.engine.docker("tag", self.image, self.IMAGE)
        wait_for(lambda: self.engine.docker("push", self.IMAGE, check=False).returncode == 0, "the registry")
        self.engine.docker("rmi", self.IMAGE)
        self.addCleanup(self.engine.docker, "rmi", self.IMAGE, check=False)

    def asking(self):
        """Connections of the engine to the registry, which may be answered later."""
        lines = [line.split() for line in pathlib.Path(f"/proc/{self.engine.pid}/net/tcp").read_text().splitlines()[1:]]
        return sum(there.endswith(":1388") and state == "01" for _, _, there, state, *_ in lines)

    def test_one_pull_for_all_projects(self):
        self.write("docker-compose.yml", f"services:\n  web:\n    image: {self.IMAGE}\n    {SLEEP}\n")
        before = self.read("asked")
        self.registry.send_signal(signal.SIGSTOP)
        running = self.start(steps("[step up]\nuses = compose.up\nper = worker\n"), "-j4")
        wait_for(lambda: self.asking() + sum(line.startswith("flock 9") for _, line in survivors(self.marker)) >= 4,
                 "four projects that want it")
        self.registry.send_signal(signal.SIGCONT)
        self.assertEqual(running.wait().status, 0)
        asked = self.read("asked")[len(before):]
        self.assertEqual(len(re.findall(r'"(?:HEAD|GET) /v2/box/manifests/1 HTTP', asked)), 1, asked)


class Shown(ComposeCase):
    def test_the_client_that_a_run_would_find(self):
        config = self.dir / "client"
        shown = steps("[step up]\nuses = compose.up\n", end="")
        self.env["DOCKER_CONFIG"] = str(config)
        if not docker_compose() or docker_compose().startswith(str(SRCDIR)):
            self.assertRegex(self.ci(shown, "-n").out, r"(?m)^.*\bdocker-compose -p ci")
        (config / "cli-plugins").mkdir(parents=True)
        self.write("client/cli-plugins/docker-compose", "").chmod(0o755)
        self.assertRegex(self.ci(shown, "-n").out, r"(?m)^.*\bdocker compose -p ci")


class AtOnce(ComposeCase):
    def test_two_runs_in_one_folder(self):
        self.write("docker-compose.yml", SIMPLE)
        ini = self.write("ci.ini", steps("""
            [step up]
            uses = compose.up
            per = worker

            [step exec]
            uses = compose.exec
            per = worker
            command = echo {project}
        """))
        ended = []
        threads = [threading.Thread(target=lambda: ended.append(self.ci(ini))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([one.status for one in ended], [0, 0], [one.all for one in ended])


if __name__ == "__main__":
    main()
