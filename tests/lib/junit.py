# SPDX-License-Identifier: MIT
"""A JUnit report, read back; and runs made up as journals, for `ciplug report`."""
import base64
import json
import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree as tree

CLASSES = {"failure": ("failed", "signaled", "timeout"), "error": ("error", "cancelled"), "skipped": ("skipped",)}
SUMS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def complaints(path):
    """What xmllint says of it: nothing when it is well-formed."""
    return subprocess.run(["xmllint", "--noout", str(path)], capture_output=True, check=False, stdin=subprocess.DEVNULL,
                          text=True, errors="replace").stderr


# What the schemas of Jenkins' xunit plugin and of Ant both allow: {element: (attributes it must have, may have, children)};
# and below it what only the first one knows. The order of children is Ant's.
VERDICT = "((skipped|error|failure) )?"
RERUN = ({"type"}, {"message"}, "stackTrace (system-out )?(system-err )?")
ANT = {
    "testsuites": (set(), set(), "(testsuite )*"),
    "testsuite": ({"name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "time"}, {"skipped"},
                  "properties (testcase )*system-out system-err "),
    "properties": (set(), set(), "(property )*"), "property": ({"name", "value"}, set(), ""),
    "testcase": ({"name", "classname", "time"}, set(), VERDICT),
    "failure": ({"type"}, {"message"}, ""), "error": ({"type"}, {"message"}, ""), "skipped": (set(), {"message"}, ""),
    "system-out": (set(), set(), ""), "system-err": (set(), set(), ""),
}
JENKINS = {
    **ANT, "skipped": (set(), {"message", "type"}, ""), "testsuite": (*ANT["testsuite"][:2], "properties (testcase )*(testsuite )*system-out system-err "), "testcase": (ANT["testcase"][0], set(), VERDICT + "((flaky|rerun)(Failure|Error) )*(system-out )?(system-err )?"),
    "stackTrace": (set(), set(), ""), **dict.fromkeys(("flakyFailure", "flakyError", "rerunFailure", "rerunError"), RERUN),
}
VALUES = {"timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "time": r"\d+\.\d{3}", "hostname": r"(?s).*\S.*", "package": "", "id": r"\d+",
          "tests": r"\d+", "failures": r"\d+", "errors": r"\d+", "skipped": r"\d+"}
# The schemas themselves, where somebody has them: a folder.
SCHEMAS = os.environ.get("CIPLUG_TEST_JUNIT_SCHEMAS")


def misshapen(path, ant=False):
    """What is not as the schemas have it: both where `ant`, else the one that knows attempts."""
    wrong, shapes = [], ANT if ant else JENKINS
    root = tree.parse(path).getroot()
    for element in root.iter():
        must, may, children = shapes.get(element.tag, (set(), set(), "nowhere"))
        below = "".join(child.tag + " " for child in element)
        if not must <= set(element.keys()) <= must | may or not re.fullmatch(children, below):
            wrong.append((element.tag, sorted(element.keys()), below))
        wrong += [(element.tag, key, value) for key, value in element.items() if not re.fullmatch(VALUES.get(key, "(?s).*"), value)]
    ids = [suite.get("id") for suite in root.iter("testsuite")]
    if ids != [str(number) for number in range(len(ids))]:
        wrong.append("ids")
    for schema in ["junit-10.xsd", *(["windyroad-JUnit.xsd"] if ant else [])] if SCHEMAS else []:
        ended = subprocess.run(["xmllint", "--huge", "--noout", "--schema", str(pathlib.Path(SCHEMAS) / schema), str(path)],
                               capture_output=True, check=False, stdin=subprocess.DEVNULL, text=True, errors="replace")
        if ended.returncode:
            wrong.append(ended.stderr)
    return wrong


class Report:
    def __init__(self, path):
        self.root = tree.parse(path).getroot()
        self.cases = self.root.findall("testsuite/testcase")

    @staticmethod
    def kind(case):
        """failure, error, skipped, or passed."""
        found = [child.tag for child in case if child.tag in CLASSES]
        assert len(found) <= 1, found
        return found[0] if found else "passed"

    def count(self, kind=None):
        return sum(1 for case in self.cases if kind in (None, self.kind(case)))

    def names(self, kind=None, suite=None):
        return [case.get("name") for case in self.cases
                if kind in (None, self.kind(case)) and suite in (None, case.get("classname"))]

    def case(self, name, suite):
        found = [case for case in self.cases if (case.get("name"), case.get("classname")) == (name, suite)]
        assert len(found) == 1, (name, suite, found)
        return found[0]

    def nested(self, name, ant=False):
        """The suite of the cases that JUnit files tell of an item or command."""
        found = self.root.findall("testsuite" if ant else "testsuite/testsuite")
        return {case.get("name"): case for suite in found if suite.get("name") == name for case in suite.findall("testcase")}

    @staticmethod
    def others(case):
        """[(element, type, which attempt)] of the attempts beside the one that is shown."""
        return [(child.tag, child.get("type"), int(re.search(r"^attempt (\d+)", child.find("stackTrace").text, re.MULTILINE)[1]))
                for child in case if child.tag.startswith(("flaky", "rerun"))]

    def properties(self, suite):
        return {one.get("name"): one.get("value") for one in self.root.findall(f"testsuite[@name='{suite}']/properties/property")}

    def wrong_sums(self):
        """Attributes that are not what the elements below them say."""
        wrong = []
        for element in self.root.iter():
            if not element.tag.startswith("testsuite"):
                continue
            cases = element.findall(".//testcase")
            want = {name: sum(self.kind(case) == kind for case in cases) for name, kind in SUMS.items()}
            want["tests"] = len(cases)
            wrong += [(element.tag, element.get("name"), name, element.get(name), number)
                      for name, number in want.items() if element.get(name, str(number)) != str(number)]
            # What is nested took its time within that of the case that it is of.
            ms = sum(round(float(case.get("time")) * 1000) for case in element.findall("testcase" if element.tag == "testsuite" else "*/testcase"))
            if round(float(element.get("time", ms / 1000)) * 1000) != ms:
                wrong.append((element.tag, element.get("name"), "time", element.get("time"), ms))
        return wrong


def text_field(record, key, value):
    """KEY, or KEY_base64 for bytes that are no UTF-8."""
    try:
        record[key] = value.decode()
    except UnicodeDecodeError:
        record[key] = None
        record[key + "_base64"] = base64.b64encode(value).decode()


class Journal:
    """A run's folder that no ciplug has made."""

    def __init__(self, state, run):
        self.folder = state / "runs" / run
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o700)
        self.lines = []
        self.add("run_started", version=1, run=run, name="made-up", text="made up")

    def add(self, event, **fields):
        number = len(self.lines) + 1
        record = {"event": event, "seq": number, "time": f"2026-01-02T03:04:{number // 1000 % 60:02}.{number % 1000:03}000Z"}
        record.update(fields)
        self.lines.append(json.dumps(record))
        return record

    def log(self, step, number, stream, data):
        path = self.folder / "logs" / step / f"{number}.{stream}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f"logs/{step}/{number}.{stream}"

    def write(self):
        (self.folder / "journal.jsonl").write_text("".join(line + "\n" for line in self.lines))
        return self.folder.name
