# SPDX-License-Identifier: MIT
"""Exceptions from checkpatch: explained, used, and no wider than they say."""

import unittest

from gpumem_test import lint

ALIGNED = "kernel/a.h:3: CHECK:PARENTHESIS_ALIGNMENT: Alignment should match open parenthesis"
LONG = "kernel/a.h:9: WARNING:LONG_LINE: line length of 120 exceeds 100 columns"
OTHER = "kernel/b.c:3: CHECK:PARENTHESIS_ALIGNMENT: Alignment should match open parenthesis"


class LintExceptions(unittest.TestCase):
    def left(self, *entries):
        return lint.without_exceptions([ALIGNED, LONG, OTHER], "\n".join(["# a comment", *entries]))

    def test_take_one_type_in_one_file(self):
        self.assertEqual(self.left(), [ALIGNED, LONG, OTHER])
        self.assertEqual(self.left("kernel/a.h PARENTHESIS_ALIGNMENT # macros"), [LONG, OTHER])
        self.assertEqual(self.left("kernel/* PARENTHESIS_ALIGNMENT # macros"), [LONG])

    def test_keep_what_has_no_type(self):
        self.assertEqual(lint.without_exceptions(["Global symbol at line 3"], ""), ["Global symbol at line 3"])

    def test_without_a_reason_or_use_are_failures(self):
        for entry in ("kernel/a.h LONG_LINE", "kernel/a.h # why", "kernel/c.c LONG_LINE # why"):
            with self.subTest(entry):
                left = self.left(entry)
                self.assertEqual(left[:3], [ALIGNED, LONG, OTHER])
                self.assertIn(entry, left[3])


class LintKernelDoc(unittest.TestCase):
    DOCUMENTED = "/**\n * f - does\n */\nint f(void)\n{\n}\nEXPORT_SYMBOL_GPL(f);\n"

    def test_exported_functions_need_a_comment(self):
        self.assertEqual(lint.undocumented(self.DOCUMENTED), [])
        self.assertEqual(lint.undocumented(self.DOCUMENTED.replace("/**", "/*")), ["f"])

    def test_data_needs_none(self):
        self.assertEqual(lint.undocumented("struct a b;\nEXPORT_SYMBOL_GPL(b);\n"), [])


if __name__ == "__main__":
    unittest.main()
