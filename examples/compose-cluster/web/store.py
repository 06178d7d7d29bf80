# SPDX-License-Identifier: MIT
"""Notes in PostgreSQL, with a cache of redis in front."""
import contextlib
import functools
import os
import threading

import psycopg2.pool
import redis

LOCK = threading.Lock()


@functools.lru_cache(maxsize=None)
def make_pool():
    return psycopg2.pool.ThreadedConnectionPool(1, 20, host=os.environ.get("DB_HOST", "db"), user="postgres", dbname="postgres",
                                                connect_timeout=10)


def pool():
    """Connections to the database that are kept: to make one costs it a process."""
    with LOCK:
        return make_pool()


@functools.lru_cache(maxsize=None)
def cache():
    return redis.Redis(host=os.environ.get("CACHE_HOST", "cache"), socket_timeout=10)


@contextlib.contextmanager
def transaction():
    """A cursor; all that it does counts, or nothing. A connection that failed is not used again."""
    connection = pool().getconn()
    failed = True
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
        failed = False
    finally:
        pool().putconn(connection, close=failed)


def query(text, *values):
    with transaction() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall() if cursor.description else []


def add(text, tags=()):
    number = query("INSERT INTO notes (body) VALUES (%s) RETURNING id", text)[0][0]
    for tag in tags:
        query("INSERT INTO tags (note, name) VALUES (%s, %s)", number, tag)
    return number


def get(number):
    """The note's text, or None."""
    key = f"note:{number}"
    found = cache().get(key)
    if found is None:
        rows = query("SELECT body FROM notes WHERE id = %s", number)
        if not rows:
            return None
        found = rows[0][0].encode()
        cache().set(key, found)
    return found.decode()


def remove(number):
    query("DELETE FROM notes WHERE id = %s", number)
    cache().delete(f"note:{number}")


def tagged(name):
    return [row[0] for row in query("SELECT note FROM tags WHERE name = %s ORDER BY note", name)]


def search(word):
    return [row[0] for row in query("SELECT id FROM notes WHERE to_tsvector('simple', body) @@ plainto_tsquery('simple', %s) "
                                    "ORDER BY id", word)]
