# SPDX-License-Identifier: MIT
"""A TAP 14 document, read strictly: whatever is no TAP, is out of order or does not add up is an error."""
import re

import yaml

POINT = re.compile(r"(not )?ok (\d+) - (.*)")
DIRECTIVE = re.compile(r"(?s)(.*?)(?<=\s)#\s+(SKIP|TODO)(?: (.*))?")


class Bad(AssertionError):
    pass


def unescape(text):
    return re.sub(r"\\([\\#])", r"\1", text)


def split_directive(text):
    """(description, directive or None, reason): the first # that is not escaped, with white space around it."""
    hidden = re.sub(r"\\[\\#]", lambda match: "\0" if match[0] == r"\#" else "\1", text)
    match = DIRECTIVE.fullmatch(hidden)
    if not match:
        return unescape(text).strip(), None, None
    back = [part.replace("\0", "#").replace("\1", "\\") if part else part for part in match.groups()]
    return back[0].strip(), back[1], back[2]


class Point:
    def __init__(self, line, subtest):
        match = POINT.fullmatch(line)
        if not match:
            raise Bad(f"no test point: {line!r}")
        self.ok, self.number, self.subtest, self.diagnostic = not match[1], int(match[2]), subtest, None
        self.name, self.directive, self.reason = split_directive(match[3])

    @property
    def red(self):
        """What makes a harness fail."""
        return not self.ok and self.directive is None

    def __repr__(self):
        return f"{'ok' if self.ok else 'not ok'} {self.number} - {self.name!r} {self.directive} {self.reason!r}"


class Document:
    """version, plan, plan_reason, points, comments, bail_out (text or None)."""

    def __init__(self, lines, top=True):
        self.lines, self.at, self.top = lines, 0, top
        self.version = self.plan = self.plan_reason = self.bail_out = None
        self.points, self.comments = [], []
        if top:
            match = re.fullmatch(r"TAP version (1[34])", self.take())
            self.version = match and int(match[1])
            if not match:
                raise Bad("no version")
        while self.at < len(lines):
            self.element()
        if self.plan is None:
            raise Bad("no plan")
        if [point.number for point in self.points] != list(range(1, len(self.points) + 1)):
            raise Bad("numbers with gaps")

    def take(self):
        self.at += 1
        return self.lines[self.at - 1]

    def block(self, start):
        """The lines that begin with this, without it."""
        first = self.at
        while self.at < len(self.lines) and self.lines[self.at].startswith(start):
            self.at += 1
        return [line[len(start):] for line in self.lines[first:self.at]]

    def element(self):
        line = self.take()
        if self.bail_out is not None:
            raise Bad(f"behind the bail out: {line!r}")
        if line.startswith("# Subtest: "):
            child = Document(self.block("    "), top=False)
            self.point(self.take(), child)
            if self.points[-1].name != unescape(line[11:]).strip():
                raise Bad(f"{line!r} is ended by {self.points[-1]}")
        elif line.startswith("#"):
            self.comments.append(line)
        elif line.startswith("1.."):
            self.read_plan(line)
        elif line.startswith("Bail out! ") and self.top:
            self.bail_out = unescape(line[10:])
        else:
            self.point(line, None)

    def read_plan(self, line):
        match = re.fullmatch(r"1\.\.(\d+)(?: # SKIP (.*))?", line)
        if not match or self.plan is not None or self.points:
            raise Bad(f"plan: {line!r}")
        self.plan, self.plan_reason = int(match[1]), match[2]

    def point(self, line, subtest):
        point = Point(line, subtest)
        self.points.append(point)
        if self.at >= len(self.lines) or self.lines[self.at] != "  ---":
            raise Bad(f"no diagnostic block: {line!r}")
        self.at += 1
        inside = []
        while (text := self.take()) != "  ...":
            if not text.startswith("  "):
                raise Bad(f"in a diagnostic block: {text!r}")
            inside.append(text[2:])
        point.diagnostic = yaml.safe_load("\n".join(inside))
        if not isinstance(point.diagnostic, dict):
            raise Bad(f"no mapping: {inside}")

    @property
    def passes(self):
        """As a harness sees it."""
        whole = len(self.points) == self.plan and self.bail_out is None
        return whole and not any(point.red for point in self.points) and \
            all(point.red or point.directive or point.subtest is None or point.subtest.passes for point in self.points)

    def step(self, name):
        """The only point of this name."""
        found = [point for point in self.points if point.name == name]
        assert len(found) == 1, (name, self.points)
        return found[0]

    def leaves(self):
        """The points of all subtests, in order."""
        return [leaf for point in self.points if point.subtest for leaf in point.subtest.points]


def read(path):
    """No line may end anywhere but at a newline."""
    text = path.read_bytes().decode("utf-8")
    if not text.endswith("\n"):
        raise Bad("the last line has no end")
    lines = text[:-1].split("\n")
    if lines != text.splitlines():
        raise Bad("some readers see other lines")
    return Document(lines)
