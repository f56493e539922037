# The Prusa camera protocol, when it fails.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages, sessions and refusals."""

from __future__ import annotations

from .base import PrusacamError


class SignalingError(PrusacamError):
    """Trouble with the Prusa camera protocol; ``advice`` is what a person can do."""

    http_status = 502

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class MessageMalformed(SignalingError, ValueError):
    """Octets are no message of that kind, or values are none that it can hold."""


class MessageUnsupported(SignalingError):
    """The profile has no such message, or no place for a value."""

    http_status = 400


class SignalingOptionError(SignalingError, ValueError):
    """A value is outside of what a camera takes; the text names value and range."""

    http_status = 400


class SignalingUnavailable(SignalingError, ConnectionError):
    """The signalling server is absent or silent, or has closed the connection."""

    retryable = True
    http_status = 503


class SignalingRefused(SignalingError):
    """The server or the camera refused; ``code`` is that of its acknowledgement.

    One that is ``retryable`` may pass by itself.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        advice: str = "",
        retryable: bool = False,
    ) -> None:
        super().__init__(message, advice=advice)
        self.code = code
        self.retryable = retryable
