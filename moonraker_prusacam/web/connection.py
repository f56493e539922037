# One HTTP connection, before it becomes a stream.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""aiohttp's connection, with our limits, and our words for what it refuses by itself.

aiohttp would answer a malformed request with text, and log a traceback: a viewer could
fill the log.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpProcessingError

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

MAX_LINE_BYTES = 4096
KEEPALIVE_TIMEOUT_S = 75.0
STALL_TIMEOUT_S = 30.0
# Streams do not count. More would in the end take the descriptors that frames need on
# their way to the disk.
MAX_CONNECTIONS = 256
# Pages of other origins show our pictures; no credentials are involved.
COMMON_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Private-Network": "true",
    "Cache-Control": "no-store, no-cache, must-revalidate",
    "Server": "prusacam",
    "X-Content-Type-Options": "nosniff",
}


def refuse(
    status: int, error: str, detail: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer that says in JSON why there is no other."""
    return web.json_response(
        {"error": error, "detail": detail},
        status=status,
        headers={**COMMON_HEADERS, **(headers or {})},
    )


class Connection(web.RequestHandler):
    """One connection; the kernel closes it when its peer stalls."""

    __slots__ = ()

    def __init__(self, manager: web.Server) -> None:
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # None is documented
            keepalive_timeout=KEEPALIVE_TIMEOUT_S,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound how long an answer may lie in our memory unread."""
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALL_TIMEOUT_S * 1e3)
        )

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
        refusal = refuse(status, HTTPStatus(status).phrase, message or "")
        refusal.force_close()
        return refusal


class Connections(web.Server):
    """All connections of one server."""

    def __call__(self) -> web.RequestHandler:
        """Make the protocol of a connection that was accepted."""
        return Connection(self)

    def connection_made(
        self, handler: web.RequestHandler, transport: asyncio.Transport
    ) -> None:
        """Let the oldest connections go where there are too many."""
        super().connection_made(handler, transport)
        for oldest in self.connections[:-MAX_CONNECTIONS]:
            oldest.force_close()
