#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""consumers.py [SEED]: what readers of reports make of them that are fetched from the npm registry into a folder of their own.
TAP, by node-tap's parser: of a run with every outcome, of a green one, of one without a verdict, and of one whose items hold any
bytes; its strict mode takes whatever is no TAP for a failure. JUnit, by three viewers and converters: of a run with every outcome, one with
cases in suites of their own (`results`), and one with any bytes. Status 1 when one sees anything else than was run."""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
import xml.etree.ElementTree as tree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import reports  # noqa: E402
from cases import TOOL  # noqa: E402
from harness import CIPLUG, clean_environment  # noqa: E402

PARSER = "tap-parser@18.3.4"
VIEWER, TO_JSON, TO_CTRF = "xunit-viewer@10.6.1", "junit2json@4.0.0", "junit-to-ctrf@0.0.14"
COUNT = """
import { parse } from 'junit2json'
import fs from 'node:fs'
const count = one => (one.testcase || []).length + (one.testsuite || []).reduce((sum, inner) => sum + count(inner), 0)
console.log(count(await parse(fs.readFileSync(process.argv[2], 'utf8'))))
"""
CASES = "[step unit]\nitems = a bad skip flaky none b\nbatch = 9\nretries = 1\nretry_delay = none\ncommand = sh tool r{number}.{attempt}.xml {items}\n" \
        "results = r{number}.{attempt}.xml\n"
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


def junit_of(folder, ini):
    path = run_of(folder, ini.replace("plugins = tap", "plugins = junit")).with_name("junit.xml")
    return path, [case.tag for case in tree.parse(path).getroot().iter() if case.tag in ("testcase", "failure", "error", "skipped")]


def node(folder, *words):
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, errors="replace").stdout


def readers(folder, path):
    """{reader: (cases, of which failed or errors, skipped)}; None where it does not say."""
    def bin_of(name):
        return str(folder / "node_modules" / ".bin" / name)
    shown = node(folder, bin_of("xunit-viewer"), "-r", str(path), "-c")
    sums = [line for line in shown.splitlines() if re.match(r"\d+ (passed|failure|error|skipped)", line)]
    last = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", sums[-1])}
    node(folder, bin_of("junit-to-ctrf"), str(path), "-o", "ctrf.json")
    ctrf = json.loads((folder / "ctrf.json").read_text())["results"]["summary"]
    return {VIEWER: (None, last.get("failure", 0) + last.get("error", 0), last.get("skipped", 0)),
            TO_JSON: (int(node(folder, "node", "count.mjs", str(path))), None, None),
            TO_CTRF: (ctrf["tests"], ctrf["failed"], ctrf["skipped"])}


def look_at_junit(folder, what, ini):
    """How many of them saw it otherwise."""
    path, tags = junit_of(folder, ini)
    want = (tags.count("testcase"), tags.count("failure") + tags.count("error"), tags.count("skipped"))
    wrong = 0
    for reader, seen in readers(folder, path).items():
        # It guesses at an encoding from the bytes of names, though the file says UTF-8.
        if reader == VIEWER and what == "any bytes":
            continue
        good = all(number in (None, right) for number, right in zip(seen, want))
        wrong += not good
        print(f"{reader}: {what:14} {'as it was' if good else f'WRONG: {seen}, not {want}'}")
    return wrong


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
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", PARSER, VIEWER, TO_JSON, TO_CTRF], cwd=folder, check=True,
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
        (folder / "count.mjs").write_text(COUNT)
        (folder / "tool").write_text(TOOL)
        for what, ini in [("every outcome", reports.EVERYTHING.format(reporters="junit")), ("cases", "[ciplug]\nplugins = junit\n" + CASES), ("any bytes", NOISE)]:
            wrong += look_at_junit(folder, what, ini)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
