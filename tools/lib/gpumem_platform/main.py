# SPDX-License-Identifier: MIT
"""The command line of tools/platform."""

import dataclasses
import json
import pathlib
import signal
import sys
import tempfile

from gpumem_vm import build, cache, kernels, modules, qemu, setup
from gpumem_vm.arguments import OneLineParser, number_of, seed, series
from gpumem_vm.errors import VmError

from . import guest, numbers, plot, settings, table

DESCRIPTION = """\
Run the load of a small device in a guest, once for each setting, with the same
seed: zram swap of 25 % of memory, GPU buffers of 35 %, a balloon that the host
inflates and deflates, a compiler, programs that come and go. Every few seconds
blocks of order 2, 3, 4, 6 and 9 are asked for as network and huge pages do."""

EPILOG = """\
settings (--policy; may be given more than once; all: every one):
  unmovable  buffers stay where they are, as with today's drivers (movable=0)
  movable    buffers move; no compressed store
  zsmalloc   buffers move; cold ones are compressed into the kernel's allocator
  whole, nominate, hybrid
             the same with gpumem's store and that way of moving its pages
All but the first two need a module with a store.

Writes into DIR: platform.json (what it comes to), table.md, *.svg (over time),
and of each setting NAME.jsonl (every sample) and NAME.log.
--table FILE makes table.md and the plots anew from an earlier platform.json and
the samples beside it.

Exit status: 0, 1 if something failed (one line says what), 2 for a wrong command
line, 130 when interrupted. Details: docs/platform.md"""


# What platform.json has of a setting beside its numbers.
GIVEN = ("title", "parameters", "balloon")


@dataclasses.dataclass
class Options:
    kernel: str
    mem: int
    seed: int
    seconds: int
    interval: int = 5


def parser():
    result = OneLineParser(prog="tools/platform", description=DESCRIPTION, epilog=EPILOG)
    add = result.add_argument
    add("--mem", metavar="MiB", type=int, choices=(512, 1024), default=512, help="the device's memory: 512 (default) or 1024")
    add("--minutes", metavar="N", type=number_of("minutes", 1, 1440, places=2), default=10, help="length of each run (default 10)")
    add("--policy", metavar="SETTING", choices=(*settings.ALL, "all"), action="append", help="see below (default all)")
    add("--movable", type=int, choices=(0, 1), help="0: as --policy unmovable; 1: as --policy movable")
    add("--kernel", metavar="SERIES", type=series, default=kernels.DEFAULT,
        help=f"Debian kernel series for the guest (default {kernels.DEFAULT})")
    add("--seed", metavar="N", type=seed, default=1, help="of all choices (default 1)")
    add("--out", metavar="DIR", type=pathlib.Path, default=build.REPOSITORY / "out/platform",
        help="where the results go (default out/platform)")
    add("--add", action="store_true", help="keep the other settings of an earlier run in DIR, with the same kernel, memory, time, seed, programs and accelerator")
    add("--table", metavar="FILE", type=pathlib.Path, help="run nothing: table and plots from this platform.json")
    return result


def _progress(setting):
    """Tells now and then how a run goes."""
    next_at = [0]

    def show(sample):
        if sample["type"] == "sample" and sample["t"] >= next_at[0]:
            next_at[0] = sample["t"] + 30
            orders = ", ".join(f"{order}: {probe['succeeded']}/{probe['tried']}" for order, probe in sample["probe"].items())
            print(f"{setting.name} {sample['t']:.0f} s: blocks by order {orders}", file=sys.stderr, flush=True)
    return show


def write(out, result, samples):
    """platform.json, table and plots, whole or not at all."""
    for name, text in (("platform.json", json.dumps(result, indent=1) + "\n"), ("table.md", table.document(result)),
                       *plot.files(result, samples).items()):
        new = out / f".{name}.new"
        new.write_text(text, encoding="utf-8")
        new.replace(out / name)


def earlier(path):
    """What an earlier run left: platform.json, with its numbers made anew, and the samples."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        samples = {name: [json.loads(line) for line in (path.parent / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
                   for name in result["settings"]}
        for name, found in samples.items():
            if not found or found[-1]["type"] != "end":
                raise ValueError(f"{name}.jsonl does not have its end")
            result["settings"][name] = {**{key: result["settings"][name][key] for key in GIVEN}, **numbers.summary(found)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VmError(f"{path} is not what tools/platform has written: {error}") from error
    return result, samples


def digest(kernel, built):
    """Of all that a run's numbers are those of: the modules, what measures, and the load."""
    tests = modules.test_modules(kernel, build.REPOSITORY)
    guest_build = build.REPOSITORY / "build/guest"
    return cache.key(*built.values(), *(tests / f"gpumem_test_{name}.ko" for name in ("probe", "compaction")),
                     guest_build / "bin/gpumem-platform", guest_build / "lib/libgpumem.so.0", build.REPOSITORY / "tests/platform/run")


def accelerator():
    with tempfile.TemporaryDirectory(prefix="gpumem-") as scratch:
        return qemu.accelerator(pathlib.Path(scratch))[1]


def begun(out, machine, add):
    """Where results go: to what is there already, if they are to be added and of the same machine."""
    if not add or not (out / "platform.json").exists():
        return {**machine, "settings": {}}, {}
    result, samples = earlier(out / "platform.json")
    for what, value in machine.items():
        if result.get(what) != value:
            raise VmError(f"--add: {out / 'platform.json'} has {what} {result.get(what)}, and this run has {value}")
    return result, samples


def run(parsed):
    if parsed.table:
        result, samples = earlier(parsed.table)
        write(parsed.table.parent, result, samples)
        print(table.document(result))
        return 0
    chosen = settings.chosen(parsed.policy, parsed.movable)
    options = Options(parsed.kernel, parsed.mem, parsed.seed, round(parsed.minutes * 60))
    out = parsed.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    setup.install()
    if build.main(["--kernel", parsed.kernel]):
        return 1
    kernel = kernels.get(parsed.kernel)
    built = modules.gpumem(kernel, build.REPOSITORY)
    # All of them, before the first one takes its time.
    words = {setting.name: settings.words(setting, built) for setting in chosen}
    machine = {"kernel": kernel.release, "mem": options.mem, "seconds": options.seconds, "seed": options.seed,
               "interval": options.interval, "accelerator": accelerator(), "digest": digest(kernel, built)}
    with cache.lock(out / ".lock"):
        result, samples = begun(out, machine, parsed.add)
        for setting in chosen:
            found, balloon = guest.run(setting, words[setting.name], options, out, _progress(setting))
            samples[setting.name] = found
            result["settings"][setting.name] = {"title": setting.title, "parameters": words[setting.name], "balloon": balloon,
                                                **numbers.summary(found)}
            write(out, result, samples)
    print(table.document(result))
    print(f"platform.json, table.md and plots: {out}")
    return 0


def main(arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    parsed = parser().parse_args(arguments)
    try:
        return run(parsed)
    except (VmError, OSError) as error:
        print(f"tools/platform: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
