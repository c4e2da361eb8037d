# SPDX-License-Identifier: MIT
"""tools/soak: what it reads of a round, what it keeps, which words it refuses."""

import contextlib
import dataclasses
import io
import pathlib
import tempfile
import unittest
from unittest import mock

from gpumem_soak import main, rounds, state
from gpumem_soak.counts import Counts
from gpumem_vm.errors import VmError


PLAN = state.Plan("abc123", "6.12", 20, ("gemfs", "fuzz"))


class Soak(unittest.TestCase):
    def test_reads_progress_and_frames_and_nothing_else(self):
        counts = Counts()
        self.assertTrue(counts.read("progress 10 5 20 0\n"))
        self.assertTrue(counts.read("drawn 8 0\n"))
        self.assertTrue(counts.read("drawn 8 1\n"))
        self.assertTrue(counts.read("refused\n"))
        self.assertTrue(counts.read("progress 30 25 40 2\n"))
        self.assertFalse(counts.read("write   5 done   1 refused\n"))
        self.assertTrue(counts.read("calls 600\n"))
        self.assertTrue(counts.read("calls 900, inputs 30, 1 s, 900 calls/s, no kcov, outcomes 5, seed 1\n"))
        self.assertEqual(counts, Counts(30, 25, 40, 16, 1, 2, 0, 900, 1))
        self.assertEqual(counts + Counts(1, 1, 1, 1, 1, 1, 1, 1, 1), Counts(31, 26, 41, 17, 2, 3, 1, 901, 2))

    def test_tells_moves_that_were_verified_beside_those_that_were_made(self):
        total = state.State(7, PLAN, counts=Counts(pages_moved=30, moves_verified=25))
        self.assertIn("30 pages moved, 25 moves verified, ", main.told(total))
        with tempfile.TemporaryDirectory() as directory, mock.patch.object(rounds, "OUT", pathlib.Path(directory)), \
                mock.patch.object(rounds, "_vm", lambda *_: ["sh", "-c", 'echo progress 10 5 20 0; printf %s "$1" >"$0"',
                                                            f"{directory}/stress.json", \
                                                            '{"pages_moved": 30, "moves_verified": 25, "pages_verified": 40, '
                                                            '"failures": 0, "operations": 50}']):
            shown = []
            counts, wrong = rounds.mix("6.12", "gemfs", 7, 60, lambda counts: shown.append(counts.moves_verified))
            self.assertEqual((shown, counts, wrong), ([5], Counts(30, 25, 40, 0, 0, 0, 50), ""))

    def test_rounds_take_turns_or_are_of_the_kind_that_is_wanted(self):
        self.assertEqual(main.turns_of(["gemfs", "mops"], None), ["gemfs", "mops", "fuzz"])
        self.assertEqual(main.turns_of(["gemfs"], ["fuzz", "gemfs"]), ["gemfs", "fuzz"])
        with self.assertRaisesRegex(VmError, "no backing mops"):
            main.turns_of(["gemfs"], ["mops"])

    def test_state_survives_and_gives_the_next_seed(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "new", "state.json")
            total = state.State(7, PLAN, rounds=2, counts=Counts(pages_moved=5))
            total.save(path)
            self.assertEqual(state.load(path), total)
            self.assertEqual(state.load(path).seed, 9)

    def test_resume_is_of_the_same_soak(self):
        total = state.State(7, PLAN)
        total.expect(PLAN)
        for field, value, words in (("commit", "abc123-dirty", "another commit: abc123, not abc123-dirty"),
                                    ("kernel", "latest", "another kernel: 6.12, not latest"), ("minutes", 5, "another minutes: 20, not 5"),
                                    ("turns", ("gemfs",), "another turns: gemfs fuzz, not gemfs")):
            with self.subTest(field), self.assertRaisesRegex(VmError, words):
                total.expect(dataclasses.replace(PLAN, **{field: value}))

    def test_a_round_that_failed_comes_again_and_is_not_forgotten(self):
        seeds = []

        def mix(_kernel, _backing, seed, _seconds, _show):
            seeds.append(seed)
            return Counts(pages_moved=1), "a page was wrong" if len(seeds) == 2 else ""

        with tempfile.TemporaryDirectory() as directory, mock.patch.object(main, "STATE", pathlib.Path(directory, "state.json")), \
                mock.patch.object(rounds, "mix", mix), contextlib.redirect_stderr(io.StringIO()), \
                contextlib.redirect_stdout(io.StringIO()), mock.patch.object(main.time, "monotonic", lambda: 600 * len(seeds)):
            parsed = main.parser().parse_args(["--hours", "0.5"])
            total = state.State(7, dataclasses.replace(PLAN, turns=("gemfs",)))
            with self.assertRaisesRegex(VmError, "a page was wrong"):
                main._soak(parsed, total, ("gemfs",))
            again = state.load(main.STATE)
            self.assertEqual((again.rounds, again.seed, again.counts.failures), (1, 8, 1))
            self.assertEqual(main._soak(parsed, again, ("gemfs",)), 1)
            self.assertEqual(seeds[:3], [7, 8, 8])

    def test_a_soak_that_ends_in_its_first_round_is_the_one_to_resume(self):
        def mix(*_):
            raise KeyboardInterrupt

        with tempfile.TemporaryDirectory() as directory, mock.patch.object(main, "STATE", pathlib.Path(directory, "state.json")), \
                mock.patch.object(rounds, "mix", mix), contextlib.redirect_stderr(io.StringIO()), \
                contextlib.redirect_stdout(io.StringIO()):
            state.State(7, PLAN, rounds=5, counts=Counts(failures=1)).save(main.STATE)
            new = state.State(99, dataclasses.replace(PLAN, turns=("gemfs",)))
            with self.assertRaises(KeyboardInterrupt):
                main._soak(main.parser().parse_args(["--hours", "0.5"]), new, ("gemfs",))
            self.assertEqual(state.load(main.STATE), new)

    def test_resume_without_a_soak_or_with_something_else_is_an_error(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "state.json")
            with self.assertRaisesRegex(VmError, "no soak to resume"):
                state.load(path)
            for text in ("", "[]", "{}", '{"first_seed": 1, "plan": {"bees": 2}}', '{"first_seed": 1, "rounds": 2, "counts": {}}'):
                path.write_text(text, encoding="utf-8")
                with self.subTest(text), self.assertRaisesRegex(VmError, "not what a soak has written"):
                    state.load(path)

    def test_refuses_other_words_in_one_line(self):
        for words in ([], ["--hours", "0"], ["--hours", "x"], ["--hours", "1", "--round", "0"], ["--hours", "1", "--seed", "-1"],
                      ["--hours", "1", "--seed", "1", "--resume"], ["--hours", "1", "--kernel", "six"]):
            said = io.StringIO()
            with self.subTest(words), contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as end:
                main.main(words)
            self.assertEqual(end.exception.code, 2)
            self.assertEqual(said.getvalue().count("\n"), 1)

    def test_a_round_of_fuzzing_adds_the_backings_and_tells_who_failed(self):
        with tempfile.TemporaryDirectory() as directory:
            logs = {backing: pathlib.Path(directory, backing) for backing in ("gemfs", "mops")}
            logs["gemfs"].write_text("noise\ncalls 20, inputs 1\n", encoding="utf-8")
            logs["mops"].write_text("calls 30, inputs 1\n", encoding="utf-8")
            self.assertEqual(rounds.judge_fuzz("6.12", 7, logs, {"gemfs": 0, "mops": 0}), (Counts(calls=50), ""))
            counts, wrong = rounds.judge_fuzz("6.12", 7, logs, {"gemfs": 0, "mops": 70})
            self.assertEqual(counts, Counts(calls=50))
            self.assertRegex(wrong, "seed 7 on 6.12 mops failed with status 70")
            logs["mops"].write_text("calls 20\n", encoding="utf-8") # and no end
            self.assertRegex(rounds.judge_fuzz("6.12", 7, logs, {"gemfs": 0, "mops": 0})[1], "mops did not say")

    def test_a_round_of_fuzzing_tells_its_calls_and_begins_with_what_the_last_one_found(self):
        def guest(_kernel, _backing, _guest, _seconds, command):
            script = 'ls "$1"; touch "$1/found"; echo calls 10; echo noise >&2; echo "calls 25, inputs 1"'
            return ["sh", "-c", script, "sh", str(command[-1])]

        with tempfile.TemporaryDirectory() as directory, mock.patch.object(rounds, "OUT", pathlib.Path(directory)), \
                mock.patch.object(rounds, "_vm", guest):
            for seed, begun_with in ((1, ""), (2, "found\n")):
                shown = []
                self.assertEqual(rounds.fuzz("6.12", ("gemfs", "mops"), seed, 60, lambda counts: shown.append(counts.calls)),
                                 (Counts(calls=50), ""))
                self.assertEqual(len(shown), 4)
                self.assertEqual(max(shown), 50)
                for backing in ("gemfs", "mops"):
                    log = pathlib.Path(directory, f"round-{seed}-{backing}.log").read_text(encoding="utf-8")
                    self.assertEqual(log, f"{begun_with}calls 10\nnoise\ncalls 25, inputs 1\n")


if __name__ == "__main__":
    unittest.main()
