# SPDX-License-Identifier: MIT
"""The command line of tools/soak."""

import random
import signal
import sys
import time

from gpumem_test import programs
from gpumem_vm import build, kernels, setup
from gpumem_vm.arguments import OneLineParser, number_of, seed, series
from gpumem_vm.errors import VmError

from . import rounds, state
from .counts import Counts

DESCRIPTION = """\
Try for hours to break the driver, in rounds that take turns: the demo's gallery,
gpumem-stress and gpumem storm together, with one backing and then the other, and
gpumem-fuzz with both. One line tells how far it is; the end is a summary."""

EPILOG = """\
Each round has a seed, the first one's plus its number. out/soak/state.json is
written at the start and after each round; --resume goes on from there with the same commit, kernel
and rounds: with the next seed, or that of the round that failed. A soak that had a
failure once stays one that failed.

Exit status: 0, 1 if something was wrong (the seed and the log of the round are
told), 2 for a wrong command line, 130 when interrupted.
Details: docs/testing.md"""

# The turn of gpumem-fuzz, after those of the backings.
FUZZ = "fuzz"
STATE = rounds.OUT / "state.json"


def parser():
    result = OneLineParser(prog="tools/soak", description=DESCRIPTION, epilog=EPILOG)
    result.add_argument("--hours", metavar="H", type=number_of("hours", 0.01, 1000, places=3), required=True, help="how long, such as 0.5")
    result.add_argument("--round", metavar="MINUTES", type=number_of("minutes", 1, 600), default=20, help="length of a round (default 20)")
    result.add_argument("--kernel", metavar="SERIES", type=series, default=kernels.DEFAULT,
                        help=f"Debian kernel series for the guest (default {kernels.DEFAULT})")
    result.add_argument("--turn", choices=("gemfs", "mops", FUZZ), action="append",
                        help="rounds of this kind only; may be given more than once (default: all, in turn)")
    start = result.add_mutually_exclusive_group()
    start.add_argument("--seed", metavar="N", type=seed, help="of the first round (default: random)")
    start.add_argument("--resume", action="store_true", help="go on from the last round of the soak before")
    return result


class Line:
    """The one line of progress: in place on a terminal, now and then elsewhere."""

    INTERVAL = 60

    def __init__(self, stream):
        self._stream = stream
        self._terminal = stream.isatty()
        self._next = 0.0

    def show(self, text):
        if self._terminal:
            self._stream.write(f"\r\033[K{text}")
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + self.INTERVAL
            self._stream.write(text + "\n")
        self._stream.flush()

    def close(self):
        if self._terminal:
            self._stream.write("\n")


def told(total):
    counts = total.counts
    return (f"{total.seconds / 3600:.2f} h, {total.rounds} rounds: {counts.pages_moved} pages moved, {counts.moves_verified} moves verified, "
            f"{counts.pages_verified * 4096} bytes verified, {counts.operations} operations, {counts.calls} calls fuzzed, "
            f"{counts.frames} frames drawn and {counts.frames_wrong} wrong, "
            f"{counts.walks_refused} walks refused memory, {counts.failures} failures")


def turns_of(backings, wanted):
    """The kinds of rounds, in their order."""
    missing = set(wanted or ()) - {*backings, FUZZ}
    if missing:
        raise VmError(f"this kernel has no backing {missing.pop()}")
    return [turn for turn in (*backings, FUZZ) if not wanted or turn in wanted]


def _soak(parsed, total, backings):
    turns = total.plan.turns
    begun = time.monotonic()
    before = total.seconds
    # What is resumed is this soak from now on, and no older one, even if its first round does not end.
    total.save(STATE)
    line = Line(sys.stderr)
    wrong = ""
    try:
        while not wrong and (left := parsed.hours * 3600 - (time.monotonic() - begun)) >= 30:
            turn = turns[total.rounds % len(turns)]

            def show(counts):
                now = total.counts + counts
                line.show(f"{(before + time.monotonic() - begun) / 3600:.2f} h, seed {total.seed}, {turn}: "
                          f"{now.pages_moved} pages moved, {now.moves_verified} moves verified, {now.pages_verified // 256} MiB verified, {now.calls} calls, "
                          f"{now.failures + now.frames_wrong} failures")

            seconds = int(min(parsed.round * 60, left))
            show(Counts())
            if turn == FUZZ:
                counts, wrong = rounds.fuzz(parsed.kernel, backings, total.seed, seconds, show)
            else:
                counts, wrong = rounds.mix(parsed.kernel, turn, total.seed, seconds, show)
            if wrong and not counts.failures + counts.frames_wrong:
                counts.failures = 1
            total.counts += counts
            total.rounds += not wrong
            total.seconds = before + time.monotonic() - begun
            total.save(STATE)
    finally:
        line.close()
        print(told(total), flush=True)
    if wrong:
        raise VmError(wrong)
    return 0 if total.rounds and not total.failed else 1


def main(arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    parsed = parser().parse_args(arguments)
    try:
        before = state.load(STATE) if parsed.resume else None
        setup.install()
        if build.main(["--kernel", parsed.kernel]):
            return 1
        backings = programs.backings(parsed.kernel)
        plan = state.Plan(state.commit(), parsed.kernel, parsed.round, tuple(turns_of(backings, parsed.turn)))
        if before:
            before.expect(plan)
        total = before or state.State(random.SystemRandom().randrange(10**9) if parsed.seed is None else parsed.seed, plan)
        return _soak(parsed, total, backings)
    except (VmError, OSError) as error:
        print(f"tools/soak: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; --resume goes on after the last whole round", file=sys.stderr)
        return 130
