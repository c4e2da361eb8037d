# SPDX-License-Identifier: MIT
"""The machine: which accelerator works here, and QEMU's command line."""

import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess

from . import cache, debug_kernel, modules
from .errors import VmError

PROGRAM = "qemu-system-x86_64"

# Writes 1 to the debug-exit port, which makes QEMU leave with status 3.
_PROBE_CODE = bytes((0xB0, 0x01, 0xE6, 0xF4, 0xF4, 0xEB, 0xFD))
_PROBE_SECONDS = 15

# Why each word: docs/vm.md.
KERNEL_WORDS = ["console=ttyS0", "panic=-1", "loglevel=7", "printk.time=1", "printk.devkmsg=on", "log_buf_len=4M",
                "mitigations=off", "nokaslr", "tsc=reliable", "no_timer_check", "random.trust_cpu=on", "watchdog_thresh=60",
                "unknown_nmi_panic", "rcupdate.rcu_cpu_stall_timeout=300", "sysctl.kernel.hung_task_timeout_secs=300",
                # So that a page which nobody zeroes is seen.
                "init_on_alloc=0", "cryptomgr.notests", "audit=0", "apparmor=0", "rdinit=/init"]

_WORKQUEUES = "workqueue.watchdog_thresh=300"
DEBUG_WORDS = {debug_kernel.DEBUG: ["page_owner=on", "page_table_check=on", "kmemleak=on", _WORKQUEUES],
               debug_kernel.KCSAN: [_WORKQUEUES]}


def check():
    """Say at once what is missing, not after minutes of making a root."""
    if not shutil.which(PROGRAM):
        raise VmError(f"{PROGRAM} is missing: install the Debian package qemu-system-x86")


def _die_with_parent():
    """QEMU must not outlive tools/vm, however that ends; ^C is tools/vm's to handle."""
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _probe(accel, directory):
    """Whether a guest of three instructions really runs under an accelerator."""
    sector = directory / "probe.img"
    sector.write_bytes(_PROBE_CODE.ljust(510, b"\0") + b"\x55\xaa")
    command = [PROGRAM, "-accel", accel, "-m", "16", "-display", "none", "-nodefaults", "-no-user-config",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=0x01",
               "-drive", f"file={sector},format=raw,if=ide,readonly=on"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=_PROBE_SECONDS, preexec_fn=_die_with_parent, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 3


def _flags():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return set()
    match = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return set(match.group(1).split()) if match else set()


def kvm_works(directory):
    """KVM only where it truly works: flags, device and a guest that runs.

    A device that opens and then hangs every guest exists, so all three count.
    """
    if not _flags() & {"vmx", "svm"}:
        return False
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError:
        return False
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    answer = cache.directory() / f"kvm-{boot}"
    if not answer.exists():
        works = _probe("kvm", directory)
        scratch = directory / "kvm-answer"
        scratch.write_text("works" if works else "hangs", encoding="ascii")
        os.replace(scratch, answer)
    return answer.read_text(encoding="ascii") == "works"


class Machine:
    """One QEMU process with its ports."""

    def __init__(self, options, kernel, image, initrd, run_directory, ports, console, monitor, accel):
        """ports: {name: socket}; console: socket of the terminal, or None; monitor: socket for QMP."""
        self.log = run_directory / "kernel.log"
        self.errors = run_directory / "qemu.log"
        words = KERNEL_WORDS + DEBUG_WORDS.get(options.kind, []) + [modules.quoted(word) for word in options.append]
        command = [PROGRAM, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                   "-machine", "q35,graphics=off,usb=off,smbus=off", *accel, "-m", str(options.mem), "-smp", str(options.cpus),
                   "-kernel", str(kernel.image), "-initrd", str(initrd), "-append", " ".join(words),
                   "-chardev", f"file,id=log,path={_quoted(self.log)}", "-serial", "chardev:log",
                   "-drive", f"file={_quoted(image)},format=raw,if=none,id=root,readonly=on,file.locking=off",
                   "-device", "virtio-blk-pci,drive=root",
                   "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
                   "-device", "virtio-serial-pci"]
        fds = [monitor.fileno()]
        command += ["-chardev", f"socket,id=monitor,fd={monitor.fileno()}", "-mon", "chardev=monitor,mode=control"]
        for number, (name, sock) in enumerate(ports.items(), start=1):
            fds.append(sock.fileno())
            command += ["-chardev", f"socket,id={name},fd={sock.fileno()}",
                        "-device", f"virtserialport,nr={number},chardev={name},name={name}"]
        if console:
            fds.append(console.fileno())
            command += ["-chardev", f"socket,id=console,fd={console.fileno()}",
                        "-device", "virtconsole,nr=0,chardev=console"]
        if options.balloon:
            command += ["-device", "virtio-balloon-pci,id=balloon",
                        "-qmp", f"unix:{_quoted(options.balloon)},server=on,wait=off"]
        shares = [("repository", options.repository, False), ("modules", kernel.modules, True)]
        shares += [(f"share{i}", path, True) for i, path in enumerate(options.share)]
        for tag, path, readonly in shares:
            command += ["-fsdev", f"local,id={tag},path={_quoted(path)},security_model=none,multidevs=remap"
                        + (",readonly=on" if readonly else ""),
                        "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                            pass_fds=fds, preexec_fn=_die_with_parent)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def log_lines(self):
        try:
            text = self.log.read_bytes().decode("utf-8", "replace")
        except OSError:
            return []
        return text.replace("\r", "").splitlines()

    def own_error(self):
        """QEMU's own last words."""
        lines = self.errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else f"QEMU ended with status {self.process.returncode}"


def accelerator(directory, single=False):
    """QEMU arguments, a name for people, and whether it is real."""
    if kvm_works(directory):
        return ["-accel", "kvm", "-cpu", "host"], "KVM"
    thread = "single" if single else "multi"
    # avx2: QEMU 7.2 emulates something of it wrongly; Mesa's texture filter then gives blocks instead of gradients.
    # la57: page tables of five levels would only make emulated page walks longer.
    return ["-accel", f"tcg,thread={thread},tb-size=512", "-cpu", "max,avx2=off,la57=off"], f"TCG, thread={thread}"


def _quoted(path):
    """QEMU's option parser takes a doubled comma as one."""
    return str(path).replace(",", ",,")
