#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of the html reporter: what stands in it, whatever the run and whatever bytes it brought. What it looks like
and does is for report_html_browser.py."""
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import htmlpage  # noqa: E402
import journal  # noqa: E402
import junit  # noqa: E402
from harness import Case, main  # noqa: E402

RUNS = min(8, int(os.environ.get("CIPLUG_TEST_REPEATS", "8")))
ROUNDS = min(20, int(os.environ.get("CIPLUG_TEST_REPEATS", "20")))
EVIL = ["<script>alert(1)</script>", "</script><script>alert(2)</script>", "</noscript><script>alert(3)</script>", "<!--", "-->", "]]>",
        "</pre></details><img src=x onerror=alert(4)>", "\"onmouseover=\"alert(5)", "'onclick='alert(6)", "javascript:alert(7)",
        "</title><svg onload=alert(8)>", "&lt;b&gt;&#60;", "</textarea>", "${alert(9)}", "\u2028\u2029", "<a href=http://example.com/>"]


class Html(Case):
    def page(self, name="report.html"):
        """Read back; well-formed, of known elements only, and with nothing that could run or fetch."""
        path = self.dir / name
        data = path.read_bytes()
        page = htmlpage.Page(data)
        self.assertEqual(page.wrong, [])
        self.assertNotRegex(page.raw, "[\x00-\x08\x0b-\x1f\ufffe\uffff]")
        self.assertEqual(len(page.scripts), 2)
        self.assertEqual(len(page.styles), 1)
        for tag, attributes in page.tags:
            self.assertNotIn(tag, ("img", "iframe", "object", "embed", "link", "base", "video", "audio"))
            self.assertEqual([name for name in attributes if name.startswith("on") or name in ("style", "src")], [], tag)
        for href in page.links():
            self.assertRegex(href, r"^(#|\./|\.\./)[A-Za-z0-9._~%/-]*$|^#[a-z0-9-]+$")
        said = subprocess.run(["xmllint", "--html", "--noout", "--huge", str(path)], capture_output=True, check=False, text=True,
                              errors="replace", stdin=subprocess.DEVNULL).stderr
        faults = [line for line in said.splitlines() if "HTML parser error" in line and not re.search(r"Tag \w+ invalid", line)]
        self.assertEqual(faults, [])
        self.check_policy(page)
        return page

    def check_policy(self, page):
        policy = page.policy()
        self.assertEqual(policy["default-src"], ["'none'"])
        self.assertEqual(policy["script-src"], [page.source(page.scripts[-1][1])])
        self.assertEqual(policy["style-src"], [page.source(page.styles[0][1])])
        self.assertEqual(page.scripts[0][0], {"type": "application/json", "id": "data"})

    def report(self, *runs, name="again.html", args=()):
        ended = self.verb("report", *runs, "--to", f"html={name}", *args)
        self.assertEqual(ended.status, 0, ended.all)
        return self.page(name)

    def agree(self, page, run):
        """Ledger, rows of the table and data for the script are those of the journal."""
        counts = run.counted()
        self.assertEqual(page.ledger(), dict(counts, planned=sum(counts.values())))
        finished = run.of("command_finished")
        self.assertEqual(len(page.cells["all"]) - 1, len(finished))
        attempts = page.attempts()
        self.assertEqual([(one["step"], one["number"], one["outcome"], one["final"]) for one in attempts],
                         [(record["step"], record["number"], record["outcome"], record["final"]) for record in finished])
        rows = [row[0] for row in page.cells["all"][1:]]
        self.assertEqual(rows, [record["outcome"] for record in finished])


class Runs(Html):
    def test_random_runs(self):
        for number in range(RUNS):
            seed = random.randrange(1 << 30)
            with self.subTest(round=number, seed=seed):
                self.one_run(random.Random(seed))

    def one_run(self, chance):
        ini = "[ciplug]\nplugins = html\nskip_codes = 77\nretry_delay = 10ms\n"
        for step in range(chance.randrange(1, 4)):
            ini += f"[step s{step}]\n" + chance.choice(["", "needs =\n"]) + chance.choice(["", "retries = 2\n"])
            ini += chance.choice(["", "count = 5\n", "items = a b c d e\n", "items = a b c d e f\nbatch = 2\n"])
            ini += chance.choice(["", "", "fail_fast = yes\n", "allow_failure = yes\n"])
            code = chance.choice(["0", "0", "77", "1", "$((CI_COMMAND_NUMBER % 2))", "$((CI_COMMAND_NUMBER % 2 * 77))", "$((CI_ATTEMPT % 3))"])
            ini += "command = " + chance.choice([f"echo out; exit {code}", f"echo err >&2; exit {code}", "kill -9 $$"]) + "\n"
        ini += "[cleanup c]\ncommand = exit " + chance.choice(["0", "1"]) + "\n"
        ended = self.ci(ini, *chance.choice([[], ["--keep-going"], ["--fail-fast"]]))
        live = (self.dir / "report.html").read_bytes()
        page = self.page()
        self.agree(page, self.run_of())
        self.report()
        self.assertEqual((self.dir / "again.html").read_bytes(), live, "not what the journal says")
        self.assertEqual("Passed" in page.raw.split("</h1>")[0], ended.status == 0)

    def test_every_outcome(self):
        ended = self.ci("""
            [ciplug]
            plugins = html
            [step good]
            command = true
            [step again]
            needs =
            retries = 1
            retry_delay = 10ms
            command = echo said >&2; test $CI_ATTEMPT = 2
            [step bad]
            needs =
            command = exit 9
            [step killed]
            needs =
            command = kill -SEGV $$
            [step late]
            needs =
            timeout = 200ms
            grace = 1s
            command = echo before; exec sleep 60
            [step nowhere]
            needs =
            cwd = /no/such/folder
            command = true
            [step off]
            needs =
            skip_codes = 77
            command = exit 77
            [step never]
            needs = bad
            command = true
            [step many]
            needs =
            fail_fast = yes
            count = 5
            workers = 1
            command = false
            """, "--keep-going", "-q")
        self.assertEqual(ended.status, 1, ended.all)
        page = self.page()
        self.agree(page, self.run_of())
        self.assertEqual({name for name, number in page.ledger().items() if number}, set(htmlpage.COUNTED))
        self.assertEqual(len(page.failures()), 6, "bad, killed, late, nowhere, many; and what was flaky")
        self.assertIn("id=\"flaky\"", page.raw)
        self.assertIn("1 flaky", page.raw)
        late = next(one for one in page.attempts() if one["step"] == "late")
        at = page.attempts().index(late)
        self.assertEqual(page.texts[f"log-{at}-out"].lstrip("\n"), "before\n")

    def test_batches(self):
        self.ci("[ciplug]\nplugins = html\n[step s]\nitems = a b c d e\nbatch = 2\ncommand = case \"$CI_ITEM\" in *b*) exit 1;; esac\n", "-q")
        page = self.page()
        self.agree(page, self.run_of())
        self.assertEqual(page.ledger()["planned"], 5)
        self.assertIn("a\nb", [one["name"] for one in page.attempts()])

    def test_green(self):
        self.passes("[ciplug]\nplugins = html\n[step s]\ncommand = true\n", "-q")
        page = self.page()
        self.assertEqual(page.failures(), [])
        self.assertNotIn("id=\"failures\"", page.raw)

    def test_an_old_one_is_removed_and_one_that_cannot_be_written_is_status_3(self):
        ini = "[ciplug]\nplugins = html\n[html]\nfile = new/{run}.html\n[step s]\ncommand = test ! -e report.html\n"
        self.passes(ini, "-q")
        self.page(f"new/{self.runs()[0]}.html")
        self.write("report.html", "old")
        self.passes("[ciplug]\nplugins = html\n[step s]\ncommand = test ! -e report.html\n", "-q")
        self.fifo("pipe")
        ended = self.ci("[ciplug]\nplugins = html\n[html]\nfile = pipe/page.html\n[step s]\ncommand = true\n", "-q")
        self.assertEqual(ended.status, 3, ended.all)

    def test_killed(self):
        running = self.start("[ciplug]\nplugins = html\n[step s]\nitems = a b c d\nworkers = 2\n"
                             "command = echo said-{item}; test {item} = a || { : > up.{item}; exec sleep 600; }\n")
        for name in "bc":
            self.wait_file(f"up.{name}")
        for number in (2, 3):
            self.wait_file(f".ciplug/latest/logs/s/{number}.out", "said-")
        living = self.report(name="living.html")
        self.assertEqual([one["outcome"] for one in living.attempts()], ["passed", "running", "running"])
        self.assertIn("Not finished", living.raw)
        running.send(signal.SIGKILL)
        running.wait()
        page = self.report()
        self.assertEqual([one["outcome"] for one in page.attempts()], ["passed", "error", "error"])
        self.assertEqual((page.ledger()["planned"], page.ledger()["error"]), (4, 2))
        self.assertIn("1 planned have no result", page.raw)
        self.assertIn("Not finished", page.raw)
        self.assertIn(page.texts["log-1-out"].strip(), ("said-b", "said-c"))
        self.assertFalse((self.dir / "report.html").exists())

    def test_shards(self):
        for number in (1, 2, 3):
            self.ci(f"[step s]\nitems = a{number} b{number} c{number}\ncommand = test {{item}} != b2\n", "-q")
        names = self.runs()
        page = self.report(*names)
        self.assertEqual(page.ledger(), {"planned": 9, "passed": 8, "failed": 1, "signaled": 0, "timeout": 0, "error": 0, "cancelled": 0, "skipped": 0})
        self.assertEqual([run["id"] for run in page.data()["runs"]], names)
        self.assertIn("2 of 3 runs passed", page.raw)
        self.assertEqual({one["name"] for one in page.attempts()}, {f"{letter}{number}" for letter in "abc" for number in (1, 2, 3)})

    def test_on_standard_output(self):
        self.passes("[step s]\ncommand = true\n", "-q")
        ended = self.verb("report", "--to", "html")
        self.write("out.html", ended.raw_out)
        self.assertEqual(self.page("out.html").ledger()["passed"], 1)


class Bytes(Html):
    def hostile(self, chance):
        pieces = [text.encode() for text in EVIL] + [b"\xff", b"\xc3", b"\x1b[31m", b"\x00", b"\r\n", b"\n", b"\xed\xa0\x80", b"\xef\xbf\xbf", b"plain"]
        return b"".join(chance.choice(pieces) if chance.random() < 0.8 else bytes([chance.randrange(256)]) for _ in range(chance.randrange(1, 8)))

    def test_of_any_journal(self):
        for number in range(ROUNDS):
            seed = random.randrange(1 << 30)
            with self.subTest(round=number, seed=seed):
                self.one_journal(random.Random(seed), f"r{number:07}")

    def one_journal(self, chance, run):
        made = junit.Journal(self.dir / ".ciplug", run)
        step = chance.choice(["s", *EVIL])
        made.add("step_started", step=step, planned=12)
        for number in range(1, 13):
            outcome = chance.choice(journal.OUTCOMES)
            record = {"step": step, "number": number, "attempt": 1, "outcome": outcome, "started": "2026-01-02T03:04:05.000000Z", "worker": 1,
                      "host": chance.choice(EVIL), "duration_ns": chance.randrange(10**12), "flags": ["flaky"] if outcome == "passed" else [],
                      "reason": self.hostile(chance).replace(b"\0", b"").decode("utf-8", "replace"), "bytes_out": 9, "bytes_err": 9}
            junit.text_field(record, "item", self.hostile(chance).replace(b"\0", b""))
            record["log_out"] = made.log("t", number, "out", self.hostile(chance) * 9)
            record["log_err"] = made.log("t", number, "err", self.hostile(chance))
            made.add("command_notice", step=step, number=number, attempt=1, text=chance.choice(EVIL))
            made.add("command_finished", **record)
        made.add("run_notice", text=chance.choice(EVIL))
        made.write()
        page = self.report(run, name=f"{run}.html")
        self.assertEqual(page.ledger()["planned"], 12)
        self.assertEqual(sum(page.ledger().values()), 24)

    def test_of_a_run(self):
        names = [f"{number}{text}" for number, text in enumerate(EVIL)]
        self.write("names", "\n".join(names) + "\n")
        self.write("noise", b"\xff\x00<script>alert(1)</script>\x1b[1mbold\x1b[0m\r\n</pre>")
        ended = self.ci("[ciplug]\nplugins = html\n[step s]\nitems_file = names\ncommand = cat noise; printf '%s\\n' {item}; exit 3\n", "-q")
        self.assertEqual(ended.status, 1, ended.all)
        page = self.page()
        self.agree(page, self.run_of())
        self.assertEqual(sorted(one["name"] for one in page.attempts()), sorted(names))
        at = next(i for i, one in enumerate(page.attempts()) if one["number"] == 1)
        self.assertEqual(page.texts[f"log-{at}-out"], "\n\ufffd\ufffd<script>alert(1)</script>bold\n</pre>" + names[0] + "\n")

    def test_secrets_stay_out(self):
        self.env["TOKEN"] = "hidden-secret"
        self.ci("[ciplug]\nplugins = html\nmask = TOKEN\n[step s]\nitems = hidden-secret b\ncommand = echo $TOKEN {item}; exit 1\n", "-q")
        page = self.page()
        self.assertNotIn("hidden-secret", page.raw)
        self.assertIn("***", page.raw)


class Places(Html):
    def test_links_lead_to_the_logs(self):
        """Also out of and into folders with letters that mean something in a reference."""
        odd = self.dir / "a b%41#?&\"'ü"
        odd.mkdir()
        (odd / "ci.ini").write_text("[ciplug]\nplugins = html\n[html]\nfile = deep/er/page.html\n[step s]\ncount = 2\nretries = 1\n"
                                    "retry_delay = 10ms\nartifacts = made\ncommand = echo said-{number}-$CI_ATTEMPT; echo x > made; exit 1\n")
        self.start(None, "-q", cwd=odd).wait()
        self.verb("report", "--to", f"html={self.dir}/elsewhere.html", cwd=odd)
        for path in (odd / "deep/er/page.html", self.dir / "elsewhere.html"):
            page = htmlpage.Page(path.read_bytes())
            said = [self.target(path, href) for href in page.links() if href.endswith(".out")]
            self.assertEqual(sorted(set(said)), sorted(f"said-{n}-{a}\n".encode() for n in (1, 2) for a in (1, 2)))
            folders = [href for href in page.links() if "/artifacts/" in href]
            self.assertTrue(folders)
            for href in folders:
                self.assertTrue((path.parent / urllib.parse.unquote(href) / "made").exists(), href)

    @staticmethod
    def target(page, href):
        return (page.parent / urllib.parse.unquote(href)).read_bytes()

    def test_logs_are_cut_at_a_line(self):
        ini = "[ciplug]\nplugins = html\n[html]\nmax_output = 100\n[step s]\ncommand = seq 1000 1999; exit 1\n"
        self.ci(ini, "-q")
        page = self.page()
        text = page.texts["log-0-out"].lstrip("\n")
        self.assertEqual(text, "".join(f"{number}\n" for number in range(1980, 2000)))
        self.assertIn("the last 100 of 5,000 bytes", page.raw)
        self.ci(ini, "-q", "-s", "html.max_output=0")
        self.assertNotIn("log-0-out", self.page().ids)

    def test_excerpts_have_room_for_what_counts(self):
        made = junit.Journal(self.dir / ".ciplug", "aaaaaaaa")
        made.add("step_started", step="s", planned=800)
        log = made.log("s", 1, "out", b"said\n")
        for number in range(1, 801):
            for attempt, final in ((1, False), (2, number > 790)):
                made.add("command_finished", step="s", number=number, attempt=attempt, outcome="failed", final=final, flags=[], worker=1, host="local",
                         started="2026-01-02T03:04:05.000000Z", duration_ns=1, bytes_out=5, reason="why", log_out=log)
        made.write()
        page = self.report("aaaaaaaa")
        ends = [bool(one["bits"] & 32) for one in page.attempts()]
        self.assertEqual(sum(ends), 600)
        self.assertTrue(all(end for end, one in zip(ends, page.attempts()) if one["final"]))

    def test_evidence(self):
        made = junit.Journal(self.dir / ".ciplug", "aaaaaaaa")
        made.add("step_started", step="s", planned=1)
        made.log("s", 1, "evidence", b"state: dead\n")
        made.add("command_finished", step="s", number=1, attempt=1, outcome="failed", final=True, flags=[], worker=1, host="local",
                 started="2026-01-02T03:04:05.000000Z", duration_ns=1, bytes_out=3, reason="why", log_out=made.log("s", 1, "out", b"no\n"))
        made.write()
        page = self.report("aaaaaaaa")
        href = next(href for href in page.links() if href.endswith(".evidence"))
        self.assertEqual(self.target(self.dir / "again.html", href), b"state: dead\n")


class Numbers(Html):
    def journal(self, run, commands, **fields):
        """`commands`: (worker, host, begin, end) in ms."""
        made = junit.Journal(self.dir / ".ciplug", run)
        made.lines.clear()
        made.add("run_started", version=1, run=run, text="made up", time="2026-01-02T03:04:00.000000Z")
        made.add("step_started", step="s", planned=len(commands))
        for number, (worker, host, begin, end) in enumerate(commands, 1):
            made.add("command_finished", step="s", number=number, attempt=1, outcome="passed", final=True, flags=[], worker=worker, host=host,
                     started=f"2026-01-02T03:04:{begin // 1000:02}.{begin % 1000:03}000Z", duration_ns=(end - begin) * 10**6, reason="")
        ledger = dict.fromkeys(htmlpage.COUNTED, 0)
        ledger.update(planned=len(commands), passed=len(commands), **fields)
        made.add("run_finished", exit_status=0, ledger=ledger)
        made.write()
        return self.report(run)

    def words(self, page):
        return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page.raw[page.raw.index("class=\"schedule\""):page.raw.index("id=\"chart\"")]))

    def test_the_bound_is_the_work_divided(self):
        page = self.journal("aaaaaaaa", [(1, "a", 0, 2000), (2, "a", 0, 1000), (1, "a", 2000, 4000), (2, "a", 1000, 2000)])
        words = self.words(page)
        self.assertIn("4 commands took 6.00 s together, on 2 workers", words)
        self.assertIn("No schedule is shorter than 3.00 s, the work divided by the workers", words)
        self.assertIn("This one took 4.00 s, 1.00 s more, or 1.33 times the bound", words)
        self.assertIn("from 2.00 s on there was a worker without work, 2.00 s before the end", words)
        self.assertIn("idle there for 2.00 s together (25 % of all their time). The last to end was s 3 on worker 1", words)

    def test_the_bound_is_the_longest(self):
        words = self.words(self.journal("aaaaaaaa", [(1, "a", 0, 5000), (2, "b", 0, 1000)]))
        self.assertIn("No schedule is shorter than 5.00 s, the time of the longest command, s 1.", words)
        self.assertIn("1.00 times the bound", words)

    def test_workers(self):
        page = self.journal("aaaaaaaa", [(1, "a", 0, 2000), (2, "b", 500, 1500)])
        self.assertEqual(page.cells["workers"][1:], [["aaaaaaaa", "1", "a", "1", "2.00 s", "100 %", "0.0 ms", "s 1"],
                                                     ["aaaaaaaa", "2", "b", "1", "1.00 s", "50 %", "500 ms", "s 2"]])

    def test_a_ledger_that_says_something_else_is_told(self):
        page = self.journal("aaaaaaaa", [(1, "a", 0, 2000)], failed=1)
        self.assertIn("own ledger says something else", page.raw)
        self.assertIn("<h1 class=\"bad\">No verdict", page.raw)

    def test_the_slowest_and_the_flakiest_come_first(self):
        self.ci("[ciplug]\nplugins = html\nretry_delay = 1ms\n[step s]\nitems = 1 2 3\nworkers = 3\nretries = 3\n"
                "command = test $CI_ATTEMPT -ge {item}\n[step t]\nitems = 1 5 3\ncommand = sleep 0.{item}\n", "-q")
        page = self.page()
        slow = [row[1] for row in page.cells["slow"][1:4]]
        took = {f"t {number} {record['item']}": record["duration_ns"] for number, record in self.run_of().final("t").items()}
        self.assertEqual(slow, sorted(took, key=took.get, reverse=True))
        names = re.findall(r'<details class="case".*?class="name">(.*?)</span>', page.raw[page.raw.index("id=\"flaky\""):], re.DOTALL)
        self.assertEqual([re.sub("<[^>]*>", "", name) for name in names], ["s 3 3", "s 2 2"])

    def test_many(self):
        ledger = htmlpage.big_journal(pathlib.Path(self.dir / ".ciplug"), "bigbigbi", 2000, 8, ("a", "b"))
        page = self.report("bigbigbi")
        self.assertEqual(page.ledger(), ledger)
        self.assertLess(len(page.raw), 2 << 20)
        self.assertEqual(len(page.cells["workers"]) - 1, 8)
        self.agree(page, self.run_of(run="bigbigbi"))


if __name__ == "__main__":
    main()
