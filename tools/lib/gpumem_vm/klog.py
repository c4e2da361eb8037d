# SPDX-License-Identifier: MIT
"""Reading a guest's kernel log: is there a report, did it panic?"""

import re

# Each alternative is something that a healthy run never prints.
_REPORT = re.compile("|".join((
    r"\bBUG:", r"\bkernel BUG at\b", r"\bWARNING:", r"\bOops:", r"\bKASAN:", r"\bUBSAN:", r"\bKCSAN:", r"\bKFENCE:",
    r"\bgeneral protection fault\b", r"\bUnable to handle kernel\b", r"\bCall Trace:", r"\bcut here\b",
    r"\bpossible (?:circular|recursive|irq) lock", r"\binconsistent lock state\b",
    r"\bINFO: (?:possible|suspicious|task .* blocked|rcu\w* .*stall)", r"\brcu: INFO: .*stall",
    r"\bsuspicious RCU usage\b", r"\bbad unlock balance\b", r"\bheld lock freed\b", r"\bsleeping function called\b",
    r"\bscheduling while atomic\b", r"\bsoft lockup\b", r"\bhard LOCKUP\b", r"\bblocked for more than \d+ seconds\b",
    r"\bkmemleak: \d+ new suspected", r"\bBad page (?:state|map)\b", r"\brefcount_t:.*(?:saturated|underflow|use-after)",
    r"\blist_(?:add|del) corruption\b", r"\bDEBUG_LOCKS_WARN_ON\b", r"\bODEBUG:",
)))
# Words of a report that are no report: what the kernel says about its own
# configuration while it starts.
_HARMLESS = re.compile("|".join((
    r"WARNING: Spectre v2 mitigation",
    r"L1TF CPU bug present",
)))
_PANIC = re.compile(r"Kernel panic - not syncing")
_STAMP = re.compile(r"^\[\s*\d+\.\d+\](?:\[[^]]*\])?\s?")
_INT3 = re.compile(r"\bOops: int3\b|\bint3: 0000\b")


def reports(lines):
    """Indices of the lines that begin or belong to a kernel report."""
    return [i for i, line in enumerate(lines) if _REPORT.search(line) and not _HARMLESS.search(line)]


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


def without_stamp(line):
    return _STAMP.sub("", line)
