# SPDX-License-Identifier: MIT
"""The debug kernels of a series: Debian's source with what finds mistakes.

They lie in the cache as Debian's own kernels do, so nothing else knows that they
were built here.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from . import cache, kernels, rootfs, sandbox
from .errors import VmError

DEBUG = "debug"
KCSAN = "kcsan"
CONFIGS = {kind: [pathlib.Path(__file__).with_name(name) for name in ("guest.config", f"{kind}.config")]
           for kind in (DEBUG, KCSAN)}
RECIPE = "2"

# Words without which a kernel would not be what it is for. The others of its
# configuration may be missing in a series.
_GUEST = ("DRM_VKMS", "DRM_VGEM", "ZRAM", "UDMABUF", "CMA", "MEMCG", "IKCONFIG_PROC", "VIRTIO_BLK", "VIRTIO_CONSOLE", "SQUASHFS",
          "OVERLAY_FS", "9P_FS", "NET_9P_VIRTIO", "MEMORY_FAILURE", "MEMORY_HOTREMOVE", "NUMA_EMU", "BLK_DEV_RAM",
          "DETECT_HUNG_TASK", "SOFTLOCKUP_DETECTOR", "WQ_WATCHDOG")
REQUIRED = {
    DEBUG: (*_GUEST, "KASAN_INLINE", "PROVE_LOCKING", "DEBUG_VM", "DEBUG_ATOMIC_SLEEP", "DEBUG_KMEMLEAK", "DEBUG_OBJECTS",
            "UBSAN", "PAGE_OWNER", "PAGE_TABLE_CHECK", "FAULT_INJECTION_DEBUG_FS", "FAILSLAB", "FAIL_PAGE_ALLOC", "KCOV",
            "DMA_API_DEBUG"),
    KCSAN: (*_GUEST, "KCSAN", "KCSAN_STRICT", "DEBUG_VM", "DEBUG_ATOMIC_SLEEP"),
}

# Options that later series do not have, for they always do it, and the first such.
UNTIL = {"DMABUF_MOVE_NOTIFY": (7, 0)}

# What building an external module takes of a source tree.
_KEEP = ("Makefile", ".config", "Module.symvers", "System.map", "include", "arch/x86", "scripts", "tools/objtool")


def required(series, kind):
    """Words that must be in the configuration of a series."""
    number = tuple(map(int, series.split(".")))
    return (*REQUIRED[kind], *(word for word, end in UNTIL.items() if number < end))


def missing(config, required):
    """Words that a .config does not have as y or m."""
    there = set(re.findall(r"^CONFIG_(\w+)=[ym]$", config, re.MULTILINE))
    return [word for word in required if word not in there]


def _run(scratch, *commands):
    for command in commands:
        done = sandbox.run_in(rootfs.tree(), command, binds=[(scratch, "/kernel")], cwd="/kernel/source",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", check=False)
        if done.returncode:
            sys.stderr.writelines(line + "\n" for line in done.stdout.splitlines()[-40:])
            raise VmError(f"the kernel does not build: '{sandbox.shown(command)}' failed, its last words are above")


def _build(scratch, series, kind):
    for path in CONFIGS[kind]:
        shutil.copyfile(path, scratch / path.name)
    make = ["make", "-s", f"-j{os.cpu_count()}", "KBUILD_BUILD_USER=gpumem", "KBUILD_BUILD_HOST=gpumem"]
    _run(scratch, [*make, "x86_64_defconfig"],
         ["scripts/kconfig/merge_config.sh", "-m", ".config", *(f"/kernel/{path.name}" for path in CONFIGS[kind])],
         [*make, "olddefconfig"])
    lacking = missing((scratch / "source/.config").read_text(encoding="utf-8"), required(series, kind))
    if lacking:
        raise VmError(f"the {kind} kernel's configuration lacks {', '.join(lacking)}")
    _run(scratch, [*make, "bzImage", "modules"],
         [*make, "INSTALL_MOD_PATH=/kernel/usr", "DEPMOD=true", "modules_install"],
         ["sh", "-c", "make -s kernelrelease >/kernel/release"])


def _arrange(scratch):
    """The layout of a Kernel, and nothing more: a build tree is gigabytes."""
    source = scratch / "source"
    kernel = kernels.Kernel(scratch)
    (scratch / "boot").mkdir()
    shutil.copyfile(source / "arch/x86/boot/bzImage", scratch / f"boot/vmlinuz-{kernel.release}")
    shutil.copytree(source / "drivers/gpu/drm/vkms", kernel.vkms_source, ignore=shutil.ignore_patterns("*.o", "*.ko", ".*", "*.mod*"))
    (scratch / "checkpatch").mkdir()
    for name in kernels.CHECKPATCH:
        shutil.copyfile(source / "scripts" / name, scratch / "checkpatch" / name)
    headers = scratch / kernel.build_directory.lstrip("/")
    for name in _KEEP:
        (headers / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).rename(headers / name)
    for pattern in ("*.o", "*.a", "*.cmd", "vmlinux*", "bzImage"):
        for path in headers.glob(f"arch/x86/**/{pattern}"):
            path.unlink()
    sandbox.remove_tree(source)
    sandbox.run_in(rootfs.tree(), ["depmod", "-b", "/kernel/usr", "-m", "/lib/modules", kernel.release],
                   binds=[(scratch, "/kernel")])


def get(series, kind=None):
    """The kernel of a series ("6.12", "latest"): Debian's own, or a debug kernel, built on first use."""
    plain = kernels.get(series)
    if kind is None:
        return plain

    def make(scratch):
        scratch.mkdir(mode=0o755)
        (scratch / "source").mkdir()
        kernels.unpack_source(plain.series, scratch / "source")
        cache.say(f"building the {kind} kernel {plain.series} (once; takes some ten minutes on two processors)")
        _build(scratch, plain.series, kind)
        _arrange(scratch)

    # Not the root's name: a package more in it must not cost a kernel.
    name = f"{plain.series}-{kind}-{cache.key(RECIPE, *CONFIGS[kind], kernels.SOURCES)}"
    return kernels.Kernel(cache.entry("kernels", name, make, sandbox.remove_tree))
