# SPDX-License-Identifier: MIT
"""Reading a guest's kernel log: is there a report, did it panic?"""

import pathlib
import re


def _expression(word):
    """All expressions of a kind in kernel-reports.txt, as one."""
    lines = (pathlib.Path(__file__).parent / "kernel-reports.txt").read_text(encoding="utf-8").splitlines()
    return re.compile("|".join(line.removeprefix(word + " ") for line in lines if line.startswith(word + " ")))


_REPORT = _expression("report")
_HARMLESS = _expression("harmless")
_TRACED = _expression("traced")
_STACK = re.compile(r"\bCall Trace:")
_PANIC = re.compile(r"Kernel panic - not syncing")
_STAMP = re.compile(r"^\[\s*\d+\.\d+\](?:\[[^]]*\])?\s?")
_INT3 = re.compile(r"\bOops: int3\b|\bint3: 0000\b")


def reports(lines):
    """Indices of the lines that begin or belong to a kernel report."""
    found = []
    traced = False
    for i, line in enumerate(lines):
        if _TRACED.search(line):
            traced = True
        elif traced and _STACK.search(line):
            traced = False
        elif _REPORT.search(line) and not _HARMLESS.search(line):
            found.append(i)
            traced = False
    return found


def excerpt(lines, before=2, after=60):
    """The first report with its surroundings, as lines; [] when there is none."""
    found = reports(lines)
    if not found:
        return []
    return lines[max(0, found[0] - before):found[0] + after]


def panicked(lines):
    return any(_PANIC.search(line) for line in lines)


def int3_of_emulation(lines):
    """An int3 Oops that QEMU's threads are known to cause: our module is not in it."""
    at = [i for i, line in enumerate(lines) if _INT3.search(line)]
    return bool(at) and not any(re.search(r"\[gpumem\]|\bgpumem_\w+\+0x", line) for line in lines[at[0]:])


_TASK = re.compile(r"^(?:task:\S+|CPU: \d+ .*Comm: \S+)")
_CALL = re.compile(r"^(?:RIP: 0010:)?([\w.]+)\+0x[0-9a-f]+/")


def stacks(lines):
    """Whose stack traces a log holds, each in a line with its functions from the innermost on; "" if none."""
    found = []
    for line in lines:
        line = without_stamp(line.strip()).strip()
        if match := _TASK.match(line):
            found.append([match.group(), []])
        elif found and (match := _CALL.match(line)):
            found[-1][1].append(match.group(1))
    return "".join(f"{who}: {' < '.join(calls)}\n" for who, calls in found if calls)


def without_stamp(line):
    return _STAMP.sub("", line)
