# SPDX-License-Identifier: MIT
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_a_megabyte(self):
        text = "0123456789abcdef" * 65536
        self.assertEqual(store.get(store.add(text)), text)


if __name__ == "__main__":
    unittest.main()
