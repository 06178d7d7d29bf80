# SPDX-License-Identifier: MIT
import threading
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_ten_at_once(self):
        numbers = []
        threads = [threading.Thread(target=lambda: numbers.append(store.add("at once"))) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(numbers)), 10)


if __name__ == "__main__":
    unittest.main()
