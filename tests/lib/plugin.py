# SPDX-License-Identifier: MIT
"""Plugins that a test compiles for itself."""
import os
import pathlib
import shlex
import subprocess
import tempfile

from harness import SRCDIR

SOURCES = SRCDIR / "tests" / "plugins"
FLAGS = ["-shared", "-fPIC", "-fvisibility=hidden", f"-I{SRCDIR}/include"]


def build(source, output, *flags, compiler=None):
    """Compile one of tests/plugins (or a path) to `output`, which others may not write."""
    output = pathlib.Path(output)
    default = ("CXX", "c++") if str(source).endswith(".cc") else ("CC", "cc")
    compiler = compiler or shlex.split(os.environ.get(*default))
    made = subprocess.run([*compiler, *FLAGS, *flags, "-o", str(output), str(SOURCES / source)],
                          capture_output=True, check=False, text=True)
    if made.returncode:
        raise AssertionError(f"cannot compile {source}: {made.stderr}")
    os.chmod(output, 0o755)
    return output


class Workshop:
    """A folder of plugins for all tests of a file: with Workshop() as shop: shop.build("good.c", "good")."""

    def __init__(self):
        # pylint: disable=consider-using-with
        self.place = tempfile.TemporaryDirectory(prefix="ciplug-test-plugins-")
        self.dir = pathlib.Path(self.place.name).resolve()

    def build(self, source, name, *flags, **how):
        return build(source, self.dir / f"{name}.so", *flags, **how)

    def close(self):
        self.place.cleanup()
