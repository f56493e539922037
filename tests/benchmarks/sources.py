# Figures of the sources.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs to receive MJPEG over HTTP, by the native thread and by aiohttp."""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING

from .figure import Figure, Spread

if TYPE_CHECKING:
    from .stand import Stand

# CPU per received byte over that of aiohttp's reading.
TARGET = 0.6
WARMUP_S = 0.4
WINDOW_S = 2.5
WAYS = ("handed", "fed")


def measure(stand: Stand) -> list[Figure]:
    """CPU for each received byte, of the two ways by turns."""
    costs: dict[str, list[float]] = {way: [] for way in WAYS}
    url = f"http://127.0.0.1:{stand.bare_stream.port}/stream"
    for _ in range(stand.rounds):
        for way in WAYS:
            costs[way].append(_cpu_s_per_gb(stand, url, way))
    pairs = zip(*costs.values(), strict=True)
    ratio = Spread.of([handed / fed for handed, fed in pairs])
    handed, fed = (median(costs[way]) for way in WAYS)
    return [
        Figure(
            "http source CPU per GB, native thread / aiohttp",
            str(ratio),
            f"<= {TARGET}",
            ratio.middle <= TARGET,
            f"{handed:.2f} s/GB, aiohttp {fed:.2f}",
        )
    ]


def _cpu_s_per_gb(stand: Stand, url: str, way: str) -> float:
    times_s = (WARMUP_S * stand.scale, WINDOW_S * stand.scale)
    child = stand.start_python("http_reader", url, way, *map(str, times_s))
    told = json.loads(child.read_line())
    child.close()
    if not told["frames"]:
        raise ValueError(f"nothing was received ({way})")
    return float(told["cpu_ns"]) / float(told["bytes"])  # ns a byte is s a GB
