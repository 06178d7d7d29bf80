#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""escapes.py [ATTEMPTS]: how many of 1,000 processes that try to escape survive the end of their command, by mechanism.

Needs a test build (configure --enable-safeguard-switches), in which mechanisms can be switched off. The process group alone is
expected to miss what called setsid, the marker alone what ended without being told to. Counted in a cleanup step, while the run goes on."""
import os
import pathlib
import subprocess
import sys
import tempfile
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import procs  # noqa: E402
from harness import CIPLUG, LIB, clean_environment  # noqa: E402

EACH = 20
BY = ("cgroup", "subreaper", "group", "marker")
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


def survivors(attempts, off, wrap=()):
    """Double-forked, setsid'ed, deaf daemons, EACH of a command that is timed out."""
    word = "t" + uuid.uuid4().hex
    env = dict(clean_environment(word), CIPLUG_SAFEGUARDS_OFF=",".join(off))
    with tempfile.TemporaryDirectory(prefix="ciplug-bench-") as name:
        folder = pathlib.Path(name)
        (folder / "word").write_text("tree" + word)
        commands = -(-attempts // EACH)
        (folder / "ci.ini").write_text(
            f"[step s]\ncount = {commands}\nworkers = 10\ntimeout = 8s\ngrace = 100ms\nenv.TREE = tree{word}\n"
            f"command = exec {PYTHON} -BS {LIB}/tree.py --stay {EACH} up.{{number}}\n"
            f"[cleanup look]\ncwd = {folder}\ncommand = {PYTHON} -BS {LIB}/look.py word > found || true\n")
        if wrap:
            os.chown(folder, 65534, 65534)
        subprocess.run([*wrap, CIPLUG, "-q", "-j", "10", "--keep-going"], cwd=folder, env=env, check=False, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started = len(list(folder.glob("up.*"))) * EACH
        found = len((folder / "found").read_text().splitlines())
        procs.kill_all(word)
    return started, found


def main():
    attempts = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    if "safeguards" not in subprocess.run([CIPLUG, "--version"], capture_output=True, check=True, text=True).stdout:
        raise SystemExit("escapes.py needs a test build: configure --enable-safeguard-switches")
    kinds = [("all together", (), ())]
    kinds += [(f"{alone} alone", tuple(f"kill_by_{name}" for name in BY if name != alone), ()) for alone in BY]
    if os.geteuid() == 0:
        kinds.append(("as nobody, without cgroup", (), NOBODY))
    for name, off, wrap in kinds:
        started, found = survivors(attempts, off, wrap)
        print(f"{name}: {found} of {started} survived", flush=True)


main()
