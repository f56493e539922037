# One HTTP connection of the gateway.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""aiohttp's connection with our limits, and errors in Moonraker's form.

The clients here are Moonraker's, which read ``{"error": {"code", "message"}}``. aiohttp
bounds how long a kept connection may be idle, but not how long the first request may
take to arrive.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpProcessingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger(__name__)

MAX_LINE_BYTES = 8190
HEAD_TIMEOUT_S = 10.0
KEEPALIVE_TIMEOUT_S = 60.0
BODY_TIMEOUT_S = 1.0
# WebSockets and streams count as well; ``max_viewers`` bounds those.
MAX_CONNECTIONS = 640
COMMON_HEADERS = {
    "Cache-Control": "no-store",
    "Server": "prusacam",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
}


def refuse(
    status: int, text: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An error as Moonraker words it."""
    return web.json_response(
        {"error": {"code": status, "message": text, "traceback": ""}},
        status=status,
        headers={**COMMON_HEADERS, **(headers or {})},
    )


class Connection(web.RequestHandler):
    """One connection; see the module."""

    __slots__ = ("_first_request", "is_busy")

    def __init__(self, manager: web.Server) -> None:
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # None is documented
            keepalive_timeout=KEEPALIVE_TIMEOUT_S,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            lingering_time=BODY_TIMEOUT_S,
            auto_decompress=False,
        )
        self._first_request: asyncio.TimerHandle | None = None
        self.is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request, but not for ever."""
        super().connection_made(transport)
        loop = asyncio.get_running_loop()
        self._first_request = loop.call_later(HEAD_TIMEOUT_S, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While a request is answered; aiohttp waits for the next one by itself."""
        self._stop_waiting()
        self.is_busy = True
        try:
            yield
        finally:
            self.is_busy = False

    def _stop_waiting(self) -> None:
        if self._first_request is not None:
            self._first_request.cancel()
            self._first_request = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Refuse a malformed request, or own up to a defect of ours."""
        if not isinstance(exc, HttpProcessingError):
            log.error("%s %s failed", request.method, request.path, exc_info=exc)
            message = "a defect; the log has more"
        refusal = refuse(status, message or HTTPStatus(status).phrase)
        refusal.force_close()
        return refusal


class Connections(web.Server):
    """All connections of the gateway."""

    def __call__(self) -> web.RequestHandler:
        """Make the protocol of a connection that was accepted."""
        return Connection(self)

    def connection_made(
        self, handler: web.RequestHandler, transport: asyncio.Transport
    ) -> None:
        """Where there are too many, let the oldest go that asks for nothing."""
        super().connection_made(handler, transport)
        if len(self.connections) > MAX_CONNECTIONS:
            idle: list[web.RequestHandler] = [
                one
                for one in self.connections
                if isinstance(one, Connection) and not one.is_busy
            ]
            (idle or [handler])[0].force_close()
