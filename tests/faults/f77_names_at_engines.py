#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""77: A name for an engine begins with a dash, or holds odd bytes.

No client is started with it: neither as an image, container, user, network nor stage can it become an option of the
client, or more than one word."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main  # noqa: E402

NAMES = ["-rf", "--privileged", "-v/:/host", "a b", "a;b", "$(touch pwned)", "`id`", "../../etc/x", "/", "..", "a\u00e4", "a\u0001",
         "x" * 600, "'", '"', "a//-b", "a:-b", "*"]
# "a//-b" is no name of anything; "a:-b" neither, but for a network's word it is.
USES = {"docker.run": ("image", "name", "user", "network"), "docker.exec": ("container", "user"), "docker.rm": ("containers",),
        "docker.build": ("image", "target")}
NEEDED = {"docker.run": "image", "docker.exec": "container", "docker.build": "image"}


class Names(Case):
    def test_no_client_is_started_with_it(self):
        self.write("client", '#!/bin/sh\nprintf "%s\\n" "$@" >>called\n').chmod(0o755)
        self.write("names", "".join(name + "\n" for name in NAMES))
        steps = []
        for builder, options in USES.items():
            for option in options:
                command = "command = true\n" if builder in ("docker.run", "docker.exec") else ""
                needed = f"docker.{NEEDED[builder]} = good\n" if NEEDED.get(builder, option) != option else ""
                names = "few" if option in ("network", "user", "containers") else "names"
                steps.append(f"[step {builder[7:]}-{option}]\nneeds =\nuses = {builder}\nitems_file = {names}\nallow_failure = yes\n"
                             f"docker.{option} = {{item}}\n{needed}{command}")
        self.write("few", "".join(name + "\n" for name in NAMES if name not in ("a b", "a:-b")))
        self.ci(f"[ciplug]\nplugins = shell docker\n[docker]\nbinary = {self.dir}/client\nguard = no\n" + "".join(steps))
        self.assertFalse((self.dir / "called").exists(), self.read("called") if (self.dir / "called").exists() else "")
        for builder, options in USES.items():
            for option in options:
                self.assertEqual(set(self.outcomes(f"{builder[7:]}-{option}")), {"error"})
        self.count(repeats=len(NAMES) * sum(map(len, USES.values())))


if __name__ == "__main__":
    main(controls={"engine_names": "Names.test_no_client_is_started_with_it"})
