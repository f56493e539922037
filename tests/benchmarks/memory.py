# Figures of memory.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine takes with few and with many viewers.

Pss: its own pages, and of those that it shares, such as the interpreter's, its share.
What the kernel keeps in the sockets of the viewers is not in it.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import attrs

from .engine import Engine
from .figure import Figure, Spread
from .processes import memory_of

if TYPE_CHECKING:
    from .processes import Memory
    from .stand import Stand

FEW_VIEWERS = 1
MANY_VIEWERS = 64
ADDED_VIEWERS = MANY_VIEWERS - FEW_VIEWERS
WARMUP_S = 0.6
LOOKS = 6
LOOK_S = 0.4


@attrs.frozen
class Round:
    """One engine, new for the round, with few viewers and then with many."""

    idle: Memory
    few: Memory
    many: Memory
    lost: int


def measure(stand: Stand) -> list[Figure]:
    """The most of several looks, since memory comes and goes with the frames."""
    rounds = [_round(stand, number) for number in range(stand.rounds)]
    growth = Spread.of(
        [
            (one.many.pss_bytes - one.few.pss_bytes) / 1e3 / ADDED_VIEWERS
            for one in rounds
        ]
    )
    idle, few, many = (
        median(getattr(one, when).pss_bytes for one in rounds) / 1e6
        for when in ("idle", "few", "many")
    )
    few_rss, many_rss = (
        median(getattr(one, when).rss_bytes for one in rounds) / 1e6
        for when in ("few", "many")
    )
    return [
        Figure(
            f"memory (Pss), {FEW_VIEWERS} / {MANY_VIEWERS} viewers, 1080p",
            f"{few:.1f} / {many:.1f} MB",
            "-",
            None,
            f"{growth.middle:.0f} ({growth.least:.0f}-{growth.most:.0f}) kB a viewer; "
            f"{idle:.1f} MB without any; "
            f"Rss {few_rss:.1f} / {many_rss:.1f} MB; "
            f"{sum(one.lost for one in rounds)} frames lost",
        )
    ]


def _round(stand: Stand, number: int) -> Round:
    engine = Engine(stand.folder / f"memory{number}", stand.feeder_port)
    with engine:
        idle = memory_of(engine.pid)
        few, few_lost = _watch(stand, engine, FEW_VIEWERS)
        many, many_lost = _watch(stand, engine, MANY_VIEWERS)
    return Round(idle, few, many, few_lost + many_lost)


def _watch(stand: Stand, engine: Engine, viewers: int) -> tuple[Memory, int]:
    """The most memory while so many watch, and the frames that they lost."""
    client = stand.load(
        stand.programs.viewers,
        engine.port,
        path="/stream.mjpg",
        healthy=viewers,
        warmup_s=WARMUP_S * stand.scale,
        windows=LOOKS + 1,  # all are still there at the last look
        window_s=LOOK_S * stand.scale,
    )
    looks = []
    frames = lost = 0
    with client:
        client.read_line()
        for _ in range(LOOKS):
            seen = client.read_json()["healthy"]
            frames += seen["frames"]
            lost += seen["lost"] + seen["closed"]
            looks.append(memory_of(engine.pid))
    if not frames:
        raise ValueError(f"{viewers} viewer(s) saw no frame")
    return max(looks, key=lambda memory: memory.pss_bytes), lost
