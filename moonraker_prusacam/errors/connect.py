# What Prusa Connect says no to.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads, downloads, and what would be neither."""

from __future__ import annotations

from .base import PrusacamError


class PrusaConnectError(PrusacamError):
    """Prusa Connect refused or could not be reached; ``status`` is HTTP's or None."""

    http_status = 502

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ConnectUnavailable(PrusaConnectError):
    """Network trouble, 429 or 5xx: try again later."""

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s


class SnapshotRejected(PrusaConnectError):
    """Prusa Connect will not take this request as it is."""


class SnapshotTooLarge(SnapshotRejected):
    """Prusa Connect wants a smaller snapshot."""


class TokenRejected(PrusaConnectError):
    """Token or fingerprint are not valid (any more); only the user can mend it.

    ``cause`` is a word for it that does not change.
    """

    def __init__(
        self, message: str, *, status: int | None = None, cause: str = "token"
    ) -> None:
        super().__init__(message, status=status)
        self.cause = cause


class VideoNotThere(PrusaConnectError, LookupError):
    """Prusa Connect has no such video, or not yet."""

    retryable = True
    http_status = 404


class VideoRejected(PrusaConnectError):
    """Something else comes than a video, or it points elsewhere, or is packed."""


class VideoTooLarge(VideoRejected):
    """The video is larger than we were told to take."""


class FileRejected(PrusaConnectError):
    """A file for the printer is not to be had, or is another than was announced."""


class VideoDamaged(PrusacamError, ValueError):
    """A file should be a whole MP4, and is not."""

    retryable = True
    http_status = 502


class DiskRefused(PrusacamError):
    """The disk does not take a file, or that would take what is to stay free."""

    retryable = True
    http_status = 507


class SnapshotUnfit(PrusacamError):
    """The camera's picture is not worth sending: frozen or damaged."""

    retryable = True
    http_status = 503
