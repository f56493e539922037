# What keeps pictures from us.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras, their bytes, and frames."""

from __future__ import annotations

from .base import PrusacamError


class SourceError(PrusacamError):
    """A camera's bytes do not arrive.

    ``advice`` is what a person can do about it. ``least_delay_s`` keeps the next
    attempt away for so long: cameras lock out who knocks with a wrong password again
    and again.
    """

    retryable = True
    http_status = 503
    least_delay_s = 0.0

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class SourceUnavailable(SourceError, OSError):
    """The source is absent, does not answer, or closed the connection."""


class SourceStalled(SourceError, TimeoutError):
    """The source is connected and delivers no frame."""


class SourceRefused(SourceError, PermissionError):
    """The source wants another password, user or certificate."""

    least_delay_s = 30.0


class SourceUnfit(SourceError, ValueError):
    """What the source delivers is something else than JPEGs."""

    least_delay_s = 5.0


class FrameError(PrusacamError, ValueError):
    """The bytes are not one whole JPEG, or too many."""

    http_status = 502


class CameraNotFound(PrusacamError, LookupError):
    """No camera of that name is configured."""

    http_status = 404


class CameraBusy(PrusacamError):
    """The camera is being tested for somebody else."""

    retryable = True
    http_status = 409


class FrameUnavailable(PrusacamError):
    """There is no frame, or none fresh enough to be served as live."""

    retryable = True
    http_status = 503
