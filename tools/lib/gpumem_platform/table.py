# SPDX-License-Identifier: MIT
"""The table of platform.json, in Markdown: a row for each number, a column for each setting."""

from . import numbers

NONE = "-"


def _share(value):
    return NONE if value is None else f"{value * 100:.1f} %"


def _mib(value):
    return NONE if value is None else f"{value / 2**20:.1f}"


def _plain(form):
    return lambda value: NONE if value is None else format(value, form)


def _micros(ns):
    return NONE if ns is None else f"{ns / 1000:.0f}"


def _path(*names):
    """Looks a number up, None where any step is missing."""
    def look(found):
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found
    return look


def _latency(what):
    def look(found):
        latency = _path("end", "latency", what)(found)
        if not latency:
            return None
        if not latency["count"]:
            return 0
        return " / ".join(_micros(latency[which]) for which in ("p50_ns", "p99_ns", "max_ns"))
    return look


def _restores(found):
    restores = _path("store", "restores")(found)
    if not restores:
        return None
    if not restores["count"]:
        return 0
    return " / ".join(_micros(restores[which]) for which in ("mean_ns", "p99_ns", "max_ns"))


def _steps(found):
    store = found.get("store") or {}
    values = [store.get(name) for name in ("steps_mean", "steps_p99", "steps_max")]
    return None if all(value is None for value in values) else " / ".join(_plain(".3g")(value) for value in values)


def inflations(found):
    """How often the guest had given more to the balloon than the time before."""
    given = [0, *(mib for _, mib in (found.get("balloon") or {}).get("given", ()))]
    return sum(now > before for before, now in zip(given, given[1:]))


def _times(order, base):
    """Success at an order, as a multiple of another setting's."""
    def look(found):
        share, of = (_path("probes", order, "share")(setting or {}) for setting in (found, found["settings"].get(base)))
        return None if share is None or not of else share / of
    return look


# What memory is used for: the load was set by it, before anyone looked at success.
COMPOSITION = (
    ("free memory, MiB", _path("composition", "free"), _mib),
    ("memory of programs, MiB", _path("composition", "anonymous"), _mib),
    ("page cache, MiB", _path("composition", "files"), _mib),
    ("in swap, MiB", _path("composition", "swap"), _mib),
    ("part of swap in use", _path("composition", "swap_share"), _share),
    ("buffers, of all memory", _path("composition", "buffers_share"), _share),
    ("touches refused memory", _path("end", "pages_refused"), _plain("d")),
    ("part of touches refused memory", _path("composition", "refused_share"), lambda value: NONE if value is None else f"{value * 100:.3f} %"),
    ("processes killed for want of memory", _path("vmstat", "oom_kill"), _plain("d")),
)

# What the load did from start to end; where settings differ in it they did not have the same load.
WORK = (
    ("buffers made", _path("end", "buffers_made"), _plain("d")),
    ("pages filled", _path("end", "pages_filled"), _plain("d")),
    ("pages verified", _path("end", "pages_verified"), _plain("d")),
    ("files read, MiB", _path("end", "bytes_read"), _mib),
    ("processes forked", _path("end", "forks"), _plain("d")),
    ("programs that ended", _path("end", "apps_ended"), _plain("d")),
    ("sources compiled", _path("end", "compiled"), _plain("d")),
    ("balloon inflated, times", inflations, _plain("d")),
)
MOST_APART = 0.10

# (what, how to look it up in a setting that has all of them as "settings", how to write it)
ROWS = (
    ("samples that count", _path("warm"), _plain("d")),
    *((f"success on demand, order {order}", _path("probes", order, "share"), _share) for order in numbers.ORDERS),
    *((f"success on demand, order {order}, asked for first", _path("probes", order, "share_first"), _share) for order in ("3", "9")),
    *((f"success at order 9, times that of {base}", _times("9", base), _plain(".2f")) for base in ("unmovable", "movable")),
    *((f"blocks of order {order}: got / tried",
       lambda found, order=order: (probe := _path("probes", order)(found)) and f"{probe['succeeded']} / {probe['tried']}",
       _plain("")) for order in ("3", "6", "9")),
    *((f"free memory in blocks of order >= {order}", _path("free_share", str(order)), _share) for order in numbers.SHARES),
    *((f"unusable free space, order {order}", _path("unusable_index", order), _plain(".3f")) for order in ("3", "6", "9")),
    ("memory of zram, MiB", _path("zram_used"), _mib),
    ("buffers resident, MiB", _path("gpu"), _mib),
    ("pages of buffers moved", _path("buffer_pages_moved"), _plain("d")),
    ("pages moved by the kernel, all", _path("vmstat", "pgmigrate_success"), _plain("d")),
    ("copied, MiB", _path("copied"), _mib),
    ("copied per block of order 9 got, MiB", _path("copied_per_order_9"), _mib),
    *((f"copied while order {order} was asked for, MiB", _path("probes", order, "copied"), _mib) for order in ("3", "6", "9")),
    *((f"pages looked at for moving while order {order} was asked for", _path("probes", order, "scanned"), _plain("d"))
      for order in ("3", "6", "9")),
    ("bytes in the store, MiB", _path("store", "stored"), _mib),
    ("memory of the store, MiB", _path("store", "used"), _mib),
    ("handles and descriptors beside it, MiB", _path("store", "beside"), _mib),
    ("memory of the store per byte stored", _path("store", "used_per_stored"), _plain(".3f")),
    ("pages of the store moved whole", _path("store", "whole"), _plain(".0f")),
    ("pages of the store emptied into others", _path("store", "emptied"), _plain(".0f")),
    ("pages of the store emptied by its packing", _path("store", "packed"), _plain(".0f")),
    ("pages of the store that zsmalloc compacted", _path("store", "compacted"), _plain(".0f")),
    ("pages of zram that zsmalloc compacted", _path("zram_compacted"), _plain("d")),
    ("objects moved", _path("store", "objects_moved"), _plain(".0f")),
    ("search steps per object: mean / p99 / max", _steps, _plain("")),
    ("CPU of compaction, all, s", _path("compaction_cpu", "all"), _plain(".1f")),
    ("CPU of kcompactd, s", _path("compaction_cpu", "kcompactd"), _plain(".1f")),
    ("CPU of compaction by those who allocate, s", _path("compaction_cpu", "direct"), _plain(".1f")),
    ("CPU of the store's packing, s", _path("compaction_cpu", "packing"), _plain(".1f")),
    ("CPU of kswapd, s", _path("cpu", "kswapd"), _plain(".1f")),
    ("compaction by kcompactd, by the clock, s", _path("compaction", "kcompactd", "seconds"), _plain(".1f")),
    ("compaction by those who allocate, by the clock, s", _path("compaction", "direct", "seconds"), _plain(".1f")),
    ("compactions that were not timed", _path("compaction", "missed", "calls"), _plain("d")),
    *((f"order {order} allocation, mean, us", _path("probes", order, "mean_ns"), _micros) for order in ("3", "9")),
    ("first touch of a page, us: p50 / p99 / max", _latency("first_touch"), _plain("")),
    ("touch of a resident page, us: p50 / p99 / max", _latency("touch"), _plain("")),
    ("touch of a cold page, us: p50 / p99 / max", _latency("cold_touch"), _plain("")),
    ("restoring a cold page, in the kernel, us: mean / p99 below / max", _restores, _plain("")),
    *COMPOSITION,
    *WORK,
    ("pages wrong", _path("end", "pages_wrong"), _plain("d")),
    ("buffers refused memory", _path("end", "buffers_refused"), _plain("d")),
    ("forks that failed", _path("end", "forks_failed"), _plain("d")),
    ("compilations that failed", _path("end", "compile_failed"), _plain("d")),
)


def apart(result):
    """The work in which settings differ by too much, as words."""
    found = []
    for what, look, _ in WORK:
        done = {name: number for name, setting in result["settings"].items() if (number := look(setting)) is not None}
        least, most = (which(done, key=done.get, default=None) for which in (min, max))
        if least is not None and done[most] - done[least] > MOST_APART * done[most]:
            part = f"{(1 - done[least] / done[most]) * 100:.0f} %"
            found.append(f"{what} ({part} less by {least} than by {most})")
    return found


def table(result):
    """Rows in which no setting has a number are left out."""
    found = result["settings"]
    lines = ["| | " + " | ".join(setting["title"] for setting in found.values()) + " |", "|---|" + "---:|" * len(found)]
    for what, look, form in ROWS:
        cells = [form(look({**setting, "settings": found})) for setting in found.values()]
        if any(cell != NONE for cell in cells):
            lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def lacking(setting):
    """What every load has and this one did not, as words."""
    return [what for what, look in (("no source was compiled", _path("end", "compiled")), ("no process was forked", _path("end", "forks")),
                                    ("the balloon was never inflated", inflations), ("nothing was in swap", _path("composition", "swap"))) if not look(setting)]


def document(result):
    """The table below the command that repeats it."""
    settings = " ".join(f"--policy {name}" for name in result["settings"])
    head = (f"Kernel {result['kernel']}, {result['mem']} MiB, {result['seconds'] / 60:g} minutes each, seed {result['seed']}:\n"
            f"`tools/platform --mem {result['mem']} --minutes {result['seconds'] / 60:g} --seed {result['seed']} {settings}`")
    cold = [name for name, setting in result["settings"].items() if setting["warm"] < 2]
    notes = [f"Too short to count: {', '.join(cold)} (memory was not full for long enough)."] if cold else []
    for name, setting in result["settings"].items():
        if setting["warm"] >= 2 and (words := lacking(setting)):
            notes.append(f"Warning: not the load that is meant: of {name}, {', '.join(words)}.")
    if different := apart(result):
        notes.append(f"Warning: the load differs by more than {MOST_APART * 100:.0f} % in {', '.join(different)}.")
    return "\n\n".join([head, table(result), *notes]) + "\n"
