#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""76: Names of items hold quotes, substitutions, options, newlines.

An item is data: in a shell command it becomes exactly one word whatever it holds, and where that cannot be promised the
configuration is refused before anything starts."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

PARTS = ["$(touch pwned)", "`touch pwned`", "; touch pwned", "${IFS}", "$IFS", "'", '"', "\\", "|", "&", "&&", "<", ">", "*",
         "?", "[a]", "{item}", "{item:raw}", "{worker}", "{env:HOME}", "#", "!", "~", "%s", "%n", "-rf", "--", " ", "\t", "=",
         "a", "é", "$((1))", "$'\\x41'", "\\n", "\x7f", "(", ")", "{", "}", "{{x}}", "$0", "$*", "@"]


def names():
    chance = random.Random(76)
    made = {part for part in PARTS if part.strip()}
    while len(made) < 200:
        name = "".join(chance.choice(PARTS) for _ in range(chance.randrange(1, 7)))
        if name.strip():
            made.add(name)
    return sorted(made)


class Injection(Case):
    def check(self, step):
        all_names = names()
        self.write("names", "".join(name + "\n" for name in all_names))
        self.passes(f"[step s]\nitems_file = names\nworkers = 2\n{step}\n")
        run = self.run_of()
        for number, name in enumerate(all_names, 1):
            self.assertEqual(run.log("s", number), b"<" + name.encode() + b">", name)
        self.assertEqual(sorted(path.name for path in self.dir.iterdir()), [".ciplug", "ci.ini", "names"])

    def test_in_a_shell_command(self):
        self.check("command = printf '<%s>' {item}")

    def test_in_a_pipe_of_a_subshell(self):
        self.check("command = (printf '<%s>' {item} | cat)")

    def test_as_a_part_of_a_word(self):
        self.check("command = X=a{item}b; X=${X#a}; printf '<%s>' \"${X%b}\"")

    def test_without_a_shell(self):
        self.check("shell = none\ncommand = printf '<%s>' {item}")

    def test_in_the_environment(self):
        self.check("env.ITEM = {item}\ncommand = printf '<%s>' \"$ITEM\"")

    def test_as_ci_item(self):
        self.check("command = printf '<%s>' \"$CI_ITEM\"")

    def test_a_newline_in_an_item(self):
        """Only a file's name can have one: lines cannot."""
        self.write("t/new\nline $(touch pwned)", "")
        self.passes("[step s]\nitems = t/*\ncommand = printf '<%s>' {item}\n")
        self.assertEqual(self.run_of().text("s"), "<t/new\nline $(touch pwned)>")

    def test_matrix_values_too(self):
        self.write("ci.ini", "")
        self.passes("[step s]\nmatrix.m = $(id) `id` ;id\ncommand = printf '<%s>' {m}\n")
        self.assertEqual([self.run_of().text("s", n) for n in (1, 2, 3)], ["<$(id)>", "<`id`>", "<;id>"])

    def test_hooks(self):
        self.write("names", "$(touch pwned)\n")
        self.ci("[step s]\nitems_file = names\ncommand = false\non_failure = printf '<%s>' {item}\n")
        self.assertFalse((self.dir / "pwned").exists())
        self.assertIn(b"<$(touch pwned)>", self.run_of().log("s") + self.run_of().log("s", stream="err"))


class Refused(Case):
    def test_where_one_word_cannot_be_promised(self):
        for command in ('echo "{item}"', 'echo "a{item}"', "echo '{item}'", "echo `echo {item}`", 'echo "$(echo {item}) {item}"',
                        "echo $'{item}'", 'echo "${X:-{item}}"'):
            with self.subTest(command=command):
                self.refused(f"[step s]\nitems = a\ncommand = {command}\n", "ci.ini:3:", "CI_ITEM")

    def test_in_a_comment_which_a_newline_would_end(self):
        self.refused("[step s]\nitems = a\ncommand = echo x # {item}\n", "ci.ini:3:", "comment")

    def test_here_documents(self):
        for word in ("END", "'END'", "-END"):
            with self.subTest(word=word):
                self.refused(f"[step s]\nitems = a\ncommand =\n    cat <<{word}\n    {{item}}\n    END\n", "ci.ini:", "CI_ITEM")

    def test_what_is_allowed(self):
        for command in ("echo $(echo {item})", "echo {item} 'x'", "echo \"x\" {item}", "echo {item:literal}", "echo \\\"{item}\\\"",
                        "echo \"$(printf %s {item})\""):
            with self.subTest(command=command):
                self.passes(f"[step s]\nitems = a\ncommand = {command}\n", "-n")


if __name__ == "__main__":
    main(controls={"item_is_a_word": "Injection.test_in_a_shell_command"})
