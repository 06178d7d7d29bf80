# SPDX-License-Identifier: MIT
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_in_the_order_of_their_numbers(self):
        numbers = [store.add("tagged", ["red", "green"]) for _ in range(5)]
        self.assertEqual([n for n in store.tagged("green") if n in numbers], numbers)

    def test_an_unknown_one(self):
        self.assertEqual(store.tagged("no such tag"), [])


if __name__ == "__main__":
    unittest.main()
