# SPDX-License-Identifier: MIT
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_it_is_gone_from_the_cache_too(self):
        number = store.add("short lived", ["x"])
        store.get(number)
        store.remove(number)
        self.assertIsNone(store.get(number))
        self.assertNotIn(number, store.tagged("x"))


if __name__ == "__main__":
    unittest.main()
