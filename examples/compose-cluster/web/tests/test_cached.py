# SPDX-License-Identifier: MIT
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_the_second_time_it_comes_from_the_cache(self):
        number = store.add("kept")
        store.get(number)
        store.query("UPDATE notes SET body = 'changed behind the cache' WHERE id = %s", number)
        self.assertEqual(store.get(number), "kept")


if __name__ == "__main__":
    unittest.main()
