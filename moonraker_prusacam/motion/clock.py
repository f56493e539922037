# Our clock and the printer's.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line through pairs of (our CLOCK_MONOTONIC, Klipper's print time).

Frames carry CLOCK_MONOTONIC. Klipper's status carries ``estimated_print_time`` and the
``eventtime`` at which it was true, on CLOCK_MONOTONIC_RAW of its host (Klipper
klippy/chelper/pyhelper.c). Both clocks of ours are read when the status arrives, so
what the status spent on the way is known, and the pair is exact. A Klippy whose
``eventtime`` is on no clock of this host is timed by the fastest arrivals instead.
"""

from __future__ import annotations

import math
import statistics
import time
from collections import deque

import attrs

# At four a second, the last 30 s.
WINDOW_SAMPLES = 120
MIN_SAMPLES = 4
# A status that was on the way for longer than this was not: that is another clock.
MAX_DELAY_S = 0.5
# What the order of two readings of a clock can cost.
READING_S = 0.001
STEP_S = 0.5
EXACT_QUANTILE = 0.5
# Arrivals are late or on time, never early; the very best may be an outlier.
ARRIVAL_QUANTILE = 0.9
ERROR_QUANTILE = 0.95


@attrs.frozen
class Arrival:
    """One moment on both clocks of this host, in ns."""

    monotonic_ns: int
    raw_ns: int

    @classmethod
    def now(cls) -> Arrival:
        """Read both clocks, one right after the other."""
        return cls(time.monotonic_ns(), time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW))


@attrs.frozen
class _Status:
    eventtime: float
    print_time: float
    arrival: Arrival

    @property
    def delays_s(self) -> tuple[float, float]:
        """How long it was on the way, if its clock is RAW, and if it is MONOTONIC."""
        return (
            self.arrival.raw_ns / 1e9 - self.eventtime,
            self.arrival.monotonic_ns / 1e9 - self.eventtime,
        )


@attrs.frozen
class _Line:
    origin_ns: int
    print_time: float
    rate: float  # seconds of print time a second of ours
    error_s: float


class ClockFit:
    """Converts between our clock and print time, once it has seen a few statuses."""

    def __init__(self) -> None:
        self._window: deque[_Status] = deque(maxlen=WINDOW_SAMPLES)
        self._suspect: _Status | None = None
        self._line: _Line | None = None
        self._clock: int | None = None  # index into _Status.delays_s

    @property
    def is_ready(self) -> bool:
        """Whether times can be converted."""
        return self._line is not None

    @property
    def reference(self) -> str:
        """The clock that Klipper's eventtime is on, or ``arrival`` if it is unknown."""
        return "arrival" if self._clock is None else ("raw", "monotonic")[self._clock]

    @property
    def error_s(self) -> float:
        """95 % of the statuses are this near to the line, in seconds of ours.

        A delay that all of them share is not in it.
        """
        return math.inf if self._line is None else self._line.error_s

    @property
    def rate(self) -> float:
        """Seconds of print time a second of ours: 1, unless Klipper is simulated."""
        return 1.0 if self._line is None else self._line.rate

    def add(self, eventtime: float, print_time: float, arrival: Arrival) -> bool:
        """Take a status; True if print time has jumped and all before it is void.

        One that stands alone is an outlier and is dropped; two make a step.
        """
        status = _Status(eventtime, print_time, arrival)
        if self._window and self._is_off(status):
            suspect, self._suspect = self._suspect, status
            if suspect is None or not self._agree(suspect, status):
                return False
            self.forget()
            self._window += (suspect, status)
            return True
        self._suspect = None
        self._window.append(status)
        self._fit()
        return False

    def forget(self) -> None:
        """Begin anew, with another Klipper."""
        self._window.clear()
        self._suspect = self._line = self._clock = None

    def print_time(self, monotonic_ns: int) -> float | None:
        """Print time at a moment of ours; None before there is a line."""
        line = self._line
        if line is None:
            return None
        return line.print_time + (monotonic_ns - line.origin_ns) / 1e9 * line.rate

    def monotonic_ns(self, print_time: float) -> int | None:
        """Our moment of a finite print time; None before there is a line."""
        line = self._line
        if line is None:
            return None
        elapsed_s = (print_time - line.print_time) / line.rate
        return line.origin_ns + round(elapsed_s * 1e9)

    def _reference_ns(self, status: _Status) -> int:
        """When, on our clock, the print time of a status was true."""
        delay_s = 0.0 if self._clock is None else status.delays_s[self._clock]
        return status.arrival.monotonic_ns - round(delay_s * 1e9)

    def _is_off(self, status: _Status) -> bool:
        line = self._line
        if line is None:
            return status.print_time <= self._window[-1].print_time
        expected = self.monotonic_ns(status.print_time)
        if expected is None:
            return False
        return abs(self._reference_ns(status) - expected) > STEP_S * 1e9

    def _agree(self, first: _Status, second: _Status) -> bool:
        apart_ns = self._reference_ns(second) - self._reference_ns(first)
        printed_s = (second.print_time - first.print_time) / self.rate
        return printed_s > 0.0 and abs(apart_ns / 1e9 - printed_s) <= STEP_S

    def _fit(self) -> None:
        if len(self._window) < MIN_SAMPLES:
            return
        self._clock = self._choose_clock()
        origin_ns, origin = self._window[-1].arrival.monotonic_ns, self._window[-1]
        pairs = [
            (
                (self._reference_ns(status) - origin_ns) / 1e9,
                status.print_time - origin.print_time,
            )
            for status in self._window
        ]
        quantile = ARRIVAL_QUANTILE if self._clock is None else EXACT_QUANTILE
        # A crystal is right to a few millionths: only what a rate of one does not
        # explain is measured. A simulated printer may run at any rate.
        offset, error = _residuals(pairs, 1.0, quantile)
        rate = _rate(pairs)
        if rate <= 0.0:
            return
        span_s = pairs[-1][0] - pairs[0][0]
        fitted_offset, fitted_error = _residuals(pairs, rate, quantile)
        if abs(rate - 1.0) * span_s > 4.0 * fitted_error:
            offset, error = fitted_offset, fitted_error
        else:
            rate = 1.0
        self._line = _Line(origin_ns, origin.print_time + offset, rate, error / rate)

    def _choose_clock(self) -> int | None:
        """The clock of ours on which statuses were on the way for the least time."""
        least = [
            min(delays)
            for delays in zip(*(s.delays_s for s in self._window), strict=True)
        ]
        fitting = [n for n, s in enumerate(least) if -READING_S <= s <= MAX_DELAY_S]
        return min(fitting, key=lambda n: abs(least[n]), default=None)


def _rate(pairs: list[tuple[float, float]]) -> float:
    """Median of the slopes between the first half and the second (Theil and Sen)."""
    half = len(pairs) // 2
    slopes = [
        (after[1] - before[1]) / (after[0] - before[0])
        for before, after in zip(pairs, pairs[-half:], strict=False)
        if after[0] > before[0]
    ]
    return statistics.median(slopes) if slopes else 0.0


def _residuals(
    pairs: list[tuple[float, float]], rate: float, quantile: float
) -> tuple[float, float]:
    """Offset of a line of that rate, and the error that most pairs stay within."""
    offsets = sorted(printed - ours * rate for ours, printed in pairs)
    offset = _quantile(offsets, quantile)
    errors = sorted(abs(other - offset) for other in offsets)
    return offset, _quantile(errors, ERROR_QUANTILE)


def _quantile(ordered: list[float], quantile: float) -> float:
    return ordered[round(quantile * (len(ordered) - 1))]
