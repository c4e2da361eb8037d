# SPDX-License-Identifier: MIT
"""The tests of the tools' Python code, by unittest."""

import time
import unittest

from gpumem_vm.build import REPOSITORY

from .results import FAILED, PASSED, SKIPPED, Result, matches

DIRECTORIES = ("tests/tools", "tools/lib/tests", "tools/gpumem/tests", "demos/tests")


def _flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _flatten(item)
        else:
            yield item


class _Collector(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.results = []
        self._begun = 0.0

    def startTest(self, test):
        super().startTest(test)
        self._begun = time.monotonic()

    def _add(self, test, state, detail=""):
        self.results.append(Result("python", name_of(test), state, time.monotonic() - self._begun, detail))

    def addSuccess(self, test):
        self._add(test, PASSED)

    def addFailure(self, test, err):
        self._add(test, FAILED, self._exc_info_to_string(err, test))

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._add(test, FAILED, self._exc_info_to_string(err, subtest))

    def addSkip(self, test, reason):
        self._add(test, SKIPPED, reason)

    def addExpectedFailure(self, test, err):
        self._add(test, PASSED)

    def addUnexpectedSuccess(self, test):
        self._add(test, FAILED, "expected to fail, and did not")


def name_of(test):
    """Class.method, so that one filter serves GoogleTest and unittest."""
    parts = test.id().split(".")
    return ".".join(parts[-2:])


def run(pattern):
    collector = _Collector()
    for directory in DIRECTORIES:
        path = REPOSITORY / directory
        if not any(path.glob("test_*.py")):
            continue
        for test in _flatten(unittest.TestLoader().discover(str(path), top_level_dir=str(path))):
            if matches(pattern, name_of(test)):
                test.run(collector)
    return collector.results
