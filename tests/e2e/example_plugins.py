#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The plugins of examples/plugins: each is built with pkg-config, a compiler and its own Makefile against an installed ciplug,
and does what it says; and the tutorial, followed word by word."""
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import procs  # noqa: E402
from harness import CIPLUG, EXAMPLES, SRCDIR, Case, main, wait_for  # noqa: E402

BUILD = pathlib.Path(os.environ.get("CIPLUG_BUILDDIR", pathlib.Path(CIPLUG).parent))


class Installed(Case):
    """A ciplug that was installed into the test's folder, and what is built against it."""

    def setUp(self):
        super().setUp()
        if not (BUILD / "Makefile").exists():
            self.skipTest(f"{BUILD} is no build folder")
        self.root = self.dir / "root"
        self.done(["make", "-s", "-C", str(BUILD), "install", f"DESTDIR={self.root}"], cwd=self.dir)
        self.program = next(self.root.rglob("bin/ciplug"))
        found = next(self.root.rglob("ciplug.pc"))
        self.env.update(PKG_CONFIG_PATH=str(found.parent), PKG_CONFIG_SYSROOT_DIR=str(self.root),
                        CIPLUG_PLUGIN_PATH=str(next(self.root.rglob("shell.so")).parent), PATH=f"{self.program.parent}:{self.env['PATH']}")

    def done(self, command, cwd, status=0, **env):
        made = subprocess.run(command, capture_output=True, check=False, text=True, errors="replace", cwd=cwd, env=dict(self.env, **env),
                              stdin=subprocess.DEVNULL)
        self.assertEqual(made.returncode, status, made.stdout + made.stderr)
        return made.stdout

    def built(self, name):
        """The example's folder, copied and made; its ci.ini becomes the test's."""
        for path in (EXAMPLES / "plugins" / name).iterdir():
            shutil.copy(path, self.dir)
        # The sysroot is for ours alone.
        flags = self.done(["pkg-config", "--cflags", "ciplug"], self.dir).strip()
        kept = {key: value for key, value in self.env.items() if key != "PKG_CONFIG_SYSROOT_DIR"}
        self.assertIn(str(self.root), flags)
        lines = (self.dir / "Makefile").read_text()
        self.assertLessEqual(len(lines.splitlines()), 5)
        made = subprocess.run(["make", "-s"], cwd=self.dir, env=dict(kept, CPATH=str(self.root / self.includedir())), capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)
        self.assertEqual((made.returncode, made.stderr), (0, ""), made.stdout)
        shown = self.done([str(self.program), "plugins", f"./{name}.so"], self.dir)
        self.assertIn(f"{name} 1.0: ", shown)

    def includedir(self):
        return next(self.root.rglob("ciplug/plugin.h")).parent.parent.relative_to(self.root)

    def ini(self):
        return self.read("ci.ini")


class Nice(Installed):
    def test_it(self):
        self.built("nice")
        self.refused(self.ini().replace("nice.level = 15", "nice.level = 20"), "nice.level")
        self.write("ci.ini", (EXAMPLES / "plugins" / "nice" / "ci.ini").read_text())
        self.passes(self.ini())
        low, lower = (min(19, os.nice(0) + level) for level in (5, 15))
        self.assertEqual((self.run_of().text("low"), self.run_of().text("lower")), (f"{low}\n", f"{lower}\n2048000\n"))

    def test_out_of_memory(self):
        self.built("nice")
        ended = self.ci("[ciplug]\nplugins = shell ./nice.so\n[step s]\nuses = nice\nnice.memory = 64\ncommand = head -c 200000000 /dev/zero | tail -c 150000000 | wc -c\n")
        self.assertNotIn("150000000", self.run_of().text("s"), ended.all)


class Unshare(Installed):
    def setUp(self):
        super().setUp()
        if subprocess.run(["unshare", "--pid", "--fork", "--mount", "--mount-proc", "true"], capture_output=True, check=False).returncode:
            self.skipTest("no namespaces can be made here")
        self.built("unshare")

    def place(self, command, keys=""):
        return f"[ciplug]\nplugins = shell ./unshare.so\n[step s]\nuses = unshare\n{keys}command = {command}\n"

    # Its own /tmp hides the test's folder, but for where it stands.
    TREE = ": >up; trap '' TERM; setsid sleep 50101 & (trap '' TERM INT; exec sleep 50102) & sleep 50103"

    def gone(self):
        left = procs.settle(self.marker, seconds=5)
        self.count(survivors=len(left))
        self.assertEqual(left, [])
        self.assertEqual([path for path in pathlib.Path("/tmp").glob(f"ciplug-unshare-{self.runs()[-1]}-*")], [])

    def test_it(self):
        self.passes(self.ini())
        self.assertEqual([self.run_of().text("tests", n) for n in (1, 2)], ["1\n0\n", "2\n0\n"])
        self.gone()

    def test_how_it_ended(self):
        ended = self.ci(self.place("exit 7"))
        self.assertEqual((ended.status, self.run_of().one("s")["exit_code"]), (1, 7))

    def test_a_timeout(self):
        self.ci(self.place(self.TREE, "timeout = 1s\ngrace = 100ms\n"))
        self.assertEqual(self.run_of().one("s")["outcome"], "timeout")
        self.gone()

    def test_without_a_guard(self):
        self.ci(self.place(self.TREE, "timeout = 1s\ngrace = 100ms\nunshare.guard = no\n"))
        self.assertEqual(self.run_of().one("s")["outcome"], "timeout")
        self.gone()

    def test_a_signal(self):
        running = self.start(self.place(self.TREE, "grace = 100ms\n"))
        self.wait_file("up")
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        self.gone()

    def test_sigkill(self):
        running = self.start(self.place(self.TREE))
        self.wait_file("up")
        running.send(signal.SIGKILL)
        running.wait()
        left = procs.settle(self.marker, seconds=5)
        self.count(survivors=len(left))
        self.assertEqual(left, [])
        reaped = self.verb("reap", "--plugin-path", str(self.dir))
        self.assertEqual(reaped.status, 0, reaped.all)
        self.gone()


class Timings(Installed):
    def test_it(self):
        self.built("timings")
        self.passes(self.ini())
        self.assertEqual(sorted(self.run_of().text("unit", n) for n in (1, 2)), ["a b c\n", "long\n"])


class Service(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # pylint: disable=invalid-name
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Webhook(Installed):
    def setUp(self):
        super().setUp()
        if subprocess.run(["pkg-config", "--exists", "libcurl"], check=False).returncode:
            self.skipTest("libcurl is not installed")
        self.built("webhook")

    def test_what_is_posted(self):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
            server.bodies = []
            threading.Thread(target=server.serve_forever, daemon=True).start()
            ended = self.ci(self.ini(), env={"WEBHOOK_URL": f"http://127.0.0.1:{server.server_address[1]}/"})
            server.shutdown()
        self.assertEqual(ended.status, 1, ended.all)
        run = self.runs()[0]
        self.assertEqual(server.bodies, [{"run": run, "event": "command", "step": "tests", "item": "two", "outcome": 2, "reason": "exit code 1"},
                                         {"run": run, "event": "run", "status": 1}])

    def test_a_service_that_is_down(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            ended = self.ci(self.ini(), env={"WEBHOOK_URL": f"http://127.0.0.1:{closed.getsockname()[1]}/"})
        self.assertEqual(ended.status, 1)
        self.assertIn("plugin webhook: 2 of 2 could not be posted", ended.err)

    def test_a_service_that_hangs(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            began = time.monotonic()
            ended = self.ci(self.ini().replace("[step", "timeout = 1s\n[step", 1), env={"WEBHOOK_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/"})
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(ended.status, 1)
        self.assertIn("could not be posted", ended.err)


class New(Installed):
    """ciplug plugins --new NAME"""

    def test_it_builds_and_passes_its_test(self):
        for name in ("greet", "if", "a_2"):
            with self.subTest(name):
                self.done([str(self.program), "plugins", "--new", name], self.dir)
                kept = {key: value for key, value in self.env.items() if key != "PKG_CONFIG_SYSROOT_DIR"}
                made = subprocess.run(["make", "-s", "test"], cwd=self.dir / name, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                                      env=dict(kept, CPATH=str(self.root / self.includedir()), CFLAGS="-Werror -pedantic"))
                self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
                self.assertIn("as expected\n", made.stdout)

    def test_what_is_refused(self):
        self.write("there/kept", "")
        for name, said in (("there", "there: File exists"), ("Big", "is no name"), ("a-b", "is no name"), ("../x", "is no name"), ("", "is no name"),
                           ("9a", "is no name"), ("x" * 61, "is no name")):
            with self.subTest(name):
                made = subprocess.run([str(self.program), "plugins", "--new", name], cwd=self.dir, capture_output=True, text=True, check=False,
                                      stdin=subprocess.DEVNULL)
                self.assertEqual(made.returncode, 2)
                self.assertIn(said, made.stderr)
        self.assertEqual(os.listdir(self.dir / "there"), ["kept"])
        self.assertEqual(self.verb("plugins", "--new").status, 2)


class Tutorial(Installed):
    """docs/writing-a-plugin.md: each block that has a file's name in front is written, each command is typed, and what it is said to
    print is printed."""

    def test_word_by_word(self):
        if os.nice(0):
            self.skipTest("what it prints is that of the usual priority")
        page = (SRCDIR / "docs" / "writing-a-plugin.md").read_text()
        folder = self.dir / "tutorial"
        folder.mkdir()
        self.env["CPATH"] = str(self.root / self.includedir())
        self.env.pop("PKG_CONFIG_SYSROOT_DIR")
        commands = 0
        for name, language, text in re.findall(r"(?:^`([^`\n]+)`:\n\n)?^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
            if name:
                (folder / name).write_text(text)
            for command, said in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE) if language == "console" else []:
                made = subprocess.run(["sh", "-c", command], cwd=folder, env=self.env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
                commands += 1
                seen = made.stdout + made.stderr
                for line in said.splitlines():
                    pattern = ".*".join(re.escape(part) for part in line.split("..."))
                    self.assertRegex(seen, pattern, f"{command}: {seen}")
        self.assertGreaterEqual(commands, 6)


if __name__ == "__main__":
    main()
