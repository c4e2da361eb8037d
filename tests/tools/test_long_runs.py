# SPDX-License-Identifier: MIT
"""What tools/test asks of gpumem-fuzz and gpumem-stress."""

import unittest

from gpumem_test import long_runs
from gpumem_test.results import FAILED, PASSED


class LongRuns(unittest.TestCase):
    def test_of_one_series_are_few(self):
        self.assertEqual(long_runs.calls(("6.12",), ("gemfs", "mops")), long_runs.CALLS)

    def test_of_all_series_are_a_million_together(self):
        backings = {"6.12": ("gemfs", "mops"), "6.1": ("gemfs", "mops"), "latest": ("gemfs",)}
        made = sum(long_runs.calls(tuple(backings), names) * len(names) for names in backings.values())
        self.assertGreaterEqual(made, long_runs.ALL_CALLS)
        self.assertLess(made, long_runs.ALL_CALLS + 10)

    def test_judge_status_and_numbers(self):
        for status, said, state in ((0, "calls 20000, new 1", PASSED), (0, "calls 19999, new 1", FAILED), (0, "", FAILED),
                                    (1, "calls 20000, new 1", FAILED)):
            with self.subTest(said, status=status):
                self.assertEqual(long_runs.judge(long_runs.fuzz(20_000), status, said), state)


if __name__ == "__main__":
    unittest.main()
