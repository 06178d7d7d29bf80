#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reporter trace: what the format wants, every outcome, queues and retries, any bytes, killed runs, several runs in one file."""
import collections
import datetime
import os
import pathlib
import random
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import journal  # noqa: E402
import reports  # noqa: E402
import traces  # noqa: E402
from harness import Case, main, wait_for  # noqa: E402

ROUNDS = min(20, int(os.environ.get("CIPLUG_TEST_REPEATS", "20")))


def microseconds(stamp):
    began = datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    return (began - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


class TraceCase(Case):
    def trace(self, name="trace.json"):
        return traces.read(self.dir / name)

    def reported(self, *runs, name="again.json"):
        ended = self.verb("report", *runs, "--to", f"trace={name}")
        self.assertEqual(ended.status, 0, ended.all)
        return self.trace(name)

    def same_again(self):
        """Live, and from the journal: byte by byte."""
        self.reported()
        self.assertEqual(self.read("again.json"), self.read("trace.json"))


class Everything(TraceCase):
    def setUp(self):
        super().setUp()
        self.assertEqual(self.ci(reports.EVERYTHING.format(reporters="trace"), "-q", "--keep-going").status, 1)
        self.made = self.trace()

    def test_each_attempt_as_the_journal_has_it(self):
        base = microseconds(self.made.about["started"])
        want = collections.Counter()
        for record in self.run_of().of("command_finished"):
            begun = record["started"] is not None
            want[record["step"], record["number"], record["attempt"], record["outcome"], record["final"], record["exit_code"], record["worker"] if begun else None,
                 record["duration_ns"] // 1000 if begun else None, microseconds(record["started"]) - base if begun else None] += 1
        have = collections.Counter()
        for event in self.made.of("command", "cleanup", "never started"):
            args, begun = event["args"], event["ph"] == "X"
            have[args["step"], args["command"], args.get("attempt", 0), args["outcome"], args["final"], args.get("exit_code"), event["tid"] if begun else None,
                 event.get("dur"), event["ts"] if begun else None] += 1
        self.assertEqual(have, want)
        self.assertEqual(self.made.overlaps(), [])

    def test_sums_are_those_of_the_ledger(self):
        ledger = self.run_of().last("run_finished")["ledger"]
        self.assertEqual({name: self.made.sums()[name] for name in journal.OUTCOMES}, {name: ledger[name] for name in journal.OUTCOMES})
        run = self.made.about["runs"][0]
        self.assertEqual({name: run.get(name, 0) for name in ("planned", *journal.OUTCOMES)}, {name: ledger[name] for name in ("planned", *journal.OUTCOMES)})
        self.assertEqual((run["run"], run["exit_status"], run["finished"]), (self.runs()[0], 1, True))

    def test_names_of_processes_and_threads(self):
        names = collections.defaultdict(list)
        for (pid, _), name in self.made.threads.items():
            names[self.made.processes[pid]].append(name)
        run = f"run {self.runs()[0]}"
        self.assertEqual(set(names), {run, "local"})
        self.assertEqual(set(names[run]), {"run", "cleanup tidy"} | {f"step {step}" for step in
                         "good bad flaky killed slow broken allowed skips unwanted late batch empty cut".split()})
        self.assertTrue(set(names["local"]) <= {f"worker {number}" for number in range(1, 100)}, names)

    def test_steps_and_cleanup_steps(self):
        steps = {event["name"]: event["args"]["outcome"] for event in self.made.of("step")}
        self.assertEqual(steps, {record["step"]: record["outcome"] for record in self.run_of().of("step_finished") if not record["cleanup"]})
        self.assertEqual([(event["name"], event["args"]["outcome"]) for event in self.made.of("cleanup step")], [("tidy", "failed")])
        self.assertEqual([event["args"]["exit_code"] for event in self.made.of("cleanup")], [5])

    def test_logs(self):
        folder = pathlib.Path(self.made.about["runs"][0]["folder"])
        last = next(event for event in self.made.attempts("bad") if event["args"]["final"] and event["name"] == "x")
        self.assertEqual((folder / last["args"]["log_out"]).read_text(), "out x\n")

    def test_retries_are_linked(self):
        """From the end of one attempt to the start of the next; a failed batch to each of its items."""
        arrows = {kind: collections.Counter((event["pid"], event["tid"], event["id"]) for event in self.made.of("retry", kinds=kind)) for kind in "sf"}
        again = [event for event in self.made.of("command", kinds="X") if event["args"]["attempt"] > 1]
        self.assertEqual(len(arrows["s"]), len(again))
        self.assertEqual(len(arrows["f"]), len(again))
        ends = {event["ts"] for event in self.made.of("retry", kinds="f")}
        self.assertEqual(ends, {event["ts"] for event in again})
        items = sorted(event["name"] for event in again if event["args"]["step"] == "batch")
        self.assertEqual(items, ["a", "b", "b", "c"])

    def test_colours(self):
        colours = {(event["args"]["step"], event["args"]["outcome"]): event["cname"] for event in self.made.attempts()}
        self.assertEqual(colours["good", "passed"], "good")
        self.assertEqual(colours["bad", "failed"], "terrible")
        self.assertEqual(colours["slow", "timeout"], "bad")
        self.assertEqual(colours["flaky", "passed"], "olive")
        self.assertEqual(colours["late", "skipped"], "grey")

    def test_same_from_the_journal(self):
        self.same_again()


class Cases(TraceCase):
    """Of JUnit files; live ones are in report_cases.py."""

    def test_of_a_batch_and_its_items(self):
        reports.Journal(self.dir / ".ciplug", "aaaaaaaa").judged()
        made = self.reported("aaaaaaaa")
        self.assertEqual(made.overlaps(), [])
        self.assertEqual(made.sums(), {"passed": 2, "failed": 1, "skipped": 1})
        self.assertEqual(made.counters("s")[-1][1:], (0, 0))
        self.assertEqual(max(running for _, _, running in made.counters("s")), 4, "items of a batch run once")
        batch, = (event for event in made.of("command") if len(event["args"].get("items", ())) == 3)
        again, = (event for event in made.of("command") if event["args"]["attempt"] == 2)

        def inside(outer, *categories):
            return [event for event in made.of(*categories) if event["tid"] == outer["tid"] and outer["ts"] <= event["ts"]
                    and event["ts"] + event["dur"] <= outer["ts"] + outer["dur"]]
        self.assertEqual([event["name"] for event in inside(batch, "item")], ["a", "b", "c"])
        self.assertEqual(sorted(event["name"] for event in inside(batch, "case")), ["a1", "b1", "b2", "c1", "nobody"])
        self.assertEqual([event["name"] for event in inside(again, "case")], ["b1", "b2"])
        for event in made.of("case", "item"):
            self.assertEqual(event["args"]["start"], "assumed")
        for outer in (batch, again):
            cases = sorted(inside(outer, "case"), key=lambda event: (event["ts"], event["dur"]))
            self.assertEqual([b for a, b in zip(cases, cases[1:]) if b["ts"] < a["ts"] + a["dur"]], [], "one after the other")

    def test_any_bytes(self):
        for number in range(ROUNDS):
            seed = random.randrange(1 << 30)
            with self.subTest(round=number, seed=seed):
                run = f"r{number:07}"
                cases = reports.Journal(self.dir / ".ciplug", run).noisy(random.Random(seed))
                self.assertEqual(len(self.reported(run).of("case")), cases)


class Queue(TraceCase):
    def test_who_waits_and_who_runs(self):
        self.passes("[ciplug]\nplugins = trace\n[step s]\nitems = a b c d e\nworkers = 2\nretries = 1\nretry_delay = 10ms\n"
                    "command = sleep 0.05; test {item} != c -o $CI_ATTEMPT = 2\n")
        made = self.trace()
        counters = made.counters("s")
        self.assertEqual(counters[0][1:], (5, 0))
        self.assertEqual(counters[-1][1:], (0, 0))
        self.assertEqual(max(running for _, _, running in counters), 2)
        self.assertEqual([ts for ts, _, _ in counters], sorted({ts for ts, _, _ in counters}))
        step = made.of("step")[0]
        for event in made.attempts("s"):
            earlier = [one for one in made.attempts("s") if one["name"] == event["name"] and one["args"]["attempt"] == event["args"]["attempt"] - 1]
            since = earlier[0]["ts"] + earlier[0]["dur"] if earlier else step["ts"]
            self.assertEqual(event["args"]["waited_us"], event["ts"] - since)

    def test_hosts_are_processes(self):
        self.passes("[ciplug]\nplugins = trace\n[host far]\nworkers = 2\n[step s]\nhosts = local far\nworkers = 3\nper = worker\ncommand = true\n", "-j", "1")
        made = self.trace()
        places = {(made.processes[event["pid"]], event["tid"]) for event in made.attempts("s")}
        self.assertEqual(places, {("local", 1), ("far", 2), ("far", 3)})


class Ends(TraceCase):
    INI = "[ciplug]\nplugins = trace\n[step s]\nitems = a b c d\nworkers = 2\ncommand = test {item} = a || { : > up.{item}; exec sleep 600; }\n" \
          "[step t]\ncommand = true\n"

    def begin(self):
        running = self.start(self.INI)
        self.wait_file("up.b")
        self.wait_file("up.c")
        wait_for(lambda: len(self.run_of().of("command_started", "s")) == 3, "three starts in the journal")
        return running

    def test_killed(self):
        running = self.begin()
        running.send(signal.SIGKILL)
        running.wait()
        self.assertFalse((self.dir / "trace.json").exists())
        made = self.reported()
        self.assertEqual([(event["name"], event["args"]["outcome"], event["args"].get("flags")) for event in made.attempts("s")],
                         [("a", "passed", None), ("b", "error", ["interrupted"]), ("c", "error", ["interrupted"])])
        about = made.about["runs"][0]
        self.assertEqual((about["finished"], about["exit_status"], about["without_result"], about["planned"]), (False, None, 1, 4))
        self.assertEqual(about["reason"], "the run has not finished")
        unknown = [event for event in made.of("run") if event["ph"] == "i"]
        self.assertEqual([(event["name"], event["s"]) for event in unknown], [("nothing is known from here on", "g")])
        self.assertEqual(made.counters("s")[-1][1:], (1, 0))

    def test_while_it_goes_on(self):
        running = self.begin()
        made = self.reported()
        self.assertEqual([(event["name"], event["ph"], event["args"]["outcome"]) for event in made.attempts("s")],
                         [("a", "X", "passed"), ("b", "B", "unknown"), ("c", "B", "unknown")])
        self.assertEqual(made.of("step")[0]["args"]["outcome"], "unknown")
        self.assertEqual(made.counters("s")[-1][1:], (1, 2))
        running.send(signal.SIGTERM)
        self.assertEqual(running.wait().status, 143)
        self.assertEqual({event["args"]["outcome"] for event in self.trace().attempts("s")}, {"passed", "cancelled"})
        self.same_again()

    def test_shards_in_one_file(self):
        self.begin().send(signal.SIGKILL)
        self.started[0].wait()
        self.passes("[ciplug]\nplugins = trace\n[step s]\nitems = x y\ncommand = true\n")
        first, second = sorted(self.runs(), key=lambda run: self.run_of(run=run).of("run_started")[0]["time"])
        made = self.reported(first, second)
        self.assertEqual(list(made.processes.values()), [f"run {first}", f"run {second}", f"local, run {first}", f"local, run {second}"])
        self.assertEqual([run["run"] for run in made.about["runs"]], [first, second])
        self.assertEqual([event["name"] for event in made.attempts("s")], ["a", "b", "c", "x", "y"])
        self.assertEqual(len({event["pid"] for event in made.attempts("s")}), 2)

    def test_before_the_first_step(self):
        reports.Journal(self.dir / ".ciplug", "aaaaaaaa").write()
        self.assertEqual(self.reported("aaaaaaaa").attempts(), [])

    def test_status_3_when_it_cannot_be_written(self):
        ended = self.ci("[ciplug]\nplugins = trace\n[trace]\nfile = /dev/full\n[step s]\ncommand = true\n")
        self.assertEqual(ended.status, 3, ended.all)
        self.assertIn("plugin trace: cannot write /dev/full: No space left on device", ended.err)

    def test_an_old_report_is_gone_before_the_first_command(self):
        self.write("out.json", "{}")
        self.passes("[ciplug]\nplugins = trace\n[trace]\nfile = out.json\n[step s]\ncommand = test ! -e out.json\n")
        self.assertEqual(len(self.trace("out.json").attempts()), 1)


class Bytes(TraceCase):
    def test_of_a_run(self):
        chance = random.Random(15)
        items = reports.names(chance, 60)
        self.write("names", b"\n".join(items) + b"\n")
        ended = self.ci("[ciplug]\nplugins = trace\n[step s]\nitems_file = names\nworkers = 4\ncommand = exit $(({number} % 2))\n"
                        "[step broken]\nneeds =\nitems_file = names\ncwd = none/{item}\ncommand = true\n", "-q", "--keep-going")
        self.assertEqual(ended.status, 1, ended.all)
        made = self.trace()
        self.assertEqual([len(made.attempts(step)) for step in ("s", "broken")], [len(items)] * 2)
        self.same_again()

    def test_names_come_back(self):
        names = ['a "quoted" \\ one', "</script>", "]]>", "é😀", "%s", "{}", "\\u0000", "a,b"]
        self.write("names", "".join(name + "\n" for name in names))
        self.passes("[ciplug]\nplugins = trace\n[step s]\nitems_file = names\ncommand = true\n")
        self.assertEqual([event["name"] for event in self.trace().attempts()], names)
        self.assertEqual([event["args"]["item"] for event in self.trace().attempts()], names)

    def test_of_any_journal(self):
        for number in range(ROUNDS):
            seed = random.randrange(1 << 30)
            self.count(repeats=1)
            with self.subTest(round=number, seed=seed):
                chance, run = random.Random(seed), f"r{number:07}"
                made = reports.Journal(self.dir / ".ciplug", run)
                made.add("step_started", step="s", planned=20)
                for command in (made.command("s", command, [reports.noise(chance, 9, b"\0")], 1, 1) for command in range(1, 21)):
                    begun = made.start(command)
                    made.finish(command, chance.choice(journal.OUTCOMES), begun, reason=reports.noise(chance, 9, b"\0").decode("utf-8", "replace"))
                made.write()
                self.assertEqual(len(self.reported(run).attempts()), 20)


class Sums(TraceCase):
    def agree(self, made, counts, status):
        self.assertEqual({name: made.sums()[name] for name in journal.OUTCOMES}, {name: counts.get(name, 0) for name in journal.OUTCOMES})
        about = made.about["runs"][0]
        self.assertEqual(about["exit_status"], status)
        self.assertEqual(about["planned"], sum(counts.values()))
        for event in made.of("step"):
            self.assertEqual(made.counters(event["name"])[-1][1:], (0, 0))

    def test_random_journals(self):
        for number in range(2 * ROUNDS):
            seed = random.randrange(1 << 30)
            self.count(repeats=1)
            with self.subTest(round=number, seed=seed):
                counts, status = reports.random_journal(random.Random(seed), self.dir / ".ciplug", f"r{number:07}")
                made = self.reported(f"r{number:07}")
                self.agree(made, counts, status)
                self.assertEqual(made.overlaps(), [])

    def test_random_runs(self):
        for number in range(ROUNDS // 2 + 1):
            seed = random.randrange(1 << 30)
            self.count(repeats=1)
            with self.subTest(round=number, seed=seed):
                chance = random.Random(seed)
                ended = self.ci(reports.random_ini(chance, "trace"), "-q", *chance.choice([[], ["--keep-going"], ["--fail-fast"]]))
                self.agree(self.trace(), self.run_of().counted(), ended.status)
                self.same_again()


if __name__ == "__main__":
    main()
