# SPDX-License-Identifier: MIT
import unittest

from sabotage import TestCase, store


class Test(TestCase):
    def test_nothing_stays_of_what_failed(self):
        try:
            with store.transaction() as cursor:
                cursor.execute("INSERT INTO notes (body) VALUES ('never') RETURNING id")
                number = cursor.fetchone()[0]
                raise KeyError("changed my mind")
        except KeyError:
            pass
        self.assertIsNone(store.get(number))


if __name__ == "__main__":
    unittest.main()
