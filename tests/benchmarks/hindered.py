# Figures of viewers that cannot keep up.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How old a picture slow viewers see, and what stalled ones cost the others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs

from .figure import Figure, Spread, percentile
from .processes import memory_bytes, socket_count
from .stand import FPS

if TYPE_CHECKING:
    from .stand import Stand

SLOW_VIEWERS = 4
SLOW_BYTES_PER_S = 1_500_000
SLOW_WARMUP_S = 4.0
SLOW_WINDOW_S = 3.0
AGE_TARGET = 4.0

HEALTHY_VIEWERS = 2
STALLED_VIEWERS = 20
STALL_WARMUP_S = 3.0
STALL_WINDOW_S = 4.75
STALL_WINDOWS = 12
# Less than one frame: the allocator's own ups and downs.
GROWTH_BYTES = 1 << 20


@attrs.frozen
class Moment:
    """The engine at the end of a window."""

    elapsed_s: float
    memory_bytes: int
    sockets: int


def measure_slow(stand: Stand) -> list[Figure]:
    """Ages in units of the time that one frame needs to pass."""
    client = stand.load(
        stand.programs.viewers,
        stand.engine.port,
        path="/stream.mjpg",
        slow=SLOW_VIEWERS,
        slow_rate=SLOW_BYTES_PER_S,
        warmup_s=SLOW_WARMUP_S,
        windows=stand.rounds,
        window_s=SLOW_WINDOW_S * stand.scale,
    )
    transfer_s = len(stand.fanout[0].jpeg) / SLOW_BYTES_PER_S
    rate = len(stand.fanout[0].jpeg) * FPS / 1e6
    ratios, ages_ms = [], []
    with client:
        client.read_line()
        for _ in range(stand.rounds):
            ages_ns = client.read_json()["slow"]["latencies_ns"]
            ages_ms += [age_ns / 1e6 for age_ns in ages_ns]
            ratios.append(percentile(ages_ns, 50) / 1e9 / transfer_s)
    ratio = Spread.of(ratios)
    p50_ms, p99_ms = percentile(ages_ms, 50), percentile(ages_ms, 99)
    return [
        Figure(
            f"age seen at 1.5 MB/s of {rate:.1f} MB/s / transfer time",
            str(ratio),
            f"< {AGE_TARGET:g}",
            ratio.middle < AGE_TARGET,
            f"age p50 {p50_ms:.0f} ms, p99 {p99_ms:.0f} ms; "
            f"a frame takes {transfer_s * 1e3:.0f} ms",
        )
    ]


def measure_stalled(stand: Stand) -> list[Figure]:
    """Twenty that never read, for a minute, beside two that do.

    A viewer with a full window never learns that it was closed, so the engine's own
    sockets are counted.
    """
    engine = stand.engine
    before = Moment(0, memory_bytes(engine.pid), socket_count(engine.pid))
    client = stand.load(
        stand.programs.viewers,
        engine.port,
        path="/stream.mjpg",
        healthy=HEALTHY_VIEWERS,
        stalled=STALLED_VIEWERS,
        warmup_s=STALL_WARMUP_S,
        windows=STALL_WINDOWS + 1,  # it is still there at the last look
        window_s=STALL_WINDOW_S * stand.scale,
    )
    begin_s = time.monotonic()
    moments = []
    lost = closed = 0
    with client:
        client.read_line()
        for _ in range(STALL_WINDOWS):
            healthy = client.read_json()["healthy"]
            lost += healthy["lost"] + healthy["torn"] + healthy["reordered"]
            closed = healthy["closed"]
            moments.append(
                Moment(
                    time.monotonic() - begin_s,
                    memory_bytes(engine.pid),
                    socket_count(engine.pid),
                )
            )
    expected = before.sockets + HEALTHY_VIEWERS
    left = max(0, moments[-1].sockets - expected)
    growth_bytes = max(moment.memory_bytes for moment in moments) - before.memory_bytes
    closed_at = next((m.elapsed_s for m in moments if m.sockets <= expected), None)
    when = "" if closed_at is None else f" within {closed_at:.0f} s"
    return [
        Figure(
            f"{STALLED_VIEWERS} stalled viewers for a minute",
            f"{growth_bytes / 1e6:+.1f} MB, {lost} lost, "
            f"{STALLED_VIEWERS - left} closed{when}",
            f"< 1 MB, 0 lost, {STALLED_VIEWERS} closed",
            growth_bytes < GROWTH_BYTES and not (lost or closed or left),
            f"{before.memory_bytes / 1e6:.1f} MB before; sockets {before.sockets}, "
            f"{moments[0].sockets}, {moments[-1].sockets}; growth is the most of "
            f"{STALL_WINDOWS} looks; lost by {HEALTHY_VIEWERS} healthy viewers",
        )
    ]
