# SPDX-License-Identifier: MIT
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_bytes_stay_what_they_are(self):
        for text in ("žluťoučký kůň", "日本語", "😀", "a\tb\nc", "'; DROP TABLE notes; --"):
            self.assertEqual(store.get(store.add(text)), text)


if __name__ == "__main__":
    unittest.main()
