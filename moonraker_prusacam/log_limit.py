# How often the same place may write to the log.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last guard against a log that says one thing all night.

Each place in the code, for each thing that it tells of and each level, may write a few
lines at once and a few an hour after that. The rest is counted, and the next line tells
how many there were.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

BURST = 20
REFILL_S = 300.0
"""After this time a place may write one more line."""
MAX_PLACES = 1000


@attrs.define
class _Allowance:
    """A bucket of lines."""

    at_s: float
    lines: float = BURST
    left_out: int = 0

    def take(self, now_s: float) -> bool:
        """Take a line, if one is left."""
        self.refill(now_s)
        if self.lines < 1:
            self.left_out += 1
            return False
        self.lines -= 1
        return True

    def refill(self, now_s: float) -> None:
        """Add what time has brought."""
        self.lines = min(BURST, self.lines + (now_s - self.at_s) / REFILL_S)
        self.at_s = now_s


class LogLimit(logging.Filter):
    """Lets lines pass as far as the module says; lines for debugging always pass."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._places: dict[object, _Allowance] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.levelno < logging.INFO:
            return True
        now_s = self._clock()
        # A StateLog says what it tells of; it is one place for all of them.
        subject = getattr(record, "subject", "")
        place = (record.name, record.lineno, record.levelno, subject)
        allowance = self._places.get(place)
        if allowance is None:
            self._forget(now_s)
            allowance = self._places[place] = _Allowance(now_s)
        left_out = allowance.left_out
        if not allowance.take(now_s):
            return False
        if left_out:
            allowance.left_out = 0
            _add(record, f"after {left_out} like it that were left out")
        if allowance.lines < 1:
            _add(record, "more like it are only counted for a while")
        return True

    def _forget(self, now_s: float) -> None:
        """Make room by the places that have been quiet for long."""
        if len(self._places) < MAX_PLACES:
            return
        for place, allowance in tuple(self._places.items()):
            allowance.refill(now_s)
            if allowance.lines >= BURST:
                del self._places[place]
        while len(self._places) >= MAX_PLACES:
            del self._places[next(iter(self._places))]


def _add(record: logging.LogRecord, words: str) -> None:
    record.msg = f"{record.getMessage()} ({words})"
    record.args = None
