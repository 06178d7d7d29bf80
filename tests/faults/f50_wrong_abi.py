#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""50: A plugin was built for another ABI, lacks its entry, its note or a function.

The ABI stands in a note which is read before any of the plugin's code runs, constructors too; everything that is missing is
found when it is loaded, not in the middle of a run: one line, status 2."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import plugin  # noqa: E402
from harness import Case, main  # noqa: E402

SHOP = plugin.Workshop()
unittest.addModuleCleanup(SHOP.close)


def without_sections(path, to):
    """As sstrip makes them: e_shoff and e_shnum are 0. (Of this machine, so the header's fields are where these are.)"""
    data = bytearray(path.read_bytes())
    wide = data[4] == 2
    offset, number = (40, 60) if wide else (32, 48)
    data[offset:offset + (8 if wide else 4)] = bytes(8 if wide else 4)
    data[number:number + 2] = bytes(2)
    to.write_bytes(data)
    to.chmod(0o755)


def setUpModule():  # pylint: disable=invalid-name
    SHOP.build("constructor.c", "constructor")
    (SHOP.dir / "other").mkdir()
    plugin.build("constructor.c", SHOP.dir / "other" / "constructor.so", "-DFIXTURE_MAJOR=2")
    SHOP.build("abi-minor.c", "abi-minor")
    SHOP.build("no-entry.c", "no-entry")
    (SHOP.dir / "stripped").mkdir()
    without_sections(SHOP.dir / "no-entry.so", SHOP.dir / "stripped" / "no-entry.so")
    SHOP.build("no-note.c", "no-note")
    SHOP.build("undefined.c", "undefined")
    for fixture in ("SIZE", "MAJOR", "NAME", "OPTION_DEFAULT", "BUILDER_BUILD", "REPORTER", "ADVISOR"):
        (SHOP.dir / fixture).mkdir()
        plugin.build("broken.c", SHOP.dir / fixture / "broken.so", f"-DFIXTURE_{fixture}")


class Abi(Case):
    def setUp(self):
        super().setUp()
        self.env["CIPLUG_TEST_TOUCH"] = str(self.dir / "touched")

    def rejects(self, name, *texts, loaded=False):
        for how in ("run", "list", "check", "plugins"):
            with self.subTest(name=name, how=how):
                self.count(repeats=1)
                self.write("ci.ini", f"[ciplug]\nplugins = shell {SHOP.dir / name}\n[step s]\ncommand = touch ran\n")
                ended = self.verb(how, *([str(SHOP.dir / name)] if how == "plugins" else []))
                self.assertEqual((ended.status, len(ended.err.splitlines()), ended.out), (2, 1, ""), ended.all)
                for text in texts:
                    self.assertIn(text, ended.err)
                self.assertEqual((self.runs(), (self.dir / "ran").exists()), ([], False))
                self.assertEqual((self.dir / "touched").exists(), loaded, "its constructor ran")

    def test_no_code_of_another_abi_runs(self):
        self.rejects("other/constructor.so", "built for ABI 2, this ciplug has 0")

    def test_the_constructor_would_have_been_seen(self):
        self.passes(f"[ciplug]\nplugins = shell {SHOP.dir}/constructor.so\n[step s]\ncommand = true\n")
        self.assertTrue((self.dir / "touched").exists())

    def test_a_newer_minor(self):
        self.rejects("abi-minor.so", "built for ABI 0.")

    def test_no_note(self):
        self.rejects("no-note.so", "no ABI note")

    def test_no_entry(self):
        self.rejects("no-entry.so", "no entry ciplug_plugin()")

    def test_no_entry_and_no_table_that_would_tell(self):
        """Without sections it is only seen when it is loaded."""
        self.rejects("stripped/no-entry.so", "no entry ciplug_plugin()", loaded=True)

    def test_a_function_that_nobody_has(self):
        self.rejects("undefined.so", "missing_function")

    def test_tables_that_contradict_themselves(self):
        for fixture, text in (("SIZE", "size of its table"), ("MAJOR", "its table says ABI 9"), ("NAME", "its table says 'other'"),
                              ("OPTION_DEFAULT", "default of its option 'port'"), ("BUILDER_BUILD", "has no build()"),
                              ("REPORTER", "has no event()"), ("ADVISOR", "has no estimate()")):
            self.rejects(f"{fixture}/broken.so", text)


if __name__ == "__main__":
    main(controls={"abi_before_code": "Abi.test_no_code_of_another_abi_runs", "entry_before_code": "Abi.test_no_entry"})
