# Figures of the snapshots.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many snapshots a second the engine gives, against a bare loopback server."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import attrs

from .figure import Figure, Spread, percentile
from .processes import cpu_ns
from .stand import Server

if TYPE_CHECKING:
    from .stand import Stand

CONNECTIONS = 16
WARMUP_S = 0.2
SECONDS = 1.2
TARGET = 0.85


@attrs.frozen
class Rate:
    """One server in one round."""

    per_second: float
    cpu_us: float
    p99_ms: float


def measure(stand: Stand) -> list[Figure]:
    """Requests a second over kept connections, and CPU for each."""
    engine = Server(stand.engine.pid, stand.engine.port)
    bare = stand.bare_snapshots
    engine_rates, bare_rates = [], []
    for _ in range(stand.rounds):
        bare_rates.append(ask(stand, bare))
        engine_rates.append(ask(stand, engine))
    pairs = list(zip(engine_rates, bare_rates, strict=True))
    ratio = Spread.of([ours.per_second / floor.per_second for ours, floor in pairs])
    cpu = Spread.of([ours.cpu_us / floor.cpu_us for ours, floor in pairs])
    return [
        Figure(
            f"snapshot req/s / bare server, {CONNECTIONS} connections",
            str(ratio),
            f">= {TARGET}",
            ratio.middle >= TARGET,
            f"{_describe(engine_rates)}; bare {_describe(bare_rates)}; "
            f"CPU {cpu.middle:.1f}x",
        )
    ]


def ask(stand: Stand, server: Server, path: str = "/snapshot.jpg") -> Rate:
    """Poll ``path`` over kept connections; raises ValueError for wrong answers."""
    client = stand.load(
        stand.programs.snapshot_client,
        server.port,
        path=path,
        connections=CONNECTIONS,
        warmup_s=WARMUP_S * stand.scale,
        seconds=SECONDS * stand.scale,
    )
    with client:
        client.read_line()
        before_ns = cpu_ns(server.pid)
        answers = client.read_json()
        used_ns = cpu_ns(server.pid) - before_ns
    if answers["errors"]:
        raise ValueError(f"{answers['errors']} snapshots were not whole")
    return Rate(
        answers["requests"] / answers["seconds"],
        used_ns / 1e3 / answers["requests"],
        percentile(answers["latencies_ns"], 99) / 1e6,
    )


def _describe(rates: list[Rate]) -> str:
    return (
        f"{median(rate.per_second for rate in rates):.0f}/s, "
        f"{median(rate.cpu_us for rate in rates):.0f} us CPU each, "
        f"p99 {median(rate.p99_ms for rate in rates):.1f} ms"
    )
