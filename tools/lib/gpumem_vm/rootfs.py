# SPDX-License-Identifier: MIT
"""The Debian tree: build root on the host, root file system in the guest.

It knows packages, not kernels.
"""

import os
import pathlib
import shutil
import subprocess

from . import cache, sandbox
from .errors import VmError

SUITE = "trixie"
PACKAGES = pathlib.Path(__file__).parents[1] / "packages-guest.txt"

# What no guest needs stays out of its image, and what only compiling needs out of
# that of most.
NOT_IN_IMAGE = ["proc/*", "sys/*", "dev/*", "run/*", "tmp/*", "boot/*", "var/cache/*", "var/lib/apt/lists/*",
                "usr/src/*", "usr/share/doc/*", "usr/share/locale/*", "usr/share/man/*",
                "usr/lib/llvm-*/lib/clang/*", "usr/share/cmake-*"]
COMPILERS = ["usr/include/*", "usr/lib/gcc/x86_64-linux-gnu/*/cc1*", "usr/libexec/gcc/*", "usr/lib/x86_64-linux-gnu/*.a"]
# Bump when this file makes the tree or the image in another way.
RECIPE = "1"


def packages():
    words = []
    for line in PACKAGES.read_text(encoding="utf-8").splitlines():
        words += line.split("#")[0].split()
    return sorted(set(words))


def _name():
    return f"{SUITE}-{cache.key(RECIPE, SUITE, *packages())}"


def _make_tree(scratch):
    for tool in ("mmdebstrap", "mksquashfs"):
        if not shutil.which(tool):
            package = {"mksquashfs": "squashfs-tools"}.get(tool, tool)
            raise VmError(f"{tool} is missing: install the Debian package {package}")
    sandbox.check()
    cache.say(f"making the Debian {SUITE} root (once; takes a minute or two)")
    tar = scratch.with_suffix(".tar")
    log = scratch.with_suffix(".log")
    command = ["mmdebstrap", "--mode=root" if sandbox.is_root() else "--mode=unshare", "--variant=minbase",
               "--aptopt=Acquire::Languages \"none\"", "--aptopt=APT::Install-Recommends \"false\"",
               "--aptopt=Acquire::Retries \"3\"",
               "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
               "--include=" + ",".join(packages()), SUITE, str(tar)]
    with open(log, "w", encoding="utf-8") as out:
        status = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                env=sandbox.environment() | {"TMPDIR": os.environ.get("TMPDIR", "/tmp")},
                                check=False).returncode
    if status:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
                 if line.startswith("E:")] or ["see the log"]
        tar.unlink(missing_ok=True)
        raise VmError(f"mmdebstrap failed: {lines[0].removeprefix('E: ')} (log: {log})")
    scratch.mkdir(mode=0o755)
    sandbox.run(["tar", "-xf", str(tar), "-C", str(scratch), "--numeric-owner", "--exclude=./dev/*"])
    sandbox.run(["touch", str(scratch / "etc/resolv.conf")])
    tar.unlink()
    log.unlink()


def tree():
    """The build root; made on first use."""
    return cache.entry("root", _name(), _make_tree, sandbox.remove_tree)


def image(compilers=False):
    """The guest's root file system as a squashfs image; with compilers and headers if asked."""
    left_out = NOT_IN_IMAGE + ([] if compilers else COMPILERS)

    def make(scratch):
        root = tree()
        cache.say(f"packing the guest's root file system{' with compilers' if compilers else ''} (once)")
        # Without compression: emulated processors are slow at undoing it.
        sandbox.run(["mksquashfs", str(root), str(scratch), "-noI", "-noD", "-noF", "-noX", "-no-progress", "-quiet",
                     "-wildcards", "-e", *left_out], stdout=subprocess.DEVNULL)

    return cache.entry("image", f"{_name()}-{cache.key(*left_out)}.squashfs", make)
