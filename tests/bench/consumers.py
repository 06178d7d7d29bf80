#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""consumers.py [SEED]: what node-tap's parser, fetched from the npm registry into a folder of its own, makes of TAP reports: of a
run with every outcome, of a green one, of one without a verdict, and of one whose items hold any bytes. Its strict mode takes
whatever is no TAP for a failure. Status 1 when it sees anything else than was run."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import reports  # noqa: E402
from harness import CIPLUG, clean_environment  # noqa: E402

PARSER = "tap-parser@18.3.4"
SCRIPT = """
import { Parser } from 'tap-parser'
import fs from 'node:fs'
const seen = { strays: [], leaves: 0 }
const parser = new Parser({ strict: true }, result => Object.assign(seen, { ok: result.ok, bailout: result.bailout !== false }))
const watch = (one, depth) => {
  one.on('assert', point => { seen.leaves += depth > 0 && !point.closingTestPoint ? 1 : 0 })
  one.on('extra', line => seen.strays.push(line))
  one.on('child', child => watch(child, depth + 1))
}
watch(parser, 0)
parser.end(fs.readFileSync(process.argv[2], 'utf8'))
console.log(JSON.stringify(seen))
"""
GREEN = "[ciplug]\nplugins = tap\n[step s]\ncount = 3\ncommand = true\n[step t]\nallow_failure = yes\ncommand = false\n" \
        "[step e]\nneeds =\nitems = *.nothing\nallow_empty = yes\ncommand = true\n"
NO_VERDICT = "[ciplug]\nplugins = tap\n[step s]\ncommand = true\n[step gone]\ncwd = nosuchfolder\ncommand = true\n"
NOISE = "[ciplug]\nplugins = tap\n[step s]\nitems_file = names\nworkers = 4\ncommand = cat noise; exit $(({number} % 2))\n"


def run_of(folder, ini):
    """Where its report is."""
    (folder / "ci.ini").write_text(ini)
    subprocess.run([CIPLUG, "-q", "--keep-going"], cwd=folder, env=clean_environment("t" + uuid.uuid4().hex), stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, check=False)
    return folder / "ciplug.tap"


def read(folder, path):
    said = subprocess.run(["node", "read.mjs", str(path)], cwd=folder, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    return json.loads(said.stdout)


def main():
    chance = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 14)
    if not shutil.which("npm"):
        raise SystemExit("npm is not installed")
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="ciplug-bench-") as temporary:
        folder = pathlib.Path(temporary)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", PARSER], cwd=folder, check=True,
                       env=dict(os.environ, npm_config_cache=str(folder / "cache")), stdin=subprocess.DEVNULL)
        (folder / "read.mjs").write_text(SCRIPT)
        names = reports.names(chance, 300)
        (folder / "names").write_bytes(b"\n".join(names) + b"\n")
        (folder / "noise").write_bytes(reports.noise(chance, 800))
        for what, ini, leaves, ok, bailout in [("every outcome", reports.EVERYTHING.format(reporters="tap"), 25, False, False),
                                               ("green", GREEN, 4, True, False), ("no verdict", NO_VERDICT, 2, False, True),
                                               ("any bytes", NOISE, len(names), False, False)]:
            seen = read(folder, run_of(folder, ini))
            good = seen == {"strays": [], "leaves": leaves, "ok": ok, "bailout": bailout}
            wrong += not good
            print(f"{PARSER}: {what:14} {'as it was' if good else 'WRONG: ' + json.dumps(seen)[:300]}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
