# SPDX-License-Identifier: MIT
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_whole_words_only(self):
        one, other = store.add("a needle in the hay"), store.add("needles")
        found = store.search("needle")
        self.assertIn(one, found)
        self.assertNotIn(other, found)


if __name__ == "__main__":
    unittest.main()
