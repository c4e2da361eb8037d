# SPDX-License-Identifier: MIT
"""gpumem-fuzz in guests: its corpus, and calls that nobody thought of."""

import math
import re
import subprocess
import time

from gpumem_vm.build import REPOSITORY

from .programs import DEBUG_OPTIONS
from .results import FAILED, PASSED, Result, matches

NAME = "Fuzz.TheDriverAnswersAnyCallsAsItDocuments"
# The corpus and a little more, in each guest; or altogether, with --all.
CALLS = 20_000
ALL_CALLS = 1_000_000
DEBUG_CALLS = 5_000
# A start, and as slow as a debug kernel is.
SECONDS = 900
CALLS_PER_SECOND = 10

_SUMMARY = re.compile(r"^calls (\d+), ", re.MULTILINE)


def calls(series, backings):
    """Calls for each backing of a kernel, which is one of the series."""
    return math.ceil(ALL_CALLS / len(series) / len(backings)) if len(series) > 1 else CALLS


def run(kernel, backing, pattern, report, count, kind=None):
    if not matches(pattern, NAME):
        return []
    begun = time.monotonic()
    command = [str(REPOSITORY / "tools/vm"), "--kernel", kernel, "--backing", backing, "--timeout", str(SECONDS + count // CALLS_PER_SECOND),
               *([f"--{kind}", *DEBUG_OPTIONS] if kind else []), "--", "gpumem-fuzz", "--calls", str(count)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace") as done:
        try:
            said, errors = done.communicate()
        except BaseException:
            done.terminate()
            done.wait()
            raise
    made = _SUMMARY.search(said)
    passed = done.returncode == 0 and made and int(made.group(1)) >= count
    detail = "" if passed else f"status {done.returncode}\n{said[-2000:]}\n{errors[-6000:]}"
    result = Result(f"fuzz {kernel}{f' {kind}' if kind else ''} {backing}", NAME, PASSED if passed else FAILED,
                    time.monotonic() - begun, detail)
    report(result)
    return [result]
