# SPDX-License-Identifier: MIT
"""look.py FILE: status 1, and their names, when any process lives that has FILE's word in environment or arguments.
For a step that looks for what the one before it left: the word itself is in no argument of the looker's."""
import sys

import procs


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        left = procs.with_marker(file.read().strip())
    for pid, line in left:
        print(pid, line)
    sys.exit(1 if left else 0)


main()
