#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""github: what a job of GitHub Actions makes of a run's log, and the job's summary."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dead  # noqa: E402
from github import Log  # noqa: E402
from harness import Case, main, wait_for  # noqa: E402

MIB = 1024 * 1024
OUTCOMES = ("passed", "failed", "signaled", "timeout", "error", "cancelled", "skipped")


class Github(Case):
    def setUp(self):
        super().setUp()
        self.job = dict(GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(self.dir), GITHUB_STEP_SUMMARY=str(self.dir / "summary.md"))

    def log(self, ini, *args, status=None, head="[ciplug]\nplugins = shell github\nworkers = 4\n", **env):
        ended = self.ci(head.encode() + (ini if isinstance(ini, bytes) else ini.encode()), "--keep-going", *args, env=dict(self.job, **env))
        if status is not None:
            self.assertEqual(ended.status, status, ended.all)
        return self.parsed(ended)

    def parsed(self, ended):
        log = Log(ended.raw_out)
        self.assertEqual((log.faults, log.effects, log.spoofed), ([], [], []), ended.out)
        return log


class Groups(Github):
    def test_each_command_once_in_a_group_and_a_fence(self):
        """Also side by side, failing ones among them."""
        log = self.log("[step s]\ncount = 12\ncommand = echo \"a {number}.\"; sleep 0.0{number}; echo \"b {number}.\" >&2; test $(({number} % 3)) != 0\n",
                       status=1)
        self.assertEqual(len(log.groups), 12)
        for number in range(1, 13):
            lines = log.group(f"s {number}" + (":" if number % 3 == 0 else " ("))
            self.assertEqual(sorted(lines), [f"a {number}.", f"b {number}."])
        for line in [f"{word} {number}." for word in "ab" for number in range(1, 13)]:
            self.assertIn(line, log.fenced)
            self.assertNotIn(line, log.bare)
        self.assertEqual(len(log.tokens), len(set(log.tokens)))
        self.assertEqual([name for name, _, _ in log.notes], ["error"] * 4)

    def test_what_prints_nothing_has_no_group(self):
        log = self.log("[step s]\ncommand = true\n[step t]\ncommand = exit 3\n", status=1)
        self.assertEqual(log.groups, [])
        self.assertEqual([(name, data) for name, _, data in log.notes], [("error", "exit code 3")])

    def test_a_command_that_is_followed(self):
        """The last one running is shown as it comes, in a group that ends when another begins."""
        self.fifo("go")
        running = self.start("[ciplug]\nplugins = shell github\n[step s]\ncommand = echo first; sleep 1.2; echo second; cat go; echo third\nretries = 1\n",
                             env=self.job)
        wait_for(lambda: "second" in running.out(), "what is followed")
        self.open_fifo("go")
        log = self.parsed(running.wait())
        self.assertEqual(log.group("RUN s"), ["first", "second", "go", "third"])
        self.assertTrue(any("PASS s" in line for line in log.bare), log.bare)

    def test_another_command_ends_what_is_followed(self):
        self.fifo("one")
        self.fifo("two")
        running = self.start("[ciplug]\nplugins = shell github\nworkers = 2\n[step s]\ncommand = echo first; sleep 1.2; echo second; cat one; echo third\n"
                             "[step t]\nneeds =\nif = cat two >/dev/null\ncommand = echo other\n", env=self.job)
        wait_for(lambda: "second" in running.out(), "what is followed")
        self.open_fifo("two")
        wait_for(lambda: "other" in running.out(), "the other one")
        self.open_fifo("one")
        log = self.parsed(running.wait())
        self.assertEqual(log.group("RUN s"), ["first", "second"])
        self.assertEqual(log.group("PASS t"), ["other"])
        self.assertEqual(log.group("PASS s"), ["go", "third"])
        self.assertIn("step t", log.bare)

    def test_a_signal(self):
        """Also with something in the middle of a line, and a cleanup."""
        for number, follow in ((signal.SIGINT, True), (signal.SIGTERM, False)):
            with self.subTest(number=number):
                running = self.start("[ciplug]\nplugins = shell github\nworkers = 3\ngrace = 1s\n[step s]\n" +
                                     ("" if follow else "count = 3\n") + "command = echo up; printf '::error::half'; exec sleep 600\n"
                                     "[cleanup c]\ncommand = echo cleaning; exit 1\n", env=self.job)
                if follow:
                    wait_for(lambda: "RUN s" in running.out(), "what is followed")
                else:
                    wait_for(lambda: all((self.dir / ".ciplug/latest/logs/s" / f"{n}.out").exists() and self.run_of().text("s", n)
                                         for n in (1, 2, 3)), "all of them")
                running.send(number)
                ended = running.wait()
                self.assertEqual(ended.status, 128 + number)
                log = self.parsed(ended)
                self.assertEqual(log.group("cleanup c"), ["cleaning"])
                self.assertEqual([name for name, _, _ in log.notes], ["warning", "error"])
                self.assertIn(f"status {128 + number}", log.notes[1][2])

    def test_modes(self):
        ini = "[step s]\nitems = a b\ncommand = echo out {item}; test {item} = a\n"
        log = self.log(ini, "--output", "live")
        self.assertIn("[s 1] out a", log.fenced)
        self.assertEqual(log.groups, [])
        log = self.log(ini, "--output", "failures")
        self.assertEqual([title.split(" (")[0] for title, _ in log.groups], ["FAIL s 2 [b]: exit code 1"])
        log = self.log(ini, "--output", "none")
        self.assertEqual((log.groups, log.fenced), ([], []))
        log = self.log(ini, "-q")
        self.assertEqual(len(log.groups), 1)

    def test_masked_values(self):
        ended = self.ci("[ciplug]\nplugins = shell github\nmask = SECRET\n[step s]\nitems_file = list\ncommand = echo $SECRET; echo a.c:1: $SECRET; exit 1\n",
                        env=dict(self.job, SECRET="s3cr3t-word"), wrap=("sh", "-c", 'echo "s3cr3t-word" >list; echo >a.c; exec "$@"', "sh"))
        self.assertEqual(ended.status, 1, ended.all)
        self.parsed(ended)
        self.assertIn("***", ended.out)
        self.assertNotIn("s3cr3t", ended.all + self.read("summary.md"))


class Injection(Github):
    # Each would have an effect on its own.
    EVIL = ["::error::x", "::set-output name=x::y", "::add-mask::e", "  \t::warning::x", "\u00a0::notice::x", "::group::x", "::endgroup::", "::ERROR ::x",
            "::stop-commands::pwned", "##[set-output name=x;]y", "say ##[add-mask]e", "##[group]x", "##[endgroup]", "###[error]x", "##[stop-commands]pwned",
            "10%\r::error::x", "a\r\n::set-output name=x::y", "::add-matcher::x.json", "::save-state name=x::y", "##[error]x", "::::", "::pwned::",
            "\x1b[0m::error::x"]

    def effects(self, data):
        log = Log(data)
        return len(log.effects) + len(log.notes) + len(log.groups) + len(log.spoofed) + len(log.faults)

    def test_the_parser_sees_them(self):
        for line in self.EVIL:
            if line not in ("::::", "::pwned::", "\x1b[0m::error::x"):
                with self.subTest(line=line):
                    self.assertGreater(self.effects(line.encode()), 0)

    def check(self, log, notes):
        self.assertEqual([(name, properties.get("title"), data) for name, properties, data in log.notes], notes)

    def test_output(self):
        self.write("evil", "\n".join(self.EVIL))
        for mode in ("group", "live", "failures", "none"):
            for color in ("always", "never"):
                with self.subTest(mode=mode, color=color):
                    log = self.log("[step s]\ncommand = cat evil; cat evil >&2; exit 1\n", "--output", mode, "--color", color, status=1)
                    self.check(log, [("error", "s", "exit code 1")])
                    self.assertEqual(len(log.groups), mode in ("group", "failures"))

    def test_output_in_pieces(self):
        """Each byte is a read of its own, and the line is shown as it comes."""
        self.write("evil", "\n".join(self.EVIL) + "\n")
        self.write("slow.py", "import os, time\nfor b in open('evil', 'rb').read():\n    os.write(1, bytes([b])); time.sleep(0.001)\n")
        for mode in ("live", "group"):
            self.check(self.log(f"[step s]\ncommand = sleep 1.1; {sys.executable} slow.py\n", "--output", mode, status=0), [])

    def test_a_flood_does_not_open_a_fence(self):
        """More than one read takes, with commands at every border."""
        self.write("flood.py", "import sys\nfor i in range(20000):\n    sys.stdout.write('x' * (i % 7) + '\\r::error::x\\n##[error]x')\n")
        self.check(self.log(f"[step s]\ncount = 3\ncommand = {sys.executable} flood.py\n", status=0), [])

    def test_names(self):
        """Items stand in titles, labels, reasons, annotations."""
        items = [re.sub("[\r\n]", " ", line) for line in self.EVIL]
        self.write("list", "\n".join([*items, "50%0A::error::x", "a,file=b:c"]) + "\n")
        for args in ([], ["-v"], ["-q"], ["--output", "live"]):
            with self.subTest(args=args):
                log = self.log("[step s]\nitems_file = list\ncommand = echo {item}; exit 1\n[step t]\nneeds =\nmatrix.a = ##[add-mask]e\ncommand = exit 1\n",
                               *args, status=1, head="[ciplug]\nplugins = shell github\nworkers = 1\n[github]\nannotations = 100\n")
                titles = [properties["title"] for _, properties, _ in log.notes]
                self.assertEqual(len(titles), len(items) + 3)
                self.assertTrue(all(set(properties) == {"title"} for _, properties, _ in log.notes), log.notes)
                self.assertTrue(any(title.endswith("[50%0A::error::x]") for title in titles), titles)
                self.assertTrue(any(title.endswith("[a,file=b:c]") for title in titles), titles)

    def test_names_of_the_file(self):
        ini = b"[ciplug]\nplugins = shell github\nname = ##[group]x\n[step s]\ncommand = echo ::error::x; exit 1 # ##[add-mask]e\n"
        self.check(self.log(ini, "-v", head=""), [("error", "s", "exit code 1")])

    def test_messages(self):
        """They go to standard error, which the service reads likewise."""
        ended = self.ci("[ciplug]\nplugins = shell github\n[step s]\nartifacts = x\ncommand = true\n[github]\nfile = ##[add-mask]e/x\n",
                        env=self.job, wrap=("sh", "-c", 'echo >"##[add-mask]e"; exec "$@"', "sh"))
        self.assertEqual(ended.status, 3, ended.all)
        log = Log(ended.raw_err)
        self.assertEqual((log.effects, log.notes, log.spoofed), ([], [], []), ended.err)


class Annotations(Github):
    FORMS = {
        "gcc": ("src/a.c:3:5: error: no %", "src/a.c", "3", "5"),
        "warnings pass": ("src/a.c:1:1: warning: x\\nsrc/a.c:2:1: note: x\\nsrc/a.c:9: no", "src/a.c", "9", None),
        "go": ("    a_test.go:12: no", "a_test.go", "12", None),
        "pytest": ("E   assert 1\\n\\nt/test_x.py:7: AssertionError", "t/test_x.py", "7", None),
        "rspec": ("  1) x\\n     # ./spec/x.rb:12:in y\\n     # ./spec/y.rb:1", "spec/x.rb", "12", None),
        "ruby": ("\\tfrom spec/x.rb:4:in main", "spec/x.rb", "4", None),
        "node": ("    at f (node:internal:1:2)\\n    at g (DIR/src/a.js:8:9)\\n    at src/b.js:1:1", "src/a.js", "8", "9"),
        "node modules": ("    at async g (file://DIR/src/a.js:8:9)", "src/a.js", "8", "9"),
        "rustc": ("error: x\\n   --> src/a.rs:2:3", "src/a.rs", "2", "3"),
        "coloured": ("\\033[1msrc/a.c:3:5:\\033[0m \\033[31merror\\033[0m: x", "src/a.c", "3", "5"),
        "python": ('Traceback (most recent call last):\\n  File "/usr/x.py", line 1, in f\\n  File "t/test_x.py", line 3, in g\\n    h()\\n'
                   '  File "src/b c.py", line 5, in h\\n    raise X\\nX: no', "src/b c.py", "5", None),
        "no such file": ("src/none.c:3: x", None, None, None),
        "not ours": ("/etc/passwd:1: x\\n../x.c:1: x\\nsrc/../src/a.c:3: x\\nsrc/link.c:1: x\\nsrc:4: x", None, None, None),
        "no lines": ("12:30:45 x\\nlocalhost:80\\nsrc/a.c:0: x\\nsrc/a.c:12b\\nsrc/a.c:99999999999: x\\nsrc/a.c: x", None, None, None),
    }

    def setUp(self):
        super().setUp()
        for name in ("src/a.c", "src/a.js", "src/b.js", "src/a.rs", "src/b c.py", "a_test.go", "t/test_x.py", "spec/x.rb", "spec/y.rb", "sub/ci.ini", "sub/in.c"):
            self.write(name, "x\n")
        os.symlink("/etc/passwd", self.dir / "src/link.c")

    def test_forms(self):
        self.write("list", "".join(text.replace("DIR", str(self.dir)) + "\n" for text, *_ in self.FORMS.values()))
        for stream in ("", " >&2"):
            log = self.log(f"[step s]\nitems_file = list\ncommand = printf '%b\\n' {{item}}{stream}; exit 1\n", status=1,
                           head="[ciplug]\nplugins = shell github\nworkers = 1\n[github]\nannotations = 100\n")
            self.assertEqual(len(log.notes), len(self.FORMS), log.notes)
            for (name, (_, *where)), (_, properties, _) in zip(self.FORMS.items(), log.notes):
                with self.subTest(name=name, stream=stream):
                    self.assertEqual([properties.get(key) for key in ("file", "line", "col")], where)

    def test_several_places_of_one_command(self):
        text = "".join(f"src/a.c:{n}: error: x\\n" for n in (3, 3, 4, 5, 6))
        log = self.log(f"[step s]\ncommand = printf '{text}'; exit 1\n", status=1)
        self.assertEqual([properties["line"] for _, properties, _ in log.notes], ["3", "4", "5"])

    def test_an_item_that_is_a_file(self):
        log = self.log("[step s]\nitems = spec/*.rb\ncommand = exit 1\n", status=1)
        self.assertEqual(sorted(properties["file"] for _, properties, _ in log.notes), ["spec/x.rb", "spec/y.rb"])

    def test_the_folder_of_the_file(self):
        """Paths start where commands start, and are told from the workspace."""
        self.write("sub/ci.ini", "[ciplug]\nplugins = shell github\n[step s]\ncommand = echo in.c:2: x; exit 1\n")
        log = self.parsed(self.ci(self.dir / "sub/ci.ini", env=self.job))
        self.assertEqual(log.notes[0][1]["file"], "sub/in.c")

    def test_the_folder_of_a_step(self):
        for cwd in ("sub", str(self.dir / "sub")):
            log = self.log(f"[step s]\ncwd = {cwd}\ncommand = echo in.c:2: x; exit 1\n", status=1)
            self.assertEqual(log.notes[0][1]["file"], "sub/in.c")
        self.write("s3cr3t-dir/in.c", "x")
        self.write("names", "s3cr3t-dir\n")
        ended = self.ci("[ciplug]\nplugins = shell github\nmask = DIR\n[step s]\nitems_file = names\ncwd = {item}\ncommand = echo in.c:2: x; exit 1\n",
                        env=dict(self.job, DIR="s3cr3t-dir"))
        self.assertEqual([name for name, _, _ in self.parsed(ended).notes], ["error"])
        self.assertNotIn("s3cr3t", ended.all + self.read("summary.md"))

    def test_no_more_than_are_shown(self):
        """The rest stands in log and summary."""
        log = self.log("[step s]\ncount = 15\ncommand = exit 1\n[step t]\nneeds =\nallow_failure = yes\ncount = 15\ncommand = exit 1\n", status=1)
        self.assertEqual(sorted(name for name, _, _ in log.notes), ["error"] * 10 + ["warning"] * 10)

    def test_what_deserves_one(self):
        log = self.log("[step ok]\ncommand = true\n[step flaky]\nretries = 1\ncommand = test {attempt} = 2\n[step skip]\nskip_codes = 7\ncommand = exit 7\n"
                       "[step slow]\ntimeout = 200ms\ngrace = 1s\ncommand = sleep 60\n[step never]\ncommand = true\n[step allowed]\nneeds =\nallow_failure = yes\n"
                       "command = exit 1\n[step gone]\nneeds =\nshell = none\ncommand = ./no-such-program\n", status=1)
        self.assertEqual(sorted((name, properties["title"]) for name, properties, _ in log.notes),
                         [("error", "gone"), ("error", "slow"), ("warning", "allowed")])

    def test_a_run_that_fails_otherwise(self):
        log = self.log("[step s]\ncommand = exec sleep 60\ngrace = 1s\n", "-s", "ciplug.run_timeout=300ms", status=1)
        self.assertEqual([(name, properties) for name, properties, _ in log.notes], [("error", {"title": "ciplug"})])
        self.assertIn("run_timeout", log.notes[0][2])


class Summary(Github):
    def numbers(self, text=None):
        """The ledger of the (last) run in it."""
        text = self.read("summary.md") if text is None else text
        rows = re.findall(r"\| planned \|(.*)\|\n\|[ :|-]+\|\n\|(.*)\|\n", text)
        self.assertTrue(rows, text)
        names, numbers = ([cell.strip() for cell in row.split("|")] for row in rows[-1])
        return dict(zip(["planned", *names], map(int, numbers)))

    def agrees(self, text=None):
        numbers = self.numbers(text)
        ledger = self.run_of().last("run_finished")["ledger"]
        self.assertEqual(numbers, {name: ledger[name] for name in ("planned", *OUTCOMES)})
        self.assertEqual(numbers["planned"], sum(numbers[name] for name in OUTCOMES))

    def harmless(self, text=None):
        """Nothing in it but our own Markdown, and in <code> nothing but text."""
        text = self.read("summary.md") if text is None else text
        for code in re.findall("<code>(.*?)</code>", text):
            self.assertRegex(code, r"\A(?:[A-Za-z0-9 ]|&#[0-9]+;|[^\x00-\x7f\u202a-\u202e\u2066-\u2069])*\Z")
        rest = re.sub("<code>.*?</code>", "C", text)
        self.assertRegex(rest, r"\A(?:#{3,4} [A-Za-z :()0-9]+\n|Run C[a-z0-9 ,.:C]*\n|\| [-a-zA-Z0-9 |:.()]* \|\n|And [0-9]+ more\.\n|[0-9]+ of the passed only after a retry\.\n|\n)*\Z")
        for block in re.findall(r"(?:\|.*\n)+", rest):
            self.assertEqual(len({row.count("|") for row in block.splitlines()}), 1, block)

    INI = """
        [step ok]
        count = 5
        command = true
        [step flaky]
        needs =
        retries = 1
        command = test {attempt} = 2
        [step bad]
        needs =
        items = a b c
        batch = 2
        command = exit 4
        [step skipped]
        needs =
        if = exit 1
        count = 3
        command = true
        [step killed]
        needs =
        command = kill -9 $$
        [step slow]
        needs =
        timeout = 200ms
        grace = 1s
        command = exec sleep 60
        [step missing]
        needs =
        shell = none
        command = ./no-such
        [step never]
        needs = bad
        count = 7
        command = true
        [cleanup c]
        command = exit 1
        """

    def everything(self):
        return self.ci("[ciplug]\nplugins = shell github\nworkers = 4\n" + re.sub("^ +", "", self.INI, flags=re.M), "--keep-going", env=self.job)

    def test_verdict_and_ledger_come_first(self):
        self.write("summary.md", "# before\n")
        self.assertEqual(self.everything().status, 1)
        text = self.read("summary.md")
        self.assertTrue(text.startswith("# before\n### ciplug: failed (status 1)\n\nRun "), text)
        self.agrees()
        self.harmless(text[len("# before\n"):])
        self.assertLess(text.index("| planned |"), text.index("#### Failures"))
        for part in ("exit code 4", "#### Cleanup failures: 1", "#### Passed only after a retry: 1", "#### Slowest: 10",
                     "| signaled |", "| timeout |", "| error |"):
            self.assertIn(part, text)
        slowest = text[text.index("#### Slowest"):]
        self.assertIn("slow", slowest.splitlines()[4])

    def test_a_run_that_passed(self):
        self.log("[step s]\ncommand = true\n", status=0)
        self.assertTrue(self.read("summary.md").startswith("### ciplug: passed\n"))
        self.agrees()
        self.harmless()

    def test_names_are_text(self):
        evil = ["<img src=x onerror=a()>", "](http://x) ![x](y)", "a | b || c", "`` ` ```", "**b** _i_ ~~s~~", "# h", "- [ ] x", "</code><script>", "&lt;b&gt;",
                "@somebody #123 GH-1", "http://example.org www.example.org a@b.example", "\u202egnp", "$x^2$", "<!-- x", ":smile: \\| \\\\|", "\x1b[31mred", "##[group]x"]
        self.write("list", "\n".join(evil) + "\n")
        self.log("[step s]\nitems_file = list\ncommand = exit 1\n", status=1)
        self.harmless()
        self.agrees()
        text = re.sub(r"&#([0-9]+);", lambda match: chr(int(match[1])), self.read("summary.md"))
        for name in evil[:-6]:
            self.assertIn(f"[{name}]", text)

    def test_below_the_limit(self):
        """Many failures with long names, and a file that others have filled: verdict and numbers stay."""
        self.write("list", "".join(f"{n:04} " + "`" * 190 + "\n" for n in range(700)))
        ini = "[step s]\nitems_file = list\ncommand = exit 1\n"
        self.log(ini, "-q", status=1)
        text = self.read("summary.md")
        self.harmless()
        self.agrees()
        self.assertGreater(len(text), 500 * 1000)
        self.assertIn("And 200 more.", text)
        self.write("summary.md", "x" * (900 * 1024) + "\n")
        log = self.log(ini, "-q", status=1)
        self.assertLessEqual((self.dir / "summary.md").stat().st_size, MIB)
        self.agrees()
        self.assertEqual(log.faults, [])
        self.write("summary.md", "x" * (MIB - 10))
        self.assertIn("has no room", self.ci("[ciplug]\nplugins = shell github\n" + ini, "-q", env=self.job).err)
        self.assertLessEqual((self.dir / "summary.md").stat().st_size, MIB)

    def test_one_that_cannot_be_written(self):
        for path in (self.dir, self.dir / "no/such/folder", "/dev/null"):
            with self.subTest(path=path):
                ended = self.ci("[ciplug]\nplugins = shell github\n[step s]\ncommand = true\n", env=dict(self.job, GITHUB_STEP_SUMMARY=str(path)))
                self.assertEqual(ended.status, 3, ended.all)
                self.assertIn("plugin github: cannot write the summary", ended.err)

    def test_a_file_of_its_own(self):
        self.write("mine.md", "old")
        self.log("[step s]\ncommand = true\n", status=0, head="[ciplug]\nplugins = shell github\n[github]\nfile = mine.md\n")
        self.agrees(self.read("mine.md"))
        self.assertFalse((self.dir / "summary.md").exists())

    def test_report_of_a_finished_run(self):
        self.everything()
        (self.dir / "summary.md").unlink()
        for env in ({}, self.job):
            self.assertEqual(self.verb("report", "--to", "github=again.md", env=env).status, 0)
            self.agrees(self.read("again.md"))
            self.harmless(self.read("again.md"))
        self.assertFalse((self.dir / "summary.md").exists())
        ended = self.verb("report", "--to", "github")
        self.assertEqual(ended.out, self.read("again.md"))
        ended = self.verb("report", "--to", "github", env=self.job)
        self.assertEqual(self.read("summary.md"), self.read("again.md"))
        log = self.parsed(ended)
        self.assertEqual(sorted({properties["title"].split()[0] for _, properties, _ in log.notes}), ["bad", "cleanup", "killed", "missing", "slow"])
        self.assertEqual([line for line in log.bare if line], [])

    def test_report_of_a_killed_run(self):
        self.write("x.c", "x")
        running = self.start("[ciplug]\nplugins = shell github\nworkers = 2\n[step s]\ncount = 5\n"
                             "command = echo x.c:{number}: up; if [ {number} = 1 ]; then exit 0; fi; : >up{number}; exec sleep 600\n", env=self.job)
        self.wait_file("up2")
        self.wait_file("up3")
        wait_for(lambda: len(self.run_of().final("s")) == 1, "the first result")
        dead.kill_all_of(running)
        self.assertFalse((self.dir / "summary.md").exists())
        ended = self.verb("report", "--to", "github", env=self.job)
        self.assertEqual(ended.status, 0, ended.all)
        text = self.read("summary.md")
        self.assertTrue(text.startswith("### ciplug: not finished\n"), text)
        self.harmless()
        self.assertEqual(self.numbers(), dict(dict.fromkeys(OUTCOMES, 0), planned=5, passed=1, error=2))
        notes = self.parsed(ended).notes
        self.assertEqual(sorted((properties["file"], properties["line"]) for _, properties, _ in notes), [("x.c", "2"), ("x.c", "3")])
        self.assertTrue(all("interrupted" in data for _, _, data in notes), notes)
        self.verb("reap")

    def test_report_of_several(self):
        for _ in range(2):
            self.log("[step s]\ncommand = true\n", status=0)
        runs = self.runs()
        ended = self.verb("report", *runs, "--to", "github")
        self.assertEqual(ended.out.count("### ciplug: passed"), 2)
        self.harmless(ended.out)


class Elsewhere(Github):
    INI = "[step s]\nitems = a b\nworkers = 1\ncommand = echo ::error::{item} '##[group]'; test {item} = a\n"

    @staticmethod
    def plain(ended):
        text = re.sub(r"\b[a-z0-9]{8}\b(?=:| failed| passed|/)", "RUN", ended.out)
        return re.sub(r"\b[0-9]+ms\b", "TIME", text)

    def test_inert(self):
        without = self.ci("[ciplug]\nplugins = shell\n" + self.INI)
        for env in ({}, {"GITHUB_ACTIONS": "false"}, {"GITHUB_ACTIONS": ""}, {"GITLAB_CI": "true"}):
            with self.subTest(env=env):
                ended = self.ci("[ciplug]\nplugins = shell github\n" + self.INI, env=dict(env, GITHUB_STEP_SUMMARY=str(self.dir / "summary.md")))
                self.assertEqual(self.plain(ended), self.plain(without))
                self.assertFalse((self.dir / "summary.md").exists())

    def test_forced(self):
        ended = self.ci("[ciplug]\nplugins = shell github\n[github]\nwhen = always\nfile = s.md\n" + self.INI)
        self.assertEqual(len(self.parsed(ended).groups), 2)
        self.assertIn("ciplug: failed", self.read("s.md"))


if __name__ == "__main__":
    main(controls={"inert_elsewhere": "Elsewhere.test_inert",
                   "fenced_output": "Injection.test_output",
                   "forbidden_bytes": ["Injection.test_output", "Injection.test_names", "Injection.test_messages"],
                   "escaped_commands": "Injection.test_names",
                   "annotations_limit": "Annotations.test_no_more_than_are_shown",
                   "no_way_up": "Annotations.test_forms",
                   "escaped_summary": "Summary.test_names_are_text",
                   "summary_limit": "Summary.test_below_the_limit"})
