#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make install with DESTDIR, and a plugin that is built outside of the tree with what is there: pkg-config and a compiler."""
import os
import pathlib
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import CIPLUG, SRCDIR, Case, main  # noqa: E402

BUILD = pathlib.Path(os.environ.get("CIPLUG_BUILDDIR", pathlib.Path(CIPLUG).parent))
HEADER = SRCDIR / "include" / "ciplug" / "plugin.h"


class Install(Case):
    def setUp(self):
        super().setUp()
        if not (BUILD / "Makefile").exists():
            self.skipTest(f"{BUILD} is no build folder")
        self.root = self.dir / "root"

    def done(self, command, **env):
        made = subprocess.run(command, capture_output=True, check=False, text=True, cwd=self.dir, env=dict(self.env, **env))
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
        return made.stdout.strip()

    def make(self, target):
        self.done(["make", "-s", "-C", str(BUILD), target, f"DESTDIR={self.root}"])

    def config(self, *args):
        """As the place would be seen, were it the whole system."""
        found = next(self.root.rglob("ciplug.pc"))
        return self.done(["pkg-config", *args, "ciplug"], PKG_CONFIG_LIBDIR=str(found.parent), PKG_CONFIG_SYSROOT_DIR=str(self.root))

    def below(self, path):
        return self.root / path.removeprefix(str(self.root)).lstrip("/")

    def test_a_plugin_from_outside_of_the_tree(self):
        self.make("install")
        folder = self.below(self.config("--variable=plugindir"))
        self.assertTrue((folder / "shell.so").exists(), sorted(self.root.rglob("*.so")))
        page = (SRCDIR / "docs" / "writing-a-plugin.md").read_text()
        self.write("nice.c", re.search(r"```c\n(.*?)```", page, re.DOTALL)[1])
        flags = shlex.split(self.config("--cflags"))
        self.assertNotIn(str(SRCDIR), " ".join(flags))
        compiler = shlex.split(os.environ.get("CC", "cc"))
        self.done([*compiler, "-shared", "-fPIC", "-fvisibility=hidden", *flags, "-o", "nice.so", "nice.c"])
        self.done(["install", "-m", "755", "nice.so", str(folder)])
        self.write("ci.ini", "[ciplug]\nplugins = shell nice\n[step s]\nuses = nice\nnice.level = 7\ncommand = nice\n")
        program = next(self.root.rglob("bin/ciplug"))
        self.done([str(program), "--plugin-path", str(folder)])
        self.assertEqual(self.run_of().text("s"), "7\n")

    def test_nothing_is_left(self):
        self.make("install")
        self.assertEqual(next(self.root.rglob("plugin.h")).read_bytes(), HEADER.read_bytes())
        pages = {f"{path.parent.name}/{path.name}" for path in self.root.rglob("man/*/*")}
        self.assertLessEqual({"man1/ciplug.1", "man3/ciplug-plugin.3", "man5/ciplug.ini.5", "man7/ciplug-shell.7"}, pages)
        self.assertEqual(len(list(self.root.rglob("doc/ciplug/*.md"))), 4)
        self.make("uninstall")
        self.assertEqual([path for path in self.root.rglob("*") if not path.is_dir()], [])


class Header(Case):
    """Alone, strict, and the only one of ours that it or a plugin of ours includes (the latter: tests/layers)."""

    STRICT = ["-pedantic", "-Wall", "-Wextra", "-Wshadow", "-Wundef", "-Wconversion", "-Werror", "-fsyntax-only"]

    def test_as_every_compiler_sees_it(self):
        seen = 0
        for compiler, language, *more in (("gcc", "c", "-Wstrict-prototypes"), ("clang", "c", "-Weverything"), ("g++", "c++"),
                                          ("clang++", "c++")):
            if not any(os.access(os.path.join(folder, compiler), os.X_OK) for folder in os.environ["PATH"].split(":")):
                continue
            more = [*more, "-Wno-padded", "-Wno-declaration-after-statement"] if compiler == "clang" else more
            for standard in {"c": ("c11", "c17"), "c++": ("c++17", "c++20")}[language]:
                with self.subTest(compiler=compiler, standard=standard):
                    seen += 1
                    text = f'#include "{HEADER}"\n'
                    told = subprocess.run([compiler, "-x", language, f"-std={standard}", *self.STRICT, *more, "-"], input=text,
                                          capture_output=True, check=False, text=True)
                    self.assertEqual((told.returncode, told.stderr), (0, ""))
        self.assertGreater(seen, 0)

    def test_it_includes_two_of_the_language(self):
        found = re.findall(r"^\s*#\s*include\s*(\S+)", HEADER.read_text(), re.MULTILINE)
        self.assertEqual(sorted(found), ["<stddef.h>", "<stdint.h>"])


if __name__ == "__main__":
    main()
