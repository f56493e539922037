# Figures of latency.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the camera's send to the viewer's last byte: with one viewer, and under stalls.

A client that reads the feeder directly is the floor: what it needs is not the engine's.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from .figure import Figure, Spread, percentile

if TYPE_CHECKING:
    from .stand import Stand

P50_MS = 1.0
P99_MS = 5.0
STALL_RATIO = 2.0
WARMUP_S = 0.4
WINDOW_S = 4.0


class Latencies:
    """Latencies of all rounds of one way, in ms.

    The tail of one round is a handful of frames, so ratios and differences are taken
    from the medians of all rounds.
    """

    def __init__(self) -> None:
        self.rounds: list[list[float]] = []

    def middle(self, percent: float) -> float:
        """The median of the rounds' percentiles."""
        return self._spread(percent).middle

    def _spread(self, percent: float) -> Spread:
        return Spread.of([percentile(values, percent) for values in self.rounds])

    def __str__(self) -> str:
        return f"{self.middle(50):.2f}/{self._spread(99)}"


def measure_added(stand: Stand) -> list[Figure]:
    """What the engine adds, with one viewer."""
    direct, through = Latencies(), Latencies()
    for _ in range(stand.rounds):
        direct.rounds.append(watch(stand, stand.feeder_port, format="raw"))
        through.rounds.append(watch(stand, stand.engine.port))
    p50_ms = through.middle(50) - direct.middle(50)
    p99_ms = through.middle(99) - direct.middle(99)
    return [
        Figure(
            "added latency, 1 viewer, p50 / p99",
            f"{p50_ms:.2f} / {p99_ms:.2f} ms",
            f"< {P50_MS:g} / {P99_MS:g} ms",
            p50_ms < P50_MS and p99_ms < P99_MS,
            f"p50/p99 source to viewer {through} ms, without engine {direct} ms",
        )
    ]


def measure_stalled(stand: Stand) -> list[Figure]:
    """One engine with and without Python stalls, by turns."""
    engine = stand.stalled_engine
    calm, stalled = Latencies(), Latencies()
    for _ in range(stand.rounds):
        calm.rounds.append(watch(stand, engine.port))
        engine.signal(signal.SIGUSR1)
        stalled.rounds.append(watch(stand, engine.port))
        engine.signal(signal.SIGUSR2)
    ratio = stalled.middle(99) / calm.middle(99)
    return [
        Figure(
            "p99 latency with 40 ms stalls / without",
            f"{ratio:.2f}",
            f"< {STALL_RATIO:g}",
            ratio < STALL_RATIO,
            f"p50/p99 with stalls {stalled} ms, without {calm} ms",
        )
    ]


def watch(stand: Stand, port: int, **options: Any) -> list[float]:
    client = stand.load(
        stand.programs.viewers,
        port,
        path="/stream.mjpg",
        healthy=1,
        warmup_s=WARMUP_S * stand.scale,
        window_s=WINDOW_S * stand.scale,
        **options,
    )
    with client:
        client.read_line()
        seen = client.read_json()["healthy"]
    return [latency_ns / 1e6 for latency_ns in seen["latencies_ns"]]
