# SPDX-License-Identifier: MIT
"""tests/mutants: each patch says what it is, and names tests that there are."""

import re
import unittest

from gpumem_test import mutants, programs
from gpumem_test.results import FAILED, NO_RESULT, PASSED, Result, matches
from gpumem_vm.errors import VmError

_TEST = re.compile(r"^TEST(?:_F)?\((\w+),\s*(\w+)\)", re.MULTILINE)


class Mutants(unittest.TestCase):
    def setUp(self):
        sources = (mutants.REPOSITORY / "tests/guest").glob("*.cpp")
        self.tests = [".".join(names) for path in sources for names in _TEST.findall(path.read_text(encoding="utf-8"))]
        self.patches = sorted(mutants.PATCHES.glob("*.patch"))

    def test_every_head_can_be_read_and_every_filter_matches(self):
        self.assertGreaterEqual(len(self.patches), 8)
        for path in self.patches:
            with self.subTest(path.name):
                mutant = mutants.read(path)
                self.assertIn(mutant.backing, ("gemfs", "mops"))
                for part in mutant.tests.split(":"):
                    self.assertTrue(any(matches(part, name) for name in self.tests), part)

    def test_what_a_patch_takes_out_is_there(self):
        for path in self.patches:
            text = path.read_text(encoding="utf-8")
            source = (mutants.REPOSITORY / re.search(r"^--- a/(\S+)$", text, re.MULTILINE).group(1)).read_text(encoding="utf-8")
            for hunk in re.split(r"^@@.*$", text.partition("\n+++ ")[2], flags=re.MULTILINE)[1:]:
                before = "".join(line[1:] + "\n" for line in hunk.lstrip("\n").splitlines() if line.startswith((" ", "-")))
                with self.subTest(path.name):
                    self.assertEqual(source.count(before), 1)

    def test_only_a_test_that_failed_has_caught_something(self):
        mutant = mutants.Mutant("name", "what", "6.12", None, "gemfs", "*")
        died = Result("guest", programs.DEATH, FAILED, 0, "the guest died, in A.B; its last words:\nx")
        given = [Result("guest", "A.A", PASSED), Result("guest", "A.B", FAILED, 0, NO_RESULT[0]), died]
        original, programs.run_guest = programs.run_guest, lambda *_: given
        try:
            self.assertEqual(mutants._run(mutant, None), [died])
            given[:] = [Result("guest", programs.DEATH, FAILED, 0, f"{programs.OWN_WORDS}, in its start; its last words:\n")]
            with self.assertRaises(VmError):
                mutants._run(mutant, None)
            given.clear()
            with self.assertRaises(VmError):
                mutants._run(mutant, None)
        finally:
            programs.run_guest = original

    def test_a_report_is_told_by_its_title_and_who_is_in_it(self):
        said = ["tools/vm: booted in 50.1 s\n", "tools/vm: the kernel reported (the command itself ended with status 0):\n",
                "  [   99.1] kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n",
                "  [   99.2]     kmalloc_trace+0x1/0x2\n", "  [   99.2]     gpumem_mops_populate+0x12/0x34 [gpumem]\n"]
        self.assertEqual(programs.report_in(said), "kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak), "
                                                   "with gpumem_mops_populate()")
        self.assertEqual(programs.report_in(said[:1]), "not shown")


if __name__ == "__main__":
    unittest.main()
