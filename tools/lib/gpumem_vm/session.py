# SPDX-License-Identifier: MIT
"""One run of a command in a guest: boot, stream, judge."""

import dataclasses
import errno
import os
import pathlib
import selectors
import shutil
import socket
import sys
import termios
import time
import tty

from . import cache, debug_kernel, initrd, kernels, klog, modules, qemu, rootfs
from .errors import GUEST_DIED, KERNEL_REPORT, TIMED_OUT, VmError

BOOT_SECONDS = 180
DEBUG_BOOT_SECONDS = 900
LAST_LINES = 100
# After the guest's own end mark this long for the serial line to catch up.
DRAIN_SECONDS = 5

# When COMMAND has outlived its limit, this long for the guest to say what it does.
BACKTRACE_SECONDS = 3
BACKTRACE = "sysrq: Show "
NMI_SECONDS = 10

BASE_MODULES = ["virtio_pci", "virtio_blk", "virtio_console", "squashfs", "overlay", "9p", "9pnet_virtio"]


@dataclasses.dataclass
class Options:
    """What the command line asked for."""
    repository: pathlib.Path
    command: list
    kernel: str = kernels.DEFAULT
    # None, or a debug kernel's
    kind: str | None = None
    mem: int = 1024
    cpus: int = 2
    backing: str | None = None
    vkms: str = "stock"
    module: bool = True
    share: list = dataclasses.field(default_factory=list)
    append: list = dataclasses.field(default_factory=list)
    compilers: bool = False
    # A socket's path: QEMU listens there and the guest has a balloon.
    balloon: pathlib.Path | None = None
    # Seconds for COMMAND, and without a word of it.
    timeout: float | None = None
    silence: float | None = None
    script: bytes | None = None


@dataclasses.dataclass
class Outcome:
    """How one boot ended."""
    started: bool = False
    status: int | None = None
    timed_out: bool = False
    failure: str | None = None
    log: list = dataclasses.field(default_factory=list)
    qemu_error: str = ""


class Session:
    """Prepares once, boots as often as needed."""

    def __init__(self, options):
        qemu.check()
        self.options = options
        self.kernel = debug_kernel.get(options.kernel, options.kind)
        self.image = rootfs.image(options.compilers)
        self.base, self.later = self._modules()

    def _modules(self):
        options = self.options
        base = modules.LoadList(self.kernel)
        for name in BASE_MODULES:
            base.add(name)
        everything = modules.LoadList(self.kernel)
        everything.order = list(base.order)
        given = {}
        if options.module:
            built = modules.gpumem(self.kernel, options.repository)
            for name, content in built.items():
                everything.add_file(name, content)
            if options.backing:
                there = modules.backings(built)
                if options.backing not in there:
                    raise VmError(f"gpumem.ko for {self.kernel.release} has no backing {options.backing}; "
                                  f"there is: {', '.join(there)}")
                given["gpumem"] = [f"backing={options.backing}"]
        if options.vkms == "stock":
            everything.add_file("vkms", modules.vkms(self.kernel).read_bytes())
        if options.vkms == "gpumem":
            everything.add_file("vkms", modules.vkms_on_gpumem(self.kernel, options.repository).read_bytes())
        later = [(name, data, given.get(name, []) + modules.parameters(name, options.append))
                 for name, data in everything.order[len(base.order):]]
        return base.order, later

    def _initrd(self, path):
        options = self.options
        out = options.repository / "out/vm"
        config = {
            "REPOSITORY": str(options.repository), "REPOSITORY_CACHE": "cache=mmap",
            "OUT": str(out), "TEST_MODULES": str(modules.work_directory(self.kernel, options.repository) / "tests/kmod"), "SHARES": str(len(options.share)),
            "GUEST_PATH": f"{options.repository}/build/guest/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            # Whether what is lost has to be looked for.
            "LEAKS": "yes" if options.kind == debug_kernel.DEBUG else "",
            "GUEST_TERM": os.environ.get("TERM", "dumb"),
        }
        if self._interactive():
            size = shutil.get_terminal_size()
            config["GUEST_SIZE"] = f"{size.lines} {size.columns}"
        for number, directory in enumerate(options.share):
            config[f"SHARE_{number}"] = str(directory)
        busybox = (rootfs.tree() / "usr/bin/busybox").read_bytes()
        path.write_bytes(initrd.build(busybox, self.base, self.later, config, options.command, options.script))
        out.mkdir(parents=True, exist_ok=True)

    def _interactive(self):
        return not self.options.command and self.options.script is None

    def run(self):
        """Exit status for the user, after at most three boots."""
        with cache.run_directory() as directory:
            image = directory / "initrd"
            self._initrd(image)
            single = False
            boots = 0
            while True:
                boots += 1
                outcome = self._boot(directory, image, single)
                if not single and klog.int3_of_emulation(outcome.log):
                    cache.say("the guest hit QEMU's int3 fault in kernel text patching: once more with thread=single")
                    single = True
                    continue
                if not outcome.started and not outcome.failure and boots == 1:
                    cache.say("the guest died before the command started: booting once more")
                    continue
                return _judge(outcome)

    def _boot(self, directory, image, single):
        accel, name = qemu.accelerator(directory, single)
        pairs = {port: socket.socketpair() for port in ("control", "stdout", "stderr")}
        console = socket.socketpair() if self._interactive() else None
        monitor = socket.socketpair()
        every = [*pairs.values(), monitor, *([console] if console else [])]
        begun = time.monotonic()
        try:
            machine = qemu.Machine(self.options, self.kernel, self.image, image, directory,
                                   {port: pair[1] for port, pair in pairs.items()}, console and console[1], monitor[1], accel)
            for pair in every:
                pair[1].close()
            try:
                pump = _Pump(machine, {port: pair[0] for port, pair in pairs.items()}, console and console[0], monitor[0])
                outcome = pump.run(begun, DEBUG_BOOT_SECONDS if self.options.kind else BOOT_SECONDS,
                                   self.options.timeout, self.options.silence, name)
            finally:
                machine.stop()
            outcome.log = machine.log_lines()
            outcome.qemu_error = machine.own_error()
            return outcome
        finally:
            for pair in every:
                for end in pair:
                    end.close()


class _Pump:
    """Moves bytes between the guest's ports and our own streams until the end."""

    def __init__(self, machine, ports, console, monitor):
        self.machine = machine
        self.ports = ports
        self.console = console
        self.monitor = monitor
        # What is left to be done to a guest whose COMMAND has outlived its limit.
        self.questions = [self._ask_for_backtraces, self._interrupt]
        self.outcome = Outcome()
        self.control = b""
        self.exited = False

    def run(self, begun, boot_seconds, timeout, silence, accel_name):
        self._begun, self._timeout, self._accel = begun, timeout, accel_name
        # Until COMMAND begins it need not say anything.
        self._silence, self._patience = silence or float("inf"), float("inf")
        self._deadline = begun + boot_seconds
        saved = termios.tcgetattr(0) if self.console else None
        with selectors.DefaultSelector() as selector:
            self._selector = selector
            selector.register(self.ports["control"], selectors.EVENT_READ, self._on_control)
            for name, stream in (("stdout", 1), ("stderr", 2)):
                selector.register(self.ports[name], selectors.EVENT_READ,
                                  lambda sock, out=stream: self._copy(sock, out))
            if self.console:
                selector.register(self.console, selectors.EVENT_READ, lambda sock: self._copy(sock, 1))
            try:
                self._loop()
            finally:
                if saved:
                    termios.tcsetattr(0, termios.TCSADRAIN, saved)
        return self.outcome

    def _loop(self):
        while not self.exited and selectors_open(self._selector):
            left = min(self._deadline, self._patience) - time.monotonic()
            if left <= 0:
                if not self.outcome.started or not self.questions:
                    return
                self.outcome.timed_out = True
                self._silence = self._patience = float("inf")
                self.questions.pop(0)()
                continue
            for key, _ in self._selector.select(min(left, 1)):
                key.data(key.fileobj)
            if self.machine.process.poll() is not None:
                break
        self._drain()

    def _ask_for_backtraces(self):
        """What the guest is doing is worth a moment before it is killed."""
        self._deadline = time.monotonic() + BACKTRACE_SECONDS
        try:
            self.ports["control"].send(b"backtrace\n", socket.MSG_DONTWAIT)
        except OSError:
            self._deadline = 0

    def _interrupt(self):
        """A guest that does not answer may do so to an NMI, which makes its kernel panic."""
        if any(BACKTRACE in line for line in self.machine.log_lines()):
            return
        cache.say("the guest does not answer: an NMI")
        self._deadline = time.monotonic() + NMI_SECONDS
        try:
            self.monitor.send(b'{"execute": "qmp_capabilities"}\n{"execute": "inject-nmi"}\n', socket.MSG_DONTWAIT)
        except OSError:
            self._deadline = 0

    def _drain(self):
        """What is still on its way when the guest says that it is done."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.outcome.status is not None and time.monotonic() < deadline:
            ended = any("gpumem-vm: command ended" in line for line in self.machine.log_lines()[-50:])
            events = self._selector.select(0.02)
            for key, _ in events:
                key.data(key.fileobj)
            if ended and not events:
                return
        for key, _ in self._selector.select(0):
            while key.fd >= 0 and key.data(key.fileobj):
                pass

    def _close(self, sock):
        if sock.fileno() >= 0:
            self._selector.unregister(sock)
            sock.close()
        return False

    def _copy(self, sock, out):
        try:
            data = sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            return self._close(sock)
        if self._patience != float("inf"):
            self._patience = time.monotonic() + self._silence
        try:
            write_all(out, data)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise BrokenPipeError from error
            raise
        return True

    def _on_control(self, sock):
        try:
            data = sock.recv(4096)
        except ConnectionResetError:
            data = b""
        if not data:
            return self._close(sock)
        self.control += data
        while b"\n" in self.control:
            line, self.control = self.control.split(b"\n", 1)
            self._message(line.decode("utf-8", "replace"))
        return False

    def _message(self, line):
        word, _, rest = line.partition(" ")
        if word == "start":
            self.outcome.started = True
            now = time.monotonic()
            cache.say(f"booted in {now - self._begun:.1f} s ({self._accel})")
            self._deadline = now + self._timeout if self._timeout else float("inf")
            self._patience = now + self._silence
            if self.console:
                tty.setraw(0)
                self._selector.register(0, selectors.EVENT_READ, self._on_keys)
        elif word == "leaks":
            # COMMAND has ended within its limits; to look for leaks takes as long as a start.
            self._patience = float("inf")
            self._deadline = time.monotonic() + DEBUG_BOOT_SECONDS
        elif word == "exit":
            self.outcome.status = int(rest)
            self.exited = True
        elif word == "fail":
            self.outcome.failure = rest
            self.exited = True

    def _on_keys(self, _):
        data = os.read(0, 4096)
        if data:
            self.console.sendall(data)
        else:
            self._selector.unregister(0)
        return False


def selectors_open(selector):
    return bool(selector.get_map())


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data):]


def _show(title, lines):
    print(f"tools/vm: {title}", file=sys.stderr)
    for line in lines:
        print(f"  {line}", file=sys.stderr)
    sys.stderr.flush()


def _judge(outcome):
    """The exit status: 71 and 124 before 70, 70 before COMMAND's own."""
    last = outcome.log[-LAST_LINES:]
    # The panic of a guest that had an NMI is its answer.
    if klog.panicked(outcome.log) and not outcome.timed_out:
        _show(f"the guest's kernel panicked; its last {len(last)} lines:", last)
        return GUEST_DIED
    if outcome.failure:
        _show("kernel log:", last[-20:])
        raise VmError(f"the guest could not start: {outcome.failure}")
    if not outcome.started:
        _show(f"the guest's last {len(last)} kernel lines:", last)
        raise VmError(f"the guest did not come up: {outcome.qemu_error}")
    if outcome.timed_out:
        _show(f"the command outlived its time limit; the guest's last {len(last)} kernel lines:", last)
        return TIMED_OUT
    if outcome.status is None:
        _show(f"the guest went away without a word; its last {len(last)} kernel lines:", last)
        return GUEST_DIED
    report = klog.excerpt(outcome.log)
    if report:
        _show(f"the kernel reported (the command itself ended with status {outcome.status}):", report)
        return KERNEL_REPORT
    return outcome.status
