#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""page.py [COMMANDS...]: what the page of so many commands costs (10000 and 100000): seconds and memory of `ciplug report`, beside
those of the console's report, which is mostly reading the journal; the page's size; and, where there is a Chromium, the seconds
until it is open and until a search has been drawn."""
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import browser  # noqa: E402
import htmlpage  # noqa: E402
from harness import CIPLUG  # noqa: E402

SEARCH = "const began = performance.now(); setFilter({query: arguments[0]}); paint(); return performance.now() - began"


def measure(state, to):
    """Seconds, MiB."""
    began = time.monotonic()
    pid = os.posix_spawn(CIPLUG, [CIPLUG, "report", "madeup00", "-q", "--state-dir", str(state), "--to", to], os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"status {status}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def look(page):
    if browser.missing():
        return
    window = browser.Browser(dict(os.environ))
    try:
        began = time.monotonic()
        window.open(page)
        opened = time.monotonic() - began
        searches = [window.run(SEARCH, text) for text in ("case_00012", "case_000")]
        heap = window.run("return performance.memory.usedJSHeapSize") / (1 << 20)
    finally:
        window.close()
    print(f"  Chromium: open after {opened:.2f} s; first search {searches[0]:.0f} ms, another {searches[1]:.0f} ms; heap {heap:.0f} MiB")


def main():
    for count in [int(word) for word in sys.argv[1:]] or [10000, 100000]:
        with tempfile.TemporaryDirectory(prefix="ciplug-bench-") as folder:
            folder = pathlib.Path(folder)
            htmlpage.big_journal(folder, "madeup00", count, 16)
            size = (folder / "runs/madeup00/journal.jsonl").stat().st_size / (1 << 20)
            print(f"{count} commands, a journal of {size:.1f} MiB:")
            for name, to in (("console", "console=/dev/null"), ("html", f"html={folder}/page.html")):
                seconds, cpu, memory = measure(folder, to)
                print(f"  {name}: {seconds:.2f} s, {cpu:.2f} s of CPU, {memory:.0f} MiB")
            print(f"  page: {(folder / 'page.html').stat().st_size / (1 << 20):.2f} MiB")
            look(folder / "page.html")


if __name__ == "__main__":
    main()
