# SPDX-License-Identifier: MIT
"""Builds everything that runs in the guest, in the build root."""

import os
import subprocess
import sys

from . import cache, debug_kernel, kernels, modules, rootfs, sandbox
from .arguments import OneLineParser
from .cli import REPOSITORY
from .errors import OWN_FAILURE, VmError

DESCRIPTION = """\
Build everything for the guest, in the Debian build root: gpumem*.ko, vkms.ko
and the tests' modules for one kernel, then the CMake project with its 'guest' preset. Results are in
build/guest/. Only what changed is built again. Exit status: 0, 2 for a wrong
command line, 125 if something cannot be built."""


def parser():
    result = OneLineParser(prog="tools/lib/build-guest", description=DESCRIPTION)
    result.add_argument("--kernel", metavar="SERIES", default=kernels.DEFAULT,
                        help=f"Debian kernel series (default {kernels.DEFAULT})")
    kind = result.add_mutually_exclusive_group()
    for name in debug_kernel.CONFIGS:
        kind.add_argument(f"--{name}", dest="kind", action="store_const", const=name, help=f"for that series' {name} kernel")
    result.add_argument("--tests", action="store_true",
                        help="also run the unit tests in the build root, writing JUnit results to build/guest/ctest.xml")
    return result


def run_in_root(command, **options):
    """Run a command in the build root, in the repository at its own path."""
    return sandbox.run_in(rootfs.tree(), command, binds=[(REPOSITORY, REPOSITORY)], cwd=REPOSITORY,
                          stdin=subprocess.DEVNULL, check=False, **options)


def project():
    """Configure and build the CMake project."""
    with cache.lock(REPOSITORY / "build/guest/.lock"):
        jobs = str(os.cpu_count())
        for command in (["cmake", "--preset", "guest"], ["cmake", "--build", "--preset", "guest", "-j", jobs]):
            done = run_in_root(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                sys.stderr.write(done.stdout)
                raise VmError(f"'{sandbox.shown(command)}' failed: its words are above")
            sys.stderr.write("".join(line + "\n" for line in done.stdout.splitlines() if "warning:" in line))


def unit_tests():
    """Run ctest; its verdict is in build/guest/ctest.xml, not in the status."""
    results = REPOSITORY / "build/guest/ctest.xml"
    results.unlink(missing_ok=True)
    run_in_root(["ctest", "--preset", "guest", "--output-junit", str(results)])


def main(arguments):
    parsed = parser().parse_args(arguments)
    try:
        kernel = debug_kernel.get(parsed.kernel, parsed.kind)
        modules.vkms(kernel)
        modules.test_modules(kernel, REPOSITORY)
        project()
        if parsed.tests:
            unit_tests()
    except VmError as error:
        cache.say(str(error))
        return OWN_FAILURE
    except KeyboardInterrupt:
        return 130
    return 0
