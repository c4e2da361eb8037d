# SPDX-License-Identifier: MIT
"""What three passes of the same frames say together."""


# What the demo claims: movable buffers leave the kernel this many times as many
# huge pages, and a long run moves this many pages.
ENOUGH_HUGE_PAGES = 5
LONG_RUN = 300
ENOUGH_MOVES = 10000


def wrong_frames(reference, other):
    """Numbers of frames that did not show what they show at rest."""
    count = max(len(reference), len(other))
    return [n for n in range(count)
            if n >= len(reference) or n >= len(other) or reference[n] != other[n]]


def summarize(kernel, size, found):
    """found: results by the pass's name."""
    reference, movable, unmovable = found["reference"], found["movable"], found["unmovable"]
    return {
        "kernel": kernel,
        "backing": movable["backing"],
        "vulkan_device": movable["device"],
        "size": size,
        "frames": movable["frames"],
        "frames_distinct": len(set(reference["crc"])),
        "frames_wrong": len(wrong_frames(reference["crc"], movable["crc"])),
        "frames_wrong_unmovable": len(wrong_frames(reference["crc"], unmovable["crc"])),
        "buffers": movable["buffers"],
        "buffer_bytes": movable["buffer_bytes"],
        "pages_moved": movable["pages_moved"],
        "pages_moved_of_all": movable["pages_moved_of_all"],
        "pages_moved_unmovable": unmovable["pages_moved_of_all"],
        "crumb_pages_intact": movable["crumbs"]["pages_intact"],
        "storm_rounds": {name: found[name]["storm"]["rounds"] for name in ("movable", "unmovable")},
        "huge_pages_asked": {name: found[name]["storm"]["asked_median"] for name in ("movable", "unmovable")},
        "huge_pages_movable": movable["storm"]["huge_pages_median"],
        "huge_pages_unmovable": unmovable["storm"]["huge_pages_median"],
        "frame_ms": {name: found[name]["frame_ms"] for name in ("reference", "movable", "unmovable")},
    }


def table(summary):
    """The end of a run for the person at the terminal."""
    rows = [("", "frames", "wrong", "huge pages", "pages moved", "frame ms: median", "99 %", "longest")]
    for name, wrong, moved in (("reference", None, None),
                               ("movable", summary["frames_wrong"], summary["pages_moved"]),
                               ("unmovable", summary["frames_wrong_unmovable"], summary["pages_moved_unmovable"])):
        times = summary["frame_ms"][name]
        huge = summary.get(f"huge_pages_{name}")
        rows.append((name, summary["frames"], _or_dash(wrong), _or_dash(huge), _or_dash(moved),
                     *(f"{times[key]:.0f}" for key in ("p50", "p99", "max"))))
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(str(cell).ljust(width) if column == 0 else str(cell).rjust(width)
                               for column, (cell, width) in enumerate(zip(row, widths, strict=True)))
                     for row in rows)


def _or_dash(value):
    return "-" if value is None else value


def verdict(summary):
    """None, or the one line that says what should not have happened."""
    if summary["frames_wrong"] or summary["frames_wrong_unmovable"]:
        wrong = summary["frames_wrong"] or summary["frames_wrong_unmovable"]
        return f"{wrong} of {summary['frames']} frames differ from the reference pass"
    if summary["frames_distinct"] < 2:
        return "all frames look the same, so the display showed nothing"
    if not summary["pages_moved"]:
        return "no page moved, so the frames prove nothing"
    if summary["pages_moved_unmovable"]:
        return "pages moved although movable=0, so the comparison is void"
    if summary["huge_pages_movable"] < max(1, ENOUGH_HUGE_PAGES * summary["huge_pages_unmovable"]):
        return (f"{summary['huge_pages_movable']} huge pages with movable buffers and {summary['huge_pages_unmovable']} "
                "without: moving them gained too little")
    if summary["frames"] >= LONG_RUN and summary["pages_moved"] < ENOUGH_MOVES:
        return f"only {summary['pages_moved']} pages moved in {summary['frames']} frames"
    return None
