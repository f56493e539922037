# How the uploads of one camera go.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counters and states that a user, and Moonraker, are told."""

from __future__ import annotations

import enum
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import (
    ConnectUnavailable,
    FrameUnavailable,
    PrusacamError,
    SnapshotRejected,
    SnapshotUnfit,
    TokenRejected,
)

if TYPE_CHECKING:
    from .clock import Clock
    from .picture import Prepared

# Long enough for a router that starts anew, short against a print.
ALARM_AFTER_S = 900.0
HIDDEN = (
    "Prusa Connect takes snapshots while its printer is offline, too, but shows none "
    "of them then"
)


class UploadState(enum.StrEnum):
    """How uploads go."""

    WAITING = "waiting"  # nothing has been sent yet
    ACCEPTED = "accepted"
    FAILING = "failing"
    FROZEN = "frozen"  # the camera gives one picture only


class Report:
    """Counts what happens; times of people are wall times."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accepted = self._bytes = 0
        self._failures: Counter[str] = Counter()
        self._error: str | None = None
        self._last_accepted: float | None = None
        self._last_picture: float | None = None
        self._frozen_since: float | None = None
        self._black_since: float | None = None
        self._failing_since_s: float | None = None
        self._alarmed = False

    def accepted(self, size_bytes: int, picture: Prepared, taken: float) -> bool:
        """An upload went well; whether that ends an alarm."""
        self._accepted += 1
        self._bytes += size_bytes
        self._last_accepted = self._clock.wall_s()
        self._last_picture = taken
        self._error = self._frozen_since = self._failing_since_s = None
        if not picture.is_black:
            self._black_since = None
        elif self._black_since is None:
            self._black_since = taken
        has_recovered, self._alarmed = self._alarmed, False
        return has_recovered

    def frozen(self) -> str:
        """The camera shows what it showed at the last upload; since when, in words."""
        if self._frozen_since is None:
            self._frozen_since = self._last_picture or self._clock.wall_s()
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._frozen_since))
        return f"frozen since {since}: the camera gives one picture only"

    def failed(self, error: PrusacamError) -> bool:
        """An upload went wrong; whether for another reason than the last one."""
        self._failures[cause_of(error)] += 1
        if self._failing_since_s is None:
            self._failing_since_s = self._clock.monotonic_s()
        is_news = self._error != str(error)
        self._error = str(error)
        if not isinstance(error, SnapshotUnfit):
            self._frozen_since = None
        return is_news

    def is_alarming(self) -> bool:
        """Once, when uploads have failed for a while."""
        since_s = self._failing_since_s
        if self._alarmed or since_s is None:
            return False
        self._alarmed = self._clock.monotonic_s() - since_s >= ALARM_AFTER_S
        return self._alarmed

    def as_json(self) -> dict[str, Any]:
        """Everything, for status pages."""
        return {
            "state": str(self._state),
            "accepted": self._accepted,
            "failed": sum(self._failures.values()),
            "failures": dict(self._failures),
            "bytes": self._bytes,
            "last_accepted": self._last_accepted,
            "frozen_since": self._frozen_since,
            "black_since": self._black_since,
            "alarm": self._alarmed,
            "error": self._error,
            "hint": HIDDEN if self._accepted and self._error is None else None,
        }

    @property
    def _state(self) -> UploadState:
        if self._frozen_since is not None:
            return UploadState.FROZEN
        if self._error is not None:
            return UploadState.FAILING
        return UploadState.ACCEPTED if self._accepted else UploadState.WAITING


def cause_of(error: PrusacamError) -> str:
    """A word for what went wrong, to count by."""
    if isinstance(error, TokenRejected):
        return error.cause
    if isinstance(error, ConnectUnavailable):
        if error.status is None:
            return "network"
        return "busy" if error.status == 429 else "server"
    if isinstance(error, SnapshotRejected):
        return "too_large" if error.status == 413 else "refused"
    if isinstance(error, SnapshotUnfit):
        return "picture"
    return "camera" if isinstance(error, FrameUnavailable) else "internal"
