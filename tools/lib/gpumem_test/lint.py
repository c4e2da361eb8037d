# SPDX-License-Identifier: MIT
"""What the kernel's own checkers say of the module: any word is a failure.

Runs in the build root, so that the host's versions do not matter.
"""

import fnmatch
import re
import shutil
import subprocess
import time

from gpumem_vm import kernels, modules, rootfs, sandbox
from gpumem_vm.build import REPOSITORY
from gpumem_vm.errors import VmError

from .results import FAILED, PASSED, Result, matches

WORK = REPOSITORY / "build/guest/lint"
EXCEPTIONS = REPOSITORY / "kernel/checkpatch-exceptions.txt"
SUFFIXES = (".c", ".h")

_COMPLAINT = re.compile(r"(?P<file>[^:]+):\d+: [A-Z]+:(?P<kind>[A-Z_]+): ")


def without_exceptions(lines, text):
    """checkpatch's lines less those that a list of exceptions explains.

    Entries without a reason or without use come back as lines too.
    """
    left, wrong = list(lines), []
    for entry in text.splitlines():
        words, _, reason = entry.partition("#")
        if not words.strip():
            continue
        if len(words.split()) != 2 or not reason.strip():
            wrong.append(f"{EXCEPTIONS.name}: not 'FILE TYPE # reason': {entry}")
            continue
        pattern, kind = words.split()
        met = [line for line in lines if (match := _COMPLAINT.match(line)) and match["kind"] == kind
               and fnmatch.fnmatchcase(match["file"], pattern)]
        left = [line for line in left if line not in met]
        if not met:
            wrong.append(f"{EXCEPTIONS.name}: nothing meets it any more: {entry}")
    return left + wrong


def _fresh(name):
    """A copy of the sources without build products: old objects give no warnings."""
    work = WORK / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    modules.mirror_sources(REPOSITORY, work)
    shutil.copytree(REPOSITORY / "tests/kmod", work / "tests/kmod")
    return work


def warnings(series):
    """Lines of gcc with W=1, sparse and modpost, which check every file."""
    kernel = kernels.get(series)
    work = _fresh(series)
    return (modules.make(kernel, "kernel", work, ["W=1", "C=2"], "gpumem.ko")
            + modules.make(kernel, "tests/kmod", work,
                           ["W=1", "C=2", "KBUILD_EXTRA_SYMBOLS=/module/kernel/Module.symvers"], "tests/kmod"))


def checkpatch(series):
    """Lines of checkpatch --strict that no exception explains."""
    kernel = kernels.get(series)
    # It learns from the kernel's headers which names in CamelCase are the kernel's.
    headers = next(inside for _, inside in kernel.binds() if inside.endswith("-common"))
    work = _fresh("checkpatch")
    files = sorted(str(path.relative_to(work)) for path in work.rglob("*") if path.suffix in SUFFIXES)
    command = ["perl", "/checkpatch/checkpatch.pl", "--strict", "--no-tree", f"--root={headers}", "--terse", "--show-types",
               "--no-summary", "--color=never", "--file", *files]
    binds = [*kernel.binds(), (kernel.checkpatch, "/checkpatch"), (work, "/module")]
    done = sandbox.run_in(rootfs.tree(), command, binds=binds, cwd="/module", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode and not lines:
        raise VmError(f"checkpatch ended with status {done.returncode} and without a word")
    return without_exceptions(lines, EXCEPTIONS.read_text(encoding="utf-8"))


def undocumented(text):
    """Names that a C file exports without a kernel-doc comment in it."""
    exported = re.findall(r"^EXPORT_SYMBOL(?:_GPL)?\((\w+)\)", text, re.MULTILINE)
    functions = [name for name in exported if re.search(rf"\b{name}\(", text)]
    documented = set(re.findall(r"^/\*\*\n \* (\w+) - ", text, re.MULTILINE))
    return [name for name in functions if name not in documented]


def kernel_doc(series):
    """Lines of kernel-doc -Wall, and exported functions that have no comment for it."""
    kernel = kernels.get(series)
    scripts = next(inside for _, inside in kernel.binds() if "linux-kbuild" in inside)
    work = _fresh("kernel-doc")
    files = sorted(path.relative_to(work) for path in work.rglob("*") if path.suffix in SUFFIXES)
    command = ["perl", f"{scripts}/scripts/kernel-doc", "-none", "-Wall", *map(str, files)]
    done = sandbox.run_in(rootfs.tree(), command, binds=[*kernel.binds(), (work, "/module")], cwd="/module",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if "no structured comments found" not in line]
    if done.returncode and not lines:
        raise VmError(f"kernel-doc ended with status {done.returncode} and without a word")
    for path in files:
        lines += [f"{path}: {name}() is exported without kernel-doc"
                  for name in undocumented((work / path).read_text(encoding="utf-8"))]
    return lines


def run(series, pattern):
    """series: the kernels to build for; checkpatch and kernel-doc are those of the default one."""
    checks = [("Lint.Checkpatch", lambda: checkpatch(kernels.DEFAULT)),
              ("Lint.KernelDoc", lambda: kernel_doc(kernels.DEFAULT))]
    checks += [(f"Lint.SparseAndCompiler/{name}", lambda name=name: warnings(name))
               for name in dict.fromkeys((kernels.DEFAULT, *series))]
    found = []
    for name, check in checks:
        if not matches(pattern, name):
            continue
        begun = time.monotonic()
        try:
            lines = check()
        except VmError as error:
            lines = [str(error)]
        found.append(Result("lint", name, FAILED if lines else PASSED, time.monotonic() - begun, "\n".join(lines)))
    return found
