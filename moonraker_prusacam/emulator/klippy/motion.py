# Moves: planned with look-ahead, then placed in time.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns requested moves into trapezoids of speed on the print time axis.

A move may enter the next one at the speed that its corner allows (junction deviation)
and that lets the toolhead stop at the end of the last move known. Positions are
(x, y, z, e) in mm, speeds in mm/s, times in seconds of print time.
"""

from __future__ import annotations

import bisect
import itertools
import math
import threading
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

Position = tuple[float, float, float, float]

# An extruder follows a change of its speed up to this many mm/s in no time.
EXTRUDER_CORNER_VELOCITY = 1.0

# How far back the past is kept for motion reports.
HISTORY_S = 30.0

_UNLIMITED_V2 = 1e12
_NO_DISTANCE_MM = 1e-9


@attrs.define
class Limits:
    """The toolhead's limits, as SET_VELOCITY_LIMIT changes them."""

    max_velocity: float
    max_accel: float
    square_corner_velocity: float
    minimum_cruise_ratio: float

    @property
    def junction_deviation(self) -> float:
        """How far a rounded corner may be off, from the speed in a square one."""
        return self.square_corner_velocity**2 * (math.sqrt(2.0) - 1.0) / self.max_accel


class Move:
    """A straight line that was asked for and has no time yet."""

    def __init__(
        self, start: Position, end: Position, speed: float, limits: Limits
    ) -> None:
        delta = [b - a for a, b in zip(start, end, strict=True)]
        self.start, self.end = start, end
        self.distance = math.hypot(*delta[:3])
        self.is_kinematic = self.distance > _NO_DISTANCE_MM
        if self.is_kinematic:
            self.accel = limits.max_accel
            speed = min(speed, limits.max_velocity)
        else:
            # Only the extruder moves, and its own limits hold.
            delta[:3] = (0.0, 0.0, 0.0)
            self.end = (*start[:3], end[3])
            self.distance = abs(delta[3])
            self.accel = math.inf
        scale = 1.0 / self.distance if self.distance else 0.0
        self.direction: Position = (
            delta[0] * scale,
            delta[1] * scale,
            delta[2] * scale,
            delta[3] * scale,
        )
        self.cruise_v2 = speed**2
        self.junction_deviation = limits.junction_deviation
        self.max_start_v2 = 0.0
        self.start_v2 = 0.0

    @property
    def delta_v2(self) -> float:
        """By how much v² can change along the move."""
        return 2.0 * self.distance * self.accel

    @property
    def least_duration(self) -> float:
        """Duration if all of it ran at cruising speed."""
        return self.distance / math.sqrt(self.cruise_v2)

    def limit(self, speed: float, accel: float) -> None:
        """Lower the cruising speed and the acceleration of this move."""
        self.cruise_v2 = min(self.cruise_v2, speed**2)
        self.accel = min(self.accel, accel)

    def join(self, previous: Move) -> None:
        """Set the highest speed at which the toolhead may turn into this move."""
        if not (self.is_kinematic and previous.is_kinematic):
            return
        self.max_start_v2 = min(
            self.cruise_v2,
            previous.cruise_v2,
            previous.max_start_v2 + previous.delta_v2,
            self._corner_v2(previous),
            self._extruder_corner_v2(previous),
        )

    def _corner_v2(self, previous: Move) -> float:
        cosine = sum(
            a * b
            for a, b in zip(self.direction[:3], previous.direction[:3], strict=True)
        )
        # Half the angle between the way back and the way on: 90 degrees is straight.
        half_sine = math.sqrt(max(0.0, (1.0 + cosine) / 2.0))
        if half_sine > 1.0 - 1e-9:
            return _UNLIMITED_V2
        deviation = min(self.junction_deviation, previous.junction_deviation)
        accel = min(self.accel, previous.accel)
        return accel * deviation * half_sine / (1.0 - half_sine)

    def _extruder_corner_v2(self, previous: Move) -> float:
        change = abs(self.direction[3] - previous.direction[3])
        return (EXTRUDER_CORNER_VELOCITY / change) ** 2 if change else _UNLIMITED_V2


@attrs.frozen
class Segment:
    """A part of a move with constant acceleration."""

    time: float
    duration: float
    start_velocity: float
    acceleration: float
    start: Position
    direction: Position
    is_kinematic: bool

    def at(self, time: float) -> tuple[Position, float]:
        """Position and speed at ``time``, held at the end of the segment."""
        elapsed = max(0.0, min(self.duration, time - self.time))
        distance = (self.start_velocity + 0.5 * self.acceleration * elapsed) * elapsed
        x, y, z, e = (
            origin + ratio * distance
            for origin, ratio in zip(self.start, self.direction, strict=True)
        )
        return (x, y, z, e), self.start_velocity + self.acceleration * elapsed


def plan(moves: Sequence[Move]) -> int:
    """Set ``start_v2`` of every move; return how many later moves cannot change.

    The first move's ``max_start_v2`` is taken as its speed at the start, and the
    toolhead stops at the end of the last.
    """
    next_v2, settled = 0.0, 0
    for index in range(len(moves) - 1, -1, -1):
        move = moves[index]
        reachable_v2 = next_v2 + move.delta_v2
        if not settled and move.max_start_v2 <= reachable_v2 and index < len(moves) - 1:
            # Its own corner limits it, not the stop behind the last move.
            settled = index
        move.start_v2 = next_v2 = min(move.max_start_v2, reachable_v2)
    for previous, move in itertools.pairwise(moves):
        move.start_v2 = min(move.start_v2, previous.start_v2 + previous.delta_v2)
    return settled


def trapezoid(move: Move, end_v2: float, time: float) -> list[Segment]:
    """The segments of a planned move that starts at ``time``."""
    accel = min(move.accel, 1e9)
    start_v2 = move.start_v2
    peak_v2 = (start_v2 + end_v2) / 2.0 + accel * move.distance
    cruise_v2 = max(min(move.cruise_v2, peak_v2), start_v2, end_v2)
    cruise_v = math.sqrt(cruise_v2)
    accel_d = (cruise_v2 - start_v2) / (2.0 * accel)
    decel_d = (cruise_v2 - end_v2) / (2.0 * accel)
    cruise_d = max(0.0, move.distance - accel_d - decel_d)
    phases = (
        (0.0, accel_d, math.sqrt(start_v2), cruise_v, accel),
        (accel_d, cruise_d, cruise_v, cruise_v, 0.0),
        (accel_d + cruise_d, decel_d, cruise_v, math.sqrt(end_v2), -accel),
    )
    segments: list[Segment] = []
    for offset, distance, from_v, to_v, acceleration in phases:
        if distance <= _NO_DISTANCE_MM:
            continue
        duration = 2.0 * distance / (from_v + to_v)
        x, y, z, e = (
            origin + ratio * offset
            for origin, ratio in zip(move.start, move.direction, strict=True)
        )
        segments.append(
            Segment(
                time,
                duration,
                from_v,
                acceleration,
                (x, y, z, e),
                move.direction,
                move.is_kinematic,
            )
        )
        time += duration
    return segments


class MotionQueue:
    """Segments in time order, past and to come; readable from any thread."""

    def __init__(self, position: Position) -> None:
        self._lock = threading.Lock()
        self._rest: Position = position
        self._segments: list[Segment] = []
        self._times: list[float] = []

    def append(self, segments: Sequence[Segment], now: float) -> None:
        """Add planned segments and forget what is older than the history."""
        with self._lock:
            self._segments.extend(segments)
            self._times.extend(segment.time for segment in segments)
            expired = bisect.bisect_left(self._times, now - HISTORY_S) - 1
            if expired > 0:
                last = self._segments[expired - 1]
                self._rest = last.at(math.inf)[0]
                del self._segments[:expired], self._times[:expired]

    def live(self, time: float) -> tuple[Position, float, float]:
        """Position, speed and extruder speed; at rest it is at the last end."""
        with self._lock:
            index = bisect.bisect_right(self._times, time) - 1
            if index < 0:
                return self._rest, 0.0, 0.0
            segment = self._segments[index]
        position, velocity = segment.at(time)
        if time >= segment.time + segment.duration:
            return position, 0.0, 0.0
        return (
            position,
            velocity if segment.is_kinematic else 0.0,
            velocity * segment.direction[3],
        )

    def started_after(self, time: float) -> list[Segment]:
        """Segments that start later than ``time``, as far as they are kept."""
        with self._lock:
            return self._segments[bisect.bisect_right(self._times, time) :]
