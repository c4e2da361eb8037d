# SPDX-License-Identifier: MIT
"""What the samples of a run come to.

Only samples count that were taken when the load was at work on a memory that is
full ("warm"); counters are differences between the first and the last of them.
"""

PAGE = 4096
ORDERS = ("2", "3", "4", "6", "9")
SHARES = (3, 4, 6, 9)

# What the store's debugfs file calls things.
STORE = {"stored": "stored_bytes", "used": "held_bytes", "objects_moved": "objects_moved", "copied": "bytes_copied",
         "whole": "moved_whole", "emptied": "emptied", "packed": "packed", "compacted": "pages_compacted", "searches": "searches", "steps": "steps"}


def of_store(sample, what):
    """A number of the store, or None where there is none."""
    value = (sample["store"] or {}).get(STORE[what])
    return value if isinstance(value, (int, float)) else None


def free_bytes(sample, order=0):
    """Free memory in blocks of at least that order."""
    return sum(count << at for at, count in enumerate(sample["buddyinfo"]) if at >= order) * PAGE


def copied_bytes(sample):
    """All that was copied to move pages, and objects of the store."""
    # The kernel counts a page of the store as moved whichever way it went, and the
    # store says what was copied for it: a page, or the objects on it.
    of_the_store = sum(of_store(sample, what) or 0 for what in ("whole", "emptied"))
    return (sample["vmstat"].get("pgmigrate_success", 0) - of_the_store) * PAGE + (of_store(sample, "copied") or 0)


def copied_meanwhile(sample, order):
    """What of it was copied while blocks of that order were asked for, by whomever; None if nobody looked."""
    moved = sample["probe"][order].get("meanwhile")
    return moved and copied_bytes(moved)


def cpu_seconds(sample):
    """CPU of the threads that reclaim and compact, by the beginning of their names."""
    return {name: sum(seconds for thread, seconds in sample["threads"].items() if thread.startswith(name))
            for name in ("kswapd", "kcompactd")}


def _mean(values):
    values = [value for value in values if value is not None]
    return sum(values) / len(values) if values else None


def _sum(values):
    values = [value for value in values if value is not None]
    return sum(values) if values else None


def _ratio(part, whole):
    return part / whole if whole else None


def _compaction_cpu(first, last, cpu, compaction):
    """Seconds on a CPU for moving pages, by who did it; None for what nobody counted."""
    packed = _between(first, last, "pack_ns") if first["store"] else 0
    parts = {"kcompactd": cpu["kcompactd"], "direct": (compaction or {}).get("direct", {}).get("cpu_seconds"),
             "packing": None if packed is None else packed / 1e9}
    return {**parts, "all": None if None in parts.values() else sum(parts.values())}


def _between(first, last, key):
    """By how much a number of the store grew, by its name in debugfs."""
    values = [(sample["store"] or {}).get(key) for sample in (first, last)]
    return None if None in values else values[1] - values[0]


def _difference(first, last, what):
    return _between(first, last, STORE[what])


def _probes(samples, order):
    probes = [sample["probe"][order] for sample in samples]
    tried, succeeded = (sum(probe[what] for probe in probes) for what in ("tried", "succeeded"))
    first = [probe for probe in probes if probe.get("place") == 0]
    return {"tried": tried, "succeeded": succeeded, "share": _ratio(succeeded, tried),
            "share_first": _ratio(*(sum(probe[what] for probe in first) for what in ("succeeded", "tried"))),
            "mean_ns": _ratio(sum(probe["ns"] for probe in probes), tried), "max_ns": max(probe["max_ns"] for probe in probes),
            "copied": _sum(copied_meanwhile(sample, order) for sample in samples),
            "scanned": _sum((probe.get("meanwhile") or {"vmstat": {}})["vmstat"].get("compact_migrate_scanned") for probe in probes)}


def _composition(warm, end):
    """What memory was used for, by which the load was set."""
    touches = sum(end.get(what, 0) for what in ("pages_filled", "pages_verified", "pages_refused"))
    return {**{what: _mean(sample["memory"].get(what) for sample in warm) for what in ("free", "anonymous", "files", "swap")},
            "swap_share": _mean(_ratio(sample["memory"]["swap"], sample["memory"].get("swap_all")) for sample in warm),
            "buffers_share": _mean(_ratio(sample["gpu"].get("bytes", 0), sample.get("machine")) for sample in warm),
            "refused_share": _ratio(end.get("pages_refused", 0), touches)}


def _restores(first, last):
    """What the kernel says of the touches that waited for a page of the store; the longest is of all since it was loaded."""
    count, ns = (_between(first, last, what) for what in ("restores", "restore_sum_ns"))
    if count is None or ns is None:
        return None
    before, after = ((sample["store"].get("restore_below_us") or {}) for sample in (first, last))
    times = {int(us): number - before.get(us, 0) for us, number in after.items()}
    seen, p99 = 0, None
    for us in sorted(times):
        seen += times[us]
        if count and seen * 100 >= count * 99:
            p99 = us * 1000
            break
    return {"count": count, "mean_ns": _ratio(ns, count), "p99_ns": p99, "max_ns": last["store"].get("restore_max_ns")}


def _searches(first, last):
    """Pages looked at for an object's new page, by searches between two samples; {} for a store that does not tell."""
    counts, steps = [], 0
    while (count := _between(first, last, f"searches_of_{steps}")) is not None:
        counts += [(steps, count)]
        steps += 1
    all_of_them, seen, p99 = sum(count for _, count in counts), 0, None
    for steps, count in counts:
        seen += count
        if p99 is None and seen * 100 >= all_of_them * 99:
            p99 = steps
    return {"steps_p99": p99, "steps_max": max((steps for steps, count in counts if count), default=0)} if counts else {}


def _store(first, last, warm):
    if not any(sample["store"] for sample in warm):
        return None
    searches, steps = (_difference(first, last, what) for what in ("searches", "steps"))
    return {"stored": _mean(of_store(sample, "stored") for sample in warm), "used": _mean(of_store(sample, "used") for sample in warm),
            # Of all bytes at all times: a store that is nearly empty for a while counts as little as it holds.
            "used_per_stored": _ratio(*(_sum(of_store(sample, what) for sample in warm) or 0 for what in ("used", "stored"))),
            "beside": _mean(_sum((sample["store"] or {}).get(what) for what in ("handle_bytes", "descriptor_bytes")) for sample in warm),
            **{what: _difference(first, last, what) for what in ("objects_moved", "copied", "whole", "emptied", "packed", "compacted")},
            "restores": _restores(first, last),
            "steps_mean": 0 if searches == 0 else _ratio(steps or 0, searches), **_searches(first, last)}


def summary(found):
    """The numbers of a run: samples in their order, its end last."""
    end, samples = found[-1], found[:-1]
    warm = [sample for sample in samples if sample["warm"]]
    if len(warm) < 2:
        return {"samples": len(samples), "warm": len(warm), "end": end}
    first, last = warm[0], warm[-1]
    # A sample's counters are from before its probes: those of the last one count too, as what they got does.
    copied = copied_bytes(last) - copied_bytes(first) + sum(copied_meanwhile(last, order) or 0 for order in ORDERS)
    probes = {order: _probes(warm, order) for order in ORDERS}
    compaction = first["compaction"] and {who: {what: last["compaction"][who][what] - number for what, number in begun.items()}
                                          for who, begun in first["compaction"].items()}
    cpu = {name: cpu_seconds(last)[name] - cpu_seconds(first)[name] for name in cpu_seconds(last)}
    return {
        "samples": len(samples), "warm": len(warm), "seconds": last["t"] - first["t"],
        "probes": probes,
        "free_share": {str(order): _mean(_ratio(free_bytes(sample, order), free_bytes(sample)) for sample in warm) for order in SHARES},
        "unusable_index": {order: _mean(sample["unusable_index"][int(order)] for sample in warm if sample["unusable_index"])
                           for order in ORDERS},
        "composition": _composition(warm, end),
        "gpu": _mean(sample["gpu"]["resident_pages"] * PAGE for sample in warm),
        "cold": _mean(sample["gpu"]["cold_bytes"] for sample in warm),
        "zram_used": _mean(sample["zram"]["used"] for sample in warm if sample["zram"]),
        "zram_compacted": last["zram"] and last["zram"].get("pages_compacted", 0) - first["zram"].get("pages_compacted", 0),
        "buffer_pages_moved": last["gpu"]["moved"] - first["gpu"]["moved"],
        "copied": copied, "copied_per_order_9": _ratio(copied, probes["9"]["succeeded"]),
        "vmstat": {key: last["vmstat"][key] - first["vmstat"].get(key, 0) for key in last["vmstat"]},
        "cpu": cpu, "compaction": compaction, "compaction_cpu": _compaction_cpu(first, last, cpu, compaction),
        "store": _store(first, last, warm),
        "end": end,
    }
