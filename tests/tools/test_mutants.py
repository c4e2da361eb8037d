# SPDX-License-Identifier: MIT
"""tests/mutants: each patch says what it is, and names tests that there are."""

import contextlib
import io
import pathlib
import re
import tempfile
import unittest
from unittest import mock

from gpumem_test import long_runs, mutants, programs
from gpumem_test.results import FAILED, NO_RESULT, PASSED, Result, matches
from gpumem_vm.errors import VmError

_TEST = re.compile(r"^TEST(?:_F)?\((\w+),\s*(\w+)\)", re.MULTILINE)


class Mutants(unittest.TestCase):
    def setUp(self):
        sources = (mutants.REPOSITORY / "tests/guest").glob("*.cpp")
        self.tests = [".".join(names) for path in sources for names in _TEST.findall(path.read_text(encoding="utf-8"))]
        self.tests += [long_runs.FUZZ, long_runs.STRESS]
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
        mutant = mutants.Mutant("name", "what", "6.12", None, "gemfs", "A.*")
        died = Result("guest", programs.DEATH, FAILED, 0, "the guest died, in A.B; its last words:\nx")
        given = [Result("guest", "A.A", PASSED), Result("guest", "A.B", FAILED, 0, NO_RESULT[0]), died]
        self.assertEqual(mutants._judge(mutant, given), [died])
        given = [Result("guest", programs.DEATH, FAILED, 0, f"{programs.OWN_WORDS}, in its start; its last words:\n")]
        with self.assertRaises(VmError):
            mutants._judge(mutant, given)
        given = [Result("guest", programs.DEATH, FAILED, 0, f"{programs.SLOW_WORDS}, in A.B; its last words:\n")]
        with self.assertRaisesRegex(VmError, f"^{programs.SLOW_WORDS}, in A.B$"):
            mutants._judge(mutant, given)
        self.assertEqual(mutants._judge(mutant, given, True), given)
        with self.assertRaises(VmError):
            mutants._judge(mutant, [])

    def test_what_others_fail_without_a_mistake_is_not_ones_own(self):
        all_of_them = [mutants.Mutant(name, "what", "6.12", kind, "gemfs", f"{name}.*") for name, kind in (("A", None), ("B", None), ("C", "debug"))]
        asked = []

        def answer(_kernel, _backing, tests, _report, kind, _home):
            asked.append((tests, kind))
            return [Result("guest", "A.a", FAILED, 0, "x"), Result("guest", "B.b", PASSED), Result("guest", "C.c", PASSED)]

        known = {}
        with mock.patch.object(programs, "run_guest", answer):
            failed = [[result.name for result in mutants._without(mutant, all_of_them, known)] for mutant in all_of_them]
        self.assertEqual(failed, [["A.a"], [], []])
        self.assertEqual(asked, [("A.*:B.*", None), ("C.*", "debug")])

    def test_the_stress_catches_what_it_says_was_wrong(self):
        mutant = mutants.Mutant("name", "what", "6.12", None, "gemfs", long_runs.STRESS)
        said = "status 1\nfirst failure: gpumem-stress: seed 1 pid 2: a page was wrong\n\n"
        for detail, may_hang, wrong in ((said, False, None), ("status 70\n", False, None), ("status 124\n", True, None),
                                        ("status 124\n", False, "status 124"), ("status 125\n", True, "status 125")):
            given = [Result("stress", long_runs.STRESS, FAILED, 1, detail)]
            with self.subTest(detail), self.assertRaisesRegex(VmError, wrong) if wrong else contextlib.nullcontext():
                self.assertEqual(mutants._judge(mutant, given, may_hang), given)
        self.assertEqual(mutants._caught_by([Result("stress", long_runs.STRESS, FAILED, 1, said)]),
                         f"{long_runs.STRESS} (seed 1 pid 2: a page was wrong)")

    def test_a_head_may_say_that_the_mistake_hangs(self):
        self.assertTrue(mutants.read(mutants.PATCHES / "lock-instead-of-trylock.patch").hangs)
        self.assertFalse(mutants.read(mutants.PATCHES / "no-revoke.patch").hangs)
        for line, right in (("Hangs: yes", True), ("Hangs: no", False)):
            with tempfile.TemporaryDirectory() as directory:
                path = pathlib.Path(directory, "a.patch")
                path.write_text(f"What: x\nKernel: 6.12\nBacking: gemfs\nTests: *\n{line}\n\ndiff --git\n", encoding="utf-8")
                with self.subTest(line), contextlib.nullcontext() if right else self.assertRaises(VmError):
                    self.assertTrue(mutants.read(path).hangs)

    def test_goes_on_after_one_that_cannot_be_judged(self):
        tried = [mutants.Mutant(name, "what", "6.12", None, "gemfs", "*") for name in ("hangs", "caught", "missed")]
        found = {"hangs": VmError("too long"), "caught": [Result("guest", "A.A", FAILED, 0, "x")], "missed": []}

        def answer(mutant, *_):
            if isinstance(found[mutant.name], VmError):
                raise found[mutant.name]
            return found[mutant.name]

        for names, status, last in ((("hangs", "caught", "missed"), 1, "1 of 3 mutants caught, 1 could not be judged"),
                                    (("hangs", "caught"), 1, "1 of 2 mutants caught, 1 could not be judged"),
                                    (("caught", "missed"), 1, "1 of 2 mutants caught"), (("caught",), 0, "1 of 1 mutants caught")):
            said = io.StringIO()
            with self.subTest(names), mock.patch.object(mutants, "_try", answer), \
                    mock.patch.object(mutants.build, "main", lambda _: 0), contextlib.redirect_stdout(said):
                self.assertEqual(mutants._try_all([mutant for mutant in tried if mutant.name in names]), status)
                lines = said.getvalue().splitlines()
                self.assertEqual(len(lines), len(names) + 1)
                self.assertEqual(lines[-1], last)

    def test_a_report_is_told_by_its_title_and_who_is_in_it(self):
        said = ["tools/vm: booted in 50.1 s\n", "tools/vm: the kernel reported (the command itself ended with status 0):\n",
                "  [   99.1] kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n",
                "  [   99.2]     kmalloc_trace+0x1/0x2\n", "  [   99.2]     gpumem_mops_populate+0x12/0x34 [gpumem]\n"]
        self.assertEqual(programs.report_in(said), "kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak), "
                                                   "with gpumem_mops_populate()")
        self.assertEqual(programs.report_in(said[:1]), "not shown")


if __name__ == "__main__":
    unittest.main()
