# SPDX-License-Identifier: MIT
"""A balloon that is inflated and deflated from outside, on a schedule from a seed.

It knows QEMU's monitor protocol (QMP), and nothing of the guest.
"""

import json
import random
import socket
import threading
import time

from gpumem_vm.errors import VmError

# Of the guest's memory: how much the balloon takes at most, and the steps it makes.
MOST = 0.12
PAUSE_SECONDS = (8, 20)


def schedule(seed, memory, seconds):
    """(second, MiB taken) in order; both parts of a seed's run are always the same."""
    chance = random.Random(f"balloon {seed}")
    at, steps = chance.uniform(*PAUSE_SECONDS), []
    while at < seconds:
        # Down after up, so that what it gave back lies between what others took.
        taken = chance.uniform(0.5, 1) if len(steps) % 2 == 0 else chance.uniform(0, 0.4)
        steps.append((round(at, 1), round(taken * MOST * memory)))
        at += chance.uniform(*PAUSE_SECONDS)
    return steps


class Monitor:
    """A connection to QEMU's monitor."""

    def __init__(self, path, timeout=10):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
            self._lines = self._socket.makefile("r", encoding="utf-8")
            self._read()  # the greeting
            self.call("qmp_capabilities")
        except (OSError, ValueError) as error:
            self.close()
            raise VmError(f"QEMU's monitor does not answer: {error}") from error

    def _read(self):
        line = self._lines.readline()
        if not line:
            raise VmError("QEMU's monitor has hung up")
        return json.loads(line)

    def call(self, command, **arguments):
        """What the command returns; events that come first are passed over."""
        try:
            self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
            while True:
                answer = self._read()
                if "error" in answer:
                    raise VmError(f"QEMU refused {command}: {answer['error'].get('desc', '')}")
                if "return" in answer:
                    return answer["return"]
        except (OSError, ValueError) as error:
            raise VmError(f"QEMU's monitor failed at {command}: {error}") from error

    def close(self):
        self._socket.close()


class Balloon(threading.Thread):
    """Follows a schedule until it is told to stop; `trouble` says what went wrong."""

    def __init__(self, path, memory, steps):
        super().__init__(daemon=True)
        self._path, self._memory, self._steps = path, memory, steps
        self._end = threading.Event()
        self.trouble = ""
        # (second, MiB that the guest had given by then)
        self.given = []

    def run(self):
        begun = time.monotonic()
        try:
            monitor = Monitor(self._path)
        except VmError as error:
            self.trouble = str(error)
            return
        try:
            for at, taken in self._steps:
                if self._end.wait(max(0, begun + at - time.monotonic())):
                    return
                has = monitor.call("query-balloon")["actual"] >> 20
                self.given.append((round(time.monotonic() - begun, 1), self._memory - has))
                monitor.call("balloon", value=(self._memory - taken) << 20)
        except VmError as error:
            # A guest that goes takes its monitor with it.
            if not self._end.is_set():
                self.trouble = str(error)
        finally:
            monitor.close()

    def stop(self):
        self._end.set()
        self.join()
