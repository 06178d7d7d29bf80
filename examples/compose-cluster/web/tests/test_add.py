# SPDX-License-Identifier: MIT
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_each_note_has_a_number_of_its_own(self):
        numbers = {store.add(f"note {n}") for n in range(20)}
        self.assertEqual(len(numbers), 20)


if __name__ == "__main__":
    unittest.main()
