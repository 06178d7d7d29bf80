# SPDX-License-Identifier: MIT
"""The images of examples/compose-cluster, made here since tests reach no registry. The tar that takes long is kept in the
user's cache, by what it is made from."""
import fcntl
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import LIB

BASE, POSTGRES, REDIS = "ci-cluster:base", "ci-cluster:postgres", "ci-cluster:redis"
# As the public images are.
POSTGRES_FILE = f"""FROM {BASE}
ENV PGDATA=/var/lib/postgresql/data LC_ALL=C.UTF-8
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
"""
REDIS_FILE = f"""FROM {BASE}
CMD ["redis-server"]
"""


def cache():
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "ciplug-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def made(*words):
    """What cluster-image prints; a skip with its last line where it cannot be made."""
    ended = subprocess.run([LIB / "cluster-image", *words], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if ended.returncode:
        lines = ended.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise unittest.SkipTest(f"no image of the cluster: {lines[-1]}")
    return ended.stdout.decode().strip()


def cluster_tar():
    """Its path; made by one at a time, and only the newest is kept."""
    if not shutil.which("apt-get"):
        raise unittest.SkipTest("the image of the cluster is made from packages of Debian or Ubuntu")
    folder = cache()
    tar = folder / f"cluster-{made('--key')}.tar"
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tar.exists():
            made(tar.with_suffix(".new"))
            for old in folder.glob("cluster-*.tar"):
                old.unlink()
            tar.with_suffix(".new").rename(tar)
    return tar


def cluster(engine):
    """Into this engine; the environment that tells the example of them."""
    if engine.docker("image", "inspect", REDIS, check=False).returncode:
        engine.docker("import", "-c", 'CMD ["sh"]', cluster_tar(), BASE)
        engine.docker("build", "-t", POSTGRES, "-", data=POSTGRES_FILE.encode())
        engine.docker("build", "-t", REDIS, "-", data=REDIS_FILE.encode())
    return {"BASE_IMAGE": BASE, "POSTGRES_IMAGE": POSTGRES, "REDIS_IMAGE": REDIS}
