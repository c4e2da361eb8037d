# SPDX-License-Identifier: MIT
"""What tools/test asks of gpumem-fuzz."""

import unittest

from gpumem_test import fuzz


class Calls(unittest.TestCase):
    def test_of_one_series_are_few(self):
        self.assertEqual(fuzz.calls(("6.12",), ("gemfs", "mops")), fuzz.CALLS)

    def test_of_all_series_are_a_million_together(self):
        backings = {"6.12": ("gemfs", "mops"), "6.1": ("gemfs", "mops"), "latest": ("gemfs",)}
        made = sum(fuzz.calls(tuple(backings), names) * len(names) for names in backings.values())
        self.assertGreaterEqual(made, fuzz.ALL_CALLS)
        self.assertLess(made, fuzz.ALL_CALLS + 10)


if __name__ == "__main__":
    unittest.main()
