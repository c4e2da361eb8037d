# SPDX-License-Identifier: MIT
"""The command line of tools/test."""

import re
import signal
import sys
import time

from gpumem_vm import build, debug_kernel, kernels, setup
from gpumem_vm.arguments import OneLineParser, series
from gpumem_vm.errors import VmError

from . import lint, long_runs, programs, python_tests, vm_contract
from .results import FAILED, PASSED, SKIPPED, Result

# What --all runs; a series joins when the module supports it.
SUPPORTED = ("6.12", "6.1", "latest")

DESCRIPTION = """\
Install what is needed, build everything, and run all tests: unit tests and
Python tests on the host, then the guest's tests and the contract of tools/vm
in VMs. FILTER selects tests of all kinds by GoogleTest's pattern, for example
'Pin.*' or '*-Vm.*'."""

EPILOG = """\
The last line is 'N passed, N failed, N skipped'. Exit status: 0 when no test
failed and at least one passed, 1 otherwise, 2 for a wrong command line.
Details: docs/testing.md"""


def parser():
    result = OneLineParser(prog="tools/test", description=DESCRIPTION, epilog=EPILOG)
    which = result.add_mutually_exclusive_group()
    which.add_argument("--kernel", metavar="SERIES", type=series, default=kernels.DEFAULT,
                       help=f"Debian kernel series for the guest (default {kernels.DEFAULT})")
    which.add_argument("--all", action="store_true",
                       help=f"every kernel series that the module supports ({', '.join(SUPPORTED)})")
    kind = result.add_mutually_exclusive_group()
    kind.add_argument("--debug", dest="kind", action="store_const", const=debug_kernel.DEBUG,
                      help="only the guest's tests, on the debug kernel of each series")
    kind.add_argument("--kcsan", dest="kind", action="store_const", const=debug_kernel.KCSAN,
                      help="the same on the kernel that detects data races")
    result.add_argument("filter", nargs="?", default="*", metavar="FILTER", help="GoogleTest filter pattern")
    return result


def report(result):
    mark = {PASSED: "ok  ", FAILED: "FAIL", SKIPPED: "skip"}[result.state]
    print(f"{mark} {result.suite}: {result.name} ({result.seconds:.1f} s)", flush=True)


def _report_all(found):
    for result in found:
        report(result)
    return found


class _Results(list):
    """Reports what is added, at once: an error later on must not lose it."""

    def add(self, found):
        self += _report_all(found)
        return found


def _build(kernel, kind=None):
    done = build.main(["--kernel", kernel, *([f"--{kind}"] if kind else [])])
    return [Result("build", kernel, FAILED, 0, "the build failed: its words are above")] if done else []


def run(series, pattern, found):
    """Add all results to found."""
    if found.add(_build(series[0])):
        return
    found.add(lint.run(series, pattern))
    found.add(programs.run_units(pattern))
    found.add(python_tests.run(pattern))
    for kernel in series:
        if kernel != series[0] and found.add(_build(kernel)):
            continue
        backings = programs.backings(kernel)
        for backing in backings:
            found += programs.run_guest(kernel, backing, pattern, report)
            found += long_runs.run([long_runs.fuzz(long_runs.calls(series, backings)), long_runs.stress()], kernel, backing, pattern, report)
    found += vm_contract.run(series[0], pattern, report)


def run_debug(series, kind, pattern, found):
    """The guest's tests on debug kernels; what the host says does not depend on the kernel."""
    for kernel in series:
        if found.add(_build(kernel, kind)):
            continue
        for backing in programs.backings(kernel, kind):
            found += programs.run_guest(kernel, backing, pattern, report, kind)
            found += long_runs.run([long_runs.fuzz(long_runs.DEBUG_CALLS), long_runs.stress()], kernel, backing, pattern, report, kind)


# Where in the source a test was skipped.
_PLACE = re.compile(r"^\S+\.(?:cpp|hpp|py):\d+\n")


def skips(found):
    """Lines: each reason once, with the tests that give it."""
    reasons = {}
    for result in found:
        if result.state == SKIPPED:
            reasons.setdefault(_PLACE.sub("", result.detail), {}).setdefault(result.suite, []).append(result.name)
    lines = []
    for reason, suites in reasons.items():
        lines.append(f"  {reason}")
        lines += [f"    {suite}: {', '.join(names)}" for suite, names in suites.items()]
    return lines


def faults(found):
    """A line: how many allocations were made to fail, in all and in each guest; empty if none."""
    count = {}
    for result in found:
        count[result.suite] = count.get(result.suite, 0) + result.faults
    each = ", ".join(f"{number} in {suite}" for suite, number in count.items() if number)
    return each and f"{sum(count.values())} faults injected: {each}"


def close(found, seconds):
    """Skips with their reasons, then failures, then numbers, the last of them in the one closing line."""
    if lines := skips(found):
        print("\nskipped:")
        print("\n".join(lines))
    for result in found:
        if result.state == FAILED:
            print(f"\nFAILED {result.suite}: {result.name}\n{result.detail.rstrip()}")
    count = {state: sum(result.state == state for result in found) for state in (PASSED, FAILED, SKIPPED)}
    if not count[PASSED] and not count[FAILED]:
        print("\nno test matches the filter")
    print(f"\ntook {seconds:.0f} s")
    if line := faults(found):
        print(line)
    print(f"{count[PASSED]} passed, {count[FAILED]} failed, {count[SKIPPED]} skipped", flush=True)
    return 0 if count[PASSED] and not count[FAILED] else 1


def main(arguments):
    parsed = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    begun = time.monotonic()
    found = _Results()
    try:
        setup.install()
        series = SUPPORTED if parsed.all else (parsed.kernel,)
        if parsed.kind:
            run_debug(series, parsed.kind, parsed.filter, found)
        else:
            run(series, parsed.filter, found)
    except (VmError, OSError) as error:
        found.add([Result("setup", "the run", FAILED, 0, str(error))])
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return close(found, time.monotonic() - begun)
