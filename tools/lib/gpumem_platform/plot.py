# SPDX-License-Identifier: MIT
"""Lines over time as SVG: a panel for each quantity, a line for each setting."""

import html

from . import numbers

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 900, 150, 70, 20, 60, 46
# Told apart also by who sees few colours.
COLOURS = {"unmovable": "#000000", "movable": "#56b4e9", "zsmalloc": "#e69f00", "whole": "#0072b2", "nominate": "#009e73",
           "hybrid": "#cc79a7"}
# Samples that success is averaged over: a share of a few tries jumps.
WINDOW = 5


def _averaged(points):
    """(t, got, tried) as (t, share) over the last few."""
    return [(points[at][0], sum(p[1] for p in points[max(0, at - WINDOW + 1):at + 1])
             / max(1, sum(p[2] for p in points[max(0, at - WINDOW + 1):at + 1])) * 100) for at in range(len(points))]


def _success(order):
    return lambda samples: _averaged([(s["t"], s["probe"][order]["succeeded"], s["probe"][order]["tried"]) for s in samples])


def _each(number):
    return lambda samples: [(s["t"], value) for s in samples if (value := number(s)) is not None]


def _since_start(number):
    def points(samples):
        found = _each(number)(samples)
        return [(t, value - found[0][1]) for t, value in found]
    return points


def _mib(number):
    return lambda sample: None if (value := number(sample)) is None else value / 2**20


# File: title, and panels: what, unit, points of a run, upper end of the scale or None
PLOTS = {
    "success.svg": ("Allocations that succeed, on demand",
                    [(f"order {order}", "%", _success(order), 100) for order in numbers.ORDERS]),
    "free.svg": ("Free memory in blocks of at least an order",
                 [(f"order >= {order}", "MiB", _each(_mib(lambda s, order=order: numbers.free_bytes(s, order))), None)
                  for order in (0, *numbers.SHARES)]),
    "copied.svg": ("Copied to move memory, since the start",
                   [("all pages and objects", "MiB", _since_start(_mib(numbers.copied_bytes)), None),
                    ("pages of buffers", "MiB", _since_start(_mib(lambda s: s["gpu"]["moved"] * numbers.PAGE)), None)]),
    "store.svg": ("Memory that compressed pages take",
                  [("the store, of cold buffers", "MiB", _each(_mib(lambda s: numbers.of_store(s, "used"))), None),
                   ("zram, of swap", "MiB", _each(_mib(lambda s: s["zram"] and s["zram"]["used"])), None)]),
    "cpu.svg": ("CPU time, since the start",
                [("kcompactd", "s", _since_start(lambda s: numbers.cpu_seconds(s)["kcompactd"]), None),
                 ("kswapd", "s", _since_start(lambda s: numbers.cpu_seconds(s)["kswapd"]), None),
                 ("compaction by those who allocate", "s",
                  _since_start(lambda s: s["compaction"] and s["compaction"]["direct"].get("cpu_seconds")), None)]),
}


def _round_up(value):
    """The next number of one or two figures that a scale may end with."""
    size = 1e-3
    while True:
        for step in (1, 2, 5):
            if size * step >= value:
                return size * step
        size *= 10


def _panel(number, panel, runs, seconds):
    what, unit, points_of, most = panel
    lines = {name: points_of(samples) for name, samples in runs.items()}
    highest = most or _round_up(max((y for points in lines.values() for _, y in points), default=1) or 1)
    top = TOP + number * (PANEL + GAP)
    wide = WIDTH - LEFT - RIGHT
    out = [f'<text x="{LEFT}" y="{top - 6}" font-weight="bold">{html.escape(what)}</text>',
           f'<rect x="{LEFT}" y="{top}" width="{wide}" height="{PANEL}" fill="none" stroke="#999"/>']
    for part in (0, 0.5, 1):
        y = top + PANEL * (1 - part)
        out += [f'<line x1="{LEFT}" x2="{LEFT + wide}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
                f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{highest * part:g} {unit}</text>']
    for part in (0, 0.25, 0.5, 0.75, 1):
        out.append(f'<text x="{LEFT + wide * part:.1f}" y="{top + PANEL + 14}" text-anchor="middle">{seconds * part:.0f} s</text>')
    for name, points in lines.items():
        if points:
            # A little below the edge, so that a line at 100 % is seen.
            at = " ".join(f"{LEFT + wide * t / seconds:.1f},{top + PANEL * (1 - max(0, min(1, y / highest)) * 0.99):.1f}"
                          for t, y in points)
            out.append(f'<polyline fill="none" stroke="{COLOURS[name]}" stroke-width="1.5" points="{at}"/>')
    return out


def svg(title, panels, runs, seconds):
    height = TOP + len(panels) * (PANEL + GAP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
           f'<text x="{LEFT}" y="20" font-size="15">{html.escape(title)}</text>']
    for number, name in enumerate(runs):
        x = LEFT + number * 110
        out += [f'<line x1="{x}" x2="{x + 20}" y1="34" y2="34" stroke="{COLOURS[name]}" stroke-width="3"/>',
                f'<text x="{x + 25}" y="38">{html.escape(name)}</text>']
    for number, panel in enumerate(panels):
        out += _panel(number, panel, runs, seconds)
    return "\n".join([*out, "</svg>", ""])


def files(result, samples):
    """SVG documents by name; samples by setting, as they were printed."""
    runs = {name: [sample for sample in found if sample["type"] == "sample"] for name, found in samples.items()}
    return {name: svg(title, panels, runs, result["seconds"]) for name, (title, panels) in PLOTS.items()}
