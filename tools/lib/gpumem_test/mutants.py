# SPDX-License-Identifier: MIT
"""The command line of tools/mutants: do the tests find mistakes made on purpose?

A mutant is a patch of kernel/ in tests/mutants/, with a head that says which
tests should catch it, and on which kernel and backing. They run twice: on the
module as it is, where all must pass, once for all patches that have kernel and
backing in common, and on a copy with the patch. A guest that takes too long has
found nothing, unless the head says that the mistake may hang it.
"""

import dataclasses
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from gpumem_vm import build, debug_kernel, modules, rootfs, sandbox, setup
from gpumem_vm.arguments import OneLineParser
from gpumem_vm.errors import VmError

from . import long_runs, programs, results
from .results import FAILED

REPOSITORY = build.REPOSITORY
GUEST_PROGRAM = programs.GUEST_PROGRAM.name
PATCHES = REPOSITORY / "tests/mutants"
# All that tools/vm and the module are made of.
_COPIED = ("kernel", "include/uapi", "tests/kmod", "tools")
# Statuses of tools/vm: the guest took too long, or there was none.
SLOW, OWN = 124, 125
_LONG = (long_runs.FUZZ, long_runs.STRESS)
_HEAD = re.compile(r"^(What|Kernel|Backing|Tests|Hangs): (.+)$", re.MULTILINE)

DESCRIPTION = """\
Build gpumem.ko with each of the patches in tests/mutants/, which are mistakes,
and run the tests that should find it; first without, so that only a mistake can
make them fail. NAME selects patches by file name."""

EPILOG = """\
Prints which test caught which mutant, and goes on when one cannot be judged. Exit
status: 0 when all were caught, 1 when one was not or something failed, 2 for a
wrong command line."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    what: str
    kernel: str
    kind: str | None
    backing: str
    tests: str
    hangs: bool = False

    def __str__(self):
        return f"{self.name} ({self.what}; {self.kernel}{f' {self.kind}' if self.kind else ''} {self.backing})"


def read(path):
    """A mutant from its patch's head."""
    head = path.read_text(encoding="utf-8").partition("\ndiff ")[0] + "\n"
    fields = dict(_HEAD.findall(head))
    if set(fields) - {"Hangs"} != {"What", "Kernel", "Backing", "Tests"} or fields.get("Hangs", "yes") != "yes":
        raise VmError(f"{path.name}: its head must say What, Kernel, Backing and Tests, and may say 'Hangs: yes'")
    kernel, _, kind = fields["Kernel"].partition(" ")
    if kind and kind not in debug_kernel.CONFIGS:
        raise VmError(f"{path.name}: not a kernel: {fields['Kernel']}")
    return Mutant(path.stem, fields["What"], kernel, kind or None, fields["Backing"], fields["Tests"], "Hangs" in fields)


def _apply(mutant, home):
    """The repository's kernel side with the mistake in it, at home."""
    for name in _COPIED:
        shutil.copytree(REPOSITORY / name, home / name)
    shutil.copyfile(PATCHES / f"{mutant.name}.patch", home / "mutant.patch")
    done = sandbox.run_in(rootfs.tree(), ["patch", "--batch", "--forward", "-F0", "-p1", "-i", "mutant.patch"], binds=[(home, "/copy")],
                          cwd="/copy", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode:
        raise VmError(f"{mutant.name}.patch does not apply: {done.stdout.strip().splitlines()[-1]}")
    modules.test_modules(debug_kernel.get(mutant.kernel, mutant.kind), home)


def _results(mutant, tests, home):
    """Of tests on the module of a repository, with the mutant's kernel and backing."""
    def ignore(_result):
        pass

    return [*programs.run_guest(mutant.kernel, mutant.backing, tests, ignore, mutant.kind, home),
            *long_runs.run([long_runs.fuzz(long_runs.CALLS), long_runs.stress()], mutant.kernel, mutant.backing, tests, ignore, mutant.kind, home)]


def _judge(mutant, found, may_hang=False):
    """What of the mutant's tests failed."""
    found = [result for result in found if result.name in (programs.DEATH, GUEST_PROGRAM) or results.matches(mutant.tests, result.name)]
    if not found:
        raise VmError(f"no test matches {mutant.tests}")
    failed = [result for result in found if result.state == FAILED]
    for result in failed:
        if result.name == GUEST_PROGRAM or result.detail.startswith(programs.OWN_WORDS):
            raise VmError(result.detail.splitlines()[0])
        if result.name == programs.DEATH and result.detail.startswith(programs.SLOW_WORDS) and not may_hang:
            raise VmError(result.detail.partition(";")[0])
        if result.name in _LONG and _status(result) in (SLOW, OWN) and not (may_hang and _status(result) == SLOW):
            raise VmError(f"{result.name} ended with status {_status(result)} of tools/vm")
    # A guest that died says so once, and what did not run has caught nothing.
    return [result for result in failed if result.detail not in results.NO_RESULT]


def _status(result):
    """What a long run that failed ended with."""
    return int(result.detail.splitlines()[0].removeprefix(long_runs.STATUS_WORD))


def _first_failure(result):
    """What gpumem-stress or gpumem-fuzz says of a run."""
    found = re.search(r"^(?:first failure: (?:gpumem-stress: )?|gpumem-fuzz: )(.*)$", result.detail, re.MULTILINE)
    return found.group(1) if found else f"status {_status(result)}"


def _caught_by(failed):
    words = []
    for result in failed:
        if result.name in _LONG:
            words.append(f"{result.name} ({_first_failure(result)})")
            continue
        words.append(result.detail.partition(";")[0].splitlines()[0] if result.name == programs.DEATH else result.name)
    return ", ".join(words)


def parser():
    result = OneLineParser(prog="tools/mutants", description=DESCRIPTION, epilog=EPILOG)
    result.add_argument("name", nargs="*", metavar="NAME", help="a patch of tests/mutants/, without .patch (default all)")
    return result


def main(arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    parsed = parser().parse_args(arguments)
    try:
        mutants = [read(path) for path in sorted(PATCHES.glob("*.patch")) if not parsed.name or path.stem in parsed.name]
        unknown = set(parsed.name) - {mutant.name for mutant in mutants}
        if unknown:
            parser().error(f"'{sorted(unknown)[0]}' is not in tests/mutants/")
        setup.install()
        return _try_all(mutants)
    except (VmError, OSError) as error:
        print(f"tools/mutants: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _without(mutant, mutants, known):
    """What failed without any mistake; known: what earlier mutants have found out, by kernel and backing."""
    key = (mutant.kernel, mutant.kind, mutant.backing)
    if key not in known:
        tests = ":".join(dict.fromkeys(other.tests for other in mutants if (other.kernel, other.kind, other.backing) == key))
        known[key] = _results(mutant, tests, REPOSITORY)
    return _judge(mutant, known[key])


def _with(mutant):
    with tempfile.TemporaryDirectory(prefix="gpumem-mutant-") as directory:
        home = pathlib.Path(directory)
        _apply(mutant, home)
        return _judge(mutant, _results(mutant, mutant.tests, home), mutant.hangs)


def _try(mutant, mutants, known):
    """What caught the mutant. Raises VmError if its tests can tell nothing."""
    if clean := _without(mutant, mutants, known):
        sys.stderr.writelines(f"{result.name}\n{result.detail.rstrip()}\n" for result in clean)
        raise VmError(f"its tests fail without it: {_caught_by(clean)}")
    return _with(mutant)


def _try_all(mutants):
    known = {}
    caught = errors = 0
    for series, kind in sorted({(mutant.kernel, mutant.kind or "") for mutant in mutants}):
        if build.main(["--kernel", series, *([f"--{kind}"] if kind else [])]):
            return 1
    for mutant in mutants:
        try:
            failed = _try(mutant, mutants, known)
            caught += bool(failed)
            said = f"caught by {_caught_by(failed)}" if failed else "NOT CAUGHT"
        except (VmError, OSError) as error:
            errors += 1
            said = f"ERROR: {error}"
        print(f"{mutant}: {said}", flush=True)
    print(f"{caught} of {len(mutants)} mutants caught" + (f", {errors} could not be judged" if errors else ""), flush=True)
    return 0 if mutants and caught == len(mutants) else 1
