# SPDX-License-Identifier: MIT
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_no_text_is_a_text(self):
        self.assertEqual(store.get(store.add("")), "")


if __name__ == "__main__":
    unittest.main()
