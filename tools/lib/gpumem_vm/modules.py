# SPDX-License-Identifier: MIT
"""Kernel modules for the guest: built ones (gpumem, vkms) and load order."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from . import cache, kernels, rootfs, sandbox
from .errors import VmError

VKMS_RECIPE = "1"
# The compiler's, sparse's and modpost's; sparse's errors do not fail a build.
_WARNING = re.compile(r": (?:warning|error): |WARNING: modpost")
# In the order in which they load.
GPUMEM_MODULES = ("gpumem_helper", "gpumem")


def make(kernel, source, outside, variables, what):
    """Run make for an external module in the build root; its warnings, as lines.

    outside: host directory that holds the copied sources; source is the
    module's directory in it.
    """
    inside = "/module"
    command = ["make", "-C", kernel.build_directory, f"M={inside}/{source}", f"-j{os.cpu_count()}",
               # Type information for BPF would need pahole, and nothing here uses it.
               "CONFIG_DEBUG_INFO_BTF_MODULES=", *variables, "modules"]
    done = sandbox.run_in(rootfs.tree(), command, binds=[*kernel.binds(), (outside, inside)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout)
        raise VmError(f"{what} does not build for {kernel.release}: the compiler's words are above")
    return [line for line in done.stdout.splitlines() if _WARNING.search(line)]


def _make(kernel, source, outside, variables, what):
    for line in make(kernel, source, outside, variables, what):
        cache.say(f"{what}: {line}")


def vkms(kernel):
    """vkms.ko for a kernel; Debian builds none."""
    def make(scratch):
        cache.say(f"building vkms for {kernel.release} (once)")
        scratch.mkdir()
        shutil.copytree(kernel.vkms_source, scratch / "vkms")
        _make(kernel, "vkms", scratch, ["CONFIG_DRM_VKMS=m"], "vkms")

    name = f"vkms-{kernel.release}-{cache.key(VKMS_RECIPE, cache.tree_key(kernel.vkms_source), rootfs.tree().name)}"
    return cache.entry("modules", name, make) / "vkms/vkms.ko"


def vkms_on_gpumem(kernel, repository):
    """vkms.ko whose buffers are those of gpumem_helper.ko; its sources are as Debian has them."""
    built = gpumem(kernel, repository)
    work = work_directory(kernel, repository)
    stamp = work / "vkms-stamp"
    with cache.lock(work / ".lock"):
        sources = cache.key(cache.tree_key(kernel.vkms_source), *(cache.key(data) for data in built.values()))
        if not (stamp.exists() and stamp.read_text(encoding="ascii") == sources):
            cache.say(f"building vkms on gpumem for {kernel.release}")
            stamp.unlink(missing_ok=True)
            shutil.rmtree(work / "vkms", ignore_errors=True)
            shutil.copytree(kernel.vkms_source, work / "vkms")
            include = "-include /module/kernel/vkms/vkms_on_gpumem.h -I/module/kernel/include"
            _make(kernel, "vkms", work, ["CONFIG_DRM_VKMS=m", f"KCFLAGS={include}",
                                         "KBUILD_EXTRA_SYMBOLS=/module/kernel/Module.symvers"], "vkms on gpumem")
            stamp.write_text(sources, encoding="ascii")
    return work / "vkms/vkms.ko"


def _mirror(source, target):
    """Make target's sources those of source, touching only what differs.

    Build products in target stay, so that make rebuilds only what changed.
    """
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    for path in wanted:
        copy = target / path
        if not copy.exists() or copy.read_bytes() != (source / path).read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, copy)
    for path in list(target.rglob("*")):
        inside = path.relative_to(target)
        if path.suffix in (".c", ".h") and inside not in wanted and not path.name.endswith(".mod.c"):
            path.unlink()


def work_directory(kernel, repository):
    """Where the repository's own modules are built for a kernel."""
    return repository / "build/guest/modules" / kernel.release


def gpumem(kernel, repository):
    """Our modules for a kernel, by name in the order in which they load.

    Built under build/guest/ when the sources changed.
    """
    if not (repository / "kernel/Kbuild").exists():
        raise VmError(f"{repository}/kernel/Kbuild is missing: not a gpumem repository? (--no-module goes without)")
    work = work_directory(kernel, repository)
    stamp = work / "stamp"
    files = {name: work / f"kernel/{name}.ko" for name in GPUMEM_MODULES}
    with cache.lock(work / ".lock"):
        # Only uapi headers reach the module; other headers change without it.
        sources = cache.key(cache.tree_key(repository / "kernel", repository / "include/uapi"), rootfs.tree().name,
                            kernel.path.name)
        if not (all(path.exists() for path in files.values()) and stamp.exists() and stamp.read_text(encoding="ascii") == sources):
            cache.say(f"building gpumem.ko for {kernel.release}")
            stamp.unlink(missing_ok=True)
            mirror_sources(repository, work)
            _make(kernel, "kernel", work, ["W=1"], "gpumem.ko")
            stamp.write_text(sources, encoding="ascii")
        return {name: path.read_bytes() for name, path in files.items()}


def mirror_sources(repository, work):
    """All that our modules are made of, below work/."""
    for directory in ("kernel", "include/uapi"):
        _mirror(repository / directory, work / directory)


def test_modules(kernel, repository):
    """Build tests/kmod/ for a kernel; the directory that holds the modules."""
    built = gpumem(kernel, repository)
    work = work_directory(kernel, repository)
    stamp = work / "tests-stamp"
    with cache.lock(work / ".lock"):
        sources = cache.key(cache.tree_key(repository / "tests/kmod"), *(cache.key(data) for data in built.values()))
        if not (stamp.exists() and stamp.read_text(encoding="ascii") == sources):
            cache.say(f"building the tests' modules for {kernel.release}")
            stamp.unlink(missing_ok=True)
            _mirror(repository / "tests/kmod", work / "tests/kmod")
            _make(kernel, "tests/kmod", work, ["W=1", "KBUILD_EXTRA_SYMBOLS=/module/kernel/Module.symvers"],
                  "tests/kmod")
            stamp.write_text(sources, encoding="ascii")
    return work / "tests/kmod"


def dependencies(module_bytes):
    """The modules that a module names in its own depends= line."""
    match = re.search(rb"\0depends=([^\0]*)\0", module_bytes)
    return match.group(1).decode().split(",") if match and match.group(1) else []


def backings(built):
    """The words that gpumem.ko takes for its parameter `backing`."""
    return sorted(word.decode() for word in re.findall(rb"\bgpumem_backing=([a-z]+)\0", built["gpumem_helper"]))


class LoadList:
    """Modules in the order in which insmod must get them."""

    def __init__(self, kernel):
        self._directory = kernel.modules
        self._files = {}
        self._needs = {}
        self.order = []  # (name, bytes)
        for line in (self._directory / "modules.dep").read_text(encoding="ascii").splitlines():
            path, needs = line.split(":", 1)
            name = self._name(path)
            self._files[name] = path
            self._needs[name] = [self._name(need) for need in needs.split()]
        builtin = (self._directory / "modules.builtin").read_text(encoding="ascii").split()
        self._builtin = {self._name(path) for path in builtin}

    @staticmethod
    def _name(path):
        return pathlib.PurePath(path).name.split(".")[0].replace("-", "_")

    def _has(self, name):
        return any(name == loaded for loaded, _ in self.order)

    def add(self, name):
        """A module of the kernel's own, after everything that it needs."""
        name = name.replace("-", "_")
        if self._has(name) or name in self._builtin:
            return
        if name not in self._files:
            raise VmError(f"kernel has no module {name}")
        # modules.dep lists what is needed last first.
        for need in reversed(self._needs[name]):
            self.add(need)
        self.order.append((name, kernels.unpacked_module(self._directory / self._files[name])))

    def add_file(self, name, content):
        """A module of ours."""
        for need in dependencies(content):
            self.add(need)
        self.order.append((name, content))


def quoted(word):
    """A word as the kernel reads it: a value with blanks is in double quotes."""
    name, equals, value = word.partition("=")
    return f'{name}{equals}"{value}"' if any(blank in value for blank in " \t") else word


def parameters(name, words):
    """What a module gets from kernel command-line words, as modprobe does it."""
    found = []
    for word in words:
        module, dot, rest = word.partition(".")
        if dot and rest and module.replace("-", "_") == name.replace("-", "_"):
            found.append(quoted(rest))
    return found
