# SPDX-License-Identifier: MIT
"""The command line of tools/demo."""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import sys

from gpumem_vm import build, cache, kernels, setup
from gpumem_vm.arguments import OneLineParser, number_of, series
from gpumem_vm.errors import VmError

from . import film, passes, progress, summary

DESCRIPTION = """\
Draw a walk through a gallery from GPU buffers that the kernel moves underneath
it. Installs what it needs, builds, and runs the same frames three times, each
in a VM of its own:

  reference  at rest
  movable    on memory in crumbs, while another process asks for huge pages
  unmovable  the same with buffers that stay where they are (movable=0)

Each frame that vkms shows has a CRC, and it must be that of the reference."""

EPILOG = """\
Writes into DIR: summary.json, first.png and last.png (what vkms showed, by
write-back), demo.gif, map-before.png and map-after.png (physical memory), and
a directory for each pass with all that it wrote.

Exit status: 0, 1 if a frame was wrong or something failed (one line says
what), 2 for a wrong command line, 130 when interrupted.
Details: docs/demos.md"""

MOST_FRAMES = 100000
PICTURES = ("first.png", "last.png", "map-before.png", "map-after.png")


def _size(text):
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if not match or not all(16 <= int(side) <= 4096 for side in match.groups()):
        raise argparse.ArgumentTypeError(f"'{text}' is not WIDTHxHEIGHT from 16x16 to 4096x4096")
    return text


def parser():
    result = OneLineParser(prog="tools/demo", description=DESCRIPTION, epilog=EPILOG)
    add = result.add_argument
    add("--frames", metavar="N", type=number_of("frames", 2, MOST_FRAMES), default=300, help="frames to draw in each pass (default 300)")
    add("--size", metavar="WxH", type=_size, default="640x480", help="a mode of vkms (default 640x480)")
    add("--out", metavar="DIR", type=pathlib.Path, default=build.REPOSITORY / "out/demo",
        help="where the results go (default out/demo)")
    add("--kernel", metavar="SERIES", type=series, default=kernels.DEFAULT,
        help=f"Debian kernel series for the guest (default {kernels.DEFAULT})")
    return result


def _check_out(out):
    """The passes' directories in it are replaced: refuse those that are not ours."""
    work = build.REPOSITORY / "out/vm"
    if out == work or work in out.parents:
        raise VmError(f"--out {out}: the guests work below {work}, say another directory")
    for which in passes.ALL:
        old = out / which.name
        if old.exists() and not (old / passes.LOG).is_file():
            raise VmError(f"--out {out}: {old} is there and is not of an earlier run")
    if not (out / passes.REFERENCE.name / passes.LOG).is_file():
        for name in ("summary.json", "demo.gif", *PICTURES):
            if (out / name).exists():
                raise VmError(f"--out {out}: {out / name} is there and is not of an earlier run")


def _collect(out, found, release, size):
    """Copy what the passes wrote, and write what they say together."""
    for which in passes.ALL:
        shutil.rmtree(out / which.name, ignore_errors=True)
        shutil.copytree(passes.directory(which), out / which.name)
    for picture in PICTURES:
        shutil.copyfile(out / passes.MOVABLE.name / picture, out / picture)
    # The build root sees the repository only.
    pictures = passes.directory(passes.MOVABLE)
    film.make(pictures / "demo.gif", pictures)
    shutil.copyfile(pictures / "demo.gif", out / "demo.gif")
    result = summary.summarize(release, size, found)
    (out / "summary.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result


def run(parsed):
    out = parsed.out.resolve()
    _check_out(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VmError(f"--out {parsed.out}: {error.strerror}") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise VmError(f"--out {parsed.out}: cannot be written to")
    setup.install()
    if build.main(["--kernel", parsed.kernel]):
        return 1
    release = kernels.get(parsed.kernel).release
    with cache.lock(build.REPOSITORY / "out/vm/demo.lock"):
        found = {which.name: passes.run(which, parsed.frames, parsed.size, parsed.kernel,
                                        progress.Bar(which.name, sys.stdout))
                 for which in passes.ALL}
        result = _collect(out, found, release, parsed.size)
    print(f"\n{summary.table(result)}\n\npictures and summary.json: {out}")
    if complaint := summary.verdict(result):
        raise VmError(complaint)
    return 0


def main(arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    parsed = parser().parse_args(arguments)
    try:
        return run(parsed)
    except VmError as error:
        print(f"tools/demo: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"tools/demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
