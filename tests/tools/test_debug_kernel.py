# SPDX-License-Identifier: MIT
"""The debug kernels' configurations: what must be there is asked for, and found missing."""

import unittest

from gpumem_vm import debug_kernel


class DebugKernel(unittest.TestCase):
    def test_every_required_word_is_asked_for(self):
        for kind, paths in debug_kernel.CONFIGS.items():
            with self.subTest(kind):
                asked = "".join(path.read_text(encoding="utf-8") for path in paths)
                self.assertEqual(debug_kernel.missing(asked, debug_kernel.REQUIRED[kind]), [])

    def test_says_what_is_missing(self):
        config = "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"y\"\n"
        self.assertEqual(debug_kernel.missing(config, ("A", "B", "C", "D")), ["C", "D"])


if __name__ == "__main__":
    unittest.main()
