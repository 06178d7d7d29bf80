# SPDX-License-Identifier: MIT
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_what_was_added(self):
        self.assertEqual(store.get(store.add("hello")), "hello")

    def test_what_is_not_there(self):
        self.assertIsNone(store.get(2000000000))


if __name__ == "__main__":
    unittest.main()
