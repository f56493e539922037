# What a camera's viewers can expect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera's state, in one word for programs and with its reason for people."""

from __future__ import annotations

import enum

import attrs


class CameraState(enum.StrEnum):
    """What a viewer can expect."""

    IDLE = "idle"
    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    FAILED = "failed"


TROUBLE = (CameraState.STALLED, CameraState.FAILED)


@attrs.frozen
class CameraStatus:
    """A camera's state, since when (unix seconds), and why, in words.

    ``advice`` is what a person can do about it, or "".
    """

    state: CameraState
    reason: str
    since: float
    last_frame: float | None = None
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.advice}" if self.advice else self.reason
