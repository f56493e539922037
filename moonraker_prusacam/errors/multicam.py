# MultiCam, when it fails.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages, devices and recordings of the MultiCam protocol."""

from __future__ import annotations

from typing import ClassVar

from .base import PrusacamError


class MultiCamError(PrusacamError):
    """Trouble with a recording together with other devices.

    ``device_status`` is the word by which a device of ours tells a controller.
    """

    http_status = 502
    device_status: ClassVar[str] = "error"


class MultiCamMalformed(MultiCamError, ValueError):
    """What came is no message of the protocol, or is larger than one may be."""


class MultiCamUnsupported(MultiCamError):
    """A command that we do not know, or do not do."""

    http_status = 400


class MultiCamUnavailable(MultiCamError, ConnectionError):
    """The device is absent or silent, or has closed the connection."""

    retryable = True
    http_status = 503


class MultiCamRefused(MultiCamError):
    """The device said no; ``status`` is its word for it.

    A device of ours raises it, too, for what it will not do now.
    """

    http_status = 409

    def __init__(self, message: str, *, status: str = "error") -> None:
        super().__init__(message)
        self.status = status


class TimeNotSynchronized(MultiCamRefused):
    """A clock that nobody has set cannot tell when a future instant has come."""

    http_status = 503
    device_status = "time_not_synchronized"

    def __init__(self, message: str) -> None:
        super().__init__(message, status=self.device_status)


class RecordingNotFound(MultiCamRefused, LookupError):
    """The device has no recording of that name."""

    http_status = 404
    device_status = "file_not_found"

    def __init__(self, message: str) -> None:
        super().__init__(message, status=self.device_status)


class MultiCamOptionError(MultiCamError, ValueError):
    """What was asked for is outside of what can be done; the text says the range."""

    http_status = 400
