# SPDX-License-Identifier: MIT
"""tools/demo without a guest: what it refuses, what it asks for, what it says."""

import contextlib
import io
import pathlib
import tempfile
import unittest

from gpumem_demo import main, passes, progress, summary

CRC = ["0x1", "0x2", "0x3"]
TIMES = {"p50": 400.2, "p99": 500.0, "max": 600.0}


def result(crc=CRC, moved=20000, huge=0):
    return {"frames": len(crc), "crc": crc, "frame_ms": TIMES, "buffers": 200, "buffer_bytes": 1 << 20,
            "pages_moved": moved, "pages_moved_of_all": moved, "backing": "mops", "device": "llvmpipe", "crumbs": {"pages_intact": 7},
            "storm": {"rounds": 4, "asked_median": 300, "huge_pages_median": huge}}


def together(**changed):
    found = {"reference": result(moved=0), "movable": result(huge=200), "unmovable": result(moved=0, huge=20)}
    found.update(changed)
    return summary.summarize("6.12.0", "640x480", found)


class DemoCommandLine(unittest.TestCase):
    def test_refuses_bad_input_with_one_line_and_status_2(self):
        for words in (["--frames", "0"], ["--frames", "1"], ["--frames", "many"], ["--frames", "100001"],
                      ["--size", "640"], ["--size", "8x8"], ["--size", "640x480x3"], ["--kernel", "new"],
                      ["--kernel", "../x"], ["--frobnicate"], ["extra"], ["--out"]):
            said = io.StringIO()
            with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as ended:
                main.main(words)
            self.assertEqual((words, ended.exception.code, said.getvalue().count("\n")), (words, 2, 1))

    def test_defaults_are_300_frames_at_640x480(self):
        parsed = main.parser().parse_args([])
        self.assertEqual((parsed.frames, parsed.size, parsed.out.name), (300, "640x480", "demo"))


class DemoOut(unittest.TestCase):
    def refuse(self, out):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self.assertEqual(main.main(["--out", str(out)]), 1)
        self.assertEqual(said.getvalue().count("\n"), 1)

    def test_a_directory_that_no_pass_wrote_is_left_alone(self):
        with tempfile.TemporaryDirectory() as directory:
            mine = pathlib.Path(directory) / "reference/mine"
            mine.parent.mkdir()
            mine.write_text("dear", encoding="ascii")
            self.refuse(directory)
            self.assertEqual(mine.read_text(encoding="ascii"), "dear")

    def test_the_directory_that_guests_work_in_is_refused(self):
        self.refuse(passes.directory(passes.MOVABLE).parent)


class DemoPass(unittest.TestCase):
    def test_only_the_unmovable_pass_forbids_moves(self):
        commands = {which.name: passes.command(which, 30, "640x480", "6.12") for which in passes.ALL}
        self.assertEqual([name for name, words in commands.items() if "gpumem.movable=0" in words], ["unmovable"])
        self.assertEqual([name for name, words in commands.items() if "--storm" in words], ["movable", "unmovable"])

    def test_all_draw_the_same_frames(self):
        for which in passes.ALL:
            words = passes.command(which, 30, "800x600", "6.12")
            self.assertEqual(words[words.index("--frames") + 1], "30")
            self.assertEqual(words[words.index("--size") + 1], "800x600")


class DemoSummary(unittest.TestCase):
    def test_counts_frames_that_differ_or_are_missing(self):
        self.assertEqual(summary.wrong_frames(CRC, CRC), [])
        self.assertEqual(summary.wrong_frames(CRC, ["0x1", "0xbad", "0x3"]), [1])
        self.assertEqual(summary.wrong_frames(CRC, ["0x1"]), [1, 2])
        self.assertEqual(summary.wrong_frames(CRC[:2], CRC), [2])

    def test_takes_each_number_from_its_pass(self):
        said = together()
        self.assertEqual((said["frames"], said["frames_wrong"], said["pages_moved"]), (3, 0, 20000))
        self.assertEqual((said["huge_pages_movable"], said["huge_pages_unmovable"]), (200, 20))
        self.assertEqual(set(said["frame_ms"]), {"reference", "movable", "unmovable"})

    def test_good_passes_are_good(self):
        self.assertIsNone(summary.verdict(together()))

    def test_a_wrong_frame_is_a_failure_in_either_pass(self):
        bad = ["0x1", "0x2", "0xbad"]
        self.assertIn("1 of 3 frames", summary.verdict(together(movable=result(crc=bad, huge=200))))
        self.assertIn("1 of 3 frames", summary.verdict(together(unmovable=result(crc=bad, moved=0))))

    def test_a_comparison_that_proves_nothing_is_a_failure(self):
        self.assertIn("look the same", summary.verdict(
            together(**{name: result(crc=["0x1"] * 3, moved=20000 if name == "movable" else 0)
                        for name in ("reference", "movable", "unmovable")})))
        self.assertIn("no page moved", summary.verdict(together(movable=result(moved=0))))
        self.assertIn("movable=0", summary.verdict(together(unmovable=result(moved=3))))

    def test_too_small_a_gain_is_a_failure(self):
        self.assertIn("99 huge pages", summary.verdict(together(movable=result(huge=99))))
        self.assertIn("0 huge pages", summary.verdict(together(movable=result(huge=0), unmovable=result(moved=0, huge=0))))
        frames = [hex(i) for i in range(300)]
        short = {name: result(crc=frames, huge=200 if name == "movable" else 0, moved=9999 if name == "movable" else 0)
                 for name in ("reference", "movable", "unmovable")}
        self.assertIn("only 9999 pages", summary.verdict(together(**short)))

    def test_table_has_a_row_for_each_pass(self):
        rows = summary.table(together()).splitlines()
        self.assertEqual([row.split()[0] for row in rows[1:]], ["reference", "movable", "unmovable"])
        self.assertEqual(len({len(row) for row in rows}), 1)


class DemoProgress(unittest.TestCase):
    def test_prints_a_line_each_tenth_where_there_is_no_terminal(self):
        out = io.StringIO()
        bar = progress.Bar("movable", out, clock=lambda: 0.0)
        for frame in range(1, 101):
            bar.show(frame, 100)
        self.assertEqual(len(out.getvalue().splitlines()), 11)

    def test_redraws_one_line_on_a_terminal(self):
        out = io.StringIO()
        out.isatty = lambda: True
        bar = progress.Bar("movable", out, clock=lambda: 0.0)
        bar.note("boots")
        bar.show(50, 100)
        bar.close()
        self.assertEqual(out.getvalue().count("\n"), 1)
        self.assertIn("#" * 15 + "." * 15, out.getvalue())


if __name__ == "__main__":
    unittest.main()
