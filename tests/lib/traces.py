# SPDX-License-Identifier: MIT
"""A trace in the Trace Event Format, read strictly: what the format wants of each kind of event is there, all processes and
threads have names, arrows begin and end in slices."""
import collections
import json

NEEDED = {"X": {"dur", "cat"}, "B": {"cat"}, "i": {"s", "cat"}, "C": {"args"}, "s": {"id", "cat"}, "f": {"id", "cat", "bp"}, "M": {"args"}}
NAMES = {"process_name": "name", "thread_name": "name", "process_sort_index": "sort_index", "thread_sort_index": "sort_index"}
# Of those that chrome://tracing knows; it refuses others.
COLOURS = {"good", "bad", "terrible", "grey", "yellow", "olive"}


class Bad(AssertionError):
    pass


def no_constant(name):
    raise Bad(f"no JSON: {name}")


def whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


class Trace:
    def __init__(self, data):
        self.root = json.loads(data.decode("utf-8"), parse_constant=no_constant)
        self.events = self.root["traceEvents"]
        self.about = self.root["otherData"]
        self.processes, self.threads = {}, {}
        for event in self.events:
            self.check(event)
        self.check_names()
        self.check_arrows()

    def check(self, event):
        kind = event.get("ph")
        if kind not in NEEDED or not NEEDED[kind] <= set(event) or not isinstance(event["name"], str):
            raise Bad(f"not as the format wants it: {event}")
        if not whole(event["pid"]) or not whole(event["tid"]) or (kind != "M" and not whole(event["ts"])):
            raise Bad(f"pid, tid, ts: {event}")
        if kind == "X" and not whole(event["dur"]) or event.get("cname", "good") not in COLOURS:
            raise Bad(f"dur, cname: {event}")
        if kind == "i" and event["s"] not in "gpt" or not isinstance(event.get("args", {}), dict):
            raise Bad(f"s, args: {event}")
        if kind == "C" and not all(whole(value) for value in event["args"].values()):
            raise Bad(f"counters: {event}")
        if kind == "M":
            self.name(event)

    def name(self, event):
        value = event["args"][NAMES[event["name"]]]
        names, key = {"process_name": (self.processes, event["pid"]), "thread_name": (self.threads, (event["pid"], event["tid"]))}.get(
            event["name"], ({}, None))
        if key in names:
            raise Bad(f"named twice: {event}")
        names[key] = value

    def check_names(self):
        for event in self.events:
            if event["pid"] not in self.processes or (event["ph"] not in "MC" and (event["pid"], event["tid"]) not in self.threads):
                raise Bad(f"nameless: {event}")

    def check_arrows(self):
        arrows, slices = collections.defaultdict(dict), collections.defaultdict(list)
        for event in self.events:
            if event["ph"] in "sf":
                if event["ph"] in arrows[event["id"]]:
                    raise Bad(f"twice: {event}")
                arrows[event["id"]][event["ph"]] = event
            elif event["ph"] in "XB":
                slices[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event.get("dur", 10**15)))
        for arrow in arrows.values():
            if set(arrow) != {"s", "f"}:
                raise Bad(f"half an arrow: {arrow}")
            for event in arrow.values():
                if not any(begin <= event["ts"] <= end for begin, end in slices[event["pid"], event["tid"]]):
                    raise Bad(f"in no slice: {event}")

    def of(self, *categories, kinds="XBi"):
        return [event for event in self.events if event.get("cat") in categories and event["ph"] in kinds]

    def attempts(self, step=None):
        """All but those of cleanup steps."""
        return [event for event in self.of("command", "item", "never started") if step in (None, event["args"]["step"])]

    def sums(self, cleanups=()):
        """{outcome: units} of what counts."""
        counts = collections.Counter()
        for event in self.attempts():
            args = event["args"]
            if args["final"] and args["step"] not in cleanups:
                counts[args["outcome"]] += len(args.get("items", [0]))
        return counts

    def counters(self, step):
        return [(event["ts"], event["args"]["waiting"], event["args"]["running"]) for event in self.events
                if event["ph"] == "C" and event["name"] == step]

    def overlaps(self):
        """Slices of one thread that begin before the one in front of them has ended."""
        found, by_thread = [], collections.defaultdict(list)
        for event in self.of("command", "cleanup", kinds="X"):
            by_thread[event["pid"], event["tid"]].append(event)
        for events in by_thread.values():
            events.sort(key=lambda event: (event["ts"], event["dur"]))
            found += [(a, b) for a, b in zip(events, events[1:]) if b["ts"] < a["ts"] + a["dur"]]
        return found


def read(path):
    return Trace(path.read_bytes())
