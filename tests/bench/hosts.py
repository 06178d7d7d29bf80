#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hosts.py [speed|lost|timeouts|kills]...: what hosts over ssh cost and what is left on them. speed: commands a second over two hosts
with four slots each, against GNU parallel --sshlogin with the same slots, turn by turn, medians; lost: until a host that was
cut off is noticed, and until what ran there is dead; timeouts, kills: processes that survive on hosts after 200 timeouts of
hostile trees and 50 SIGKILLs of ciplug. CIPLUG_TEST_REPEATS: another number instead of 200."""
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import journal  # noqa: E402
from harness import CIPLUG, clean_environment, wait_for  # noqa: E402
from sshd import Hosts  # noqa: E402

REPEATS = int(os.environ.get("CIPLUG_TEST_REPEATS", "200"))
SLOTS = 4
TREE = ("trap '' TERM HUP; (exec sleep 64200) & setsid sleep 64200 & setsid sh -c \"trap '' TERM; sleep 64200\" & sleep 64200; "
        "sleep 64200")


class Bench:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.hosts, self.env = None, None

    def use(self, hosts):
        self.hosts, self.env = hosts, dict(clean_environment("bench"), **hosts.env(), HOME=str(self.folder))

    def write(self, step):
        sections = "".join(f"[host {host.name}]\nuses = ssh\nssh.address = {host.name}\nworkers = {SLOTS}\n" for host in self.hosts)
        (self.folder / "ci.ini").write_text(f"[ciplug]\nplugins = shell ssh\n{sections}[step s]\nhosts = h1 h2\n{step}\n")

    def start(self, step, *args):
        self.write(step)
        # pylint: disable=consider-using-with
        return subprocess.Popen([CIPLUG, "-q", "--output", "none", *args], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(self):
        return journal.Run((self.folder / ".ciplug/latest").resolve())

    def left(self, seconds):
        return [one for host in self.hosts for one in host.settled("64200", seconds)]

    def lost_ones(self):
        return [record for record in self.run().of("command_finished") if record["outcome"] == "error"]

    # What is measured

    def speed(self):
        if "GNU parallel" not in subprocess.run(["sh", "-c", "parallel --version"], capture_output=True, text=True, check=False).stdout:
            print("speed: no GNU parallel here (package parallel)")
            return
        many, ours, theirs = max(20, REPEATS), [], []
        logins = ",".join(f"{SLOTS}/h{number}" for number in (1, 2))
        with Hosts(2, server="MaxStartups 100:30:200\nMaxSessions 100\n") as hosts:
            self.use(hosts)
            for _ in range(3):
                begun = time.monotonic()
                status = self.start(f"count = {many}\ncommand = true").wait()
                ours.append(many / (time.monotonic() - begun))
                assert status == 0, status
                begun = time.monotonic()
                subprocess.run(["parallel", "--will-cite", "--ssh", shutil.which("ssh", path=self.env["PATH"]), "--sshlogin", logins,
                                "true {}", ":::", *map(str, range(many))], env=self.env, check=True, stdin=subprocess.DEVNULL)
                theirs.append(many / (time.monotonic() - begun))
        print(f"{many} commands, 2 hosts, {SLOTS} slots each: ciplug {statistics.median(ours):.1f} a second, GNU parallel "
              f"{statistics.median(theirs):.1f}: {statistics.median(ours) / statistics.median(theirs):.1f} times")

    def lost(self):
        noticed, dead = [], []
        for _ in range(3):
            with Hosts(2, apart=True) as hosts:
                self.use(hosts)
                shutil.rmtree(self.folder / ".ciplug", ignore_errors=True)
                ciplug = self.start("per = host\ngrace = 1s\ncommand = [ {host} = h2 ] || sleep 64200")
                wait_for(lambda h=hosts: h[0].processes("sleep 64200"), "the command")
                hosts[0].cut()
                cut = time.monotonic()
                gone = None
                while gone is None or not self.lost_ones():
                    if gone is None and not hosts[0].processes("sleep 64200"):
                        gone = time.monotonic() - cut
                    if time.monotonic() - cut > 120:
                        raise SystemExit("not noticed within 120 s")
                    if not self.lost_ones():
                        seen = time.monotonic() - cut
                    time.sleep(0.02)
                noticed.append(seen)
                dead.append(gone)
                ciplug.terminate()
                ciplug.wait()
        print(f"a host was cut off {len(noticed)} times: recorded as lost after {', '.join(f'{one:.1f}' for one in noticed)} s, what ran "
              f"there was dead after {', '.join(f'{one:.1f}' for one in dead)} s (grace 1 s)")

    def timeouts(self):
        with Hosts(2) as hosts:
            self.use(hosts)
            self.start(f"timeout = 500ms\ngrace = 200ms\ncount = {REPEATS}\ncommand = {TREE}", "--keep-going").wait()
            outcomes = [record["outcome"] for record in self.run().final("s").values()]
            print(f"{len(outcomes)} commands, {outcomes.count('timeout')} timeouts, {len(self.left(0))} survivors on the hosts")

    def kills(self):
        survivors, rounds, slow = 0, max(3, REPEATS // 4), []
        with Hosts(2) as hosts:
            self.use(hosts)
            for _ in range(rounds):
                shutil.rmtree(self.folder / ".ciplug", ignore_errors=True)
                ciplug = self.start(f"timeout = 1s\ngrace = 200ms\ncount = 100\ncommand = {TREE}", "--keep-going")
                wait_for(lambda h=hosts: any(host.processes("64200") for host in h), "commands")
                time.sleep(random.random())
                ciplug.send_signal(signal.SIGKILL)
                ciplug.wait()
                begun = time.monotonic()
                left = self.left(2)
                slow.append(time.monotonic() - begun)
                survivors += len(left)
                for host in hosts:
                    host.clean()
        print(f"{rounds} SIGKILLs of ciplug, {survivors} survivors on the hosts after 2 s; the slowest were gone after {max(slow):.2f} s")


def main():
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory(prefix="ciplug-bench-") as folder:
        for what in sys.argv[1:] or ("speed", "lost", "timeouts", "kills"):
            getattr(Bench(folder), what)()


main()
