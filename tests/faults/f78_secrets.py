#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""78: Secrets in what commands print, in items, names and reasons.

The values of the variables in `mask` are `***` in logs, journal, screen, messages and reports, across any borders of reads,
and each line of a value that has several; a command whose arguments would hold one is not started. (Artifacts are the
commands' own files and are copied as they are; encoded forms of a secret are not looked for.)"""
import json
import os
import random
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Case, main, wait_for  # noqa: E402

SECRET = "s3cr3t-Value'with\"quote"
KEY = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7\n  indented+line/of=it\nshort\n-----END KEY-----\n"
REPEATS = int(os.environ.get("CIPLUG_TEST_REPEATS", "40"))


class Secrets(Case):
    def setUp(self):
        super().setUp()
        self.env.update(TOKEN=SECRET, KEY=KEY)

    def everything(self):
        """All that the run has left."""
        found = b""
        for path in sorted((self.dir / ".ciplug").rglob("*")):
            found += str(path.relative_to(self.dir)).encode() + b"\n"
            if path.is_file() and "artifacts" not in path.parts:
                found += path.read_bytes()
        return found

    def nowhere(self, *texts, ended=()):
        """None of the texts is in what was left or shown, nor a half of one."""
        places = {"files": self.everything()}
        for number, one in enumerate(ended):
            places[f"out {number}"], places[f"err {number}"] = one.raw_out, one.raw_err
        for text in texts:
            data = text.encode() if isinstance(text, str) else text
            pieces = [data, json.dumps(text)[1:-1].encode() if isinstance(text, str) else data, data[:len(data) // 2 + 1],
                      data[len(data) // 2:]]
            for place, content in places.items():
                for piece in pieces:
                    self.count(repeats=1, losses=content.count(piece))
                    self.assertFalse(piece in content, f"{piece} in {place}: {content[:3000]}")

    def quietly(self, *args, status=0, ini, secrets=(SECRET,)):
        """Run it, dry too, list and report it: no secret anywhere."""
        self.write("ci.ini", ini)
        ended = [self.verb("list", "-v"), self.verb("list", "--json"), self.verb("-n"), self.verb(*args),
                 self.verb("report"), self.verb("report", "--to", "console=report")]
        self.assertEqual(ended[3].status, status, ended[3].all)
        self.nowhere(*secrets, ended=ended)
        self.assertNotIn(secrets[0].encode(), (self.dir / "report").read_bytes())
        return ended[3]


class Output(Secrets):
    def test_in_a_log_and_on_the_screen(self):
        for mode in ("group", "live"):
            with self.subTest(mode=mode):
                ended = self.quietly("--output", mode, ini="""
[ciplug]
mask = TOKEN
[step s]
command = echo "out $TOKEN."; echo "err $TOKEN." >&2
[cleanup c]
command = printf %s "$TOKEN"
""")
                run = self.run_of()
                self.assertEqual((run.log("s"), run.log("s", stream="err"), run.log("c")), (b"out ***.\n", b"err ***.\n", b"***"))
                self.assertIn("out ***.", ended.out)

    def test_one_byte_at_a_time(self):
        self.write("slow.py", "import os, sys, time\nfor byte in os.environb[b'TOKEN'] * 3:\n"
                              "    os.write(1, bytes([byte])); os.write(2, bytes([byte])); time.sleep(0.002)\n")
        self.quietly(ini=f"[ciplug]\nmask = TOKEN\n[step s]\ncommand = {sys.executable} slow.py\n")
        self.assertEqual(self.run_of().log("s"), b"***" * 3)
        self.assertEqual(self.run_of().log("s", stream="err"), b"***" * 3)

    def test_across_borders_of_reads(self):
        """At every place around 64 KiB, which is what one read takes."""
        self.write("place.py", "import os, sys\nt = os.environb[b'TOKEN']\n"
                               "os.write(1, b'x' * (65536 - int(sys.argv[1])) + t + b'y' * 70000 + t)\n")
        count = min(REPEATS, len(SECRET) + 2)
        self.passes(f"[ciplug]\nmask = TOKEN\nworkers = 4\n[step s]\ncount = {count}\n"
                    f"command = {sys.executable} place.py {{number}} | cat\n", "--output", "none")
        self.nowhere(SECRET)
        for number in range(1, count + 1):
            self.assertEqual(self.run_of().log("s", number), b"x" * (65536 - number) + b"***" + b"y" * 70000 + b"***")

    def test_random_cuts(self):
        """Values that overlap, that begin alike, that hold the mask."""
        values = {"A1": "abcabcabd", "A2": "abcabc", "A3": "cabdxyz", "A4": "x***yz", "A5": "***abc"}
        chance = random.Random(78)
        text = "".join(chance.choice([*values.values(), "abc", "ab", "***", "x", "\n", "cab"]) for _ in range(400))
        self.write("text", text)
        self.write("cut.py", "import os, random, sys\nr = random.Random(int(sys.argv[1]))\ndata = open('text', 'rb').read()\n"
                             "while data:\n    n = r.randrange(1, 12)\n    os.write(1, data[:n])\n    data = data[n:]\n")
        self.env.update(values)
        self.passes(f"[ciplug]\nmask = {' '.join(values)}\nworkers = 4\n[step s]\ncount = {REPEATS}\n"
                    f"command = {sys.executable} cut.py {{number}}\n", "--output", "none")
        logs = {self.run_of().log("s", number) for number in range(1, REPEATS + 1)}
        self.assertEqual(len(logs), 1, "the borders of reads are to be seen")
        for name in ("A1", "A2", "A3"):
            self.assertFalse(values[name].encode() in logs.copy().pop(), name)
        self.assertNotIn(b"abcabc", self.everything())

    def test_several_lines(self):
        """A key: as a whole, and each of its lines however they come."""
        lines = [line.strip() for line in KEY.splitlines() if len(line.strip()) >= 6]
        self.quietly(secrets=lines, ini="""
[ciplug]
mask = KEY
[step whole]
command = printf '%s' "$KEY" >&2; echo "<$KEY>"
[step lines]
command = printf '%s\\n' "$KEY" | sed 's/^/  > /'
[step crlf]
command = printf '%s\\n' "$KEY" | sed 's/$/\\r/'
[step one]
command = printf '%s\\n' "$KEY" | tail -n 4 | head -n 1
""")
        run = self.run_of()
        self.assertEqual((run.text("whole"), run.text("one")), ("<***\n>\n", "  ***\n"))

    def test_what_is_no_secret_stays(self):
        data = bytes(range(1, 256)) * 50 + SECRET[:-1].encode()
        self.write("data", data)
        self.passes("[ciplug]\nmask = TOKEN\n[step s]\ncommand = cat data\n", "--output", "none")
        self.assertEqual(self.run_of().log("s"), data)

    def test_artifacts_are_copied_as_they_are(self):
        self.passes("[ciplug]\nmask = TOKEN\n[step s]\ncommand = printf %s \"$TOKEN\" > file\nartifacts = file\n")
        self.assertEqual((self.run_of().folder / "artifacts/s/1/file").read_text(), SECRET)


class Elsewhere(Secrets):
    def test_items(self):
        """One that a file holds: its command could not even get it."""
        self.write("names", f"a\nb {SECRET} c\n")
        ended = self.quietly("-v", status=3, ini="""
[ciplug]
mask = TOKEN
[step s]
items_file = names
command = echo "<$CI_ITEM>"
[step t]
needs =
items_file = names
command = echo {item}
[step many]
needs =
items_file = names
batch = 2
allow_failure = yes
command = echo {items}; false
[step groups]
needs =
items_file = names
split = 1
allow_failure = yes
command = false
""")
        self.assertIn("b *** c", ended.out)
        self.assertEqual(self.run_of().text("s", 2), "<b *** c>\n")
        self.assertEqual(self.outcomes("t"), ["passed", "error"])

    def test_items_of_a_step(self):
        self.quietly(ini="""
[ciplug]
mask = TOKEN
[step a]
command = echo "x $TOKEN"
[step b]
items_from = a
command = echo {item}
""")
        self.assertEqual(self.run_of().text("b"), "x ***\n")

    def test_environment_files_and_other_variables(self):
        del self.env["TOKEN"]
        self.write("env", f"TOKEN={SECRET}\nSAME={SECRET}\n")
        self.quietly(ini="""
[ciplug]
mask = TOKEN
[step s]
env_file = env
env.MORE = more
command = echo "$TOKEN" "$SAME"
""")
        self.assertEqual(self.run_of().text("s"), "*** ***\n")

    def test_variables_made_of_it(self):
        self.quietly(ini="[ciplug]\nmask = TOKEN\n[step s]\nenv.URL = https://u:{env:TOKEN}@h/\ncommand = echo \"$URL\"\n")
        self.assertEqual(self.run_of().text("s"), "https://u:***@h/\n")

    def test_reasons(self):
        self.write("dir/x", "")
        self.quietly(status=1, ini="""
[ciplug]
mask = TOKEN
[step if]
needs =
if = echo "$TOKEN" >&2; exit 3
command = true
[step fails]
needs =
command = echo "$TOKEN" >&2; exit 3
on_failure = echo "seen $TOKEN"; exit 1
[step service]
needs =
ready = echo "$TOKEN"; false
start_timeout = 300ms
command = sleep 60
allow_failure = yes
""")
        self.assertIn("seen ***", self.run_of().text("fails", stream="err"))

    def test_arguments_of_what_was_left_behind(self):
        """At every distance from where a long command line is cut."""
        self.env["TOKEN"] = secret = "0123456789abcdefghijklmnopqrstuvwxyz"
        self.write("leave", 'x=$(printf %*s "$1" ""); sh -c "sleep 600; : $x$TOKEN end" >/dev/null 2>&1 & sleep 0.1\n')
        ended = self.passes("[ciplug]\nmask = TOKEN\nworkers = 4\n[step s]\ncount = 60\ncommand = sh leave {number}\n", "--output", "none")
        self.assertEqual({"leaked" in record["flags"] for record in self.run_of().of("command_finished")}, {True})
        content = self.everything() + ended.raw_out + ended.raw_err
        self.assertIn(b"***", content)
        for length in (5, 10, len(secret)):
            self.count(repeats=60, losses=content.count(secret[:length].encode()))
            self.assertNotIn(secret[:length].encode(), content)

    def test_arguments_with_any_characters(self):
        self.env["TOKEN"] = secret = "pä ss\nwörd"
        ended = self.passes('[ciplug]\nmask = TOKEN\n[step s]\ncommand = sh -c "sleep 600; : $TOKEN" >/dev/null 2>&1 & sleep 0.2\n')
        self.nowhere(secret, "wörd", "w??rd", "p?? ss", ended=[ended])

    def test_what_signal_usr1_shows(self):
        running = self.start("[ciplug]\nmask = TOKEN\n[step s]\nitems = a\ncommand = echo \"last $TOKEN\"; touch up; sleep 600\n")
        self.wait_file("up")
        wait_for(lambda: self.run_of().log("s"), "the log")
        running.send(signal.SIGUSR1)
        wait_for(lambda: "last ***" in running.out(), "the last line")
        running.send(signal.SIGINT)
        self.nowhere(SECRET, ended=[running.wait()])

    def test_messages(self):
        """What cannot be read, found or entered."""
        self.env["TOKEN"] = secret = "secret-without-slash"
        for key in (f"stdin = {secret}-file", f"cwd = {secret}-dir", f"items_file = {secret}-names", f"needs = {secret}"):
            with self.subTest(key=key):
                self.write("ci.ini", f"[ciplug]\nmask = TOKEN\n[step s]\n{key}\ncommand = true\n")
                ended = [self.verb(), self.verb("-n"), self.verb("list"), self.verb("check"), self.verb("--set", f"s.cwd={secret}")]
                self.nowhere(secret, ended=ended)

    def test_a_folder_that_a_variable_names(self):
        self.env["TOKEN"] = secret = "secret-without-slash"
        self.write("names", f"x{secret}\n")
        self.quietly(status=3, secrets=(secret,), ini="[ciplug]\nmask = TOKEN\n[step s]\nitems_file = names\ncwd = {item}\ncommand = true\n")

    def test_reports_of_plugins(self):
        self.write("names", f"b {SECRET} c\n")
        self.write("ci.ini", "[ciplug]\nmask = TOKEN\nplugins = shell junit tap trace\n[step s]\nitems_file = names\n"
                             "command = echo \"$TOKEN\"; false\n")
        ended = self.verb()
        self.assertEqual(ended.status, 1, ended.all)
        for name in ("junit.xml", "ciplug.tap", "trace.json"):
            text = self.read(name)
            self.assertIn("***", text)
            for piece in (SECRET, SECRET.replace('"', "&quot;"), SECRET.replace('"', '\\"'), SECRET[:8], SECRET[-5:]):
                self.assertNotIn(piece, text, name)


class Arguments(Secrets):
    """Everybody on the machine can read them."""

    def test_a_command_that_would_hold_one_is_refused(self):
        self.env["TOKEN"] = secret = "pl41n-t0k3n-value"
        for key in (f"command = echo {secret}", f"command = true\non_failure = echo {secret}", f"if = test {secret}\ncommand = true",
                    "command = echo {env:TOKEN}", f"command = true\nready = test {secret}"):
            with self.subTest(key=key):
                ended = self.refused(f"[ciplug]\nmask = TOKEN\n[step s]\n{key}\n", "secret (mask)")
                self.assertNotIn(secret, ended.all)

    def test_also_where_an_item_brings_it(self):
        self.env["TOKEN"] = secret = "pl41n-t0k3n-value"
        self.write("names", f"x{secret}y\n")
        self.write("look.py", "import glob, os, sys, time\nfrom pathlib import Path\nend = time.time() + float(sys.argv[1])\n"
                              "secret = os.environb[b'TOKEN']\nwhile time.time() < end:\n"
                              "    for p in glob.glob('/proc/[0-9]*/cmdline'):\n        try:\n"
                              "            data = Path(p).read_bytes()\n        except OSError:\n            continue\n"
                              "        if secret in data:\n            print('SEEN in', p)\n")
        self.ci(f"""
[ciplug]
mask = TOKEN
workers = 5
[step look]
command = {sys.executable} look.py 1.5
[step arguments]
needs =
items_file = names
command = : {{item}}; sleep 1
[step words]
needs =
items_file = names
shell = none
command = sleep 1 {{item}}
[step hook]
needs =
items_file = names
command = false
on_failure = : {{item}}; sleep 1
[step artifacts]
needs =
items_file = names
command = touch "$CI_ITEM"
artifacts = x*y
""")
        seen = self.run_of().text("look")
        self.count(losses=seen.count("SEEN"))
        self.assertEqual(seen, "")
        self.assertEqual((self.outcomes("arguments"), self.outcomes("words")), (["error"], ["error"]))
        self.nowhere(secret)

    def test_a_short_one_is_refused(self):
        self.env["TOKEN"] = "12345"
        self.refused("[ciplug]\nmask = TOKEN\n[step s]\ncommand = true\n", "less than 6 bytes")


if __name__ == "__main__":
    main(controls={"mask_lines": "Output.test_several_lines",
                   "mask_events": "Elsewhere.test_items",
                   "mask_messages": "Elsewhere.test_messages",
                   "half_secrets": "Elsewhere.test_arguments_of_what_was_left_behind",
                   "secrets_in_argv": "Arguments.test_also_where_an_item_brings_it"})
