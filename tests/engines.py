#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All test files that need a container engine, four at a time: they wait often, but more engines are too many for two
processors. Each keeps a log of its own beside those of `make check`. FILE...: only these."""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

AT_ONCE = 4
LONGEST = ("example_compose.py", "compose.py", "f56_engine_lost.py", "far_engines.py", "engine_script.py", "f58_half_up.py")  # first
HERE = pathlib.Path(__file__).resolve().parent


def needs_engine(path):
    return re.search(r"^(from|import) engine\b", path.read_text(), re.MULTILINE)


def main():
    files = [path for folder in ("e2e", "faults") for path in sorted((HERE / folder).glob("*.py")) if needs_engine(path)]
    if sys.argv[1:]:
        files = [path for path in files if path.name in sys.argv[1:]]
    files.sort(key=lambda path: LONGEST.index(path.name) if path.name in LONGEST else len(LONGEST))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        codes = [future.result() for future in [pool.submit(run, path) for path in files]]
    bad = [code for code in codes if code not in (0, 77)]
    return bad[0] if bad else max(codes, default=0)


def run(path):
    """Its exit status."""
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-B", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    log = pathlib.Path(path.parent.name) / f"{path.stem}.log"
    if log.parent.is_dir() and os.access(log.parent, os.W_OK):
        log.write_bytes(ended.stdout)
    head = f"=== {path.parent.name}/{path.name}: status {ended.returncode} after {time.monotonic() - began:.0f} s\n"
    sys.stdout.buffer.write(head.encode() + ended.stdout)
    sys.stdout.flush()
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
