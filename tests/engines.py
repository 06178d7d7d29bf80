#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All test files that need a container engine, one after the other: two engines on two processors are too many.

Each keeps a log of its own beside those of `make check`. FILE...: only these."""
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def needs_engine(path):
    return re.search(r"^(from|import) engine\b", path.read_text(), re.MULTILINE)


def main():
    files = [path for folder in ("e2e", "faults") for path in sorted((HERE / folder).glob("*.py")) if needs_engine(path)]
    if sys.argv[1:]:
        files = [path for path in files if path.name in sys.argv[1:]]
    status = 0
    for path in files:
        ended = subprocess.run([sys.executable, "-B", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        log = pathlib.Path(path.parent.name) / f"{path.stem}.log"
        if log.parent.is_dir() and os.access(log.parent, os.W_OK):
            log.write_bytes(ended.stdout)
        print(f"=== {path.parent.name}/{path.name}: status {ended.returncode}", flush=True)
        sys.stdout.buffer.write(ended.stdout)
        sys.stdout.flush()
        if ended.returncode:
            status = ended.returncode if status in (0, 77) else status
    return status


if __name__ == "__main__":
    sys.exit(main())
