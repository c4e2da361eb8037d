# SPDX-License-Identifier: MIT
"""One run of the platform: a guest with one setting, and the samples that it prints."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import threading

from gpumem_vm.build import REPOSITORY
from gpumem_vm.errors import VmError

from . import balloon

# Beside the load's own time: to get ready, and to end when memory is short.
GRACE_SECONDS = 240


def parsed(line):
    """A sample, or None for what else is printed."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("type") in ("sample", "end") else None


def command(setting, words, options, socket):
    return [str(REPOSITORY / "tools/vm"), "--kernel", options.kernel, "--mem", str(options.mem), "--vkms", "none", "--compilers",
            "--balloon", str(socket), "--append", " ".join(words), "--timeout", str(options.seconds + GRACE_SECONDS), "--",
            "tests/platform/run", *map(str, (options.mem, options.seed, options.seconds, options.interval)),
            "cold" if setting.cold else "-"]


def run(setting, words, options, out, show):
    """Samples of a run, in order, and the balloon; also kept in out/NAME.jsonl. show(sample) as they come.

    What an earlier run left stays until this one has succeeded.
    """
    log, samples = out / f"{setting.name}.log", []
    new = out / f".{setting.name}.jsonl.new"
    steps = balloon.schedule(options.seed, options.mem, options.seconds)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="gpumem-"))
    socket = scratch / "qmp"
    blower = balloon.Balloon(socket, options.mem, steps)
    try:
        with log.open("w", encoding="utf-8") as said, new.open("w", encoding="utf-8") as kept, \
                subprocess.Popen(command(setting, words, options, socket), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, errors="replace") as process:
            errors = threading.Thread(target=shutil.copyfileobj, args=(process.stderr, said))
            errors.start()
            try:
                for line in process.stdout:
                    if line == "ready\n":
                        # tools/vm boots a guest anew that dies of QEMU's own fault.
                        if blower.ident is not None:
                            raise VmError(f"the run {setting.name} was begun anew, as its guest was booted twice: see {log}")
                        blower.start()
                    elif sample := parsed(line):
                        kept.write(line)
                        kept.flush()
                        samples.append(sample)
                        show(sample)
                    else:
                        said.write(line)
                status = process.wait()
            except BaseException:
                # tools/vm ends its guest, and then its directories may go.
                process.terminate()
                process.wait()
                raise
            finally:
                errors.join()
    finally:
        if blower.is_alive():
            blower.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    if status:
        raise VmError(f"the run {setting.name} with seed {options.seed} failed with status {status}: see {log}")
    if blower.trouble:
        raise VmError(f"the balloon of the run {setting.name} failed: {blower.trouble}")
    if not samples or samples[-1]["type"] != "end":
        raise VmError(f"the run {setting.name} did not print its end: see {log}")
    new.replace(out / f"{setting.name}.jsonl")
    return samples, {"steps": steps, "given": blower.given}
