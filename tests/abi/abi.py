#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A plugin that was built for an earlier minor of the ABI works with this ciplug: built from a frozen header and source, it
is asked and told what it was then. And the header has only grown since: README.md says how one is frozen."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import SRCDIR, Case, main  # noqa: E402

HERE = SRCDIR / "tests" / "abi"
FROZEN = sorted(path.parent for path in HERE.glob("*/frozen.c"))
HEADER = SRCDIR / "include" / "ciplug" / "plugin.h"
STRICT = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"]
# Each kind of step, so that each callback is asked: `silent` falls silent until alive() is asked, and is ended by stop().
INI = """
[ciplug]
plugins = shell {plugin}
workers = 4
[frozen]
where = there
file = report
[host far]
workers = 1
uses = frozen.place
env.FROZEN_PLACE = {folder}
[step plain]
uses = frozen
frozen.many = 7
frozen.words = c d
env.FROZEN_PLACE = {folder}
workers = 1
items = x
command = echo "$FROZEN_SAYS" {{item}}
[step words]
needs =
uses = frozen
shell = none
workers = 2-2
command = echo two
[step leaf]
needs =
uses = frozen.leaf
workers = 3-3
[step split]
needs = plain
workers = 1
items = a b u
split = 2
command = echo {{items}}
[step cases]
needs =
workers = 2-2
items = one two
batch = 2
results = cases.xml
command = cp cases.src cases.xml; exit 1
allow_failure = yes
[step there]
needs =
hosts = far
artifacts = made
command = echo "$FROZEN_FAR"; exit 3
[step silent]
needs =
workers = 4-4
uses = frozen.place
frozen.guard = no
env.FROZEN_PLACE = {folder}
timeout = 11s
grace = 100ms
command = exec sleep 60
"""

CASES = """<testsuites><testsuite name="suite">
<testcase classname="class" name="one" file="one.c" line="3" time="0.5"/>
<testcase classname="class" name="two" file="two.c"><failure type="T" message="M">trace</failure></testcase>
</testsuite></testsuites>
"""
# All types of the header, reached from what is exported.
TYPES = """#include <ciplug/plugin.h>
CIPLUG_EXPORT void ciplug_types(struct ciplug_plugin *, struct ciplug_note *);
void ciplug_types(struct ciplug_plugin *plugin, struct ciplug_note *note) { (void)plugin; (void)note; }
"""
# What may change between minors: (text in the header, another one, whether it is refused).
CHANGES = [
    ("uint64_t bytes_out, bytes_err;", "uint64_t bytes_err, bytes_out;", True),
    ("uint64_t bytes_out, bytes_err;", "uint64_t bytes_out, bytes_err, later;", True),
    ("const struct ciplug_test *test;", "const struct ciplug_test *test; uint64_t later;", False),
    ("const struct ciplug_test *test;", "const struct ciplug_test *test; int (*later)(void *); int32_t more;", False),
    ("uint32_t batch;", "uint32_t batch, later;", True),
    ("uint32_t batch;", "uint32_t batch, filler; uint64_t later;", True),
    ("int32_t final;", "int64_t final;", True),
    ("uint32_t attempt;", "int32_t attempt;", True),
    ("size_t first);", "uint32_t first);", True),
    ("uint64_t flaky, commands_allowed;", "uint64_t flaky, renamed;", True),
    ("const char *only;", "", True),
    ("char owner[8];", "char owner[16];", True),
    ("#define CIPLUG_ABI_MINOR 5", "#define CIPLUG_ABI_MINOR 6", False),
    ("#define CIPLUG_TIMEOUT   4", "#define CIPLUG_TIMEOUT   5", True),
    ("#define CIPLUG_STDERR 2\n", "", True),
    ("#define CIPLUG_STDERR 2\n", "#define CIPLUG_STDERR 2\n#define CIPLUG_STDLATER 3\n", False),
]


def compiled(include, source, output, *flags):
    """With the header that stands in `include`, not with that of today."""
    command = [*shlex.split(os.environ.get("CC", "cc")), *STRICT, "-shared", "-fPIC", "-fvisibility=hidden", f"-I{include}", *flags,
               "-o", str(output), str(source)]
    made = subprocess.run(command, capture_output=True, check=False, text=True)
    if made.returncode or made.stderr:
        raise AssertionError(f"cannot compile {source}: {made.stderr}")
    os.chmod(output, 0o755)
    return output


def callbacks(header):
    """The members of the header that are functions."""
    return set(re.findall(r"\(\*(\w+)\)\(", header.read_text()))


class Frozen(Case):
    def built(self, folder):
        """Against its own header, as it was built then, and without a warning."""
        place = self.dir / folder.name
        place.mkdir()
        return compiled(folder, folder / "frozen.c", place / "frozen.so")

    def what_it_did(self, path):
        """Of a check, a run that fails, the removal of what it left, and its report."""
        log = self.dir / "log"
        log.unlink(missing_ok=True)
        self.env.update(CIPLUG_TEST_ABI=str(log), FROZEN_PLACE=str(self.dir))
        self.write("made", "")
        self.write("cases.src", CASES)
        self.write("ci.ini", INI.format(plugin=path, folder=self.dir))
        ended = self.verb("check")
        self.assertEqual(ended.status, 0, ended.all)
        ended = self.verb("--keep", "--keep-going", "--output", "group")
        self.assertEqual(ended.status, 1, ended.all)
        self.assertIn("plugin frozen: frozen says something", ended.err)
        self.assertIn("@@open", ended.out)
        self.assertEqual(self.read("report"), "frozen\n")
        run = self.run_of()
        self.assertEqual(run.text("plain"), "it's set x\n")
        self.assertEqual(run.text("there"), "a b\n")
        self.assertIn("frozen saw it", run.one("there")["reason"])
        self.assertTrue((run.folder / "artifacts" / "there" / "1" / "made").exists())
        self.assertEqual(run.one("silent")["outcome"], "timeout")
        ended = self.verb("reap", run.folder.name, env={"CIPLUG_PLUGIN_PATH": str(path.parent)})
        self.assertEqual(ended.status, 0, ended.all)
        self.assertIn("3 things", ended.all)
        return log.read_text().splitlines()

    def test_it_does_what_it_did_then(self):
        self.assertTrue(FROZEN)
        for folder in FROZEN:
            with self.subTest(abi=folder.name):
                shutil.rmtree(self.dir / ".ciplug", ignore_errors=True)
                lines = self.what_it_did(self.built(folder))
                expected = folder / "expected"
                if os.environ.get("CIPLUG_TEST_FREEZE") == folder.name:
                    expected.write_text("".join(f"{line}\n" for line in sorted(set(lines))))
                missing = [line for line in expected.read_text().splitlines() if line not in lines]
                self.assertEqual(missing, [], "\n".join(sorted(set(lines))))

    def test_it_uses_all_that_there_was(self):
        """Each callback has left a line, and each call of the api stands in the source."""
        for folder in FROZEN:
            said, source = (folder / "expected").read_text(), (folder / "frozen.c").read_text()
            unused = [name for name in callbacks(folder / "ciplug" / "plugin.h")
                      if f"api->{name}(" not in source and not re.search(rf"^{name}\b", said, re.MULTILINE)]
            self.assertEqual(unused, [], folder.name)


def constants(header):
    """Those that are numbers or texts, but for the ABI's own minor."""
    text = header.read_text().replace("\\\n", " ")
    found = dict(re.findall(r'^#define (CIPLUG_\w+)\s+(0x[0-9a-f]+|\d+|"[^"]*")', text, re.MULTILINE))
    found.pop("CIPLUG_ABI_MINOR")
    return found


def grown(line, size):
    """Whether a line of abidiff's tells nothing but growth at the end of a struct that had `size` bits."""
    insertion = re.search(r"^'.*', at offset (\d+) \(in bits\)$", line)
    if insertion:
        return size is not None and int(insertion[1]) >= size
    return bool(re.search(r"^(Leaf changes summary|Changed leaf types|Removed/Changed/Added \w+ summary: 0 Removed, 0 Changed, )"
                          r"|^'struct \w+.*' changed:$|^\d+ data member insertions?:$", line))


def faults(report):
    """What is no growth in a report of abidiff."""
    size, bad = None, []
    for line in filter(None, map(str.strip, report.splitlines())):
        sizes = re.search(r"^type size changed from (\d+) to (\d+) \(in bits\)$", line)
        if line.startswith("'struct "):
            size = None
        if sizes and int(sizes[2]) > int(sizes[1]):
            size = int(sizes[1])
        elif not grown(line, size):
            bad.append(line)
    return bad


class Grows(Case):
    """Structs grow only at their ends, and not into the padding there; constants stay."""

    def setUp(self):
        super().setUp()
        if not shutil.which("abidiff"):
            self.skipTest("no abidiff (./bootstrap --tests installs abigail-tools)")

    def types(self, header, name):
        """A shared object with the header's types in its debugging information."""
        place = self.dir / name
        (place / "ciplug").mkdir(parents=True)
        shutil.copy(header, place / "ciplug" / "plugin.h")
        (place / "types.c").write_text(TYPES)
        return compiled(place, place / "types.c", place / "types.so", "-g", "-O0")

    def changes(self, frozen, header):
        names = [f"{number}-{side}" for number in [len(list(self.dir.iterdir()))] for side in ("then", "now")]
        objects = [self.types(path, name) for path, name in zip((frozen, header), names)]
        told = subprocess.run(["abidiff", "--harmless", "--leaf-changes-only", "--no-show-locs", *map(str, objects)],
                              capture_output=True, check=False, text=True)
        self.assertEqual((told.returncode & ~12, told.stderr), (0, ""), told.stdout)
        then, now = constants(frozen), constants(header)
        return faults(told.stdout) + [f"{name} {value} is {now.get(name)}" for name, value in then.items() if now.get(name) != value]

    def test_since_each_minor(self):
        for folder in FROZEN:
            with self.subTest(abi=folder.name):
                self.assertEqual(self.changes(folder / "ciplug" / "plugin.h", HEADER), [])

    def test_what_would_be_no_growth_is_seen(self):
        then = HERE / "0.5" / "ciplug" / "plugin.h"
        for old, new, refused in CHANGES:
            with self.subTest(old=old, new=new):
                text = then.read_text()
                self.assertIn(old, text)
                now = self.write("now.h", text.replace(old, new, 1))
                self.assertEqual(bool(self.changes(then, now)), refused)


if __name__ == "__main__":
    main()
