#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The n-th call of a kind fails, for every n: never a crash, a hang, or success where something was lost.

`make check` tries a sample, the same each time but for CIPLUG_TEST_SEED: whether a commit passes is not for dice to
say. TORTURE=all (`make torture`) goes on with each kind until n is more than there are. TORTURE_ONLY=SCENARIO/KIND/ROLE[/N] tries these alone, TORTURE_SECONDS ends it early."""
import concurrent.futures
import errno
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import inject  # noqa: E402
import journal  # noqa: E402
import procs  # noqa: E402

SECONDS = 40        # for the sample
HANG = 90           # a run takes less than one second
ROLES = ("runner", "keeper", "hand")
WRITES = "write writev pwrite pwrite64"
READS = "read readv pread pread64 recv recvmsg"
OPENS = "open open64 openat openat64 fopen fopen64 opendir fdopendir"


class Kind:
    """Calls that fail alike. strict: the run has to end as if nothing had been."""

    def __init__(self, name, calls, errors, strict=False, count=1, short=False):
        self.name, self.calls, self.errors = name, calls, errors
        self.strict, self.count, self.short = strict, count, short


KINDS = [
    Kind("write", WRITES, [errno.ENOSPC, errno.EIO]),
    Kind("write-on", WRITES, [errno.ENOSPC], count=0),
    Kind("write-short", WRITES, [errno.ENOSPC], short=True),
    Kind("read", READS, [errno.EIO, errno.ENOMEM]),
    Kind("open", OPENS, [errno.EMFILE, errno.EIO, errno.ENOMEM]),
    Kind("open-on", OPENS, [errno.EMFILE], count=0),
    Kind("interrupt", f"{WRITES} {READS} sendmsg poll ppoll waitpid waitid flock fallocate ftruncate",
         [errno.EINTR], strict=True),
    Kind("close", "close", [errno.EIO, errno.EDQUOT]),
    Kind("rename", "rename renameat symlinkat unlink unlinkat rmdir", [errno.EIO, errno.EACCES]),
    Kind("folder", "mkdir mkdirat", [errno.ENOSPC, errno.EACCES]),
    Kind("sync", "fsync fdatasync", [errno.EIO]),
    Kind("space", "fallocate ftruncate ftruncate64", [errno.ENOSPC, errno.EIO]),
    Kind("pipe", "pipe2 socketpair", [errno.EMFILE, errno.ENFILE]),
    Kind("descriptor", "eventfd signalfd epoll_create1 memfd_create dup2 dup3 fcntl fcntl64",
         [errno.EMFILE, errno.ENOMEM]),
    Kind("clone", "clone fork pthread_create", [errno.EAGAIN, errno.ENOMEM]),
    Kind("clone-on", "clone fork pthread_create", [errno.EAGAIN], count=0),
    Kind("exec", "execve chdir setsid", [errno.EIO, errno.ENOMEM]),
    Kind("send", "sendmsg setsockopt", [errno.ENOBUFS, errno.EAGAIN]),
    Kind("stat", "stat fstat lstat fstatat readlink realpath getcwd", [errno.EIO, errno.ENOMEM]),
    Kind("map", "mmap", [errno.ENOMEM]),
    Kind("malloc", "malloc calloc realloc", [errno.ENOMEM]),
    Kind("malloc-on", "malloc calloc realloc", [errno.ENOMEM], count=0),
]


class Command:
    """What is known about one command: its outcome, what it prints, the file that it makes by itself."""

    def __init__(self, outcome="passed", out=b"", err=b"", ran=None, attempts=1, artifacts=()):
        self.outcome, self.out, self.err, self.ran = outcome, out, err, ran
        self.attempts, self.artifacts = attempts, artifacts


class Scenario:
    """status: the true verdict; commands: {(step, number): Command}; cleanups: {step: file that it makes}."""

    def __init__(self, name, ini, status, commands, cleanups=(), args=(), **how):
        self.name, self.ini, self.status, self.commands = name, ini, status, commands
        self.cleanups, self.args = dict(cleanups), args
        self.batched = how.get("batched", [])
        self.prepare, self.verb, self.report = how.get("prepare"), how.get("verb", ()), how.get("report")

    def argv(self):
        config = [] if self.verb else ["-c", "ci.ini"]
        return [harness.CIPLUG, *self.verb, *config, *self.args]


def passing():
    ini = """
[ciplug]
workers = 3
on_leak = fail
[step words]
items = a b c
command = echo out-$CI_ITEM; echo err-$CI_ITEM >&2; touch ran.$CI_ITEM
[step large]
needs =
env.ONE = %s
env.TWO = %s
stderr = merge
command = echo $((${#ONE} + ${#TWO})); head -c 100000 /dev/zero | tr '\\0' x; echo; echo merged >&2; touch ran.large
[step batched]
needs = words
items = x y z
batch = 2
command = echo {items}; for i in {items}; do touch ran.$i.z; done
artifacts = made.{number}/*
[step made]
needs = words
command = mkdir made; echo one > made/one; echo two > made/two; touch ran.made
artifacts = made/*
[step up]
needs =
command = touch ran.up; exec sleep 60
ready = test -e ran.up
start_timeout = 5s
[step down]
needs = up
if = test -e ran.up
lock = one
command = echo with service; touch ran.down
[cleanup tidy]
command = echo tidy; touch ran.tidy
[cleanup last]
command = touch ran.last
""" % ("o" * 40000, "t" * 40000)
    commands = {("words", i + 1): Command(out=b"out-%c\n" % c, err=b"err-%c\n" % c, ran="ran." + chr(c))
                for i, c in enumerate(b"abc")}
    commands.update({
        ("large", 1): Command(out=b"80000\n" + b"x" * 100000 + b"\nmerged\n", ran="ran.large"),
        ("made", 1): Command(ran="ran.made", artifacts=("made/one", "made/two")),
        ("up", 1): Command(ran="ran.up"),
        ("down", 1): Command(out=b"with service\n", ran="ran.down"),
    })
    return Scenario("passing", ini, 0, commands, {"tidy": "ran.tidy", "last": "ran.last"},
                    batched=[b"x", b"y", b"z"])


def mixed():
    ini = """
[ciplug]
workers = 3
grace = 1ms
mask = TORTURE_SECRET
[step list]
command = printf '1\\n2\\n'; touch ran.list
[step pass]
items_from = list
command = echo item-$CI_ITEM; touch ran.pass.$CI_ITEM
[step fail]
needs = list
command = echo failing; touch ran.fail; exit 3
on_failure = echo looked at $CI_OUTCOME
[step slow]
needs = list
timeout = 300ms
command = echo waiting; touch ran.slow; sleep 60
[step flaky]
needs = list
retries = 1
retry_delay = 1ms
command = echo try $CI_ATTEMPT; touch ran.flaky.$CI_ATTEMPT; test $CI_ATTEMPT = 2
[step signal]
needs = list
command = touch ran.signal; kill -9 $$
[step skipped]
needs = list
skip_codes = 77
command = touch ran.skipped; exit 77
[step masked]
needs = list
command = echo secret "$TORTURE_SECRET"; touch ran.masked
[step never]
needs = fail
command = touch ran.never
[cleanup tidy]
command = touch ran.tidy
[cleanup failure]
when = failure
command = touch ran.failure
"""
    commands = {
        ("list", 1): Command(out=b"1\n2\n", ran="ran.list"),
        ("pass", 1): Command(out=b"item-1\n", ran="ran.pass.1"),
        ("pass", 2): Command(out=b"item-2\n", ran="ran.pass.2"),
        ("fail", 1): Command("failed", b"failing\n", b"looked at failed\n", "ran.fail"),
        ("slow", 1): Command("timeout", b"waiting\n", ran="ran.slow"),
        ("flaky", 1): Command(out=b"try 2\n", ran="ran.flaky.{attempt}", attempts=2),
        ("signal", 1): Command("signaled", ran="ran.signal"),
        ("skipped", 1): Command("skipped", ran="ran.skipped"),
        ("masked", 1): Command(out=b"secret ***\n", ran="ran.masked"),
        ("never", 1): Command("skipped"),
    }
    return Scenario("mixed", ini, 1, commands, {"tidy": "ran.tidy", "failure": "ran.failure"},
                    args=("--keep-going",))


RESUMED = """
[step first]
items = a b
command = echo first-$CI_ITEM; touch ran.first.$CI_ITEM
[step second]
command = touch ran.second; test -e go
[step third]
command = echo third; touch ran.third
[cleanup tidy]
command = touch ran.tidy
"""


def resumed():
    def prepare(place):
        place.plain(1)
        for path in place.dir.glob("ran.*"):
            path.unlink()
        (place.dir / "go").touch()
    commands = {
        ("first", 1): Command("skipped", b"first-a\n"),
        ("first", 2): Command("skipped", b"first-b\n"),
        ("second", 1): Command(ran="ran.second"),
        ("third", 1): Command(out=b"third\n", ran="ran.third"),
    }
    return Scenario("resumed", RESUMED, 0, commands, {"tidy": "ran.tidy"}, args=("--resume",), prepare=prepare)


def report():
    def prepare(place):
        place.plain(1)
        place.plain(0, verb=("report", "--to", "console=known"))
        (place.dir / "report").write_text("an old report\n")
    return Scenario("report", RESUMED, 0, {}, verb=("report", "--to", "console=report"), prepare=prepare,
                    report="report")


SCENARIOS = [passing(), mixed(), resumed(), report()]


class Fault(Exception):
    """Something that must not be; kind: false pass, hang, crash, wrong."""

    def __init__(self, kind, text):
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Place:
    """One run in a folder of its own."""

    def __init__(self, scenario, folder, marker, prepared=None):
        self.scenario, self.dir, self.marker = scenario, pathlib.Path(folder), marker
        self.env = dict(harness.clean_environment(marker), TORTURE_SECRET="do not tell")
        if prepared:
            shutil.copytree(prepared, self.dir, symlinks=True)
        else:
            self.dir.mkdir()
            (self.dir / "ci.ini").write_text(scenario.ini)
            if scenario.prepare:
                scenario.prepare(self)
        self.before = set(os.listdir(self.dir / ".ciplug" / "runs")) if (self.dir / ".ciplug").exists() else set()

    def plain(self, status, verb=()):
        """Without a fault; part of preparing."""
        config = [] if verb else ["-c", "ci.ini"]
        ended = subprocess.run([harness.CIPLUG, *verb, *config], cwd=self.dir, env=self.env, check=False,
                               stdin=subprocess.DEVNULL, capture_output=True)
        assert ended.returncode == status, (ended.returncode, ended.stdout, ended.stderr)

    def run(self, calls, **how):
        """Injection of this run, its Ended."""
        injection = inject.Injection(self.dir, harness.CIPLUG, calls, **how)
        out, err = open(self.dir / "stdout", "wb+"), open(self.dir / "stderr", "wb+")
        began = time.monotonic()
        with out, err, subprocess.Popen(self.scenario.argv(), cwd=self.dir, env=dict(self.env, **injection.env),
                                        stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process:
            try:
                process.wait(HANG)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise Fault("hang", f"not over after {HANG} s; {injection.read().where}") from None
        seconds = time.monotonic() - began
        ended = harness.Ended(process.returncode, (self.dir / "stdout").read_bytes(),
                              (self.dir / "stderr").read_bytes(), seconds)
        return injection.read(), ended

    def end(self):
        procs.kill_all(self.marker)
        shutil.rmtree(self.dir, ignore_errors=True)


class Check:
    """What has to hold after a run, whatever failed in it."""

    def __init__(self, place, done, ended, strict, lasting=False):
        self.place, self.done, self.ended, self.scenario = place, done, ended, place.scenario
        self.strict, self.dir = strict, place.dir
        self.lasting, self.ready_failed = lasting, False
        self.out_of_memory = "ciplug: out of memory" in ended.err

    def false_pass(self, condition, text):
        if not condition:
            raise Fault("false pass", text)

    def right(self, condition, text):
        if not condition:
            raise Fault("wrong", text)

    def everything(self):
        if self.done.crash or self.ended.returncode < 0:
            raise Fault("crash", f"signal {self.done.crash or -self.ended.returncode}: {resolve(self.done.crashed_at)}")
        self.right(not re.search("Sanitizer|runtime error", self.ended.all), "a sanitizer speaks")
        if self.strict:
            self.right(self.ended.status == self.scenario.status, f"status {self.ended.status} after EINTR")
        if self.scenario.report:
            self.reported()
        else:
            self.ran()
        allowed = (self.scenario.status, 2, 3) + ((1,) if self.ready_failed else ())
        self.right(self.ended.status in allowed, f"status {self.ended.status}")
        self.nothing_left()

    # A run

    def new_run(self):
        runs = self.dir / ".ciplug" / "runs"
        names = set(os.listdir(runs)) if runs.is_dir() else set()
        new = sorted(name for name in names - self.place.before if re.fullmatch("[a-z0-9]{8}", name))
        self.right(len(new) < 2, f"runs {new}")
        return journal.Run(runs / new[0]) if new else None

    def ran(self):
        self.run = self.new_run()
        records = self.run.records() if self.run else []
        started = {path.name for path in self.dir.glob("ran.*")}
        if not records or self.ended.status == 2:
            self.false_pass(self.ended.status in (2, 3), f"status {self.ended.status} without a record")
            started -= set(self.scenario.cleanups.values())
            self.right(not started, f"status {self.ended.status} without a record, but these ran: {started}")
            return
        self.right([record["seq"] for record in records] == list(range(1, len(records) + 1)), "seq has gaps")
        final = {}
        for record in records:
            if record["event"] == "command_finished" and not record.get("cleanup"):
                self.one_record(record)
                if record["final"]:
                    key = record["step"], record["number"]
                    self.right(key not in final, f"two final records of {key}")
                    final[key] = record
        self.cleaned(records, started)
        if self.ended.status == self.scenario.status:
            self.whole(records, final)

    def one_record(self, record):
        """What a record says has happened."""
        where = f"{record['step']} {record['number']}.{record['attempt']}"
        known = self.scenario.commands.get((record["step"], record["number"]))
        outcome = record["outcome"]
        if record["step"] == "batched":  # a batch that was lost is tried again by item, with other numbers
            known = Command(out=b" ".join(journal.items(record)) + b"\n")
            for item in journal.items(record) if outcome == "passed" else []:
                self.false_pass((self.dir / f"ran.{item.decode()}.z").exists(), f"{where} did not run {item}")
        self.right(known, f"{where} is nobody's")
        if outcome in ("error", "cancelled"):
            self.right(record["reason"], f"{where} has no reason")
            return
        if outcome == "skipped" and not record["started"] and "carried" not in record["flags"]:
            self.right(record["reason"], f"{where} has no reason")
            self.false_pass(self.ended.status != 0, f"{where} was skipped, and the run is status 0")
            return
        expected = known.outcome if record["attempt"] >= known.attempts or "carried" in record["flags"] else "failed"
        self.false_pass(outcome == expected or outcome != "passed", f"{where} passed")
        if self.lasting and record["step"] == "up" and outcome in ("failed", "timeout"):
            self.ready_failed = True  # nobody could ever ask whether it is ready
            return
        self.right(outcome == expected, f"{where} is {outcome}, not {expected}: {record['reason']}")
        if known.ran and outcome != "timeout":
            ran = known.ran.format(attempt=record["attempt"])
            self.false_pass((self.dir / ran).exists(), f"{where} is {outcome} and did not run")
        if outcome == known.outcome and record.get("log_out"):
            self.log(record, where, "out", known.out)
            self.log(record, where, "err", known.err)

    def log(self, record, where, stream, known):
        path = record.get("log_" + stream)
        truncated = "truncated" in record["flags"]
        if not path or truncated:
            self.false_pass(not truncated or self.ended.status != 0, f"{where}: truncated, and status 0")
            return
        data = (self.run.folder / path).read_bytes()
        if record["outcome"] == "timeout" and not data:
            return  # on a busy machine it does not come to its echo
        if stream == "err" and known and not data and "on_failure" in self.ended.all:
            return  # it could not be run, and that was said
        self.false_pass(data == known, f"{where}: std{stream} is {data[:100]!r} ({len(data)} bytes), not {known[:100]!r}")
        self.right("carried" in record["flags"] or record["bytes_" + stream] == len(data), f"{where}: bytes_{stream} is {record['bytes_' + stream]}")

    def cleaned(self, records, started):
        began = [record for record in records if record["event"] == "step_started"]
        if not began or self.out_of_memory:
            return
        for step, file in self.scenario.cleanups.items():
            found = [record for record in records if record["event"] == "command_finished" and record["step"] == step]
            could_not = any(record["outcome"] == "error" for record in found)
            journal_broke = "journal cannot be written" in self.ended.all
            self.right(file in started or could_not or journal_broke and self.ended.status == 3,
                       f"cleanup {step} did not run")

    def whole(self, records, final):
        """The run claims to know."""
        status = self.ended.status
        if status == 1 and ("journal cannot be written" in self.ended.all or self.lasting):
            return  # commands failed as well, and it was said, where anything can be said
        self.false_pass(records[-1]["event"] == "run_finished", f"status {status}, and the journal ends with "
                        f"{records[-1]['event']}")
        ledger = records[-1]["ledger"]
        counted = self.run.counted()
        self.false_pass({name: ledger[name] for name in counted} == counted, f"ledger {ledger}, counted {counted}")
        self.false_pass(ledger["planned"] == sum(counted.values()), f"ledger does not add up: {ledger}")
        missing = set(self.scenario.commands) - set(final)
        if status == 0 or self.strict:
            self.false_pass(not missing, f"no record of {missing}")
            self.all_true(final)
        elif missing:
            halted = [record for record in final.values() if record["outcome"] in ("error", "cancelled", "skipped")]
            self.right(halted, f"no record of {missing}")

    def all_true(self, final):
        batched = sorted(item for key, record in final.items() if key[0] == "batched" and record["outcome"] == "passed"
                         for item in journal.items(record))
        self.false_pass(batched == self.scenario.batched, f"{batched} passed of {self.scenario.batched}")
        for key, known in self.scenario.commands.items():
            self.false_pass(final[key]["outcome"] == known.outcome, f"{key} is {final[key]['outcome']}")
            for name in known.artifacts:
                path = self.run.folder / "artifacts" / key[0] / str(key[1]) / name
                self.false_pass(path.exists() and path.read_bytes() == (self.dir / name).read_bytes(),
                                f"artifact {name} of {key} is missing")
            for line in known.out.splitlines()[:1]:
                self.false_pass(line in self.ended.raw_out or known.outcome == "skipped",
                                f"{line!r} of {key} was not shown")
        self.false_pass(not re.search("cannot (write|be written)", self.ended.err), "something was not written")
        latest = self.dir / ".ciplug" / "latest"
        if latest.is_symlink():
            self.false_pass(os.path.basename(os.readlink(latest)) == self.run.folder.name, "latest is another run")

    # A report

    def reported(self):
        # As a whole, where it cannot be asked which folder this is.
        found = (self.dir / "report").read_text().replace(f"{self.dir}/", "")
        known = (self.dir / "known").read_text()
        if self.ended.status == 0:
            self.false_pass(found == known, f"status 0, and the report is {found!r}")
        else:
            self.right(found in (known, "an old report\n"), f"half a report: {found!r}")

    # Both

    def nothing_left(self):
        left = procs.settle(self.place.marker, seconds=15)
        self.right(not left, f"these live on: {left}")
        files = {"ci.ini", ".ciplug", "made", "stdout", "stderr", "inject.state", "go", "known", "report"}
        odd = [name for name in os.listdir(self.dir) if name not in files and not name.startswith("ran.")]
        state = self.dir / ".ciplug"
        if state.is_dir():
            odd += [name for name in os.listdir(state) if name not in ("runs", "latest", ".gitignore")]
        if self.out_of_memory:
            odd = [name for name in odd if not name.endswith(".tmp")]
        odd = [name for name in odd if f"cannot remove '{name}" not in self.ended.all]
        self.right(not odd, f"these files are left: {odd}")
        if self.done.cgroup and os.path.isdir(self.done.cgroup):
            subprocess.run([harness.CIPLUG, "reap"], cwd=self.dir, env=self.place.env, check=False,
                           stdin=subprocess.DEVNULL, capture_output=True)
            denied = self.done.where.startswith("rmdir") and self.done.cgroup in self.done.where
            self.right(denied or not os.path.isdir(self.done.cgroup), f"{self.done.cgroup} is left")


class Trial:
    def __init__(self, scenario, kind, role, number, error):
        self.scenario, self.kind, self.role, self.number, self.error = scenario, kind, role, number, error

    def __str__(self):
        return f"{self.scenario.name}/{self.kind.name}/{self.role}/{self.number} ({errno.errorcode[self.error]})"


class Torturer:
    """Runs trials, and keeps count."""

    def __init__(self, folder, marker):
        self.dir, self.marker, self.number = pathlib.Path(folder), marker, 0
        self.prepared, self.totals = {}, {}
        self.injected, self.reached, self.slowest, self.excused = 0, set(), (0, ""), 0
        self.faults = []
        for scenario in SCENARIOS:
            self.prepare(scenario)

    def prepare(self, scenario):
        """A folder to copy for each trial, and the numbers of calls; without a fault all must be right."""
        place = Place(scenario, self.dir / scenario.name, f"{self.marker}p")
        self.prepared[scenario.name] = place.dir
        place = self.place(scenario)
        done, ended = place.run(None)
        assert done.loaded, "the shim was not loaded"
        assert ended.status == scenario.status, ended.all
        Check(place, done, ended, True).everything()
        self.totals[scenario.name] = done
        place.end()

    def place(self, scenario):
        self.number += 1
        return Place(scenario, self.dir / f"t{self.number}", f"{self.marker}n{self.number:07}",
                     self.prepared[scenario.name])

    def total(self, scenario, kind, role):
        """How many calls there are when none fails."""
        return self.totals[scenario.name].count(kind.calls, role)

    def attempt(self, trial, place):
        done, ended = place.run(trial.kind.calls, role=trial.role, at=trial.number, error=trial.error,
                                count=trial.kind.count, short=trial.kind.short)
        if not done.injected:
            return False
        self.injected += 1
        self.reached.add(trial.kind.name)
        self.slowest = max(self.slowest, (ended.seconds, str(trial)))
        try:
            Check(place, done, ended, trial.kind.strict, trial.kind.count == 0).everything()
        except Fault as fault:
            # glibc 2.36 asserts that it can read its own configuration of name services (nss_database.c).
            if fault.kind == "crash" and " private_group" in resolve(done.where):
                self.excused += 1
                return True
            raise Fault(fault.kind, f"{fault}\n  {place.dir}\n  {resolve(done.where)}\n  status {ended.status}; "
                        f"{last_words(ended)}") from None
        return True

    def try_one(self, trial):
        """Whether the n-th call was reached."""
        place = self.place(trial.scenario)
        try:
            reached = self.attempt(trial, place)
        except Fault as fault:
            self.faults.append((trial, fault))
            print(f"FAULT {trial}: {fault}", flush=True)
            procs.kill_all(place.marker)
            if not os.environ.get("TORTURE_KEEP"):
                place.end()
            return True
        place.end()
        return reached

    def of(self, kind):
        return sum(fault.kind == kind for _, fault in self.faults)

    def summary(self):
        return (f"torture: {self.injected} injected failures, {len(self.reached)} classes, "
                f"{self.of('false pass')} false passes, {self.of('hang')} hangs, {self.of('crash')} crashes"
                f"{', %d other faults' % self.of('wrong') if self.of('wrong') else ''}"
                f"{', %d aborts in the C library' % self.excused if self.excused else ''}")


def last_words(ended):
    return "\n    ".join(line[:200] for line in ended.all.splitlines()[-6:])


def resolve(where):
    """Frames object+0x123 of ciplug as function names, where addr2line is there."""
    words = where.split()
    ours = [word.partition("+")[2] for word in words if word.startswith("ciplug+")]
    if not ours or not shutil.which("addr2line"):
        return where
    named = subprocess.run(["addr2line", "-fse", harness.CIPLUG, *ours], check=False, capture_output=True,
                           text=True).stdout.splitlines()
    return " ".join(word for word in words if "+0x" not in word) + " < " + " < ".join(named[::2])


def selected(scenario, kind, role):
    only = os.environ.get("TORTURE_ONLY", "").split("/")
    names = (scenario.name, kind.name, role)
    return all(not word or word == name for word, name in zip(only, names))


def subjects():
    """Those with the most calls last."""
    found = [(scenario, kind, role) for scenario in SCENARIOS for kind in KINDS for role in ROLES
             if selected(scenario, kind, role)]
    return sorted(found, key=lambda subject: "malloc" in subject[1].name)


def harness_share():
    """CIPLUG_TEST_REPEATS of statistical tests, 20 by default, as a share of the time."""
    return int(os.environ.get("CIPLUG_TEST_REPEATS", "20")) / 20


class Torture(harness.Case):
    def setUp(self):
        super().setUp()
        self.torturer = Torturer(self.dir, self.marker)
        self.until = time.monotonic() + float(os.environ.get("TORTURE_SECONDS", "inf"))
        self.workers = int(os.environ.get("TORTURE_WORKERS", os.cpu_count() or 1))

    def judge(self):
        torturer = self.torturer
        print(torturer.summary())
        print(f"slowest: {torturer.slowest[0]:.1f} s, {torturer.slowest[1]}", flush=True)
        self.assertEqual([str(trial) for trial, _ in torturer.faults], [])

    def all_of(self, subject):
        scenario, kind, role = subject
        total = self.torturer.total(scenario, kind, role)
        only = os.environ.get("TORTURE_ONLY", "").split("/")
        number = int(only[3]) if len(only) > 3 else 1
        while self.torturer.try_one(Trial(scenario, kind, role, number, kind.errors[number % len(kind.errors)])):
            number += 1
            if len(only) > 3 or time.monotonic() > self.until:
                break
        print(f"{scenario.name}/{kind.name}/{role}: {number - 1} of about {total}", flush=True)

    def test_every_call_fails_once(self):
        if os.environ.get("TORTURE") == "all" or os.environ.get("TORTURE_ONLY"):
            self.try_all()
        else:
            self.try_sample()
        self.judge()

    def try_all(self):
        with concurrent.futures.ThreadPoolExecutor(self.workers) as pool:
            for _ in pool.map(self.all_of, subjects()):
                pass

    def try_sample(self):
        seed = int(os.environ.get("CIPLUG_TEST_SEED", "1"))
        print(f"CIPLUG_TEST_SEED={seed}", flush=True)
        end = time.monotonic() + SECONDS * harness_share()
        trials = self.sample(random.Random(seed))
        with concurrent.futures.ThreadPoolExecutor(self.workers) as pool:
            for _ in pool.map(lambda trial: time.monotonic() < end and self.torturer.try_one(trial), trials):
                pass

    def sample(self, chance):
        """One of each scenario, kind and role, in any order; then another, and so on."""
        rounds = [[] for _ in range(20)]
        for scenario, kind, role in subjects():
            total = self.torturer.total(scenario, kind, role)
            numbers = chance.sample(range(1, total + 1), min(total, len(rounds)))
            for i, number in enumerate(numbers):
                rounds[i].append(Trial(scenario, kind, role, number, chance.choice(kind.errors)))
        for trials in rounds:
            chance.shuffle(trials)
        return [trial for trials in rounds for trial in trials]


if __name__ == "__main__":
    harness.main()
