#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The example compose-cluster does what it says, with real clusters, and leaves none of them."""
import datetime
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import images  # noqa: E402
from engine import Engine, EngineCase  # noqa: E402
from far_engine import Relay  # noqa: E402
from harness import EXAMPLES, main, wait_for  # noqa: E402

INI = EXAMPLES / "compose-cluster" / "ci.ini"
TESTS = 12
PATIENCE = 400


def seconds(record, key="started"):
    return datetime.datetime.fromisoformat(record[key].replace("Z", "+00:00")).timestamp()


def end_of(record):
    return seconds(record) + record["duration_ns"] / 1e9


class Cluster(EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.named = images.cluster(cls.engine)

    def setUp(self):
        super().setUp()
        self.env.update(self.named)

    def assert_run(self, run, **expected):
        """Its ledger, and that it adds up."""
        ledger = run.last("run_finished")["ledger"]
        self.assertEqual({name: number for name, number in ledger.items() if number and name in (*expected, "planned")},
                         dict(expected, planned=sum(expected.values())))
        self.assertEqual({name: number for name, number in run.counted().items() if number}, expected)
        self.assertEqual(self.engine.leftovers(run.last("run_finished").get("run", run.folder.name)), [])

    def test_five_clusters(self):
        ended = self.ci(INI, patience=PATIENCE)
        self.assertEqual(ended.status, 0, ended.all)
        run = self.run_of()
        self.assert_run(run, passed=1 + 5 + 5 + 1 + 1 + TESTS)
        self.assertEqual(self.engine.leftovers(), [])
        units = run.final("unit")
        self.assertEqual(len({record["item"] for record in units.values()}), TESTS)
        self.assertLessEqual({record["worker"] for record in units.values()}, {2, 3, 4, 5})
        integration = run.one("integration")
        self.assertEqual(integration["worker"], 1)
        beside = [record for record in units.values() if seconds(record) < end_of(integration) and end_of(record) > seconds(integration)]
        self.assertGreater(len(beside), 0, "the unit tests waited for the integration tests")
        report = json.loads((run.folder / "artifacts/integration/1/report/integration.json").read_text())
        self.assertEqual(report["cluster"], f"ci{run.folder.name}w1")

    def test_two_runs_of_one_folder_that_fail(self):
        """At the same time: in one two tests fail, in the other the database dies in the middle."""
        fails = self.start(INI, "-j", 3, "--set", "unit.env.FAIL=tags search", "--state-dir", "fails")
        kills = self.start(INI, "-j", 2, "--set", "unit.env.KILL_DB=long", "--set", "unit.retries=0", "unit:*long*", "--state-dir", "kills")
        ended = fails.wait(PATIENCE), kills.wait(PATIENCE)
        self.assertEqual([one.status for one in ended], [1, 1], ended[0].all + ended[1].all)

        run = self.run_of(state="fails")
        self.assert_run(run, passed=1 + 3 + 3 + 1 + 1 + TESTS - 2, failed=2)
        failed = {record["item"]: number for number, record in run.final("unit").items() if record["outcome"] == "failed"}
        self.assertEqual(set(failed), {"tests/test_search.py", "tests/test_tags.py"})
        summary = ended[0].out.partition("failures:")[2]
        for item, number in failed.items():
            self.assertIn(f"[{item}]: exit code 1", summary)
            self.assertIn("asked to fail", run.text("unit", number, "err", 2))

        run = self.run_of(state="kills")
        self.assert_run(run, passed=1 + 2 + 2 + 1, failed=1)
        self.assertIn("service db exited with 137", run.one("unit")["reason"])
        self.assertIn("service db exited with 137", ended[1].out.partition("failures:")[2])
        self.assertEqual(self.engine.leftovers(), [])


class Engines(Cluster):
    """The same clusters on three engines, of which the last one is lost while its unit tests run."""

    test_five_clusters = test_two_runs_of_one_folder_that_fail = None

    def setUp(self):
        super().setUp()
        self.env.pop("DOCKER_HOST")
        self.all = [self.engine]
        for _ in "bc":
            self.all.append(Engine().start())
            self.addCleanup(self.all[-1].close)
            images.cluster(self.all[-1])
        self.relays = [Relay(engine) for engine in self.all]
        for name, relay in zip("ABC", self.relays):
            self.addCleanup(relay.close)
            self.env[f"ENGINE_{name}"] = relay.address

    def test_three_engines(self):
        ciplug = self.start(EXAMPLES / "hosts" / "engines.ini")
        wait_for(lambda: self.runs() and any(record["host"] == "c" for record in self.run_of().finished("unit")), "a unit test on c", PATIENCE)
        self.relays[2].close()
        ended = ciplug.wait(PATIENCE)
        self.assertEqual(ended.status, 0, ended.all)
        run = self.run_of()
        units = run.final("unit")
        self.assertEqual(len({record["item"] for record in units.values()}), TESTS)
        self.assertEqual({record["outcome"] for record in units.values()}, {"passed"})
        self.assertEqual({record["host"] for record in run.final("image").values()}, {"a", "b", "c"})
        self.assertEqual({record["host"] for record in units.values()} - {"b", "c"}, set())
        lost = [record for record in run.finished("unit") if not record.get("final", True)]
        self.assertTrue(all(record["outcome"] == "error" and record["host"] == "c" for record in lost), lost)
        for engine in self.all[:2]:
            self.assertEqual(engine.leftovers(), [])
        self.assertRegex(ended.all, "cannot be removed: .* c.*lost|host c is lost")


if __name__ == "__main__":
    main()
