# SPDX-License-Identifier: MIT
"""The parts of tools/vm and tools/test that need no guest."""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
from unittest import mock

from gpumem_test import main, results
from gpumem_vm import cache, initrd, kernels, modules


class KernelSeries(unittest.TestCase):
    IMAGES = ["linux-image-amd64", "linux-image-6.12.9+deb13-amd64", "linux-image-6.12.118+deb13-amd64",
              "linux-image-6.12.118+deb13-amd64-dbg", "linux-image-6.12.118+deb13-cloud-amd64",
              "linux-image-6.12.118+deb13-rt-amd64", "linux-image-6.1.0-44-amd64", "linux-image-6.16.3+deb13-amd64"]
    HEADERS = {"linux-headers-6.12.9+deb13-amd64", "linux-headers-6.12.118+deb13-amd64", "linux-headers-6.1.0-44-amd64"}
    SOURCES = {"linux-source-6.12", "linux-source-6.1", "linux-source-6.16"}

    def test_takes_the_newest_complete_kernel_of_each_series(self):
        self.assertEqual(kernels.choose(self.IMAGES, self.HEADERS, self.SOURCES),
                         {"6.12": "6.12.118+deb13-amd64", "6.1": "6.1.0-44-amd64"})

    def test_leaves_out_a_series_without_source(self):
        self.assertNotIn("6.1", kernels.choose(self.IMAGES, self.HEADERS, {"linux-source-6.12"}))


class ModuleParameters(unittest.TestCase):
    def test_follow_modprobes_rules(self):
        words = ["gpumem.movable=0", "quiet", "drm-kms-helper.poll=0", "gpumemx.movable=1", "gpumem."]
        self.assertEqual(modules.parameters("gpumem", words), ["movable=0"])
        self.assertEqual(modules.parameters("drm_kms_helper", words), ["poll=0"])

    def test_values_with_blanks_are_quoted_as_the_kernel_reads_them(self):
        self.assertEqual(modules.quoted("a=b"), "a=b")
        self.assertEqual(modules.parameters("gpumem", ["gpumem.dyndbg=file x.c +p"]), ['dyndbg="file x.c +p"'])

    def test_dependencies_come_from_the_module_itself(self):
        self.assertEqual(modules.dependencies(b"x\0depends=drm,drm_kms_helper\0name=y\0"), ["drm", "drm_kms_helper"])
        self.assertEqual(modules.dependencies(b"x\0depends=\0name=y\0"), [])

    def test_backings_come_from_the_module_itself(self):
        both = b"\x01gpumem_backing=mops\0license=GPL\0gpumem_backing=gemfs\0vermagic=x\0"
        self.assertEqual(modules.backings({"gpumem_helper": both}), ["gemfs", "mops"])
        self.assertEqual(modules.backings({"gpumem_helper": b"license=GPL\0"}), [])


class InitrdArchive(unittest.TestCase):
    def test_is_an_archive_that_cpio_reads(self):
        data = initrd.build(b"box", [("base", b"b")], [("gpumem", b"g", ["movable=0"])], {"OUT": "/a b"},
                            ["sh", "-c", "echo $1", "it's"])
        text = data.decode("latin-1")
        self.assertEqual(len(data) % 4, 0)
        self.assertTrue(text.startswith("070701"))
        self.assertIn("TRAILER!!!", text)
        self.assertIn("gpumem movable=0\n", text)
        self.assertIn("OUT='/a b'\n", text)

    def test_command_survives_a_shell(self):
        words = ["printf", "%s|", "a b", "", "$HOME", "it's", '"', "\\", "*", "two\nlines"]
        data = initrd.build(b"", [], [], {}, words)
        start = data.index(b"exec -- ")
        with tempfile.NamedTemporaryFile() as script:
            script.write(data[start:data.index(b"\0", start)])
            script.flush()
            out = subprocess.run(["bash", script.name], capture_output=True, check=True).stdout.decode()
        self.assertEqual(out, "".join(word + "|" for word in words[2:]))


class Cache(unittest.TestCase):
    def setUp(self):
        self._home = tempfile.TemporaryDirectory()
        self.addCleanup(self._home.cleanup)
        patch = mock.patch.dict(os.environ, XDG_CACHE_HOME=self._home.name)
        patch.start()
        self.addCleanup(patch.stop)

    def test_failed_entry_leaves_nothing_and_is_made_again(self):
        def broken(scratch):
            scratch.write_text("half")
            raise ValueError

        with self.assertRaises(ValueError):
            cache.entry("kind", "name", broken)
        self.assertFalse((cache.directory() / "kind/name").exists())
        path = cache.entry("kind", "name", lambda scratch: scratch.write_text("whole"))
        self.assertEqual(path.read_text(), "whole")

    def test_run_directory_is_removed_and_dead_ones_are_swept(self):
        dead = cache.directory() / "runs/dead"
        dead.mkdir(parents=True)
        with cache.run_directory() as first:
            self.assertFalse(dead.exists())
            with cache.run_directory():
                self.assertTrue(first.exists())
        self.assertEqual(list((cache.directory() / "runs").iterdir()), [])

    def test_key_depends_on_borders_between_parts(self):
        self.assertNotEqual(cache.key("ab", "c"), cache.key("a", "bc"))


class TestResults(unittest.TestCase):
    def test_filter_is_googletests(self):
        for pattern, name, wanted in (("*", "A.b", True), ("A.*", "A.b", True), ("A.*", "B.b", False),
                                      ("A.*:B.*", "B.b", True), ("*-A.*", "A.b", False), ("-A.*", "B.b", True)):
            with self.subTest(pattern=pattern, name=name):
                self.assertEqual(results.matches(pattern, name), wanted)

    def test_lists_names(self):
        self.assertEqual(results.listed("Pin.\n  Holds\n  Nests\nMap/Backing.\n  Reads/0  # GetParam() = 1\n"),
                         ["Pin.Holds", "Pin.Nests", "Map/Backing.Reads/0"])

    def test_reads_googletests_json(self):
        tests = [{"name": "a", "status": "RUN", "result": "COMPLETED", "time": "0.5s", "faults_injected": "12"},
                 {"name": "b", "status": "RUN", "result": "COMPLETED", "time": "0s", "failures": [{"failure": "why"}]},
                 {"name": "c", "status": "RUN", "result": "SKIPPED", "time": "0s", "skipped": [{"message": "no device"}]},
                 {"name": "d", "status": "NOTRUN", "result": "SUPPRESSED", "time": "0s"}]
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "r.json"
            path.write_text(json.dumps({"testsuites": [{"name": "S", "testsuite": tests}]}))
            found = results.judge("s", ["S.a", "S.b", "S.c", "S.e"], path)
        self.assertEqual([(r.name, r.state) for r in found],
                         [("S.a", "passed"), ("S.b", "failed"), ("S.c", "skipped"), ("S.d", "skipped"), ("S.e", "failed")])
        self.assertEqual((found[1].detail, found[2].detail), ("why", "no device"))
        self.assertEqual([r.faults for r in found], [12, 0, 0, 0, 0])

    def test_counts_faults_before_the_closing_line(self):
        passed = [results.Result(suite, name, results.PASSED, faults=faults)
                  for suite, name, faults in (("gemfs", "Fault.a", 5), ("gemfs", "FaultCold.b", 7), ("mops", "Fault.a", 4), ("fuzz", "f", 0))]
        for found, lines in ((passed, ["took 3 s", "16 faults injected: 12 in gemfs, 4 in mops", "4 passed, 0 failed, 0 skipped"]),
                             ([results.Result("unit", "S.a", results.PASSED)], ["took 3 s", "1 passed, 0 failed, 0 skipped"])):
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                self.assertEqual(main.close(found, 3), 0)
            self.assertEqual(said.getvalue().split("\n")[1:-1], lines)

    def test_a_fault_suite_without_a_fault_failed(self):
        every = ["Fault.a", "Fault.b", "FaultMapped.a", "FaultForeign.a/vgem"]

        def judged(*ran):
            found = [results.Result("guest", name, state, faults=faults) for name, state, faults in ran]
            return [(r.name, r.state) for r in results.without_faults("guest", every, found)]
        passed, skipped = results.PASSED, results.SKIPPED
        self.assertEqual(judged(("Fault.a", passed, 0), ("Fault.b", passed, 3), ("FaultMapped.a", passed, 0)),
                         [("FaultMapped.*", "failed")])
        # One of a suite may need no memory, and one that is skipped has none to fail.
        self.assertEqual(judged(("Fault.a", passed, 0), ("FaultForeign.a/vgem", skipped, 0), ("Map.a", passed, 0)), [])

    def test_says_each_reason_for_a_skip_once(self):
        found = [results.Result("guest", name, results.SKIPPED, 0, f"/a/b.cpp:{line}\nno device") for line, name in ((1, "S.a"), (2, "S.b"))]
        found += [results.Result("guest", "S.c", results.PASSED), results.Result("vm", "S.d", results.SKIPPED, 0, "no disk")]
        self.assertEqual(main.skips(found), ["  no device", "    guest: S.a, S.b", "  no disk", "    vm: S.d"])

    def test_program_without_result_file_failed(self):
        found = results.judge("s", ["S.a", "S.b"], pathlib.Path("/nonexistent/r.json"))
        self.assertEqual([r.state for r in found], ["failed", "failed"])


if __name__ == "__main__":
    unittest.main()
