#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where commands come from: count, items, lines, files, matrix, batches, splits."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402
from journal import items  # noqa: E402


class Sources(Case):
    def items_of(self, step="s"):
        final = self.run_of().final(step)
        return [final[n]["item"] for n in sorted(final)]

    def test_count(self):
        self.passes("[step s]\ncount = 5\ncommand = echo {number}/{count}\n")
        self.assertEqual([self.run_of().text("s", n) for n in range(1, 6)],
                         [f"{n}/5\n" for n in range(1, 6)])

    def test_words(self):
        self.passes("[step s]\nitems = b a c\ncommand = echo {item}\n")
        self.assertEqual(self.items_of(), ["b", "a", "c"])

    def test_glob(self):
        for name in ("t/b.x", "t/a.x", "t/c.y"):
            self.write(name, "")
        self.passes("[step s]\nitems = t/*.x\ncommand = test -f {item}\n")
        self.assertEqual(self.items_of(), ["t/a.x", "t/b.x"])

    def test_glob_over_folders(self):
        for name in ("t/one.x", "t/deep/er/two.x", "t/deep/three.y"):
            self.write(name, "")
        self.passes("[step s]\nitems = t/**/*.x\ncommand = test -f {item}\n")
        self.assertEqual(sorted(self.items_of()), ["t/deep/er/two.x", "t/one.x"])

    def test_glob_of_files_that_an_earlier_step_made(self):
        self.passes("[step make]\ncommand = touch made.1 made.2\n"
                    "[step s]\nitems = made.*\ncommand = test -f {item}\n")
        self.assertEqual(self.items_of(), ["made.1", "made.2"])

    def test_lines_of_a_step(self):
        self.passes("""
            [step list]
            command = printf 'one\\n\\ntwo words\\nlast'
            [step s]
            items_from = list
            command = echo [{item}]
        """)
        self.assertEqual(self.items_of(), ["one", "two words", "last"])
        self.assertEqual(self.run_of().text("s", 2), "[two words]\n")

    def test_lines_of_the_attempt_that_passed_only(self):
        self.passes("""
            [step list]
            retries = 1
            command = echo attempt-{attempt}; test {attempt} = 2
            [step s]
            items_from = list
            command = echo {item}
        """)
        self.assertEqual(self.items_of(), ["attempt-2"])

    def test_items_from_is_a_need(self):
        self.passes("""
            [step list]
            needs =
            command = echo x
            [step other]
            needs =
            command = true
            [step s]
            needs =
            items_from = list
            command = echo {item}
        """, "s")
        self.assert_ledger(passed=2)

    def test_lines_of_a_file(self):
        self.write("names", "a\nb c\n\nd")
        self.passes("[step s]\nitems_file = names\ncommand = echo {item}\n")
        self.assertEqual(self.items_of(), ["a", "b c", "d"])

    def test_two_sources_are_an_error(self):
        self.refused("[step s]\ncount = 2\nitems = a\ncommand = true\n", "ci.ini:")

    def test_matrix_values_in_command_and_environment(self):
        self.passes("[step s]\nmatrix.a = 1 2\nmatrix.b = x y\nenv.CELL = {a}{b}\n"
                    "command = echo {a} {b} $CELL\n")
        run = self.run_of()
        self.assertEqual(sorted(run.text("s", n) for n in run.final("s")),
                         [f"{a} {b} {a}{b}\n" for a in "12" for b in "xy"])


class Hostile(Case):
    NAMES = [b"a b", b"it's", b'say "x"', b"$(touch pwned)", b"`touch pwned`", b"-rf", b"--", b"*",
             b"; touch pwned", b"${IFS}x", b"back\\slash", b"new\\nline", b"{item}", b"{worker}", b"~",
             b"#x", b"!x", b"a\tb", b" lead", b"trail ", b"caf\xc3\xa9", b"\xff\xfe", b"$'x'", b"&", b"|",
             b"%s", b"\\", b"'", b'"', b"=", b"a=b", b"\x01\x1b[31m"]

    def test_every_name_arrives_byte_for_byte(self):
        self.write("names", b"\n".join(self.NAMES) + b"\n")
        self.passes("[step s]\nitems_file = names\ncommand = printf '<%s>' {item} \"$CI_ITEM\"\n")
        run = self.run_of()
        got = [run.log("s", n) for n in range(1, len(self.NAMES) + 1)]
        self.assertEqual(got, [b"<" + name + b"><" + name + b">" for name in self.NAMES])
        self.assertFalse((self.dir / "pwned").exists())

    def test_without_a_shell_too(self):
        self.write("names", b"\n".join(self.NAMES) + b"\n")
        self.passes("[step s]\nitems_file = names\nshell = none\ncommand = printf '<%s>' {item}\n")
        run = self.run_of()
        got = [run.log("s", n) for n in range(1, len(self.NAMES) + 1)]
        self.assertEqual(got, [b"<" + name + b">" for name in self.NAMES])

    def test_the_journal_has_them_too(self):
        self.write("names", b"\n".join(self.NAMES) + b"\n")
        self.passes("[step s]\nitems_file = names\ncommand = true\n")
        final = self.run_of().final("s")
        self.assertEqual([items(final[n]) for n in sorted(final)], [[name] for name in self.NAMES])

    def test_quotes_backticks_and_here_documents_are_refused(self):
        for command in ('echo "{item}"', "echo '{item}'", "echo `echo {item}`", "echo \"a $X {item}\"",
                        "cat <<END\n    {item}\n    END"):
            self.refused(f"[step s]\nitems = a\ncommand =\n    {command}\n", "ci.ini:", "CI_ITEM")

    def test_raw_and_literal(self):
        self.write("names", "a  b\n")
        self.passes("[step s]\nitems_file = names\ncommand = echo {item:raw} {item:literal}\n")
        self.assertEqual(self.run_of().text("s"), "a b {item}\n")

    def test_near_misses_and_other_braces(self):
        self.refused("[step s]\nitems = a\ncommand = echo {itme}\n", "ci.ini:3", "{item}")
        self.passes("""
            [step s]
            env.V = v
            command = echo a b | awk '{print $2}'; echo "${V}" '{{.ID}}' {a,b}
        """)
        self.assertEqual(self.run_of().text("s").splitlines()[0], "b")
        self.assertIn("v {{.ID}}", self.run_of().text("s"))

    def test_item_without_a_source_is_an_error(self):
        self.refused("[step s]\ncommand = echo {item}\n", "ci.ini:2", "{item}")


class Groups(Case):
    def test_batches_hold_each_item_once(self):
        self.passes("[step s]\nitems = a b c d e f g\nbatch = 3\nworkers = 1\ncommand = echo {items}\n")
        run = self.run_of()
        said = [run.text("s", n).split() for n in sorted(run.final("s"))]
        self.assertEqual(sorted(sum(said, [])), list("abcdefg"))
        self.assertLessEqual(max(map(len, said)), 3)
        self.assert_ledger(passed=7)

    def test_batch_auto(self):
        self.write("names", "".join(f"i{n}\n" for n in range(50)))
        self.passes("[step s]\nitems_file = names\nbatch = auto\nworkers = 2\ncommand = printf '%s\\n' {items}\n")
        run = self.run_of()
        said = [run.text("s", n).split() for n in sorted(run.final("s"))]
        self.assertEqual(sorted(sum(said, [])), sorted(f"i{n}" for n in range(50)))
        self.assertLess(len(said), 50)
        self.assertLessEqual(len(said[-1]), len(said[0]), "batches shrink toward the end")

    def test_a_failed_batch_is_retried_by_item(self):
        ended = self.ci("""
            [step s]
            items = a b c d
            batch = 4
            retries = 1
            command = for i in {items}; do echo run $i; test $i != c; done
        """)
        self.assertEqual(ended.status, 1)
        self.assert_ledger(passed=3, failed=1)
        retried = [r for r in self.run_of().finished("s") if r["attempt"] > 1]
        self.assertEqual({r["item"] for r in retried}, set("abcd"))

    def test_split_makes_balanced_groups(self):
        self.passes("[step s]\nitems = a b c d e f g\nsplit = 3\ncommand = echo {items}\n")
        run = self.run_of()
        said = [run.text("s", n).split() for n in sorted(run.final("s"))]
        self.assertEqual(sorted(len(group) for group in said), [2, 2, 3])
        self.assertEqual(sorted(sum(said, [])), list("abcdefg"))
        self.assert_ledger(passed=7)

    def test_run_alone_gets_a_group_of_its_own(self):
        self.passes("[step s]\nitems = a b c d e\nsplit = 2\nrun_alone = c\ncommand = echo {items}\n")
        run = self.run_of()
        said = sorted(run.text("s", n).split() for n in run.final("s"))
        self.assertIn(["c"], said)
        self.assertEqual(sorted(sum(said, [])), list("abcde"))

    def test_a_split_group_that_fails_fails_all_its_items(self):
        ended = self.ci("[step s]\nitems = a b c d\nsplit = 2\ncommand = for i in {items}; do test $i != a; done\n")
        self.assertEqual(ended.status, 1)
        self.assert_ledger(passed=2, failed=2)

    def test_per_worker_runs_once_on_each(self):
        self.passes("[ciplug]\nworkers = 3\n[step s]\nper = worker\ncommand = echo {number} {worker}\n")
        self.assertEqual([self.run_of().text("s", n) for n in (1, 2, 3)], ["1 1\n", "2 2\n", "3 3\n"])


class Nothing(Case):
    def test_no_item_is_status_4(self):
        ended = self.ci("[step s]\nitems = no/such/*\ncommand = echo {item}\n")
        self.assertEqual(ended.status, 4, ended.all)

    def test_allow_empty(self):
        self.passes("[step a]\ncommand = true\n[step s]\nitems = no/such/*\nallow_empty = yes\n"
                    "command = echo {item}\n")
        self.assert_ledger(passed=1)

    def test_a_step_that_prints_no_line(self):
        ended = self.ci("[step list]\ncommand = true\n[step s]\nitems_from = list\ncommand = echo {item}\n")
        self.assertEqual(ended.status, 4, ended.all)

    def test_a_glob_that_selects_nothing_names_the_nearest(self):
        ended = self.ci("[step s]\nitems = alpha beta\ncommand = echo {item}\n", "s:alhpa")
        self.assertEqual(ended.status, 4, ended.all)
        self.assertIn("alpha", ended.err)

    def test_so_does_one_on_items_that_come_from_a_step(self):
        ended = self.ci("[step list]\ncommand = printf 'alpha\\nbeta\\n'\n"
                        "[step s]\nitems_from = list\ncommand = echo {item}\n", "s:gam*")
        self.assertEqual(ended.status, 4, ended.all)
        self.assertIn("'gam*'", ended.all)


if __name__ == "__main__":
    main()
