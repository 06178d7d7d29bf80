# SPDX-License-Identifier: MIT
"""tree.py COUNT [FILE]: leaves COUNT daemons behind: double-forked, setsid'ed, deaf to TERM, INT, HUP and
QUIT. Writes FILE when all of them live. With --stay the first process waits, deaf as well."""
import os
import signal
import sys


def deaf():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)


def daemon(write_end):
    if os.fork():
        os._exit(0)
    os.setsid()
    deaf()
    if os.fork():
        os._exit(0)
    os.write(write_end, b".")
    os.close(write_end)
    while True:
        signal.pause()


def main():
    stay = "--stay" in sys.argv
    words = [word for word in sys.argv[1:] if word != "--stay"]
    count = int(words[0])
    read_end, write_end = os.pipe()
    for _ in range(count):
        pid = os.fork()
        if not pid:
            os.close(read_end)
            daemon(write_end)
        os.waitpid(pid, 0)
    seen = 0
    while seen < count:
        seen += len(os.read(read_end, count))
    if stay:
        deaf()
    if len(words) > 1:
        with open(words[1], "w", encoding="ascii") as file:
            file.write("up\n")
    if stay:
        while True:
            signal.pause()


main()
