#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual pages: well-formed, and they name every option, key, verb and field that there is, and none that there is not."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import CIPLUG, SRCDIR, Case, main  # noqa: E402

BUILD = pathlib.Path(os.environ.get("CIPLUG_BUILDDIR", pathlib.Path(CIPLUG).parent))
PAGES = sorted(path for path in (SRCDIR / "docs").iterdir() if re.fullmatch(r"\.[1-9]", path.suffix))
HEADER = BUILD / "ciplug-plugin.3"


def words(text):
    """What lists define: each word of `.It Cm a , b Pq ...`."""
    found = []
    for line in re.findall(r"^\.It Cm (.*)$", text, re.MULTILINE):
        line = re.split(r" (?:Pq|No|Po|Ns|Ar)\b", line)[0]
        found += [word for word in line.split() if word not in (",", "|")]
    return found


class Manual(Case):
    def setUp(self):
        super().setUp()
        for tool in ("man", "mandoc"):
            if not shutil.which(tool):
                self.skipTest(f"{tool} is not installed")

    def pages(self):
        return [*PAGES, *([HEADER] if HEADER.exists() else [])]

    def run_tool(self, *words_, **how):
        return subprocess.run(words_, capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL, cwd=self.dir,
                              env=dict(self.env, MANWIDTH="100", MANPAGER="cat"), **how)

    def test_they_are_well_formed(self):
        self.assertGreaterEqual(len(PAGES), 12)
        for page in self.pages():
            with self.subTest(page.name):
                made = self.run_tool("mandoc", "-T", "lint", "-W", "warning", str(page))
                self.assertEqual((made.stdout, made.stderr), ("", ""))
                shown = self.run_tool("man", "--warnings", "-l", str(page))
                self.assertEqual((shown.returncode, shown.stderr), (0, ""))
                self.assertIn("SEE ALSO", shown.stdout)

    def test_as_html(self):
        for page in self.pages():
            with self.subTest(page.name):
                made = self.run_tool("mandoc", "-T", "html", str(page))
                self.assertEqual(made.returncode, 0, made.stderr)
                self.assertIn("</html>", made.stdout)

    def test_references_lead_somewhere(self):
        there = {(page.stem, page.suffix[1:]) for page in PAGES} | {("ciplug-plugin", "3")}
        for page in self.pages():
            for name, section in re.findall(r"^\.Xr (ciplug\S*) (\d)", page.read_text(), re.MULTILINE):
                self.assertIn((name, section), there, page.name)
        listed = set(re.findall(r"^\.Xr (ciplug\S*) (\d)", (SRCDIR / "docs/ciplug.1").read_text(), re.MULTILINE))
        self.assertEqual(there - listed, {("ciplug", "1")})

    def test_options_of_plugins(self):
        """In each page, what `ciplug plugins NAME` has, and no more; and there is a page for each plugin that is handed out."""
        plugins = json.loads(self.verb("plugins", "--json").out)
        for plugin in plugins:
            with self.subTest(plugin["name"]):
                path = SRCDIR / "docs" / f"ciplug-{plugin['name']}.7"
                want = [option["name"] for option in plugin["options"]]
                want += [builder["name"] for builder in plugin["builders"] if "." in builder["name"]]
                self.assertEqual(sorted(words(path.read_text())), sorted(want))
        self.assertEqual({page.stem for page in PAGES if page.suffix == ".7"}, {f"ciplug-{plugin['name']}" for plugin in plugins})

    def test_keys_of_the_file(self):
        tables = (SRCDIR / "core/plan_tables.c").read_text()
        keys = set(re.findall(r'\.name = "([^"]+)"', tables)) - {"PLUGIN.OPTION"}
        page = (SRCDIR / "docs/ciplug.ini.5").read_text()
        told = set()
        for section in re.split(r"^\.S[sh] ", page, flags=re.MULTILINE):
            for line in re.findall(r"^\.It (Cm .*)$", section, re.MULTILINE) if section.startswith("[") else []:
                told |= {name + (".NAME" if more else "") for name, more in re.findall(r"(?:Cm |, )([a-z_]+)(\. Ns Ar NAME)?", line)}
        self.assertEqual(keys - told, set(), "not told")
        self.assertEqual(told - keys, set(), "told, and not there")

    def test_the_command_line(self):
        helped = self.verb("--help").out
        page = (SRCDIR / "docs/ciplug.1").read_text()
        long = set(re.findall(r"--([a-z][a-z-]+)", helped))
        told = set(re.findall(r"Fl Fl ([a-z][a-z-]+)", page))
        self.assertEqual(long - told, set(), "not told")
        self.assertEqual({word for word in told - long if self.verb(f"--{word}", "--help").status == 2 and self.verb("plugins", f"--{word}").status == 2}
                         - {"to", "new"}, set(), "told, and not there")
        for verb in re.findall(r"^  ([a-z]+) ", helped, re.MULTILINE):
            self.assertRegex(page, rf"(?m)^\.(It )?Cm {verb}\b")

    def test_all_of_the_header(self):
        if not HEADER.exists():
            self.skipTest("the page of the header was not built")
        header, page = (SRCDIR / "include/ciplug/plugin.h").read_text(), HEADER.read_text()
        names = set(re.findall(r"\bciplug_\w+|\bCIPLUG_\w+|\(\*(\w+)\)", header)) | set(re.findall(r"\bCIPLUG_\w+|\bciplug_\w+", header))
        self.assertGreater(len(names), 80)
        missing = {name for name in names if name and not re.search(rf"\b{name}\b", page)}
        self.assertEqual(missing - {"CIPLUG_PLUGIN_H"}, set())


if __name__ == "__main__":
    main()
