# SPDX-License-Identifier: MIT
"""Tests with tests/plugins/outside.c: what it makes are files in self.place."""
import unittest

import plugin
from harness import Case

SHOP = plugin.Workshop()
USES = "[ciplug]\nplugins = shell outside\n"


def set_up_module():
    unittest.addModuleCleanup(SHOP.close)
    SHOP.build("outside.c", "outside")


class Outside(Case):
    def setUp(self):
        super().setUp()
        self.place = self.dir / "place"
        self.place.mkdir()
        self.env.update(CIPLUG_PLUGIN_PATH=str(SHOP.dir), OUTSIDE_PLACE=str(self.place))

    def things(self, run="????????"):
        return sorted(path.name for path in self.place.glob(f"{run}.*"))

    def calls(self):
        """How often its reap() command was run."""
        return len(self.read("place/calls").split()) if (self.place / "calls").exists() else 0

    def intents(self, **which):
        return [record for record in self.run_of(**which).of("intent") if record["kind"] == "outside"]
