# SPDX-License-Identifier: MIT
"""Black-box tests of ciplug: each in a folder of its own, nothing left behind, no fixed waits."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import uuid

import journal
import procs

LIB = pathlib.Path(__file__).resolve().parent
SRCDIR = pathlib.Path(os.environ.get("CIPLUG_SRCDIR", LIB.parent.parent)).resolve()
EXAMPLES = SRCDIR / "examples"
# For conditions that are met at once on an idle machine; a busy one may take its time.
PATIENCE = float(os.environ.get("CIPLUG_TEST_PATIENCE", "60"))
NO_SKIP = bool(os.environ.get("CIPLUG_TEST_NO_SKIP"))


def program():
    """$CIPLUG, else the one of the build folder that the test stands in."""
    named = os.environ.get("CIPLUG")
    for path in [named] if named else ["ciplug", "../ciplug", SRCDIR / "ciplug"]:
        if path and os.access(path, os.X_OK) and os.path.isfile(path):
            return str(pathlib.Path(path).resolve())
    sys.exit("no ciplug here: set CIPLUG")


CIPLUG = program()


def wait_for(condition, what="condition", patience=PATIENCE):
    """Ask until it is true; its value. Fails the test after `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:.0f} s for {what}")
        time.sleep(0.01)


class Ended:
    """A finished ciplug: status (as a shell sees it), out, err as text, seconds it took."""

    def __init__(self, returncode, out, err, seconds):
        self.status = returncode if returncode >= 0 else 128 - returncode
        self.returncode, self.raw_out, self.raw_err, self.seconds = returncode, out, err, seconds
        self.out = out.decode("utf-8", "replace")
        self.err = err.decode("utf-8", "replace")
        self.all = self.out + self.err


class Running:
    """A ciplug in the background; its output goes to files, so that nothing ever blocks it."""

    def __init__(self, argv, cwd, env, stdin, stdout, preexec):
        self.out_file = tempfile.TemporaryFile()
        self.err_file = tempfile.TemporaryFile()
        self.began = time.monotonic()
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=stdin,
                                        stdout=self.out_file if stdout is None else stdout,
                                        stderr=self.err_file, preexec_fn=preexec)
        self.pid = self.process.pid

    @staticmethod
    def read(file):
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)

    def out(self):
        return self.read(self.out_file).decode("utf-8", "replace")

    def err(self):
        return self.read(self.err_file).decode("utf-8", "replace")

    def send(self, number):
        os.kill(self.pid, number)

    def wait(self, patience=PATIENCE):
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"ciplug did not end within {patience:.0f} s\n"
                                 f"{self.out()}\n{self.err()}") from None
        return Ended(self.process.returncode, self.read(self.out_file), self.read(self.err_file),
                     time.monotonic() - self.began)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.out_file.close()
        self.err_file.close()


def clean_environment(marker):
    """The caller's, without what would change ciplug's behaviour, and with the test's marker."""
    dropped = ("CI", "NO_COLOR", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GITHUB_ACTIONS", "GITLAB_CI",
               "PROJECT_NAME", "COLUMNS", "LINES")
    env = {name: value for name, value in os.environ.items()
           if name not in dropped and not name.startswith(("CI_", "CIPLUG_PLUGIN", "DOCKER_", "COMPOSE_"))}
    env.update(CIPLUG_TEST=marker, TERM="dumb", LC_ALL="C.UTF-8")
    return env


class Case(unittest.TestCase):
    """One test: self.dir is its folder and where ciplug runs. Whatever carries the test's marker in
    its environment when the test has ended is a fault, and is killed."""

    maxDiff = None
    survivors_expected = False
    counts = {"repeats": 0, "survivors": 0, "losses": 0}

    def setUp(self):
        self.marker = "t" + uuid.uuid4().hex
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ciplug-test-")).resolve()
        self.env = clean_environment(self.marker)
        self.started = []
        self.addCleanup(self.clean)

    def clean(self):
        for running in self.started:
            running.close()
        left = []
        if not self.survivors_expected:
            left = procs.settle(self.marker, seconds=5)
        procs.kill_all(self.marker)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.count(repeats=1, survivors=len(left))
        self.assertEqual(left, [], "processes that outlived the test")

    @staticmethod
    def count(**numbers):
        """What docs/faults.md says of this file: repeats (1 for each test is counted anyway), survivors (those of
        clean() too), losses. Count before asserting."""
        for name, number in numbers.items():
            Case.counts[name] += number

    # Files

    def write(self, name, data):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def read(self, name):
        return (self.dir / name).read_text(encoding="utf-8", errors="replace")

    def fifo(self, name):
        os.mkfifo(self.dir / name)
        return self.dir / name

    def open_fifo(self, name):
        """Let one reader of the FIFO go on, as soon as there is one."""
        def attempt():
            try:
                return os.open(self.dir / name, os.O_WRONLY | os.O_NONBLOCK) + 1
            except OSError:
                return 0
        fd = wait_for(attempt, f"a reader of {name}") - 1
        os.write(fd, b"go\n")
        os.close(fd)

    def wait_file(self, name, text=None):
        """Until the file is there, and holds `text` where given."""
        path = self.dir / name
        wait_for(lambda: path.exists() and (text is None or text in path.read_text()), f"file {name}")

    def shim(self, source, **env):
        """Environment with tests/lib/SOURCE loaded before the libraries. In a sanitizer's build its own calls come first,
        so the shim does nothing there, and a test that needs it is left to the plain builds."""
        if os.environ.get("SANITIZER", "no") not in ("", "no"):
            return dict(env)
        return dict(env, LD_PRELOAD=str(self.compiled(source, "-shared", "-fPIC", "-ldl")))

    def compiled(self, source, *flags):
        """tests/lib/SOURCE, built in the test's folder with the compiler that built ciplug."""
        made = self.dir / f"{source}.built"
        command = os.environ.get("CC", "cc").split() + ["-O1", "-o", str(made), str(LIB / source), *flags]
        subprocess.run(command, check=True, capture_output=True)
        return made

    # Running

    def start(self, ini, *args, verb=(), stdin=subprocess.DEVNULL, stdout=None, preexec=None, env=None,
              wrap=(), cwd=None):
        """ciplug in the background. `ini`: text of ci.ini, a path, or None (no -c)."""
        if isinstance(ini, pathlib.Path):
            config = ["-c", str(ini)]
        elif ini is None:
            config = []  # ci.ini of the folder, or a verb that takes none
        else:
            self.write("ci.ini", textwrap.dedent(ini) if isinstance(ini, str) else ini)
            config = ["-c", "ci.ini"]
        argv = [*wrap, CIPLUG, *verb, *config, *map(str, args)]
        environment = dict(self.env, **(env or {}))
        running = Running(argv, cwd or self.dir, environment, stdin, stdout, preexec)
        self.started.append(running)
        return running

    def ci(self, ini, *args, patience=PATIENCE, **how):
        """Run to the end."""
        return self.start(ini, *args, **how).wait(patience)

    def verb(self, *args, patience=PATIENCE, **how):
        """ciplug with exactly these arguments."""
        return self.start(None, *args, **how).wait(patience)

    def passes(self, ini, *args, **how):
        ended = self.ci(ini, *args, **how)
        self.assertEqual(ended.status, 0, ended.all)
        return ended

    def run_of(self, state=".ciplug", run="latest"):
        folder = self.dir / state / ("latest" if run == "latest" else f"runs/{run}")
        return journal.Run(folder.resolve())

    def runs(self, state=".ciplug"):
        folder = self.dir / state / "runs"
        names = os.listdir(folder) if folder.is_dir() else []
        return sorted(name for name in names if re.fullmatch(r"[a-z0-9]{8}", name))

    # Asserting

    def refused(self, ini, *messages, args=(), status=2):
        """Status 2 with these texts, and nothing was started."""
        ended = self.ci(ini, *args)
        self.assertEqual(ended.status, status, ended.all)
        for message in messages:
            self.assertIn(message, ended.err)
        self.assertEqual(self.runs(), [], "a run was started")
        return ended

    def outcomes(self, step, **how):
        """Outcomes of the final attempts by number."""
        final = self.run_of(**how).final(step)
        return [final[number]["outcome"] for number in sorted(final)]

    def assert_ledger(self, **expected):
        """The journal's ledger is this (what is not named is 0) and adds up with the records."""
        run = self.run_of()
        names = ("passed", "failed", "signaled", "timeout", "error", "cancelled", "skipped")
        ledger = run.last("run_finished")["ledger"]
        want = {name: expected.get(name, 0) for name in names}
        self.assertEqual({name: ledger[name] for name in names}, want)
        self.assertEqual(ledger["planned"], sum(want.values()))
        self.assertEqual(run.counted(), want)


def survivors(marker):
    return procs.with_marker(marker)


class Sight(Case):
    """The tests count what outlives them by a marker in the environment. One that ciplug does not hand on would let them see
    nothing, and pass."""

    survivors_expected = True

    def test_a_command_that_lives_is_seen(self):
        self.start("[step s]\ncommand = : >up; exec sleep 600\n")
        self.wait_file("up")
        wait_for(lambda: any(line.startswith("sleep 600") or "exec sleep" in line for _, line in survivors(self.marker)),
                 "a sight of the command", min(PATIENCE, 20))


def main(controls=None):
    """Run the file's tests. Status 77: all were skipped; in CI a skip is a failure. `controls`: {safeguard: test or
    tests that fail without it}, for faults/controls."""
    if sys.argv[1:] == ["--controls"]:
        print(json.dumps(controls or {}))
        sys.exit(0)
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not os.environ.get("CIPLUG_SAFEGUARDS_OFF"):
        if not unittest.TextTestRunner(stream=sys.stdout).run(Sight("test_a_command_that_lives_is_seen")).wasSuccessful():
            sys.exit(1)
        Case.counts.update(dict.fromkeys(Case.counts, 0))
    result = unittest.main(module="__main__", testRunner=runner, exit=False).result
    print("COUNTS", json.dumps(dict(Case.counts, tests=result.testsRun)))
    for test, reason in result.skipped:
        print(f"SKIP: {test}: {reason}")
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    if result.skipped and NO_SKIP:
        print("skipped tests are failures here (CIPLUG_TEST_NO_SKIP)")
        sys.exit(1)
    sys.exit(77 if result.skipped and len(result.skipped) == result.testsRun else 0)
