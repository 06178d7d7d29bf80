#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""reports.py [COMMANDS [NAME...]]: what a report of a long run costs: seconds, largest memory and size, for `console` and all
reporters that are built, or those named; of a made-up run of COMMANDS commands (100,000) in ten steps, of which one in ten is
tried again and one in fifty fails. Reading the journal, which `none` does and nothing else, is a part of it."""
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import plugin  # noqa: E402
import reports  # noqa: E402
from harness import CIPLUG, clean_environment  # noqa: E402

STEPS = 10
# Goals for 100,000 commands.
SECONDS, MIB = 5, 200
LOG = b"expected: 3\n     got: 4\n" * 8

NONE = """#include <ciplug/plugin.h>
static void none_event(void *self, const struct ciplug_event *event)
{
    (void)self;
    (void)event;
}
static const struct ciplug_option none_file = {
    .size = sizeof none_file, .name = "file", .type = CIPLUG_OPTION_PATH, .help = "Nothing."};
static const struct ciplug_option *const none_options[] = {&none_file, 0};
static const struct ciplug_reporter none_reporter = {
    .size = sizeof none_reporter, .events = 0xffff, .event = none_event};
static const struct ciplug_plugin none_plugin = {
    .size = sizeof none_plugin, .abi_major = CIPLUG_ABI_MAJOR, .abi_minor = CIPLUG_ABI_MINOR, .name = "none", .version = "1",
    .summary = "Nothing", .options = none_options, .reporter = &none_reporter};
CIPLUG_PLUGIN(none_plugin);
"""


def make_run(state, run, commands):
    chance = random.Random(commands)
    made = reports.Journal(state, run)
    counts = reports.collections.Counter()
    for step in range(STEPS):
        items = [[b"spec/models/step%d/item_%06d_spec.rb" % (step, number)] for number in range(commands // STEPS)]
        counts += made.pool(chance, f"step{step}", items, workers=16, ends=("passed",) * 49 + ("failed",), retries=1, again=0.1)
    made.end(1, counts)
    make_logs(made)


def make_logs(made):
    """One file a step and kind, and links to it: a hundred thousand files would take longer than all reports."""
    sources = {}
    for line in made.lines:
        if '"event":"command_finished"' not in line:
            continue
        for stream in ("out", "err"):
            path = made.folder / re.search(f'"log_{stream}":"([^"]*)"', line)[1]
            data = LOG if '"outcome":"failed"' in line else b"ok\n" if stream == "out" else b""
            source = sources.get((path.parent, data))
            path.parent.mkdir(parents=True, exist_ok=True)
            if source:
                os.link(source, path)
            else:
                path.write_bytes(data)
                sources[path.parent, data] = path


def make_aside(state, commands):
    """In a process of its own: what one is started from counts as its memory."""
    pid = os.fork()
    if pid == 0:
        make_run(state, "aaaaaaaa", commands)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("the run could not be made")


def built():
    """The reporters that this ciplug finds."""
    said = subprocess.run([CIPLUG, "plugins", "--json"], capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout
    return ["console"] + [one["name"] for one in json.loads(said) if one["reporter"]]


def write_none(folder):
    """A reporter that writes nothing."""
    path = folder / "none.c"
    path.write_text(NONE)
    return path


def measure(folder, state, name, path):
    """Seconds by the clock and of work, MiB at most, bytes written."""
    arguments = [CIPLUG, "report", "--state-dir", str(state), "--to", f"{name}={path}"]
    began = time.monotonic()
    process = subprocess.Popen(arguments, cwd=folder, env=clean_environment("t" + uuid.uuid4().hex), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name}: status {process.returncode}: {said.decode(errors='replace')}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, path.stat().st_size if path.exists() else 0


def main():
    commands = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    names = sys.argv[2:] or ["none"] + built()
    with tempfile.TemporaryDirectory(prefix="ciplug-bench-") as temporary:
        folder = pathlib.Path(temporary)
        state = folder / ".ciplug"
        make_aside(state, commands)
        size = (state / "runs" / "aaaaaaaa" / "journal.jsonl").stat().st_size
        (state / "latest").symlink_to("runs/aaaaaaaa")
        none = plugin.build(write_none(folder), folder / "none.so")
        print(f"{commands} commands, a journal of {size / 2**20:.0f} MiB; {SECONDS} s of work and {MIB} MiB are the goal for 100000")
        print(f"{'reporter':12} {'seconds':>8} {'of work':>8} {'MiB':>6} {'file MiB':>9}")
        for name in names:
            seconds, work, mib, written = measure(folder, state, str(none) if name == "none" else name, folder / f"report.{name}")
            print(f"{name:12} {seconds:8.2f} {work:8.2f} {mib:6.0f} {written / 2**20:9.1f}{'   above the goal' if work > SECONDS or mib > MIB else ''}")


if __name__ == "__main__":
    main()
