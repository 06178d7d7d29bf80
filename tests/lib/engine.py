#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A real container engine for tests: a dockerd of one's own, in network and mount namespaces of its own, so that nothing
of the machine's network is touched and nothing is left. `engine.py` by itself starts one and a shell in it.

Its parent is holder.py, which ends all of it when the test has ended, however that was."""
import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import urllib.parse

import procs
from harness import LIB, PATIENCE, SRCDIR, Case, wait_for

BUSYBOX = "ci-busybox:1"
NAMES = "172.17.0.1"  # of the engine's first bridge; where names are asked for
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def missing():
    """Why there can be no engine here, or None."""
    if os.getuid() != 0:
        return "needs root"
    for tool, package in (("dockerd", "docker.io"), ("docker", "docker.io"), ("ip", "iproute2"), ("iptables", "iptables"),
                          ("unshare", "util-linux"), ("busybox", "busybox-static")):
        if not shutil.which(tool):
            return f"no {tool} (package {package}; ./bootstrap --tests installs it)"
    if subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True, check=False).returncode:
        return "no network and mount namespaces of its own"
    if not (CGROUPS / "cgroup.controllers").exists() and not (CGROUPS / "devices").is_dir():
        return "no cgroups"
    return None


class Connection(http.client.HTTPConnection):
    """To the engine's socket."""

    def __init__(self, path, timeout):
        super().__init__("engine", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Engine:
    """`with Engine() as engine:`, or start() and close()."""

    def __init__(self, *options, **config):
        """Words for dockerd; keys for its daemon.json."""
        self.options, self.config = options, dict({"dns": [NAMES]}, **config)
        self.folder = self.holder = None
        self.pid = 0

    def start(self):
        reason = missing()
        if reason:
            raise unittest.SkipTest(reason)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ciplug-engine-"))
        for name in ("root", "exec", "config"):
            (self.folder / name).mkdir()
        (self.folder / "daemon.json").write_text(json.dumps(self.config))
        # pylint: disable=consider-using-with
        self.holder = subprocess.Popen(["unshare", "-n", "-m", sys.executable, "-BS", LIB / "holder.py", self.folder, NAMES, *self.options],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            self.ready()
        except BaseException:
            self.close()
            raise
        return self

    __enter__ = start

    def ready(self):
        self.pid = int(self.holder.stdout.readline() or 0)
        wait_for(lambda: self.answers() or not procs.alive(self.pid), "the engine")
        if not procs.alive(self.pid):
            raise AssertionError(f"dockerd did not start:\n{self.last_words()}")

    def last_words(self):
        """The end of the engine's log."""
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-20:])

    def close(self):
        if self.holder:
            self.holder.stdin.close()
            self.holder.stdout.close()
            self.holder.wait(PATIENCE)
            self.holder = None

    def __exit__(self, *_):
        self.close()

    # What it is asked

    def api(self, path, method="GET", timeout=PATIENCE):
        """The answer of the engine's own interface, None where it is empty."""
        connection = Connection(self.folder / "sock", timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            data = answer.read()
            if answer.status >= 400:
                raise OSError(f"{method} {path}: {answer.status} {data.decode('utf-8', 'replace')}")
            return json.loads(data) if data and answer.getheader("Content-Type", "").startswith("application/json") else None
        finally:
            connection.close()

    def answers(self, timeout=1):
        try:
            self.api("/_ping", timeout=timeout)
            return True
        except OSError:
            return False

    @property
    def address(self):
        return f"unix://{self.folder}/sock"

    def env(self):
        """What leads clients here, and away from the settings of the one who tests."""
        return {"DOCKER_HOST": self.address, "DOCKER_CONFIG": str(self.folder / "config")}

    def docker(self, *words, check=True, data=None, timeout=PATIENCE):
        """Run the client; its output as text, or without `check` what subprocess.run() returns."""
        ended = subprocess.run(["docker", *map(str, words)], env=dict(os.environ, **self.env()), input=data, capture_output=True,
                               timeout=timeout, check=False, stdin=None if data else subprocess.DEVNULL)
        if not check:
            return ended
        if ended.returncode:
            raise AssertionError(f"docker {' '.join(map(str, words))}: {ended.returncode}\n{ended.stderr.decode()}")
        return ended.stdout.decode("utf-8", "replace").strip()

    def compose(self, *words, cwd, env=None):
        """docker-compose; its output as text."""
        ended = subprocess.run(["docker-compose", *map(str, words)], env=dict(os.environ, **self.env(), **(env or {})), cwd=cwd,
                               capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=600)
        if ended.returncode:
            raise AssertionError(f"docker-compose {' '.join(map(str, words))}: {ended.returncode}\n{ended.stderr.decode()}")
        return ended.stdout.decode("utf-8", "replace").strip()

    def image_busybox(self, name=BUSYBOX):
        """An image of busybox and nothing else; its name. 1 MB: made anew each time."""
        if self.docker("image", "inspect", name, check=False).returncode:
            self.docker("import", "-c", 'CMD ["sh"]', "-", name, data=busybox_tar())
        return name

    def leftovers(self, run=None):
        """["container NAME", "network NAME", "volume NAME"], but for what the engine has by itself; of one run only where given."""
        found = [("container", item["Names"][0].lstrip("/"), item) for item in self.api("/containers/json?all=1")]
        found += [("network", item["Name"], item) for item in self.api("/networks") if item["Name"] not in ("bridge", "host", "none")]
        found += [("volume", item["Name"], item) for item in self.api("/volumes")["Volumes"] or []]
        return sorted(f"{kind} {name}" for kind, name, item in found if not run or run in name or run in json.dumps(item.get("Labels")))

    def clean(self):
        """Remove all containers, networks and volumes."""
        for item in self.api("/containers/json?all=1"):
            self.forget(f"/containers/{item['Id']}?force=1&v=1")
        for kind, of in (("networks", ""), ("volumes", "")):
            for what in self.leftovers():
                if what.startswith(kind[:-1] + of + " "):
                    self.forget(f"/{kind}/{urllib.parse.quote(what.split(' ', 1)[1])}")

    def forget(self, path):
        try:
            self.api(path, "DELETE")
        except OSError:
            pass  # gone meanwhile, or said by leftovers()

    # Its processes

    def shims(self):
        return [pid for pid in procs.descendants(self.holder.pid) if "shim" in procs.comm(pid)]

    def processes(self, text=""):
        """[(pid, command line)] of what lives in containers and has this text in its command line."""
        found = []
        for shim in self.shims():
            for pid in procs.descendants(shim):
                line = procs.line(pid)
                if procs.alive(pid) and text in line:
                    found.append((pid, line))
        return found

    def enter(self, *words):
        """A command in the engine's network, where published ports answer."""
        return ["nsenter", "-t", str(self.pid), "-n", *map(str, words)]

    # Its loss

    def daemons(self):
        """dockerd and its containerd."""
        return [self.pid, *(pid for pid in procs.children(self.pid) if procs.comm(pid) == "containerd")]

    def stop(self):
        """It does not answer any more, without being gone."""
        for pid in self.daemons():
            os.kill(pid, signal.SIGSTOP)

    def cont(self):
        for pid in self.daemons():
            os.kill(pid, signal.SIGCONT)

    def kill(self):
        """The containers live on."""
        os.kill(self.pid, signal.SIGKILL)
        wait_for(lambda: not procs.alive(self.pid), "the end of dockerd")

    def restart(self):
        """Also after kill(). dockerd then ends the containers that it finds (unless live-restore)."""
        self.holder.stdin.write("restart\n")
        self.holder.stdin.flush()
        self.ready()


def docker_compose():
    """The file of the plugin `docker compose`: the machine's, or the one that bootstrap has fetched; None."""
    folders = ("/usr/local/lib/docker", "/usr/local/libexec/docker", "/usr/lib/docker", "/usr/libexec/docker")
    for path in (*(f"{folder}/cli-plugins/docker-compose" for folder in folders), SRCDIR / "tests/tools/docker-compose"):
        if os.access(path, os.X_OK):
            return str(path)
    return None


def busybox_tar():
    """The tar of the image: the binary, its names, and the folders that programs expect."""
    binary = os.path.realpath(shutil.which("busybox"))
    names = subprocess.run([binary, "--list"], check=True, capture_output=True, text=True).stdout.split()
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        def add(name, kind=tarfile.DIRTYPE, mode=0o755, link="", data=b""):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.linkname, info.size = kind, mode, link, len(data)
            tar.addfile(info, io.BytesIO(data))
        for folder in ("bin", "dev", "etc", "proc", "root", "sys"):
            add(folder)
        add("tmp", mode=0o1777)
        add("bin/busybox", tarfile.REGTYPE, data=pathlib.Path(binary).read_bytes())
        for name in names:
            if name != "busybox":
                add(f"bin/{name}", tarfile.SYMTYPE, link="busybox")
        add("etc/passwd", tarfile.REGTYPE, 0o644, data=b"root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
        add("etc/group", tarfile.REGTYPE, 0o644, data=b"root:x:0:\nnogroup:x:65534:\n")
    return made.getvalue()


_shared = []  # the program's engine


def shared():
    """The engine of this test program: started when first asked for, ended with the program."""
    if not _shared:
        try:
            _shared.append(Engine().start())
        except unittest.SkipTest as reason:
            _shared.append(reason)
    if isinstance(_shared[0], unittest.SkipTest):
        raise _shared[0]
    return _shared[0]


def end_shared():
    """The holder ends by itself when this program does; here it is waited for."""
    if _shared and isinstance(_shared[0], Engine):
        _shared.pop().close()


class EngineCase(Case):
    """A test with the program's engine: self.engine, self.image (busybox). Containers, networks and volumes that a test leaves
    are a fault, and are removed."""

    leftovers_expected = False

    @classmethod
    def setUpClass(cls):
        cls.engine = shared()
        cls.image = cls.engine.image_busybox()
        unittest.addModuleCleanup(end_shared)

    def setUp(self):
        super().setUp()
        self.env.update(self.engine.env())
        self.addCleanup(self.sweep)

    def box(self, *options, name="box", words=("sleep", "100000"), image=None):
        """A container that lives as long as the test; its name."""
        self.engine.docker("run", "-d", "--init", "--name", name, *options, image or self.image, *words)
        self.addCleanup(self.engine.forget, f"/containers/{name}?force=1&v=1")
        return name

    def inside(self, text, patience=5):
        """What still has this in its command line in a container, when that long has been waited for its end."""
        deadline = time.monotonic() + patience
        while True:
            left = self.engine.processes(text)
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.05)

    def sweep(self):
        left = [] if self.leftovers_expected else self.engine.leftovers()
        self.engine.clean()
        self.count(losses=len(left))
        self.assertEqual(left, [], "what the test left in the engine")


def main():
    try:
        with Engine() as engine:
            print(f"DOCKER_HOST={engine.address}, image {engine.image_busybox()}; exit ends it")
            subprocess.run([os.environ.get("SHELL", "sh")], env=dict(os.environ, **engine.env()), check=False)
    except unittest.SkipTest as reason:
        sys.exit(f"no engine here: {reason}")


if __name__ == "__main__":
    main()
