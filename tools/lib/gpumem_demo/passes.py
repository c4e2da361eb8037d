# SPDX-License-Identifier: MIT
"""One pass of the gallery in a guest of its own."""

import dataclasses
import json
import re
import shutil
import subprocess

from gpumem_vm.build import REPOSITORY
from gpumem_vm.errors import VmError

# Small enough to be filled in seconds, large enough for the gallery, what runs
# beside it, and some hundred huge pages.
GUEST_MIB = 1536
_FRAME = re.compile(r"^frame (\d+) (\d+)$")


@dataclasses.dataclass(frozen=True)
class Pass:
    name: str
    storm: bool
    movable: bool


REFERENCE = Pass("reference", storm=False, movable=True)
MOVABLE = Pass("movable", storm=True, movable=True)
UNMOVABLE = Pass("unmovable", storm=True, movable=False)
ALL = (REFERENCE, MOVABLE, UNMOVABLE)

# What a pass says; every pass has one.
LOG = "log.txt"

# Pictures for the film: more would only make the file larger.
FILM_FRAMES = 24


def directory(which):
    return REPOSITORY / "out/vm/demo" / which.name


def command(which, frames, size, kernel):
    """The command line of tools/vm for a pass."""
    words = [str(REPOSITORY / "tools/vm"), "--kernel", kernel, "--mem", str(GUEST_MIB)]
    if not which.movable:
        words += ["--append", "gpumem.movable=0"]
    words += ["--", "demos/gallery/pass", "--out", str(directory(which)), "--frames", str(frames), "--size", size]
    if which.storm:
        # Both, so that the time which pictures take is the same in both.
        words += ["--storm", "--film", str(-(-frames // FILM_FRAMES))]
    return words


def run(which, frames, size, kernel, bar):
    """Run a pass; its results, as the programs in the guest wrote them."""
    shutil.rmtree(directory(which), ignore_errors=True)
    directory(which).mkdir(parents=True)
    log = directory(which) / LOG
    bar.note("the guest boots" + (", memory goes to crumbs" if which.storm else ""))
    with log.open("wb") as stderr, subprocess.Popen(command(which, frames, size, kernel), stdin=subprocess.DEVNULL,
                                                    stdout=subprocess.PIPE, stderr=stderr, text=True,
                                                    errors="replace") as process:
        try:
            for line in process.stdout:
                if match := _FRAME.match(line):
                    bar.show(int(match.group(1)), int(match.group(2)))
            status = process.wait()
        except BaseException:
            process.terminate()
            raise
    bar.close()
    if status:
        raise VmError(f"the {which.name} pass failed with status {status}: {_reason(log)}")
    return results(which)


def _reason(log):
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    said = [line for line in lines if not line.startswith("tools/vm: booted")]
    return f"{said[-1]} (all of it: {log})" if said else f"it said nothing ({log})"


def results(which):
    found = json.loads((directory(which) / "result.json").read_text(encoding="utf-8"))
    if which.storm:
        found["storm"] = json.loads((directory(which) / "storm.json").read_text(encoding="utf-8"))
        crumbs = (directory(which) / "crumbs.json").read_text(encoding="utf-8").splitlines()
        found["crumbs"] = {key: value for line in crumbs for key, value in json.loads(line).items()}
    return found
