#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the container plugins do beside a command, by plugins/engine*.sh themselves: ending what runs in containers, saying
why they ended, copying out of them, removing what a run made."""
import calendar
import io
import os
import shutil
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from engine import EngineCase, Engine  # noqa: E402
from harness import PATIENCE, SRCDIR, Case, main, wait_for  # noqa: E402

ENGINE = SRCDIR / "plugins" / "engine.sh"
KILL = SRCDIR / "plugins" / "engine_kill.sh"
PICK = SRCDIR / "plugins" / "engine_pick.sh"
SHELLS = [["/bin/sh"]] + [[shutil.which("busybox"), "sh"]] * bool(shutil.which("busybox"))
RUN, OWNER = "abcd1234", "boot.1.2"


class Pick(Case):
    """Artifacts by globs, as they are packed in a container."""

    FILES = ("out/a.xml", "out/b.txt", "out/deep/c.xml", "out/deep/deeper/d e.xml", "out/.hidden/x.xml", "it's/q'.xml",
             "-rf/y.xml", "[1]/g.xml", "new\nline.xml", "back\\tslash.xml")

    def setUp(self):
        super().setUp()
        self.root = self.dir / "root"
        for name in self.FILES:
            self.write(f"root/work/{name}", name)
        self.write("root/abs/z.log", "z")
        os.symlink("..", self.root / "work/out/loop")
        os.symlink("nowhere", self.root / "work/out/dangling.xml")

    def names(self, *patterns, shell=("/bin/sh",), status=0, **env):
        ended = subprocess.run([*shell, PICK, self.root, *patterns], cwd=self.root / "work", capture_output=True, check=False,
                               env=dict(self.env, **env))
        self.assertEqual(ended.returncode, status, ended.stderr)
        if not ended.stdout:
            return []
        with tarfile.open(fileobj=io.BytesIO(ended.stdout), ignore_zeros=True) as tar:
            return sorted(os.path.normpath(name) for name in tar.getnames())

    def test_globs(self):
        for shell in SHELLS:
            with self.subTest(shell=shell):
                self.assertEqual(self.names("out/*.xml", shell=shell), ["out/a.xml", "out/dangling.xml"])
                self.assertEqual(self.names("out/**/*.xml", shell=shell),
                                 ["out/a.xml", "out/dangling.xml", "out/deep/c.xml", "out/deep/deeper/d e.xml"])
                self.assertEqual(self.names("**/?.xml", "out/a.xml", shell=shell),
                                 ["-rf/y.xml", "[1]/g.xml", "out/a.xml", "out/deep/c.xml"])
                self.assertEqual(self.names("out/deep/**", shell=shell), ["out/deep/c.xml", "out/deep/deeper/d e.xml"])
                self.assertEqual(self.names("out/deep", shell=shell),
                                 ["out/deep", "out/deep/c.xml", "out/deep/deeper", "out/deep/deeper/d e.xml"])

    def test_strange_names_stay_names(self):
        for shell in SHELLS:
            with self.subTest(shell=shell):
                self.assertEqual(self.names("it's/*", "-rf/*", "new*", "[[]1]/*", "out/$(touch x)", "back*", shell=shell),
                                 ["-rf/y.xml", "[1]/g.xml", "back\\tslash.xml", "it's/q'.xml", "new\nline.xml"])
                self.assertFalse((self.root / "work/x").exists())

    def test_more_names_than_one_command_takes(self):
        folder = self.root / "work/many"
        folder.mkdir()
        names = [f"{number:05}{'x' * 230}" for number in range(9000)]  # 2 MB and more
        for name in names:
            (folder / name).touch()
        self.assertEqual(self.names("many/**/*", "/abs/z.log"), ["abs/z.log", *(f"many/{name}" for name in names)])

    def test_absolute_ones_become_relative(self):
        for shell in SHELLS:
            with self.subTest(shell=shell):
                self.assertEqual(self.names("/abs/*.log", shell=shell), ["abs/z.log"])
                self.assertEqual(self.names("/abs/*.log", "out/a.xml", shell=shell), ["abs/z.log", "out/a.xml"])

    def test_by_the_tar_of_busybox(self):
        busybox = shutil.which("busybox")
        if not busybox:
            self.skipTest("no busybox")
        (self.dir / "bin").mkdir()
        for name in ("tar", "sh", "grep", "cat"):
            os.symlink(busybox, self.dir / "bin" / name)
        path = {"PATH": str(self.dir / "bin")}
        self.assertEqual(self.names("/abs/*", "it's/*", "-rf/*", **path), ["-rf/y.xml", "abs/z.log", "it's/q'.xml"])

    def test_nothing_is_nothing(self):
        self.assertEqual(self.names("none/*.xml", "**/none", "/none/**"), [])
        self.assertEqual(self.names("out/a.xml", status=126, PATH=str(self.dir)), [])


class Script(EngineCase):
    def script(self, verb, *words, client="docker", shell=("/bin/sh",), env=None):
        """Its status, the lines of its output; what it wrote to standard error is in self.said."""
        ended = subprocess.run([*shell, ENGINE, verb, client, *map(str, words)], env=dict(self.env, **(env or {})), check=False,
                               capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        self.said, self.bytes = ended.stderr.decode(), ended.stdout
        return ended.returncode, ended.stdout.decode("utf-8", "replace").splitlines()

    def container(self, name, *options, command=("sleep", "1000"), image=None):
        self.engine.docker("run", "-d", "--name", name, *options, image or self.image, *command)
        return name

    def inside(self, name, script, *options):
        """In the background, in the container."""
        self.engine.docker("exec", "-d", *options, name, "sh", "-c", script)

    def works(self, *words, **how):
        status, lines = self.script(*words, **how)
        self.assertEqual(status, 0, (lines, self.said))
        return lines

    def fails(self, *words, **how):
        status, lines = self.script(*words, **how)
        self.assertNotEqual(status, 0, lines)
        # What reap prints is what it has removed.
        return (self.said.splitlines() if words[0] == "reap" else lines)[-1]

    def rm(self, *names):
        self.engine.docker("rm", "-f", "-v", *names)


class Stop(Script):
    def stop(self, place, job="run.1-2.1", user="", **how):
        return self.works("stop", place, user, KILL.read_text(), env={"CIPLUG_STOP_JOB": job}, **how)

    def sleepers(self):
        return sorted(line.split()[-1] for _, line in self.engine.processes("sleep 7"))

    def test_all_of_the_job_and_nothing_else(self):
        self.container("cc", "--init", command=("sh", "-c", "mkfifo /tmp/f; sleep 1000 & read -r x </tmp/f; wait"))
        marked = ("-e", "CIPLUG_JOB=run.1-2.1")
        self.inside("cc", "trap '' TERM HUP INT; setsid sleep 702 & setsid setsid sleep 703 & env -i sleep 704 & sleep 705", *marked)
        self.inside("cc", "sleep 706", "--user", "nobody", *marked)
        self.inside("cc", "CIPLUG_JOB=run.1-2.12 sleep 771 & exec sleep 772")
        wait_for(lambda: len(self.sleepers()) == 7, "seven sleepers")
        lines = self.stop("name=cc", user="nobody")
        self.assertRegex(lines[-1], r"^container cc: \d+ of its processes were killed$")
        self.assertEqual(self.sleepers(), ["771", "772"])
        self.assertEqual(self.stop("name=cc", user="nobody")[-1], "container cc: nothing of it was left")
        self.stop("name=cc", job="")  # nothing names it: the container goes
        self.assertEqual(self.sleepers(), [])
        self.rm("cc")

    def test_storms_of_children(self):
        self.container("cc")
        self.inside("cc", "while :; do sleep 700 & sleep 0.01; done", "-e", "CIPLUG_JOB=run.1-2.1")
        wait_for(lambda: len(self.sleepers()) > 5, "some sleepers")
        self.stop("name=cc")
        self.assertEqual(self.sleepers(), [])
        self.rm("cc")

    def test_without_a_shell_the_container_is_killed(self):
        busybox = os.path.realpath(shutil.which("busybox"))
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            tar.add(busybox, "app/sleep")
        self.engine.docker("import", "-", "bare:1", data=made.getvalue())
        self.container("cc", image="bare:1", command=("/app/sleep", "701"))
        line = self.stop("name=cc")[-1]
        self.assertEqual(line, "container cc was killed as a whole: what ran in it could not be ended alone")
        self.assertEqual(self.sleepers(), [])
        self.assertEqual(self.stop("name=cc")[-1], "container cc does not run any more")
        self.assertEqual(self.stop("name=none")[-1], "container none does not run any more")
        self.rm("cc")

    def test_a_paused_container(self):
        self.container("cc")
        self.inside("cc", "sleep 701", "-e", "CIPLUG_JOB=run.1-2.1")
        wait_for(self.sleepers, "the sleeper")
        self.engine.docker("pause", "cc")
        self.stop("name=cc")
        self.assertEqual(self.sleepers(), [])
        self.rm("cc")

    def test_services_of_compose(self):
        project = ("--label", "com.docker.compose.project=p")
        for number in ("1", "2"):
            self.container(f"w{number}", *project, "--label", "com.docker.compose.service=web", "--label",
                           "com.docker.compose.oneoff=False", "--label", f"com.docker.compose.container-number={number}")
            self.inside(f"w{number}", f"sleep 70{number}", "-e", "CIPLUG_JOB=run.1-2.1")
        # Of `compose run`: no container of the service.
        self.container("once", *project, "--label", "com.docker.compose.service=web", "--label", "com.docker.compose.oneoff=True",
                       "--label", "com.docker.compose.container-number=2")
        self.inside("once", "sleep 703", "-e", "CIPLUG_JOB=run.1-2.1")
        wait_for(lambda: len(self.sleepers()) == 3, "all sleepers")
        self.stop("service=p/web/2")
        self.assertEqual(self.sleepers(), ["701", "703"])
        self.rm("once")
        self.assertEqual(self.stop("service=p/web")[-1], "service web: 1 of its processes were killed")
        self.assertEqual(self.works("alive", "service=p/web", "no"), [])
        self.assertEqual(self.fails("alive", "service=p/db", "no"), "service db is not there")
        self.rm("w1", "w2")

    def test_remove(self):
        self.container("cc")
        self.assertEqual(self.works("remove", "name=cc"), ["container cc was removed"])
        self.assertEqual(self.works("remove", "name=cc"), ["container cc is not there"])

    def test_a_container_of_another_is_as_not_there(self):
        self.container("db", "--label", f"ciplug.run={RUN}x", command=("false",))
        self.engine.docker("wait", "db")
        self.assertEqual(self.works("remove", f"own={RUN}/db"), ["container db is not there"])
        self.works("alive", f"own={RUN}/db", "yes")
        status = self.script("fetch", f"own={RUN}/db", "", "/etc", "yes", PICK.read_text(), "passwd")[0]
        self.assertEqual((status, self.bytes), (4, b""))
        self.engine.docker("inspect", "db")
        self.assertEqual(self.fails("alive", f"own={RUN}x/db", "yes"), "container db has ended")
        self.assertEqual(self.works("remove", f"own={RUN}x/db"), ["container db was removed"])

    def test_alive(self):
        self.assertEqual(self.works("alive", "name=cc", "yes"), [])
        self.assertEqual(self.fails("alive", "name=cc", "no"), "container cc is not there")
        self.container("cc")
        self.works("alive", "name=cc", "no")
        self.engine.docker("kill", "cc")
        self.assertEqual(self.fails("alive", "name=cc", "yes"), "container cc has ended")
        self.rm("cc")

    def client(self, script):
        """One that does this before it is docker: with a count of its calls in $n."""
        return str(self.write("client", f"#!/bin/sh\necho >>'{self.dir}/calls'\nn=$(grep -c '' '{self.dir}/calls')\n{script}\n"
                              'exec docker "$@"\n').chmod(0o755) or self.dir / "client")

    def test_alive_of_one_that_goes_at_that_moment(self):
        self.container("cc")
        client = self.client('[ "$n" != 2 ] || docker rm -f cc >/dev/null')
        self.assertEqual(self.fails("alive", "name=cc", "yes", client=client), "container cc has ended")
        self.container("cc")
        (self.dir / "calls").unlink()
        client = self.client('[ "$n" = 1 ] || { echo no engine >&2; exit 1; }')
        self.assertEqual(self.fails("alive", "name=cc", "yes", client=client), "the engine does not answer: no engine")
        self.rm("cc")

    def test_names_of_several_lines(self):
        self.container("cc", "--init")
        self.inside("cc", r"""setsid sh -c "printf 'x\ny' >/proc/\$\$/comm; env -i sleep 701 & sleep 702; :" """,
                    "-e", "CIPLUG_JOB=run.1-2.1")
        self.inside("cc", r"printf 'x\ny' >/proc/$$/comm; sleep 771 & wait; : sleep 772")
        wait_for(lambda: {"701", "702", "771"} <= set(self.sleepers()), "the sleepers")
        self.stop("name=cc")
        self.assertEqual([line for _, line in self.engine.processes("sleep 70")], [])
        self.assertEqual(len(self.engine.processes("sleep 77")), 2)
        self.rm("cc")


class Evidence(Script):
    def now(self):
        seconds, ns = divmod(time.time_ns(), 10**9)
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ns // 1000:06}Z"

    def reasons(self, place, role="exec", code="-", started=None, **how):
        self.lines = self.works("evidence", place, role, started or self.began, code, **how)
        return [line[2:] for line in self.lines if line.startswith("! ")]

    def setUp(self):
        super().setUp()
        self.began = self.now()

    def test_times_as_they_are_written(self):
        for text, seconds, fraction in (
                ("2026-02-28T23:59:59Z", calendar.timegm((2026, 2, 28, 23, 59, 59)), "000000000"),
                ("2024-02-29T08:09:08.5Z", calendar.timegm((2024, 2, 29, 8, 9, 8)), "500000000"),
                ("2000-03-01T00:00:00.0123456789Z", calendar.timegm((2000, 3, 1, 0, 0, 0)), "012345678"),
                ("1970-01-01T00:00:00Z", 0, "000000000"),
                ("2026-11-23T05:08:09.000000001+05:30", calendar.timegm((2026, 11, 22, 23, 38, 9)), "000000001"),
                ("2026-12-31T22:00:00-08:00", calendar.timegm((2027, 1, 1, 6, 0, 0)), "000000000")):
            for shell in SHELLS:
                with self.subTest(text=text, shell=shell):
                    self.assertEqual(self.works("eval", f'epoch {text} && echo "$seconds.$fraction"', shell=shell),
                                     [f"{seconds}.{fraction}"])
        self.script("eval", "epoch nonsense || echo no")
        self.assertEqual(self.script("eval", "epoch nonsense || echo no")[1], ["no"])

    def test_nothing_remarkable(self):
        self.container("cc", command=("sh", "-c", "echo before; sleep 1000"))
        time_of_log = self.engine.docker("logs", "--timestamps", "cc").split()[0]
        wait_for(lambda: self.now() > time_of_log[:26], "the next microsecond")
        for code in ("1", "-", "any"):
            self.assertEqual(self.reasons("name=cc", code=code, started=self.now()), [])
        self.assertIn("container cc: running, exit code 0", "\n".join(self.lines))
        self.assertNotIn("before", "\n".join(self.lines))
        self.rm("cc")

    def test_logs_of_the_window_cannot_give_reasons(self):
        self.container("cc", command=("sh", "-c", "echo '! a lie'; echo '! another' >&2; sleep 1000"))
        wait_for(lambda: "lie" in self.engine.docker("logs", "cc"), "its output")
        self.assertEqual(self.reasons("name=cc"), [])
        self.assertRegex("\n".join(self.lines), r"(?m)^\| \S+ ! a lie$")
        self.rm("cc")

    def test_a_container_that_died(self):
        self.container("cc", command=("sh", "-c", "exit 5"))
        self.engine.docker("wait", "cc")
        self.assertEqual(self.reasons("name=cc"), ["container cc exited with 5"])
        self.assertEqual(self.reasons("name=cc", started=self.now()), [], "that was before")
        self.rm("cc")
        self.assertEqual(self.reasons("name=cc"), ["container cc exited with 5"])

    def test_the_commands_own_container(self):
        self.engine.docker("run", "--rm", "--name", "cc", self.image, "sh", "-c", "exit 5", check=False)
        self.assertEqual(self.reasons("name=cc", role="run", code="5"), [])
        self.assertEqual(self.reasons("name=cc", role="run", code="any"), [])
        self.assertEqual(self.reasons("name=cc", role="run"), ["container cc exited with 5"])
        self.container("kk", command=("sh", "-c", "exit 5"))
        self.engine.docker("wait", "kk")
        self.assertEqual(self.reasons("name=kk", role="run", code="5"), [])
        self.assertEqual(self.reasons("name=kk", role="run"), ["container kk exited with 5"])
        self.assertEqual(self.reasons("name=none", role="run"), [])
        self.rm("kk")

    def test_out_of_memory(self):
        self.container("cc", "--memory", "8m", command=("tail", "/dev/zero"))
        self.engine.docker("wait", "cc")
        self.assertEqual(self.reasons("name=cc"), ["container cc exited with 137, out of memory"])
        self.rm("cc")
        self.assertEqual(self.reasons("name=cc", role="run", code="137"), ["container cc exited with 137, out of memory"])

    def test_restarted_in_the_middle(self):
        self.container("cc", command=("sh", "-c", "trap exit TERM; sleep 1000 & wait"))
        started = self.engine.docker("inspect", "-f", "{{.State.StartedAt}}", "cc")[:26] + "Z"
        wait_for(lambda: self.now() > started, "a later time")
        self.began = self.now()
        self.engine.docker("restart", "-t", "5", "cc")
        self.assertEqual(self.reasons("name=cc"), ["container cc restarted in the middle"])
        self.rm("cc")

    def test_services(self):
        def service(name, *options, command):
            return self.container(name, "--label", "com.docker.compose.project=p", "--label",
                                  f"com.docker.compose.service={name}", *options, command=command)
        service("db", command=("sh", "-c", "echo bye; exit 3"))
        service("once", command=("true",))
        service("ill", "--health-cmd", "false", "--health-interval", "100ms", "--health-retries", "1",
                command=("sleep", "1000"))
        service("well", command=("sleep", "1000"))
        self.engine.docker("wait", "db", "once")
        wait_for(lambda: self.engine.docker("inspect", "-f", "{{.State.Health.Status}}", "ill") == "unhealthy", "illness")
        self.assertEqual(sorted(self.reasons("project=p", role="project", code="1")),
                         ["service db exited with 3", "service ill is unhealthy"])
        self.assertRegex("\n".join(self.lines), r"(?m)^\| \S+ bye$")
        self.rm("db", "once", "ill", "well")

    def test_a_clock_that_goes_differently(self):
        self.container("cc", command=("sh", "-c", "exit 5"))
        self.engine.docker("wait", "cc")
        # The client's clock an hour ahead: what began "now" there began an hour later than the engine thinks.
        (self.dir / "bin").mkdir()
        self.write("bin/date", "#!/bin/sh\necho $(($(/bin/date +%s) + 3600))\n").chmod(0o755)
        path = {"PATH": f"{self.dir}/bin:{self.env['PATH']}"}
        ahead = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600 - 30))
        self.assertEqual(self.reasons("name=cc", started=ahead, env=path), ["container cc exited with 5"])
        self.rm("cc")


class Fetch(Script):
    def fetch(self, place, *patterns, folder="", remove="no", user=""):
        self.works("fetch", place, user, folder, remove, PICK.read_text(), *patterns)
        if not self.bytes:
            return {}
        with tarfile.open(fileobj=io.BytesIO(self.bytes), ignore_zeros=True) as tar:
            return {os.path.normpath(item.name): tar.extractfile(item).read().decode().strip() for item in tar if item.isfile()}

    MAKE = "mkdir -p /w/out/a '/w/o p'; cd /w; echo 1 >out/r.xml; echo 2 >out/a/s.xml; echo 3 >'o p/t'; echo 4 >/abs.log"

    def test_from_a_running_container(self):
        self.container("cc", command=("sh", "-c", f"{self.MAKE}; sleep 1000"))
        wait_for(lambda: self.engine.docker("exec", "cc", "ls", "/abs.log", check=False).returncode == 0, "its files")
        self.assertEqual(self.fetch("name=cc", "out/**/*.xml", "o p/*", "/abs.*", folder="/w"),
                         {"out/r.xml": "1", "out/a/s.xml": "2", "o p/t": "3", "abs.log": "4"})
        self.assertEqual(self.fetch("name=cc", "w/out/*", user="nobody"), {"w/out/r.xml": "1", "w/out/a/s.xml": "2"})
        self.assertEqual(self.fetch("name=cc", "none/*", folder="/w"), {})
        self.rm("cc")

    def test_from_one_that_has_ended(self):
        self.container("cc", "--workdir", "/w", command=("sh", "-c", self.MAKE))
        self.engine.docker("wait", "cc")
        self.assertEqual(self.fetch("name=cc", "out/**/*.xml", "o p/t", "/abs.log", "none/x"),
                         {"out/r.xml": "1", "out/a/s.xml": "2", "o p/t": "3", "abs.log": "4"})
        self.assertEqual(self.fetch("name=cc", "s.xml", folder="out/a"), {"s.xml": "2"})
        self.assertEqual(self.fetch("name=cc", "/*.log"), {})
        self.assertIn("name a folder", self.said)
        self.assertEqual(self.fetch("name=cc", "out/r.xml", remove="yes"), {"out/r.xml": "1"})
        self.assertEqual(self.script("fetch", "name=cc", "", "/w", "no", PICK.read_text(), "out/r.xml")[0], 4)
        self.assertEqual(self.said, "there is no such container\n")
        self.assertEqual(list(self.dir.glob("ciplug-fetch*")), [])

    def test_links_of_a_container_lead_nowhere_here(self):
        self.write("host/secret.xml", "of this machine")
        self.write("host/deep/r.xml", "and this")
        self.container("cc", "--workdir", "/src", command=("sh", "-c", (
            f"mkdir -p /src/real /src/all /src/deny; ln -s {self.dir}/host build; ln -s real inner; ln -s {self.dir}/host all/out; "
            f"ln -s {self.dir}/host/secret.xml all/s.xml; ln -s {self.dir}/host deny/out; chmod 111 deny; "
            "echo 1 >real/r.xml; echo 2 >all/t.xml")))
        self.engine.docker("wait", "cc")
        self.assertEqual(self.fetch("name=cc", "build/*.xml", "build/**/*.xml", "all/*/*.xml", "all/*.xml", "*/out/*.xml"), {"all/t.xml": "2"})
        self.assertEqual(self.fetch("name=cc", "all/*.xml", "all/out/deep/*", "build", "inner/*.xml"), {"all/t.xml": "2", "inner/r.xml": "1"})
        self.engine.docker("run", "--name", "kk", "--workdir", "/src", self.image, "sh", "-c",
                           f"mkdir -p all/x {self.dir}/host/new; echo w >{self.dir}/host/new/w.xml; ln -s {self.dir}/host all/x/out; "
                           "ln -s x all/y; chmod 111 all/x")
        self.fetch("name=kk", "all/*", "all/x/out/new/*", "all/*/out/*.xml")
        self.assertEqual(sorted(os.listdir(self.dir / "host")), ["deep", "secret.xml"])
        self.rm("cc", "kk")

    def setUp(self):
        super().setUp()
        self.env["TMPDIR"] = str(self.dir)


class Reap(Script):
    def make(self, name, run=None, project=None, owner=None):
        labels = ["--label", f"ciplug.owner={owner}"] if owner else []
        if run:
            labels += ["--label", f"ciplug.run={run}"]
        if project:
            labels += ["--label", f"com.docker.compose.project={project}"]
        self.engine.docker("network", "create", *labels, f"n{name}")
        self.engine.docker("volume", "create", *labels, f"v{name}")
        self.container(f"c{name}", *labels, "--network", f"n{name}", "-v", f"v{name}:/v", "-v", "/anonymous")

    def test_what_the_run_made_and_nothing_else(self):
        self.make("1", run=RUN, owner=OWNER)
        self.make("2", project=f"ci{RUN}w12")
        mine = [f"{kind} {kind[0]}{number}" for kind in ("container", "network", "volume") for number in (1, 2)]
        others = [f"ci{RUN}w", f"ci{RUN}w1x", f"xci{RUN}w1", f"ci{RUN}", "ciother000w1"]
        for number, project in enumerate(others):
            self.engine.docker("volume", "create", "--label", f"com.docker.compose.project={project}", f"other{number}")
        self.engine.docker("volume", "create", "--label", f"ciplug.run={RUN}x", "other9")
        for client in ("docker", "/usr/bin/docker"):
            if shutil.which(client):
                lines = self.works("reap", RUN, OWNER, client=client)
                self.assertEqual(sorted(lines), sorted(mine) if client == "docker" else [])
        self.assertEqual(self.engine.leftovers(), [*(f"volume other{number}" for number in range(5)), "volume other9"])
        self.engine.clean()

    def test_what_has_another_owner(self):
        self.make("1", run=RUN, owner=OWNER)
        self.make("2", run=RUN, owner="other.1.2")
        self.make("3", project=f"ci{RUN}w1", owner="other.1.2")
        self.assertEqual(sorted(self.works("reap", RUN, OWNER)), ["container c1", "network n1", "volume v1"])
        self.assertEqual(self.fails("reap", RUN, ""), "it is not known who the run was")
        self.assertEqual([name for name in self.engine.leftovers() if len(name.split()[1]) == 2],
                         [f"{kind} {kind[0]}{number}" for kind in ("container", "network", "volume") for number in (2, 3)])
        self.engine.clean()

    def test_what_comes_back_until_the_last_round(self):
        """Then it is gone: nothing to complain of."""
        calls = self.dir / "lists"
        client = self.write("client", f"#!/bin/sh\ncase $1$2 in ps-a) echo >>'{calls}'\n[ \"$(grep -c '' '{calls}')\" -gt 4 ] || "
                            f"docker create --label ciplug.run={RUN} {self.image} true >/dev/null ;;\nesac\nexec docker \"$@\"\n")
        client.chmod(0o755)
        self.assertEqual(len(self.works("reap", RUN, OWNER, client=str(client))), 4)

    def test_what_cannot_be_removed_is_named(self):
        self.engine.docker("network", "create", "--label", f"ciplug.run={RUN}", "n1")
        self.container("foreign", "--network", "n1")
        line = self.fails("reap", RUN, OWNER)
        self.assertRegex(line, r"^still there: network n1 \(.*active endpoints")
        self.engine.clean()

    def test_an_engine_that_is_not_there(self):
        line = self.fails("reap", RUN, OWNER, env={"DOCKER_HOST": f"unix://{self.dir}/none"})
        self.assertRegex(line, r"^the engine does not answer, so what the run made on it is still there: Cannot connect")


class Check(Script):
    def test_all_well(self):
        self.assertEqual(self.works("check", "run", self.image, ""), [])
        self.assertEqual(self.said, "")
        self.assertEqual(self.works("check", "run", "nothing.example/x:1", ""), [])
        self.assertIn("nothing.example/x:1 is not on the engine", self.said)

    def test_problems(self):
        self.assertIn("Cannot connect", self.fails("check", "exec", "", "", env={"DOCKER_HOST": f"unix://{self.dir}/none"}))
        self.assertEqual(self.fails("check", "exec", "", "", client="no-such-docker"),
                         "there is no program 'no-such-docker': install it, or name it in the option binary")
        self.assertEqual(self.works("check", "build", "", "/none/Dockerfile"),
                         ["there is no /none/Dockerfile: name it in the option dockerfile"])

    def test_little_room(self):
        (self.dir / "bin").mkdir()
        self.write("bin/df", "#!/bin/sh\necho head\necho /dev/x 10000000 9900000 100000 99% /\n").chmod(0o755)
        lines = self.works("check", "exec", "", "", env={"PATH": f"{self.dir}/bin:{self.env['PATH']}"})
        self.assertRegex("\n".join(lines), r"^less than 1 GiB is free in /\S+: make room")


class Hangs(Script):
    """An engine that says nothing any more."""

    @classmethod
    def setUpClass(cls):
        cls.engine = Engine().start()
        cls.addClassCleanup(cls.engine.close)
        cls.image = cls.engine.image_busybox()

    def test_every_verb_ends(self):
        self.container("cc")
        self.engine.stop()
        try:
            began = time.monotonic()
            self.assertIn("it said nothing for 4 s", self.fails("alive", "name=cc", "no"))
            self.assertEqual(self.fails("evidence", "name=cc", "exec", "2026-01-01T00:00:00Z", "-"),
                             "! the engine does not answer: it said nothing for 5 s")
            self.assertLess(time.monotonic() - began, 25)
        finally:
            self.engine.cont()
        self.rm("cc")


if __name__ == "__main__":
    main()
