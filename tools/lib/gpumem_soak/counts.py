# SPDX-License-Identifier: MIT
"""What a soak, or a round of it, has done."""

import dataclasses
import re

_PROGRESS = re.compile(r"^progress (\d+) (\d+) (\d+) (\d+)$")
_DRAWN = re.compile(r"^drawn (\d+) (\d+)$")
_REFUSED = re.compile(r"^refused$")
# So far, and at the end with more behind it.
_CALLS = re.compile(r"^calls (\d+)(?:, |$)")


@dataclasses.dataclass
class Counts:
    pages_moved: int = 0
    moves_verified: int = 0
    pages_verified: int = 0
    frames: int = 0
    frames_wrong: int = 0
    failures: int = 0
    operations: int = 0
    calls: int = 0
    walks_refused: int = 0

    def __add__(self, other):
        return Counts(*map(sum, zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))

    def read(self, line):
        """Whether the line, of what a round prints, was one that counts."""
        if match := _PROGRESS.match(line):
            self.pages_moved, self.moves_verified, self.pages_verified, self.failures = map(int, match.groups())
        elif match := _DRAWN.match(line):
            self.frames += int(match.group(1))
            self.frames_wrong += int(match.group(2))
        elif match := _CALLS.match(line):
            self.calls = int(match.group(1))
        elif _REFUSED.match(line):
            self.walks_refused += 1
        else:
            return False
        return True
