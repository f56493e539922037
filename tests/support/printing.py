# A print as a stream of moves, and the frames that a camera takes of it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a selection of frames is measured on: a part of 60 x 40 mm that gets smaller.

Each move begins and ends at rest, as the sharp corners of infill do. A layer is two
perimeters from the same seam, then infill along x or y by turns, from a random side.
"""

from __future__ import annotations

import itertools
import math
import random
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.motion import Machine, Sample
from moonraker_prusacam.motion.trajectory import Trajectory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moonraker_prusacam.motion.trajectory import Position

Row = list[object]
Corner = tuple[float, float]

CENTER = (125.0, 105.0)
WIDTH_MM, DEPTH_MM = 60.0, 40.0
SMALLEST = 0.4
INFILL_MM = 4.0
LAYER_MM = 0.2
ACCELERATION_MM_S2 = 3000.0
MACHINE = Machine("cartesian", (0.0, 0.0, 0.0), (250.0, 210.0, 220.0))


@attrs.frozen
class Layer:
    """Moves of one layer and when they end, in s of print time."""

    rows: list[Row]
    end: float


@attrs.frozen
class Shot:
    """A frame: when it was taken, and when we think that it was, in ns."""

    true_ns: int
    stamp_ns: int

    def __len__(self) -> int:
        return 150_000


class Printer:
    """Stands for ``motion.Motion``: knows what it was told, one layer at a time."""

    def __init__(self) -> None:
        self.trajectory = Trajectory()
        self.machine: Machine | None = MACHINE

    @property
    def known_until_ns(self) -> int:
        until = self.trajectory.known_until
        return 0 if math.isinf(until) else int(until * 1e9)

    def sample_at(self, monotonic_ns: int) -> Sample | None:
        return self.trajectory.at(monotonic_ns / 1e9)


def travel(start: Position, end: Position, speed: float, when: float) -> list[Row]:
    """A move from rest to rest, as rows of ``dump_trapq``."""
    length = math.dist(start, end)
    if not length:
        return []
    ratio = [(b - a) / length for a, b in zip(start, end, strict=True)]
    peak = min(speed, math.sqrt(length * ACCELERATION_MM_S2))
    ramp_s = peak / ACCELERATION_MM_S2
    ramp_mm = peak * ramp_s / 2
    cruise_s = max(0.0, length - 2 * ramp_mm) / peak

    def at(distance: float) -> list[float]:
        return [a + r * distance for a, r in zip(start, ratio, strict=True)]

    rows: list[Row] = [
        [when, ramp_s, 0.0, ACCELERATION_MM_S2, list(start), ratio],
        [when + ramp_s, cruise_s, peak, 0.0, at(ramp_mm), ratio],
        [
            when + ramp_s + cruise_s,
            ramp_s,
            peak,
            -ACCELERATION_MM_S2,
            at(length - ramp_mm),
            ratio,
        ],
    ]
    return [row for row in rows if float(str(row[1])) > 0.0]


def outline(scale: float, inset: float) -> list[Corner]:
    half_x, half_y = WIDTH_MM * scale / 2 - inset, DEPTH_MM * scale / 2 - inset
    x, y = CENTER
    return [
        (x - half_x, y - half_y),
        (x + half_x, y - half_y),
        (x + half_x, y + half_y),
        (x - half_x, y + half_y),
        (x - half_x, y - half_y),
    ]


def infill(scale: float, *, along_x: bool, choice: random.Random) -> list[Corner]:
    (left, front), _, (right, back), *_ = outline(scale, 0.8)
    low, high = (front, back) if along_x else (left, right)
    lines = [low + INFILL_MM * n for n in range(1 + int((high - low) / INFILL_MM))]
    ends = (left, right) if along_x else (front, back)
    if choice.random() < 0.5:
        lines.reverse()
    if choice.random() < 0.5:
        ends = ends[::-1]
    points: list[Corner] = []
    for n, line in enumerate(lines):
        both = ends if n % 2 == 0 else ends[::-1]
        points += [(end, line) if along_x else (line, end) for end in both]
    return points


def layers(count: int, speed: float, seed: int = 1) -> Iterator[Layer]:
    """The layers of the part, one after the other without a pause."""
    choice = random.Random(seed)
    when, where = 10.0, (CENTER[0], CENTER[1], LAYER_MM)
    for number in range(count):
        scale = 1.0 - (1.0 - SMALLEST) * number / count
        corners = outline(scale, 0.0) + outline(scale, 0.4)
        corners += infill(scale, along_x=number % 2 == 0, choice=choice)
        z = LAYER_MM * (number + 1)
        path: list[Position] = [(where[0], where[1], z)]
        path += [(x, y, z) for x, y in corners]
        rows: list[Row] = []
        for start, end in itertools.pairwise([where, *path]):
            rows += travel(start, end, speed, when)
            last = rows[-1] if rows else None
            if last is not None and isinstance(last[0], float):
                when = last[0] + float(str(last[1]))
        where = path[-1]
        yield Layer(rows, when)


def shots(
    start: float, end: float, fps: float, error_s: float, choice: random.Random
) -> Iterator[Shot]:
    """The frames of a camera from ``start`` to ``end``, with errors of their times."""
    for n in range(math.ceil(start * fps), math.ceil(end * fps)):
        true_ns = int(n / fps * 1e9)
        yield Shot(true_ns, true_ns + int(choice.uniform(-error_s, error_s) * 1e9))
