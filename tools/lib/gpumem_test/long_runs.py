# SPDX-License-Identifier: MIT
"""Programs that do at random whatever can be done, each in a guest of its own:
gpumem-fuzz with one call after the other, gpumem-stress with all at once."""

import dataclasses
import math
import re
import subprocess
import time

from gpumem_vm.build import REPOSITORY

from .programs import DEBUG_OPTIONS, GUEST_PROGRAM
from .results import FAILED, PASSED, Result, matches

FUZZ = "Fuzz.TheDriverAnswersAnyCallsAsItDocuments"
STRESS = "Stress.NoPageIsWrongWhateverIsDoneAtOnce"
# The corpus and a little more, in each guest; or altogether, with --all.
CALLS = 20_000
ALL_CALLS = 1_000_000
DEBUG_CALLS = 5_000
# As slow as a debug kernel is.
CALLS_PER_SECOND = 10
# So long that the stress judges itself whether it has done everything.
STRESS_SECONDS = 60
# With memory that can be offlined, and another node to move pages to.
STRESS_GUEST = ("--mem", "1536", "--append", "movablecore=512M numa=fake=2")
# A start, and an end.
SECONDS = 900
# How the detail of a run that failed begins.
STATUS_WORD = "status"
# How much more a debug kernel needs of both, and of the overtime of gpumem-stress.
DEBUG_SLOWNESS = 3


@dataclasses.dataclass(frozen=True)
class LongRun:
    suite: str
    name: str
    guest: tuple
    command: tuple
    seconds: int
    # What it says at its end has a number that is at least this.
    said: str
    least: int


def calls(series, backings):
    """Calls for each backing of a kernel, which is one of the series."""
    return math.ceil(ALL_CALLS / len(series) / len(backings)) if len(series) > 1 else CALLS


def fuzz(count):
    return LongRun("fuzz", FUZZ, (), ("gpumem-fuzz", "--calls", str(count)), SECONDS + count // CALLS_PER_SECOND, r"^calls (\d+), ", count)


def stress():
    return LongRun("stress", STRESS, STRESS_GUEST, ("gpumem-stress", "--seconds", str(STRESS_SECONDS)), SECONDS + STRESS_SECONDS,
                   r"^operations (\d+), ", 1)


def run(wanted, kernel, backing, pattern, report, kind=None, home=REPOSITORY):
    """Run those LongRuns that the pattern selects; report() gets each as it ends.

    home: the repository whose module is loaded.
    """
    found = []
    for one in wanted:
        if matches(pattern, one.name):
            found.append(_run_one(one, kernel, backing, kind, home))
            report(found[-1])
    return found


def _run_one(one, kernel, backing, kind, home):
    begun = time.monotonic()
    # The programs themselves are always this repository's.
    share = [] if home == REPOSITORY else ["--share", str(REPOSITORY)]
    command = [str(home / "tools/vm"), *share, "--kernel", kernel, "--backing", backing, *one.guest,
               "--timeout", str(one.seconds * (DEBUG_SLOWNESS if kind else 1)),
               *([f"--{kind}", *DEBUG_OPTIONS] if kind else []), "--", str(GUEST_PROGRAM.parent / one.command[0]), *one.command[1:]]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace") as done:
        try:
            said, errors = done.communicate()
        except BaseException:
            done.terminate()
            done.wait()
            raise
    state = judge(one, done.returncode, said)
    detail = f"{STATUS_WORD} {done.returncode}\n{said[-6000:]}\n{errors[-6000:]}" if state == FAILED else ""
    return Result(f"{one.suite} {kernel}{f' {kind}' if kind else ''} {backing}", one.name, state, time.monotonic() - begun, detail)


def judge(one, status, said):
    """Whether a LongRun that ended so has passed."""
    made = re.search(one.said, said, re.MULTILINE)
    return PASSED if status == 0 and made and int(made.group(1)) >= one.least else FAILED
