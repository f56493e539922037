# What keeps viewers from pictures.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the engine's web server, and to the read-only gateway."""

from __future__ import annotations

from .base import PrusacamError


class RequestError(PrusacamError, ValueError):
    """A parameter of a viewer's request makes no sense."""

    http_status = 400


class AccessDenied(PrusacamError, PermissionError):
    """A viewer needs a token, or another one; no text holds one."""

    http_status = 401


class HostUnknown(AccessDenied):
    """A browser calls this host by a name that may be a stranger's."""

    http_status = 421


class GatewayError(PrusacamError):
    """The read-only gateway does not answer as it was asked to."""

    http_status = 403


class AccessRefused(GatewayError, PermissionError):
    """Who asks may not watch, or asks in a way that browsers must not."""

    def __init__(self, message: str, *, http_status: int = 403) -> None:
        super().__init__(message)
        self.http_status = http_status


class CallRefused(GatewayError):
    """A call is refused, by us or by Moonraker; ``code`` is that of JSON-RPC."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TooManyViewers(GatewayError):
    """There are as many viewers as there may be."""

    retryable = True
    http_status = 503


class UpstreamUnavailable(GatewayError, ConnectionError):
    """Moonraker or the engine is absent, silent, or answers nonsense."""

    retryable = True
    http_status = 502
