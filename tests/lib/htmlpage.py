# SPDX-License-Identifier: MIT
"""The page of the html reporter, read back; and large runs made up as journals."""
import base64
import hashlib
import html.parser
import json
import random
import re

# Elements that have no end.
VOID = {"meta", "input", "rect", "br"}
COUNTED = ("planned", "passed", "failed", "signaled", "timeout", "error", "cancelled", "skipped")


class Page(html.parser.HTMLParser):
    """`wrong`: what is not well-formed. `texts`: of elements by id. `cells`: of tables by id, row by row."""

    def __init__(self, data):
        super().__init__(convert_charrefs=True)
        self.raw = data.decode("utf-8")  # has to be
        self.wrong, self.stack, self.texts, self.tags, self.cells = [], [], {}, [], {}
        self.ids, self.scripts, self.styles, self.headings = [], [], [], []
        self.feed(self.raw)
        self.close()
        if self.stack:
            self.wrong.append(f"not closed: {self.stack}")
        self.wrong += [f"twice: id {name}" for name in set(self.ids) if self.ids.count(name) > 1]

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if len(attributes) != len(attrs):
            self.wrong.append(f"an attribute twice: {tag} {attrs}")
        self.tags.append((tag, attributes))
        if attributes.get("id"):
            self.ids.append(attributes["id"])
            self.texts[attributes["id"]] = ""
        if tag == "tr" and self.table():
            self.cells.setdefault(self.table(), []).append([])
        if tag in ("td", "th") and self.table():
            self.cells[self.table()][-1].append("")
        if tag in ("script", "style"):
            (self.scripts if tag == "script" else self.styles).append((attributes, []))
        if tag not in VOID:
            self.stack.append((tag, attributes.get("id")))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.stack or self.stack[-1][0] != tag:
            self.wrong.append(f"</{tag}> in {self.stack}")
            return
        self.stack.pop()

    def table(self):
        return next((name for tag, name in reversed(self.stack) if tag == "table"), None)

    def handle_data(self, data):
        for _, name in self.stack:
            if name and name.startswith(("n-", "log-")):
                self.texts[name] += data
        if self.stack and self.stack[-1][0] in ("script", "style"):
            (self.scripts if self.stack[-1][0] == "script" else self.styles)[-1][1].append(data)
        elif self.table() and any(tag in ("td", "th") for tag, _ in self.stack):
            self.cells[self.table()][-1][-1] += data

    # What is in it

    def ledger(self):
        return {name: int(self.texts[f"n-{name}"].replace(",", "")) for name in COUNTED}

    def data(self):
        """The attempts as the script sees them."""
        text = "".join(next(parts for attributes, parts in self.scripts if attributes.get("id") == "data"))
        return json.loads(text)

    def attempts(self):
        fields = ("step", "number", "attempt", "worker", "host", "outcome", "flags", "bits", "start", "us", "out", "err",
                  "name", "reason", "log_out", "log_err")
        rows = []
        data = self.data()
        for row in data["attempts"]:
            one = dict(zip(fields, row + [""] * (len(fields) - len(row))))
            one["outcome"] = ("running", *COUNTED[1:])[one["outcome"]]
            one["step"] = data["steps"][one["step"]]["name"]
            one["final"] = bool(one["bits"] & 1)
            rows.append(one)
        return rows

    def links(self):
        return [attributes["href"] for tag, attributes in self.tags if tag == "a"]

    def policy(self):
        """{directive: sources} of the Content-Security-Policy."""
        content = next(attributes["content"] for tag, attributes in self.tags
                       if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy")
        return {words[0]: words[1:] for words in (part.split() for part in content.split(";"))}

    @staticmethod
    def source(parts):
        """As a policy names it."""
        return "'sha256-" + base64.b64encode(hashlib.sha256("".join(parts).encode()).digest()).decode() + "'"

    def failures(self):
        return [name for name in self.ids if re.fullmatch(r"case-\d+", name)]


def stamp(us):
    seconds, us = divmod(us, 10**6)
    return f"2026-01-02T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{us:06}Z"


def big_journal(state, run, count, workers, hosts=("local",)):
    """A run of so many commands, in the shape that ciplug writes: a few fail, some are flaky."""
    folder = state / "runs" / run
    (folder / "logs" / "unit").mkdir(parents=True)
    folder.chmod(0o700)
    chance = random.Random(count)
    free = [(2000 * worker, worker) for worker in range(1, workers + 1)]
    seq, lines, ledger = 0, [], dict.fromkeys(COUNTED, 0)
    with open(folder / "journal.jsonl", "w", encoding="utf-8") as file:
        def add(event, us, **fields):
            nonlocal seq
            seq += 1
            lines.append(json.dumps({"event": event, "seq": seq, "time": stamp(us), **fields}, separators=(",", ":")) + "\n")
            if len(lines) > 1000:
                file.writelines(lines)
                lines.clear()

        add("run_started", 0, version=1, run=run, name="big", config="ci.ini", argv=["ciplug"], ciplug="0", text=f"big: 1 step, {workers} workers")
        add("step_started", 1000, step="unit", cleanup=False, planned=count)
        end = 0
        for number in range(1, count + 1):
            attempts = [chance.choice(["failed", "signaled", "timeout"])] if chance.random() < 0.01 else []
            attempts.append("passed" if chance.random() < 0.995 else "failed")
            for attempt, outcome in enumerate(attempts, 1):
                free.sort()
                start, worker = free[0]
                took = int(min(chance.paretovariate(1.5), 200) * 20000)
                end = max(end, start + took)
                free[0] = (start + took + 300, worker)
                final = attempt == len(attempts)
                flags = ["flaky"] if final and attempt > 1 and outcome == "passed" else []
                if final:
                    ledger[outcome] += 1
                name = f"{number}" if attempt == 1 else f"{number}.{attempt}"
                command = {"step": "unit", "cleanup": False, "number": number, "count": count,
                           "item": f"spec/requests/case_{number:06}_spec.rb", "items": None, "worker": worker,
                           "host": hosts[worker % len(hosts)], "attempt": attempt, "project": f"ci{run}w{worker}"}
                logs = {"log_out": f"logs/unit/{name}.out", "log_err": f"logs/unit/{name}.err"}
                add("command_started", start, **command, key="0123456789abcdef", **logs,
                    command=f"env -C /home/ci/app CI=true CI_COMMAND_NUMBER={number} CI_WORKER_NUMBER={worker} CI_STEP=unit "
                            f"CI_ITEM={command['item']} CI_HOST=local CI_ATTEMPT={attempt} CI_RUN_ID={run} "
                            f"PROJECT_NAME=ci{run}w{worker} sh -ec 'rspec {command['item']}'")
                bad = outcome != "passed"
                if bad:
                    text = "".join(f"line {line} of {number}\n" for line in range(40)) + f"what went wrong with {number}\n"
                    (folder / logs["log_err"]).write_text(text)
                add("command_finished", start + took, **command, outcome=outcome, exit_code=int(bad) if outcome != "signaled" else None,
                    signal=11 if outcome == "signaled" else None, started=stamp(start), duration_ns=took * 1000, bytes_out=0,
                    bytes_err=len(text) if bad else 0, flags=flags, reason="exit code 1" if bad else "", final=final, key="0123456789abcdef", **logs)
        add("step_finished", end, step="unit", cleanup=False, outcome="failed" if ledger["failed"] else "passed", reason="")
        ledger["planned"] = count
        add("run_finished", end, exit_status=1 if ledger["failed"] else 0, reason=None, ledger=dict(ledger, flaky=0, allowed=0))
        file.writelines(lines)
    return ledger
