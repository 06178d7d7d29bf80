# SPDX-License-Identifier: MIT
"""The log of a step in GitHub Actions, as the service understands it."""
import re


class Log:
    """A step's log as the service's runner reads it: line by line, each of which may be a workflow command, in the new form
    (::name props::data, behind white space) or in the old one (##[name props]data, anywhere). After stop-commands nothing is one
    but the token. What is left is text; of that the page which shows the log takes ##[group] and the like for its own."""

    COMMANDS = {"set-env", "set-output", "save-state", "add-mask", "add-path", "add-matcher", "remove-matcher", "warning", "error",
                "notice", "debug", "group", "endgroup", "echo", "stop-commands"}
    DATA = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
    PROPERTY = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
    OLD = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%"))

    def __init__(self, data):
        self.token, self.open = None, None
        self.groups, self.notes, self.effects, self.spoofed, self.faults, self.fenced, self.tokens = [], [], [], [], [], [], []
        self.bare = []  # text outside of groups and fences
        for line in re.split(r"\r\n|\r|\n", data.decode("utf-8", "replace")):
            self.take(line)
        if self.token:
            self.faults.append("commands are stopped at the end")
        if self.open is not None:
            self.faults.append("a group is open at the end")

    @staticmethod
    def unescape(text, table):
        for escaped, char in table:
            text = text.replace(escaped, char)
        return text

    def parse(self, line):
        known = self.COMMANDS | ({self.token} if self.token else set())
        text = line.lstrip()
        end = text.find("::", 2)
        if text.startswith("::") and end > 0:
            name, _, properties = text[2:end].partition(" ")
            if name.lower() in known:
                pairs = [pair.partition("=") for pair in properties.strip().split(",") if "=" in pair]
                return name.lower(), {key: self.unescape(value, self.PROPERTY) for key, _, value in pairs}, self.unescape(text[end + 2:], self.DATA)
        start = line.find("##[")
        end = line.find("]", start)
        if start >= 0 and end >= 0:
            name = line[start + 3:end].partition(" ")[0]
            if name.lower() in known:
                return name.lower(), {}, self.unescape(line[end + 1:], self.OLD)
        return None

    def take(self, line):
        command = self.parse(line)
        if self.token:
            if command and command[0] == self.token:
                self.token = None
                return
            command = None
        if not command:
            self.text(line)
            return
        name, properties, data = command
        if name == "stop-commands":
            if len(data) < 16 or data in self.tokens:
                self.faults.append(f"a bad token: {data}")
            self.token = data.lower()
            self.tokens.append(data)
        elif name == "group":
            if self.open is not None:
                self.faults.append(f"a group in a group: {data}")
            self.open = (data, [])
            self.groups.append(self.open)
        elif name == "endgroup":
            if self.open is None:
                self.faults.append("the end of no group")
            self.open = None
        elif name in ("error", "warning", "notice"):
            self.notes.append((name, properties, data))
        else:
            self.effects.append(command)

    def text(self, line):
        if "##[" in line:
            self.spoofed.append(line)
        if self.open is not None:
            self.open[1].append(line)
        (self.fenced if self.token else self.bare).append(line)

    def group(self, title):
        """The lines of the one group with this in its title."""
        found = [lines for name, lines in self.groups if title in name]
        assert len(found) == 1, (title, self.groups)
        return found[0]
