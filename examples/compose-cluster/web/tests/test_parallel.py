# SPDX-License-Identifier: MIT
import threading
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_five_at_once(self):
        numbers = []
        threads = [threading.Thread(target=lambda: numbers.append(store.add("at once"))) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(numbers)), 5)


if __name__ == "__main__":
    unittest.main()
