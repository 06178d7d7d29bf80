# SPDX-License-Identifier: MIT
"""What the tests of reporters share: bytes that no format likes, random runs and journals, and the answer to what a report
of them has to say."""
import collections
import datetime
import heapq
import json
import os
import textwrap

import journal
import junit

PIECES = [b"\x1b[31m", b"\x1b]0;title\x07", b"\x1b", b"\x9b31m", b"]]>", b"<![CDATA[", b"</script>", b"<script>", b"<!--", b"&amp;", b"&#0;",
          b"<", b">", b'"', b"'", b"\\", b"\\\\", b"\\n", b"\\u0000", b"#", b" # SKIP all", b" # TODO later", b"\\# SKIP", b"# Subtest: x", b"{", b" {",
          b"}", b"[", b"]", b": ", b"- ", b"---", b"...", b"ok 1", b"not ok 2", b"1..7", b"Bail out! no", b"TAP version 13", b"pragma +strict", b"%s",
          b"\x00", b"\x08", b"\t", b"\r", b"\r\n", b"\n", b"\x0b", b"\x0c", b"\x7f", b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"\xed\xa0\x80", b"\xc0\x80",
          b"\xf4\x90\x80\x80", b"\xf0\x9f\x98\x80", b"\xc3\xa9", b"\xc3", b"\xe2\x82", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc2\x85", b"\xc2\x80",
          b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"plain", b" ", b"  "]


def noise(chance, most, without=b""):
    """At most so many pieces of bad taste."""
    data = bytearray()
    for _ in range(chance.randrange(most)):
        data += chance.choice(PIECES) if chance.random() < 0.8 else bytes([chance.randrange(256)])
    return bytes(byte for byte in data if byte not in without)


def names(chance, count):
    """Different items, as a file of lines can hold them."""
    found = dict.fromkeys(noise(chance, 10, b"\0\n\r") for _ in range(3 * count))
    return [name for name in found if name.strip(b" \t")][:count]


def python_with(module):
    """A python3 that has the module, or None: the one on the PATH need not be the system's."""
    for python in ("python3", "/usr/bin/python3"):
        if os.system(f"{python} -c 'import {module}' >/dev/null 2>&1") == 0:
            return python
    return None


class Journal(junit.Journal):
    """A run that no ciplug has made, with a clock of its own and records like those of core/record.c."""

    def __init__(self, state, run, seconds=1767323045):
        self.now = seconds * 10**9
        super().__init__(state, run)

    @staticmethod
    def stamp(ns):
        seconds, rest = divmod(ns, 10**9)
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest // 1000:06}Z"

    def add(self, event, **fields):
        record = {"event": event, "seq": len(self.lines) + 1, "time": self.stamp(self.now), **fields}
        self.lines.append(json.dumps(record, separators=(",", ":")))
        return record

    def command(self, step, number, units, worker, attempt, cleanup=False, host="local"):
        """The fields that all events of a command have; units: its items as bytes."""
        fields = {"step": step, "cleanup": cleanup, "number": number, "item": None, "items": None, "worker": worker or None,
                  "host": host if worker else None, "attempt": attempt}
        if len(units) == 1:
            junit.text_field(fields, "item", units[0])
            fields["items"] = None
        elif units:
            fields["items"] = [unit.decode() for unit in units]
        else:
            fields["label"] = str(number)
        if worker:
            fields["project"] = f"ci{self.folder.name}w{worker}"
        return fields

    def start(self, command):
        suffix = str(command["number"]) + (f".{command['attempt']}" if command["attempt"] > 1 else "")
        logs = {f"log_{stream}": f"logs/{command['step']}/{suffix}.{stream}" for stream in ("out", "err")}
        self.add("command_started", **command, command=f"sh -ec 'bin/check {command['number']}'", **logs, key="336cbd52f2d577ce")
        return dict(logs, started=self.now)

    def finish(self, command, outcome, begun=None, final=True, flags=(), reason=None):
        code = {"passed": 0, "failed": 1, "skipped": 77}.get(outcome) if begun else None
        self.add("command_finished", **command, outcome=outcome, exit_code=code, signal=9 if outcome == "signaled" else None,
                 started=self.stamp(begun["started"]) if begun else None, duration_ns=self.now - begun["started"] if begun else 0,
                 bytes_out=5, bytes_err=0, flags=list(flags), reason=reason if reason is not None else "" if outcome == "passed" else f"it {outcome}",
                 final=final, key="336cbd52f2d577ce", **({key: begun[key] for key in ("log_out", "log_err")} if begun else {}))

    def case(self, command, name, outcome="passed", ms=0, **more):
        """Of a JUnit file that the command wrote. item: as bytes, whose it is."""
        fields = {key: command[key] for key in ("step", "cleanup", "number", "attempt")}
        if more.get("item") is not None:
            junit.text_field(fields, "item", more["item"])
        more.pop("item", None)
        self.add("test_finished", **fields, name=name, outcome=outcome, duration_ns=ms * 10**6, **more)

    def judge(self, step, batch, number, unit, outcome, begun, final=True):
        """What the cases of a batch told of an item, a command of its own that did not start."""
        command = self.command(step, number, [unit], batch["worker"], batch["attempt"], batch["cleanup"])
        self.finish(dict(command, batch=batch["number"]), outcome, begun, final)

    def judged(self, step="s"):
        """A batch of a, b and c: a passed, b failed and then passed alone, c was skipped; a case is nobody's. Another command is
        started first and goes on alongside; the cases come in no order."""
        self.add("step_started", step=step, planned=4)
        first = self.command(step, 2, [b"d"], 2, 1)
        begun = self.start(first)
        batch = self.command(step, 1, [b"a", b"b", b"c"], 1, 1)
        of_batch = self.start(batch)
        self.now += 2 * 10**9
        self.case(batch, "b1", "failed", 500, item=b"b", classname="K", file="b.t", line=7, type="Mismatch", message="1 is not 2", text="first\nsecond")
        self.case(batch, "nobody", ms=100, suite="setup")
        self.case(batch, "c1", "skipped", item=b"c", message="not today # SKIP")
        self.case(batch, "a1", ms=250, item=b"a", flags=["flaky"])
        self.case(batch, "b2", ms=250, item=b"b")
        self.finish(batch, "failed", of_batch, final=False, flags=["judged"])
        for number, unit, outcome in ((3, b"a", "passed"), (4, b"b", "failed"), (5, b"c", "skipped")):
            self.judge(step, batch, number, unit, outcome, of_batch, final=unit != b"b")
        again = self.command(step, 4, [b"b"], 1, 2)
        of_again = self.start(again)
        self.now += 10**9
        self.case(again, "b1", ms=3000)  # at once with others: longer than it all took
        self.case(again, "b2", ms=1000)
        self.finish(again, "passed", of_again, flags=["flaky"])
        self.case(first, "d1", "error", message="no such thing")
        self.finish(first, "failed", begun)
        self.add("step_finished", step=step, outcome="failed", reason="")
        self.end(1, {"passed": 2, "failed": 1, "skipped": 1})

    def noisy(self, chance, step="s", count=10):
        """Any bytes in all that cases say; how many there are."""
        self.add("step_started", step=step, planned=count)
        for number in range(1, count + 1):
            command = self.command(step, number, [noise(chance, 9, b"\0")], 1, 1)
            begun = self.start(command)
            for _ in range(2):
                said = {key: noise(chance, 9, b"\0").decode("utf-8", "replace") for key in ("suite", "classname", "file", "type", "message", "text")}
                self.case(command, noise(chance, 9, b"\0").decode("utf-8", "replace"), chance.choice(["passed", "failed", "error", "skipped"]),
                          line=chance.randrange(2**32), flags=chance.choice([[], ["flaky"]]), **said)
            self.finish(command, "failed", begun)
        self.write()
        return 2 * count

    def pool(self, chance, step, commands, workers=4, cleanup=False, ends=("passed",), retries=0, again=0.3):
        """A step whose commands ([items as bytes] each) go through workers; {outcome: units} of it."""
        counts = collections.Counter()
        self.add("step_started", step=step, cleanup=cleanup, planned=sum(max(1, len(units)) for units in commands))
        queue = collections.deque((number, units, 1) for number, units in enumerate(commands, 1))
        free, busy = list(range(1, workers + 1)), []
        while queue or busy:
            if queue and free:
                number, units, attempt = queue.popleft()
                command = self.command(step, number, units, heapq.heappop(free), attempt, cleanup)
                self.now += chance.randrange(1, 10**6)
                begun = self.start(command)
                heapq.heappush(busy, (self.now + chance.randrange(10**6, 10**9), command["worker"], command, begun, units))
                continue
            end, worker, command, begun, units = heapq.heappop(busy)
            self.now = max(self.now, end)
            retried = command["attempt"] <= retries and chance.random() < again
            outcome = "failed" if retried else chance.choice(ends)
            self.finish(command, outcome, begun, final=not retried)
            heapq.heappush(free, worker)
            if retried:
                queue.append((command["number"], units, command["attempt"] + 1))
            else:
                counts[outcome] += max(1, len(units))
        self.add("step_finished", step=step, cleanup=cleanup, outcome=worst(counts), reason="")
        return counts

    def end(self, status, counts, reason=None):
        ledger = {**dict.fromkeys(journal.OUTCOMES, 0), **counts, "planned": sum(counts.values()), "flaky": 0, "allowed": 0}
        self.add("run_finished", exit_status=status, reason=reason, ledger=ledger)
        return self.write()


def worst(counts):
    bad = [name for name in ("failed", "signaled", "timeout", "error", "cancelled") if counts[name]]
    return bad[0] if bad else "passed"


def random_journal(chance, state, run):
    """A made-up run: (counts, exit status)."""
    made, counts = Journal(state, run), collections.Counter()
    for step in range(chance.randrange(1, 5)):
        commands = [[b"i%d.%d" % (number, unit) for unit in range(chance.choice([0, 1, 1, 3]))] for number in range(chance.randrange(1, 9))]
        ends = chance.choice([("passed",), ("passed", "skipped"), journal.OUTCOMES])
        counts += made.pool(chance, f"s{step}", commands, chance.randrange(1, 4), ends=ends, retries=chance.choice([0, 2]))
    made.pool(chance, "tidy", [[]], cleanup=True, ends=("passed", "failed"))
    status = 1 if any(counts[name] for name in ("failed", "signaled", "timeout")) else \
        3 if counts["error"] else 1 if counts["cancelled"] else chance.choice([0, 0, 0, 3, 143])
    made.end(status, counts)
    return counts, status


def random_ini(chance, reporters):
    """Of a run that ends by itself within a second or so."""
    ini = f"[ciplug]\nplugins = {reporters}\nskip_codes = 77\nretry_delay = 10ms\n"
    for step in range(chance.randrange(1, 4)):
        ini += f"[step s{step}]\n" + chance.choice(["", "needs =\n"]) + chance.choice(["", "retries = 1\n"])
        ini += chance.choice(["count = 5\n", "items = a b c d e\n", "items = a b c d e f\nbatch = 2\n"])
        ini += chance.choice(["", "", "fail_fast = yes\n", "allow_failure = yes\n"])
        code = chance.choice(["0", "0", "77", "1", "$((CI_COMMAND_NUMBER % 2))", "$((CI_COMMAND_NUMBER % 2 * 77))", "$((CI_ATTEMPT % 2))"])
        ini += "command = " + chance.choice([f"echo out; echo err >&2; exit {code}", f"exit {code}", "kill -9 $$"]) + "\n"
    return ini + "[cleanup c]\ncommand = exit " + chance.choice(["0", "1"]) + "\n"


# A run with every outcome, flag and kind of step; status 1.
EVERYTHING = textwrap.dedent("""\
    [ciplug]
    plugins = {reporters}
    skip_codes = 77
    retry_delay = 10ms
    grace = 1s
    [step good]
    needs =
    items = a b
    command = echo said {{item}}
    [step bad]
    needs =
    items = x y
    retries = 1
    command = echo out {{item}}; echo err >&2; exit 3
    [step flaky]
    needs =
    retries = 2
    command = test $CI_ATTEMPT = 3
    [step killed]
    needs =
    command = kill -9 $$
    [step slow]
    needs =
    timeout = 100ms
    command = exec sleep 600
    [step broken]
    needs =
    cwd = nosuchfolder
    command = true
    [step allowed]
    needs =
    items = p q
    allow_failure = yes
    command = test {{item}} = p
    [step skips]
    needs =
    items = m n
    command = test {{item}} = m || exit 77
    [step unwanted]
    needs =
    if = exit 1
    count = 2
    command = true
    [step late]
    needs = bad
    command = true
    [step batch]
    needs =
    items = a b c d e
    batch = 3
    retries = 1
    command = case " $CI_ITEM " in *b*) exit 1;; esac
    [step empty]
    needs = good
    allow_empty = yes
    items_from = good
    command = true
    [step cut]
    needs =
    workers = 1
    fail_fast = yes
    items = 1 2 3
    command = exit 4
    [cleanup tidy]
    command = echo bye; exit 5
    """)
