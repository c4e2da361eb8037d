# SPDX-License-Identifier: MIT
"""tools/vm's command line: what is taken and what is refused."""

import contextlib
import io
import tempfile
import unittest

from gpumem_test import main as test_main
from gpumem_vm import build, cli
from gpumem_vm.errors import VmError


class _Terminal(io.StringIO):
    def isatty(self):
        return True


class _Pipe:
    def __init__(self, data):
        self.buffer = io.BytesIO(data)

    def isatty(self):
        return False


def parse(*words):
    return cli.options(list(words), _Terminal())


class VmCommandLine(unittest.TestCase):
    def test_defaults(self):
        options = parse("true")
        self.assertEqual((options.kernel, options.mem, options.cpus, options.vkms), ("6.12", 1024, 2, "stock"))
        self.assertTrue(options.module)
        self.assertIsNone(options.timeout)

    def test_command_keeps_its_own_options_and_separators(self):
        self.assertEqual(parse("--mem", "512", "--", "ls", "-l", "--", "--mem").command, ["ls", "-l", "--", "--mem"])
        self.assertEqual(parse("ls", "--mem", "lots").command, ["ls", "--mem", "lots"])

    def test_append_splits_words_and_adds_up(self):
        options = parse("--append", "a=1 'b=2 3'", "--append", "gpumem.movable=0", "true")
        self.assertEqual(options.append, ["a=1", "b=2 3", "gpumem.movable=0"])

    def test_share_is_resolved(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual([str(path) for path in parse("--share", directory + "/.", "true").share], [directory])

    def test_stdin_is_the_script_when_it_is_no_terminal(self):
        self.assertEqual(cli.options([], _Pipe(b"echo hi\n")).script, b"echo hi\n")
        self.assertIsNone(parse().script)

    def test_balloon_is_a_path_whose_directory_is_there(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(str(parse("--balloon", directory + "/./qmp", "true").balloon), directory + "/qmp")
            for words in ((directory,), (directory + "/missing/qmp",), (directory + "/" + "q" * 107,)):
                with self.subTest(words), self.assertRaises(VmError):
                    parse("--balloon", *words, "true")
        self.assertIsNone(parse("true").balloon)
        self.assertEqual([parse("true").compilers, parse("--compilers", "true").compilers], [False, True])

    def test_refuses_bad_input_with_one_line(self):
        for words in (("--mem", "255"), ("--mem", "1e3"), ("--cpus", "65"), ("--timeout", "0"), ("--timeout", "inf"),
                      ("--timeout", "nan"), ("--silence", "0"), ("--vkms", "shmem"), ("--vkms", "gpumem", "--no-module"), ("--backing", "paper"), ("--ker", "6.12"),
                      ("--share", "/dev/null"), ("--append", "'"),
                      ("--append", "'a b=1'"), ("--append", """'a="1 2"'""")):
            with self.subTest(words), self.assertRaises(VmError) as caught:
                parse(*words, "true")
            self.assertNotIn("\n", str(caught.exception))


class OtherCommandLines(unittest.TestCase):
    def test_refuse_bad_input_with_one_line_and_status_2(self):
        for main, words in ((build.main, ["--kernel"]), (build.main, ["--test"]), (build.main, ["stray"]),
                            (test_main.main, ["--kernel", "5"]), (test_main.main, ["--ker", "6.1"]),
                            (test_main.main, ["--all", "--kernel", "6.1"]), (test_main.main, ["a", "b"])):
            said = io.StringIO()
            with self.subTest(words), contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as caught:
                main(words)
            self.assertEqual((caught.exception.code, said.getvalue().count("\n")), (2, 1), said.getvalue())


if __name__ == "__main__":
    unittest.main()
