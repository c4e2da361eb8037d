# SPDX-License-Identifier: MIT
"""One round of the soak: a guest that runs tests/soak/round, and what it says."""

import json
import shutil
import subprocess

from gpumem_vm.build import REPOSITORY

from .counts import Counts

# Enough for the gallery, stress and storm side by side; ZONE_MOVABLE can be offlined.
GUEST = ("--mem", "1536", "--append", "movablecore=512M")
FRAMES = 8
# What a guest may take beyond the round's own time: its start, the walk at rest, the last walk.
GRACE_SECONDS = 900

OUT = REPOSITORY / "out/soak"


def command(kernel, backing, seed, seconds):
    return [str(REPOSITORY / "tools/vm"), "--kernel", kernel, "--backing", backing, *GUEST, "--timeout", str(seconds + GRACE_SECONDS),
            "--", "tests/soak/round", str(OUT), str(seed), str(seconds), str(FRAMES)]


def run(kernel, backing, seed, seconds, show):
    """Run a round; show(counts) while it goes on. Its Counts, and what was wrong with it or ''."""
    OUT.mkdir(parents=True, exist_ok=True)
    summary = OUT / "stress.json"
    summary.unlink(missing_ok=True)
    counts = Counts()
    log = OUT / f"round-{seed}.log"
    with log.open("w", encoding="utf-8") as said, \
            subprocess.Popen(command(kernel, backing, seed, seconds), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=said, text=True, errors="replace") as process:
        try:
            for line in process.stdout:
                said.write(line)
                said.flush()
                if counts.read(line):
                    show(counts)
            status = process.wait()
        except BaseException:
            # tools/vm ends its guest, and then the directories may go.
            process.terminate()
            process.wait()
            raise
    wrong = f"the round with seed {seed} on {kernel} {backing} failed with status {status}: see {log}" if status else ""
    try:
        found = json.loads(summary.read_text(encoding="utf-8"))
        counts.pages_moved, counts.pages_verified = found["pages_moved"], found["pages_verified"]
        counts.failures, counts.operations = found["failures"], found["operations"]
        shutil.move(summary, OUT / f"round-{seed}.json")
    except (OSError, ValueError, KeyError) as error:
        wrong = wrong or f"the round with seed {seed} left no numbers: {error}"
    return counts, wrong
