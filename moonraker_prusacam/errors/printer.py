# The printer, and the ways to it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our control socket, Klipper's, Moonraker, and the printer in Prusa Connect."""

from __future__ import annotations

from .base import PrusacamError


class ControlError(PrusacamError):
    """Trouble on the control socket."""


class EngineUnavailable(ControlError, ConnectionError):
    """No engine listens on the control socket."""

    retryable = True
    http_status = 503


class RpcError(ControlError):
    """A JSON-RPC error, raised by a method or received from the peer.

    ``code`` is JSON-RPC 2.0's number; ``http_status`` is what a web endpoint that
    relays the call should answer.
    """

    def __init__(self, code: int, message: str, *, http_status: int = 500) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status


class KlippyError(PrusacamError):
    """Trouble on Klipper's API socket."""

    http_status = 502


class KlippyUnavailable(KlippyError, ConnectionError):
    """Klipper is absent, silent or not ready, or closed the connection."""

    retryable = True
    http_status = 503


class KlippyRefused(KlippyError):
    """Klipper answered a request with an error."""


class KlippyDataError(KlippyError, ValueError):
    """What Klipper sent is no message, or holds no number where one belongs."""


class PrinterError(PrusacamError):
    """The printer in Prusa Connect, or Moonraker on the way to it."""

    http_status = 502


class MoonrakerUnavailable(PrinterError, ConnectionError):
    """Moonraker is absent, silent, or has closed the connection."""

    retryable = True
    http_status = 503


class MoonrakerRefused(PrinterError):
    """Moonraker, or Klipper behind it, answered with an error; ``code`` is its own."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class RegistrationError(PrinterError):
    """There is a printer in Prusa Connect already, or none yet, or none is wanted."""

    http_status = 409


class CommandRejected(PrinterError):
    """A command that is not done; the text is the reason that Prusa Connect shows."""

    http_status = 409


class CommandFailed(PrinterError):
    """A command that was begun and went wrong; the text is told to Prusa Connect."""
