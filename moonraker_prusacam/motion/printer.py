# What Klipper tells of the machine and of its own load.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinematics and limits of the axes, and a hint whether the host keeps up."""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.errors import KlippyDataError

from .trajectory import Position, number, position

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Klipper plans about two seconds ahead while it keeps up, and stalls near none. When
# G-code waits for the motion to end, little is planned as well, but not for long.
LOW_BUFFER_S = 0.5
LOW_STATUSES = 3
HIGH_LOAD_PER_CPU = 1.5
# One sign of trouble counts for this long.
BUSY_S = 10.0


@attrs.frozen
class Machine:
    """``kinematics`` as in [printer], and where the axes begin and end, in mm."""

    kinematics: str
    minimum: Position
    maximum: Position

    @property
    def moves_bed(self) -> bool:
        """Whether the bed moves in Y, as far as the kinematics can tell."""
        return self.kinematics == "cartesian"

    @classmethod
    def from_status(cls, settings: object, toolhead: Mapping[str, Any]) -> Machine:
        """Read ``configfile.settings`` and ``toolhead``; raises KlippyDataError."""
        printer = settings.get("printer") if isinstance(settings, dict) else None
        kinematics = printer.get("kinematics") if isinstance(printer, dict) else None
        if not isinstance(kinematics, str):
            raise KlippyDataError("[printer] has no kinematics")
        return cls(
            kinematics,
            position(toolhead.get("axis_minimum")),
            position(toolhead.get("axis_maximum")),
        )


class HostLoad:
    """Whether work that can wait should: encoding, in our case. A hint, no promise.

    Signs of trouble are a motion buffer that runs low while the head moves, a stall, a
    retransmission to the micro-controller, and a load above what the processors can do.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_sign = -math.inf
        self._reason = ""
        self._counters: dict[str, float] = {}
        self._low_statuses = 0
        self._cpus = os.cpu_count() or 1

    @property
    def is_busy(self) -> bool:
        """Whether there was a sign of trouble in the last BUSY_S seconds."""
        return self._clock() - self._last_sign < BUSY_S

    @property
    def reason(self) -> str:
        """The last sign of trouble, in words; empty while all is well."""
        return self._reason if self.is_busy else ""

    def update(self, status: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the state of the printer objects; raises KlippyDataError."""
        toolhead = status.get("toolhead", {})
        ahead = _read(toolhead, "print_time") - _read(toolhead, "estimated_print_time")
        is_moving = _read(status.get("motion_report", {}), "live_velocity") != 0.0
        # While homing, the head moves and nothing is planned.
        is_low = is_moving and 0.0 <= ahead < LOW_BUFFER_S
        self._low_statuses = self._low_statuses + 1 if is_low else 0
        if self._low_statuses >= LOW_STATUSES:
            self._sign(f"only {ahead:.2f} s of motion are planned")
        if self._grows("stalls", _read(toolhead, "stalls")):
            self._sign("the motion stalled")
        mcu_stats = status.get("mcu", {}).get("last_stats")
        if isinstance(mcu_stats, dict) and self._grows(
            "bytes_retransmit", _read(mcu_stats, "bytes_retransmit")
        ):
            self._sign("bytes to the micro-controller had to be sent again")
        load = _read(status.get("system_stats", {}), "sysload")
        if load > HIGH_LOAD_PER_CPU * self._cpus:
            self._sign(f"the load is {load:.1f}")

    def _grows(self, name: str, value: float) -> bool:
        previous = self._counters.get(name, value)
        self._counters[name] = value
        return value > previous

    def _sign(self, reason: str) -> None:
        self._last_sign, self._reason = self._clock(), reason


def _read(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    return 0.0 if value is None else number(value)
