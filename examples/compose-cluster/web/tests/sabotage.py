# SPDX-License-Identifier: MIT
"""What shows how a failure looks: FAIL names tests that are to fail, KILL_DB one that takes the database with it."""
import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import store  # noqa: E402

NAME = os.path.basename(sys.argv[0]).removeprefix("test_").removesuffix(".py")


def kill_database():
    """The server's own user is allowed to. Back when the container is gone, and its name with it."""
    try:
        store.query("COPY (SELECT 1) TO PROGRAM 'kill -9 $(head -n 1 postmaster.pid)'")
    except store.psycopg2.Error as error:
        print("killed:", str(error).splitlines()[0], file=sys.stderr)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.gethostbyname("db")
        except OSError:
            return
        time.sleep(0.1)


class TestCase(unittest.TestCase):
    def setUp(self):
        if NAME in os.environ.get("KILL_DB", "").split():
            kill_database()
        if NAME in os.environ.get("FAIL", "").split():
            self.fail("asked to fail")
