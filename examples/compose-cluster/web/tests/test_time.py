# SPDX-License-Identifier: MIT
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_later_is_later(self):
        first, second = store.add("first"), store.add("second")
        self.assertEqual(store.query("SELECT a.made <= b.made FROM notes a, notes b WHERE a.id = %s AND b.id = %s", first, second),
                         [(True,)])


if __name__ == "__main__":
    unittest.main()
