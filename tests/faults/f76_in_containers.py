#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""76: Names of items hold quotes, substitutions, options, newlines, and the command runs in a container.

An item arrives there as it is: as a word of a shell command, as a word without a shell, and in the environment."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from engine import EngineCase  # noqa: E402
from f76_injection import PARTS, names  # noqa: E402
from harness import main  # noqa: E402

COMPOSE = """
services:
  box:
    image: ci-busybox:1
    init: true
    working_dir: /empty
    stop_grace_period: 0s
    command: sleep 100000
"""
COUNT = int(os.environ.get("CIPLUG_TEST_REPEATS", "200"))


class Injection(EngineCase):
    def check(self, head, keys, foot=""):
        """All names in batches, the parts that they are made of one by one, in three ways."""
        everything, single = names()[:COUNT], [part for part in PARTS if part.strip()][:COUNT]
        self.write("names", "".join(name + "\n" for name in everything))
        self.write("single", "".join(name + "\n" for name in single))
        self.passes(f"""
[ciplug]
{head}
[step many]
{keys}
items_file = names
batch = 25
command = printf '<%s>' {{items}}
[step one]
needs = many
{keys}
items_file = single
command = printf '<%s>' {{item}} "$CI_ITEM" "$ITEM"
env.ITEM = {{item}}
[step bare]
needs = many
{keys}
items_file = single
batch = 10
shell = none
command = printf <%s> {{items}}
[step ls]
needs = one bare
{keys}
command = ls -A
{foot}
""", "--output", "none", patience=250)
        run = self.run_of()
        for step, wanted in ("many", everything), ("bare", single):
            seen = b"".join(run.log(step, number) for number in sorted(run.final(step)))
            self.assertEqual(seen, "".join(f"<{name}>" for name in wanted).encode())
        for number, name in enumerate(single, 1):
            self.assertEqual(run.log("one", number), f"<{name}>".encode() * 3)
        self.assertEqual(run.text("ls"), "", "somebody obeyed an item")
        self.assertFalse((self.dir / "pwned").exists())

    def test_docker_exec(self):
        self.box("--workdir", "/empty")
        self.check("workers = 3\nplugins = shell docker\n[docker]\ncontainer = box", "uses = docker.exec")

    def test_compose_exec(self):
        self.write("docker-compose.yml", COMPOSE)
        self.check("workers = 1\nplugins = shell compose\n[compose]\nfile = docker-compose.yml\nservice = box\n"
                   "[step up]\nuses = compose.up\nworkers = 1\n", "uses = compose.exec\nworkers = 1",
                   "[cleanup down]\nuses = compose.down\n")


if __name__ == "__main__":
    main(controls={"item_is_a_word": "Injection.test_docker_exec"})
