# Errors of calls to the engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a call to the engine has no result, and what a web endpoint says then."""

from __future__ import annotations


class LinkError(Exception):
    """A call has no result; ``http_status`` is what an endpoint that relays it says."""

    http_status = 503


class EngineAbsent(LinkError):
    """No engine is connected, or it went away during the call."""


class EngineBusy(LinkError):
    """Too many calls wait for the engine already."""


class EngineTimeout(LinkError):
    """The engine took the call and did not answer in time."""

    http_status = 504


class UnfitRequest(LinkError):
    """The request is too long for a line, or is not JSON."""

    http_status = 400


class MalformedAnswer(LinkError):
    """The engine answered, but not what the protocol says."""

    http_status = 502


class EngineError(LinkError):
    """The engine's own answer was an error (JSON-RPC 2.0 ``code``)."""

    def __init__(self, message: str, *, code: int, http_status: int) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = http_status
