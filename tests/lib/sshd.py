#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real hosts for tests: an sshd each, with processes and temporary files of its own, so that nothing of the machine's is seen there
or touched. On loopback addresses, or, apart, in a network of its own behind a cable that can be pulled out. `sshd.py [N]` by itself
starts some and a shell in which `ssh h1` reaches the first.

PID 1 of each host is host_holder.py, which ends all of it when the test has ended, however that was."""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

import procs
from harness import LIB, PATIENCE, Case, wait_for

TRIES = 50  # for an address or a port that nobody has
SERVER = """\
HostKey /run/sshd/host
PidFile /run/sshd/pid
AuthorizedKeysFile /run/sshd/keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
UseDNS no
SetEnv SHLVL=1
Subsystem sftp internal-sftp
"""
CLIENT = """\
Host *
  User root
  IdentityFile {folder}/user
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  CheckHostIP no
"""


def missing(apart=False):
    """Why there can be no hosts here, or None."""
    if os.getuid() != 0:
        return "needs root"
    for tool, package in (("sshd", "openssh-server"), ("ssh", "openssh-client"), ("ssh-keygen", "openssh-client"), ("rsync", "rsync"),
                          ("unshare", "util-linux"), ("ip", "iproute2")):
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            return f"no {tool} (package {package}; ./bootstrap --tests installs it)"
    if subprocess.run(["unshare", "-m", "-p", "-f", "--mount-proc", *(["-n"] if apart else []), "true"],
                      capture_output=True, check=False).returncode:
        return "no namespaces of its own"
    return None


def ip(*words, check=True):
    return subprocess.run(["ip", *map(str, words)], check=check, capture_output=True, text=True)


class Host:
    """One of them: `name`, `address`, `port`; `root`, its files as they are seen there; `pid`, its PID 1 as it is seen here."""

    def __init__(self, folder, name, apart, server):
        self.folder, self.name, self.apart, self.server = folder / name, name, apart, server
        self.holder = self.claim = None
        self.address, self.port, self.pid, self.cable = "", 0, 0, f"ci{uuid.uuid4().hex[:8]}"
        (self.folder / "etc").mkdir(parents=True)
        keygen(self.folder / "etc" / "host")
        self.key = " ".join((self.folder / "etc" / "host.pub").read_text().split()[:2])
        shutil.copy(folder / "user.pub", self.folder / "etc" / "keys")

    @property
    def root(self):
        return pathlib.Path(f"/proc/{self.pid}/root")

    def start(self):
        for _ in range(TRIES):
            if self.apart:
                self.claim_network()
            else:
                self.address = "127." + ".".join(str(random.randint(1, 254)) for _ in range(3))
                self.port = random.randint(10000, 30000)  # none that the kernel gives to clients
            listen = "0.0.0.0" if self.apart else self.address
            (self.folder / "etc" / "config").write_text(f"{self.server}ListenAddress {listen}\nPort {self.port}\n{SERVER}")
            # pylint: disable=consider-using-with
            self.holder = subprocess.Popen(["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", *(["-n"] if self.apart else []),
                                            sys.executable, "-BS", LIB / "host_holder.py", self.folder, *(["net"] if self.apart else [])],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
            listens = self.told()
            if listens:
                break
            self.close()
        else:
            raise AssertionError(f"sshd of {self.name} did not start:\n{self.log()}")
        self.pid = procs.children(self.holder.pid)[0]
        if self.apart:
            self.plug()

    def told(self):
        return int((self.holder.stdout.readline().split() or ["sshd", "0"])[1])

    def log(self):
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def claim_network(self):
        """Four addresses of 198.18.0.0/15, which is for tests of networks; a name in the kernel says that they are taken."""
        for _ in range(TRIES):
            number = 4 * random.randint(1, 32000)
            base = f"198.{18 + (number >> 16)}.{number >> 8 & 255}."
            self.address, self.port = f"{base}{(number & 255) + 2}", 22
            self.here = f"{base}{(number & 255) + 1}/30"
            self.claim = socket.socket(socket.AF_UNIX)
            try:
                self.claim.bind(f"\0ciplug-test-network-{self.address}")
                route = ip("route", "get", self.address, check=False)
                if route.returncode or " via " in route.stdout:
                    return
            except OSError:
                pass
            self.claim.close()
        raise AssertionError("no free network")

    def plug(self):
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.pid)
        for words in (["addr", "add", f"{self.address}/30", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            subprocess.run(["nsenter", "-t", str(self.pid), "-n", "ip", *words], check=True)
        ip("link", "set", self.cable, "addrgenmode", "none", check=False)
        self.join()

    # Its loss

    def cut(self):
        """Pull the cable out: nobody is told."""
        ip("link", "set", self.cable, "down")

    def join(self):
        ip("link", "set", self.cable, "up")
        ip("addr", "replace", self.here, "dev", self.cable)

    def sshds(self):
        return [pid for pid in procs.descendants(self.pid) if procs.comm(pid).startswith("sshd")]

    def freeze(self):
        """sshd does not answer any more, without being gone; what it had started runs on."""
        for pid in self.sshds():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self.sshds():
            os.kill(pid, signal.SIGCONT)

    def restart(self):
        """Kills sshd and its sessions, not what they had started, and starts another one."""
        self.holder.stdin.write("restart\n")
        self.holder.stdin.flush()
        assert self.told(), self.log()

    def stop(self):
        """Nobody listens any more; sessions are gone, too."""
        for pid in self.sshds():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        wait_for(lambda: not self.sshds(), "the end of sshd")

    # What is there

    def processes(self, text=""):
        """[(pid, command line)] of what lives there, but for sshd and its helpers, and has this text in its command line."""
        found = []
        for pid in procs.descendants(self.pid):
            line = procs.line(pid)
            if procs.alive(pid) and not procs.comm(pid).startswith(("sshd", "sftp-server")) and text in line:
                found.append((pid, line))
        return found

    def settled(self, text="", seconds=5):
        """What still is, when that long has been waited for its end."""
        deadline = time.monotonic() + seconds
        while True:
            left = self.processes(text)
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.02)

    def clean(self):
        """Kill what commands left."""
        for pid, _ in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass

    def say_end(self):
        if self.holder and not self.holder.stdin.closed:
            try:
                self.holder.stdin.write("end\n")
                self.holder.stdin.close()
            except OSError:
                pass  # it has ended

    def close(self):
        if self.holder:
            self.say_end()
            self.holder.stdout.close()
            try:
                self.holder.wait(PATIENCE)
            finally:
                self.holder = None
        if self.apart and self.pid:
            ip("link", "del", self.cable, check=False)  # gone with its other end, but not at once
        if self.claim:
            self.claim.close()
            self.claim = None


def keygen(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ciplug-test", "-f", path], check=True, stdin=subprocess.DEVNULL)


class Hosts:
    """`with Hosts(3) as hosts:`, or start() and close(); hosts[0] is called h1. `apart`: each in a network of its own. `server`:
    lines that go before those of sshd's configuration."""

    def __init__(self, count, apart=False, server=""):
        self.count, self.apart, self.server = count, apart, server
        self.folder, self.all = None, []

    def start(self):
        reason = missing(self.apart)
        if reason:
            raise unittest.SkipTest(reason)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ciplug-hosts-"))
        try:
            keygen(self.folder / "user")
            for number in range(1, self.count + 1):
                host = Host(self.folder, f"h{number}", self.apart, self.server)
                self.all.append(host)
                host.start()
            self.write_client()
        except BaseException:
            self.close()
            raise
        return self

    __enter__ = start

    def write_client(self):
        """The client's configuration, and an `ssh` that reads no other."""
        text, known = "", ""
        for host in self.all:
            text += f"Host {host.name}\n  HostName {host.address}\n  Port {host.port}\n"
            known += f"{host.address if host.port == 22 else f'[{host.address}]:{host.port}'} {host.key}\n"
        (self.folder / "known_hosts").write_text(known)
        (self.folder / "ssh_config").write_text(text + CLIENT.format(folder=self.folder))
        (self.folder / "bin").mkdir(exist_ok=True)
        client = self.folder / "bin" / "ssh"
        client.write_text(f"#!/bin/sh\nexec {shutil.which('ssh')} -F {self.folder}/ssh_config \"$@\"\n")
        client.chmod(0o755)

    def env(self):
        """What leads `ssh` to our configuration, and away from the agent of the one who tests."""
        return {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "SSH_AUTH_SOCK": ""}

    def options(self):
        """The same as words for -o, for an `ssh` as it is."""
        return [f"UserKnownHostsFile={self.folder}/known_hosts", "GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "User=root"]

    def ssh(self, name, *words):
        """A bare ssh; what subprocess.run() returns, its output as text."""
        return subprocess.run([self.folder / "bin" / "ssh", "-o", "BatchMode=yes", name, *words], capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL, timeout=PATIENCE)

    def __getitem__(self, number):
        return self.all[number]

    def __iter__(self):
        return iter(self.all)

    def close(self):
        for host in self.all:
            host.say_end()  # all at once
        for host in self.all:
            host.close()
        self.all = []
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def __exit__(self, *_):
        self.close()


class HostCase(Case):
    """A test with the class's hosts: self.hosts. Processes that a test leaves on them are a fault, and are killed."""

    machines, apart, server = 2, False, ""
    remains_expected = False

    @classmethod
    def setUpClass(cls):
        cls.hosts = Hosts(cls.machines, cls.apart, cls.server).start()
        cls.addClassCleanup(cls.hosts.close)

    def setUp(self):
        self.addCleanup(self.sweep)  # after clean(), which ends ciplug
        super().setUp()
        self.env.update(self.hosts.env())

    def sections(self, workers=1, keys="", names=None):
        """[host] sections, all of them or these."""
        return "".join(f"[host {host.name}]\nuses = ssh\nssh.address = {host.name}\nworkers = {workers}\n{keys}\n"
                       for host in self.hosts if names is None or host.name in names)

    def ini(self, step, workers=1, keys="", head="", names=None):
        """A file of one step `s` on all hosts."""
        return (f"[ciplug]\nplugins = shell ssh\n{head}\n[step s]\nhosts = {' '.join(names or [host.name for host in self.hosts])}\n"
                f"{step}\n{self.sections(workers, keys, names)}")

    def sweep(self):
        left = [] if self.remains_expected else [one for host in self.hosts for one in host.settled()]
        for host in self.hosts:
            host.clean()
        self.count(survivors=len(left))
        self.assertEqual(left, [], "what the test left on the hosts")


def main():
    try:
        with Hosts(int((sys.argv[1:] or ["2"])[0])) as hosts:
            print(", ".join(f"{host.name} is {host.address} port {host.port}" for host in hosts) + "; exit ends them")
            subprocess.run([os.environ.get("SHELL", "sh")], env=dict(os.environ, **hosts.env()), check=False)
    except unittest.SkipTest as reason:
        sys.exit(f"no hosts here: {reason}")


if __name__ == "__main__":
    main()
