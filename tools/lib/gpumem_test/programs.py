# SPDX-License-Identifier: MIT
"""GoogleTest programs: unit tests in the build root, guest tests in a VM."""

import json
import re
import subprocess
import sys
import threading

from gpumem_vm import build, debug_kernel, klog, modules
from gpumem_vm.errors import GUEST_DIED, KERNEL_REPORT, OWN_FAILURE, TIMED_OUT

from . import results
from .results import FAILED, Result

REPOSITORY = build.REPOSITORY
RESULTS = REPOSITORY / "build/guest/results"
GUEST_PROGRAM = REPOSITORY / "build/guest/bin/gpumem-guest-tests"
# What the first guest leaves to others. With mops the tests of nodes only say why
# they cannot run, which needs no nodes.
_ELSEWHERE = {"gemfs": ("Layout", "Vkms"), "mops": ("LayoutOffline.", "LayoutCma.", "Vkms")}
_STORE = ("Cold.", "ColdMoves.", "Of/ColdContents.")
# Guests that differ, the tests that run in each, and the backing that the driver
# must have for them to differ.
GUESTS = (
    ("", [], lambda name, backing: not name.startswith(_ELSEWHERE[backing]), None),
    (" with ZONE_MOVABLE and CMA", ["--append", "movablecore=512M cma=64M"],
     lambda name, _: name.startswith(("LayoutOffline.", "LayoutCma.", "LongPin.", "Model.")), None),
    (" with two nodes", ["--append", "numa=fake=2"], lambda name, _: name.startswith("LayoutNuma."), "gemfs"),
    (" with the store's other choices", ["--append", "gpumem_helper.store_pages=lru gpumem_helper.store_algorithm=zstd"],
     lambda name, _: name.startswith(_STORE), "gemfs"),
    (" with zsmalloc for a store", ["--append", "gpumem_helper.store=zsmalloc"], lambda name, _: name.startswith(_STORE), "gemfs"),
    # vkms has the helper's own default, whatever the driver has.
    (" with vkms on it", ["--vkms", "gpumem"], lambda name, _: name.startswith("Vkms"), "gemfs"),
)
# Against a hang, and no measure of speed: a busy machine takes several times as long
# as an idle one.
GUEST_SECONDS, SILENT_SECONDS = 1800, 600
DEBUG_GUEST_SECONDS, DEBUG_SILENT_SECONDS = 10800, 2400
# A debug kernel is many times slower and has less memory for others.
DEBUG_OPTIONS = ["--mem", "2048"]

_PROGRESS = re.compile(r"^\[\s*(OK|FAILED|SKIPPED)\s*\] (\S+\.[^\s,]+)(?:.*\((\d+) ms\))?")
_RUNNING = re.compile(r"^\[ RUN\s*\] (\S+)")
# A function of the module in a report's trace.
_OURS = re.compile(r"\b(gpumem\w*)\+0x[0-9a-f]+/")
_END = re.compile(r"^\[=+\] .* ran\.")
# The result that tells how a guest ended before its tests did.
DEATH = "guest run"
OWN_WORDS = "tools/vm failed"
SLOW_WORDS = "the guest's tests took longer than they may"
_DEATHS = {KERNEL_REPORT: "the guest's kernel log holds a report", GUEST_DIED: "the guest died",
           TIMED_OUT: SLOW_WORDS, OWN_FAILURE: OWN_WORDS}


def _list(program, pattern):
    done = build.run_in_root([str(program), "--gtest_list_tests", f"--gtest_filter={pattern}"],
                             stdout=subprocess.PIPE, text=True)
    return results.listed(done.stdout) if done.returncode == 0 else None


def unit_programs():
    """What ctest knows: GoogleTest programs, and other commands by name."""
    done = build.run_in_root(["ctest", "--preset", "guest", "--show-only=json-v1"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return [], []
    programs, others = [], []
    for test in json.loads(done.stdout).get("tests", []):
        command = test.get("command", [])
        if any(word.startswith("--gtest_filter=") for word in command):
            if command[0] not in programs:
                programs.append(command[0])
        else:
            others.append((test["name"], command))
    return programs, others


def run_units(pattern):
    """Run the unit tests in the build root."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = []
    programs, others = unit_programs()
    if not programs and not others:
        return [Result("unit", "ctest", FAILED, 0, "ctest knows no test")]
    for program in programs:
        name = program.rsplit("/", 1)[-1]
        expected = _list(program, pattern)
        if expected is None:
            found.append(Result("unit", name, FAILED, 0, "the program cannot list its tests"))
            continue
        if not expected:
            continue
        path = RESULTS / f"{name}.json"
        path.unlink(missing_ok=True)
        done = build.run_in_root([program, f"--gtest_filter={pattern}", f"--gtest_output=json:{path}"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        judged = results.judge("unit", expected, path)
        if done.returncode and not any(result.state == FAILED for result in judged):
            judged.append(Result("unit", name, FAILED, 0, f"exit status {done.returncode}\n{done.stdout[-2000:]}"))
        found += judged
    for name, command in others:
        if not results.matches(pattern, name):
            continue
        done = build.run_in_root(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 errors="replace")
        state = results.PASSED if done.returncode == 0 and command else FAILED
        found.append(Result("unit", name, state, 0, done.stdout[-2000:] if state == FAILED else ""))
    return found


def backings(kernel, kind=None):
    """The backings that the module has for a kernel, once that was built."""
    return modules.backings(modules.gpumem(debug_kernel.get(kernel, kind), REPOSITORY))


def run_guest(kernel, backing, pattern, report, kind=None, home=REPOSITORY):
    """Run the guest's tests, a boot for each kind of guest; report() gets each one as it ends.

    kind: of debug kernel, if it is one; home: the repository whose module is loaded.
    """
    if not GUEST_PROGRAM.exists():
        return [Result("guest", GUEST_PROGRAM.name, FAILED, 0, "the program was not built")]
    expected = _list(GUEST_PROGRAM, pattern)
    if expected is None:
        return [Result("guest", GUEST_PROGRAM.name, FAILED, 0, "the program cannot list its tests")]
    found = []
    for number, (what, options, belongs, only) in enumerate(GUESTS):
        names = [name for name in expected if belongs(name, backing) and only in (None, backing)]
        if names:
            path = home / "build/guest/results" / f"guest-{kernel}{f'-{kind}' if kind else ''}-{backing}-{number}.json"
            # The tests themselves are always this repository's.
            share = [] if home == REPOSITORY else ["--share", str(REPOSITORY)]
            words = [*share, "--kernel", kernel, "--backing", backing, *options, *([f"--{kind}", *DEBUG_OPTIONS] if kind else [])]
            seconds = DEBUG_GUEST_SECONDS if kind else GUEST_SECONDS
            silent = DEBUG_SILENT_SECONDS if kind else SILENT_SECONDS
            found += _run_one(f"guest {kernel}{f' {kind}' if kind else ''} {backing}{what}",
                              [str(home / "tools/vm"), *words, "--timeout", str(seconds), "--silence", str(silent)], names, path, report)
    if kind == debug_kernel.DEBUG:
        # Which the program sees to itself, unless what it says is not read.
        harmless = results.without_faults(f"guest {kernel} {kind} {backing}", _list(GUEST_PROGRAM, results.FAULT_SUITES) or [], found)
        for result in harmless:
            report(result)
        found += harmless
    return found


def _pass_on(stream, lines):
    """What tools/vm says is for the user, and for the reason of a failure."""
    for line in stream:
        sys.stderr.write(line)
        lines.append(line)


def report_in(lines):
    """The kernel's report in what tools/vm said, in a line."""
    title = next((klog.without_stamp(line.strip()) for line in lines if klog.reports([line])), "not shown")
    where = next((match.group(1) for line in lines if (match := _OURS.search(line))), "")
    return f"{title}, with {where}()" if where and where not in title else title


def _run_one(suite, vm, expected, path, report):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    command = [*vm, "--", str(GUEST_PROGRAM),
               f"--gtest_filter={':'.join(expected)}", f"--gtest_output=json:{path}", "--gtest_color=no"]
    tail, errors, running, ended = [], [], "its start", False
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace") as process:
        copier = threading.Thread(target=_pass_on, args=(process.stderr, errors))
        copier.start()
        try:
            for line in process.stdout:
                tail = [*tail[-39:], line]
                if match := _RUNNING.match(line):
                    running = match.group(1)
                # GoogleTest says skipped and failed tests a second time at the end.
                ended = ended or bool(_END.match(line))
                if not ended and (match := _PROGRESS.match(line)):
                    state = {"OK": results.PASSED, "FAILED": FAILED, "SKIPPED": results.SKIPPED}[match.group(1)]
                    report(Result(suite, match.group(2), state, int(match.group(3) or 0) / 1000))
        except BaseException:
            # tools/vm ends its guest, and then the directories may go.
            process.terminate()
            process.wait()
            raise
        finally:
            copier.join()
    judged = results.judge(suite, expected, path)
    # GoogleTest's own status for failed tests is 1; everything else is more.
    if process.returncode > 1 or (process.returncode and not any(r.state == FAILED for r in judged)):
        reason = _DEATHS.get(process.returncode, f"the program ended with status {process.returncode}")
        if process.returncode == KERNEL_REPORT:
            reason += f" ({report_in(errors)})"
        judged.append(Result(suite, DEATH, FAILED, 0, f"{reason}, in {running}; its last words:\n{''.join(tail)}"
                             f"{klog.stacks(errors)}"))
    return judged
