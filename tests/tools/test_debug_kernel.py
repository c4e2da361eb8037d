# SPDX-License-Identifier: MIT
"""The debug kernels' configurations: what must be there is asked for, and found missing."""

import unittest

from gpumem_vm import debug_kernel


class DebugKernel(unittest.TestCase):
    def test_every_required_word_is_asked_for(self):
        for kind, paths in debug_kernel.CONFIGS.items():
            with self.subTest(kind):
                asked = "".join(path.read_text(encoding="utf-8") for path in paths)
                self.assertEqual(debug_kernel.missing(asked, debug_kernel.required("6.1", kind)), [])

    def test_a_word_that_became_a_matter_of_course_is_required_before(self):
        for kind in debug_kernel.CONFIGS:
            for series, there in (("6.1", True), ("6.12", True), ("7.0", False), ("7.1", False)):
                with self.subTest(kind, series=series):
                    self.assertEqual("DMABUF_MOVE_NOTIFY" in debug_kernel.required(series, kind), there)

    def test_says_what_is_missing(self):
        config = "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"y\"\n"
        self.assertEqual(debug_kernel.missing(config, ("A", "B", "C", "D")), ["C", "D"])


if __name__ == "__main__":
    unittest.main()
