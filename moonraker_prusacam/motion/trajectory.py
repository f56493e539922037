# Where the head was, from the moves that Klipper made.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded record of the trapezoid queue: exact position and speed at a print time.

Klipper tells of each stretch of constant acceleration: when it starts, how long it
takes, where, which way, how fast. Between two of them the head rests where the former
ended. Source: Klipper docs/API_Server.md ("motion_report/dump_trapq") and
klippy/extras/motion_report.py.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import KlippyDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Position = tuple[float, float, float]

KEEP_S = 120.0
# A curve of short segments makes a few hundred moves a second.
MAX_MOVES = 16384
MAX_MOVE_S = 3600.0
# More than any coordinate, speed, acceleration or uptime; products stay finite.
MAX_NUMBER = 1e9
# Print times are sums of floats: moves that touch may overlap by this much.
TOUCHING_S = 1e-6
ROW_LENGTH = 6


@attrs.frozen
class Sample:
    """The head at one moment: x, y, z in mm, and how fast it is in mm/s."""

    position: Position
    speed_mm_s: float


@attrs.frozen
class Move:
    """A stretch of constant acceleration; times in s, lengths in mm."""

    time: float
    duration: float
    start_velocity: float
    acceleration: float
    start: Position
    direction: Position

    @classmethod
    def from_row(cls, row: object) -> Move:
        """Read a row of a batch; raises KlippyDataError."""
        if not isinstance(row, list) or len(row) != ROW_LENGTH:
            raise KlippyDataError(f"no row of six: {str(row)[:60]}")
        time, duration, start_velocity, acceleration = map(number, row[:4])
        # A cruise of no length may take -3e-18 s in a real print.
        if not -TOUCHING_S <= duration <= MAX_MOVE_S:
            raise KlippyDataError(f"a move cannot take {duration:g} s")
        duration = max(0.0, duration)
        start, direction = position(row[4]), position(row[5])
        return cls(time, duration, start_velocity, acceleration, start, direction)

    @property
    def end(self) -> float:
        """When the move is done."""
        return self.time + self.duration

    def at(self, print_time: float) -> Sample:
        """The head at a time after the start; it rests after the end."""
        elapsed = min(print_time - self.time, self.duration)
        distance = (self.start_velocity + 0.5 * self.acceleration * elapsed) * elapsed
        x, y, z = (
            start + ratio * distance
            for start, ratio in zip(self.start, self.direction, strict=True)
        )
        rests = print_time > self.end + TOUCHING_S
        speed = 0.0 if rests else self.start_velocity + self.acceleration * elapsed
        return Sample((x, y, z), abs(speed))


class Trajectory:
    """The moves of the last KEEP_S seconds, at most MAX_MOVES of them."""

    def __init__(self) -> None:
        self._moves: list[Move] = []
        self._times: list[float] = []
        self._rests_until = -math.inf

    def __len__(self) -> int:
        return len(self._moves)

    @property
    def known_until(self) -> float:
        """The latest print time with a known position; minus infinity without one."""
        if not self._moves:
            return -math.inf
        return max(self._moves[-1].end, self._rests_until)

    def at(self, print_time: float) -> Sample | None:
        """The head at ``print_time``; None if that is not known yet or any more."""
        index = bisect_right(self._times, print_time) - 1
        if index < 0 or print_time > self.known_until:
            return None
        return self._moves[index].at(print_time)

    def add(self, rows: Iterable[object], before: float = math.inf) -> None:
        """Take a batch; KlippyDataError tells, afterwards, of rows that were skipped.

        What is told again in other words replaces what was known from that time on:
        Klipper does so when a move was cut short. No move can start after ``before``.
        """
        skipped: list[str] = []
        previous = -math.inf
        for row in rows:
            try:
                move = Move.from_row(row)
                if not previous - TOUCHING_S <= move.time <= before:
                    raise KlippyDataError(f"out of order: {move.time:.6f}")
                self._put(move)
            except KlippyDataError as error:
                skipped.append(str(error))
            else:
                previous = move.time
        self._trim()
        if skipped:
            raise KlippyDataError(f"{len(skipped)} moves were skipped: {skipped[0]}")

    def rest_at(self, print_time: float, where: Position) -> None:
        """Begin with a head that rests; nothing happens if moves are known."""
        if not self._moves:
            self._put(Move(print_time, 0.0, 0.0, 0.0, where, (0.0, 0.0, 0.0)))

    def rest_until(self, print_time: float) -> None:
        """Klipper has told of everything before ``print_time``."""
        self._rests_until = max(self._rests_until, print_time)
        self._trim()

    def forget(self) -> None:
        """Begin anew: another Klipper, or a gap in what it told."""
        self._moves.clear()
        self._times.clear()
        self._rests_until = -math.inf

    def _put(self, move: Move) -> None:
        index = bisect_left(self._times, move.time - TOUCHING_S)
        if index < len(self._moves):
            if self._moves[index] == move:
                return
            del self._moves[index:], self._times[index:]
            self._rests_until = -math.inf
        self._moves.append(move)
        self._times.append(move.time)

    def _trim(self) -> None:
        # The last move is kept: the head rests where it ended.
        oldest = bisect_left(self._times, self.known_until - KEEP_S)
        excess = max(min(oldest, len(self._moves)) - 1, len(self._moves) - MAX_MOVES, 0)
        del self._moves[:excess], self._times[:excess]


def number(value: object) -> float:
    """A finite number of a sensible size; raises KlippyDataError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise KlippyDataError(f"no number: {str(value)[:60]}")
    if not abs(value) <= MAX_NUMBER:
        raise KlippyDataError("a number without bounds")
    return float(value)


def position(value: object) -> Position:
    """The x, y and z of a list of three or more; raises KlippyDataError."""
    if not isinstance(value, list) or len(value) < len(("x", "y", "z")):
        raise KlippyDataError(f"no position: {str(value)[:60]}")
    x, y, z = map(number, value[:3])
    return x, y, z


class StatusTrack:
    """Four positions a second: for a Klipper that does not tell of its moves.

    Between two of them the head is taken to go straight, at a speed in proportion.
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._samples: list[Sample] = []

    @property
    def known_until(self) -> float:
        """The print time of the last status; minus infinity without one."""
        return self._times[-1] if self._times else -math.inf

    def add(self, print_time: float, sample: Sample) -> None:
        """Take the position of a status; one that is not newer is ignored."""
        if print_time <= self.known_until:
            return
        self._times.append(print_time)
        self._samples.append(sample)
        oldest = bisect_left(self._times, print_time - KEEP_S)
        del self._times[:oldest], self._samples[:oldest]

    def at(self, print_time: float) -> Sample | None:
        """The head at ``print_time``; None if that is not known yet or any more."""
        index = bisect_right(self._times, print_time)
        if index == 0 or print_time > self.known_until:
            return None
        if index == len(self._times):
            return self._samples[-1]
        before, after = self._times[index - 1 : index + 1]
        return _between(
            self._samples[index - 1 : index + 1],
            (print_time - before) / (after - before),
        )

    def forget(self) -> None:
        """Begin anew."""
        self._times.clear()
        self._samples.clear()


def _between(samples: Sequence[Sample], share: float) -> Sample:
    first, second = samples
    x, y, z = (
        start + (end - start) * share
        for start, end in zip(first.position, second.position, strict=True)
    )
    speed = first.speed_mm_s + (second.speed_mm_s - first.speed_mm_s) * share
    return Sample((x, y, z), speed)
