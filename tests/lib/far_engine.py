# SPDX-License-Identifier: MIT
"""Engines that are on another machine, as far as their clients can tell: by TCP, or by ssh on a host of sshd.py."""
import os
import pathlib
import socket
import threading

from engine import EngineCase


class Relay:
    """Takes connections for an engine, on a port of the loopback or at a path, and passes the bytes on; until it is told not to."""

    def __init__(self, engine, path=None, waits=None):
        """With `waits`, an event, nobody listens before it."""
        self.target, self.path, self.waits = str(engine.folder / "sock"), path, waits
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.listener.bind(str(path) if path else ("127.0.0.1", 0))
        if not waits:
            self.listener.listen(64)
        self.flows = threading.Event()
        self.flows.set()
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self):
        return f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self):
        if self.waits:
            self.waits.wait()
            self.listener.listen(64)
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return  # closed
            far = socket.socket(socket.AF_UNIX)
            self.open += [near, far]
            try:
                far.connect(self.target)
            except OSError:
                near.close()
                continue
            for source, target in (near, far), (far, near):
                threading.Thread(target=self.carry, args=(source, target), daemon=True).start()

    def carry(self, source, target):
        try:
            while data := source.recv(65536):
                self.flows.wait()
                target.sendall(data)
            self.flows.wait()
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        """Nothing comes through any more, and nobody is told."""
        self.flows.clear()

    def join(self):
        self.flows.set()

    def close(self):
        """Refuse new connections and end those that there are."""
        self.flows.set()
        if self.waits:
            self.waits.set()
        for one in self.listener, *self.open:  # close() alone would let who waits in accept() take one more
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()
        if self.path:
            pathlib.Path(self.path).unlink(missing_ok=True)


class FarCase(EngineCase):
    """The tests of a class once more, with the engine as a [host] that is reached by TCP: class Far(FarCase, Near)."""

    def setUp(self):
        super().setUp()
        self.relay = Relay(self.engine)
        self.addCleanup(self.relay.close)
        self.env.pop("DOCKER_HOST", None)

    def start(self, ini, *args, **how):
        if isinstance(ini, str) and "[ciplug]\n" in ini:
            indent = ini[:ini.index("[ciplug]\n")].rpartition("\n")[2]
            host = f"[host far]\nenv.DOCKER_HOST = {self.relay.address}\nworkers = 3\n"
            ini = ini.replace("[ciplug]\n", f"[ciplug]\n{indent}hosts = far\n", 1)
            ini += "\n" + "".join(f"{indent}{line}\n" for line in host.splitlines())
        return super().start(ini, *args, **how)


def lend_engine(host, engine):
    """The engine becomes the one of a host of sshd.py; what to close()."""
    return Relay(engine, os.path.join(host.root, "run/docker.sock"))
