# Whether the date can be believed.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the time on a host that may have no clock of its own.

A Raspberry Pi boots with the date of its last shutdown and leaps when the network is
there; a person may set any date. The kernel knows whether the clock follows a time
server, and time since boot never leaps. Nothing is removed by a date that cannot be
believed.
"""

from __future__ import annotations

import ctypes
import logging
import time
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.boot import boot_id, uptime_s

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

# A time server corrects by less than this once the clock follows it.
LEAP_S = 600.0
# A clock that follows no server, or has leapt, is believed after so long without leap.
SETTLE_S = 86400.0
TIME_ERROR = 5  # adjtimex(2): "The system clock is not synchronized"
TIMEX_BYTES = 512  # more than struct timex has anywhere


@attrs.frozen
class Moment:
    """One moment: unix seconds, and seconds since the boot ``boot_id``.

    ``is_trusted``: whether ``time_s`` can be compared with dates of other boots.
    """

    time_s: float
    uptime_s: float
    boot_id: str
    is_trusted: bool = True


def is_synchronised() -> bool:
    """Whether the kernel says that the clock follows a time server."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return False
    # All zero asks and changes nothing.
    state = int(adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)))
    return 0 <= state < TIME_ERROR


class WallClock:
    """Watches the date for leaps; ``now`` is to be asked every hour or so."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        uptime: Callable[[], float] = uptime_s,
        synchronised: Callable[[], bool] = is_synchronised,
    ) -> None:
        self._wall = wall
        self._uptime = uptime
        self._synchronised = synchronised
        self._difference_s = wall() - uptime()
        self._even_since_s = uptime()
        self._was_trusted = False
        self._must_settle = False

    def now(self) -> Moment:
        """The date and the time since boot; the former with a verdict."""
        wall_s, uptime = self._wall(), self._uptime()
        leap_s = wall_s - uptime - self._difference_s
        self._difference_s += leap_s
        if abs(leap_s) > LEAP_S:
            self._even_since_s = uptime
            # The date was right before, or is now: not both.
            self._must_settle = self._must_settle or self._was_trusted
            log.log(
                logging.WARNING if self._must_settle else logging.INFO,
                "Timelapse: the date leapt by %.1f h",
                leap_s / 3600,
            )
        if uptime - self._even_since_s >= SETTLE_S:
            self._was_trusted, self._must_settle = True, False
        else:
            self._was_trusted = self._synchronised() and not self._must_settle
        return Moment(wall_s, uptime, boot_id(), self._was_trusted)
